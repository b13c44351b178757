//! Fair shares: who has had the least, of tenants and of a tenant's jobs.
//!
//! A [`Share`] is CPU time over weight, as in Linux's CFS. A [`Floor`] is the least share among
//! those that had work at the last pick; it only rises. One that comes back from idleness is
//! lifted to the floor less [`GRACE`], so that it is served at once but can't spend what it
//! saved up while it was idle; a new one starts there too. A [`Standing`] is a tenant's share as others see it.
//!
//! It does not read the clock and does not know what is shared.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Keeps some precision when time is divided by a weight.
const SCALE: u64 = 64;

/// How far below the floor one may start: one tick, at weight 1.
const GRACE: u64 = 10_000_000 * SCALE;

/// What a tenant has had, by its weight: comparable among the tenants of a scheduler, and the least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing(pub(super) u64);

impl Standing {
    /// Whether it has had so much more than another that the other comes first.
    #[must_use]
    pub fn is_ahead_of(self, other: Self) -> bool {
        self.0 > other.0.saturating_add(GRACE)
    }
}

#[derive(Debug, Default)]
pub(super) struct Share(AtomicU64);

#[derive(Debug, Default)]
pub(super) struct Floor(AtomicU64);

impl Share {
    pub(super) fn charge(&self, time: Duration, weight: NonZeroU32) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let scaled = nanos.saturating_mul(SCALE) / u64::from(weight.get());
        self.0.fetch_add(scaled, Ordering::Relaxed);
    }

    /// Where one that has work stands; lifts one that had none for long.
    pub(super) fn standing(&self, floor: &Floor) -> u64 {
        let least = floor.0.load(Ordering::Relaxed).saturating_sub(GRACE);
        let now = self.0.load(Ordering::Relaxed);
        if now >= least {
            return now;
        }
        self.0.fetch_max(least, Ordering::Relaxed);
        least
    }
}

impl Floor {
    /// `standing` was the least among those with work.
    pub(super) fn raise(&self, standing: u64) {
        if self.0.load(Ordering::Relaxed) < standing {
            self.0.fetch_max(standing, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    #[test]
    fn weight_divides_what_is_charged() {
        let (heavy, light) = (Share::default(), Share::default());
        heavy.charge(Duration::from_secs(3), NonZeroU32::new(3).unwrap());
        light.charge(Duration::from_secs(1), ONE);
        let floor = Floor::default();
        assert_eq!(heavy.standing(&floor), light.standing(&floor));
    }

    #[test]
    fn idleness_is_no_savings_account() {
        let (busy, idle, floor) = (Share::default(), Share::default(), Floor::default());
        busy.charge(Duration::from_secs(100), ONE);
        floor.raise(busy.standing(&floor));
        let lag = busy.standing(&floor) - idle.standing(&floor);
        assert_eq!(lag, GRACE);
    }
}
