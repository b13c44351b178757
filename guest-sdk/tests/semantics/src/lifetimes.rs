//! How actors end and start again.

use wrun::prelude::*;

use super::actors::Diary;
use super::{Checked, Clock, Counter};

pub(super) fn kill_fails_pending_calls() -> Checked {
    let diary = Diary::remote();
    diary.lines().get()?;
    let clock = Clock::start();
    let (running, pending) = (diary.nap(5000), diary.write("never"));
    wrun::sleep(Duration::from_millis(100));
    diary.kill()?;
    for error in [
        running.get().unwrap_err(),
        pending.get().unwrap_err(),
        diary.lines().get().unwrap_err(),
    ] {
        assert!(error.is_actor_died(), "{error}");
    }
    assert!(clock.ms() < 3000);
    // Once more does no harm.
    diary.kill()
}

pub(super) fn terminate_finishes_pending_calls() -> Checked {
    let diary = Diary::remote();
    let calls = [diary.write("a"), diary.write("b")];
    let nap = diary.nap(200);
    let last = diary.write("c");
    diary.terminate()?;
    let late = diary.write("late");
    assert_eq!(wrun::get(&calls)?, [1, 2]);
    assert_eq!((nap.get()?, last.get()?), (200, 3));
    assert!(late.get().unwrap_err().is_actor_died());
    Ok(())
}

fn gone(name: &str) -> bool {
    let clock = Clock::start();
    while clock.ms() < 3000 {
        if wrun::get_actor::<Counter>(name).is_err() {
            return true;
        }
        wrun::sleep(Duration::from_millis(10));
    }
    false
}

pub(super) fn the_last_handle_ends_it() -> Checked {
    let counter = Counter::options().name("short").remote(0);
    counter.inc().get()?;
    let other = counter.clone();
    drop(counter);
    assert_eq!(wrun::get_actor::<Counter>("short")?.inc().get()?, 2);
    drop(other);
    assert!(gone("short"));
    Ok(())
}

pub(super) fn a_detached_actor_outlives_its_handles() -> Checked {
    let counter = Counter::options().name("long").detached(true).remote(7);
    counter.inc().get()?;
    drop(counter);
    wrun::sleep(Duration::from_millis(50));
    let found = wrun::get_actor::<Counter>("long")?;
    assert_eq!(found.value().get()?, 8);
    found.kill()?;
    assert!(gone("long"));
    Ok(())
}

struct Phoenix {
    calls: u32,
}

#[wrun::actor(max_restarts = 1)]
impl Phoenix {
    fn new(start: u32) -> Self {
        Phoenix { calls: start }
    }

    fn call(&mut self) -> wrun::Result<(u32, bool)> {
        self.calls += 1;
        Ok((self.calls, wrun::context()?.restarted))
    }

    fn burn(&mut self) {
        panic!("fire");
    }
}

/// Calls until the restart is over.
fn revived(phoenix: &Handle<Phoenix>) -> Result<(u32, bool)> {
    let clock = Clock::start();
    loop {
        match phoenix.call().get() {
            Err(error) if error.is_actor_died() && clock.ms() < 3000 => {
                wrun::sleep(Duration::from_millis(10))
            }
            result => return result,
        }
    }
}

pub(super) fn it_restarts_after_a_panic() -> Checked {
    let phoenix = Phoenix::remote(wrun::put(10));
    assert_eq!(phoenix.call().get()?, (11, false));
    assert_eq!(phoenix.burn().get().unwrap_err().kind(), ErrorKind::Panic);
    assert_eq!(revived(&phoenix)?, (11, true));
    assert_eq!(phoenix.burn().get().unwrap_err().kind(), ErrorKind::Panic);
    assert!(phoenix.call().get().unwrap_err().is_actor_died());
    Ok(())
}

pub(super) fn it_restarts_after_a_kill() -> Checked {
    let phoenix = Phoenix::options().max_restarts(wrun::FOREVER).remote(0);
    for _ in 0..3 {
        phoenix.call().get()?;
        phoenix.kill_and_restart()?;
        // The next life counts from the start again.
        let clock = Clock::start();
        while !revived(&phoenix)?.1 && clock.ms() < 3000 {}
    }
    phoenix.kill()?;
    assert!(phoenix.call().get().unwrap_err().is_actor_died());
    Ok(())
}

pub(super) fn a_killed_name_is_free() -> Checked {
    let first = Counter::options().name("phoenix").remote(1);
    first.value().get()?;
    first.kill()?;
    assert!(gone("phoenix"));
    let second = Counter::options().name("phoenix").remote(2);
    assert_eq!(second.value().get()?, 2);
    Ok(())
}

pub(super) fn calls_after_the_end_fail() -> Checked {
    let counter = Counter::remote(0);
    counter.terminate()?;
    assert!(counter.inc().get().unwrap_err().is_actor_died());
    Ok(())
}

pub(super) fn pending_calls_keep_it_alive() -> Checked {
    let diary = Diary::remote();
    let calls = (0..3)
        .map(|i| diary.write(i.to_string()))
        .collect::<Vec<_>>();
    let nap = diary.nap(200);
    drop(diary);
    assert_eq!((wrun::get(&calls)?, nap.get()?), (vec![1, 2, 3], 200));
    Ok(())
}
