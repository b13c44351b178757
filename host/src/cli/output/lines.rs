//! Log lines as people read them: each with its call's prefix, never two calls in one line.
//!
//! A line that is not ended yet is *open*. Only the call that opened it may write on in it; when another one has something
//! to say first, the open line is ended for it, and its rest gets a line and a prefix of its own. Standard output and
//! error have an open line each, or one together when they are the same terminal or file. What the driver prints is
//! never changed but by that.

use std::io::{self, Write};

use crate::{
    cli::failure::one_line,
    types::{LogLine, LogStream, TaskId},
};

/// So many bytes are written at once when more are waiting.
const BATCH: usize = 64 << 10;

/// Standard output and error, with what is not written yet.
#[derive(Debug)]
pub(super) struct Lines<O, E> {
    out: O,
    err: E,
    /// They are the same terminal or file.
    shared: bool,
    /// What is not written yet, all of it for `stream`.
    buffer: Vec<u8>,
    stream: LogStream,
    open: [Option<Open>; 2],
}

/// Who may write on in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    task: TaskId,
    stream: LogStream,
    driver: bool,
}

impl<O: Write, E: Write> Lines<O, E> {
    pub(super) fn new(out: O, err: E, shared: bool) -> Self {
        let buffer = Vec::with_capacity(BATCH * 2);
        Self {
            out,
            err,
            shared,
            buffer,
            stream: LogStream::Stdout,
            open: [None; 2],
        }
    }

    /// Adds a guest's line, or a piece of one.
    pub(super) fn line(&mut self, line: &LogLine) -> io::Result<()> {
        let Some(last) = line.text.last() else {
            return Ok(());
        };
        self.turn_to(line.stream)?;
        let slot = self.slot(line.stream);
        let driver = line.name.is_empty();
        let continues = match self.open[slot] {
            None => driver,
            Some(open) if open.task == line.task && driver => true,
            Some(open)
                if open.task == line.task && open.stream == line.stream && !line.starts_line =>
            {
                true
            }
            Some(_) => {
                self.buffer.push(b'\n');
                driver
            }
        };
        if !continues {
            self.prefix(line);
        }
        self.buffer.extend_from_slice(&line.text);
        let is_open = *last != b'\n';
        self.open[slot] = is_open.then_some(Open {
            task: line.task,
            stream: line.stream,
            driver,
        });
        self.flush_if_full()
    }

    /// Adds bytes of our own to standard output, at the start of a line.
    pub(super) fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.turn_to(LogStream::Stdout)?;
        if self.open[self.slot(LogStream::Stdout)].take().is_some() {
            self.buffer.push(b'\n');
        }
        self.buffer.extend_from_slice(bytes);
        self.flush_if_full()
    }

    /// Ends the lines that tasks left open. The driver's last line stays as it wrote it.
    pub(super) fn end_lines(&mut self) -> io::Result<()> {
        for slot in 0..self.open.len() {
            if let Some(open) = self.open[slot].take_if(|open| !open.driver) {
                self.turn_to(open.stream)?;
                self.buffer.push(b'\n');
            }
        }
        Ok(())
    }

    /// Whether the cursor stands in the middle of a line.
    pub(super) fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }

    /// Whether there is anything to flush.
    pub(super) fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Writes what was gathered. Only standard output's errors count: without a reader of standard error we go on.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = match self.stream {
            LogStream::Stdout => self
                .out
                .write_all(&self.buffer)
                .and_then(|()| self.out.flush()),
            LogStream::Stderr => {
                let _ = self.err.write_all(&self.buffer);
                Ok(())
            }
        };
        self.buffer.clear();
        result
    }

    fn slot(&self, stream: LogStream) -> usize {
        usize::from(!self.shared && stream == LogStream::Stderr)
    }

    fn turn_to(&mut self, stream: LogStream) -> io::Result<()> {
        if self.stream == stream {
            return Ok(());
        }
        self.flush()?;
        self.stream = stream;
        Ok(())
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BATCH {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn prefix(&mut self, line: &LogLine) {
        self.buffer.push(b'(');
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if line.name.bytes().all(is_plain) {
            self.buffer.extend_from_slice(line.name.as_bytes());
        } else {
            self.buffer
                .extend_from_slice(one_line(&line.name).as_bytes());
        }
        // Writing to memory does not fail.
        let _ = write!(self.buffer, "#{}) ", line.task.number());
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use LogStream::{Stderr, Stdout};

    use super::*;
    use crate::types::JobId;

    fn piece(number: u64, name: &str, stream: LogStream, text: &str, starts_line: bool) -> LogLine {
        let task = TaskId::new(JobId::from_str("1").unwrap(), number);
        LogLine {
            task,
            name: name.into(),
            stream,
            text: text.as_bytes().to_vec().into(),
            starts_line,
        }
    }

    fn show(shared: bool, lines: &[LogLine], end: &str) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Lines::new(&mut out, &mut err, shared);
        lines.iter().for_each(|line| screen.line(line).unwrap());
        screen.end_lines().unwrap();
        if !end.is_empty() {
            screen.data(end.as_bytes()).unwrap();
        }
        screen.flush().unwrap();
        (
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn tasks_have_a_prefix_and_the_driver_has_none() {
        let lines = [
            piece(1, "", Stdout, "start\n", true),
            piece(17, "add", Stdout, "one\n", true),
            piece(3, "mul", Stderr, "two\n", true),
            piece(1, "", Stdout, "no line feed", true),
        ];
        let (out, err) = show(false, &lines, "");
        assert_eq!(out, "start\n(add#17) one\nno line feed");
        assert_eq!(err, "(mul#3) two\n");
    }

    #[test]
    fn pieces_of_different_tasks_never_share_a_line() {
        let lines = [
            piece(2, "a", Stdout, "one ", true),
            piece(3, "b", Stdout, "x\n", true),
            piece(2, "a", Stdout, "two ", false),
            piece(2, "a", Stdout, "three\n", false),
            piece(3, "b", Stdout, "y", true),
            piece(1, "", Stdout, "z", true),
        ];
        assert_eq!(
            show(false, &lines, "").0,
            "(a#2) one \n(b#3) x\n(a#2) two three\n(b#3) y\nz"
        );
    }

    #[test]
    fn an_open_line_is_ended_before_our_own_data_and_at_the_end() {
        let open = [piece(2, "a", Stdout, "one", true)];
        assert_eq!(show(false, &open, "").0, "(a#2) one\n");
        assert_eq!(
            show(false, &[piece(1, "", Stdout, "x", true)], "3\n").0,
            "x\n3\n"
        );
    }

    #[test]
    fn one_terminal_has_one_open_line() {
        let lines = [
            piece(1, "", Stdout, "prompt> ", true),
            piece(1, "", Stderr, "and on\n", true),
            piece(2, "a", Stdout, "x", true),
            piece(2, "a", Stderr, "y\n", true),
        ];
        let (out, err) = show(true, &lines, "");
        assert_eq!(out, "prompt> (a#2) x");
        assert_eq!(err, "and on\n\n(a#2) y\n");
        let (out, err) = show(false, &lines, "");
        assert_eq!(out, "prompt> \n(a#2) x\n");
        assert_eq!(err, "and on\n(a#2) y\n");
    }

    #[test]
    fn a_name_can_not_end_the_line() {
        assert_eq!(
            show(false, &[piece(2, "a\n\x1b[2J", Stdout, "x\n", true)], "").0,
            "(a \u{fffd}[2J#2) x\n"
        );
    }
}
