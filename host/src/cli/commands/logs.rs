//! `wrun logs` and `wrun job logs`: what a job on a server printed, and prints.
//!
//! A pipe or file gets the bytes as they are. On a terminal, what it would obey is shown as U+FFFD: whoever looks need not be
//! whoever wrote the program.

use std::{
    collections::HashMap,
    io::{self, IsTerminal as _, Write as _},
};

use bytes::Bytes;

use crate::{
    api::LogEntry,
    cli::{
        Exit,
        args::{LogsArgs, StreamArg},
        failure::{Failure, Result, printable},
        output, remote,
    },
    client::{Client, JobEvent},
    types::LogStream,
};

/// A line that is looked through for a text has so many bytes at most; a longer one is looked through in parts.
const MAX_LINE: usize = 1 << 20;

pub(super) async fn run(args: LogsArgs) -> Result<Exit> {
    print(&remote::required()?, &args).await
}

/// Prints what is wanted of a job's output.
pub(super) async fn print(client: &Client, args: &LogsArgs) -> Result<Exit> {
    let id = &args.id;
    let mut events = client.logs(id, 0, args.follow).await?;
    let mut lines = Lines::new(args);
    while let Some(event) = events.next().await? {
        match event {
            JobEvent::Line(line) => lines.add(&line)?,
            JobEvent::Dropped(dropped) => {
                output::note(&format!("… {} lines are not kept any more", dropped.lines));
            }
            JobEvent::Event(_) => {}
            JobEvent::End(_) => {
                lines.end()?;
                return Ok(Exit::Success);
            }
        }
    }
    lines.end()?;
    if args.follow {
        let failure = Failure::internal("the server stopped before the job ended");
        return Err(failure.help(format!(
            "the job goes on when there is a server again: `wrun job logs -f {id}`"
        )));
    }
    Ok(Exit::Success)
}

/// What is printed of a job's lines.
struct Lines<'a> {
    args: &'a LogsArgs,
    /// Whether standard output and error are terminals.
    terminals: [bool; 2],
    /// With a text to look for: lines that have no end yet, by call and stream.
    open: HashMap<(u64, bool), Vec<u8>>,
}

impl<'a> Lines<'a> {
    fn new(args: &'a LogsArgs) -> Self {
        Self {
            args,
            terminals: [io::stdout().is_terminal(), io::stderr().is_terminal()],
            open: HashMap::new(),
        }
    }

    fn add(&mut self, line: &LogEntry) -> Result<()> {
        let stream = match line.stream {
            LogStream::Stdout => StreamArg::Stdout,
            LogStream::Stderr => StreamArg::Stderr,
        };
        if self.args.stream.is_some_and(|wanted| wanted != stream) {
            return Ok(());
        }
        if self.args.json {
            let entry =
                serde_json::to_string(line).map_err(|e| Failure::internal(e.to_string()))?;
            return output::print(&format!("{entry}\n"));
        }
        if self.args.grep.is_none() {
            return self.write(stream, &line.bytes());
        }
        let key = (line.call, stream == StreamArg::Stderr);
        let open = self.open.entry(key).or_default();
        let bytes: Bytes = line.bytes();
        open.extend_from_slice(&bytes);
        if !open.ends_with(b"\n") && open.len() < MAX_LINE {
            return Ok(());
        }
        let whole = self.open.remove(&key).unwrap_or_default();
        self.write_if_wanted(stream, &whole)
    }

    /// Prints what is wanted of the lines that were never ended.
    fn end(&mut self) -> Result<()> {
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_unstable_by_key(|(key, _)| *key);
        for ((_, is_error), mut line) in open {
            line.push(b'\n');
            let stream = match is_error {
                true => StreamArg::Stderr,
                false => StreamArg::Stdout,
            };
            self.write_if_wanted(stream, &line)?;
        }
        Ok(())
    }

    fn write_if_wanted(&self, stream: StreamArg, line: &[u8]) -> Result<()> {
        let wanted = self.args.grep.as_deref().unwrap_or_default();
        match String::from_utf8_lossy(line).contains(wanted) {
            true => self.write(stream, line),
            false => Ok(()),
        }
    }

    fn write(&self, stream: StreamArg, bytes: &[u8]) -> Result<()> {
        let safe;
        let shown = match self.terminals[usize::from(stream == StreamArg::Stderr)] {
            true => {
                safe = printable(&String::from_utf8_lossy(bytes).replace("\r\n", "\n"));
                safe.as_bytes()
            }
            false => bytes,
        };
        let written = match stream {
            StreamArg::Stdout => io::stdout().write_all(shown),
            StreamArg::Stderr => io::stderr().write_all(shown),
        };
        written.map_err(|_| Failure::quiet(Exit::OutputClosed))
    }
}
