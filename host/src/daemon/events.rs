//! What happens in a job, for whoever follows it: lines and events in one order.
//!
//! [`Told`] is the end of that, as many bytes as of the output alone; what goes is counted. It is a part of the
//! [`LogBuffer`](super::LogBuffer), under its lock, and is there only when somebody asked for it. [`lingering`] is for
//! the output of jobs that ended a moment ago, since who submits a short job asks for its events a little later.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    LogBuffer,
    ended::Ended,
    logs::{self, Part},
};
use crate::{
    api::LogEntry,
    rt::clock,
    types::{Event, EventKind},
};

/// What an event takes, about.
const EVENT: u64 = 160;
/// How long the events of an ended job are kept,
const LINGER: Duration = Duration::from_secs(60);
/// and so many bytes of a tenant at most.
const LINGERING: u64 = 8 << 20;

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A line.
    Line(Arc<LogEntry>),
    /// An event.
    Event(Event),
}

/// The kept end of what happened.
#[derive(Debug, Default)]
pub(super) struct Told {
    entries: VecDeque<Heard>,
    /// The number of the first entry.
    first: u64,
    bytes: u64,
}

impl Told {
    /// Adds one; the oldest go when there are more than `limit` bytes.
    pub(super) fn push(&mut self, heard: Heard, limit: u64) {
        self.bytes += size(&heard);
        self.entries.push_back(heard);
        while self.bytes > limit
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= size(&oldest);
            self.first += 1;
        }
    }

    /// Adds something of our own.
    pub(super) fn note(&mut self, kind: EventKind, limit: u64) {
        let at = clock::unix_millis();
        self.push(Heard::Event(Event { at, kind }), limit);
    }

    /// The number of the next entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What there is from `from` on.
    pub(super) fn read(&self, from: u64, ended: bool) -> Part<Heard> {
        logs::part((&self.entries, self.first), size, from, ended)
    }
}

fn size(heard: &Heard) -> u64 {
    match heard {
        Heard::Line(entry) => logs::size(entry),
        Heard::Event(_) => EVENT,
    }
}

/// The output of jobs that ended a moment ago and whose events were asked for: none so far.
pub(super) fn lingering() -> Ended<LogBuffer> {
    Ended::new(LINGER, LINGERING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarted(attempt: u32) -> EventKind {
        EventKind::Restarted { attempt }
    }

    fn attempts(part: &Part<Heard>) -> Vec<u32> {
        let attempt = |heard: &Heard| match heard {
            Heard::Event(Event {
                kind: EventKind::Restarted { attempt },
                ..
            }) => Some(*attempt),
            _ => None,
        };
        part.entries.iter().filter_map(attempt).collect()
    }

    #[test]
    fn a_slow_reader_is_told_how_much_it_missed() {
        let mut told = Told::default();
        (0..10).for_each(|n| told.note(restarted(n), 3 * EVENT));
        let part = told.read(2, false);
        assert_eq!((part.missed, part.next, part.is_end), (5, 10, false));
        assert_eq!(attempts(&part), [7, 8, 9]);
        assert_eq!(
            (told.read(8, true).next, attempts(&told.read(8, true))),
            (10, vec![8, 9])
        );
        let end = told.read(10, true);
        assert_eq!((end.missed, end.entries.len(), end.is_end), (0, 0, true));
        assert!(told.read(99, true).is_end && told.bytes() == 3 * EVENT);
    }

    #[test]
    fn many_come_in_parts() {
        let mut told = Told::default();
        (0..600).for_each(|n| told.note(restarted(n), 1 << 20));
        let first = told.read(0, true);
        assert_eq!(
            (first.entries.len(), first.next, first.is_end),
            (256, 256, false)
        );
        assert_eq!(attempts(&told.read(599, true)), [599]);
    }
}
