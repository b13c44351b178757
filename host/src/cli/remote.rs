//! A server instead of a runtime of its own: where it is, and a job on it that looks as one here.
//!
//! `WRUN_ADDRESS` names the server, `WRUN_TOKEN` lets in, `WRUN_TENANT` is for the host's admin, `WRUN_CA` is a file of
//! certificates to trust beside the system's. [`submit`] sends the module
//! when the server does not have it, submits the job, prints what comes back and ends as the job did. When the connection is
//! lost on the way the job goes on; the output is taken up again where it was, for a while.

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};

use super::{
    Exit,
    args::RunArgs,
    driver::{self, Call, Ended, Outcome, Plan},
    failure::{Failure, Result, one_line},
    load::ModuleFile,
    output::{self, Printer, PrinterOptions, Source, Told},
    stop::{Reason, Stop},
};
use crate::{
    api::{CallView, JobRequest, JobState, JobView, LogEntry, ModuleView},
    client::{Client, ClientError, JobEvent},
    config::error_text,
    rt::clock,
    types::{ErrorKind, JobId, JobStats, LogLine, TaskError, TaskId},
};

/// A lost connection is tried again for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// With so much between two attempts.
const BETWEEN: Duration = Duration::from_millis(500);
/// How long a job that was cancelled here has to end.
const GRACE: Duration = Duration::from_secs(5);

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { status, body } => {
                let exit = match status {
                    400..=499 if status != 429 => Exit::Usage,
                    429 => Exit::Limit,
                    _ => Exit::Internal,
                };
                let exit = if body.code == "bad_module" {
                    Exit::BadModule
                } else {
                    exit
                };
                let failure = Self::new(exit, body.message);
                match body.help {
                    Some(help) => failure.help(help),
                    None => failure,
                }
            }
            ClientError::Unreachable { .. } => Self::internal(error.to_string()).help(
                "is it running? start one with `wrun serve`, or unset WRUN_ADDRESS to run here",
            ),
            ClientError::Address { .. } => Self::usage(error.to_string()),
            other => Self::internal(other.to_string()),
        }
    }
}

/// The server that the environment names, if it does.
///
/// # Errors
/// When a variable can't be used.
pub(super) fn from_env() -> Result<Option<Client>> {
    let read = |name: &str| match env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!(
            "the environment variable {name} is no text"
        ))),
    };
    let Some(address) = read("WRUN_ADDRESS")? else {
        return Ok(None);
    };
    let (token, tenant) = (read("WRUN_TOKEN")?, read("WRUN_TENANT")?);
    let roots = match read("WRUN_CA")? {
        None => None,
        Some(path) => Some(fs::read(&path).map_err(|error| {
            let reason = error_text(&error);
            Failure::usage(format!(
                "the certificates `{path}` (WRUN_CA) can't be read: {reason}"
            ))
        })?),
    };
    let client = Client::trusting(&address, token, tenant, roots.as_deref());
    Ok(Some(client?))
}

/// The server that the environment names.
///
/// # Errors
/// When it names none.
pub(super) fn required() -> Result<Client> {
    from_env()?.ok_or_else(|| {
        Failure::usage("no server is named")
            .help("set WRUN_ADDRESS, such as http://127.0.0.1:9700, and WRUN_TOKEN")
    })
}

/// How a job is sent.
#[derive(Debug, Default)]
pub(super) struct SendOptions {
    /// Its id is printed, and nothing waited for.
    pub(super) detach: bool,
    /// The same key is the same job.
    pub(super) key: Option<String>,
    /// It is lost when the server stops under it.
    pub(super) no_restart: bool,
}

/// Which module.
#[derive(Debug)]
pub(super) enum Sent {
    /// This one, which is sent if the server does not have it.
    File(ModuleFile),
    /// One that the server has, by its hash.
    Hash(String),
}

/// Refuses what only a runtime of one's own can do.
pub(super) fn check(run: &RunArgs) -> Result<()> {
    let given = [
        ("--dir", !run.dir.is_empty()),
        ("--allow-http", !run.allow_http.is_empty()),
        ("--num-cpus", run.num_cpus.is_some()),
        ("--memory-limit", run.memory_limit.is_some()),
        ("--object-store-memory", run.object_store_memory.is_some()),
        ("--spill-dir", run.spill_dir.is_some()),
        ("--spill-limit", run.spill_limit.is_some()),
        ("--no-spill", run.no_spill),
        ("--record", run.record.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::usage(format!(
            "`{name}` is for runs here, and WRUN_ADDRESS names a server, whose own configuration decides it"
        ))
        .help("leave it out, or unset WRUN_ADDRESS")),
    }
}

/// Runs a job on the server.
pub(super) async fn submit(
    client: &Client,
    module: Sent,
    plan: &Plan,
    options: &SendOptions,
    stop: &mut Stop,
) -> Result<Ended> {
    let job = tokio::select! {
        job = send(client, module, plan, options) => job?,
        reason = stop.next() => return Ok(driver::stopped_exit(reason)),
    };
    if options.detach {
        output::print(&format!("{}\n", job.id))?;
        return Ok(Ended {
            exit: Exit::Success,
            stopped: None,
        });
    }
    follow(client, &job, plan, stop).await
}

async fn send(
    client: &Client,
    module: Sent,
    plan: &Plan,
    options: &SendOptions,
) -> Result<JobView> {
    let hash = match module {
        Sent::Hash(hash) => hash,
        Sent::File(file) => push_if_missing(client, file, plan.progress).await?,
    };
    let task = match &plan.call {
        None => None,
        Some(Call::Task(name, args)) => Some(CallView {
            name: name.clone(),
            args: args.clone(),
        }),
        Some(Call::Replay(_)) => {
            return Err(Failure::usage(
                "a recorded task is run again here: unset WRUN_ADDRESS",
            ));
        }
    };
    let request = JobRequest {
        module: hash,
        task,
        args: plan.job.args.clone(),
        env: plan.job.env.iter().cloned().collect(),
        timeout_ms: plan
            .job
            .timeout
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        cpu_limit_ms: None,
        no_restart: options.no_restart,
        events: plan.json && !options.detach,
    };
    Ok(client.submit(&request, options.key.as_deref()).await?)
}

/// The hash of a module that the server has then.
pub(super) async fn push_if_missing(
    client: &Client,
    file: ModuleFile,
    progress: bool,
) -> Result<String> {
    let hash = blake3::hash(&file.bytes).to_hex().to_string();
    match client.module(&hash).await {
        Ok(module) => Ok(module.hash),
        Err(error) if error.code() == Some("not_found") => {
            Ok(push(client, file, progress).await?.hash)
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends a module, and shows on a terminal how far that is.
pub(super) async fn push(client: &Client, file: ModuleFile, progress: bool) -> Result<ModuleView> {
    if !progress {
        return Ok(client.push(&file.name, file.bytes).await?);
    }
    let (name, bytes) = (one_line(&file.name), file.bytes.len() as u64);
    let shown = output::Waiting::of_bytes(bytes, format!("sending {name}"));
    let (told, sent) = (shown.clone(), AtomicU64::new(0));
    let more = move |piece: usize| {
        let piece = piece as u64;
        told.more(piece);
        if sent.fetch_add(piece, Ordering::Relaxed) + piece >= bytes {
            told.say(format!("{name}: the server compiles it"));
        }
    };
    let pushed = client.push_in_pieces(&file.name, file.bytes, more).await;
    shown.end();
    Ok(pushed?)
}

/// Prints what a job prints, and ends as it does.
async fn follow(client: &Client, job: &JobView, plan: &Plan, stop: &mut Stop) -> Result<Ended> {
    let (lines, printed_lines) = mpsc::channel(1024);
    let (numbers, progress) = watch::channel(JobStats::default());
    let mut printer = Printer::start(PrinterOptions {
        logs: Some(Source::Told(printed_lines)),
        events: None,
        json: plan.json,
        progress: plan.progress.then_some(progress),
    })?;
    let mut stopped: Option<Reason> = None;
    let ended = {
        let mut ended = std::pin::pin!(read(client, &job.id, plan.json, lines));
        let mut deadline = std::pin::pin!(time::sleep(Duration::MAX));
        let mut counted = std::pin::pin!(count(client, &job.id, &numbers));
        loop {
            tokio::select! {
                ended = &mut ended => break ended?,
                () = &mut counted, if plan.progress => {}
                reason = stop.next() => {
                    if let Some(earlier) = stopped {
                        return Ok(driver::stopped_exit(earlier));
                    }
                    stopped = Some(reason);
                    deadline.set(time::sleep(GRACE));
                    // It may have ended meanwhile.
                    let _ = client.cancel(&job.id).await;
                }
                () = &mut deadline, if stopped.is_some() => {
                    return Ok(driver::stopped_exit(stopped.unwrap_or(Reason::Changed)));
                }
            }
        }
    };
    let id = ended.id.clone();
    let mut outcome = outcome(client, ended).await?;
    if plan.stats || plan.timeline.is_some() {
        // One that ended before it began has none.
        let trace = client.trace(&id).await;
        outcome.trace = trace.ok().map(|trace| (id, Arc::new(trace)));
    }
    printer.finish(driver::last_bytes(plan, &outcome, stopped));
    printer.printed().await?;
    match stopped {
        Some(reason) => Ok(driver::stopped_exit(reason)),
        None => driver::tell(plan, outcome),
    }
}

/// How often a job's numbers are asked for.
const COUNTED: Duration = Duration::from_secs(1);

/// Asks for the job's numbers, over and over. What can't be had is shown as it was.
async fn count(client: &Client, id: &str, numbers: &watch::Sender<JobStats>) {
    loop {
        time::sleep(COUNTED).await;
        if let Ok(job) = client.job(id).await {
            numbers.send_replace(job.stats);
        }
    }
}

/// Reads a job's output to its end, over lost connections.
async fn read(
    client: &Client,
    id: &str,
    with_events: bool,
    lines: mpsc::Sender<Told>,
) -> Result<JobView> {
    let job_id: JobId = id
        .parse()
        .map_err(|_| Failure::internal(format!("the server's job id `{id}` is none")))?;
    let (mut at, mut outage) = (At::default(), Outage::default());
    at.with_events = with_events;
    loop {
        at.connected = None;
        let lost = match part(client, id, job_id, &mut at, &lines).await {
            Ok(Some(job)) => return Ok(job),
            // The server closed in the middle, as one that stops does.
            Ok(None) => None,
            Err(error) if is_for_now(&error) => Some(error),
            Err(error) => return Err(error.into()),
        };
        let now = Instant::now();
        if !outage.is_bearable(at.connected.map(|since| now - since), now) {
            let why = lost.map_or_else(
                || "the server closes connections".to_owned(),
                |e| e.to_string(),
            );
            return Err(Failure::internal(why).help(format!(
                "the job goes on: see `wrun job status {id}` and `wrun job logs -f {id}`"
            )));
        }
        time::sleep(BETWEEN).await;
    }
}

/// Whether it may be another server's answer soon: of the one that follows on one that stops.
fn is_for_now(error: &ClientError) -> bool {
    matches!(error, ClientError::Unreachable { .. }) || error.code() == Some("unavailable")
}

/// Since when the server can't be followed.
#[derive(Debug, Default)]
struct Outage(Option<Instant>);

impl Outage {
    /// Whether to try again after an attempt that failed now, with a connection that stood for so long if there was one. A
    /// server that closes them at once is no better than none.
    fn is_bearable(&mut self, stood: Option<Duration>, now: Instant) -> bool {
        if stood.is_some_and(|time| time > BETWEEN) {
            self.0 = None;
        }
        now - *self.0.get_or_insert(now) <= PATIENCE
    }
}

/// How far a job's output has been read.
#[derive(Debug, Default)]
struct At {
    /// With what happened to calls.
    with_events: bool,
    /// Since when there is a connection.
    connected: Option<Instant>,
    /// The next line, without.
    next: u64,
    /// The last event, with.
    last: String,
}

/// One connection's worth of output; the job, if that was its end.
async fn part(
    client: &Client,
    id: &str,
    job: JobId,
    at: &mut At,
    lines: &mpsc::Sender<Told>,
) -> Result<Option<JobView>, ClientError> {
    let mut events = match at.with_events {
        true => client.events(id, &at.last, true).await?,
        false => client.logs(id, at.next, true).await?,
    };
    at.connected = Some(Instant::now());
    while let Some(event) = events.next().await? {
        if at.last != events.last_id() {
            events.last_id().clone_into(&mut at.last);
        }
        match event {
            JobEvent::End(job) => return Ok(Some(*job)),
            JobEvent::Event(event) => drop(lines.send(Told::Event(event)).await),
            JobEvent::Dropped(dropped) => {
                output::note(&format!("… {} lines are not kept any more", dropped.lines));
            }
            JobEvent::Line(entry) => {
                at.next = entry.seq + 1;
                // A printer that is gone has said why.
                let _ = lines.send(Told::Line(line(job, &entry))).await;
            }
        }
    }
    Ok(None)
}

fn line(job: JobId, entry: &LogEntry) -> LogLine {
    LogLine {
        task: TaskId::new(job, entry.call),
        name: entry.name.as_str().into(),
        stream: entry.stream,
        text: entry.bytes(),
        starts_line: entry.starts_line,
    }
}

/// What a job gave, as if it had run here.
async fn outcome(client: &Client, job: JobView) -> Result<Outcome> {
    let reason = |kind, what: &str| {
        let why = job.reason.clone().unwrap_or_else(|| what.to_owned());
        TaskError::new(kind, format!("the job is {what}: {why}"))
    };
    let error = match job.state {
        JobState::Lost => Some(reason(ErrorKind::System, "lost")),
        JobState::Quarantined => Some(reason(ErrorKind::System, "quarantined")),
        JobState::Cancelled => Some(reason(ErrorKind::Cancelled, "cancelled")),
        JobState::Finished | JobState::Running | JobState::Queued => job.error.clone(),
    };
    if let (Some(2), Some(_), Some(error)) = (job.exit_code, &job.task, &error) {
        // The call was refused before anything ran.
        return Err(Failure::usage(error.message.clone()));
    }
    let result = match (&job.task, error) {
        (None, error) => {
            return Ok(Outcome::of_main(
                job.exit_code.unwrap_or(1),
                error,
                job.stats,
            ));
        }
        (Some(_), Some(error)) => Err(error),
        (Some(_), None) => Ok(client.result(&job.id, 0).await?),
    };
    Ok(Outcome::of_task(result, job.stats))
}

/// Milliseconds since 1970 as people read them: how long ago.
pub(super) fn ago(at: u64) -> String {
    let seconds = clock::unix_millis().saturating_sub(at) / 1000;
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outage_is_borne_for_itself() {
        let (start, mut outage) = (Instant::now(), Outage::default());
        let mut tried = |stood: Option<u64>, at: u64| {
            outage.is_bearable(
                stood.map(Duration::from_secs),
                start + Duration::from_secs(at),
            )
        };
        assert!(tried(Some(3), 3) && tried(None, 33) && !tried(None, 34));
        // It came back for an hour, and is gone again.
        assert!(tried(Some(3_600), 3_640) && tried(None, 3_670) && !tried(None, 3_671));
        // It comes back for no more than a moment each time.
        assert!(tried(Some(60), 4_000) && tried(Some(0), 4_030) && !tried(Some(0), 4_031));
    }
}
