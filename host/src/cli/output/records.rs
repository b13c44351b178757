//! The JSON lines of `--json`. `docs/json-output.md` describes them for users.

use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::types::{Event, JobStats, LogLine, LogStream, TaskError, TaskId};

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::cli) enum Record<'a> {
    /// A line, or a piece of one, that a guest printed.
    Log {
        task: TaskId,
        number: u64,
        name: &'a str,
        stream: LogStream,
        text: &'a str,
        starts_line: bool,
        ends_line: bool,
    },
    /// Something that happened to a call.
    Event {
        #[serde(flatten)]
        event: &'a Event,
    },
    /// The result of `--task`.
    Result { task: &'a str, value: &'a Value },
    /// Why the job or the task failed.
    Error {
        #[serde(flatten)]
        error: &'a TaskError,
    },
    /// The last line.
    End { exit_code: u8, stats: &'a JobStats },
}

impl Record<'_> {
    /// Adds the line to `buffer`.
    pub(in crate::cli) fn write(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        match serde_json::to_writer(&mut *buffer, self) {
            Ok(()) => buffer.push(b'\n'),
            // Strings and numbers serialize; should one not, a torn line is worse than none.
            Err(_) => buffer.truncate(start),
        }
    }
}

/// Adds the line for a guest's line; what is not UTF-8 is shown as U+FFFD.
pub(super) fn write_log(line: &LogLine, buffer: &mut Vec<u8>) {
    let (text, ends_line) = match line.text.strip_suffix(b"\n") {
        Some(text) => (text, true),
        None => (&line.text[..], false),
    };
    Record::Log {
        task: line.task,
        number: line.task.number(),
        name: &line.name,
        stream: line.stream,
        text: &String::from_utf8_lossy(text),
        starts_line: line.starts_line,
        ends_line,
    }
    .write(buffer);
}

/// A result as people and programs read it: one line of JSON.
pub(in crate::cli) fn result_line(value: &Value) -> Vec<u8> {
    let mut line = Vec::new();
    // Writing to memory does not fail.
    let _ = writeln!(line, "{value}");
    line
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::types::{CallState, ErrorKind, EventKind, JobId};

    fn text(record: &Record<'_>) -> String {
        let mut buffer = Vec::new();
        record.write(&mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn lines_are_as_documented() {
        let task = TaskId::new(JobId::from_str("ab").unwrap(), 17);
        let id = "00000000000000ab0000000000000011";
        let line = LogLine {
            task,
            name: "add".into(),
            stream: LogStream::Stderr,
            text: b"a\xff\"\n".to_vec().into(),
            starts_line: true,
        };
        let mut buffer = Vec::new();
        write_log(&line, &mut buffer);
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            format!(
                "{{\"type\":\"log\",\"task\":\"{id}\",\"number\":17,\"name\":\"add\",\"stream\":\"stderr\",\
                 \"text\":\"a\u{fffd}\\\"\",\"starts_line\":true,\"ends_line\":true}}\n"
            )
        );
        let kind = EventKind::Call {
            task,
            name: "add".into(),
            state: CallState::Running,
            attempt: 0,
            error: None,
        };
        assert_eq!(
            text(&Record::Event {
                event: &Event { at: 5, kind }
            }),
            format!(
                "{{\"type\":\"event\",\"at\":5,\"event\":\"call\",\"task\":\"{id}\",\"name\":\"add\",\
                 \"state\":\"running\",\"attempt\":0}}\n"
            )
        );
        assert_eq!(
            text(&Record::Result {
                task: "add",
                value: &Value::from(3)
            }),
            "{\"type\":\"result\",\"task\":\"add\",\"value\":3}\n"
        );
        let error = TaskError::new(ErrorKind::Timeout, "too slow");
        assert_eq!(
            text(&Record::Error { error: &error }),
            "{\"type\":\"error\",\"kind\":\"timeout\",\"message\":\"too slow\",\"attempt\":0,\"code\":\"WR0106\"}\n"
        );
        let end = text(&Record::End {
            exit_code: 124,
            stats: &JobStats::default(),
        });
        assert!(
            end.starts_with("{\"type\":\"end\",\"exit_code\":124,\"stats\":{\"submitted\":0,"),
            "{end}"
        );
    }
}
