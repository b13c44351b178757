//! A server at one moment, for people; with an earlier moment, what happened in between as rates.

use std::fmt::Write as _;

use crate::{
    api::{Overview, TenantActivity},
    cli::failure::printable,
    config::format_size,
};

/// The server, and a line for each tenant: the busiest first when there is an earlier moment, else by their names.
pub(in crate::cli) fn text(now: &Overview, before: Option<&Overview>) -> String {
    let mut text = header(now);
    let seconds = before.map(|before| now.at.saturating_sub(before.at) as f64 / 1e3);
    let between = before.zip(seconds).filter(|(_, seconds)| *seconds > 0.0);
    let mut rows: Vec<_> = now
        .tenants
        .iter()
        .map(|tenant| Row::new(tenant, between))
        .collect();
    if between.is_some() {
        rows.sort_by(|a, b| b.cpu.total_cmp(&a.cpu));
    }
    let (cpu, tasks, sandboxes) = match between {
        Some(_) => ("CPU %", "TASKS/s", "MADE/s"),
        None => ("CPU s", "TASKS", "MADE"),
    };
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "\n{:<16} {:>6} {:>5} {:>8} {:>8} {:>6} {:>7} {:>10} {:>10} {:>7} {:>9} {:>9} {:>9}",
        "TENANT",
        "WEIGHT",
        "JOBS",
        "QUEUED",
        "RUNNING",
        "SLOTS",
        cpu,
        tasks,
        sandboxes,
        "FAILED",
        "SANDBOXES",
        "OBJECTS",
        "ON DISK"
    );
    for row in &rows {
        let tenant = row.tenant;
        let _ = writeln!(
            text,
            "{:<16} {:>6} {:>5} {:>8} {:>8} {:>6} {:>7} {:>10} {:>10} {:>7} {:>9} {:>9} {:>9}",
            printable(&tenant.name),
            tenant.weight,
            tenant.jobs,
            tenant.tasks.queued,
            tenant.tasks.running,
            tenths(tenant.slots_busy),
            tenths(row.cpu),
            tenths(row.tasks),
            tenths(row.made),
            tenant.tasks.failed,
            format_size(tenant.sandbox_bytes),
            format_size(tenant.object_bytes),
            format_size(tenant.spilled_bytes),
        );
    }
    text
}

fn header(now: &Overview) -> String {
    let accepting = match now.accepting {
        true => "takes jobs",
        false => "stops",
    };
    let mut text = format!(
        "wrun {}, up {}, {accepting}\n{} slots for each tenant, {} workers",
        printable(&now.version),
        up(now.uptime_seconds),
        tenths(now.slots),
        now.workers
    );
    if let Some(node) = &now.node {
        let of = |has, most| format!("{} of {}", format_size(has), format_size(most));
        let _ = write!(
            text,
            ", {} of them awake\nsandboxes {} of {}, {}; objects {}, {} on disk; process {}",
            node.workers_awake,
            node.sandboxes,
            node.max_sandboxes,
            of(node.sandbox_bytes, node.total_memory),
            of(node.object_bytes, node.object_store_memory),
            format_size(node.spilled_bytes),
            format_size(node.resident_bytes),
        );
    }
    text.push('\n');
    text
}

/// A tenant, and what it did since the earlier moment or since the server's start.
struct Row<'a> {
    tenant: &'a TenantActivity,
    cpu: f64,
    tasks: f64,
    made: f64,
}

impl<'a> Row<'a> {
    fn new(tenant: &'a TenantActivity, between: Option<(&Overview, f64)>) -> Self {
        let done = |tenant: &TenantActivity| tenant.tasks.finished + tenant.tasks.failed;
        let total = Self {
            tenant,
            cpu: tenant.cpu_seconds,
            tasks: done(tenant) as f64,
            made: tenant.sandboxes_made as f64,
        };
        let Some((before, seconds)) = between else {
            return total;
        };
        let same = before.tenants.iter().find(|one| one.name == tenant.name);
        // One that was made since had nothing before.
        let before = same.cloned().unwrap_or_default();
        let rate = |now: f64, before: f64| ((now - before) / seconds).max(0.0);
        Self {
            tenant,
            cpu: 100.0 * rate(total.cpu, before.cpu_seconds),
            tasks: rate(total.tasks, done(&before) as f64),
            made: rate(total.made, before.sandboxes_made as f64),
        }
    }
}

/// With a digit behind the point if it is not a whole number, or a small one.
fn tenths(number: f64) -> String {
    match number {
        _ if number.fract() == 0.0 || number >= 1_000.0 => format!("{number:.0}"),
        _ => format!("{number:.1}"),
    }
}

/// Seconds as people say them.
fn up(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::NodeUse, types::TaskTotals};

    fn moment(at: u64, finished: u64, cpu_seconds: f64) -> Overview {
        let tenant = |name: &str, by| TenantActivity {
            name: name.to_owned(),
            weight: 1,
            tasks: TaskTotals {
                finished: finished * by,
                ..TaskTotals::default()
            },
            cpu_seconds: cpu_seconds * by as f64,
            ..TenantActivity::default()
        };
        Overview {
            at,
            slots: 2.0,
            workers: 2,
            node: Some(NodeUse::default()),
            tenants: vec![tenant("acme", 1), tenant("busy", 2)],
            ..Overview::default()
        }
    }

    #[test]
    fn rates_are_those_of_the_time_between() {
        let (before, now) = (moment(1_000, 100, 1.0), moment(3_000, 300, 1.5));
        let seen = text(&now, Some(&before));
        let rows: Vec<Vec<_>> = seen
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let [.., busy, acme] = &rows[..] else {
            panic!("{seen}");
        };
        assert_eq!((busy[0], busy[6], busy[7]), ("busy", "50", "200"), "{seen}");
        assert_eq!((acme[0], acme[6], acme[7]), ("acme", "25", "100"), "{seen}");
    }

    #[test]
    fn without_an_earlier_moment_all_is_told() {
        let seen = text(&moment(1, 100, 1.5), None);
        let acme = seen.lines().find(|line| line.starts_with("acme")).unwrap();
        let acme: Vec<_> = acme.split_whitespace().collect();
        assert_eq!((acme[6], acme[7]), ("1.5", "100"), "{seen}");
        assert!(seen.contains("0 of them awake"), "{seen}");
        let of_a_tenant = Overview {
            node: None,
            ..moment(1, 1, 1.0)
        };
        assert!(!text(&of_a_tenant, None).contains("awake"));
    }

    #[test]
    fn times_are_in_the_unit_that_fits() {
        let told = [0.4, 119.0, 600.0, 86_400.0, 1e6].map(up);
        assert_eq!(told, ["0 s", "119 s", "10 min", "24 h", "12 days"]);
    }
}
