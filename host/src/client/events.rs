//! Server-sent events of a job, read as they come.
//!
//! The format is that of the HTML standard (section 9.2.6): lines `field: value`, an empty one after each event. Of the fields
//! `event`, `data` and `id` are used here.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

use super::ClientError;
use crate::{
    api::{DroppedLogs, JobView, LogEntry},
    rt::error,
    types::Event,
};

/// A line may have so many bytes.
const MAX_LINE: usize = 64 << 20;

/// What a job's output consists of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum JobEvent {
    /// Something printed.
    Line(LogEntry),
    /// Something that is not kept any more, of a job's output alone.
    Dropped(DroppedLogs),
    /// Something that happened to a call, or to what is told of that.
    Event(Event),
    /// It ended, as this job.
    End(Box<JobView>),
}

/// The events of a job's output.
#[derive(Debug)]
pub struct Events {
    response: Response,
    parser: Parser,
}

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response,
            parser: Parser::default(),
        }
    }

    /// The id of the last one that had one: where to go on after a lost connection.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.parser.id
    }

    /// The next; nothing at the end of what the server sends.
    ///
    /// # Errors
    /// When the connection is lost or what comes makes no sense.
    pub async fn next(&mut self) -> Result<Option<JobEvent>, ClientError> {
        loop {
            while let Some((name, data)) = self.parser.next() {
                if let Some(event) = decode(&name, &data)? {
                    return Ok(Some(event));
                }
            }
            let chunk = self.response.chunk().await;
            let chunk = chunk.map_err(|error| ClientError::Unreachable {
                address: self.response.url().origin().ascii_serialization(),
                reason: error::chain(&error),
            })?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.parser.push(&chunk).map_err(nonsense)?;
        }
    }
}

fn nonsense(reason: String) -> ClientError {
    ClientError::Nonsense {
        address: "the address".to_owned(),
        reason,
    }
}

/// An event; none of those that this version does not know.
fn decode(name: &str, data: &str) -> Result<Option<JobEvent>, ClientError> {
    let event = match name {
        "line" => serde_json::from_str(data).map(JobEvent::Line),
        "event" => serde_json::from_str(data).map(JobEvent::Event),
        "dropped" => serde_json::from_str(data).map(JobEvent::Dropped),
        "end" => serde_json::from_str(data).map(JobEvent::End),
        _ => return Ok(None),
    };
    event
        .map(Some)
        .map_err(|error| nonsense(format!("the event `{name}`: {error}")))
}

/// Cuts bytes into events: name and data.
#[derive(Debug, Default)]
struct Parser {
    rest: BytesMut,
    name: String,
    data: String,
    id: String,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.rest.len() + bytes.len() > MAX_LINE {
            return Err(format!("a line of more than {MAX_LINE} bytes"));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self) -> Option<Bytes> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let mut line = self.rest.split_to(end + 1).freeze();
        line.truncate(end);
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        Some(line)
    }

    fn next(&mut self) -> Option<(String, String)> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let (name, data) = (
                    std::mem::take(&mut self.name),
                    std::mem::take(&mut self.data),
                );
                if !data.is_empty() {
                    return Some((name, data));
                }
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            let (field, value) = text.split_once(':').unwrap_or((&text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.name = value.to_owned(),
                "data" if self.data.is_empty() => self.data = value.to_owned(),
                "data" => {
                    self.data.push('\n');
                    self.data.push_str(value);
                }
                "id" => self.id = value.to_owned(),
                // Comments and times to wait.
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_the_bytes_do() {
        let text = ": hello\r\n\nevent: line\ndata: a\ndata: b\nid: 7\n\n\ndata:x\n\nevent: end\ndata: never ended";
        for size in [1, 2, 5, 100] {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                parser.push(bytes).expect("short");
                events.extend(std::iter::from_fn(|| parser.next()));
            }
            assert_eq!(parser.id, "7");
            let expected = [("line", "a\nb"), ("", "x")];
            assert_eq!(
                events,
                expected.map(|(n, d)| (n.to_owned(), d.to_owned())),
                "{size}"
            );
        }
    }

    #[test]
    fn unknown_events_are_passed_over_and_broken_ones_are_told() {
        assert_eq!(decode("later", "{}").expect("passed over"), None);
        let error = decode("dropped", "{\"lines\": -1}").expect_err("broken");
        assert!(error.to_string().contains("dropped"), "{error}");
    }
}
