//! `test_actor_retry_1.py` and `test_actor_retry_2.py`: methods that are tried again, after errors and after the actor's
//! death.

use cases::failure;
use wrun::prelude::*;

use crate::signal::{self, Signal};

/// How often something was tried.
#[wrun::actor]
struct Tries {
    count: usize,
}

#[wrun::actor]
impl Tries {
    fn new() -> Self {
        Self { count: 0 }
    }

    /// Gives the number of tries before this one.
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    fn count(&self) -> usize {
        self.count
    }
}

/// Makes trouble as it is told.
#[wrun::actor]
struct Trouble {
    calls: u64,
}

#[wrun::actor]
impl Trouble {
    fn new() -> Self {
        Self { calls: 0 }
    }

    /// Fails so many times.
    #[wrun(max_retries = 5, retry_errors = true)]
    fn fails(&self, tries: Handle<Tries>, times: usize) -> Result<usize> {
        let before = tries.next().get()?;
        wrun::ensure!(before >= times, "try {before} fails");
        Ok(before)
    }

    /// For each try one letter: `e` is an error, `x` the actor's death; after them it goes well.
    #[wrun(retry_errors = true)]
    fn acts(&self, tries: Handle<Tries>, actions: String) -> Result<usize> {
        let before = tries.next().get()?;
        match actions.chars().nth(before) {
            Some('e') => wrun::bail!("try {before} fails"),
            Some(_) => panic!("try {before} breaks the actor"),
            None => Ok(before),
        }
    }

    /// The first call fails.
    #[wrun(max_retries = 1, retry_errors = true)]
    fn second_time(&mut self, _after: u64) -> Result<u64> {
        self.calls += 1;
        wrun::ensure!(self.calls > 1, "the first time");
        Ok(self.calls)
    }

    fn same(&self, x: u64) -> u64 {
        x
    }

    #[wrun(stream)]
    fn one_and_error(&self, tries: Handle<Tries>) -> Vec<usize> {
        let before = tries.next().get().unwrap_or_default();
        assert!(before > 0, "it breaks");
        vec![before]
    }
}

pub fn method_raise_5_times() -> Result<()> {
    let (tries, trouble) = (Tries::remote(), Trouble::remote());
    assert_eq!(trouble.fails(&tries, 5).get()?, 5);
    assert_eq!(tries.count().get()?, 6);
    Ok(())
}

pub fn method_raise_no_over_retry() -> Result<()> {
    let (tries, trouble) = (Tries::remote(), Trouble::remote());
    let error = failure(trouble.fails(&tries, 6).get());
    assert_eq!((error.message(), error.attempt()), ("try 5 fails", 5));
    assert_eq!(tries.count().get()?, 6);
    Ok(())
}

pub fn method_no_retry_without_retry_exceptions() -> Result<()> {
    let (tries, trouble) = (Tries::remote(), Trouble::remote());
    failure(trouble.options().retry_errors(false).fails(&tries, 5).get());
    assert_eq!(tries.count().get()?, 1);
    Ok(())
}

pub fn options_takes_precedence() -> Result<()> {
    let (tries, trouble) = (Tries::remote(), Trouble::remote());
    assert_eq!(
        trouble.options().max_retries(10).fails(&tries, 10).get()?,
        10
    );
    assert_eq!(tries.count().get()?, 11);
    let tries = Tries::remote();
    failure(trouble.options().max_retries(10).fails(&tries, 11).get());
    assert_eq!(tries.count().get()?, 11);
    Ok(())
}

/// Restarts come to their end before the retries do.
pub fn method_exit_no_over_retry_max_restarts() -> Result<()> {
    let tries = Tries::remote();
    let trouble = Trouble::options().max_restarts(1).remote();
    let error = failure(trouble.options().max_retries(4).acts(&tries, "exx").get());
    assert!(
        matches!(error.kind(), ErrorKind::ActorDied | ErrorKind::Panic),
        "{error:?}"
    );
    assert_eq!(tries.count().get()?, 3);
    Ok(())
}

pub fn exit_only_no_over_retry() -> Result<()> {
    let tries = Tries::remote();
    let trouble = Trouble::options().max_restarts(2).remote();
    assert_eq!(
        trouble.options().max_retries(2).acts(&tries, "xx").get()?,
        2
    );
    assert_eq!(tries.count().get()?, 3);
    Ok(())
}

pub fn method_raise_and_exit() -> Result<()> {
    for actions in ["xx", "xe", "ex", "ee"] {
        for times in [wrun::FOREVER, 2] {
            let tries = Tries::remote();
            let trouble = Trouble::options().max_restarts(times).remote();
            let result = trouble
                .options()
                .max_retries(times)
                .acts(&tries, actions)
                .get();
            assert_eq!(
                result.map_err(|error| wrun::Error::new(format!("{actions}: {error}")))?,
                2
            );
            assert_eq!(tries.count().get()?, 3);
        }
    }
    Ok(())
}

pub fn method_raise_and_exit_no_over_retry() -> Result<()> {
    for actions in ["eee", "xee", "exe", "eex", "exx"] {
        let tries = Tries::remote();
        let trouble = Trouble::options().max_restarts(1).remote();
        failure(trouble.options().max_retries(2).acts(&tries, actions).get());
        assert_eq!(tries.count().get()?, 3, "{actions}");
    }
    Ok(())
}

pub fn task_retries_on_dequeue() -> Result<()> {
    let tries = Tries::remote();
    let trouble = Trouble::options().max_restarts(2).remote();
    failure(trouble.options().max_retries(2).acts(&tries, "xxx").get());
    assert_eq!(tries.count().get()?, 3);
    Ok(())
}

/// The second call waits for the first one's result, and the first one's second attempt does not wait for the second call.
pub fn retry_dependent_task_on_same_actor() -> Result<()> {
    let (signal, trouble) = (Signal::remote(), Trouble::remote());
    let one = trouble.second_time(signal::wait(&signal));
    let two = trouble.same(&one);
    signal.send();
    assert_eq!(two.get_timeout(Duration::from_secs(20))?, 2);
    Ok(())
}

pub fn generator_method_no_retry_without_retry_exceptions() -> Result<()> {
    let tries = Tries::remote();
    let trouble = Trouble::options().max_restarts(1).remote();
    let mut stream = trouble.one_and_error(&tries);
    failure(stream.next().ok_or("no error")?.get());
    assert!(stream.next().is_none());
    assert_eq!(tries.count().get()?, 1);
    Ok(())
}
