//! Processor time, user and system together.

use std::time::Duration;

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};

/// Of this process's threads so far.
pub(super) fn own() -> Duration {
    of(UsageWho::RUSAGE_SELF)
}

/// Of the child processes that have ended and were waited for.
pub(super) fn children() -> Duration {
    of(UsageWho::RUSAGE_CHILDREN)
}

fn of(who: UsageWho) -> Duration {
    let time = |value: TimeVal| {
        let micros = value.tv_sec().saturating_mul(1_000_000) + value.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    // It fails for an unknown `who` only.
    getrusage(who).map_or(Duration::ZERO, |usage| {
        time(usage.user_time()) + time(usage.system_time())
    })
}
