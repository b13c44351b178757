//! Somebody who follows a job: its lines, or all that happens in it, as server-sent events or as text.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};

use super::{
    App,
    auth::{Answer, Place},
    jobs,
};
use crate::{
    api::{DroppedLogs, JobView, LogEntry},
    daemon::{Heard, LiveJob, LogBuffer, Part, TenantSlot},
    ledger::TenantName,
    rt::clock,
    types::{self, EventKind},
};

/// A connection on which nothing happens says so this often.
const BEAT: Duration = Duration::from_secs(15);

/// Where the output is.
pub(super) enum Reader {
    Live(Arc<LiveJob>),
    Ended(Arc<LogBuffer>),
}

impl Reader {
    fn buffer(&self) -> &LogBuffer {
        match self {
            Self::Live(live) => &live.logs,
            Self::Ended(buffer) => buffer,
        }
    }
}

/// What is followed.
pub(super) trait Followed: Send + Sync + 'static {
    type Entry: Send + Sync;

    fn read(buffer: &LogBuffer, from: u64) -> Part<Self::Entry>;
    fn wait(buffer: &LogBuffer, from: u64) -> impl Future<Output = ()> + Send;
    /// So many are not kept any more.
    fn dropped(count: u64) -> Event;
    fn event(&self, number: u64, entry: &Self::Entry) -> Event;
}

/// What a job prints. An event's id is the line's number.
pub(super) struct Lines;

impl Followed for Lines {
    type Entry = Arc<LogEntry>;

    fn read(buffer: &LogBuffer, from: u64) -> Part<Self::Entry> {
        buffer.read(from)
    }

    async fn wait(buffer: &LogBuffer, from: u64) {
        buffer.wait(from).await;
    }

    fn dropped(lines: u64) -> Event {
        event("dropped", &DroppedLogs { lines, bytes: 0 })
    }

    fn event(&self, number: u64, line: &Self::Entry) -> Event {
        event("line", &**line).id(number.to_string())
    }
}

/// All that happens in it, after so many attempts before.
pub(super) struct Happenings {
    pub(super) earlier: u32,
}

impl Followed for Happenings {
    type Entry = Heard;

    fn read(buffer: &LogBuffer, from: u64) -> Part<Self::Entry> {
        buffer.read_events(from)
    }

    async fn wait(buffer: &LogBuffer, from: u64) {
        buffer.wait_events(from).await;
    }

    fn dropped(count: u64) -> Event {
        let dropped = types::Event {
            at: clock::unix_millis(),
            kind: EventKind::Dropped { count },
        };
        event("event", &dropped)
    }

    fn event(&self, number: u64, heard: &Self::Entry) -> Event {
        let one = match heard {
            Heard::Line(line) => event("line", &**line),
            Heard::Event(told) => event("event", told),
        };
        one.id(format!("{}-{number}", self.earlier))
    }
}

/// Somebody who follows a job.
pub(super) struct Follow<F> {
    pub(super) app: App,
    pub(super) about: Option<TenantName>,
    pub(super) id: String,
    pub(super) reader: Reader,
    pub(super) what: F,
    /// The number of what comes next.
    pub(super) next: u64,
    /// Goes on with what comes, to the job's end.
    pub(super) wait: bool,
    pub(super) done: bool,
    /// Whose token it is.
    pub(super) payer: Option<Arc<TenantSlot>>,
    pub(super) _place: Option<Place>,
    /// What an ended job printed is read for it alone.
    pub(super) _answer: Option<Answer>,
}

impl<F: Followed> Follow<F> {
    /// What comes next; nothing at the end, or of a job that goes on when that is not wanted.
    async fn part(&mut self) -> Option<Part<F::Entry>> {
        if self.done {
            return None;
        }
        if self.wait {
            F::wait(self.reader.buffer(), self.next).await;
        }
        let part = F::read(self.reader.buffer(), self.next);
        self.next = part.next;
        self.done = part.is_end || (!self.wait && part.entries.is_empty());
        Some(part)
    }

    /// The job, once it ended; nothing of one that is left to the next start of the server.
    async fn end(&self) -> Option<JobView> {
        if let Reader::Live(live) = &self.reader {
            live.ended().await;
        }
        let (payer, about) = (self.payer.clone(), self.about.clone());
        let job = jobs::find_of(&self.app, payer, about, &self.id)
            .await
            .ok()?;
        job.phase
            .is_ended()
            .then(|| jobs::view(&self.app.daemon, &job))
    }

    pub(super) fn events(self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<F>> {
        let parts = stream::unfold(self, |mut follow| async move {
            let part = follow.part().await?;
            let mut events = Vec::with_capacity(part.entries.len() + 2);
            if part.missed > 0 {
                events.push(F::dropped(part.missed));
            }
            let first = part.next - part.entries.len() as u64;
            for (number, entry) in (first..).zip(&part.entries) {
                events.push(follow.what.event(number, entry));
            }
            if part.is_end {
                events.extend(follow.end().await.map(|job| event("end", &job)));
            }
            Some((stream::iter(events.into_iter().map(Ok)), follow))
        });
        Sse::new(parts.flatten()).keep_alive(KeepAlive::new().interval(BEAT))
    }
}

impl Follow<Lines> {
    pub(super) fn text(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut follow| async move {
            let part = follow.part().await?;
            let mut text = Vec::new();
            if part.missed > 0 {
                text.extend(format!("… {} lines are not kept any more\n", part.missed).bytes());
            }
            for entry in &part.entries {
                text.extend_from_slice(&entry.bytes());
            }
            Some((Ok(text.into()), follow))
        })
    }
}

/// An event with plain data.
pub(super) fn event(name: &'static str, data: &impl serde::Serialize) -> Event {
    // Plain data serializes, on one line.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
