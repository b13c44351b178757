//! What reaches the user's terminal, files and pipes.
//!
//! A [`Printer`] is a thread that alone writes to standard output and error while a job runs: it takes log lines and
//! events from the job's channels, formats them with `lines` (for people) or `records` (`--json`), keeps the progress
//! line out of their way, and at the end writes the last bytes it is given. So a reader that is slow stops only that
//! thread, and Ctrl-C works while standard output is blocked.
//!
//! Bytes are gathered while more are waiting, and written when there are none or enough. Nothing here decides how the
//! process ends.

mod functions;
mod lines;
pub(super) mod overview;
mod printer;
mod progress;
pub(super) mod records;
mod stats;

use std::io::{self, Write};

pub(super) use functions::{table as functions_table, time as nanos};
pub(super) use printer::{Printed, Printer, PrinterOptions, Source, Told};
pub(super) use progress::{Waiting, wanted as progress_wanted};
pub(super) use stats::table as stats_table;

use super::{
    Exit,
    failure::{Failure, Result},
};

/// Writes data to standard output; a reader that went away ends the command quietly.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| closed(&error))
}

/// A line for people on standard error; when that is closed there is nobody to tell.
pub(super) fn note(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn closed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::quiet(Exit::OutputClosed),
        _ => Failure::internal(format!("standard output can't be written: {error}")),
    }
}
