//! What the calls of each function took, as a table.

use std::fmt::Write as _;

use crate::{cli::failure::one_line, config::format_size, types::FunctionSummary};

/// The table, a line for each function.
pub(in crate::cli) fn table(functions: &[FunctionSummary]) -> String {
    let mut text = format!(
        "{:<24} {:>8} {:>7} {:>17} {:>17} {:>17} {:>9} {:>9}\n",
        "FUNCTION",
        "COUNT",
        "FAILED",
        "QUEUED p50/p99",
        "RUN p50/p99",
        "BLOCKED p50/p99",
        "CPU",
        "MEMORY"
    );
    for one in functions {
        let pair = |times: &crate::types::Quantiles| {
            format!("{} / {}", time(times.p50_ns), time(times.p99_ns))
        };
        let name = if one.name.is_empty() {
            "main"
        } else {
            &one.name
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<24} {:>8} {:>7} {:>17} {:>17} {:>17} {:>9} {:>9}",
            one_line(name),
            one.count,
            one.failed,
            pair(&one.queued),
            pair(&one.run),
            pair(&one.blocked),
            time(one.cpu_ns),
            format_size(one.peak_memory_bytes),
        );
    }
    text
}

/// Nanoseconds as people read them.
pub(in crate::cli) fn time(ns: u64) -> String {
    let (unit, ns_each) = match ns {
        0 => return "0".to_owned(),
        1..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        1_000_000_000..100_000_000_000 => ("s", 1_000_000_000),
        _ => return format!("{} s", ns / 1_000_000_000),
    };
    let (whole, tenths) = (ns / ns_each, ns % ns_each * 10 / ns_each);
    match whole {
        0..100 => format!("{whole}.{tenths} {unit}"),
        _ => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Quantiles;

    #[test]
    fn times_are_short() {
        let told = [
            0,
            999,
            1_000,
            12_345,
            123_456,
            99_949_999,
            1_500_000_000,
            250_000_000_000,
        ]
        .map(time);
        assert_eq!(
            told,
            [
                "0", "999 ns", "1.0 µs", "12.3 µs", "123 µs", "99.9 ms", "1.5 s", "250 s"
            ]
        );
    }

    #[test]
    fn columns_stand_below_each_other() {
        let one = FunctionSummary {
            name: "add".to_owned(),
            count: 100_000,
            run: Quantiles {
                p50_ns: 2_100,
                p99_ns: 15_000_000,
                max_ns: 20_000_000,
            },
            ..FunctionSummary::default()
        };
        let text = table(&[
            one.clone(),
            FunctionSummary {
                name: String::new(),
                ..one
            },
        ]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1].chars().count(), lines[0].chars().count());
        assert!(
            lines[1].contains("2.1 µs / 15.0 ms") && lines[2].starts_with("main "),
            "{text}"
        );
    }
}
