//! The output of a job that runs: the end of it, for whoever asks, and for the ledger when the job ends.
//!
//! [`LogBuffer`] keeps as many bytes as it may; older lines go, and are counted. Readers ask for what follows a number and
//! wait for more; one that is too slow is told how much it missed. Nothing waits for a reader.
//!
//! It is the job's listener: lines and events come from the threads that run the job, in their order. Events are kept, with
//! the lines among them, from when somebody first asks for them ([`LogBuffer::record_events`]).

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::events::{Heard, Told};
use crate::{
    api::{DroppedLogs, LogEntry},
    ledger::Logs,
    rt::guard::Guard,
    types::{Event, EventKind, LineListener, Listener, LogLine},
};

/// What a line takes beside its text.
const OVERHEAD: u64 = 128;
/// A reader gets so many lines at once, and no more when they have so many bytes together.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 64 << 10;
/// A job keeps so many bytes of its output, whatever others of its tenant keep.
const LEAST: u64 = 4 << 10;

/// What is kept of the output of a tenant's jobs that run, and of those whose output somebody still reads.
#[derive(Debug)]
pub struct OutputRoom {
    used: AtomicU64,
    limit: u64,
}

impl OutputRoom {
    /// One for so many bytes.
    #[must_use]
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            limit,
        })
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.used() >= self.limit
    }
}

/// The kept end of a job's output.
#[derive(Debug)]
pub struct LogBuffer {
    state: Mutex<State>,
    /// How many lines there were, and whether there will be more.
    seen: watch::Sender<(u64, bool)>,
    /// The same of lines and events.
    heard: watch::Sender<(u64, bool)>,
    limit: u64,
    room: Arc<OutputRoom>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Arc<LogEntry>>,
    bytes: u64,
    /// So many bytes are counted in the tenant's room.
    counted: u64,
    next: u64,
    dropped: DroppedLogs,
    told: Option<Told>,
    /// The job's attempt has begun, so events may have happened.
    begun: bool,
    ended: bool,
}

/// What a reader gets: lines, or all that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<E> {
    /// How many before them are not kept any more, of those it asked for.
    pub missed: u64,
    /// What there is.
    pub entries: Vec<E>,
    /// What to ask for next.
    pub next: u64,
    /// There is nothing more, and will not be.
    pub is_end: bool,
}

/// What of `entries` follows the number `from`, some of it; the first of them has the number `first`.
pub(super) fn part<E: Clone>(
    (entries, first): (&VecDeque<E>, u64),
    size: impl Fn(&E) -> u64,
    from: u64,
    ended: bool,
) -> Part<E> {
    let end = first + entries.len() as u64;
    let start = from.clamp(first, end);
    let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
    let mut bytes = 0;
    let few = entries.iter().skip(skip).take(BATCH).take_while(|entry| {
        let fits = bytes < BATCH_BYTES;
        bytes += size(entry);
        fits
    });
    let entries: Vec<_> = few.cloned().collect();
    let next = start + entries.len() as u64;
    Part {
        missed: start.saturating_sub(from),
        is_end: ended && next >= end,
        entries,
        next,
    }
}

impl LogBuffer {
    /// An empty one that keeps `limit` bytes of lines, and as many of events; less when its tenant's `room` is full.
    #[must_use]
    pub fn new(limit: u64, room: Arc<OutputRoom>) -> Self {
        Self {
            state: Mutex::default(),
            seen: watch::Sender::new((0, false)),
            heard: watch::Sender::new((0, false)),
            limit,
            room,
        }
    }

    /// How much may be kept of what has `bytes` now: in a full room only what is there already.
    fn limit(&self, bytes: u64) -> u64 {
        let most = if self.room.is_full() && Guard::LogTail.stands() {
            bytes.max(LEAST)
        } else {
            u64::MAX
        };
        most.min(self.limit)
    }

    /// Counts what there is.
    fn count(&self, state: &mut State) {
        let now = state.bytes + state.told.as_ref().map_or(0, Told::bytes);
        let before = std::mem::replace(&mut state.counted, now);
        let used = &self.room.used;
        used.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// One that holds what the ledger kept of an ended job.
    #[must_use]
    pub fn of_ended(tail: &[u8], dropped: DroppedLogs) -> Self {
        let buffer = Self::new(u64::MAX, OutputRoom::new(u64::MAX));
        let mut state = State {
            dropped,
            begun: true,
            ended: true,
            ..State::default()
        };
        let lines = tail.split(|byte| *byte == b'\n');
        for entry in lines.filter_map(|line| serde_json::from_slice::<LogEntry>(line).ok()) {
            state.next = entry.seq + 1;
            state.bytes += size(&entry);
            state.entries.push_back(Arc::new(entry));
        }
        buffer.seen.send_replace((state.next, true));
        *buffer.state.lock() = state;
        buffer
    }

    /// Adds a line, unless it has ended.
    pub fn push(&self, line: &LogLine) {
        // Decoded before the lock.
        let mut entry = LogEntry::new(0, line);
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        entry.seq = state.next;
        let entry = Arc::new(entry);
        let limit = self.limit(state.bytes);
        state.next += 1;
        state.bytes += size(&entry);
        state.entries.push_back(entry.clone());
        while state.bytes > limit
            && Guard::LogTail.stands()
            && let Some(oldest) = state.entries.pop_front()
        {
            state.bytes -= size(&oldest);
            state.dropped.lines += 1;
            state.dropped.bytes += size(&oldest) - OVERHEAD;
        }
        self.seen.send_replace((state.next, false));
        self.tell(&mut state, [Heard::Line(entry)]);
    }

    fn tell(&self, state: &mut State, heard: impl IntoIterator<Item = Heard>) {
        if let Some(told) = &mut state.told {
            let limit = self.limit(told.bytes());
            heard.into_iter().for_each(|one| told.push(one, limit));
            self.heard.send_replace((told.next(), false));
        }
        self.count(state);
    }

    /// There will be no more.
    pub fn end(&self) {
        self.state.lock().ended = true;
        self.seen.send_modify(|(_, ended)| *ended = true);
        self.heard.send_modify(|(_, ended)| *ended = true);
    }

    /// The job's attempt begins; gives whether its events are wanted.
    #[must_use]
    pub fn begin(&self) -> bool {
        let mut state = self.state.lock();
        state.begun = true;
        state.told.is_some()
    }

    /// Keeps events from now on, with the lines among them, if that was not so; the job was begun `earlier` times before. When
    /// its attempt has begun already that is told, and the lines follow that are kept.
    pub fn record_events(&self, earlier: u32) {
        let mut state = self.state.lock();
        if state.told.is_some() {
            return;
        }
        let mut told = Told::default();
        if earlier > 0 {
            let attempt = earlier;
            told.note(EventKind::Restarted { attempt }, self.limit);
        }
        if state.begun {
            told.note(EventKind::Unrecorded, self.limit);
            let limit = self.limit(0);
            for entry in &state.entries {
                told.push(Heard::Line(entry.clone()), limit);
            }
        }
        let next = told.next();
        self.heard.send_replace((next, state.ended));
        state.told = Some(told);
        self.count(&mut state);
    }

    /// Whether events are kept.
    #[must_use]
    pub fn records_events(&self) -> bool {
        self.state.lock().told.is_some()
    }

    /// Bytes of events and of the lines among them; `None` when they are not kept, or nothing could happen yet.
    #[must_use]
    pub fn told_bytes(&self) -> Option<u64> {
        let state = self.state.lock();
        let told = state.told.as_ref().filter(|_| state.begun);
        told.map(|told| told.bytes() + state.bytes)
    }

    /// What happened from `from` on that is kept now; nothing, ever, when events are not kept.
    #[must_use]
    pub fn read_events(&self, from: u64) -> Part<Heard> {
        let state = self.state.lock();
        let told = state.told.as_ref();
        told.map_or_else(
            || Told::default().read(0, true),
            |told| told.read(from, state.ended),
        )
    }

    /// Waits until something happened from `from` on, or the end.
    pub async fn wait_events(&self, from: u64) {
        let mut heard = self.heard.subscribe();
        // The sender lives as long as this.
        let _ = heard.wait_for(|(next, ended)| *next > from || *ended).await;
    }

    /// The lines from `from` on that are there now.
    #[must_use]
    pub fn read(&self, from: u64) -> Part<Arc<LogEntry>> {
        let ended = self.seen.borrow().1;
        let state = self.state.lock();
        let first = state.entries.front().map_or(state.next, |entry| entry.seq);
        let size = |entry: &Arc<LogEntry>| size(entry);
        part((&state.entries, first), size, from, ended)
    }

    /// Waits until there is something from `from` on, or the end.
    pub async fn wait(&self, from: u64) {
        let mut seen = self.seen.subscribe();
        // The sender lives as long as this.
        let _ = seen.wait_for(|(next, ended)| *next > from || *ended).await;
    }

    /// Bytes kept, and what was dropped.
    #[must_use]
    pub fn kept(&self) -> (u64, DroppedLogs) {
        let state = self.state.lock();
        (state.bytes, state.dropped)
    }

    /// For the ledger.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let state = self.state.lock();
        let mut tail = Vec::new();
        for entry in &state.entries {
            // Plain data into memory.
            if serde_json::to_writer(&mut tail, &**entry).is_ok() {
                tail.push(b'\n');
            }
        }
        Logs {
            tail,
            dropped_bytes: state.dropped.bytes,
            dropped_lines: state.dropped.lines,
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        let counted = self.state.get_mut().counted;
        self.room.used.fetch_sub(counted, Ordering::Relaxed);
    }
}

impl LineListener for LogBuffer {
    fn line(&self, line: LogLine) {
        self.push(&line);
    }
}

impl Listener for LogBuffer {
    fn events(&self, events: Vec<Event>) {
        let mut state = self.state.lock();
        if !state.ended {
            self.tell(&mut state, events.into_iter().map(Heard::Event));
        }
    }
}

/// What a line takes.
pub(super) fn size(entry: &LogEntry) -> u64 {
    let text = entry.text.as_ref().or(entry.base64.as_ref());
    OVERHEAD + text.map_or(0, |text| text.len() as u64)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::LogStream;

    fn line(n: u64) -> LogLine {
        LogLine {
            task: "000000000000000000000000000000ff".parse().expect("an id"),
            name: "".into(),
            stream: LogStream::Stdout,
            text: Bytes::from(format!("line {n}\n")),
            starts_line: true,
        }
    }

    fn buffer(limit: u64) -> LogBuffer {
        LogBuffer::new(limit, OutputRoom::new(u64::MAX))
    }

    #[test]
    fn a_tenants_jobs_share_room() {
        let room = OutputRoom::new(2 * LEAST);
        let (one, other) = (
            LogBuffer::new(1 << 20, room.clone()),
            LogBuffer::new(1 << 20, room.clone()),
        );
        one.record_events(0);
        (0..100).for_each(|n| one.push(&line(n)));
        // Lines, and the same lines among events.
        let of_one = one.kept().0;
        assert!((LEAST..LEAST + 200).contains(&of_one), "{of_one}");
        (0..100).for_each(|n| other.push(&line(n)));
        let of_other = other.kept().0;
        assert!((LEAST - 200..=LEAST).contains(&of_other), "{of_other}");
        assert_eq!(
            other.kept().1.lines + other.read(0).entries.len() as u64,
            100
        );
        assert_eq!(room.used(), 2 * of_one + of_other);
        drop(one);
        assert_eq!(room.used(), of_other);
        (100..200).for_each(|n| other.push(&line(n)));
        assert!(other.kept().0 > of_other, "there is room again");
        drop(other);
        assert_eq!(room.used(), 0);
    }

    #[test]
    fn long_lines_come_a_few_at_a_time() {
        let buffer = buffer(1 << 20);
        let long = || LogLine {
            text: Bytes::from(vec![b'x'; 30 << 10]),
            ..line(0)
        };
        (0..10).for_each(|_| buffer.push(&long()));
        assert_eq!(
            (buffer.read(0).entries.len(), buffer.read(9).entries.len()),
            (3, 1)
        );
    }

    fn texts(part: &Part<Arc<LogEntry>>) -> Vec<&str> {
        part.entries
            .iter()
            .filter_map(|entry| entry.text.as_deref())
            .collect()
    }

    #[test]
    fn the_end_is_kept_and_the_rest_is_counted() {
        let buffer = buffer(3 * (OVERHEAD + 7));
        (0..10).for_each(|n| buffer.push(&line(n)));
        let part = buffer.read(0);
        assert_eq!(texts(&part), ["line 7\n", "line 8\n", "line 9\n"]);
        assert_eq!((part.missed, part.next, part.is_end), (7, 10, false));
        assert_eq!(
            buffer.kept().1,
            DroppedLogs {
                lines: 7,
                bytes: 49
            }
        );
        buffer.end();
        let rest = buffer.read(9);
        assert_eq!(
            (texts(&rest), rest.missed, rest.is_end),
            (vec!["line 9\n"], 0, true)
        );
        assert!(buffer.read(50).entries.is_empty() && buffer.read(50).is_end);
        let again = LogBuffer::of_ended(&buffer.logs().tail, buffer.kept().1);
        assert_eq!(again.read(0), buffer.read(0));
        assert_eq!(again.kept(), buffer.kept());
    }

    #[test]
    fn lines_and_events_come_in_one_order() {
        let event = |attempt| Event {
            at: 0,
            kind: EventKind::Restarted { attempt },
        };
        let heard = |buffer: &LogBuffer| {
            let part = buffer.read_events(0);
            let text = |heard: &Heard| match heard {
                Heard::Line(entry) => entry.text.clone().unwrap_or_default(),
                Heard::Event(event) => format!("{:?}", event.kind),
            };
            part.entries.iter().map(text).collect::<Vec<_>>()
        };
        let buffer = buffer(1 << 20);
        buffer.record_events(2);
        assert!(buffer.begin(), "they are wanted");
        buffer.line(line(0));
        buffer.events(vec![event(7)]);
        buffer.line(line(1));
        buffer.end();
        buffer.line(line(2));
        buffer.events(vec![event(8)]);
        let (again, seven) = ("Restarted { attempt: 2 }", "Restarted { attempt: 7 }");
        assert_eq!(heard(&buffer), [again, "line 0\n", seven, "line 1\n"]);
        assert_eq!(texts(&buffer.read(0)), ["line 0\n", "line 1\n"]);

        let late = self::buffer(1 << 20);
        assert!(!late.begin(), "nobody asked");
        late.line(line(0));
        late.events(vec![event(7)]);
        assert_eq!((heard(&late).len(), late.told_bytes()), (0, None));
        late.record_events(0);
        late.events(vec![event(8)]);
        late.record_events(0);
        assert_eq!(
            heard(&late),
            ["Unrecorded", "line 0\n", "Restarted { attempt: 8 }"]
        );
    }

    #[tokio::test]
    async fn readers_wait_for_more_and_for_the_end() {
        let buffer = buffer(1 << 20);
        let (read, ()) = tokio::join!(
            async {
                buffer.wait(0).await;
                let first = buffer.read(0);
                buffer.wait(first.next).await;
                (first, buffer.read(1))
            },
            async {
                tokio::task::yield_now().await;
                buffer.push(&line(0));
                tokio::task::yield_now().await;
                buffer.end();
            }
        );
        assert_eq!(texts(&read.0), ["line 0\n"]);
        assert!(read.1.is_end);
    }

    #[test]
    fn a_long_output_comes_in_parts() {
        let buffer = buffer(1 << 20);
        (0..600).for_each(|n| buffer.push(&line(n)));
        let first = buffer.read(0);
        assert_eq!((first.entries.len(), first.next), (BATCH, BATCH as u64));
        let last = buffer.read(512);
        assert_eq!((last.entries.len(), last.next), (88, 600));
    }
}
