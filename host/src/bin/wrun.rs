//! The command `wrun`; everything is in `wrun_host::cli`.

use std::process::ExitCode;

use clap::Parser;
use wrun_host::cli;

/// Calls are made by one worker and freed by another; glibc's allocator takes a lock for that, this one does not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Args::parse())
}
