//! When things happened, for who looks at a node: to about 10 ms, for next to nothing.
//!
//! [`Times`] holds a reading of the clock that the ticking thread renews while anything runs; to ask for it is one load. A
//! [`Time`] is 32 bits of hundredths of a second that wrap around after 497 days, and only tells how long ago something was.
//!
//! Limits, deadlines and accounts of processor time don't use it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use crate::rt::clock;

/// When something happened, or [`NEVER`].
pub(crate) type Time = u32;

/// It has not happened.
pub(crate) const NEVER: Time = 0;

/// A node's coarse clock.
#[derive(Debug)]
pub(crate) struct Times {
    start: Instant,
    /// The same in milliseconds since 1970.
    unix: u64,
    now: AtomicU32,
}

impl Times {
    pub(crate) fn new() -> Self {
        Self {
            start: clock::now(),
            unix: clock::unix_millis(),
            now: AtomicU32::new(1),
        }
    }

    /// Reads the clock.
    pub(crate) fn renew(&self) -> Time {
        let now = wrapped(self.elapsed());
        self.now.store(now, Ordering::Relaxed);
        now
    }

    /// Hundredths of a second since the start.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis() / 10).unwrap_or(u64::MAX)
    }

    /// The last reading.
    pub(crate) fn now(&self) -> Time {
        self.now.load(Ordering::Relaxed)
    }
}

/// The time of so many hundredths after the start.
fn wrapped(hundredths: u64) -> Time {
    let low = (hundredths + 1) & u64::from(u32::MAX);
    u32::try_from(low).map_or(1, |time| time.max(1))
}

/// What times mean at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    now: Time,
    /// Hundredths of a second from the start to now.
    elapsed: u64,
    /// When the start was.
    unix: u64,
}

impl Moment {
    pub(crate) fn of(times: &Times) -> Self {
        let elapsed = times.elapsed();
        Self {
            now: wrapped(elapsed),
            elapsed,
            unix: times.unix,
        }
    }

    /// Milliseconds since 1970; `None` for what has not happened. The same at each moment.
    pub(crate) fn unix(&self, time: Time) -> Option<u64> {
        let ago = u64::from(self.now.wrapping_sub(time));
        (time != NEVER).then(|| self.unix + self.elapsed.saturating_sub(ago) * 10)
    }

    /// Milliseconds from one time to another, or until now if that has not come.
    pub(crate) fn between(&self, from: Time, to: Time) -> u64 {
        let to = if to == NEVER { self.now } else { to };
        u64::from(to.wrapping_sub(from)) * 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_wrap() {
        let at = |elapsed| Moment {
            now: wrapped(elapsed),
            elapsed,
            unix: 1_000_000,
        };
        let year = u64::from(u32::MAX);
        for begin in [0, 7, year - 3, year, year + 1, 3 * year + 9] {
            let (time, expected) = (wrapped(begin), 1_000_000 + begin * 10);
            for later in [0, 1, 5, 1_000_000] {
                let seen = at(begin + later).unix(time).expect("it happened");
                assert!(seen.abs_diff(expected) <= 10, "{begin} {later}");
            }
        }
        let moment = at(4);
        assert_eq!(moment.unix(NEVER), None);
        assert_eq!(moment.between(u32::MAX, 2), 30);
        assert_eq!(moment.between(3, NEVER), 20);
    }
}
