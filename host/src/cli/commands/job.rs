//! `wrun job` and `wrun list jobs`: jobs on a server.

use std::{cmp::Reverse, fmt::Write as _, time::Duration};

use crate::{
    api::{JobList, JobView},
    cli::{
        Exit,
        args::{JobCommand, JobSort, ListArgs},
        failure::{Result, one_line},
        output, remote,
    },
    client::Client,
};

/// So long a server waits for a result at most.
const PART: Duration = Duration::from_secs(300);

pub(super) async fn run(command: JobCommand) -> Result<Exit> {
    let client = remote::required()?;
    match command {
        JobCommand::Status { id, json } => {
            let job = client.job(&id).await?;
            output::print(&if json {
                super::tenant::pretty(&job)?
            } else {
                status(&job)
            })?;
        }
        JobCommand::Logs(args) => return super::logs::print(&client, &args).await,
        JobCommand::Result { id, wait } => {
            let result = result(&client, &id, wait.unwrap_or_default()).await?;
            output::print(&format!("{result}\n"))?;
        }
        JobCommand::Cancel { id } => {
            client.cancel(&id).await?;
        }
        JobCommand::Restart { id } => {
            client.restart(&id).await?;
        }
    }
    Ok(Exit::Success)
}

/// The result, waited for as long as the user likes: the server does so for a part of that at a time.
async fn result(client: &Client, id: &str, wait: Duration) -> Result<serde_json::Value> {
    let mut left = wait;
    loop {
        let part = left.min(PART);
        left -= part;
        let seconds = part.as_secs() + u64::from(part.subsec_nanos() > 0);
        match client.result(id, seconds).await {
            // It may have ended without one.
            Err(error)
                if error.code() == Some("conflict")
                    && !left.is_zero()
                    && !client.job(id).await?.state.is_ended() => {}
            result => return Ok(result?),
        }
    }
}

fn status(job: &JobView) -> String {
    let what = job.task.as_deref().unwrap_or("main");
    let mut rows = vec![
        ("job", job.id.clone()),
        ("state", state(job)),
        ("runs", format!("{what} of {}", job.module_name)),
        ("tenant", job.tenant.clone()),
        ("attempts", job.attempt.to_string()),
        ("submitted", remote::ago(job.submitted_at)),
    ];
    if let Some(code) = job.exit_code {
        rows.push(("exit code", code.to_string()));
    }
    if let Some(error) = &job.error {
        rows.push(("error", error.to_string()));
    }
    if let Some(reason) = &job.reason {
        rows.push(("reason", reason.clone()));
    }
    let stats = &job.stats;
    rows.push((
        "tasks",
        format!(
            "{} ({} done, {} failed)",
            stats.submitted, stats.finished, stats.failed
        ),
    ));
    rows.push(("processor time", format!("{:.3} s", stats.cpu_seconds)));
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<15} {}", one_line(value));
        text
    })
}

fn state(job: &JobView) -> String {
    format!("{:?}", job.state).to_lowercase()
}

/// So many are asked for at once,
const PAGE: usize = 1_000;
/// and so many looked through for a name or put into an order.
const MOST: usize = 10_000;

/// The jobs that are wanted, in the order that is wanted, and whether there are more.
async fn gather(client: &Client, args: &ListArgs) -> Result<(JobList, bool)> {
    let limit = args.limit.get();
    let is_wanted = |job: &JobView| {
        let names = [job.task.as_deref(), Some(&*job.module_name)];
        args.name.is_none() || names.contains(&args.name.as_deref())
    };
    let most = match args.sort {
        None | Some(JobSort::Submitted) => limit,
        Some(_) => MOST.max(limit),
    };
    let by_name = args.name.is_some();
    let page = if by_name { PAGE } else { most.min(PAGE) };
    let mut list = client.jobs(&args.state, None, page).await?;
    let mut looked = list.jobs.len();
    list.jobs.retain(is_wanted);
    while list.jobs.len() < most
        && looked < MOST.max(limit)
        && let Some(before) = list.next.take()
    {
        let page = if by_name {
            PAGE
        } else {
            (most - looked).min(PAGE)
        };
        let page = client.jobs(&args.state, Some(&before), page).await?;
        looked += page.jobs.len();
        list.jobs.extend(page.jobs.into_iter().filter(is_wanted));
        list.next = page.next;
    }
    let name = |job: &JobView| (job.module_name.clone(), job.task.clone());
    match args.sort {
        None | Some(JobSort::Submitted) => {}
        Some(JobSort::Name) => list.jobs.sort_by_cached_key(name),
        Some(JobSort::Tasks) => list.jobs.sort_by_key(|job| Reverse(job.stats.submitted)),
        Some(JobSort::Cpu) => list
            .jobs
            .sort_by(|one, other| other.stats.cpu_seconds.total_cmp(&one.stats.cpu_seconds)),
    }
    let more = list.next.is_some() || list.jobs.len() > limit;
    list.jobs.truncate(limit);
    Ok((list, more))
}

pub(super) async fn list(args: ListArgs) -> Result<Exit> {
    let client = remote::required()?;
    let (list, more) = gather(&client, &args).await?;
    if args.json {
        output::print(&super::tenant::pretty(&list)?)?;
        return Ok(Exit::Success);
    }
    let mut text = format!(
        "{:<17} {:<12} {:>4} {:<14} WHAT\n",
        "JOB", "STATE", "EXIT", "SUBMITTED"
    );
    for job in &list.jobs {
        let what = job.task.as_deref().unwrap_or("main");
        let exit = job
            .exit_code
            .map_or_else(String::new, |code| code.to_string());
        let _ = writeln!(
            text,
            "{:<17} {:<12} {exit:>4} {:<14} {}",
            job.id,
            state(job),
            remote::ago(job.submitted_at),
            one_line(&format!("{what} of {}", job.module_name)),
        );
    }
    output::print(&text)?;
    if more {
        output::note("there are more: `--limit`");
    }
    Ok(Exit::Success)
}
