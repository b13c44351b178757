//! `wrun job` and `wrun list jobs`: jobs on a server.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use crate::{
    api::JobView,
    cli::{
        Exit,
        args::{JobCommand, ListArgs},
        failure::{Failure, Result, printable},
        output, remote,
    },
    client::{Client, JobEvent},
    types::LogStream,
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
        JobCommand::Logs { id, follow } => logs(&client, &id, follow).await?,
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

async fn logs(client: &Client, id: &str, follow: bool) -> Result<()> {
    let mut events = client.logs(id, 0, follow).await?;
    while let Some(event) = events.next().await? {
        match event {
            JobEvent::Line(line) => {
                let written = match line.stream {
                    LogStream::Stdout => std::io::stdout().write_all(&line.bytes()),
                    LogStream::Stderr => std::io::stderr().write_all(&line.bytes()),
                };
                if written.is_err() {
                    return Err(Failure::quiet(Exit::OutputClosed));
                }
            }
            JobEvent::Dropped(dropped) => {
                output::note(&format!("… {} lines are not kept any more", dropped.lines));
            }
            JobEvent::Event(_) => {}
            JobEvent::End(_) => return Ok(()),
        }
    }
    if follow {
        let failure = Failure::internal("the server stopped before the job ended");
        return Err(failure.help(format!(
            "the job goes on when there is a server again: `wrun job logs -f {id}`"
        )));
    }
    Ok(())
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
        let _ = writeln!(text, "{name:<15} {}", printable(value));
        text
    })
}

fn state(job: &JobView) -> String {
    format!("{:?}", job.state).to_lowercase()
}

pub(super) async fn list(args: ListArgs) -> Result<Exit> {
    let client = remote::required()?;
    let list = client.jobs(&args.state, None, args.limit.get()).await?;
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
            printable(&format!("{what} of {}", job.module_name)),
        );
    }
    output::print(&text)?;
    if list.next.is_some() {
        output::note("there are more: `--limit`");
    }
    Ok(Exit::Success)
}
