//! Runs one job to its end: starts it, prints what it prints, stops it when there is a reason to, and says how it went.
//!
//! In order: start the job, then the printer, then wait for the job's end, a reason to stop or a closed standard output,
//! whichever is first. After a reason to stop the job is cancelled and has [`GRACE`] to go; a second signal cuts that
//! short. Then the printer gets its last bytes (the result, or the records of `--json`) and is waited for.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use tokio::{sync::watch, time};

use super::{
    Exit,
    failure::{Failure, Result},
    output::{
        self, Printed, Printer, PrinterOptions,
        records::{Record, result_line},
    },
    stop::{Reason, Stop},
    suggest, timeline,
};
use crate::{
    config::error_text,
    job::{JobOptions, TaskRecord},
    node::{Job, Module, Pending, Runtime, SubmitError},
    otlp::{Exporter, JobSpans},
    rt::clock,
    types::{CallOptions, ErrorKind, JobStats, JobTrace, TaskError},
};

/// How long a cancelled job has to end; with all else, an interrupted command ends within a second.
const GRACE: Duration = Duration::from_millis(700);

/// How often the progress line gets new numbers.
const PROGRESS: Duration = Duration::from_millis(100);

/// The number of the driver's call.
const MAIN: u64 = 1;

/// What to run, and what to tell of it.
#[derive(Debug)]
pub(super) struct Plan {
    /// Options of the job.
    pub(super) job: JobOptions,
    /// What to call; `None` runs `main`.
    pub(super) call: Option<Call>,
    /// Where the task's result goes instead of standard output.
    pub(super) output: Option<PathBuf>,
    /// JSON lines.
    pub(super) json: bool,
    /// Progress on the terminal.
    pub(super) progress: bool,
    /// A table at the end.
    pub(super) stats: bool,
    /// Where the timeline goes.
    pub(super) timeline: Option<PathBuf>,
    /// Where spans of the job and its calls go.
    pub(super) exporter: Option<Exporter>,
}

/// One call in place of `main`.
#[derive(Debug)]
pub(super) enum Call {
    /// This task with these arguments.
    Task(String, Vec<Value>),
    /// A recorded task with its recorded inputs.
    Replay(Box<TaskRecord>),
}

impl Call {
    fn task(&self) -> &str {
        match self {
            Self::Task(task, _) => task,
            Self::Replay(record) => &record.task,
        }
    }

    async fn start(&self, job: &Job) -> Result<Pending, TaskError> {
        match self {
            Self::Task(task, args) => {
                job.call_json(task, args.clone(), CallOptions::default())
                    .await
            }
            Self::Replay(record) => job.replay(record).await,
        }
    }
}

/// How a job went.
#[derive(Debug)]
pub(super) struct Ended {
    /// What it means for the process.
    pub(super) exit: Exit,
    /// The reason it was stopped for.
    pub(super) stopped: Option<Reason>,
}

/// What the job itself gave.
pub(super) struct Outcome {
    pub(super) exit: Exit,
    /// The result of a task.
    pub(super) value: Option<Value>,
    pub(super) error: Option<TaskError>,
    pub(super) stats: JobStats,
    /// The job's id, and what its calls did and when, if that is told.
    pub(super) trace: Option<(String, Arc<JobTrace>)>,
}

impl Outcome {
    /// Of a job whose `main` ended with this code and error.
    pub(super) fn of_main(exit_code: i32, error: Option<TaskError>, stats: JobStats) -> Self {
        let exit = match &error {
            // An error of another call that `main` passed on is the program's own.
            Some(error) if error.task_id.is_some_and(|id| id.number() != MAIN) => {
                Exit::of_error(ErrorKind::Application, Some(exit_code))
            }
            Some(error) => Exit::of_error(error.kind, Some(exit_code)),
            None => Exit::of_program(exit_code),
        };
        Self {
            exit,
            value: None,
            error,
            stats,
            trace: None,
        }
    }

    /// Of a job that called one task.
    pub(super) fn of_task(result: Result<Value, TaskError>, stats: JobStats) -> Self {
        let (exit, value, error) = match result {
            Ok(value) => (Exit::Success, Some(value), None),
            Err(error) => (Exit::of_error(error.kind, None), None, Some(error)),
        };
        Self {
            exit,
            value,
            error,
            stats,
            trace: None,
        }
    }
}

/// Runs a job.
///
/// # Errors
/// What the user has to be told; the exit code is in it.
pub(super) async fn run(
    runtime: &Runtime,
    module: &Module,
    plan: &Plan,
    stop: &mut Stop,
) -> Result<Ended> {
    let begun = (clock::system_time(), clock::now());
    let job = match plan.call {
        Some(_) => runtime.open(module, plan.job.clone()),
        None => runtime.submit(module, plan.job.clone()),
    };
    let job = job.map_err(|error| not_started(module, &error))?;
    let (numbers, progress) = watch::channel(JobStats::default());
    let printed = PrinterOptions {
        logs: job.logs().map(output::Source::Lines),
        events: job.events(),
        json: plan.json,
        progress: plan.progress.then_some(progress),
    };
    let pending = match &plan.call {
        Some(call) => {
            let started = call.start(&job).await;
            Some(started.map_err(|error| refused(module, call.task(), &error))?)
        }
        None => None,
    };
    let mut printer = Printer::start(printed)?;
    let Done {
        mut outcome,
        stopped,
        mut printed,
    } = match wait(&job, pending, &numbers, &mut printer, stop).await {
        Ok(done) => done,
        Err(reason) => return Ok(stopped_exit(reason)),
    };
    let trace = job.trace().map(Arc::new);
    export(plan, &job, module, begun, &outcome, trace.as_ref());
    outcome.trace = trace.map(|trace| (job.id().to_string(), trace));
    printer.finish(last_bytes(plan, &outcome, stopped));
    if printed.is_none() {
        printed = tokio::select! {
            printed = printer.printed() => Some(printed),
            () = time::sleep(GRACE), if stopped.is_some() => None,
            reason = stop.next(), if stopped.is_none() => return Ok(stopped_exit(reason)),
        };
    }
    printed.unwrap_or(Ok(()))?;
    match stopped {
        Some(reason) => Ok(stopped_exit(reason)),
        None => tell(plan, outcome),
    }
}

/// Tells the collector, if there is one, what the job did.
fn export(
    plan: &Plan,
    job: &Job,
    module: &Module,
    (begun, since): (SystemTime, Instant),
    outcome: &Outcome,
    trace: Option<&Arc<JobTrace>>,
) {
    let Some((exporter, context)) = plan.exporter.as_ref().zip(plan.job.trace_context.clone())
    else {
        return;
    };
    let error = outcome.error.as_ref();
    exporter.job(JobSpans {
        context,
        job: job.id(),
        attempt: plan.job.attempt,
        module: module.name().to_owned(),
        tenant: None,
        begun,
        took: since.elapsed(),
        error: error.map(|error| (error.kind, error.message.clone())),
        trace: trace.cloned(),
    });
}

pub(super) fn stopped_exit(reason: Reason) -> Ended {
    let exit = match reason {
        Reason::Signal(exit) => exit,
        Reason::Changed => Exit::Success,
    };
    Ended {
        exit,
        stopped: Some(reason),
    }
}

fn not_started(module: &Module, error: &SubmitError) -> Failure {
    match error {
        SubmitError::NoMain(_) => Failure::usage(error.to_string()).detail(tasks_of(module)),
        _ => Failure::internal(error.to_string()),
    }
}

/// A call that was refused before anything ran.
fn refused(module: &Module, task: &str, error: &TaskError) -> Failure {
    let exit = match error.kind {
        ErrorKind::NotFound | ErrorKind::BadArgument => Exit::Usage,
        kind => Exit::of_error(kind, None),
    };
    let failure = Failure::new(exit, error.message.clone());
    if error.kind != ErrorKind::NotFound {
        return failure;
    }
    // The message lists the tasks that there are.
    let names = module.manifest().tasks().iter().map(|info| &*info.name);
    match suggest::nearest(task, names) {
        Some(name) => failure.help(format!("did you mean `{name}`?")),
        None => failure,
    }
}

/// At most so many names are listed.
const MAX_NAMES: usize = 50;

fn tasks_of(module: &Module) -> String {
    let tasks = module.manifest().tasks();
    let names: Vec<&str> = tasks
        .iter()
        .take(MAX_NAMES)
        .map(|info| &*info.name)
        .collect();
    match tasks.len() {
        0 => "the module has no tasks".to_owned(),
        n if n > MAX_NAMES => format!("its tasks: {} and {} more", names.join(", "), n - MAX_NAMES),
        _ => format!("its tasks: {}", names.join(", ")),
    }
}

/// A job that ended, by itself or stopped.
struct Done {
    outcome: Outcome,
    stopped: Option<Reason>,
    /// How printing ended, if it has.
    printed: Option<Printed>,
}

/// Waits for the job's end, and cancels it when there is a reason to. Gives the reason alone when the job did not end in
/// time after that, or the user has no more patience.
async fn wait(
    job: &Job,
    pending: Option<Pending>,
    numbers: &watch::Sender<JobStats>,
    printer: &mut Printer,
    stop: &mut Stop,
) -> Result<Done, Reason> {
    let mut end = std::pin::pin!(outcome(job, pending));
    let (mut stopped, mut printed) = (None, None);
    let mut deadline = std::pin::pin!(time::sleep(Duration::MAX));
    let mut tick = time::interval(PROGRESS);
    tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            outcome = &mut end => return Ok(Done { outcome, stopped, printed }),
            reason = stop.next() => match (stopped, reason) {
                (Some(earlier), Reason::Signal(_)) => return Err(earlier),
                (Some(_), Reason::Changed) => {}
                (None, reason) => {
                    job.cancel(ErrorKind::Cancelled, "it was interrupted");
                    stopped = Some(reason);
                    deadline.set(time::sleep(GRACE));
                }
            },
            () = &mut deadline, if stopped.is_some() => {
                return Err(stopped.unwrap_or(Reason::Changed));
            }
            // Standard output is closed: nobody wants the rest.
            result = printer.printed(), if printed.is_none() => {
                printed = Some(result);
                job.cancel(ErrorKind::Cancelled, "its output is closed");
            }
            _ = tick.tick() => {
                numbers.send_replace(job.stats());
            }
        }
    }
}

/// Waits for the call's result, or for `main`.
async fn outcome(job: &Job, pending: Option<Pending>) -> Outcome {
    let Some(pending) = pending else {
        let end = job.wait().await;
        return Outcome::of_main(end.exit_code, end.error, end.stats);
    };
    let result = pending.json().await;
    // The calls that the task made and left behind end with the job.
    let end = job.close().await;
    let result = match (result, end.error) {
        // The job ended first, and says why: it took too long.
        (Err(error), Some(why)) if error.kind == ErrorKind::Cancelled => Err(why),
        (result, _) => result,
    };
    Outcome::of_task(result, end.stats)
}

/// What comes after everything that guests printed.
pub(super) fn last_bytes(plan: &Plan, outcome: &Outcome, stopped: Option<Reason>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let result = plan
        .call
        .as_ref()
        .zip(outcome.value.as_ref())
        .filter(|_| stopped.is_none());
    if !plan.json {
        return match result {
            Some((_, value)) if plan.output.is_none() => result_line(value),
            _ => bytes,
        };
    }
    if let Some((call, value)) = result {
        let task = call.task();
        Record::Result { task, value }.write(&mut bytes);
    }
    if let Some(error) = &outcome.error {
        Record::Error { error }.write(&mut bytes);
    }
    let exit = stopped.map_or(outcome.exit, |reason| stopped_exit(reason).exit);
    Record::End {
        exit_code: exit.code(),
        stats: &outcome.stats,
    }
    .write(&mut bytes);
    bytes
}

/// The result's file, the table and the error, after everything is printed.
pub(super) fn tell(plan: &Plan, outcome: Outcome) -> Result<Ended> {
    if let (Some(path), Some(value)) = (&plan.output, &outcome.value) {
        std::fs::write(path, result_line(value)).map_err(|error| {
            Failure::usage(format!(
                "the result can't be written to `{}`: {}",
                path.display(),
                error_text(&error)
            ))
        })?;
    }
    if plan.stats {
        output::note(output::stats_table(&outcome.stats).trim_end());
        if let Some((_, trace)) = &outcome.trace {
            output::note(output::functions_table(&trace.functions).trim_end());
        }
    }
    if let (Some(path), Some((id, trace))) = (&plan.timeline, &outcome.trace) {
        timeline::save(trace, id, path)?;
    }
    match outcome.error {
        Some(error) => Err(Failure::of_task(&error, outcome.exit)),
        None => Ok(Ended {
            exit: outcome.exit,
            stopped: None,
        }),
    }
}
