//! Connections: accepted, with TLS or without, each with bounds, and closed in order at the end.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use parking_lot::RwLock;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

use super::{App, router};
use crate::{api::WallView, daemon::Daemon};

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 8_192;
/// A client has so long to send the head of a request, and for the handshake of TLS.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 256;

/// Why the server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can't be used.
    #[error("can't listen on {address}: {reason}; choose another with `--listen`")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// A certificate or key can't be used.
    #[error("the TLS file `{path}` can't be used: {reason}")]
    Tls {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// A certificate with its key, which can be replaced while the server runs.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<rustls::ServerConfig>>>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads PEM files.
    ///
    /// # Errors
    /// [`ServerError::Tls`].
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, ServerError> {
        Ok(Self(Arc::new(RwLock::new(config(certificate, key)?))))
    }

    /// Reads them again, for connections that come from now on.
    ///
    /// # Errors
    /// [`ServerError::Tls`]; the earlier ones stay then.
    pub fn reload(&self, certificate: &Path, key: &Path) -> Result<(), ServerError> {
        *self.0.write() = config(certificate, key)?;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.read().clone())
    }
}

fn config(certificate: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, ServerError> {
    let bad = |path: &Path, reason: String| ServerError::Tls {
        path: path.to_owned(),
        reason,
    };
    let pem = fs::read(certificate).map_err(|e| bad(certificate, e.to_string()))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| bad(certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(bad(
            certificate,
            "it holds no certificate in PEM".to_owned(),
        ));
    }
    let pem = fs::read(key).map_err(|e| bad(key, e.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| bad(key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(certificate, e.to_string()))?
        .with_no_client_auth();
    let mut config = builder
        .with_single_cert(chain, private)
        .map_err(|e| bad(certificate, e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<Tls>,
    app: App,
}

impl Server {
    /// Listens on an address that is bound already, with TLS if there is a certificate.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn new(
        listener: std::net::TcpListener,
        tls: Option<Tls>,
        daemon: Daemon,
        walls: Vec<WallView>,
    ) -> Result<Self, ServerError> {
        let address = listener
            .local_addr()
            .unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        let failed = |error: io::Error| ServerError::Listen {
            address,
            reason: error.to_string(),
        };
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener: TcpListener::from_std(listener).map_err(failed)?,
            tls,
            app: App {
                daemon,
                walls: walls.into(),
                requests: Arc::default(),
            },
        })
    }

    /// Takes an address.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ServerError> {
        std::net::TcpListener::bind(address).map_err(|error| ServerError::Listen {
            address,
            reason: error.to_string(),
        })
    }

    /// Answers until `stop` is done; then accepts nothing more, and lets requests end for as long as `patience`.
    pub async fn serve(self, stop: impl Future<Output = ()>, patience: Duration) {
        let service = TowerToHyperService::new(router(self.app.clone()));
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(Duration::from_secs(30));
        let (places, graceful) = (
            Arc::new(Semaphore::new(CONNECTIONS)),
            GracefulShutdown::new(),
        );
        let (mut stop, event_loop) = (std::pin::pin!(stop), Handle::current());
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = &mut stop => break,
            };
            let Some((stream, place)) = accepted else {
                continue;
            };
            let (tls, builder, service) = (self.tls.clone(), builder.clone(), service.clone());
            let watcher = graceful.watcher();
            event_loop.spawn(async move {
                let _place = place;
                // What goes wrong on a connection is the client's to notice.
                match tls {
                    None => {
                        let connection = builder.serve_connection(TokioIo::new(stream), service);
                        let _ = watcher.watch(connection.into_owned()).await;
                    }
                    Some(tls) => {
                        let Some(stream) = handshake(&tls, stream).await else {
                            return;
                        };
                        let connection = builder.serve_connection(TokioIo::new(stream), service);
                        let _ = watcher.watch(connection.into_owned()).await;
                    }
                }
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(patience, graceful.shutdown()).await;
    }
}

async fn handshake(
    tls: &Tls,
    stream: TcpStream,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let accepted = tokio::time::timeout(PATIENCE, tls.acceptor().accept(stream)).await;
    accepted.ok()?.ok()
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Small answers at once; a connection that can't do that works too.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        // The peer went away, or there are too many open files: others may close theirs meanwhile.
        Err(_) => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}
