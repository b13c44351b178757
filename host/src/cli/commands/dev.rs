//! `wrun dev`: builds and runs a crate, and again on each change.

use std::{path::Path, time::Duration};

use crate::{
    cli::{
        Exit,
        args::DevArgs,
        driver::{Ended, Plan},
        failure::{Failure, Result},
        load::{self, Opened},
        output,
        package::Guest,
        stop::{Reason, Stop},
    },
    node::Runtime,
};

use super::{replay, submit};

pub(super) async fn run(args: DevArgs) -> Result<Exit> {
    let dir = args.crate_dir;
    let (options, plan) = submit::resolve(args.run)?;
    let mut stop = Stop::new()?;
    // What is no crate now is a mistake; what is none later is being edited.
    stop.watch(&Guest::read(&dir)?.sources)?;
    let runtime = submit::start(options)?;
    let exit = loop {
        let reason = match build_and_run(&dir, &runtime, &plan, &mut stop).await {
            Ok(Ended {
                stopped: Some(reason),
                ..
            }) => reason,
            ended => {
                let exit = ended.map_or_else(reported, |ended| ended.exit);
                output::note(&format!(
                    "-- ended with {}; waiting for a change, Ctrl-C to stop",
                    exit.code()
                ));
                stop.next().await
            }
        };
        match reason {
            Reason::Signal(exit) => break exit,
            Reason::Changed => output::note("-- changed"),
        }
    };
    submit::shut_down(runtime, Duration::from_millis(150)).await;
    Ok(exit)
}

async fn build_and_run(
    dir: &Path,
    runtime: &Runtime,
    plan: &Plan,
    stop: &mut Stop,
) -> Result<Ended> {
    let guest = Guest::read(dir)?;
    stop.watch(&guest.sources)?;
    match load::open_guest(&guest, plan.progress, stop).await? {
        Opened::Module(file) => {
            if let Some(records) = &plan.job.record {
                replay::keep_module(records, &file)?;
            }
            submit::load_and_run(runtime, file, plan, stop).await
        }
        Opened::Stopped(reason) => Ok(Ended {
            exit: submit::exit_of(reason),
            stopped: Some(reason),
        }),
    }
}

fn reported(failure: Failure) -> Exit {
    failure.report();
    failure.exit
}
