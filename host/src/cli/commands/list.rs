//! `wrun list tasks`, `actors` and `objects`: what lives on a server.
//!
//! The server gives pages by id; as many are asked for as `--limit` takes, or, for another order, all that there are up to
//! [`MOST`].

use std::{cmp::Reverse, fmt::Write as _};

use clap::ValueEnum;

use crate::{
    api::{ActorList, ObjectList, TaskList},
    cli::{
        Exit,
        args::{ActorSort, ObjectSort, StateArgs, TaskSort},
        failure::{Result, one_line},
        output, remote,
    },
    client::ListFilter,
    config::format_size,
    types::{ActorView, BlockedOn, ErrorView, ObjectView, TaskId, TaskView},
};

/// So many are asked for at once.
const PAGE: usize = 10_000;

/// So many are put into an order.
const MOST: usize = 100_000;

/// Gathers pages until there are as many entries as wanted, or no more, and puts them into the order that is wanted.
macro_rules! gather {
    ($args:expr, $client:expr, $get:ident, $items:ident, $sort:ident $(, $flag:ident)?) => {{
        let limit = match $args.sort {
            Some(_) => MOST.max($args.limit.get()),
            None => $args.limit.get(),
        };
        let mut filter = filter($args, limit);
        let mut list = $client.$get(&filter).await?;
        while list.$items.len() < limit
            && let Some(next) = list.next.take()
        {
            filter.after = Some(next);
            filter.limit = Some((limit - list.$items.len()).min(PAGE));
            let page = $client.$get(&filter).await?;
            list.$items.extend(page.$items);
            list.next = page.next;
            $(list.$flag |= page.$flag;)?
        }
        if let Some(by) = $args.sort {
            if list.next.is_some() {
                output::note(&format!("there are more than {MOST}: this is the order of those"));
            }
            $sort(&mut list.$items, by);
        }
        let more = list.next.is_some() || list.$items.len() > $args.limit.get();
        list.$items.truncate($args.limit.get());
        (list, more)
    }};
}

fn sort_tasks(tasks: &mut [TaskView], by: TaskSort) {
    match by {
        TaskSort::Created => tasks.sort_by_key(|task| Reverse(task.created_at)),
        TaskSort::Queued => tasks.sort_by_key(|task| Reverse(task.queued_ms)),
        TaskSort::Ran => tasks.sort_by_key(|task| Reverse(task.run_ms)),
        TaskSort::Name => tasks.sort_by(|one, other| one.name.cmp(&other.name)),
    }
}

fn sort_actors(actors: &mut [ActorView], by: ActorSort) {
    let name = |actor: &ActorView| (actor.class.clone(), actor.name.clone());
    match by {
        ActorSort::Created => actors.sort_by_key(|actor| Reverse(actor.created_at)),
        ActorSort::Queued => actors.sort_by_key(|actor| Reverse(actor.queued_calls)),
        ActorSort::Memory => actors.sort_by_key(|actor| Reverse(actor.memory_bytes)),
        ActorSort::Restarts => actors.sort_by_key(|actor| Reverse(actor.restarts)),
        ActorSort::Name => actors.sort_by_cached_key(name),
    }
}

fn sort_objects(objects: &mut [ObjectView], by: ObjectSort) {
    match by {
        ObjectSort::Created => objects.sort_by_key(|object| Reverse(object.created_at)),
        ObjectSort::Size => objects.sort_by_key(|object| Reverse(object.size)),
        ObjectSort::Holders => objects.sort_by_key(|object| Reverse(object.holders)),
    }
}

fn filter<S: ValueEnum + Send + Sync>(args: &StateArgs<S>, limit: usize) -> ListFilter {
    ListFilter {
        job: args.job.clone(),
        state: args.state.clone(),
        name: args.name.clone(),
        after: None,
        limit: Some(limit.min(PAGE)),
    }
}

pub(super) async fn tasks(args: StateArgs<TaskSort>) -> Result<Exit> {
    let client = remote::required()?;
    let (list, more): (TaskList, _) = gather!(&args, client, tasks, tasks, sort_tasks);
    if args.json {
        return json(&list);
    }
    let mut text = format!(
        "{:<32} {:<10} {:>3} {:<12} {:>8} {:>8} WHAT\n",
        "TASK", "STATE", "TRY", "CREATED", "QUEUED", "RAN"
    );
    for task in &list.tasks {
        let _ = writeln!(
            text,
            "{:<32} {:<10} {:>3} {:<12} {:>8} {:>8} {}",
            task.id,
            task.state.text(),
            task.attempt,
            remote::ago(task.created_at),
            time(task.queued_ms),
            task.run_ms.map_or_else(String::new, time),
            one_line(&what(task)),
        );
    }
    output::print(&text)?;
    let totals = &list.totals;
    output::note(&format!(
        "{} queued, {} running, {} finished, {} failed, {} retried",
        totals.queued, totals.running, totals.finished, totals.failed, totals.retried
    ));
    tell(more)
}

fn what(task: &TaskView) -> String {
    let mut text = format!("{}#{}", task.name, task.number);
    if let Some(parent) = task.parent {
        let _ = write!(text, " by #{}", parent.number());
    }
    match task.blocked_on {
        Some(BlockedOn::Objects) => text.push_str(", waits for objects"),
        Some(BlockedOn::Room) => text.push_str(", waits for room"),
        Some(BlockedOn::Reader) => text.push_str(", waits for a reader"),
        Some(BlockedOn::Disk) => text.push_str(", waits for the disk"),
        None => {}
    }
    text + &error(task.error.as_ref())
}

pub(super) async fn actors(args: StateArgs<ActorSort>) -> Result<Exit> {
    let client = remote::required()?;
    let (list, more): (ActorList, _) = gather!(&args, client, actors, actors, sort_actors);
    if args.json {
        return json(&list);
    }
    let mut text = format!(
        "{:<32} {:<11} {:>6} {:>8} {:>9} {:<12} WHAT\n",
        "ACTOR", "STATE", "QUEUED", "RESTARTS", "MEMORY", "CREATED"
    );
    for actor in &list.actors {
        let _ = writeln!(
            text,
            "{:<32} {:<11} {:>6} {:>8} {:>9} {:<12} {}",
            actor.id,
            actor.state.text(),
            actor.queued_calls,
            actor.restarts,
            actor.memory_bytes.map_or_else(String::new, format_size),
            remote::ago(actor.created_at),
            one_line(&who(actor)),
        );
    }
    output::print(&text)?;
    tell(more)
}

fn who(actor: &ActorView) -> String {
    let mut text = actor.class.clone();
    if let Some(name) = &actor.name {
        let _ = write!(text, " `{name}`");
    }
    if actor.detached {
        text.push_str(", detached");
    }
    text + &error(actor.error.as_ref())
}

pub(super) async fn objects(args: StateArgs<ObjectSort>) -> Result<Exit> {
    let client = remote::required()?;
    let (list, more): (ObjectList, _) =
        gather!(&args, client, objects, objects, sort_objects, partial);
    if args.json {
        return json(&list);
    }
    let mut text = format!(
        "{:<32} {:<8} {:>9} {:>7} {:<12} MADE BY\n",
        "OBJECT", "STATE", "SIZE", "HOLDERS", "CREATED"
    );
    for object in &list.objects {
        let _ = writeln!(
            text,
            "{:<32} {:<8} {:>9} {:>7} {:<12} {}",
            object.id,
            object.state.text(),
            format_size(object.size),
            object.holders,
            object.created_at.map_or_else(String::new, remote::ago),
            one_line(&maker(object)),
        );
    }
    output::print(&text)?;
    if list.partial {
        output::note(
            "there are so many tasks that not all of their arguments were looked at; name a job with --job",
        );
    }
    tell(more)
}

fn maker(object: &ObjectView) -> String {
    let name = object.name.as_deref().unwrap_or_default();
    let number = object
        .task
        .map_or_else(String::new, |task| format!("#{}", task.number()));
    let tasks = |how: &str, tasks: &[TaskId]| {
        let numbers: Vec<_> = tasks
            .iter()
            .map(|task| format!("#{}", task.number()))
            .collect();
        (!numbers.is_empty()).then(|| format!("{how} {}", numbers.join(" ")))
    };
    let made = Some(format!("{name}{number}")).filter(|made| !made.is_empty());
    let arguments = tasks("argument of", &object.arguments_of);
    let handles = tasks("held by", &object.held_by);
    let known: Vec<_> = [made, arguments, handles].into_iter().flatten().collect();
    format!("{}{}", known.join(", "), error(object.error.as_ref()))
}

fn error(error: Option<&ErrorView>) -> String {
    error.map_or_else(String::new, |error| {
        format!(": {}: {}", error.code, error.message)
    })
}

/// Milliseconds as people read them.
pub(super) fn time(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..100_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} s", millis / 1_000),
    }
}

fn json(list: &impl serde::Serialize) -> Result<Exit> {
    output::print(&super::tenant::pretty(list)?)?;
    Ok(Exit::Success)
}

/// Whether there are more.
fn tell(more: bool) -> Result<Exit> {
    if more {
        output::note("there are more: `--limit`");
    }
    Ok(Exit::Success)
}
