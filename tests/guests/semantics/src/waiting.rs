//! Rule 2: what `get` and `wait` give, and when.

use cases::{failure, ms, timed};
use wrun::prelude::*;

use crate::tasks::{add, fail, nap};

pub fn get_gives_values_in_order() -> Result<()> {
    let naps = [600, 0, 300].map(nap::remote);
    assert_eq!(wrun::get(&naps)?, [600, 0, 300]);
    let text = wrun::put("text".to_owned());
    assert_eq!(wrun::get((&naps[1], &text))?, (0, "text".to_owned()));
    assert!(wrun::get(&Vec::<ObjectRef<u64>>::new())?.is_empty());
    Ok(())
}

pub fn get_gives_up_after_its_timeout() -> Result<()> {
    let slow = nap::remote(1500);
    let (time, result) = timed(|| slow.get_timeout(ms(200)));
    let error = failure(result);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(ms(190) < time && time < ms(1200), "{time:?}");
    let error = failure(wrun::get_timeout(&[slow.clone(), nap::remote(0)], ms(50)));
    assert!(error.is_timeout(), "{error}");
    assert_eq!(slow.get()?, 1500, "the task goes on");
    Ok(())
}

pub fn get_with_no_time_answers_at_once() -> Result<()> {
    let slow = nap::remote(500);
    assert!(failure(slow.get_timeout(ms(0))).is_timeout());
    assert_eq!(slow.get()?, 500);
    assert_eq!(slow.get_timeout(ms(0))?, 500);
    Ok(())
}

pub fn get_gives_the_first_error_without_the_rest() -> Result<()> {
    let refs = [
        nap::remote(3000),
        fail::remote("no luck"),
        nap::remote(3000),
    ];
    let (time, result) = timed(|| wrun::get(&refs));
    assert_eq!(failure(result).message(), "no luck");
    assert!(time < ms(1500), "{time:?}");
    Ok(())
}

pub fn what_can_never_run_fails_at_once() -> Result<()> {
    let (time, result) = timed(|| nap::options().num_cpus(1000).remote(0).get());
    let error = failure(result);
    assert_eq!(error.kind(), ErrorKind::Unschedulable, "{error}");
    assert!(
        error.message().contains("1000"),
        "it tells what was asked for: {error}"
    );
    assert!(time < ms(1000), "{time:?}");
    Ok(())
}

pub fn what_can_never_fit_fails_at_once() -> Result<()> {
    let error = failure(nap::options().memory(1 << 50).remote(0).get());
    assert_eq!(error.kind(), ErrorKind::Unschedulable, "{error}");
    Ok(())
}

pub fn wait_keeps_the_order() -> Result<()> {
    let naps = [0, 2000, 0, 2000, 0].map(nap::remote);
    let (ready, rest) = wrun::wait(&naps, 3, None)?;
    assert_eq!(wrun::get(&ready)?, [0, 0, 0]);
    assert_eq!(
        names(&ready),
        names(&[naps[0].clone(), naps[2].clone(), naps[4].clone()])
    );
    assert_eq!(names(&rest), names(&[naps[1].clone(), naps[3].clone()]));
    Ok(())
}

/// What refs are called, to compare them.
fn names<T>(refs: &[ObjectRef<T>]) -> Vec<String> {
    refs.iter().map(ToString::to_string).collect()
}

pub fn wait_gives_at_most_what_it_is_asked_for() -> Result<()> {
    let done: Vec<_> = (0..5).map(|i| add::remote(i, 0)).collect();
    wrun::get(&done)?;
    let (ready, rest) = wrun::wait(&done, 2, None)?;
    assert_eq!((ready.len(), rest.len()), (2, 3));
    let (ready, rest) = wrun::wait(&done, 5, Some(ms(0)))?;
    assert_eq!((ready.len(), rest.len()), (5, 0));
    Ok(())
}

pub fn wait_gives_fewer_after_its_timeout() -> Result<()> {
    let naps = [0, 3000, 3000].map(nap::remote);
    let (time, result) = timed(|| wrun::wait(&naps, 3, Some(ms(500))));
    let (ready, rest) = result?;
    assert_eq!((ready.len(), rest.len()), (1, 2));
    assert!(ms(490) < time && time < ms(2000), "{time:?}");
    let (ready, rest) = wrun::wait(&naps[1..], 1, Some(ms(0)))?;
    assert_eq!((ready.len(), rest.len()), (0, 2));
    Ok(())
}

pub fn wait_counts_errors_as_ready() -> Result<()> {
    let refs = [nap::remote(2000), fail::remote("no luck")];
    let (ready, rest) = wrun::wait(&refs, 1, None)?;
    assert_eq!((ready.len(), rest.len()), (1, 1));
    assert_eq!(failure(ready[0].get()).message(), "no luck");
    Ok(())
}

pub fn wait_refuses_duplicates() -> Result<()> {
    let one = wrun::put(1);
    let error = failure(wrun::wait(&[one.clone(), one], 1, None));
    assert_eq!(error.kind(), ErrorKind::BadArgument, "{error}");
    Ok(())
}

pub fn wait_refuses_impossible_numbers() -> Result<()> {
    let refs = [wrun::put(1), wrun::put(2)];
    for number in [0, 3] {
        let error = failure(wrun::wait(&refs, number, None));
        assert_eq!(error.kind(), ErrorKind::BadArgument, "{error}");
    }
    Ok(())
}

pub fn wait_for_nothing_is_nothing() -> Result<()> {
    let (ready, rest) = wrun::wait(&[] as &[ObjectRef<u64>], 1, None)?;
    assert!(ready.is_empty() && rest.is_empty());
    Ok(())
}

pub fn results_as_they_complete() -> Result<()> {
    let naps = nap::map([900_u64, 0, 450]);
    let order: Result<Vec<u64>> = wrun::as_completed(naps).map(|nap| nap.get()).collect();
    assert_eq!(order?, [0, 450, 900]);
    Ok(())
}

pub fn many_refs_in_one_wait() -> Result<()> {
    let mut refs: Vec<_> = (0..9_999).map(wrun::put).collect();
    refs.push(nap::remote(300));
    let (ready, rest) = wrun::wait(&refs, 10_000, None)?;
    assert_eq!((ready.len(), rest.len()), (10_000, 0));
    assert_eq!(
        wrun::get(&refs)?.into_iter().sum::<u64>(),
        9_999 * 9_998 / 2 + 300
    );
    Ok(())
}
