//! Spans for a collector that speaks OTLP over HTTP: of requests, of attempts of jobs, of attempts of calls.
//!
//! A [`Collector`] is found before the walls are raised: its name is looked up once, and certificates are read.
//! [`Collector::start`] gives an [`Exporter`], which takes [`RequestSpan`]s and [`JobSpans`] and never waits: a task of
//! its own (`send.rs`) sends them in batches. What a span is called is in `spans.rs`.
//!
//! # Invariants
//!
//! - What waits is bounded, in spans. What there is no room for, and what the collector does not take after a few
//!   attempts, is lost and counted; that is said in the log at once, then once a minute.
//! - A trace that says that it is not sampled is not sent.

#[cfg(feature = "otlp")]
mod send;
#[cfg(feature = "otlp")]
mod spans;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use thiserror::Error;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use crate::types::{ErrorKind, JobId, JobTrace, SpanId, TraceContext};

/// So many spans wait to be sent at most: those of two jobs whose traces are full.
const WAITING: usize = 64 << 10;
/// In so many pieces: requests and jobs.
const ITEMS: usize = 4 << 10;

/// Why there is no collector.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The address is none.
    #[error("`{0}` is not a collector's address: write http://HOST:4318")]
    Address(String),
    /// Its name has no address.
    #[error("the collector's name `{host}` can't be looked up: {reason}")]
    Name {
        /// Which name.
        host: String,
        /// Why not.
        reason: String,
    },
    /// What would talk to it can't be made.
    #[error("the collector can't be talked to: {0}")]
    Client(String),
    /// It is left out of this build.
    #[error("this wrun was built without OTLP (its feature `otlp`)")]
    NotBuilt,
}

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct RequestSpan {
    /// Its trace, below the span of whoever sent it.
    pub context: TraceContext,
    /// Its own span.
    pub span: SpanId,
    /// The method, in capitals if it is a usual one.
    pub method: String,
    /// The path with names in place of what was asked for; none for a path that there is not.
    pub route: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// When its head was there.
    pub begun: SystemTime,
    /// How long until the answer's head was.
    pub took: Duration,
    /// Whose token it came with.
    pub tenant: Option<String>,
}

/// An attempt of a job that has ended, with its calls.
#[derive(Debug, Clone)]
pub struct JobSpans {
    /// Its trace, below the span of the request for it.
    pub context: TraceContext,
    /// The job.
    pub job: JobId,
    /// How often it was begun before.
    pub attempt: u32,
    /// What its module is called.
    pub module: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// When the attempt began.
    pub begun: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What went wrong: what kind of error, and what it says.
    pub error: Option<(ErrorKind, String)>,
    /// What its calls did, as much as was kept.
    pub trace: Option<Arc<JobTrace>>,
}

impl JobSpans {
    fn spans(&self) -> usize {
        1 + self.trace.as_ref().map_or(0, |trace| trace.spans.len())
    }
}

#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nothing reads them"))]
#[derive(Debug)]
enum Item {
    Request(Box<RequestSpan>),
    Job(Box<JobSpans>),
}

/// A collector that can be talked to.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    #[cfg(feature = "otlp")]
    client: send::Client,
}

impl Collector {
    /// The collector at an address such as `http://127.0.0.1:4318`. Waits for the resolver.
    ///
    /// # Errors
    /// [`OtlpError`].
    #[cfg(feature = "otlp")]
    pub fn find(address: &str) -> Result<Self, OtlpError> {
        let (client, port) = send::Client::find(address)?;
        Ok(Self { port, client })
    }

    /// None.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "otlp"))]
    pub fn find(_: &str) -> Result<Self, OtlpError> {
        Err(OtlpError::NotBuilt)
    }

    /// The port that is connected to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Begins to send, in this event loop.
    ///
    /// # Errors
    /// [`OtlpError::Client`], when the environment says what can't be done.
    pub fn start(self, event_loop: &Handle) -> Result<Exporter, OtlpError> {
        let (sender, items) = mpsc::channel(ITEMS);
        let state = Arc::<State>::default();
        #[cfg(feature = "otlp")]
        let sending = event_loop.spawn(send::Sending::new(self.client, state.clone())?.run(items));
        #[cfg(not(feature = "otlp"))]
        let sending = event_loop.spawn(async move { drop(items) });
        Ok(Exporter(Arc::new(Inner {
            state,
            sender: Mutex::new(Some(sender)),
            sending: Mutex::new(Some(sending)),
        })))
    }
}

/// What the exporter and its task share.
#[derive(Debug, Default)]
struct State {
    /// Spans that are not sent yet.
    waiting: AtomicUsize,
    /// Spans that never will be.
    lost: AtomicU64,
    /// Why the last of them were lost.
    why: Mutex<Option<String>>,
}

impl State {
    fn lose(&self, spans: usize, why: &str) {
        self.lost.fetch_add(spans as u64, Ordering::Relaxed);
        *self.why.lock() = Some(why.to_owned());
    }
}

struct Inner {
    state: Arc<State>,
    /// None once it has ended.
    sender: Mutex<Option<mpsc::Sender<Item>>>,
    sending: Mutex<Option<JoinHandle<()>>>,
}

/// Takes spans and sends them; cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exporter").field(&self.0.state).finish()
    }
}

impl Exporter {
    /// Takes the span of a request, if it is to be recorded and there is room.
    pub fn request(&self, span: RequestSpan) {
        if span.context.is_sampled() {
            self.offer(1, || Item::Request(Box::new(span)));
        }
    }

    /// Takes the spans of a job, if they are to be recorded and there is room.
    pub fn job(&self, spans: JobSpans) {
        if spans.context.is_sampled() {
            self.offer(spans.spans(), || Item::Job(Box::new(spans)));
        }
    }

    fn offer(&self, spans: usize, item: impl FnOnce() -> Item) {
        let state = &self.0.state;
        let sender = self.0.sender.lock().clone();
        let waiting = state.waiting.fetch_add(spans, Ordering::Relaxed);
        let sent = match sender {
            Some(sender) if waiting + spans <= WAITING => sender.try_send(item()).is_ok(),
            _ => false,
        };
        if !sent {
            state.waiting.fetch_sub(spans, Ordering::Relaxed);
            state.lose(spans, "too many wait to be sent");
        }
    }

    /// How many spans were lost so far, and why the last of them.
    #[must_use]
    pub fn lost(&self) -> (u64, Option<String>) {
        let state = &self.0.state;
        (state.lost.load(Ordering::Relaxed), state.why.lock().clone())
    }

    /// Takes nothing more, and sends what waits, for so long at most.
    pub async fn finish(&self, patience: Duration) {
        drop(self.0.sender.lock().take());
        let sending = self.0.sending.lock().take();
        let Some(mut sending) = sending else { return };
        if tokio::time::timeout(patience, &mut sending).await.is_err() {
            sending.abort();
            let _ = sending.await;
        }
        let left = self.0.state.waiting.swap(0, Ordering::Relaxed);
        if left > 0 {
            self.0
                .state
                .lose(left, "the collector was too slow at the end");
        }
    }
}

#[cfg(all(test, feature = "otlp"))]
mod tests;
