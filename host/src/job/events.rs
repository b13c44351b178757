//! What happened in a job, for whoever follows it in this process: the end of it, as many as fit.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    rt::clock,
    types::{Event, EventKind},
};

/// How many events wait for a slow reader before the oldest are dropped.
const KEPT: usize = 4096;

/// The end of a job's events.
#[derive(Debug)]
pub(super) struct Ring {
    last: Arc<Mutex<Last>>,
    /// How many there were. Readers see the end when this is gone.
    seen: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Last {
    events: VecDeque<Event>,
    /// The number of the first of them.
    first: u64,
    /// Somebody has heard them from the beginning.
    is_followed: bool,
}

impl Last {
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            last: Arc::default(),
            seen: watch::Sender::new(0),
        }
    }

    /// Adds events; the oldest go when there are too many.
    pub(super) fn extend(&self, events: impl Iterator<Item = Event>) {
        let mut last = self.last.lock();
        for event in events {
            if last.events.len() >= KEPT {
                last.events.pop_front();
                last.first += 1;
            }
            last.events.push_back(event);
        }
        let end = last.end();
        drop(last);
        self.seen.send_replace(end);
    }

    /// The first to ask hears from the beginning, others from now on.
    pub(super) fn follow(&self) -> Events {
        let mut last = self.last.lock();
        let is_first = !std::mem::replace(&mut last.is_followed, true);
        Events {
            next: if is_first { 0 } else { last.end() },
            last: self.last.clone(),
            seen: self.seen.subscribe(),
        }
    }
}

/// What happens in a job, one event after another. A reader that is too slow loses the oldest, and is told how many
/// ([`EventKind::Dropped`]).
#[derive(Debug)]
pub struct Events {
    last: Arc<Mutex<Last>>,
    next: u64,
    seen: watch::Receiver<u64>,
}

impl Events {
    /// The next event; waits for it. None when the job is gone and all were read.
    ///
    /// # Cancel safety
    /// Dropped, it has read nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        let next = self.next;
        // What was there before the end comes before the end.
        let _ = self.seen.wait_for(|seen| *seen > next).await;
        self.try_recv()
    }

    /// The next event, if it is there.
    pub fn try_recv(&mut self) -> Option<Event> {
        let last = self.last.lock();
        let count = last.first.saturating_sub(self.next);
        if count > 0 {
            self.next = last.first;
            return Some(Event {
                at: clock::unix_millis(),
                kind: EventKind::Dropped { count },
            });
        }
        let at = usize::try_from(self.next - last.first).unwrap_or(usize::MAX);
        let event = last.events.get(at)?.clone();
        self.next += 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(numbers: std::ops::Range<u32>) -> impl Iterator<Item = Event> {
        numbers.map(|attempt| Event {
            at: 0,
            kind: EventKind::Restarted { attempt },
        })
    }

    fn number(event: &Event) -> u64 {
        match event.kind {
            EventKind::Restarted { attempt } => attempt.into(),
            EventKind::Dropped { count } => 1_000_000 + count,
            _ => unreachable!("no other is made here"),
        }
    }

    #[tokio::test]
    async fn all_are_read_in_turn_and_then_the_end() {
        let ring = Ring::new();
        ring.extend(events(0..3));
        let (mut first, mut second) = (ring.follow(), ring.follow());
        assert_eq!(second.try_recv(), None);
        let reading = async {
            let mut read = Vec::new();
            while let Some(event) = second.recv().await {
                read.push(number(&event));
            }
            read
        };
        let writing = async {
            tokio::task::yield_now().await;
            ring.extend(events(3..5));
            tokio::task::yield_now().await;
            ring.extend(events(5..6));
            drop(ring);
        };
        assert_eq!(tokio::join!(reading, writing).0, [3, 4, 5]);
        let rest: Vec<_> = std::iter::from_fn(|| first.try_recv()).collect();
        assert!(rest.iter().map(number).eq(0..6));
        assert_eq!(first.recv().await, None);
    }

    #[tokio::test]
    async fn who_is_slow_is_told_how_many_are_gone() {
        let ring = Ring::new();
        let mut slow = ring.follow();
        let all = u32::try_from(KEPT).expect("few") + 10;
        ring.extend(events(0..all));
        let first = slow.recv().await.expect("some");
        assert_eq!(number(&first), 1_000_010);
        let rest: Vec<_> = std::iter::from_fn(|| slow.try_recv()).collect();
        assert!(rest.iter().map(number).eq(10..all.into()));
    }
}
