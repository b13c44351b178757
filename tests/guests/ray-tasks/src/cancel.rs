//! `test_cancel.py`: what is cancelled, and what is not.

use cases::{failure, ms};
use wrun::prelude::*;

use crate::signal::{self, Signal};

/// Waits for the ref inside its argument.
#[wrun::task]
fn wait_for(refs: Vec<ObjectRef<u64>>) -> Result<u64> {
    wrun::get(&refs)?;
    Ok(1)
}

fn behind(before: &ObjectRef<u64>) -> ObjectRef<u64> {
    wait_for::remote([before.clone()])
}

/// The task itself was cancelled, or failed because what it waited for was.
#[track_caller]
fn assert_stopped(result: &ObjectRef<u64>) {
    let error = failure(result.get_timeout(Duration::from_secs(20)));
    let by_child = error.kind() == ErrorKind::Application && error.message().contains("cancel");
    assert!(error.is_cancelled() || by_child, "{error:?}");
}

fn nothing_ready(refs: &[ObjectRef<u64>]) -> Result<()> {
    let (ready, _) = wrun::wait(refs, 1, Some(ms(200)))?;
    wrun::ensure!(ready.is_empty(), "{} are ready too early", ready.len());
    Ok(())
}

pub fn cancel_chain() -> Result<()> {
    let signal = Signal::remote();
    let one = behind(&signal::wait(&signal));
    let two = behind(&one);
    let three = behind(&two);
    nothing_ready(std::slice::from_ref(&one))?;
    one.cancel()?;
    [&one, &two, &three].into_iter().for_each(assert_stopped);

    let one = behind(&signal::wait(&signal));
    let two = behind(&one);
    let three = behind(&two);
    let four = behind(&three);
    nothing_ready(std::slice::from_ref(&three))?;
    three.cancel()?;
    [&three, &four].into_iter().for_each(assert_stopped);
    assert!(failure(one.get_timeout(ms(100))).is_timeout());
    assert!(failure(two.get_timeout(ms(100))).is_timeout());
    signal.send();
    assert_eq!(wrun::get(&[one, two])?, [1, 1]);
    Ok(())
}

pub fn cancel_multiple_dependents() -> Result<()> {
    let signal = Signal::remote();
    let head = behind(&signal::wait(&signal));
    let dependents = [behind(&head), behind(&head), behind(&head)];
    nothing_ready(std::slice::from_ref(&head))?;
    head.cancel()?;
    dependents.iter().for_each(assert_stopped);

    let head = behind(&signal::wait(&signal));
    let dependents = [behind(&head), behind(&head), behind(&head)];
    for dependent in &dependents {
        dependent.cancel()?;
    }
    dependents.iter().for_each(assert_stopped);
    signal.send();
    assert_eq!(
        head.get()?,
        1,
        "cancelling who waits leaves what it waits for"
    );
    Ok(())
}

/// On one slot.
pub fn single_cpu_cancel() -> Result<()> {
    let signal = Signal::remote();
    let one = behind(&signal::wait(&signal));
    let two = behind(&one);
    let three = behind(&two);
    let other = behind(&signal::wait(&signal));
    nothing_ready(std::slice::from_ref(&three))?;
    three.cancel()?;
    assert_stopped(&three);
    one.cancel()?;
    [&one, &two].into_iter().for_each(assert_stopped);
    signal.send();
    assert_eq!(other.get()?, 1);
    Ok(())
}

#[wrun::task]
fn combine(a: u64, b: u64) -> u64 {
    a + b
}

pub fn comprehensive() -> Result<()> {
    let signal = Signal::remote();
    let (a, b) = (
        behind(&signal::wait(&signal)),
        behind(&signal::wait(&signal)),
    );
    let both = combine::remote(&a, &b);
    let after_a = behind(&a);
    nothing_ready(&[a.clone(), b.clone(), after_a.clone(), both.clone()])?;
    a.cancel()?;
    assert_stopped(&a);
    assert_stopped(&after_a);
    signal.send();
    assert_stopped(&both);
    assert_eq!(b.get()?, 1);
    Ok(())
}

#[wrun::task]
fn sleeps(for_ever: bool) -> u64 {
    if for_ever {
        loop {
            wrun::sleep(ms(100));
        }
    }
    0
}

/// On one slot, a hundred tasks of which some would never end are cancelled, some of them before they start.
pub fn stress() -> Result<()> {
    let first = sleeps::remote(true);
    let tasks: Vec<_> = (0..100_u32).map(|i| (i % 3 == 0, i * 7 % 5 < 2)).collect();
    let results: Vec<_> = tasks
        .iter()
        .map(|(for_ever, _)| sleeps::remote(*for_ever))
        .collect();
    for (result, _) in results.iter().zip(&tasks).filter(|(_, (_, early))| *early) {
        result.cancel()?;
    }
    first.cancel()?;
    assert_stopped(&first);
    for (result, _) in results
        .iter()
        .zip(&tasks)
        .filter(|(_, (for_ever, early))| *for_ever && !early)
    {
        result.cancel()?;
    }
    for (result, (for_ever, early)) in results.iter().zip(&tasks) {
        if *for_ever {
            assert_stopped(result);
        } else if !early {
            assert_eq!(result.get_timeout(Duration::from_secs(30))?, 0);
        } else if result.get_timeout(Duration::from_secs(30)).is_err() {
            assert_stopped(result); // else it was faster
        }
    }
    Ok(())
}

#[wrun::task]
fn same(x: u64) -> u64 {
    x
}

/// Cancelling races with finishing; either is right, nothing hangs.
pub fn fast() -> Result<()> {
    let signal = Signal::remote();
    let mut results: Vec<_> = (0..100).map(same::remote).collect();
    for result in &results {
        result.cancel()?;
    }
    let sent = signal::wait(&signal);
    let queued: Vec<_> = (0..2000).map(|_| same::remote(&sent)).collect();
    for result in queued.iter().step_by(20) {
        result.cancel()?;
    }
    signal.send();
    results.extend(queued);
    for result in &results {
        if let Err(error) = result.get_timeout(Duration::from_secs(30)) {
            assert!(error.is_cancelled(), "{error:?}");
        }
    }
    assert!(
        results
            .iter()
            .skip(101)
            .step_by(20)
            .all(|result| result.get().is_ok())
    );
    Ok(())
}

#[wrun::task]
fn starts_a_waiter(refs: Vec<ObjectRef<u64>>) -> Vec<ObjectRef<u64>> {
    vec![wait_for::remote(refs)]
}

/// Who has a ref may cancel its task, whoever started it.
pub fn remote_cancel() -> Result<()> {
    let signal = Signal::remote();
    let inner = starts_a_waiter::remote([signal::wait(&signal)]).get()?;
    assert!(failure(inner[0].get_timeout(ms(300))).is_timeout());
    inner[0].cancel()?;
    assert_stopped(&inner[0]);
    Ok(())
}

#[wrun::task]
fn outer() -> Result<u64> {
    let inner = [sleeps::remote(true), sleeps::remote(true)];
    wrun::get(&inner)?;
    Ok(0)
}

/// The children end with the parent, so that the slots are free again.
pub fn recursive_cancel() -> Result<()> {
    let slots = wrun::context()?.slots;
    let outer = outer::remote();
    wrun::sleep(ms(300));
    outer.cancel()?;
    assert_stopped(&outer);
    let all = same::options().num_cpus(slots).remote(5);
    assert_eq!(all.get_timeout(Duration::from_secs(10))?, 5);
    Ok(())
}
