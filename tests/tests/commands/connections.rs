//! HTTP/2: spoken by hand over TCP, and by the client over TLS.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use wrun_host::{
    api::JobState,
    client::{Client, ClientError},
};
use wrun_tests::server::{Place, block_on, ended, main, pushed};

use super::proxy::Proxy;

/// A frame: its kind, its flags, its stream, and what it holds.
type Frame = (u8, u8, u32, Vec<u8>);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
/// It is the last of its stream.
const END: u8 = 1;
/// It has all of the headers.
const WHOLE: u8 = 4;

fn write(stream: &mut TcpStream, (kind, flags, id, bytes): &Frame) {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[*kind, *flags], &id.to_be_bytes()].concat();
    stream.write_all(&[&head[..], bytes].concat()).unwrap();
}

fn read(stream: &mut TcpStream) -> Frame {
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut bytes).unwrap();
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    (head[3], head[4], id, bytes)
}

/// RFC 9113, with prior knowledge (section 3.3); header fields as in RFC 7541, appendix A, and without Huffman's code.
#[test]
fn http2_is_spoken_without_tls() {
    let mut place = Place::new();
    let server = place.start();
    let host = server.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    write(&mut stream, &(SETTINGS, 0, 0, Vec::new()));
    let field = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).unwrap();
        [&[name, length], value.as_bytes()].concat()
    };
    for id in [1, 3] {
        // `:method: GET`, `:scheme: http`, `:path`, `:authority`.
        let fields = [vec![0x82, 0x86], field(0x04, "/healthz"), field(0x01, host)].concat();
        write(&mut stream, &(HEADERS, END | WHOLE, id, fields));
    }
    let (mut settings, mut bodies) = (false, Vec::new());
    while bodies.len() < 2 {
        match read(&mut stream) {
            (SETTINGS, 0, 0, _) => settings = true,
            // `:status: 200`.
            (HEADERS, _, _, fields) => assert_eq!(fields[0], 0x88),
            (DATA, _, id, bytes) if !bytes.is_empty() => {
                assert_eq!(bytes, b"ok\n");
                bodies.push(id);
            }
            _ => {}
        }
    }
    bodies.sort_unstable();
    assert_eq!((settings, bodies), (true, vec![1, 3]));
}

/// How many connections a client makes for that many requests at once, each of which waits for a job's end.
fn connections(client: &Client, proxy: &Proxy, requests: u64) -> u64 {
    block_on(async {
        let module = pushed(client).await;
        let job = main(&module, &["nap", "60000"]);
        let id = client.submit(&job, None).await.unwrap().id;
        while client.job(&id).await.unwrap().state != JobState::Running {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = proxy.connections();
        let waits: Vec<_> = (0..requests)
            .map(|_| {
                let (client, id) = (client.clone(), id.clone());
                tokio::spawn(async move { client.result(&id, 2).await })
            })
            .collect();
        for wait in waits {
            let error = wait.await.unwrap().unwrap_err();
            assert!(
                matches!(error, ClientError::Refused { status: 409, .. }),
                "{error}"
            );
        }
        client.cancel(&id).await.unwrap();
        ended(client, &id).await;
        proxy.connections() - before
    })
}

/// HTTP/1.1 has a connection for each of the requests that wait, HTTP/2 one for all.
#[test]
fn http2_is_spoken_with_tls() {
    const REQUESTS: u64 = 20;
    let mut place = Place::with("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(place.path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(place.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let server = place.start();
    let proxy = Proxy::to(&server);
    let (token, roots) = (Some(place.token.clone()), made.cert.pem());
    let address = proxy.address("https", "localhost");
    let client = Client::trusting(&address, token, None, Some(roots.as_bytes())).unwrap();
    assert_eq!(
        connections(&client, &proxy, REQUESTS),
        0,
        "beside the first"
    );
    drop((client, server));

    let mut plain = Place::new();
    let server = plain.start();
    let proxy = Proxy::to(&server);
    let client = Client::new(
        &proxy.address("http", "127.0.0.1"),
        Some(plain.token.clone()),
        None,
    );
    let many = connections(&client.unwrap(), &proxy, REQUESTS);
    // On a busy machine some are answered before others are sent.
    assert!(many >= REQUESTS / 2, "{many}");
}
