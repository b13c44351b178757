//! `wrun list tasks`, `actors` and `objects`: what lives on a server.
//!
//! The server gives pages; as many are asked for as `--limit` takes.

use std::fmt::Write as _;

use crate::{
    api::{ActorList, ObjectList, TaskList},
    cli::{
        Exit,
        args::StateArgs,
        failure::{Result, printable},
        output, remote,
    },
    client::ListFilter,
    config::format_size,
    types::{ActorView, BlockedOn, ErrorView, ObjectView, TaskView},
};

/// So many are asked for at once.
const PAGE: usize = 10_000;

/// Gathers pages until there are as many entries as wanted, or no more.
macro_rules! gather {
    ($args:expr, $client:expr, $get:ident, $items:ident $(, $flag:ident)?) => {{
        let limit = $args.limit.get();
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
        list
    }};
}

fn filter(args: &StateArgs, limit: usize) -> ListFilter {
    ListFilter {
        job: args.job.clone(),
        state: args.state.clone(),
        name: args.name.clone(),
        after: None,
        limit: Some(limit.min(PAGE)),
    }
}

pub(super) async fn tasks(args: StateArgs) -> Result<Exit> {
    let client = remote::required()?;
    let list: TaskList = gather!(&args, client, tasks, tasks);
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
            printable(&what(task)),
        );
    }
    output::print(&text)?;
    let totals = &list.totals;
    output::note(&format!(
        "{} queued, {} running, {} finished, {} failed, {} retried",
        totals.queued, totals.running, totals.finished, totals.failed, totals.retried
    ));
    more(list.next.is_some())
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

pub(super) async fn actors(args: StateArgs) -> Result<Exit> {
    let client = remote::required()?;
    let list: ActorList = gather!(&args, client, actors, actors);
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
            printable(&who(actor)),
        );
    }
    output::print(&text)?;
    more(list.next.is_some())
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

pub(super) async fn objects(args: StateArgs) -> Result<Exit> {
    let client = remote::required()?;
    let list: ObjectList = gather!(&args, client, objects, objects, partial);
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
            printable(&maker(object)),
        );
    }
    output::print(&text)?;
    if list.partial {
        output::note(
            "there are so many tasks that not all of their arguments were looked at; name a job with --job",
        );
    }
    more(list.next.is_some())
}

fn maker(object: &ObjectView) -> String {
    let name = object.name.as_deref().unwrap_or_default();
    let number = object
        .task
        .map_or_else(String::new, |task| format!("#{}", task.number()));
    format!("{name}{number}{}", error(object.error.as_ref()))
}

fn error(error: Option<&ErrorView>) -> String {
    error.map_or_else(String::new, |error| {
        format!(": {}: {}", error.code, error.message)
    })
}

/// Milliseconds as people read them.
fn time(millis: u64) -> String {
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

fn more(there_are: bool) -> Result<Exit> {
    if there_are {
        output::note("there are more: `--limit`");
    }
    Ok(Exit::Success)
}
