//! Rule 6: an actor's state, the order of its calls, its death, its names.

use cases::{eventually, failure, ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::tasks::{Counter, Log, nap, nap_and_tell};

#[track_caller]
fn assert_died<T: std::fmt::Debug>(result: Result<T>) {
    let error = failure(result);
    assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}");
}

pub fn an_actor_keeps_its_state() -> Result<()> {
    let counter = Counter::remote(10);
    assert_eq!(counter.add(1).get()?, 11);
    counter.add(1);
    counter.add(1);
    assert_eq!(counter.value().get()?, 13);
    assert_eq!(Counter::remote(0).value().get()?, 0, "each has its own");
    Ok(())
}

pub fn calls_of_one_caller_keep_their_order() -> Result<()> {
    let counter = Counter::remote(0);
    let results: Vec<_> = (0..500).map(|_| counter.add(1)).collect();
    assert_eq!(wrun::get(&results)?, (1..=500).collect::<Vec<u64>>());
    Ok(())
}

pub fn a_call_that_waits_holds_back_the_next() -> Result<()> {
    let log = Log::remote();
    log.add(slow_line::remote("first", 500));
    log.add("second".to_owned());
    assert_eq!(log.lines().get()?, ["first", "second"]);
    Ok(())
}

#[wrun::task]
fn slow_line(line: String, milliseconds: u64) -> String {
    wrun::sleep(ms(milliseconds));
    line
}

pub fn methods_run_one_at_a_time() -> Result<()> {
    let counter = Counter::remote(0);
    let (time, results) =
        timed(|| wrun::get(&[counter.slow(200), counter.slow(200), counter.slow(200)]));
    assert_eq!(results?, [1, 2, 3]);
    assert!(time >= ms(590), "{time:?}");
    Ok(())
}

pub fn actors_run_side_by_side() -> Result<()> {
    let counters = [0, 0, 0, 0].map(Counter::remote);
    wrun::get(&counters.each_ref().map(|counter| counter.value()))?;
    let (time, results) =
        timed(|| wrun::get(&counters.each_ref().map(|counter| counter.slow(600))));
    assert_eq!(results?, [1, 1, 1, 1]);
    assert!(time < ms(1800), "{time:?}");
    Ok(())
}

pub fn an_error_leaves_the_actor_alive() -> Result<()> {
    let counter = Counter::remote(0);
    let error = failure(counter.fail("no luck".to_owned()).get());
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Application, "no luck")
    );
    assert!(
        error.task().is_some_and(|task| task.contains("fail")),
        "{error:?}"
    );
    assert_eq!(
        counter.value().get()?,
        100,
        "what it did before the error stays done"
    );
    Ok(())
}

/// The call that breaks it tells how; those behind it tell that the actor is dead.
fn dies_of(counter: &Handle<Counter>, last: &ObjectRef<u64>, kind: ErrorKind) -> Result<()> {
    let behind = counter.add(1);
    let error = failure(last.get());
    assert!(
        error.kind() == kind || error.kind() == ErrorKind::ActorDied,
        "{error:?}"
    );
    assert_died(behind.get());
    assert_died(counter.value().get());
    Ok(())
}

pub fn a_trap_kills_the_actor() -> Result<()> {
    let counter = Counter::remote(0);
    dies_of(&counter, &counter.traps(), ErrorKind::Trap)
}

pub fn a_panic_kills_the_actor() -> Result<()> {
    let counter = Counter::remote(0);
    let last = counter.panics();
    dies_of(&counter, &last, ErrorKind::Panic)?;
    assert!(
        failure(last.get())
            .message()
            .contains("the counter is broken")
    );
    Ok(())
}

pub fn a_restart_runs_the_constructor_again() -> Result<()> {
    let counter = Counter::options().max_restarts(1).remote(10);
    assert_eq!(counter.add(5).get()?, 15);
    assert!(!counter.restarted().get()?);
    failure(counter.panics().get());
    eventually("it is back", || Ok(counter.value().get().is_ok()))?;
    assert_eq!(counter.value().get()?, 10, "the state is the constructor's");
    assert!(counter.restarted().get()?);
    Ok(())
}

pub fn restarts_come_to_an_end() -> Result<()> {
    let counter = Counter::options().max_restarts(2).remote(0);
    for _ in 0..2 {
        counter.kill_and_restart()?;
        eventually("it is back", || Ok(counter.value().get().is_ok()))?;
    }
    counter.kill_and_restart()?;
    wrun::sleep(ms(100));
    assert_died(counter.value().get());
    let counter = Counter::options().max_restarts(2).remote(0);
    counter.kill()?;
    wrun::sleep(ms(100));
    assert_died(counter.value().get());
    Ok(())
}

pub fn a_call_after_a_kill_is_not_served_by_the_old_life() -> Result<()> {
    let counter = Counter::options().max_restarts(wrun::FOREVER).remote(0);
    for _ in 0..200 {
        eventually("it is there", || Ok(counter.add(1).get().is_ok()))?;
        counter.kill_and_restart()?;
        if let Ok(value) = counter.value().get() {
            assert_eq!(value, 0, "the state of the life before");
        }
    }
    Ok(())
}

#[wrun::actor]
#[derive(Debug)]
struct Picky;

#[wrun::actor]
impl Picky {
    fn new(likes: bool) -> Result<Self> {
        wrun::ensure!(likes, "it does not like to start");
        Ok(Self)
    }

    fn hello(&self) -> u64 {
        1
    }
}

pub fn a_constructor_that_fails_shows_in_the_calls() -> Result<()> {
    assert_eq!(Picky::remote(true).hello().get()?, 1);
    let picky = Picky::remote(false);
    for _ in 0..2 {
        let error = failure(picky.hello().get());
        let told = format!("{error} {}", error.cause().unwrap_or_default());
        assert!(told.contains("it does not like to start"), "{told}");
    }
    Ok(())
}

#[wrun::task]
fn add_often(counter: Handle<Counter>, times: u64) -> Result<u64> {
    let results: Vec<_> = (0..times).map(|_| counter.add(1)).collect();
    let results = wrun::get(&results)?;
    wrun::ensure!(
        results.is_sorted(),
        "one caller's calls came out of order: {results:?}"
    );
    Ok(times)
}

pub fn handles_go_to_tasks() -> Result<()> {
    let counter = Counter::remote(0);
    let callers: Vec<_> = (0..5).map(|_| add_often::remote(&counter, 20)).collect();
    wrun::get(&callers)?;
    assert_eq!(counter.value().get()?, 100);
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Team {
    name: String,
    members: Vec<Handle<Counter>>,
}

#[wrun::task]
fn count_all(team: Team) -> Result<(String, u64)> {
    let values: Vec<_> = team.members.iter().map(|member| member.value()).collect();
    Ok((team.name, wrun::get(&values)?.into_iter().sum()))
}

pub fn handles_go_inside_values() -> Result<()> {
    let team = Team {
        name: "three".to_owned(),
        members: [1, 2, 3].map(Counter::remote).to_vec(),
    };
    let stored = wrun::put(team);
    assert_eq!(count_all::remote(&stored).get()?, ("three".to_owned(), 6));
    let team = stored.get()?;
    assert_eq!(team.members[2].add(1).get()?, 4);
    Ok(())
}

#[wrun::actor]
struct Sharer {
    shared: u64,
}

#[wrun::actor]
impl Sharer {
    fn new() -> Self {
        Self { shared: 0 }
    }

    fn handle(&self) -> Result<Handle<Sharer>> {
        wrun::this_actor()
    }

    fn bump(&mut self) -> u64 {
        self.shared += 1;
        self.shared
    }
}

pub fn an_actor_knows_itself() -> Result<()> {
    let sharer = Sharer::remote();
    let same = sharer.handle().get()?;
    assert_eq!(sharer.bump().get()?, 1);
    assert_eq!(same.bump().get()?, 2);
    let error = failure(wrun::this_actor::<Sharer>());
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    Ok(())
}

pub fn kill_is_at_once() -> Result<()> {
    let counter = Counter::remote(0);
    counter.value().get()?;
    let slow = counter.slow(20_000);
    wrun::sleep(ms(200));
    let (time, result) = timed(|| counter.kill().and_then(|()| slow.get()));
    assert_died(result);
    assert!(time < ms(2000), "{time:?}");
    Ok(())
}

pub fn kill_fails_what_waits() -> Result<()> {
    let counter = Counter::remote(0);
    let waiting = [
        counter.slow(5000),
        counter.add(1),
        counter.add(nap::remote(100)),
    ];
    counter.kill()?;
    for call in &waiting {
        assert_died(call.get());
    }
    assert_died(counter.add(1).get());
    Ok(())
}

pub fn terminate_lets_pending_calls_finish() -> Result<()> {
    let counter = Counter::remote(0);
    let pending = [counter.slow(200), counter.add(10), counter.slow(200)];
    counter.terminate()?;
    let late = counter.add(1);
    assert_eq!(wrun::get(&pending)?, [1, 11, 12]);
    assert_died(late.get());
    Ok(())
}

/// An actor that works through its handle only.
#[wrun::actor]
struct Worker {
    log: Handle<Log>,
}

#[wrun::actor]
impl Worker {
    fn new(log: Handle<Log>) -> Self {
        Self { log }
    }

    fn work(&self, line: String) -> Result<()> {
        wrun::sleep(ms(100));
        self.log.add(line).get()
    }
}

pub fn the_last_handle_gone_ends_the_actor() -> Result<()> {
    let log = Log::remote();
    let worker = Worker::options().name("the worker").remote(&log);
    for line in ["a", "b", "c"] {
        worker.work(line.to_owned());
    }
    let other = worker.clone();
    drop(worker);
    other.work("d".to_owned());
    drop(other);
    eventually("what was asked is done", || {
        Ok(log.lines().get()?.len() == 4)
    })?;
    assert_eq!(log.lines().get()?, ["a", "b", "c", "d"]);
    eventually("the actor ends", || {
        Ok(wrun::get_actor::<Worker>("the worker").is_err())
    })
}

#[wrun::task]
fn use_later(worker: Handle<Worker>, line: String) -> Result<()> {
    wrun::sleep(ms(400));
    worker.work(line).get()
}

pub fn a_handle_in_a_task_keeps_the_actor() -> Result<()> {
    let log = Log::remote();
    let worker = Worker::remote(&log);
    let later = use_later::remote(&worker, "later");
    drop(worker);
    later.get()?;
    assert_eq!(log.lines().get()?, ["later"]);
    Ok(())
}

#[wrun::task]
fn find_and_add(name: String) -> Result<u64> {
    wrun::get_actor::<Counter>(&name)?.add(1).get()
}

pub fn named_actors_are_found() -> Result<()> {
    let counter = Counter::options().name("counter").remote(5);
    assert_eq!(counter.value().get()?, 5);
    assert_eq!(find_and_add::remote("counter").get()?, 6);
    assert_eq!(wrun::get_actor::<Counter>("counter")?.value().get()?, 6);
    let error = failure(wrun::get_actor::<Counter>("nobody"));
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.message().contains("nobody"), "{error}");
    Ok(())
}

pub fn a_taken_name_is_refused() -> Result<()> {
    let first = Counter::options().name("taken").remote(1);
    first.value().get()?;
    let second = Counter::options().name("taken").remote(2);
    let error = failure(second.value().get());
    assert_eq!(error.kind(), ErrorKind::Exists, "{error}");
    let same = Counter::options()
        .name("taken")
        .get_if_exists(true)
        .remote(3);
    assert_eq!(same.add(1).get()?, 2);
    assert_eq!(first.value().get()?, 2);
    Ok(())
}

pub fn a_name_is_free_after_death() -> Result<()> {
    let first = Counter::options().name("reused").remote(1);
    first.value().get()?;
    first.kill()?;
    eventually("the name is free", || {
        let second = Counter::options().name("reused").remote(2);
        Ok(second.value().get().is_ok_and(|value| value == 2))
    })?;
    assert_died(first.value().get());
    Ok(())
}

#[wrun::task]
fn start_detached(name: String) -> Result<()> {
    let counter = Counter::options().name(name).detached(true).remote(7);
    counter.value().get().map(|_| ())
}

pub fn detached_actors_stay() -> Result<()> {
    start_detached::remote("stays").get()?;
    wrun::sleep(ms(200));
    let counter = wrun::get_actor::<Counter>("stays")?;
    assert_eq!(counter.add(1).get()?, 8);
    drop(counter);
    wrun::sleep(ms(200));
    let counter = wrun::get_actor::<Counter>("stays")?;
    assert_eq!(counter.value().get()?, 8);
    counter.kill()
}

pub fn too_many_pending_calls_are_refused() -> Result<()> {
    let counter = Counter::options().max_pending_calls(3).remote(0);
    counter.value().get()?;
    let calls: Vec<_> = (0..20).map(|_| counter.slow(50)).collect();
    let refused: Vec<Error> = calls.iter().filter_map(|call| call.get().err()).collect();
    assert!((1..20).contains(&refused.len()), "{}", refused.len());
    assert!(
        refused.iter().all(|error| error.kind() == ErrorKind::Limit),
        "{refused:?}"
    );
    assert!(counter.add(1).get().is_ok(), "there is room again");
    Ok(())
}

#[wrun::actor]
struct Middle {
    counter: Handle<Counter>,
}

#[wrun::actor]
impl Middle {
    fn new(counter: Handle<Counter>) -> Self {
        Self { counter }
    }

    fn add(&self, n: u64) -> Result<u64> {
        self.counter.add(n).get()
    }
}

pub fn an_actor_may_call_another() -> Result<()> {
    let middle = Middle::remote(Counter::remote(1));
    assert_eq!(middle.add(2).get()?, 3);
    let log = Log::remote();
    nap_and_tell::remote(&log, "from a task", 1).get()?;
    assert_eq!(log.lines().get()?, ["from a task"]);
    Ok(())
}

pub fn the_pool_spreads_calls() -> Result<()> {
    let mut pool = ActorPool::new([Counter::remote(0), Counter::remote(0), Counter::remote(0)]);
    let (time, results) = timed(|| {
        pool.map(|counter, n| counter.slow(n), vec![500_u64; 3])
            .collect::<Vec<_>>()
    });
    let results: Result<Vec<u64>> = results.into_iter().collect();
    assert_eq!(results?, [1, 1, 1]);
    assert!(time < ms(1300), "{time:?}");
    let results: Result<Vec<u64>> = pool
        .map_unordered(|counter, n| counter.add(n), [10_u64; 30])
        .collect();
    assert_eq!(results?.len(), 30);
    Ok(())
}
