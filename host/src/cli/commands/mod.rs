//! The commands, one file each. They put the other parts together; each gives how the process ends.

mod bench;
mod build;
mod completions;
mod dashboard;
mod dev;
mod info;
mod inspect;
mod job;
mod list;
mod logs;
mod module;
mod new;
mod replay;
mod serve;
mod status;
mod submit;
mod tenant;
mod trace;
mod why;

use std::{future::Future, time::Duration};

use super::{
    Exit,
    args::{Command, ListCommand, SummaryCommand},
    failure::{Failure, Result},
};

/// Runs a command.
pub(super) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Submit(args) => block_on(submit::run(args)),
        Command::Dev(args) => block_on(dev::run(args)),
        Command::Replay(args) => block_on(replay::run(args)),
        Command::Build(args) => block_on(build::run(args)),
        Command::Info(args) => block_on(info::run(args)),
        Command::Inspect(args) => inspect::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Tenant { command } => block_on(tenant::run(command)),
        Command::Module { command } => block_on(module::run(command)),
        Command::Job { command } => block_on(job::run(command)),
        Command::List { command } => match command {
            ListCommand::Jobs(args) => block_on(job::list(args)),
            ListCommand::Tasks(args) => block_on(list::tasks(args)),
            ListCommand::Actors(args) => block_on(list::actors(args)),
            ListCommand::Objects(args) => block_on(list::objects(args)),
            ListCommand::Tenants(args) => block_on(tenant::list(args)),
        },
        Command::Logs(args) => block_on(logs::run(args)),
        Command::Why(args) => block_on(why::run(args)),
        Command::Summary {
            command: SummaryCommand::Tasks { id, json },
        } => block_on(trace::summary(id, json)),
        Command::Status { json } => block_on(status::status(json)),
        Command::Top(args) => block_on(status::top(args)),
        Command::Timeline(args) => block_on(trace::timeline(args)),
        Command::Bench(args) => bench::run(args),
        Command::New(args) => new::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Runs a command that waits for more than one thing at a time. Nothing heavy runs on this thread.
fn block_on(command: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("no event loop: {error}")))?;
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::ZERO);
    result
}
