//! `wrun completions`: prints a shell's completion script.

use clap::CommandFactory;

use crate::cli::{Args, Exit, args::CompletionsArgs, failure::Result, output};

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "wrun", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
