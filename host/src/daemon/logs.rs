//! The output of a job that runs: the end of it, for whoever asks, and for the ledger when the job ends.
//!
//! [`LogBuffer`] keeps as many bytes as it may; older lines go, and are counted. Readers ask for what follows a number and
//! wait for more; one that is too slow is told how much it missed. Nothing waits for a reader.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    api::{DroppedLogs, LogEntry},
    ledger::Logs,
    rt::guard::Guard,
    types::LogLine,
};

/// What a line takes beside its text.
const OVERHEAD: u64 = 128;
/// A reader gets so many lines at once.
const BATCH: usize = 256;

/// The kept end of a job's output.
#[derive(Debug)]
pub struct LogBuffer {
    state: Mutex<State>,
    /// How many lines there were, and whether there will be more.
    seen: watch::Sender<(u64, bool)>,
    limit: u64,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<LogEntry>,
    bytes: u64,
    next: u64,
    dropped: DroppedLogs,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Lines before them that are not kept any more, of those it asked for.
    pub missed: u64,
    /// The lines.
    pub entries: Vec<LogEntry>,
    /// What to ask for next.
    pub next: u64,
    /// There is nothing more, and will not be.
    pub is_end: bool,
}

impl LogBuffer {
    /// An empty one that keeps `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            state: Mutex::default(),
            seen: watch::Sender::new((0, false)),
            limit,
        }
    }

    /// One that holds what the ledger kept of an ended job.
    #[must_use]
    pub fn of_ended(tail: &[u8], dropped: DroppedLogs) -> Self {
        let buffer = Self::new(u64::MAX);
        let mut state = State {
            dropped,
            ..State::default()
        };
        let lines = tail.split(|byte| *byte == b'\n');
        for entry in lines.filter_map(|line| serde_json::from_slice::<LogEntry>(line).ok()) {
            state.next = entry.seq + 1;
            state.bytes += size(&entry);
            state.entries.push_back(entry);
        }
        buffer.seen.send_replace((state.next, true));
        *buffer.state.lock() = state;
        buffer
    }

    /// Adds a line.
    pub fn push(&self, line: &LogLine) {
        let mut state = self.state.lock();
        let entry = LogEntry::new(state.next, line);
        state.next += 1;
        state.bytes += size(&entry);
        state.entries.push_back(entry);
        while state.bytes > self.limit
            && Guard::LogTail.stands()
            && let Some(oldest) = state.entries.pop_front()
        {
            state.bytes -= size(&oldest);
            state.dropped.lines += 1;
            state.dropped.bytes += size(&oldest) - OVERHEAD;
        }
        let next = state.next;
        drop(state);
        self.seen.send_replace((next, false));
    }

    /// There will be no more.
    pub fn end(&self) {
        self.seen.send_modify(|(_, ended)| *ended = true);
    }

    /// The lines from `from` on that are there now.
    #[must_use]
    pub fn read(&self, from: u64) -> LogPart {
        let ended = self.seen.borrow().1;
        let state = self.state.lock();
        let first = state.entries.front().map_or(state.next, |entry| entry.seq);
        let start = from.clamp(first, state.next.max(first));
        let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
        let entries: Vec<_> = state
            .entries
            .iter()
            .skip(skip)
            .take(BATCH)
            .cloned()
            .collect();
        let next = start + entries.len() as u64;
        LogPart {
            missed: start - from.min(start),
            is_end: ended && next >= state.next,
            entries,
            next,
        }
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
            if serde_json::to_writer(&mut tail, entry).is_ok() {
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

fn size(entry: &LogEntry) -> u64 {
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

    fn texts(part: &LogPart) -> Vec<&str> {
        part.entries
            .iter()
            .filter_map(|entry| entry.text.as_deref())
            .collect()
    }

    #[test]
    fn the_end_is_kept_and_the_rest_is_counted() {
        let buffer = LogBuffer::new(3 * (OVERHEAD + 7));
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

    #[tokio::test]
    async fn readers_wait_for_more_and_for_the_end() {
        let buffer = LogBuffer::new(1 << 20);
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
        let buffer = LogBuffer::new(1 << 20);
        (0..600).for_each(|n| buffer.push(&line(n)));
        let first = buffer.read(0);
        assert_eq!((first.entries.len(), first.next), (BATCH, BATCH as u64));
        let last = buffer.read(512);
        assert_eq!((last.entries.len(), last.next), (88, 600));
    }
}
