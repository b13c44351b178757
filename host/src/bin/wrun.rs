//! The command `wrun`; everything is in `wrun_host::cli`.

use std::process::ExitCode;

use clap::Parser;
use wrun_host::cli;

fn main() -> ExitCode {
    cli::run(cli::Args::parse())
}
