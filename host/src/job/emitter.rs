//! A job's events on their way to whoever listens.
//!
//! Each thread writes into a part of its own, with the time, so that workers don't meet. Somebody gathers what is in all
//! parts, orders it by time and tells it at once: who fills a part, who tells a line, which comes after what happened before
//! it, whoever ends the job, and else a timer that the first event after a gathering starts. So an event is told a few
//! milliseconds late at most.
//!
//! Order: what comes of something is told after it. Its time is later, it was written later, and who gathers holds the
//! locks of all parts, so it is never found without what came before; one gathers at a time, and tells before another does.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

use super::events::{Events, Ring};
use crate::{
    rt::{clock, shard},
    types::{CallState, ErrorKind, Event, EventKind, LineListener, Listener, LogLine, TaskId},
};

/// Who has written so many into a part gathers, unless somebody does,
const MANY: usize = 256;
/// for which it waits when they are so many.
const MOST: usize = 4 * MANY;
/// How late an event may be told.
const LATE: Duration = Duration::from_millis(5);

/// Tells a job's events to whoever listens; a look at a flag when nobody asked for them.
#[derive(Debug)]
pub struct Emitter {
    wanted: AtomicBool,
    to: To,
    began_at: u64,
    parts: Box<[CachePadded<Mutex<Part>>]>,
    /// A timer runs.
    is_due: AtomicBool,
    /// Held by who gathers and tells.
    telling: Mutex<()>,
    event_loop: Handle,
}

/// What one thread, or a few, wrote.
#[derive(Debug, Default)]
struct Part {
    written: Vec<Written>,
    /// Names of calls, those that came last at the end. Each is counted once here, not for each event: the count of a name
    /// that all workers use would travel between them.
    names: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Written {
    /// Nanoseconds since the job began.
    at: u64,
    task: TaskId,
    /// Which of the part's names.
    name: usize,
    state: CallState,
    attempt: u32,
    error: Option<ErrorKind>,
}

/// A name is looked for among so many.
const RECENT: usize = 4;

impl Part {
    fn name(&mut self, name: &Arc<str>) -> usize {
        let recent = self.names.len().saturating_sub(RECENT);
        let known = self.names[recent..]
            .iter()
            .position(|known| Arc::ptr_eq(known, name));
        known.map_or_else(
            || {
                self.names.push(name.clone());
                self.names.len() - 1
            },
            |known| recent + known,
        )
    }

    fn into_events(self) -> impl Iterator<Item = (u64, EventKind)> {
        let Self { written, names } = self;
        written.into_iter().map(move |one| {
            let kind = EventKind::Call {
                task: one.task,
                name: names[one.name].clone(),
                state: one.state,
                attempt: one.attempt,
                error: one.error,
            };
            (one.at, kind)
        })
    }
}

#[derive(Debug)]
enum To {
    Nobody,
    Ring(Ring),
    Listener(Weak<dyn Listener>),
}

impl Emitter {
    /// Tells events, or nothing at all: to a listener if there is one, who may also want them later.
    #[must_use]
    pub fn new(
        wanted: bool,
        listener: Option<Weak<dyn Listener>>,
        event_loop: Handle,
    ) -> Arc<Self> {
        let to = match listener {
            Some(listener) => To::Listener(listener),
            None if wanted => To::Ring(Ring::new()),
            None => To::Nobody,
        };
        let parts = match to {
            To::Nobody => 0,
            To::Ring(_) | To::Listener(_) => shard::count(),
        };
        Arc::new(Self {
            wanted: AtomicBool::new(wanted),
            to,
            began_at: clock::unix_millis(),
            parts: (0..parts).map(|_| CachePadded::default()).collect(),
            is_due: AtomicBool::new(false),
            telling: Mutex::default(),
            event_loop,
        })
    }

    /// Tells its listener from now on.
    pub fn start(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wants to hear.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// A call changed its state, so many nanoseconds after the job began.
    pub fn call(
        self: &Arc<Self>,
        at: u64,
        (task, name, attempt): (TaskId, &Arc<str>, u32),
        state: CallState,
        error: Option<ErrorKind>,
    ) {
        let part = self.parts.get(shard::current());
        let Some(part) = part.filter(|_| self.is_wanted()) else {
            return;
        };
        let written = {
            let mut part = part.lock();
            let name = part.name(name);
            part.written.push(Written {
                at,
                task,
                name,
                state,
                attempt,
                error,
            });
            part.written.len()
        };
        if written >= MOST {
            self.tell();
        } else if written >= MANY {
            if let Some(turn) = self.telling.try_lock() {
                self.gather(&turn);
            }
        } else if !self.is_due.load(Ordering::Relaxed) {
            self.tell_soon();
        }
    }

    /// Starts the timer, unless it runs.
    fn tell_soon(self: &Arc<Self>) {
        if self.is_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let emitter = Arc::downgrade(self);
        self.event_loop.spawn(async move {
            tokio::time::sleep(LATE).await;
            if let Some(emitter) = emitter.upgrade() {
                // Before it gathers: what comes after it looked starts another.
                emitter.is_due.store(false, Ordering::Release);
                emitter.tell();
            }
        });
    }

    /// Tells all that has happened.
    pub fn tell(&self) {
        self.gather(&self.telling.lock());
    }

    fn gather(&self, _turn: &MutexGuard<'_, ()>) {
        let mut all: Vec<_> = self.parts.iter().map(|part| part.lock()).collect();
        let found: Vec<_> = all
            .iter_mut()
            .map(|part| std::mem::take(&mut **part))
            .filter(|part| !part.written.is_empty())
            .collect();
        drop(all);
        if found.is_empty() {
            return;
        }
        let count = found.iter().map(|part| part.written.len()).sum();
        let mut events = Vec::with_capacity(count);
        events.extend(found.into_iter().flat_map(Part::into_events));
        // Some runs that are sorted, which is what this is quick at.
        events.sort_by_key(|(at, _)| *at);
        let events = events.into_iter().map(|(at, kind)| Event {
            at: self.began_at + at / 1_000_000,
            kind,
        });
        match &self.to {
            To::Nobody => {}
            To::Ring(ring) => ring.extend(events),
            To::Listener(listener) => {
                if let Some(listener) = listener.upgrade() {
                    listener.events(events.collect());
                }
            }
        }
    }

    /// Listens: the first from the job's beginning, others from now on; `None` when the job does not collect events.
    #[must_use]
    pub fn subscribe(&self) -> Option<Events> {
        match &self.to {
            To::Ring(ring) => Some(ring.follow()),
            To::Nobody | To::Listener(_) => None,
        }
    }
}

/// Between a job's output and its listener: what happened before a line is told before it.
impl LineListener for Emitter {
    fn line(&self, line: LogLine) {
        let To::Listener(listener) = &self.to else {
            return;
        };
        let Some(listener) = listener.upgrade() else {
            return;
        };
        if self.is_wanted() {
            self.tell();
        }
        listener.line(line);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::LazyLock, thread, time::Instant};

    use super::*;
    use crate::types::{JobId, LogStream};

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock())
        }
    }

    impl LineListener for Heard {
        fn line(&self, line: LogLine) {
            let text = String::from_utf8_lossy(&line.text).into_owned();
            self.0.lock().push(text);
        }
    }

    impl Listener for Heard {
        fn events(&self, events: Vec<Event>) {
            let name = |event: &Event| match &event.kind {
                EventKind::Call { name, .. } => name.to_string(),
                other => format!("{other:?}"),
            };
            self.0.lock().extend(events.iter().map(name));
        }
    }

    fn emitter(heard: &Arc<Heard>) -> Arc<Emitter> {
        let listener: Arc<dyn Listener> = heard.clone();
        Emitter::new(true, Some(Arc::downgrade(&listener)), Handle::current())
    }

    fn task() -> TaskId {
        TaskId::new(JobId::random(), 1)
    }

    fn happens(emitter: &Arc<Emitter>, name: &str) {
        static START: LazyLock<Instant> = LazyLock::new(clock::now);
        let at = START.elapsed().as_nanos().try_into().expect("not so long");
        emitter.call(at, (task(), &name.into(), 0), CallState::Running, None);
    }

    fn prints(emitter: &Emitter, text: &str) {
        emitter.line(LogLine {
            task: task(),
            name: "".into(),
            stream: LogStream::Stdout,
            text: text.to_owned().into(),
            starts_line: true,
        });
    }

    #[tokio::test]
    async fn threads_in_turn_are_told_in_turn() {
        let heard = Arc::new(Heard::default());
        let emitter = emitter(&heard);
        // Each on a thread of its own, one after another, with lines among them.
        for n in 0..200 {
            let emitter = emitter.clone();
            let one = move || match n % 10 {
                9 => prints(&emitter, &n.to_string()),
                _ => happens(&emitter, &n.to_string()),
            };
            thread::spawn(one).join().expect("no panic");
        }
        emitter.tell();
        let expected: Vec<_> = (0..200).map(|n| n.to_string()).collect();
        assert_eq!(heard.take(), expected);
    }

    #[tokio::test]
    async fn a_few_are_told_soon_and_none_is_lost() {
        let heard = Arc::new(Heard::default());
        let emitter = emitter(&heard);
        for round in 0..3 {
            happens(&emitter, "first");
            happens(&emitter, "second");
            let mut all = Vec::new();
            while all.len() < 2 {
                tokio::task::yield_now().await;
                all.extend(heard.take());
            }
            assert_eq!(all, ["first", "second"], "round {round}");
        }
    }

    #[tokio::test]
    async fn parts_have_a_bound_while_nobody_gathers() {
        let heard = Arc::new(Heard::default());
        let emitter = emitter(&heard);
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let emitter = emitter.clone();
                thread::spawn(move || {
                    for n in 0..10 * MOST {
                        happens(&emitter, &format!("{thread} {n}"));
                        let longest = emitter
                            .parts
                            .iter()
                            .map(|part| part.lock().written.len())
                            .max();
                        // What threads that share a part write before they wait.
                        assert!(longest.is_some_and(|longest| longest <= MOST + 4));
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        emitter.tell();
        let all = heard.take();
        assert_eq!(all.len(), 40 * MOST);
        // Each thread's own are in its order.
        for thread in 0..4 {
            let own = all
                .iter()
                .filter(|name| name.starts_with(&format!("{thread} ")));
            let numbers = own.map(|name| name[2..].parse::<usize>().expect("a number"));
            assert!(numbers.eq(0..10 * MOST), "of thread {thread}");
        }
    }

    #[tokio::test]
    async fn the_first_to_listen_hears_all_from_the_beginning() {
        let emitter = Emitter::new(true, None, Handle::current());
        happens(&emitter, "early");
        emitter.tell();
        let mut events = emitter.subscribe().expect("asked for");
        assert!(events.try_recv().is_some() && events.try_recv().is_none());
        let silent = Emitter::new(false, None, Handle::current());
        happens(&silent, "unheard");
        assert!(silent.subscribe().is_none());
    }
}
