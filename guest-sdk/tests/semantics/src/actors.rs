//! Calls of actors.

use std::collections::HashMap;

use wrun::prelude::*;

use super::{Checked, Clock, Counter, nap};

/// Remembers what it was told, and can do various things wrong.
#[wrun::actor]
pub(super) struct Diary {
    lines: Vec<String>,
}

#[wrun::actor]
impl Diary {
    pub(super) fn new() -> Self {
        Diary { lines: Vec::new() }
    }

    pub(super) fn write(&mut self, line: String) -> usize {
        self.lines.push(line);
        self.count()
    }

    pub(super) fn write_after(&mut self, _done: u64, line: String) -> usize {
        self.write(line)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }

    pub(super) fn burn(&mut self, how: String) -> Result<(), String> {
        assert!(how != "panic", "burnt");
        Err(how)
    }

    pub(super) fn nap(&self, ms: u64) -> u64 {
        wrun::sleep(Duration::from_millis(ms));
        ms
    }

    pub(super) fn nap_elsewhere(&self, ms: u64) -> wrun::Result<u64> {
        nap::remote(ms).get()
    }

    pub(super) fn me(&self) -> wrun::Result<Handle<Diary>> {
        wrun::this_actor()
    }

    pub(super) fn name(&self) -> wrun::Result<String> {
        Ok(wrun::context()?.name)
    }

    #[wrun(num_returns = 2)]
    pub(super) fn first_and_last(&self) -> (Option<String>, Option<String>) {
        (self.lines.first().cloned(), self.lines.last().cloned())
    }

    #[wrun(stream)]
    pub(super) fn read(&self) -> Vec<String> {
        self.lines.clone()
    }

    #[wrun(skip)]
    fn count(&self) -> usize {
        self.lines.len()
    }
}

pub(super) fn methods_keep_their_order() -> Checked {
    let diary = Diary::remote();
    for i in 0..200 {
        diary.write(i.to_string());
    }
    let lines = diary.lines().get()?;
    assert!(
        lines
            .iter()
            .zip(0..200)
            .all(|(line, i)| *line == i.to_string())
            && lines.len() == 200
    );
    Ok(())
}

pub(super) fn state_lives_on() -> Checked {
    let counter = Counter::remote(10);
    let refs: Vec<_> = (0..3).map(|_| counter.inc()).collect();
    assert_eq!(wrun::get(&refs)?, [11, 12, 13]);
    assert_eq!(counter.add(7).get()?, 20);
    Ok(())
}

pub(super) fn an_err_leaves_it_alive() -> Checked {
    let diary = Diary::remote();
    diary.write("a");
    let error = diary.burn("matches").get().unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Application, "matches")
    );
    assert_eq!(diary.write("b").get()?, 2);
    Ok(())
}

pub(super) fn a_panic_kills_it() -> Checked {
    let diary = Diary::remote();
    let (burnt, pending) = (diary.burn("panic"), diary.write("after"));
    let error = burnt.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.message().starts_with("burnt, at "), "{error}");
    assert!(pending.get().unwrap_err().is_actor_died());
    assert!(diary.lines().get().unwrap_err().is_actor_died());
    Ok(())
}

struct Picky(i64);

#[wrun::actor]
impl Picky {
    fn open(n: i64) -> Result<Self, String> {
        assert!(n != 13, "unlucky");
        if n < 0 {
            Err(format!("{n} is negative"))
        } else {
            Ok(Picky(n))
        }
    }

    fn value(&self) -> i64 {
        self.0
    }
}

pub(super) fn a_failed_constructor_shows_in_calls() -> Checked {
    assert_eq!(Picky::remote(1).value().get()?, 1);
    for (n, why) in [(-1, "-1 is negative"), (13, "unlucky")] {
        let error = Picky::remote(n).value().get().unwrap_err();
        assert!(error.is_actor_died(), "{error}");
        assert!(
            error.to_string().contains(why)
                || error.cause().is_some_and(|cause| cause.contains(why)),
            "{error}"
        );
    }
    Ok(())
}

#[wrun::task]
fn bump(counter: Handle<Counter>, times: usize) -> wrun::Result<i64> {
    let refs: Vec<_> = (0..times).map(|_| counter.inc()).collect();
    Ok(*wrun::get(&refs)?.last().unwrap_or(&0))
}

#[wrun::task]
fn bump_all(counters: Vec<(String, Handle<Counter>)>) -> wrun::Result<Vec<Handle<Counter>>> {
    for (_, counter) in &counters {
        counter.inc().get()?;
    }
    Ok(counters.into_iter().map(|(_, counter)| counter).collect())
}

pub(super) fn handles_travel() -> Checked {
    let counter = Counter::remote(0);
    wrun::get(&bump::map((0..4).map(|_| (&counter, 5_usize))))?;
    assert_eq!(counter.value().get()?, 20);
    let other = Counter::remote(100);
    let named = vec![("a".to_owned(), counter.clone()), ("b".to_owned(), other)];
    let back = bump_all::remote(&named).get()?;
    assert_eq!(
        back.iter()
            .map(|counter| counter.value().get())
            .collect::<Result<Vec<_>>>()?,
        [21, 101]
    );
    Ok(())
}

#[wrun::task]
fn bump_by_name(name: String) -> wrun::Result<i64> {
    wrun::get_actor::<Counter>(&name)?.inc().get()
}

pub(super) fn names_are_found() -> Checked {
    let counter = Counter::options().name("tally").remote(5);
    assert_eq!(bump_by_name::remote("tally").get()?, 6);
    assert_eq!(counter.value().get()?, 6);
    assert_eq!(
        wrun::get_actor::<Counter>("nobody").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    Ok(())
}

pub(super) fn taken_names() -> Checked {
    let first = Counter::options().name("only").remote(5);
    first.value().get()?;
    let second = Counter::options().name("only").remote(50);
    assert_eq!(second.error().map(Error::kind), Some(ErrorKind::Exists));
    assert_eq!(second.value().get().unwrap_err().kind(), ErrorKind::Exists);
    let same = Counter::options()
        .name("only")
        .get_if_exists(true)
        .remote(500);
    assert_eq!(same.inc().get()?, 6);
    assert_eq!(first.value().get()?, 6);
    Ok(())
}

pub(super) fn an_argument_that_waits_holds_back_the_caller() -> Checked {
    let diary = Diary::remote();
    let clock = Clock::start();
    diary.write_after(nap::remote(300), "first");
    diary.write("second");
    assert_eq!(diary.lines().get()?, ["first", "second"]);
    assert!(clock.ms() >= 300);
    Ok(())
}

#[wrun::task]
fn write_line(diary: Handle<Diary>, line: String) -> wrun::Result<usize> {
    diary.write(line).get()
}

pub(super) fn other_callers_overtake() -> Checked {
    let diary = Diary::remote();
    diary.write_after(nap::remote(500), "slow");
    write_line::remote(&diary, "quick").get()?;
    assert_eq!(diary.lines().get()?, ["quick", "slow"]);
    Ok(())
}

pub(super) fn idle_actors_hold_no_slots() -> Checked {
    let counters: Vec<_> = (0..20).map(Counter::remote).collect();
    let values: Vec<_> = counters.iter().map(|counter| counter.inc()).collect();
    assert_eq!(wrun::get(&values)?.len(), 20);
    let clock = Clock::start();
    wrun::get(&nap::map([100; 4]))?;
    assert!(clock.ms() < 1000);
    Ok(())
}

pub(super) fn blocked_methods_hold_no_slots() -> Checked {
    let diaries: Vec<_> = (0..8).map(|_| Diary::remote()).collect();
    let naps: Vec<_> = diaries
        .iter()
        .map(|diary| diary.nap_elsewhere(50))
        .collect();
    assert_eq!(wrun::get(&naps)?, [50; 8]);
    Ok(())
}

pub(super) fn an_actor_knows_itself() -> Checked {
    let diary = Diary::remote();
    diary.me().get()?.write("by itself").get()?;
    assert_eq!(diary.lines().get()?, ["by itself"]);
    assert!(wrun::this_actor::<Diary>().is_err());
    Ok(())
}

pub(super) fn methods_have_options() -> Checked {
    let diary = Diary::remote();
    assert_eq!(
        diary
            .options()
            .name("note")
            .timeout(Duration::from_secs(60))
            .write("a")
            .get()?,
        1
    );
    assert!(
        diary
            .options()
            .max_retries(1)
            .retry_errors(true)
            .burn("wet")
            .get()
            .is_err()
    );
    assert!(diary.options().calls().name().get()?.contains("name"));
    Ok(())
}

pub(super) fn methods_with_several_results() -> Checked {
    let diary = Diary::remote();
    for line in ["a", "b", "c"] {
        diary.write(line);
    }
    let (first, last) = diary.first_and_last();
    assert_eq!(
        wrun::get((&first, &last))?,
        (Some("a".to_owned()), Some("c".to_owned()))
    );
    Ok(())
}

pub(super) fn too_many_pending_calls() -> Checked {
    let diary = Diary::options().max_pending_calls(2).remote();
    diary.lines().get()?;
    let calls: Vec<_> = (0..8).map(|_| diary.nap(100)).collect();
    let errors: Vec<_> = calls.iter().filter_map(|call| call.get().err()).collect();
    assert!((5..=6).contains(&errors.len()), "{} refused", errors.len());
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Limit));
    Ok(())
}

/// An existing type, made an actor by a wrapper whose methods pass on.
struct Store(HashMap<String, u64>);

#[wrun::actor]
impl Store {
    fn from_pairs(pairs: Vec<(String, u64)>) -> Self {
        Store(pairs.into_iter().collect())
    }

    fn get(&self, key: String) -> Option<u64> {
        self.0.get(&key).copied()
    }

    fn insert(&mut self, key: String, value: u64) -> Option<u64> {
        self.0.insert(key, value)
    }
}

pub(super) fn a_wrapped_type() -> Checked {
    let store = Store::remote([("a".to_owned(), 1)]);
    assert_eq!(store.insert("b", 2).get()?, None);
    assert_eq!(
        wrun::get((&store.get("a"), &store.get("b"), &store.get("c")))?,
        (Some(1), Some(2), None)
    );
    Ok(())
}

pub(super) fn constructor_arguments_may_be_refs() -> Checked {
    let counter = Counter::remote(super::add::remote(40, 1));
    assert_eq!(counter.inc().get()?, 42);
    let failed = super::fail::remote(1, "no start");
    let error = Counter::remote(failed).inc().get().unwrap_err();
    assert!(
        error.to_string().contains("no start")
            || error.cause().is_some_and(|c| c.contains("no start")),
        "{error}"
    );
    Ok(())
}

pub(super) fn helpers_are_not_remote() -> Checked {
    assert_eq!(Diary::new().count(), 0);
    let mut local = Counter::new(1);
    assert_eq!(local.inc(), 2);
    Ok(())
}

struct Relay(Handle<Counter>);

#[wrun::actor]
impl Relay {
    fn new(target: Handle<Counter>) -> Self {
        Relay(target)
    }

    fn forward(&self, n: i64) -> ObjectRef<i64> {
        self.0.add(n)
    }
}

pub(super) fn actors_call_actors() -> Checked {
    let counter = Counter::remote(0);
    let relay = Relay::remote(&counter);
    // An actor is one caller in all its methods, so its calls keep their order too.
    let sums = (1..=20).map(|n| relay.forward(n)).collect::<Vec<_>>();
    let inner = wrun::get(&sums)?;
    let mut expected = 0;
    for (n, sum) in (1..=20).zip(wrun::get(&inner)?) {
        expected += n;
        assert_eq!(sum, expected);
    }
    Ok(())
}
