//! `get`, `wait` and `as_completed`.

use wrun::prelude::*;

use super::{Checked, Clock, add, fail, nap};

pub(super) fn get_keeps_the_order() -> Checked {
    let naps = nap::map([200, 1, 100]);
    assert_eq!(wrun::get(&naps)?, [200, 1, 100]);
    assert_eq!(wrun::get(&naps[1..])?, [1, 100]);
    Ok(())
}

pub(super) fn get_of_a_tuple() -> Checked {
    let (number, word) = (add::remote(1, 2), wrun::put("word".to_owned()));
    let list = [add::remote(1, 1), add::remote(2, 2)];
    assert_eq!(
        wrun::get((&number, &word, &list))?,
        (3, "word".to_owned(), vec![2, 4])
    );
    assert_eq!(wrun::get(&number)?, 3);
    Ok(())
}

pub(super) fn get_of_nothing() -> Checked {
    assert!(wrun::get(&Vec::<ObjectRef<i64>>::new())?.is_empty());
    Ok(())
}

pub(super) fn get_times_out_and_the_task_goes_on() -> Checked {
    let slow = nap::remote(400);
    let clock = Clock::start();
    let error = slow.get_timeout(Duration::from_millis(50)).unwrap_err();
    assert!(
        error.is_timeout() && clock.ms() < 350,
        "{error} after {} ms",
        clock.ms()
    );
    assert!(slow.get_timeout(Duration::ZERO).unwrap_err().is_timeout());
    assert!(
        wrun::get_timeout((&slow, &slow), Duration::from_millis(1))
            .unwrap_err()
            .is_timeout()
    );
    assert_eq!(slow.get()?, 400);
    assert_eq!(slow.get_timeout(Duration::ZERO)?, 400);
    Ok(())
}

pub(super) fn get_gives_the_first_error_at_once() -> Checked {
    let clock = Clock::start();
    let refs = [
        add::remote(nap_as_i64::remote(2000), 1),
        fail::remote(1, "early"),
    ];
    assert_eq!(wrun::get(&refs).unwrap_err().message(), "early");
    assert!(clock.ms() < 1500);
    refs[0].cancel()
}

#[wrun::task]
fn nap_as_i64(ms: u64) -> i64 {
    wrun::sleep(Duration::from_millis(ms));
    0
}

pub(super) fn wait_keeps_the_order() -> Checked {
    let naps = nap::map([1000, 1, 1, 1000]);
    let (ready, rest) = wrun::wait(&naps, 2, None)?;
    assert_eq!(wrun::get(&ready)?, [1, 1]);
    assert_eq!(rest.len(), 2);
    assert_eq!(wrun::get(&rest)?, [1000, 1000]);
    Ok(())
}

pub(super) fn wait_gives_at_most_what_was_asked() -> Checked {
    let refs: Vec<_> = (0..5).map(wrun::put).collect();
    let (ready, rest) = wrun::wait(&refs, 2, None)?;
    assert_eq!(
        (wrun::get(&ready)?, wrun::get(&rest)?),
        (vec![0, 1], vec![2, 3, 4])
    );
    Ok(())
}

pub(super) fn wait_times_out() -> Checked {
    let naps = nap::map([1, 1000]);
    let clock = Clock::start();
    let (ready, rest) = wrun::wait(&naps, 2, Some(Duration::from_millis(300)))?;
    let ms = clock.ms();
    assert!((250..900).contains(&ms), "{ms}");
    assert_eq!((ready.len(), rest.len()), (1, 1));
    let (ready, rest) = wrun::wait(&rest, 1, Some(Duration::ZERO))?;
    assert_eq!((ready.len(), rest.len()), (0, 1));
    assert!(!rest[0].is_ready());
    rest[0].cancel()
}

pub(super) fn wait_counts_errors_as_ready() -> Checked {
    let refs = [fail::remote(1, "x"), fail::remote(2000, "y")];
    let (ready, rest) = wrun::wait(&refs, 1, Some(Duration::from_secs(1)))?;
    assert_eq!(ready[0].get().unwrap_err().message(), "x");
    rest[0].cancel()
}

pub(super) fn wait_refuses_nonsense() -> Checked {
    let one = wrun::put(1);
    let two = wrun::put(2);
    let refs = [one.clone(), two];
    for wrong in [0, 3] {
        let error = wrun::wait(&refs, wrong, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadArgument);
    }
    assert_eq!(
        wrun::wait(&[one.clone(), one], 1, None).unwrap_err().kind(),
        ErrorKind::BadArgument
    );
    let (ready, rest) = wrun::wait(&Vec::<ObjectRef<i64>>::new(), 1, None)?;
    assert!(ready.is_empty() && rest.is_empty());
    Ok(())
}

pub(super) fn as_completed_orders_by_time() -> Checked {
    let naps = nap::map([600, 300, 1]);
    let order = wrun::as_completed(naps)
        .map(|nap| nap.get())
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(order, [1, 300, 600]);
    Ok(())
}

pub(super) fn as_completed_of_nothing() -> Checked {
    assert_eq!(wrun::as_completed(Vec::<ObjectRef<u64>>::new()).count(), 0);
    Ok(())
}
