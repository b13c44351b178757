//! The one kind of error that commands give: how to exit, what was wrong, where, and what to do.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use super::Exit;
use crate::{config::ConfigError, types::TaskError};

/// At most this many frames of a guest's backtrace are shown.
const MAX_FRAMES: usize = 24;

/// Why a command ends early. A quiet one prints nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    code: Option<String>,
    message: String,
    details: Vec<String>,
    help: Option<String>,
}

pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: None,
            message: message.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// The user asked for something that can't be.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// wrun itself failed.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// Nothing to say that the user does not know.
    pub(super) fn quiet(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// The same, of which nothing is left to say.
    pub(super) fn told(&self) -> Self {
        Self::quiet(self.exit)
    }

    /// An indented line below the message.
    pub(super) fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// What to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A call's error; `exit` is what it means for the process.
    pub(super) fn of_task(error: &TaskError, exit: Exit) -> Self {
        let details = frames(&error.backtrace);
        let by_main = error
            .task
            .as_deref()
            .is_none_or(|name| name.is_empty() || name == "main");
        Self {
            exit,
            code: Some(error.kind.code().to_owned()),
            message: if by_main {
                error.message.clone()
            } else {
                error.to_string()
            },
            details,
            help: None,
        }
    }

    /// Writes it to standard error; when that is closed there is nobody to tell.
    pub(super) fn report(&self) {
        if !self.message.is_empty() {
            let _ = std::io::stderr().write_all(format!("{self}\n").as_bytes());
        }
    }
}

/// A line for each frame; a function that calls itself has one for all of a run.
pub(super) fn frames(backtrace: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = backtrace
        .chunk_by(|a, b| a == b)
        .map(|run| match run {
            [frame] => format!("at {frame}"),
            run => format!("at {} ({} times)", run[0], run.len()),
        })
        .collect();
    if lines.len() > MAX_FRAMES {
        let more = lines.len() - MAX_FRAMES;
        lines.truncate(MAX_FRAMES);
        lines.push(format!("… and {more} more"));
    }
    lines
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("error");
        if let Some(code) = &self.code {
            write!(text, "[{code}]")?;
        }
        write!(text, ": {}", self.message)?;
        for detail in &self.details {
            write!(text, "\n  {detail}")?;
        }
        if let Some(help) = &self.help {
            write!(text, "\nhelp: {help}")?;
        }
        f.write_str(&printable(&text))
    }
}

impl std::error::Error for Failure {}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Text from a module, safe for a terminal: no control characters but line feeds and tabs, none that turn the direction of
/// what follows, none that break a line.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if is_unsafe(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// The same for a place in a line of ours: line feeds and tabs are spaces.
pub(super) fn one_line(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => ' ',
        c if is_unsafe(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Whether a terminal might do something with it but show it.
fn is_unsafe(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates of direction; separators of lines and paragraphs.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ErrorKind;

    #[test]
    fn says_what_where_and_what_to_do() {
        let failure = Failure::usage("no task `ad` in `m.wasm`")
            .detail("its tasks: add")
            .help("did you mean `add`?");
        assert_eq!(
            failure.to_string(),
            "error: no task `ad` in `m.wasm`\n  its tasks: add\nhelp: did you mean `add`?"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        let text = "a\u{1b}[2J\u{9b}b\u{202e}c\u{2066}\u{200f}\u{2028}\td\ne\r";
        let gone = "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(printable(text), format!("{gone}\td\ne\u{fffd}"));
        assert_eq!(one_line(text), format!("{gone} d e\u{fffd}"));
        assert_eq!(one_line("grüße 你好"), "grüße 你好");
    }

    #[test]
    fn a_recursion_is_one_line() {
        let frames = frames(&["f", "f", "f", "g", "f"].map(str::to_owned));
        assert_eq!(frames, ["at f (3 times)", "at g", "at f"]);
    }

    #[test]
    fn a_task_error_has_its_code_and_frames() {
        let mut error = TaskError::new(ErrorKind::Trap, "division by \x1b[31mzero");
        error.backtrace = (0..30).map(|n| format!("f{n}")).collect();
        let text = Failure::of_task(&error, Exit::Trap).to_string();
        assert!(
            text.starts_with("error[WR0103]: division by \u{fffd}[31mzero\n  at f0\n"),
            "{text}"
        );
        assert!(text.ends_with("  at f23\n  … and 6 more"), "{text}");
    }
}
