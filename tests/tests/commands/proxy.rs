//! Stands between a command and its server: counts what goes through, and cuts connections.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use wrun_tests::server::Server;

/// A proxy on loopback. What it started ends with the test's process.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What becomes of a new connection.
#[derive(Clone)]
enum Lead {
    /// It goes to the server there.
    To(String),
    /// It is closed.
    Nowhere,
    /// It gets this, whatever it asks.
    Answer(&'static str),
}

struct Shared {
    lead: Mutex<Lead>,
    open: Mutex<Vec<TcpStream>>,
    sent: AtomicU64,
    connections: AtomicU64,
}

impl Proxy {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            lead: Mutex::new(Lead::Nowhere),
            open: Mutex::default(),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let proxy = Self {
            address,
            shared: shared.clone(),
        };
        proxy.lead_to(server);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                shared.serve(&client);
            }
        });
        proxy
    }

    /// From now on it leads to this one.
    pub(crate) fn lead_to(&self, server: &Server) {
        let (_, host) = server.address.split_once("://").unwrap();
        self.lead(Lead::To(host.to_owned()));
    }

    /// What comes is closed at once, and what there is too.
    pub(crate) fn lead_nowhere(&self) {
        self.lead(Lead::Nowhere);
        self.cut();
    }

    /// What comes gets this answer and is closed, and what there is is closed at once.
    pub(crate) fn answer(&self, answer: &'static str) {
        self.lead(Lead::Answer(answer));
        self.cut();
    }

    fn lead(&self, lead: Lead) {
        *self.shared.lead.lock().unwrap() = lead;
    }

    /// Closes what connections there are.
    pub(crate) fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Its own address, with the scheme.
    pub(crate) fn address(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// Bytes that clients have sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(SeqCst)
    }

    /// Connections that there were so far.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(SeqCst)
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: &TcpStream) {
        self.connections.fetch_add(1, SeqCst);
        let lead = self.lead.lock().unwrap().clone();
        // Dropping the client's closes it.
        let server = match lead {
            Lead::To(host) => TcpStream::connect(host),
            Lead::Nowhere => return,
            Lead::Answer(answer) => {
                let mut client = client;
                let _ = client.read(&mut [0; 16 << 10]);
                let _ = client.write_all(answer.as_bytes());
                return;
            }
        };
        let Ok(server) = server else { return };
        let mut open = self.open.lock().unwrap();
        open.extend([client, &server].map(|stream| stream.try_clone().unwrap()));
        let (shared, up) = (self.clone(), (client.try_clone(), server.try_clone()));
        let down = (server.try_clone(), client.try_clone());
        thread::spawn(move || {
            copy(up.0.unwrap(), up.1.unwrap(), |bytes| {
                shared.sent.fetch_add(bytes, SeqCst);
            });
        });
        thread::spawn(move || copy(down.0.unwrap(), down.1.unwrap(), |_| {}));
    }
}

/// Until one side ends.
fn copy(mut from: TcpStream, mut to: TcpStream, count: impl Fn(u64)) {
    let mut bytes = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        count(n as u64);
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
