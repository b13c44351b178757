//! The network: the plan's ports, and connections only when the plan has them.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
    thread,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, socket};

use super::{Case, Place, filtered, raise, refused};

pub(crate) const CASES: &[Case] = &[
    ("only_the_plans_ports_are_listened_on", listening),
    ("a_port_of_the_systems_choice_is_one_of_the_plan", chosen),
    ("a_listener_from_before_answers", before),
    ("a_server_answers", server),
    ("nothing_is_connected_to", closed),
    (
        "of_others_ports_only_the_plans_are_connected_to",
        connecting,
    ),
    ("outbound_connects_and_resolves", outbound),
    ("other_sockets_are_not_made", families),
];

/// A port that was free a moment ago.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn listening(place: &Place) {
    let (port, other) = (free(), free());
    let mut options = place.options();
    options.listen_ports = vec![port];
    raise(options);
    TcpListener::bind(("127.0.0.1", port)).unwrap();
    for port in [other, 0] {
        let attempt = move || refused(TcpListener::bind(("127.0.0.1", port)));
        attempt();
        thread::spawn(attempt).join().expect("the same in a thread");
    }
}

fn chosen(place: &Place) {
    let mut options = place.options();
    options.listen_ports = vec![0];
    raise(options);
    TcpListener::bind("127.0.0.1:0").unwrap();
    // The parent listens there: without the wall it would be in use.
    refused(TcpListener::bind(("127.0.0.1", place.port)));
}

fn before(place: &Place) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    place.wall();
    listener.set_nonblocking(true).unwrap();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
}

/// Both ends are behind the walls, so that one may connect.
fn server(place: &Place) {
    let mut options = place.options();
    options.listen_ports = vec![0];
    options.outbound = true;
    raise(options);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut question = [0; 5];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(&question).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    server.join().expect("it answered");
}

fn closed(place: &Place) {
    let port = place.port;
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    place.wall();
    refused(TcpStream::connect(("127.0.0.1", port)));
    filtered(UdpSocket::bind("127.0.0.1:0"));
}

fn connecting(place: &Place) {
    let mut options = place.options();
    options.connect_ports = vec![place.port];
    raise(options);
    TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    // Without the wall nobody would listen there, which is another error.
    refused(TcpStream::connect(("127.0.0.1", free_of(place))));
    filtered(UdpSocket::bind("127.0.0.1:0"));
}

/// Another port than the plan's.
fn free_of(place: &Place) -> u16 {
    if place.port == 1 { 2 } else { 1 }
}

fn outbound(place: &Place) {
    let mut options = place.options();
    options.outbound = true;
    raise(options);
    let names = ("localhost", place.port).to_socket_addrs().unwrap();
    let loopback = names.into_iter().find(|address| address.is_ipv4());
    TcpStream::connect(loopback.unwrap()).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap();
    refused(TcpListener::bind("127.0.0.1:0"));
}

fn families(place: &Place) {
    let path = place.path("inside/socket");
    let listener = UnixListener::bind(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    let mut options = place.options();
    options.outbound = true;
    raise(options);
    filtered(UnixStream::connect(&path));
    filtered(UnixListener::bind(place.path("inside/other")));
    filtered(UnixDatagram::unbound());
    for (family, kind) in [
        (AddressFamily::PACKET, SocketType::RAW),
        (AddressFamily::INET, SocketType::RAW),
        (AddressFamily::VSOCK, SocketType::STREAM),
        (AddressFamily::NETLINK, SocketType::DGRAM),
    ] {
        filtered(socket(family, kind, None).map_err(Into::into));
    }
    drop(listener);
    // Two ends in this process lead nowhere, and tokio tells itself of signals by them.
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.write_all(b"x").unwrap();
    other.read_exact(&mut [0]).unwrap();
}
