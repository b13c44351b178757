//! The command `wrun`: arguments, one command each, what it prints, and how it ends.
//!
//! [`Args`] is what the user wrote; [`run`] hands it to its command in `commands/`, which gives an [`Exit`] or a
//! `Failure`, the one kind of error here, made for reading. `driver` runs a job to its end;
//! `output` prints what guests print, `bench` measures, `stop` tells of signals and changed files, `build` runs cargo.
//!
//! Data goes to standard output, all else to standard error. It knows the node through its public interface only, as any
//! program that embeds wrun does.

mod args;
mod bench;
mod build;
mod commands;
mod driver;
mod exit;
mod failure;
mod load;
mod log;
mod output;
mod package;
mod remote;
mod stop;
mod suggest;
mod timeline;

use std::process::ExitCode;

pub use args::Args;
pub use exit::Exit;

/// Runs the command and says how the process is to end.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    let exit = commands::run(args.command).unwrap_or_else(|failure| {
        failure.report();
        failure.exit
    });
    ExitCode::from(exit.code())
}
