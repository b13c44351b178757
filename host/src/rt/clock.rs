//! The time.

use std::time::{Instant, SystemTime};

/// Monotonic time: for durations, deadlines and CPU accounts (about 25 ns a call).
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that asks for the time"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time in milliseconds since 1970, for records that people read.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that asks for the time"
)]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    #[cfg(feature = "guard-switch")]
    let millis = millis.saturating_add_signed(super::guard::clock_offset());
    millis
}

/// Wall-clock time, for the times of files.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that asks for the time"
)]
pub fn system_time() -> SystemTime {
    SystemTime::now()
}
