//! `--stats`: a job's numbers as a table.

use std::fmt::Write as _;

use crate::{config::format_size, types::JobStats};

/// The table, a line for each number.
pub(in crate::cli) fn table(stats: &JobStats) -> String {
    let outside = match stats.sandboxes_outside_pool {
        0 => String::new(),
        n => format!(" ({n} outside the pool)"),
    };
    let rows = [
        (
            "tasks",
            format!(
                "{} ({} done, {} failed)",
                stats.submitted, stats.finished, stats.failed
            ),
        ),
        ("retries", stats.retried.to_string()),
        ("sandboxes made", format!("{}{outside}", stats.sandboxes)),
        (
            "sandbox memory, peak",
            format_size(stats.sandbox_bytes_peak),
        ),
        ("objects, peak", format_size(stats.object_bytes_peak)),
        ("on disk, peak", format_size(stats.spilled_bytes_peak)),
        ("processor time", format!("{:.3} s", stats.cpu_seconds)),
        ("time", format!("{:.3} s", stats.wall_seconds)),
    ];
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<21} {value}");
        text
    })
}
