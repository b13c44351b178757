//! `wrun submit`: runs a module's `main`, or one of its tasks.

use std::{env, io, path::PathBuf, time::Duration};

use super::{dashboard, replay};
use crate::{
    cli::{
        Exit,
        args::{RunArgs, SubmitArgs},
        driver::{self, Call, Ended, Plan},
        failure::{Failure, Result},
        load::{self, ModuleFile, Opened},
        output,
        remote::{self, SendOptions, Sent},
        stop::{Reason, Stop},
    },
    config::{CallArgs, JobSettings, RuntimeSettings},
    node::{Runtime, RuntimeOptions, SpillTo, StartError},
    otlp::{Collector, Exporter},
    types::TraceContext,
};

/// How long the runtime may take to shut down before the process leaves without it.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// How long the collector may take to take the spans.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// How long when the user waits for an interrupted command.
const SHUTDOWN_STOPPED: Duration = Duration::from_millis(150);

pub(super) async fn run(args: SubmitArgs) -> Result<Exit> {
    let server = remote::from_env()?;
    match &server {
        Some(_) => check_remote(&args)?,
        None => check_local(&args)?,
    }
    let (options, mut plan) = resolve(args.run)?;
    let mut stop = Stop::new()?;
    let send = SendOptions {
        detach: args.detach,
        key: args.idempotency_key,
        no_restart: args.no_restart,
    };
    let server = server.map(|server| server.with_trace(plan.job.trace_context.clone()));
    let Some(module) = args.module else {
        let (hash, server) = (args.hash.unwrap_or_default(), server.ok_or_else(no_server)?);
        let ended = remote::submit(&server, Sent::Hash(hash), &plan, &send, &mut stop).await;
        return ended.map(|ended| ended.exit);
    };
    let exporter = args
        .otlp
        .as_deref()
        .map(|address| tells(&mut plan, address));
    let exporter = exporter.transpose()?;
    let file = match load::open(&module, plan.progress, &mut stop).await? {
        Opened::Module(file) => file,
        Opened::Stopped(reason) => return Ok(exit_of(reason)),
    };
    if let Some(server) = server {
        let ended = remote::submit(&server, Sent::File(file), &plan, &send, &mut stop).await;
        return ended.map(|ended| ended.exit);
    }
    let ended = if args.dashboard {
        dashboard::run(options, file, plan, &mut stop).await
    } else {
        if let Some(dir) = &plan.job.record {
            replay::keep_module(dir, &file)?;
        }
        run_module(options, file, &plan, &mut stop).await
    };
    if let Some(exporter) = exporter {
        let patience = match &ended {
            Ok(Exit::Interrupted | Exit::Terminated) => SHUTDOWN_STOPPED,
            _ => LAST_SPANS,
        };
        finish(&exporter, patience).await;
    }
    ended
}

/// Has the run tell this collector what it does, as a part of the trace that this process is part of, or of one of its own.
fn tells(plan: &mut Plan, address: &str) -> Result<Exporter> {
    let collector = Collector::find(address)?;
    let exporter = collector.start(&tokio::runtime::Handle::current())?;
    plan.exporter = Some(exporter.clone());
    plan.job.trace = true;
    let own = || TraceContext::random(true);
    plan.job.trace_context.get_or_insert_with(own);
    Ok(exporter)
}

/// Sends the last spans, and says how many nobody took.
async fn finish(exporter: &Exporter, patience: Duration) {
    exporter.finish(patience).await;
    if let (lost @ 1.., why) = exporter.lost() {
        let why = why.unwrap_or_default();
        output::note(&format!("{lost} spans for the collector were lost: {why}"));
    }
}

/// Refuses what only a runtime of one's own can do.
fn check_remote(args: &SubmitArgs) -> Result<()> {
    if args.otlp.is_some() {
        return Err(Failure::usage(
            "`--otlp` is for runs here, and WRUN_ADDRESS names a server, whose own `--otlp` decides it",
        )
        .help("leave it out: jobs there belong to the trace that TRACEPARENT names, too"));
    }
    if args.dashboard {
        return Err(Failure::usage(
            "`--dashboard` is for runs here, and WRUN_ADDRESS names a server, which has one of its own at that address",
        ));
    }
    remote::check(&args.run)
}

/// Refuses what only a server can do.
fn check_local(args: &SubmitArgs) -> Result<()> {
    let asked =
        args.hash.is_some() || args.detach || args.idempotency_key.is_some() || args.no_restart;
    if asked { Err(no_server()) } else { Ok(()) }
}

fn no_server() -> Failure {
    Failure::usage("`--module`, `--detach`, `--idempotency-key` and `--no-restart` are for a server, and none is named")
        .help("set WRUN_ADDRESS, such as http://127.0.0.1:9700, and WRUN_TOKEN")
}

/// Runs a module in a runtime of its own.
pub(super) async fn run_module(
    options: RuntimeOptions,
    file: ModuleFile,
    plan: &Plan,
    stop: &mut Stop,
) -> Result<Exit> {
    let runtime = start(options)?;
    let ended = load_and_run(&runtime, file, plan, stop).await;
    let stopped = matches!(
        &ended,
        Ok(Ended {
            stopped: Some(_),
            ..
        })
    );
    shut_down(runtime, if stopped { SHUTDOWN_STOPPED } else { SHUTDOWN }).await;
    ended.map(|ended| ended.exit)
}

/// Settings and plan of what the user wrote; all that can be wrong with them is told here, before anything starts.
pub(super) fn resolve(run: RunArgs) -> Result<(RuntimeOptions, Plan)> {
    let lookup = |name: &str| env::var_os(name);
    let settings = RuntimeSettings {
        num_cpus: run.num_cpus,
        memory_limit: run.memory_limit,
        object_store_memory: run.object_store_memory,
        spill: match (run.no_spill, run.spill_dir) {
            (true, _) => Some(SpillTo::Nowhere),
            (false, dir) => dir.map(SpillTo::Dir),
        },
        spill_limit: run.spill_limit,
        allow_http: run.allow_http,
        allow_http_networks: run.allow_http_network,
    };
    let job = JobSettings {
        args: run.program_args,
        env: run.env,
        dirs: run.dir,
        timeout: run.timeout,
        record: run.record,
        stdin: run.task.is_none(),
        events: run.json,
        trace: run.stats || run.timeline.is_some(),
    };
    let (options, job) = (settings.resolve(&lookup)?, job.resolve(&lookup)?);
    check_parent(run.output.as_ref())?;
    check_parent(run.timeline.as_ref())?;
    let call = match run.task {
        Some(task) => Some(Call::Task(task, call_args(run.args)?)),
        None => None,
    };
    Ok((
        options,
        Plan {
            job,
            call,
            output: run.output,
            json: run.json,
            progress: output::progress_wanted() && !run.json && !run.quiet,
            stats: run.stats,
            timeline: run.timeline,
            exporter: None,
        },
    ))
}

fn call_args(args: Option<CallArgs>) -> Result<Vec<serde_json::Value>> {
    args.map_or(Ok(Vec::new()), |args| args.read(io::stdin().lock()))
        .map_err(Failure::from)
}

/// A result that has nowhere to go is told before the work, not after.
fn check_parent(output: Option<&PathBuf>) -> Result<()> {
    let Some(path) = output else { return Ok(()) };
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if path.is_dir() || parent.is_some_and(|parent| !parent.is_dir()) {
        let why = if path.is_dir() {
            "it is a directory"
        } else {
            "there is no such directory"
        };
        return Err(Failure::usage(format!(
            "the result can't be written to `{}`: {why}",
            path.display()
        )));
    }
    Ok(())
}

pub(super) fn start(options: RuntimeOptions) -> Result<Runtime> {
    Runtime::start(options).map_err(|error| match error {
        StartError::Spill(error) => Failure::usage(error.to_string())
            .help("name another directory with `--spill-dir`, or keep objects in memory with `--no-spill`"),
        error => Failure::internal(error.to_string()),
    })
}

/// Compiles the module and runs the job; both can be stopped.
pub(super) async fn load_and_run(
    runtime: &Runtime,
    file: ModuleFile,
    plan: &Plan,
    stop: &mut Stop,
) -> Result<Ended> {
    let module = tokio::select! {
        module = runtime.load(&file.name, file.bytes) => module?,
        reason = stop.next() => return Ok(Ended { exit: exit_of(reason), stopped: Some(reason) }),
    };
    driver::run(runtime, &module, plan, stop).await
}

pub(super) fn exit_of(reason: Reason) -> Exit {
    match reason {
        Reason::Signal(exit) => exit,
        Reason::Changed => Exit::Success,
    }
}

/// Shuts the runtime down; one that does not end in time is left to the end of the process.
pub(super) async fn shut_down(runtime: Runtime, patience: Duration) {
    // Too late is no error of the command: the process ends now in any case.
    let _ = tokio::time::timeout(patience, runtime.shutdown()).await;
}
