//! `wrun why`: what a task on a server waits for, or what it failed with, in words.
//!
//! The server tells tasks and what each waits for; here they become a tree, the task that was asked for at the top, each told
//! once, and what to do about it where that is known. All names and messages are of guests, so all of them are made safe.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write as _,
};

use crate::{
    cli::{
        Exit,
        args::WhyArgs,
        failure::{Failure, Result, frames, one_line, printable},
        output, remote,
    },
    config::format_size,
    types::{
        ActorState, BlockedOn, Cause, CauseBy, JobId, TaskError, TaskId, TaskSpan, TaskState,
        TaskView, TaskWhy, Wait, WaitingTask,
    },
};

pub(super) async fn run(args: WhyArgs) -> Result<Exit> {
    let id = id(&args)?;
    let why = remote::required()?.why(&id).await?;
    output::print(&match args.json {
        true => super::tenant::pretty(&why)?,
        false => tell(&id, &why),
    })?;
    Ok(Exit::Success)
}

/// The task's id: as it is, or of a job and a number in it.
fn id(args: &WhyArgs) -> Result<String> {
    let Some(number) = &args.number else {
        return Ok(args.task.clone());
    };
    let digits = number.rsplit('#').next().unwrap_or_default();
    let job = args.task.parse::<JobId>();
    match (job, digits.parse::<u64>()) {
        (Ok(job), Ok(number)) => Ok(TaskId::new(job, number).to_string()),
        (Err(_), _) => Err(Failure::usage(format!(
            "`{}` is no job's id",
            one_line(&args.task)
        ))),
        (_, Err(_)) => Err(Failure::usage(format!(
            "`{}` is no task's number: write add#17, or just 17",
            one_line(number)
        ))),
    }
}

fn tell(id: &str, why: &TaskWhy) -> String {
    let mut telling = Telling::new(why);
    match (why.tasks.first(), &why.ended) {
        (Some(first), _) if why.error.is_some() => telling.failure(first, why),
        (Some(_), _) => telling.waits(0, 0),
        (None, Some(span)) => telling.ended(span),
        (None, None) => telling.line(0, &format!("nothing is known of task {id}")),
    }
    telling.cycle(&why.cycle);
    for help in telling.help {
        // Writing to a string does not fail.
        let _ = writeln!(telling.text, "help: {help}");
    }
    telling.text
}

/// What is told, as far as it came.
struct Telling<'a> {
    text: String,
    tasks: &'a [WaitingTask],
    places: HashMap<TaskId, usize>,
    told: HashSet<usize>,
    /// What to do, each once.
    help: BTreeSet<String>,
}

impl<'a> Telling<'a> {
    fn new(why: &'a TaskWhy) -> Self {
        let places = why.tasks.iter().enumerate();
        Self {
            text: String::new(),
            tasks: &why.tasks,
            places: places.map(|(at, one)| (one.task.id, at)).collect(),
            told: HashSet::new(),
            help: BTreeSet::new(),
        }
    }

    fn line(&mut self, level: usize, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", 2 * level);
    }

    fn help(&mut self, help: impl Into<String>) {
        self.help.insert(help.into());
    }

    /// A task, and below it what it waits for.
    fn waits(&mut self, at: usize, level: usize) {
        self.told.insert(at);
        let tasks = self.tasks;
        let waiting = &tasks[at];
        let line = format!("{}{}", state(&waiting.task), sum(waiting));
        self.line(level, &line);
        if waiting.waits.is_empty() && waiting.task.state == TaskState::Running {
            let job = waiting.task.job;
            self.help(format!(
                "what runs takes its time, or does not end: `wrun logs -f {job}` shows what it prints, `wrun job cancel {job}` ends its job"
            ));
        }
        for wait in &waiting.waits {
            let line = self.wait(wait, &waiting.task);
            self.line(level + 1, &line);
            let next = wait.task().and_then(|id| self.places.get(&id)).copied();
            if let Some(next) = next.filter(|next| !self.told.contains(next)) {
                self.waits(next, level + 2);
            }
        }
        if waiting.left_out > 0 {
            self.line(level + 1, &format!("… and for {} more", waiting.left_out));
        }
        if waiting.deeper {
            let id = waiting.task.id;
            self.line(level + 1, &format!("… the chain goes on: `wrun why {id}`"));
        }
    }

    /// One thing that a task waits for.
    fn wait(&mut self, wait: &Wait, task: &TaskView) -> String {
        match wait {
            Wait::Object { task: maker, .. } => match maker {
                Some(maker) => format!("it waits for the result of {}", self.named(*maker)),
                None => "it waits for an object".to_owned(),
            },
            Wait::Stream { task: maker, .. } => match maker {
                Some(maker) => format!(
                    "it waits for the next item of the stream of {}",
                    self.named(*maker)
                ),
                None => "it waits for the next item of a stream".to_owned(),
            },
            Wait::Actor {
                actor,
                class,
                name,
                state,
                queued_calls,
                task: runs,
            } => {
                let name = name
                    .as_deref()
                    .map_or_else(String::new, |name| format!(" `{}`", one_line(name)));
                let what = match (state, runs) {
                    (ActorState::Alive | ActorState::Hibernating, Some(runs)) => {
                        format!("which runs {}", self.named(*runs))
                    }
                    (ActorState::Alive | ActorState::Hibernating, None) => {
                        "which is about to take its next call".to_owned()
                    }
                    (state, _) => format!("which is {state}: its constructor has not returned"),
                };
                let (class, number) = (one_line(class), actor.number());
                format!(
                    "it is in the mailbox of the actor {class}#{number}{name} (length {queued_calls}), {what}"
                )
            }
            Wait::Before { task } => format!(
                "it comes after {}, an earlier call of the same caller",
                self.named(*task)
            ),
            Wait::Slot { .. } => self.slot(wait),
            Wait::Request => {
                self.help("its tenant's HTTP requests wait for each other: the configuration's `at_once` and `rate` say how many are made".to_owned());
                "it waits for its turn among its tenant's HTTP requests".to_owned()
            }
            Wait::Room { .. } => self.room(wait),
            Wait::Reader { unread, .. } => {
                self.help(format!(
                    "nobody reads the stream of {}#{}: whoever has it is to read on, or to drop it",
                    one_line(&task.name),
                    task.number
                ));
                format!("it waits for a reader of its stream, which has {unread} unread items")
            }
            Wait::Disk => {
                "it waits for the disk, with a value that is written to it or read from it"
                    .to_owned()
            }
        }
    }

    fn slot(&mut self, wait: &Wait) -> String {
        let Wait::Slot {
            needs,
            slots,
            free,
            queued_in_job,
            queued_in_tenant,
        } = wait
        else {
            return String::new();
        };
        if free < needs {
            self.help("all slots are taken: `wrun list tasks --state running` shows by what; `num_cpus` of the server says how many there are".to_owned());
        }
        format!(
            "it waits for {needs} of {slots} slots, {free} are free; {queued_in_job} calls of its job wait so, {queued_in_tenant} of its tenant"
        )
    }

    fn room(&mut self, wait: &Wait) -> String {
        let Wait::Room {
            resource,
            asked,
            limit,
            used,
            message,
            ..
        } = wait
        else {
            return String::new();
        };
        if let Some(message) = message {
            let what = match &**resource {
                "queued calls" | "bytes of queued calls" => "the queue is full",
                "bytes of objects" => "the object store is full",
                _ => "a limit is reached",
            };
            self.help(format!("{what}: {}", one_line(message)));
        }
        let amount = |n: u64| match resource.starts_with("bytes") {
            true => format_size(n),
            false => n.to_string(),
        };
        let resource = one_line(resource);
        match (limit, used) {
            (Some(limit), Some(used)) => format!(
                "it waits for room for {} {resource}: {} of {} are taken",
                amount(*asked),
                amount(*used),
                amount(*limit)
            ),
            _ => format!(
                "it waited for room for {} {resource}, and there is some now",
                amount(*asked)
            ),
        }
    }

    /// A task by name and number, and that it is told elsewhere if it is.
    fn named(&self, id: TaskId) -> String {
        let number = id.number();
        match self.places.get(&id) {
            Some(at) => {
                let name = one_line(&self.tasks[*at].task.name);
                let again = if self.told.contains(at) {
                    " (above)"
                } else {
                    ""
                };
                format!("{name}#{number}{again}")
            }
            None => format!("#{number}"),
        }
    }

    /// That tasks wait for each other.
    fn cycle(&mut self, cycle: &[TaskId]) {
        let names: Vec<_> = cycle
            .iter()
            .filter_map(|id| self.places.get(id))
            .map(|at| &self.tasks[*at].task)
            .map(|task| format!("{}#{}", one_line(&task.name), task.number))
            .collect();
        let Some(first) = names.first() else { return };
        let line = match &names[..] {
            [one] => format!("{one} waits for itself: it never goes on"),
            _ => format!(
                "{} → {first}: each waits for the next, so {first} waits for itself, and none of them ever goes on",
                names.join(" → ")
            ),
        };
        self.line(0, &line);
        let job = self.tasks[0].task.job;
        self.help(format!(
            "only a time limit or a cancellation ends that: `wrun job cancel {job}`; in the program, one of them has to go on without the other"
        ));
    }

    /// A task that failed, and where its error comes from.
    fn failure(&mut self, first: &WaitingTask, why: &TaskWhy) {
        self.line(0, &state(&first.task));
        let own = |error: &TaskError, task: &TaskView| error.task_id.is_none_or(|id| id == task.id);
        let mut said = why.error.as_ref();
        if let Some(error) = &why.error
            && (own(error, &first.task) || why.causes.is_empty())
        {
            self.error(1, error);
        }
        for (at, cause) in why.causes.iter().enumerate() {
            self.line(at + 1, &by(cause));
            let Some(error) = &cause.error else { continue };
            let is_last = at + 1 == why.causes.len();
            if said != Some(error) || is_last {
                self.error(at + 2, error);
            }
            said = Some(error);
        }
        let is_cut = why.causes.last().is_some_and(|cause| cause.error.is_none());
        if let (true, Some(error)) = (is_cut, &why.error) {
            self.error(why.causes.len() + 1, error);
        }
        let job = first.task.job;
        self.help(format!("what it printed: `wrun logs {job}`"));
    }

    fn error(&mut self, level: usize, error: &TaskError) {
        let message = printable(&error.message);
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        self.line(level, &format!("error[{}]: {first}", error.kind.code()));
        for line in lines {
            self.line(level + 1, line);
        }
        for frame in frames(&error.backtrace) {
            self.line(level + 1, &one_line(&frame));
        }
    }

    /// A task of which only the timeline knows.
    fn ended(&mut self, span: &TaskSpan) {
        let name = match span.name.is_empty() {
            true => "main".to_owned(),
            false => one_line(&span.name),
        };
        let how = match span.error {
            None => "ended well".to_owned(),
            Some(kind) => format!("failed (error {})", kind.code()),
        };
        let times = [
            ("queued", span.begun_ns.saturating_sub(span.queued_ns)),
            ("ran", span.ended_ns.saturating_sub(span.begun_ns)),
            ("of that blocked", span.blocked_ns),
            ("processor time", span.cpu_ns),
        ];
        let times: Vec<_> = times
            .iter()
            .map(|(what, ns)| format!("{what} {}", output::nanos(*ns)))
            .collect();
        let line = format!(
            "{name}#{} {how}{}: {}",
            span.number,
            attempt(span.attempt),
            times.join(", ")
        );
        self.line(0, &line);
    }
}

/// A task, and where it is in its life.
fn state(task: &TaskView) -> String {
    let name = format!("{}#{}", one_line(&task.name), task.number);
    let (queued, ran) = (
        super::list::time(task.queued_ms),
        super::list::time(task.run_ms.unwrap_or_default()),
    );
    let attempt = attempt(task.attempt);
    match task.state {
        TaskState::Waiting => format!("{name} waits for its arguments, for {queued}"),
        TaskState::Queued => format!("{name} is queued, for {queued}{attempt}"),
        TaskState::Running => format!("{name} runs, for {ran}{attempt}"),
        TaskState::Blocked => {
            let on = match task.blocked_on {
                Some(BlockedOn::Objects) => " on objects",
                Some(BlockedOn::Room) => " on room",
                Some(BlockedOn::Reader) => " on a reader",
                Some(BlockedOn::Disk) => " on the disk",
                None => "",
            };
            format!("{name} is blocked{on}, {ran} after it began{attempt}")
        }
        TaskState::Failed | TaskState::Cancelled => {
            let how = match task.state {
                TaskState::Cancelled => "was cancelled",
                _ => "failed",
            };
            let ago = task
                .ended_at
                .map_or_else(String::new, |at| format!(" {}", remote::ago(at)));
            let after = match task.run_ms {
                Some(_) => format!("after it ran {ran}"),
                None => "and never ran".to_owned(),
            };
            format!("{name} {how}{ago}, {after}{attempt}")
        }
    }
}

fn attempt(attempt: u32) -> String {
    match attempt {
        0 => String::new(),
        n => format!(" (attempt {})", n + 1),
    }
}

/// How many of what it waits for are enough.
fn sum(waiting: &WaitingTask) -> String {
    let all = waiting.waits.len() as u64 + waiting.left_out;
    match waiting.enough {
        Some(enough) => format!(", until {enough} of {all} are there"),
        None if all > 1 => format!(", until all of {all} are there"),
        None => String::new(),
    }
}

/// A step towards the first cause.
fn by(cause: &Cause) -> String {
    let task = match &cause.task {
        Some(task) => state(task),
        None => format!(
            "{}#{} failed, and is not kept any more",
            one_line(&cause.name),
            cause.id.number()
        ),
    };
    match cause.by {
        CauseBy::Argument => format!("because its argument failed: {task}"),
        CauseBy::Call => format!("because what it asked for failed: {task}"),
        CauseBy::Actor => format!("because the actor died of this: {task}"),
    }
}
