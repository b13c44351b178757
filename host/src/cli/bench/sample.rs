//! One measurement of one line.

use std::time::Duration;

/// What came of one measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// In the line's unit.
    pub(super) value: f64,
    /// What it is compared with, in the same unit, measured just before.
    pub(super) reference: Option<f64>,
    /// Microseconds of processor time for one operation.
    pub(super) cpu: Option<f64>,
}

impl Sample {
    /// A number by itself.
    pub(super) fn of(value: f64) -> Self {
        Self {
            value,
            reference: None,
            cpu: None,
        }
    }

    /// So many operations a second.
    pub(super) fn rate(operations: usize, time: Duration) -> Self {
        Self::of(count(operations) / time.as_secs_f64())
    }

    /// That took so much processor time in all.
    pub(super) fn cpu(self, operations: usize, cpu: Duration) -> Self {
        let cpu = Some(cpu.as_secs_f64() * 1e6 / count(operations));
        Self { cpu, ..self }
    }

    /// Compared with this.
    pub(super) fn beside(self, reference: f64) -> Self {
        let reference = Some(reference);
        Self { reference, ..self }
    }
}

/// A number of operations or bytes as a factor.
#[allow(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and it is divided by a measured time"
)]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}
