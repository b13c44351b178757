//! The thread that writes.

use std::{fs::File, io, os::fd::AsFd, os::unix::fs::MetadataExt, thread};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    closed,
    lines::Lines,
    progress::{EVERY, Progress},
    records::{self, Record},
};
use crate::{
    cli::failure::{Failure, Result},
    job::Events,
    types::{Event, JobStats, LogLine},
};

/// So many lines are taken from the channel at once.
const BATCH: usize = 256;

/// What a printer prints, and how.
#[derive(Debug)]
pub(in crate::cli) struct PrinterOptions {
    /// What guests print.
    pub(in crate::cli) logs: Option<Source>,
    /// What happens to calls, with `--json`, unless that is among what guests print.
    pub(in crate::cli) events: Option<Events>,
    /// Everything as JSON lines.
    pub(in crate::cli) json: bool,
    /// The job's numbers, for the progress line.
    pub(in crate::cli) progress: Option<watch::Receiver<JobStats>>,
}

/// Where what is printed comes from.
#[derive(Debug)]
pub(in crate::cli) enum Source {
    /// Lines only.
    Lines(mpsc::Receiver<LogLine>),
    /// Lines and events, in their order.
    Told(mpsc::Receiver<Told>),
}

/// Something to print.
#[derive(Debug)]
pub(in crate::cli) enum Told {
    /// What a guest printed.
    Line(LogLine),
    /// What happened to a call.
    Event(Event),
}

/// How printing ended: everything was written, or why not.
pub(in crate::cli) type Printed = Result<()>;

/// A running printer. It ends after the job's channels are at their end and it was given the last bytes, or when
/// standard output can't be written.
#[derive(Debug)]
pub(in crate::cli) struct Printer {
    last: Option<oneshot::Sender<Vec<u8>>>,
    printed: oneshot::Receiver<Printed>,
}

impl Printer {
    pub(in crate::cli) fn start(options: PrinterOptions) -> Result<Self> {
        let (last, last_receiver) = oneshot::channel();
        let (done, printed) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = runtime
            .map_err(|error| Failure::internal(format!("no timer for the output: {error}")))?;
        let work = Work::new(options, last_receiver);
        let work =
            work.map_err(|error| Failure::internal(format!("the output can't be used: {error}")))?;
        let thread = move || {
            let result = runtime.block_on(tokio::task::unconstrained(work.run()));
            // Nobody asks any more when the process is on its way out.
            let _ = done.send(result.map_err(|error| closed(&error)));
        };
        thread::Builder::new()
            .name("wrun-output".to_owned())
            .spawn(thread)
            .map_err(|error| Failure::internal(format!("no thread for the output: {error}")))?;
        Ok(Self {
            last: Some(last),
            printed,
        })
    }

    /// Waits until everything is printed, or printing failed. May be dropped and called again.
    pub(in crate::cli) async fn printed(&mut self) -> Printed {
        match (&mut self.printed).await {
            Ok(result) => result,
            Err(_) => Err(Failure::internal("the output's thread ended")),
        }
    }

    /// Gives the bytes to print after everything else.
    pub(in crate::cli) fn finish(&mut self, last: Vec<u8>) {
        if let Some(sender) = self.last.take() {
            // A printer that is gone says why in `printed`.
            let _ = sender.send(last);
        }
    }
}

struct Work {
    logs: Option<Source>,
    events: Option<Events>,
    /// Comes when the job has ended; events have no end of their own.
    last: oneshot::Receiver<Vec<u8>>,
    stats: Option<watch::Receiver<JobStats>>,
    json: bool,
    /// Written without the locks of `io::stdout` and `io::stderr`, so that others can write while this is blocked.
    lines: Lines<File, File>,
    progress: Progress,
}

impl Work {
    fn new(options: PrinterOptions, last: oneshot::Receiver<Vec<u8>>) -> io::Result<Self> {
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let err = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let shared = same_file(&out, &err);
        Ok(Self {
            logs: options.logs,
            events: options.events,
            last,
            stats: options.progress,
            json: options.json,
            lines: Lines::new(out, err, shared),
            progress: Progress::default(),
        })
    }

    async fn run(mut self) -> io::Result<()> {
        let last = self.follow().await?;
        self.remaining_events()?;
        self.progress.clear();
        self.lines.end_lines()?;
        if !last.is_empty() {
            self.lines.data(&last)?;
        }
        self.lines.flush()
    }

    /// Prints until the job's output ends and the last bytes are here: gathers while something is there, writes when
    /// nothing is.
    async fn follow(&mut self) -> io::Result<Vec<u8>> {
        let mut last = None;
        let mut batch = Vec::with_capacity(BATCH);
        let mut drawn = tokio::time::interval(EVERY);
        loop {
            if self.logs.is_none()
                && let Some(last) = last
            {
                return Ok(last);
            }
            tokio::select! {
                biased;
                n = lines(&mut self.logs, &mut batch), if self.logs.is_some() => match n {
                    0 => self.logs = None,
                    _ => batch.drain(..).try_for_each(|told| match told {
                        Told::Line(line) => self.line(&line),
                        Told::Event(event) => self.event(&event),
                    })?,
                },
                event = event(&mut self.events), if self.events.is_some() => match event {
                    Some(event) => self.event(&event)?,
                    None => self.events = None,
                },
                () = std::future::ready(()), if self.lines.is_dirty() => self.lines.flush()?,
                // Without a sender there will be none, and nobody waits for the end of the output.
                bytes = &mut self.last, if last.is_none() => last = Some(bytes.unwrap_or_default()),
                _ = drawn.tick(), if self.stats.is_some() => self.draw(),
            }
        }
    }

    /// The events of an ended job that were not read yet.
    fn remaining_events(&mut self) -> io::Result<()> {
        while let Some(event) = self.events.as_mut().and_then(Events::try_recv) {
            self.event(&event)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &LogLine) -> io::Result<()> {
        self.progress.clear();
        if self.json {
            let mut record = Vec::new();
            records::write_log(line, &mut record);
            self.lines.data(&record)
        } else {
            self.lines.line(line)
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.progress.clear();
        let mut record = Vec::new();
        Record::Event { event }.write(&mut record);
        self.lines.data(&record)
    }

    fn draw(&mut self) {
        if let Some(stats) = &self.stats
            && !self.lines.is_open()
        {
            self.progress.draw(&stats.borrow());
        }
    }
}

/// Takes what is there, or waits for something; none at the end.
async fn lines(logs: &mut Option<Source>, batch: &mut Vec<Told>) -> usize {
    match logs {
        Some(Source::Told(told)) => told.recv_many(batch, BATCH).await,
        Some(Source::Lines(lines)) => {
            batch.extend(lines.recv().await.map(Told::Line));
            while batch.len() < BATCH
                && let Ok(line) = lines.try_recv()
            {
                batch.push(Told::Line(line));
            }
            batch.len()
        }
        None => 0,
    }
}

async fn event(events: &mut Option<Events>) -> Option<Event> {
    events.as_mut()?.recv().await
}

/// Whether both are the same terminal, pipe or file.
fn same_file(a: &File, b: &File) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
