//! The command `wrun` with guards that can be left out: for the hostile suite, which shows what each is for. No product.

use std::{io::Write as _, process::ExitCode};

use clap::Parser;
use wrun_host::{cli, rt::guard};

/// As in `wrun`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(problem) = guard::take_out() {
        let _ = writeln!(std::io::stderr(), "error: WRUN_WITHOUT_GUARDS: {problem}");
        return ExitCode::from(2);
    }
    cli::run(cli::Args::parse())
}
