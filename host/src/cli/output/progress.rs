//! The progress line: one line on a terminal's standard error, there only while something runs, gone when anything else
//! is written.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    time::Duration,
};

use crate::{config::format_size, types::JobStats};

/// A job shorter than this shows no progress.
const AFTER: f64 = 0.5;

/// How often it is drawn.
pub(super) const EVERY: Duration = Duration::from_millis(100);

const SPINNER: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];

/// Whether standard error is a terminal that can show it.
pub(in crate::cli) fn wanted() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    !dumb && std::env::var_os("CI").is_none() && io::stderr().is_terminal()
}

/// The line and whether it is on the screen.
#[derive(Debug, Default)]
pub(super) struct Progress {
    shown: bool,
    turn: usize,
}

impl Progress {
    /// Draws it anew.
    pub(super) fn draw(&mut self, stats: &JobStats) {
        if stats.wall_seconds < AFTER {
            return;
        }
        self.turn = (self.turn + 1) % SPINNER.len();
        // Without automatic margins a narrow terminal cuts the line, so that one line is all there is to clear.
        let line = format!(
            "\r\x1b[2K\x1b[?7l{} {}\x1b[?7h",
            SPINNER[self.turn],
            describe(stats)
        );
        let _ = io::stderr().write_all(line.as_bytes());
        self.shown = true;
    }

    /// Takes it off the screen.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}

fn describe(stats: &JobStats) -> String {
    let mut text = format!(
        "{} running, {} queued, {} done",
        stats.running, stats.queued, stats.finished
    );
    // Writing to a string does not fail.
    if stats.failed > 0 {
        let _ = write!(text, ", {} failed", stats.failed);
    }
    if stats.actors > 0 {
        let _ = write!(text, ", {} actors", stats.actors);
    }
    if stats.object_bytes >= 1 << 20 {
        let _ = write!(text, ", {} of objects", format_size(stats.object_bytes));
    }
    let _ = write!(text, " ({:.1} s)", stats.wall_seconds);
    text
}
