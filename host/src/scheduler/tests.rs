//! The scheduler on real threads. No test asserts a time, but for wide ratios.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use super::*;
use crate::rt::clock::now;

const ONE: NonZeroU32 = NonZeroU32::MIN;
const PATIENCE: Duration = Duration::from_secs(60);

type Body = Box<dyn FnOnce(Turn) -> FiberFuture + Send>;

struct Item {
    slots: u32,
    body: Body,
}

impl Execute for Item {
    fn slots(&self) -> u32 {
        self.slots
    }

    fn execute(self, turn: Turn) -> FiberFuture {
        (self.body)(turn)
    }
}

fn item<F>(slots: u32, body: impl FnOnce(Turn) -> F + Send + 'static) -> Item
where
    F: Future<Output = ()> + Send + 'static,
{
    let body: Body = Box::new(move |turn| Box::pin(body(turn)));
    Item { slots, body }
}

struct Fixture {
    scheduler: Option<Scheduler<Item>>,
    tenant: Tenant<Item>,
    job: Job<Item>,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    fn new(workers: usize, slots: u32) -> Self {
        Self::with(workers, slots, |options| options)
    }

    fn with(
        workers: usize,
        slots: u32,
        change: impl FnOnce(SchedulerOptions) -> SchedulerOptions,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_time().build().unwrap();
        let options = SchedulerOptions::new(runtime.handle().clone())
            .workers(NonZeroUsize::new(workers).unwrap())
            .slots(slots);
        let scheduler = Scheduler::start(change(options)).unwrap();
        let tenant = scheduler.tenant(ONE);
        let job = tenant.job();
        let scheduler = Some(scheduler);
        Self {
            scheduler,
            tenant,
            job,
            runtime,
        }
    }

    fn scheduler(&self) -> &Scheduler<Item> {
        self.scheduler.as_ref().unwrap()
    }

    fn push<F>(&self, slots: u32, body: impl FnOnce(Turn) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        assert!(self.job.push(item(slots, body)).is_ok());
    }
}

#[track_caller]
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Counts who holds slots, and the most that was ever held.
#[derive(Default)]
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Held {
    fn take(&self, slots: usize) {
        let now = self.now.fetch_add(slots, SeqCst) + slots;
        self.most.fetch_max(now, SeqCst);
    }

    fn give(&self, slots: usize) {
        self.now.fetch_sub(slots, SeqCst);
    }
}

#[test]
fn each_item_runs_once() {
    const ITEMS: usize = 20_000;
    let fixture = Fixture::new(2, 2 * SLOT);
    let runs = Arc::new((0..ITEMS).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>());
    let done = Arc::new(AtomicUsize::new(0));
    let counters = (Arc::clone(&runs), Arc::clone(&done));
    let push = move |job: &Job<Item>, number: usize| {
        let (runs, done) = counters.clone();
        let pushed = job.push(item(SLOT, move |turn| async move {
            let _held = turn;
            runs[number].fetch_add(1, SeqCst);
            done.fetch_add(1, SeqCst);
        }));
        assert!(pushed.is_ok());
    };
    let from_fiber = {
        let (job, push) = (fixture.job.clone(), push.clone());
        move |turn: Turn| async move {
            let _held = turn;
            (0..ITEMS / 2).for_each(|number| push(&job, number))
        }
    };
    fixture.push(SLOT, from_fiber);
    (ITEMS / 2..ITEMS).for_each(|number| push(&fixture.job, number));
    eventually("all items run", || done.load(SeqCst) == ITEMS);
    assert!(runs.iter().all(|runs| runs.load(SeqCst) == 1));
    eventually("all fibers gone", || fixture.job.stats().fibers == 0);
}

#[test]
fn slots_are_never_exceeded() {
    let fixture = Fixture::new(2, 3 * SLOT);
    let (held, done) = (Arc::new(Held::default()), Arc::new(AtomicUsize::new(0)));
    for number in 0..3_000_u32 {
        let slots = [SLOT, SLOT / 2, 2 * SLOT, SLOT, 0, 3 * SLOT, SLOT][number as usize % 7];
        let (held, done) = (Arc::clone(&held), Arc::clone(&done));
        fixture.push(slots, move |mut turn| async move {
            let slots = turn.held() as usize;
            held.take(slots);
            tokio::task::yield_now().await;
            held.give(slots);
            turn.block(Wait::Bounded, tokio::task::yield_now()).await;
            assert_eq!(turn.held() as usize, slots);
            held.take(slots);
            if number % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            held.give(slots);
            done.fetch_add(1, SeqCst);
        });
    }
    eventually("all run", || done.load(SeqCst) == 3_000);
    assert!(held.most.load(SeqCst) <= 3 * SLOT as usize);
}

#[test]
fn more_sleepers_than_workers_hold_their_slots() {
    let fixture = Fixture::new(2, 9 * SLOT);
    let gate = Arc::new(Notify::new());
    let indices = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..10 {
        let (gate, indices) = (Arc::clone(&gate), Arc::clone(&indices));
        fixture.push(SLOT, move |mut turn| async move {
            let open = gate.notified();
            indices.lock().push(turn.slot_index().unwrap());
            open.await;
        });
    }
    eventually("nine run", || indices.lock().len() == 9);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(fixture.job.stats().queued, 1);
    let mut seen = indices.lock().clone();
    seen.sort_unstable();
    assert_eq!(seen, (0..9).collect::<Vec<_>>());
    gate.notify_one();
    eventually("the tenth runs", || indices.lock().len() == 10);
    assert!(indices.lock()[9] < 9);
    gate.notify_waiters();
    gate.notify_one();
}

#[test]
fn blocked_gives_its_slot_back() {
    let fixture = Fixture::new(1, SLOT);
    let (open, opened) = oneshot::channel::<()>();
    let (done, is_done) = mpsc::channel();
    fixture.push(SLOT, move |mut turn| async move {
        turn.block(Wait::Forever, opened).await.unwrap();
        assert_eq!(turn.held(), SLOT);
        done.send(()).unwrap();
    });
    eventually("it blocks", || fixture.job.stats().blocked == 1);
    fixture.push(SLOT, move |turn| async move {
        let _held = turn;
        open.send(()).unwrap()
    });
    is_done.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_wait_dropped_at_any_point_loses_no_slot() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let done = Arc::new(AtomicUsize::new(0));
    for number in 0..2_000_u64 {
        let done = Arc::clone(&done);
        fixture.push(SLOT, move |mut turn| async move {
            for step in 0..4 {
                let limit = Duration::from_micros((number * 37 + step * 91) % 400);
                let wait = turn.block(Wait::Bounded, tokio::task::yield_now());
                let _ = tokio::time::timeout(limit, wait).await;
            }
            done.fetch_add(1, SeqCst);
        });
    }
    eventually("all run", || done.load(SeqCst) == 2_000);
    let (all, has_all) = mpsc::channel();
    fixture.push(2 * SLOT, move |turn| async move {
        let _held = turn;
        all.send(()).unwrap()
    });
    has_all
        .recv_timeout(PATIENCE)
        .expect("all slots are free again");
}

fn fib(job: Job<Item>, number: u32, result: oneshot::Sender<u64>) -> Item {
    item(SLOT, move |mut turn| async move {
        if number < 2 {
            result.send(u64::from(number)).unwrap();
            return;
        }
        let mut sum = 0;
        let children = [1, 2].map(|less| {
            let (child, answer) = oneshot::channel();
            assert!(job.push(fib(job.clone(), number - less, child)).is_ok());
            answer
        });
        for child in children {
            sum += turn.block(Wait::Forever, child).await.unwrap();
        }
        result.send(sum).unwrap();
    })
}

#[test]
fn recursion_completes_with_any_number_of_slots() {
    for (workers, slots) in [(1, 1), (2, 1), (2, 2), (2, 7)] {
        let fixture = Fixture::new(workers, slots * SLOT);
        let (result, answer) = oneshot::channel();
        assert!(
            fixture
                .job
                .push(fib(fixture.job.clone(), 18, result))
                .is_ok()
        );
        assert_eq!(answer.blocking_recv().unwrap(), 2_584);
        eventually("all fibers gone", || fixture.job.stats().fibers == 0);
        eventually("nothing is active", || fixture.tenant.is_stalled());
    }
}

/// Fibers that burn CPU and yield until told to stop; returns the tenant's CPU time.
fn spin(tenant: &Tenant<Item>, fibers: usize, stop: &Arc<AtomicBool>) -> Job<Item> {
    let job = tenant.job();
    for _ in 0..fibers {
        let stop = Arc::clone(stop);
        let started = job.start(move |turn| async move {
            let _held = turn;
            while !stop.load(SeqCst) {
                let start = now();
                while start.elapsed() < Duration::from_micros(300) {
                    std::hint::spin_loop();
                }
                tokio::task::yield_now().await;
            }
        });
        assert!(started.is_ok());
    }
    job
}

fn share_of_first(weights: [u32; 2], fibers: [usize; 2]) -> f64 {
    let fixture = Fixture::new(2, 2 * SLOT);
    let stop = Arc::new(AtomicBool::new(false));
    let tenants = weights.map(|weight| {
        let weight = NonZeroU32::new(weight).unwrap();
        fixture.scheduler().tenant(weight)
    });
    let jobs = [0, 1].map(|number| spin(&tenants[number], fibers[number], &stop));
    eventually("two seconds of CPU", || {
        tenants[0].cpu() + tenants[1].cpu() > Duration::from_secs(2)
    });
    let [first, second] = tenants.map(|tenant| tenant.cpu().as_secs_f64());
    stop.store(true, SeqCst);
    eventually("all stop", || {
        jobs.iter().all(|job| job.stats().fibers == 0)
    });
    first / (first + second)
}

#[test]
fn equal_tenants_share_equally_whatever_they_ask() {
    let share = share_of_first([1, 1], [4, 40]);
    assert!((0.35..0.65).contains(&share), "{share}");
}

#[test]
fn weights_divide_the_time() {
    let share = share_of_first([1, 3], [8, 8]);
    assert!((0.15..0.37).contains(&share), "{share}");
}

#[test]
fn who_keeps_its_slots_keeps_nobody_else_from_starting() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let stop = Arc::clone(&stop);
        let keeper = item(SLOT, move |turn| async move {
            let _held = turn;
            while !stop.load(SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        assert!(fixture.job.push(keeper).is_ok());
    }
    eventually("both slots are held", || fixture.job.stats().queued == 0);
    let (done, seen) = mpsc::channel();
    let start = |job: &Job<Item>| {
        let done = done.clone();
        let item = item(SLOT, move |_| async move { done.send(()).unwrap() });
        assert!(job.push(item).is_ok());
    };
    start(&fixture.job);
    let other = fixture.scheduler().tenant(ONE).job();
    start(&other);
    seen.recv_timeout(PATIENCE).unwrap();
    assert_eq!(fixture.job.stats().queued, 1, "its own tenant has no slot");
    stop.store(true, SeqCst);
    seen.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn who_comes_late_shares_from_then_on() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let stop = Arc::new(AtomicBool::new(false));
    let early = fixture.tenant.clone();
    let late = fixture.scheduler().tenant(ONE);
    let first = spin(&early, 4, &stop);
    eventually("it runs alone", || early.cpu() > Duration::from_millis(500));
    let alone = early.cpu();
    let second = spin(&late, 4, &stop);
    eventually("the late one has run", || {
        late.cpu() > Duration::from_millis(500)
    });
    let ratio = (early.cpu() - alone).as_secs_f64() / late.cpu().as_secs_f64();
    let sibling = spin(&early, 4, &stop);
    eventually("so has a late job", || {
        sibling.stats().cpu > Duration::from_millis(300)
    });
    let jobs = first.stats().cpu.as_secs_f64() / sibling.stats().cpu.as_secs_f64();
    stop.store(true, SeqCst);
    let all = [first, second, sibling];
    eventually("all stop", || all.iter().all(|job| job.stats().fibers == 0));
    assert!((0.4..2.5).contains(&ratio), "{ratio}");
    assert!(jobs > 1.5, "the first job had a lead of 1 s: {jobs}");
}

#[test]
fn yielding_fibers_and_new_items_both_go_on() {
    let fixture = Fixture::new(1, 2 * SLOT);
    let stop = Arc::new(AtomicBool::new(false));
    let (turns, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let spinner = {
        let (stop, turns) = (Arc::clone(&stop), Arc::clone(&turns));
        move |turn: Turn| async move {
            let _held = turn;
            while !stop.load(SeqCst) {
                turns.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
            }
        }
    };
    fn endless(job: Job<Item>, stop: Arc<AtomicBool>, runs: Arc<AtomicUsize>) -> Item {
        item(SLOT, move |turn| async move {
            let _held = turn;
            runs.fetch_add(1, SeqCst);
            if !stop.load(SeqCst) {
                let next = endless(job.clone(), stop, runs);
                assert!(job.push(next).is_ok());
            }
        })
    }
    fixture.push(SLOT, spinner);
    let first = endless(fixture.job.clone(), Arc::clone(&stop), Arc::clone(&runs));
    assert!(fixture.job.push(first).is_ok());
    eventually("both go on", || {
        turns.load(SeqCst) > 10_000 && runs.load(SeqCst) > 10_000
    });
    stop.store(true, SeqCst);
    let (turns, runs) = (turns.load(SeqCst) as f64, runs.load(SeqCst) as f64);
    assert!(
        (0.1..10.0).contains(&(turns / runs)),
        "{turns} turns, {runs} runs"
    );
}

#[test]
fn a_big_item_is_not_starved_by_small_ones() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let stop = Arc::new(AtomicBool::new(false));
    fn small(job: Job<Item>, stop: Arc<AtomicBool>) -> Item {
        item(SLOT, move |turn| async move {
            let _held = turn;
            tokio::time::sleep(Duration::from_micros(500)).await;
            if !stop.load(SeqCst) {
                let next = small(job.clone(), stop);
                assert!(job.push(next).is_ok());
            }
        })
    }
    for _ in 0..8 {
        let first = small(fixture.job.clone(), Arc::clone(&stop));
        assert!(fixture.job.push(first).is_ok());
    }
    for _ in 0..3 {
        let (done, is_done) = mpsc::channel();
        fixture.push(2 * SLOT, move |turn| async move {
            let _held = turn;
            done.send(()).unwrap()
        });
        is_done.recv_timeout(PATIENCE).expect("the big item runs");
    }
    stop.store(true, SeqCst);
    eventually("all end", || fixture.job.stats().fibers == 0);
}

#[test]
fn items_without_slots_start_at_once() {
    let fixture = Fixture::new(1, SLOT);
    let (open, opened) = oneshot::channel::<()>();
    fixture.push(SLOT, move |turn| async move {
        let _held = turn;
        opened.await.unwrap()
    });
    eventually("the slot is held", || fixture.job.stats().queued == 0);
    let (done, is_done) = mpsc::channel();
    fixture.push(SLOT, |turn| async move { drop(turn) });
    fixture.push(0, move |mut turn| async move {
        assert_eq!(turn.slot_index(), None);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).unwrap();
    assert_eq!(fixture.job.stats().queued, 1);
    open.send(()).unwrap();
}

#[test]
fn what_can_never_start_is_refused() {
    let fixture = Fixture::new(1, SLOT);
    let pushed = fixture
        .job
        .push(item(SLOT + 1, |turn| async move { drop(turn) }));
    assert!(matches!(pushed, Err(PushError::TooManySlots(_))));
    assert_eq!(fixture.job.stats().queued, 0);
    assert!(fixture.tenant.is_stalled());
}

#[test]
fn close_returns_what_is_queued() {
    let fixture = Fixture::new(2, SLOT);
    let (open, opened) = oneshot::channel::<()>();
    fixture.push(SLOT, move |turn| async move {
        let _held = turn;
        opened.await.unwrap()
    });
    eventually("it runs", || fixture.job.stats().queued == 0);
    for slots in [SLOT, SLOT / 2, SLOT, SLOT / 4] {
        fixture.push(slots, |turn| async move {
            let _held = turn;
            panic!("it never starts")
        });
    }
    assert_eq!(fixture.job.stats().queued, 4);
    assert_eq!(fixture.job.close().len(), 4);
    assert!(matches!(
        fixture.job.push(item(SLOT, |_| async {})),
        Err(PushError::Closed(_))
    ));
    assert_eq!(fixture.job.start(|_| async {}), Err(JobClosed));
    let stats = fixture.job.stats();
    assert_eq!((stats.queued, stats.fibers), (0, 1));
    open.send(()).unwrap();
    eventually("its fiber goes on to its end", || {
        fixture.job.stats().fibers == 0
    });
    eventually("it is forgotten", || {
        fixture.scheduler().directory.all().is_empty()
    });
}

#[test]
fn close_races_with_pushes_and_starts() {
    let fixture = Fixture::new(2, 2 * SLOT);
    for _ in 0..200 {
        let job = fixture.tenant.job();
        let (ran, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let pusher = {
            let (job, ran, kept) = (job.clone(), Arc::clone(&ran), Arc::clone(&kept));
            move |turn: Turn| async move {
                let _held = turn;
                for _ in 0..300 {
                    let ran = Arc::clone(&ran);
                    let pushed = job.push(item(SLOT, move |turn| async move {
                        let _held = turn;
                        ran.fetch_add(1, SeqCst);
                    }));
                    kept.fetch_add(usize::from(pushed.is_ok()), SeqCst);
                }
            }
        };
        job.start(pusher).unwrap();
        std::thread::yield_now();
        let taken = job.close().len();
        eventually("all fibers end", || job.stats().fibers == 0);
        assert_eq!(ran.load(SeqCst) + taken, kept.load(SeqCst));
    }
}

#[test]
fn a_panic_ends_its_fiber_only() {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&panics);
    let fixture = Fixture::with(1, SLOT, move |options| {
        options.on_panic(move |job, message| seen.lock().push((job, message.to_owned())))
    });
    fixture.push(SLOT, |turn| async move {
        let _held = turn;
        panic!("one")
    });
    let body: Body = Box::new(|_turn| panic!("two"));
    assert!(fixture.job.push(Item { slots: SLOT, body }).is_ok());
    let (done, is_done) = mpsc::channel();
    fixture.push(SLOT, move |turn| async move {
        let _held = turn;
        done.send(()).unwrap()
    });
    is_done
        .recv_timeout(PATIENCE)
        .expect("the slot and the worker are there");
    eventually("all fibers gone", || fixture.job.stats().fibers == 0);
    let id = fixture.job.id();
    assert_eq!(
        *panics.lock(),
        [(id, "one".to_owned()), (id, "two".to_owned())]
    );
}

#[test]
fn a_stall_lets_one_waiter_go_at_a_time() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let tenant = fixture.tenant.clone();
    let gone = Arc::new(AtomicUsize::new(0));
    let (hold, held) = watch::channel(false);
    for _ in 0..3 {
        let (tenant, gone, mut held) = (tenant.clone(), Arc::clone(&gone), held.clone());
        fixture.push(SLOT, move |mut turn| async move {
            turn.block(Wait::Forever, tenant.stalled()).await;
            gone.fetch_add(1, SeqCst);
            // Active: a bounded wait.
            while !*held.borrow_and_update() {
                turn.block(Wait::Bounded, held.changed()).await.unwrap();
            }
        });
    }
    eventually("one goes", || gone.load(SeqCst) == 1);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(gone.load(SeqCst), 1, "the first is active still");
    assert!(!tenant.is_stalled());
    hold.send(true).unwrap();
    eventually("the others go, one after another", || {
        gone.load(SeqCst) == 3
    });
    eventually("nothing is left", || fixture.job.stats().fibers == 0);
}

#[test]
fn no_stall_while_something_can_run() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let tenant = fixture.tenant.clone();
    // Keeps the tenant active until the watcher is there.
    let (open, opened) = oneshot::channel::<()>();
    fixture.push(SLOT, move |mut turn| async move {
        turn.block(Wait::Bounded, opened).await.unwrap();
    });
    let stalls = Arc::new(AtomicUsize::new(0));
    let watcher = {
        let stalls = Arc::clone(&stalls);
        fixture.runtime.spawn(async move {
            tenant.stalled().await;
            stalls.fetch_add(1, SeqCst);
        })
    };
    let (result, answer) = oneshot::channel();
    assert!(
        fixture
            .job
            .push(fib(fixture.job.clone(), 16, result))
            .is_ok()
    );
    assert_eq!(answer.blocking_recv().unwrap(), 987);
    assert_eq!(stalls.load(SeqCst), 0);
    open.send(()).unwrap();
    eventually("the end is a stall", || stalls.load(SeqCst) == 1);
    fixture.runtime.block_on(watcher).unwrap();
}

#[test]
fn shutdown_while_busy_drops_everything() {
    let mut fixture = Fixture::new(2, 2 * SLOT);
    let alive = Arc::new(());
    for number in 0..200 {
        let alive = Arc::clone(&alive);
        let job = fixture.job.clone();
        fixture.push(SLOT, move |mut turn| async move {
            let _alive = alive;
            match number % 3 {
                0 => {
                    turn.block(Wait::Forever, std::future::pending::<()>())
                        .await
                }
                1 => loop {
                    tokio::task::yield_now().await;
                },
                _ => {
                    turn.idle(tokio::time::sleep(Duration::from_micros(50)))
                        .await;
                    let _ = job.push(item(SLOT, |_| async {}));
                }
            }
        });
        if number % 10 == 0 {
            let alive = Arc::clone(&Arc::new(()));
            let _ = fixture.job.start(move |turn| async move {
                let _held = turn;
                let _alive = alive;
                std::future::pending::<()>().await;
            });
        }
    }
    eventually("some run", || fixture.job.stats().fibers > 10);
    let core = Arc::downgrade(&fixture.scheduler().core);
    fixture.scheduler.take().unwrap().shutdown();
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(fixture.job.stats().fibers, 0);
    assert!(matches!(
        fixture.job.push(item(SLOT, |_| async {})),
        Err(PushError::Closed(_))
    ));
    drop(fixture);
    eventually("nothing keeps the core", || core.strong_count() == 0);
}

#[test]
fn a_fiber_may_drop_its_own_scheduler() {
    let mut fixture = Fixture::new(2, 2 * SLOT);
    let scheduler = fixture.scheduler.take().unwrap();
    let (done, is_done) = mpsc::channel();
    fixture.push(SLOT, move |turn| async move {
        let _held = turn;
        drop(scheduler);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).unwrap();
    eventually("it ends", || fixture.job.stats().fibers == 0);
}

#[test]
fn busy_is_told_in_order() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let fixture = Fixture::with(2, 2 * SLOT, move |options| {
        options.on_busy(move |busy| seen.lock().push(busy))
    });
    eventually("all sleep", || fixture.scheduler().running() == 0);
    for _ in 0..100 {
        let (done, is_done) = mpsc::channel();
        fixture.push(SLOT, move |turn| async move {
            let _held = turn;
            done.send(()).unwrap()
        });
        is_done.recv_timeout(PATIENCE).unwrap();
    }
    eventually("all sleep", || fixture.scheduler().running() == 0);
    let calls = calls.lock();
    assert!(calls.len() >= 2 && !calls[calls.len() - 1]);
    assert!(calls.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn a_fiber_without_slots_takes_and_gives_them() {
    let fixture = Fixture::new(1, SLOT);
    let (done, is_done) = mpsc::channel();
    let started = fixture.job.start(move |mut turn| async move {
        assert_eq!((turn.held(), turn.worker()), (0, Some(0)));
        for _ in 0..3 {
            turn.acquire(SLOT).await;
            assert_eq!((turn.held(), turn.slot_index()), (SLOT, Some(0)));
            turn.idle(tokio::time::sleep(Duration::from_millis(1)))
                .await;
            assert_eq!(turn.held(), 0);
        }
        done.send(()).unwrap();
    });
    assert!(started.is_ok());
    is_done.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn should_yield_says_whether_others_wait() {
    let fixture = Fixture::new(1, SLOT);
    let (done, is_done) = mpsc::channel();
    let job = fixture.job.clone();
    fixture.push(SLOT, move |turn| async move {
        let alone = turn.should_yield();
        assert!(job.start(|turn| async move { drop(turn) }).is_ok());
        done.send((alone, turn.should_yield())).unwrap();
    });
    assert_eq!(is_done.recv_timeout(PATIENCE).unwrap(), (false, true));
}

#[test]
fn many_jobs_come_and_go() {
    let fixture = Fixture::new(2, 2 * SLOT);
    let done = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..200).map(|_| fixture.tenant.job()).collect();
    for round in 0..20 {
        for job in &jobs {
            let done = Arc::clone(&done);
            let pushed = job.push(item(SLOT, move |mut turn| async move {
                turn.block(Wait::Bounded, tokio::task::yield_now()).await;
                done.fetch_add(1, SeqCst);
            }));
            assert!(pushed.is_ok());
        }
        eventually("a round is run", || {
            done.load(SeqCst) == (round + 1) * jobs.len()
        });
    }
    eventually("no fibers", || {
        jobs.iter().all(|job| job.stats().fibers == 0)
    });
    drop(jobs);
    assert_eq!(fixture.scheduler().directory.all().len(), 1);
}

/// Prints a figure; run with `--release --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn throughput_of_empty_items() {
    struct Empty(&'static Counted);
    struct Counted {
        done: [crossbeam::utils::CachePadded<AtomicUsize>; 2],
    }
    impl Execute for Empty {
        fn slots(&self) -> u32 {
            SLOT
        }
        fn execute(self, turn: Turn) -> FiberFuture {
            Box::pin(async move {
                let turn = turn;
                self.0.done[turn.worker().unwrap()].fetch_add(1, SeqCst);
            })
        }
    }
    const ITEMS: usize = 3_000_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    for workers in [1, 2] {
        let options = SchedulerOptions::new(runtime.handle().clone())
            .workers(NonZeroUsize::new(workers).unwrap())
            .slots(2 * SLOT);
        let scheduler = Scheduler::start(options).unwrap();
        let job = scheduler.tenant(ONE).job();
        let counted: &Counted = Box::leak(Box::new(Counted {
            done: Default::default(),
        }));
        let total = || {
            counted
                .done
                .iter()
                .map(|done| done.load(SeqCst))
                .sum::<usize>()
        };
        let start = now();
        let pusher = job.clone();
        let started = job.start(move |turn| async move {
            let _held = turn;
            for number in 0..ITEMS {
                assert!(pusher.push(Empty(counted)).is_ok());
                if number % 1_000 == 999 {
                    tokio::task::yield_now().await;
                }
            }
        });
        assert!(started.is_ok());
        while total() < ITEMS {
            std::thread::sleep(Duration::from_millis(1));
        }
        let rate = ITEMS as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!(
            "{workers} workers: {rate:.2} million items a second, cpu {:?}",
            job.stats().cpu
        );
    }
}

/// Prints a figure; run with `--release --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn throughput_of_a_recursion() {
    for (workers, slots) in [(1, 1), (2, 1), (2, 2), (2, 8)] {
        let fixture = Fixture::new(workers, slots * SLOT);
        let (result, answer) = oneshot::channel();
        let start = now();
        assert!(
            fixture
                .job
                .push(fib(fixture.job.clone(), 25, result))
                .is_ok()
        );
        assert_eq!(answer.blocking_recv().unwrap(), 75_025);
        let rate = 242_785.0 / start.elapsed().as_secs_f64() / 1e6;
        println!("{workers} workers, {slots} slots: {rate:.2} million tasks a second");
    }
}
