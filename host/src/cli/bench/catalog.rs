//! All rows: what each is, how it is measured, and what it should reach. `benches/README.md` says more of each.

use serde::Serialize;

use super::{RowError, lab::Lab, library, process, sample::Sample, views};

/// One measurement, of one or more rows.
pub(in crate::cli) struct Measure {
    /// What `--rows` may call it.
    pub(in crate::cli) name: &'static str,
    /// Its rows.
    pub(in crate::cli) lines: &'static [Line],
    /// Measures once: a sample for each line, in their order.
    pub(super) run: fn(&Lab) -> Result<Vec<Sample>, RowError>,
}

/// One row.
#[derive(Debug)]
pub(in crate::cli) struct Line {
    /// Its name, also for `--rows`.
    pub(in crate::cli) name: &'static str,
    /// What it is, for people.
    pub(super) what: &'static str,
    pub(super) unit: Unit,
    pub(super) goal: Option<Goal>,
}

/// What its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    Microseconds,
    Milliseconds,
    GigabytesPerSecond,
    Bytes,
    Kibibytes,
    Mebibytes,
}

impl Unit {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::GigabytesPerSecond => "GB/s",
            Self::Bytes => "B",
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
        }
    }
}

/// What a row should reach: `at_least` in any case, `aim` if it can be.
#[derive(Debug, Serialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub(super) enum Goal {
    /// The value over that of what it is compared with; more is better.
    Ratio {
        to: &'static str,
        at_least: f64,
        aim: f64,
    },
    /// The value; more is better.
    AtLeast { at_least: f64, aim: f64 },
    /// The value; less is better.
    AtMost { at_least: f64, aim: f64 },
}

const fn line(name: &'static str, what: &'static str, unit: Unit, goal: Goal) -> Line {
    Line {
        name,
        what,
        unit,
        goal: Some(goal),
    }
}

const fn ratio(to: &'static str, at_least: f64, aim: f64) -> Goal {
    Goal::Ratio { to, at_least, aim }
}

const fn more(at_least: f64, aim: f64) -> Goal {
    Goal::AtLeast { at_least, aim }
}

const fn less(at_least: f64, aim: f64) -> Goal {
    Goal::AtMost { at_least, aim }
}

use Unit::{
    Bytes, GigabytesPerSecond, Kibibytes, Mebibytes, Microseconds, Milliseconds, PerSecond,
};

/// All measurements, in the order in which they are made and shown.
pub(in crate::cli) const MEASURES: &[Measure] = &[
    Measure {
        name: "bare",
        lines: &[Line {
            name: "bare",
            what: "bare Wasmtime: a fresh instance for each call, all cores",
            unit: PerSecond,
            goal: None,
        }],
        run: library::bare,
    },
    Measure {
        name: "tasks-one-driver",
        lines: &[line(
            "tasks-one-driver",
            "100,000 small tasks from one driver",
            PerSecond,
            ratio("bare", 0.5, 0.8),
        )],
        run: library::one_driver,
    },
    Measure {
        name: "tasks-watched",
        lines: &[line(
            "tasks-watched",
            "the same, with timeline and events",
            PerSecond,
            ratio("tasks-one-driver", 0.9, 0.95),
        )],
        run: library::watched,
    },
    Measure {
        name: "tasks-four-spawners",
        lines: &[line(
            "tasks-four-spawners",
            "the same over 4 spawning tasks",
            PerSecond,
            ratio("bare", 0.6, 0.85),
        )],
        run: library::four_spawners,
    },
    Measure {
        name: "recursion",
        lines: &[line(
            "recursion",
            "fib(20), a task for each call",
            PerSecond,
            ratio("tasks-one-driver", 0.5, 0.8),
        )],
        run: library::recursion,
    },
    Measure {
        name: "latency-guest",
        lines: &[
            line(
                "latency-guest-p50",
                "one task, call to value, from a guest",
                Microseconds,
                less(15.0, 9.0),
            ),
            line(
                "latency-guest-p99",
                "the same",
                Microseconds,
                less(80.0, 40.0),
            ),
        ],
        run: library::latency_guest,
    },
    Measure {
        name: "latency-host",
        lines: &[
            line(
                "latency-host-p50",
                "one task, from a host thread",
                Microseconds,
                less(60.0, 25.0),
            ),
            line(
                "latency-host-p99",
                "the same",
                Microseconds,
                less(250.0, 100.0),
            ),
        ],
        run: library::latency_host,
    },
    Measure {
        name: "actor-pipelined",
        lines: &[line(
            "actor-pipelined",
            "calls of one actor, all made, then got",
            PerSecond,
            more(4e5, 1e6),
        )],
        run: library::actor_pipelined,
    },
    Measure {
        name: "actor-one-at-a-time",
        lines: &[line(
            "actor-one-at-a-time",
            "calls of one actor, one at a time",
            PerSecond,
            more(1e5, 2.5e5),
        )],
        run: library::actor_one_at_a_time,
    },
    Measure {
        name: "actor-woken",
        lines: &[
            Line {
                name: "actor-woken-p50",
                what: "a call of an actor that hibernates, from a guest",
                unit: Microseconds,
                goal: None,
            },
            Line {
                name: "actor-woken-p99",
                what: "the same",
                unit: Microseconds,
                goal: None,
            },
        ],
        run: library::actor_woken,
    },
    Measure {
        name: "put-get",
        lines: &[line(
            "put-get",
            "puts and gets of 8 bytes in a guest",
            PerSecond,
            more(1e6, 3e6),
        )],
        run: library::put_get,
    },
    Measure {
        name: "put-100mb",
        lines: &[line(
            "put-100mb",
            "put of 100 MB",
            GigabytesPerSecond,
            ratio("memcpy", 0.5, 0.9),
        )],
        run: library::put_large,
    },
    Measure {
        name: "views",
        lines: &[
            line(
                "view-1gib",
                "a GiB visible in a task",
                Milliseconds,
                less(1.0, 0.2),
            ),
            line(
                "view-sum-first",
                "two tasks sum a GiB each, first pass",
                GigabytesPerSecond,
                ratio("native", 0.5, 0.65),
            ),
            line(
                "view-sum-second",
                "the same, second pass",
                GigabytesPerSecond,
                ratio("native", 0.75, 0.85),
            ),
            line(
                "view-drop",
                "a view of a GiB that was read dropped",
                Milliseconds,
                less(60.0, 20.0),
            ),
        ],
        run: views::views,
    },
    Measure {
        name: "as-completed",
        lines: &[line(
            "as-completed",
            "10,000 finished refs from as_completed",
            Milliseconds,
            less(20.0, 5.0),
        )],
        run: library::as_completed,
    },
    Measure {
        name: "wait-loop",
        lines: &[line(
            "wait-loop",
            "the same from a loop over wait",
            Milliseconds,
            less(3000.0, 1000.0),
        )],
        run: library::wait_loop,
    },
    Measure {
        name: "submit-cached",
        lines: &[line(
            "submit-cached",
            "wrun submit, compiled before, whole process",
            Milliseconds,
            less(25.0, 12.0),
        )],
        run: process::submit_cached,
    },
    Measure {
        name: "submit-first",
        lines: &[line(
            "submit-first",
            "wrun submit, 100 KiB to compile",
            Milliseconds,
            less(300.0, 100.0),
        )],
        run: process::submit_first,
    },
    Measure {
        name: "idle-rss",
        lines: &[line(
            "idle-rss",
            "an idle wrun, resident",
            Mebibytes,
            less(25.0, 12.0),
        )],
        run: process::idle,
    },
    Measure {
        name: "bytes-per-queued-task",
        lines: &[line(
            "bytes-per-queued-task",
            "the host's memory for a queued task",
            Bytes,
            less(1024.0, 300.0),
        )],
        run: process::queued,
    },
    Measure {
        name: "per-suspended-task",
        lines: &[line(
            "per-suspended-task",
            "the same for a suspended task",
            Kibibytes,
            less(40.0, 24.0),
        )],
        run: process::suspended,
    },
    Measure {
        name: "per-idle-actor",
        lines: &[line(
            "per-idle-actor",
            "the same for an idle actor",
            Kibibytes,
            less(20.0, 12.0),
        )],
        run: process::actors,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_in_order() {
        for line in MEASURES.iter().flat_map(|measure| measure.lines) {
            match line.goal {
                Some(Goal::Ratio { at_least, aim, .. } | Goal::AtLeast { at_least, aim }) => {
                    assert!(at_least < aim, "{}", line.name);
                }
                Some(Goal::AtMost { at_least, aim }) => assert!(at_least > aim, "{}", line.name),
                None => {}
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let names = || {
            MEASURES
                .iter()
                .flat_map(|measure| measure.lines)
                .map(|line| line.name)
        };
        let unique: std::collections::BTreeSet<_> = names().collect();
        assert_eq!(unique.len(), names().count());
    }
}
