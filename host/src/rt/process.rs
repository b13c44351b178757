//! What the kernel says of this process: its memory and processor time, user and system together.

use std::time::Duration;

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use rustix::param::page_size;

/// Processor time of this process's threads so far.
#[must_use]
pub fn cpu() -> Duration {
    of(UsageWho::RUSAGE_SELF)
}

/// Of the child processes that have ended and were waited for.
#[must_use]
pub fn children_cpu() -> Duration {
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

/// Bytes of memory that are resident; 0 when that can't be known.
#[must_use]
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = |text: String| text.split(' ').nth(1)?.parse::<u64>().ok();
    pages.and_then(resident).unwrap_or(0) * page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_resident() {
        let (memory, time) = (resident_bytes(), cpu());
        let touched = vec![1_u8; 64 << 20];
        assert!(resident_bytes() >= memory + (48 << 20), "{memory}");
        drop(touched);
        assert!(cpu() > time && children_cpu() < Duration::MAX);
    }
}
