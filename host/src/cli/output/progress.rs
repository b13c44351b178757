//! Progress on a terminal's standard error: one line, there only while something goes on, gone when anything else is written.
//!
//! [`wanted`] says whether there is a terminal that can show it; without one, nothing of it is ever written. [`Progress`] is a
//! job's: the printer's thread draws it between what it prints. [`Waiting`] is of what the command itself waits for before a
//! job runs: a thread of its own draws it, so that a slow terminal holds up nothing else. Colours are left out with
//! `NO_COLOR`.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{config::format_size, types::JobStats};

/// A job shorter than this shows no progress.
const AFTER: f64 = 0.5;

/// How often it is drawn.
pub(super) const EVERY: Duration = Duration::from_millis(100);

/// It is drawn at most so often in a second, in parts.
const PARTS: u8 = 100;

/// A bar says more than numbers from so many calls on.
const MANY: u64 = 3;

const SPINNER: &str = "⣾⣽⣻⢿⡿⣟⣯⣷ ";

/// Whether standard error is a terminal that can show it.
pub(in crate::cli) fn wanted() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    !dumb && std::env::var_os("CI").is_none() && io::stderr().is_terminal()
}

/// A style of ours; a broken template would be indicatif's own style.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.tick_chars(SPINNER).progress_chars("━╸ ")
}

fn stderr() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(PARTS)
}

/// A job's line, and whether it is on the screen.
#[derive(Debug, Default)]
pub(super) struct Progress {
    shown: Option<Shown>,
    on_screen: bool,
}

#[derive(Debug)]
struct Shown {
    /// It can be taken off the screen and drawn again.
    screen: MultiProgress,
    bar: ProgressBar,
    is_bar: bool,
}

impl Shown {
    fn new() -> Self {
        let screen = MultiProgress::with_draw_target(stderr());
        let bar = screen.add(ProgressBar::no_length());
        bar.set_style(style("{spinner:.cyan} {wide_msg}"));
        Self {
            screen,
            bar,
            is_bar: false,
        }
    }
}

impl Progress {
    /// Draws it anew.
    pub(super) fn draw(&mut self, stats: &JobStats) {
        if stats.wall_seconds < AFTER {
            return;
        }
        let shown = self.shown.get_or_insert_with(Shown::new);
        let bar = &shown.bar;
        if stats.submitted >= MANY && !std::mem::replace(&mut shown.is_bar, true) {
            bar.set_style(style(
                "{spinner:.cyan} {bar:24.cyan/dim} {pos}/{len} {wide_msg}",
            ));
        }
        let done = stats.finished + stats.failed;
        bar.update(|state| {
            state.set_len(stats.submitted.max(done));
            state.set_pos(done);
        });
        bar.set_message(describe(stats, bar.per_sec()));
        bar.tick();
        self.on_screen = true;
    }

    /// Takes it off the screen.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.on_screen)
            && let Some(shown) = &self.shown
        {
            // A terminal that is gone shows nothing.
            let _ = shown.screen.clear();
        }
    }
}

fn describe(stats: &JobStats, rate: f64) -> String {
    let mut text = format!("{} running, {} queued", stats.running, stats.queued);
    // Writing to a string does not fail.
    if stats.failed > 0 {
        let _ = write!(text, ", {} failed", stats.failed);
    }
    if rate >= 1.0 {
        let _ = write!(text, ", {rate:.0}/s");
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

/// What is waited for, on the screen until this is dropped.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Waiting(ProgressBar);

impl Waiting {
    /// For something without a known end.
    pub(in crate::cli) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(None, "{spinner:.cyan} {wide_msg}", message.into())
    }

    /// For so many bytes.
    pub(in crate::cli) fn of_bytes(bytes: u64, message: impl Into<Cow<'static, str>>) -> Self {
        let template =
            "{spinner:.cyan} {bar:24.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}";
        Self::of(Some(bytes), template, message.into())
    }

    fn of(len: Option<u64>, template: &str, message: Cow<'static, str>) -> Self {
        let bar = ProgressBar::with_draw_target(len, stderr());
        bar.set_style(style(template));
        bar.set_message(message);
        bar.enable_steady_tick(EVERY);
        Self(bar)
    }

    /// Says something else.
    pub(in crate::cli) fn say(&self, message: String) {
        self.0.set_message(message);
    }

    /// So much more is done.
    pub(in crate::cli) fn more(&self, n: u64) {
        self.0.inc(n);
    }

    /// Prints a line above it.
    pub(in crate::cli) fn above(&self, line: &[u8]) {
        self.0.suspend(|| {
            // When it is closed there is nobody to tell.
            let _ = io::stderr().write_all(line);
        });
    }

    /// Takes it off the screen for good.
    pub(in crate::cli) fn end(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_does_is_told_in_few_words() {
        let mut stats = JobStats {
            submitted: 100,
            running: 4,
            queued: 20,
            wall_seconds: 3.21,
            ..JobStats::default()
        };
        assert_eq!(describe(&stats, 0.3), "4 running, 20 queued (3.2 s)");
        (stats.failed, stats.actors, stats.object_bytes) = (2, 3, 5 << 20);
        assert_eq!(
            describe(&stats, 1234.5),
            "4 running, 20 queued, 2 failed, 1234/s, 3 actors, 5 MiB of objects (3.2 s)"
        );
    }

    #[test]
    fn the_templates_are_valid() {
        for template in [
            "{spinner:.cyan} {wide_msg}",
            "{spinner:.cyan} {bar:24.cyan/dim} {pos}/{len} {wide_msg}",
            "{spinner:.cyan} {bar:24.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
