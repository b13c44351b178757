//! Sends what waits, in batches, for as long as there is somebody to take it.

use std::{
    net::ToSocketAddrs,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use parking_lot::Mutex;
use reqwest::Url;
use tokio::sync::mpsc;

use super::{Item, OtlpError, State, spans};
use crate::rt::{clock, error};

/// Spans of one request to the collector.
const BATCH: usize = 512;
/// Spans wait so long for others.
const GATHER: Duration = Duration::from_millis(500);
/// A batch that is not taken is tried again after these times.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// The collector has so long to take a connection,
const CONNECT: Duration = Duration::from_secs(3);
/// and to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const MAX_ANSWER: usize = 64 << 10;
/// That spans were lost is said so often.
const TELL: Duration = Duration::from_secs(60);

/// Talks to one collector.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    /// Why the last request failed, which the exporter's error does not tell.
    why: Arc<Mutex<Option<String>>>,
}

impl Client {
    pub(super) fn find(address: &str) -> Result<(Self, u16), OtlpError> {
        let wrong = || OtlpError::Address(address.to_owned());
        let mut url = Url::parse(address).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let (Some(port), true) = (url.port_or_known_default(), plain) else {
            return Err(wrong());
        };
        let host = url.host_str().ok_or_else(wrong)?.to_owned();
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        url.path_segments_mut()
            .map_err(|()| wrong())?
            .pop_if_empty()
            .extend(["v1", "traces"]);
        let name = host.trim_matches(['[', ']']);
        let addresses = (name, port).to_socket_addrs();
        let addresses = addresses.map_err(|error| OtlpError::Name {
            host: host.clone(),
            reason: error.to_string(),
        })?;
        let addresses: Vec<_> = addresses.collect();
        // Whoever was first has chosen the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve_to_addrs(&host, &addresses)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("wrun/", env!("CARGO_PKG_VERSION")))
            .build();
        let http = http.map_err(|error| OtlpError::Client(error.to_string()))?;
        let why = Arc::default();
        Ok((Self { http, url, why }, port))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let sent = self.http.post(self.url.clone());
        let mut answer = sent.headers(parts.headers).body(body).send().await?;
        let (mut bytes, status) = (Vec::new(), answer.status());
        while let Some(piece) = answer.chunk().await? {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err("its answer is too long".into());
            }
            bytes.extend_from_slice(&piece);
        }
        let mut response = Response::new(bytes.into());
        *response.status_mut() = status;
        Ok(response)
    }
}

impl HttpClient for Client {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let sent = self.send(request).await;
            *self.why.lock() = match &sent {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("it answers {}", answer.status())),
                Err(error) => Some(error::chain(&**error)),
            };
            sent
        })
    }
}

/// The task that sends.
pub(super) struct Sending {
    exporter: SpanExporter,
    client: Client,
    state: Arc<State>,
    /// When it was last said that spans were lost, and how many had been.
    told: Option<(Instant, u64)>,
}

impl Sending {
    pub(super) fn new(client: Client, state: Arc<State>) -> Result<Self, OtlpError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_endpoint(client.url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(ANSWER)
            .with_retry_policy(RetryPolicy::disabled())
            .build();
        let mut exporter = exporter.map_err(|error| OtlpError::Client(error.to_string()))?;
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name("wrun")
            .with_attribute(version);
        exporter.set_resource(&resource.build());
        Ok(Self {
            exporter,
            client,
            state,
            told: None,
        })
    }

    /// Sends until nobody is left who could bring more.
    pub(super) async fn run(mut self, mut items: mpsc::Receiver<Item>) {
        let mut batch = Vec::new();
        while let Some(item) = items.recv().await {
            self.take(item, &mut batch, &items).await;
            let others = tokio::time::sleep(GATHER);
            let mut others = std::pin::pin!(others);
            loop {
                tokio::select! {
                    item = items.recv() => match item {
                        Some(item) => self.take(item, &mut batch, &items).await,
                        None => break,
                    },
                    () = &mut others => break,
                }
            }
            self.send(&mut batch, items.is_closed()).await;
            self.tell();
        }
    }

    /// Sends what fills a batch; the rest waits for more.
    async fn take(&mut self, item: Item, batch: &mut Vec<SpanData>, items: &mpsc::Receiver<Item>) {
        match item {
            Item::Request(request) => batch.push(spans::request(*request)),
            Item::Job(job) => {
                let calls = spans::Calls::new(&job);
                batch.push(spans::job(&job));
                for call in job.trace.iter().flat_map(|trace| &trace.spans) {
                    batch.push(calls.span(&job, call));
                    if batch.len() >= BATCH {
                        self.send(batch, items.is_closed()).await;
                    }
                }
            }
        }
        if batch.len() >= BATCH {
            self.send(batch, items.is_closed()).await;
        }
    }

    /// Sends a batch, again if need be, unless the end is near.
    async fn send(&mut self, batch: &mut Vec<SpanData>, at_the_end: bool) {
        if batch.is_empty() {
            return;
        }
        let spans = batch.len();
        let again = if at_the_end { &[][..] } else { &AGAIN };
        let mut sent = false;
        for wait in again {
            sent = self.exporter.export(batch.clone()).await.is_ok();
            if sent {
                break;
            }
            tokio::time::sleep(*wait).await;
        }
        let last = std::mem::take(batch);
        if !sent && let Err(error) = self.exporter.export(last).await {
            let why = self.client.why.lock().clone();
            self.state
                .lose(spans, &why.unwrap_or_else(|| error.to_string()));
            self.tell();
        }
        self.state.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    /// Says that spans were lost, if that is new and was not said a moment ago.
    fn tell(&mut self) {
        let lost = self.state.lost.load(Ordering::Relaxed);
        let (recently, before) = match self.told {
            Some((when, before)) => (clock::now() < when + TELL, before),
            None => (false, 0),
        };
        if lost == before || recently {
            return;
        }
        self.told = Some((clock::now(), lost));
        let why = self.state.why.lock().clone().unwrap_or_default();
        let new = lost - before;
        tracing::warn!(target: "wrun::otlp", spans = new, in_all = lost, why, "spans for the collector were lost");
    }
}
