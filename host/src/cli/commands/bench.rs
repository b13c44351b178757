//! `wrun bench`: what this machine's wrun does, beside bare Wasmtime.

use std::io::Write as _;

use crate::cli::{
    Exit,
    args::BenchArgs,
    bench::{self, BenchOptions, MEASURES, Report, RowError},
    failure::{Failure, Result},
    output, suggest,
};

pub(super) fn run(args: BenchArgs) -> Result<Exit> {
    check_names(&args.rows)?;
    let options = BenchOptions {
        rows: args.rows,
        repeat: args.repeat.get(),
    };
    let shown = output::progress_wanted();
    let report = bench::run(&options, &|what| {
        if shown {
            show(what);
        }
    });
    if shown {
        show("");
    }
    let report = report.map_err(not_run)?;
    print(&report, args.json)?;
    match report.failed() {
        0 => Ok(Exit::Success),
        failed => Err(Failure::internal(format!(
            "{failed} rows could not be measured"
        ))),
    }
}

fn check_names(rows: &[String]) -> Result<()> {
    let names = || {
        let of_lines =
            |measure: &'static bench::Measure| measure.lines.iter().map(|line| line.name);
        MEASURES
            .iter()
            .flat_map(move |measure| std::iter::once(measure.name).chain(of_lines(measure)))
    };
    let Some(unknown) = rows.iter().find(|row| !names().any(|name| name == *row)) else {
        return Ok(());
    };
    let mut known: Vec<_> = names().collect();
    known.dedup();
    let failure = Failure::usage(format!("no row `{unknown}`"))
        .detail(format!("the rows: {}", known.join(", ")));
    Err(match suggest::nearest(unknown, names()) {
        Some(name) => failure.help(format!("did you mean `{name}`?")),
        None => failure,
    })
}

fn not_run(error: RowError) -> Failure {
    let failure = Failure::internal(error.to_string());
    match error {
        RowError::NoGuests(_) => failure.help(
            "in a checkout of wrun, run `rustup target add wasm32-wasip1` and build it again",
        ),
        _ => failure,
    }
}

fn print(report: &Report, json: bool) -> Result<()> {
    if !json {
        return output::print(&report.to_string());
    }
    let text = serde_json::to_string_pretty(report);
    let text =
        text.map_err(|error| Failure::internal(format!("the report does not serialize: {error}")))?;
    output::print(&(text + "\n"))
}

/// The line that tells what is measured now, in place of the one before.
fn show(what: &str) {
    let line = format!("\r\x1b[2K{what}");
    // When nobody sees it, nothing is lost.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
