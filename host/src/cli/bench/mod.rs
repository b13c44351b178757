//! `wrun bench`: what this machine's `wrun` does, beside bare Wasmtime in the same run.
//!
//! A [`Measure`] of `catalog` runs one case and gives a sample for each of its [`Line`]s; [`run`] repeats it and makes a
//! [`Report`] with medians, ratios and verdicts. A [`Lab`] is what measurements share: the runtime with the guests'
//! module, `bare` Wasmtime, and children of this executable for what is about a whole process. The guests come out of
//! the executable (`guests`); `benches/README.md` says of each row what is measured.
//!
//! A measurement checks its results: a wrong one is an error of its rows, never a number.

mod bare;
mod catalog;
mod child;
mod error;
mod facts;
mod guests;
mod lab;
mod library;
mod memory;
mod process;
mod report;
mod sample;
mod sum;
mod table;
mod views;

pub(super) use catalog::{MEASURES, Measure};
pub(super) use error::RowError;
pub(super) use report::Report;

use catalog::Line;
use lab::Lab;
use report::Row;
use sample::Sample;

/// What to measure.
#[derive(Debug)]
pub(super) struct BenchOptions {
    /// Rows or measurements by name; empty for all.
    pub(super) rows: Vec<String>,
    /// How often each is measured, after one warm-up that does not count.
    pub(super) repeat: usize,
}

impl BenchOptions {
    fn wants(&self, measure: &Measure, line: &Line) -> bool {
        let named = |name: &String| name == measure.name || name == line.name;
        self.rows.is_empty() || self.rows.iter().any(named)
    }
}

/// Measures; `progress` is told what is measured now.
///
/// # Errors
/// When nothing can be measured. What goes wrong with one row stands in that row.
pub(super) fn run(options: &BenchOptions, progress: &dyn Fn(&str)) -> Result<Report, RowError> {
    let lab = Lab::new()?;
    let mut rows = Vec::new();
    for measure in MEASURES {
        let wanted = |line: &Line| options.wants(measure, line);
        if !measure.lines.iter().any(wanted) {
            continue;
        }
        let samples = repeat(&lab, measure, options.repeat, progress);
        let measured = measure.lines.iter().enumerate();
        rows.extend(
            measured
                .filter(|(_, line)| wanted(line))
                .map(|(at, line)| Row::new(line, samples.as_ref().map(|all| column(all, at)))),
        );
    }
    Ok(Report {
        host: facts::Facts::read(&lab),
        repeat: options.repeat,
        rows,
    })
}

/// One warm-up, then so many measurements.
fn repeat(
    lab: &Lab,
    measure: &Measure,
    times: usize,
    progress: &dyn Fn(&str),
) -> Result<Vec<Vec<Sample>>, RowError> {
    let mut all = Vec::with_capacity(times);
    for turn in 0..=times {
        progress(&format!("{} {turn}/{times}", measure.name));
        let samples = (measure.run)(lab)?;
        if turn > 0 {
            all.push(samples);
        }
    }
    Ok(all)
}

/// One line's samples.
fn column(all: &[Vec<Sample>], line: usize) -> Vec<Sample> {
    all.iter()
        .filter_map(|turn| turn.get(line).copied())
        .collect()
}
