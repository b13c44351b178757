//! The loop of a worker thread.
//!
//! A [`Worker`] is RUNNING, SEARCHING or ASLEEP (`README.md`, "Sleeping"): it picks work from its
//! [`View`], polls it, charges the time to the job, and sleeps when there is nothing. After each
//! pick it looks whether work remains for a sleeper. Invariant: it never panics on behalf of what
//! it runs.
//!
//! It does not know why something is runnable.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::rt::clock;

use super::Execute;
use super::core::{Core, JobCore, TenantCore};
use super::fiber::Fiber;
use super::job::Directory;
use super::seat;
use super::turn::Turn;
use super::view::{View, Work};

/// How often a searcher looks again before it lets other threads run.
const LOOKS: u32 = 32;

/// How long it goes on so before it sleeps, unless others search too. To be woken takes that long and more, and who
/// waits for one call after another has the next one ready by then.
const SEARCH: Duration = Duration::from_micros(50);

/// Time is charged to a job in portions of about this size.
const PORTION: Duration = Duration::from_micros(20);

pub(super) struct Worker<T> {
    number: usize,
    core: Arc<Core>,
    directory: Arc<Directory<T>>,
    view: Rc<RefCell<View<T>>>,
    meter: Meter,
    /// Whose fiber it polls, as the core knows it.
    polled: Option<Arc<TenantCore>>,
    is_searching: bool,
}

impl<T: Execute> Worker<T> {
    /// The body of a worker's thread.
    pub(super) fn run(number: usize, core: Arc<Core>, directory: Arc<Directory<T>>) {
        let view = View::new(Arc::clone(&core), Arc::clone(&directory));
        let view = Rc::new(RefCell::new(view));
        seat::take(&core, number, {
            let (core, view) = (Arc::clone(&core), Rc::clone(&view));
            move || !core.sleep.anyone_idle() && view.borrow_mut().has_work()
        });
        core.wake_up();
        let mut worker = Self {
            number,
            core,
            directory,
            view,
            meter: Meter::default(),
            polled: None,
            is_searching: false,
        };
        worker.work_until_stopped();
        worker.turn_to(None);
        worker.core.lie_down();
        seat::leave();
    }

    fn work_until_stopped(&mut self) {
        let (mut looks, mut since) = (0, None);
        while !self.core.is_stopping() {
            let work = self.view.borrow_mut().pick(self.number);
            if let Some(work) = work {
                (looks, since) = (0, None);
                self.stop_searching();
                self.wake_for_the_rest();
                self.perform(work);
            } else if !self.is_searching {
                self.is_searching = true;
                self.core.sleep.start_search();
            } else if looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            } else if self.core.sleep.few_search()
                && since.get_or_insert_with(clock::now).elapsed() < SEARCH
            {
                looks = 0;
                std::thread::yield_now();
            } else {
                (looks, since) = (0, None);
                self.rest();
            }
        }
        self.stop_searching();
        self.meter.flush();
    }

    fn stop_searching(&mut self) {
        if self.is_searching {
            self.is_searching = false;
            self.core.sleep.end_search();
        }
    }

    /// Work may have been published that relied on this worker to find it, or slots freed.
    fn wake_for_the_rest(&self) {
        if self.core.sleep.wants_wake() && self.view.borrow_mut().has_work() {
            self.core.sleep.notify();
        }
    }

    fn rest(&mut self) {
        self.meter.flush();
        self.meter.interrupt();
        self.turn_to(None);
        self.core.lie_down();
        self.core.sleep.sleep(self.number, || {
            self.core.is_stopping() || self.view.borrow_mut().has_work()
        });
        self.core.wake_up();
    }

    fn perform(&mut self, work: Work<T>) {
        let start = self.meter.start();
        seat::polls(start);
        let fiber = match work {
            Work::Fiber(fiber) => {
                fiber.run();
                self.turn_to(Some(&fiber.job().tenant));
                fiber
            }
            Work::Item { item, slots, job } => {
                self.turn_to(Some(&job.tenant));
                let Some(fiber) = self.start(item, slots, job) else {
                    return;
                };
                fiber
            }
        };
        if fiber.poll() {
            self.directory.forget(fiber.job());
        }
        let spent = self.meter.stop(start, fiber.job());
        fiber.spend(spent);
        self.view.borrow_mut().spend(spent);
    }

    fn turn_to(&mut self, tenant: Option<&Arc<TenantCore>>) {
        if self.polled.as_ref().map(Arc::as_ptr) != tenant.map(Arc::as_ptr) {
            self.polled = tenant.cloned();
            self.core.set_polled(self.number, tenant.cloned());
        }
    }

    /// Makes a fiber of an item; none if that panicked.
    fn start(&mut self, item: T, slots: u32, job: Arc<JobCore>) -> Option<Arc<Fiber>> {
        let fiber = Fiber::running(job);
        let turn = Turn::new(Arc::clone(&fiber), slots);
        match catch_unwind(AssertUnwindSafe(|| item.execute(turn))) {
            Ok(future) => {
                fiber.set_future(future);
                Some(fiber)
            }
            Err(panic) => {
                fiber.report(&*panic);
                if fiber.finish(None) {
                    self.directory.forget(fiber.job());
                }
                None
            }
        }
    }
}

/// What the worker's time went to: one reading of the clock per poll, charged in portions.
#[derive(Debug, Default)]
struct Meter {
    /// The end of the last poll, unless the worker has searched since.
    last: Option<Instant>,
    job: Option<Arc<JobCore>>,
    uncharged: Duration,
}

impl Meter {
    fn start(&mut self) -> Instant {
        self.last.take().unwrap_or_else(clock::now)
    }

    fn stop(&mut self, start: Instant, job: &Arc<JobCore>) -> Duration {
        let now = clock::now();
        let spent = now.saturating_duration_since(start);
        self.last = Some(now);
        if !self
            .job
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, job))
        {
            self.flush();
            self.job = Some(Arc::clone(job));
        }
        self.uncharged += spent;
        if self.uncharged >= PORTION {
            self.charge();
        }
        spent
    }

    fn interrupt(&mut self) {
        self.last = None;
    }

    fn flush(&mut self) {
        self.charge();
        self.job = None;
    }

    fn charge(&mut self) {
        if let Some(job) = &self.job {
            job.charge(std::mem::take(&mut self.uncharged));
        }
    }
}
