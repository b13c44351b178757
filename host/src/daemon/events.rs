//! What happens in a job, for whoever follows it: lines and events in one order.
//!
//! [`Told`] is the end of that, as many bytes as of the output alone; what goes is counted. It is a part of the
//! [`LogBuffer`](super::LogBuffer), under its lock, and is there only when somebody asked for it. [`Lingering`] keeps the
//! output of jobs that ended a moment ago, since who submits a short job asks for its events a little later.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    LogBuffer,
    logs::{self, Part},
};
use crate::{
    api::LogEntry,
    ledger::TenantName,
    rt::clock,
    types::{Event, EventKind, JobId},
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

/// The output of jobs that ended a moment ago and whose events were asked for.
#[derive(Debug, Default)]
pub(super) struct Lingering(Mutex<VecDeque<Ended>>);

#[derive(Debug)]
struct Ended {
    id: JobId,
    tenant: TenantName,
    until: Instant,
    bytes: u64,
    logs: Arc<LogBuffer>,
}

impl Lingering {
    /// Keeps a job's output for a while, and less of what the tenant's earlier ones left when that is too much.
    pub(super) fn add(&self, id: JobId, tenant: &TenantName, logs: &Arc<LogBuffer>) {
        let Some(bytes) = logs.told_bytes() else {
            return;
        };
        self.forget_old();
        let mut ended = self.0.lock();
        let mut sum: u64 = bytes;
        sum += ended
            .iter()
            .filter(|e| e.tenant == *tenant)
            .map(|e| e.bytes)
            .sum::<u64>();
        ended.retain(|one| {
            let goes = one.tenant == *tenant && sum > LINGERING;
            sum -= if goes { one.bytes } else { 0 };
            !goes
        });
        ended.push_back(Ended {
            id,
            tenant: tenant.clone(),
            until: clock::now() + LINGER,
            bytes,
            logs: logs.clone(),
        });
    }

    /// What is kept of a job.
    pub(super) fn get(&self, id: JobId) -> Option<Arc<LogBuffer>> {
        let ended = self.0.lock();
        let last = ended.iter().rev().find(|ended| ended.id == id)?;
        Some(last.logs.clone())
    }

    /// Forgets what was kept long enough.
    pub(super) fn forget_old(&self) {
        let (now, mut old) = (clock::now(), Vec::new());
        let mut ended = self.0.lock();
        while ended.front().is_some_and(|first| first.until <= now) {
            old.extend(ended.pop_front());
        }
        drop(ended);
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::logs::OutputRoom;

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

    #[test]
    fn one_tenant_s_ended_jobs_push_out_its_own_only() {
        let lingering = Lingering::default();
        let name = |text: &str| -> TenantName { text.parse().expect("a name") };
        let full = || {
            let logs = Arc::new(LogBuffer::new(3 << 20, OutputRoom::new(u64::MAX)));
            logs.record_events(0);
            assert!(logs.begin());
            for _ in 0..(3 << 20) / EVENT {
                crate::types::Listener::event(
                    &*logs,
                    Event {
                        at: 0,
                        kind: restarted(0),
                    },
                );
            }
            logs
        };
        let ids: Vec<_> = (0..4).map(|_| JobId::random()).collect();
        lingering.add(ids[0], &name("a"), &full());
        for id in &ids[1..] {
            lingering.add(*id, &name("b"), &full());
        }
        let there: Vec<_> = ids.iter().map(|id| lingering.get(*id).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        lingering.add(
            JobId::random(),
            &name("a"),
            &Arc::new(LogBuffer::new(9, OutputRoom::new(u64::MAX))),
        );
        assert_eq!(lingering.0.lock().len(), 3, "whose events nobody asked for");
    }
}
