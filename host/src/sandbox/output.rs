//! A guest's standard output and error: split into lines and sent on.
//!
//! Complete lines are collected and sent in batches: when enough came together, on each tick, before the guest waits for
//! something, and when its call ends. So many short lines cost one wake-up of the reader. When the channel is full the
//! guest waits in its write; when nobody listens any more its output is thrown away. A listener in the place of a channel
//! takes each line at once.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use bytes::BytesMut;
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::{
    rt::guard::Guard,
    types::{LineListener, LogLine, LogStream, TaskId},
};

/// Longer lines are sent in pieces.
const MAX_PIECE: usize = 8 << 10;
/// So many collected lines are sent at once.
const BATCH_LINES: usize = 128;
/// More than so many collected lines make a write a short one.
const MOST_LINES: usize = 512;
/// So many collected bytes are sent at once.
const BATCH_BYTES: usize = 64 << 10;
/// So many bytes of short lines share an allocation.
const SHARED_BYTES: usize = 1 << 10;

/// Whose output it is and where it goes.
#[derive(Debug, Clone)]
pub struct LogSource {
    /// The call that prints; for an actor its constructor's.
    pub task: TaskId,
    /// That call's name.
    pub name: Arc<str>,
    /// Takes the lines.
    pub sender: LogSender,
}

/// Where lines go.
#[derive(Debug, Clone)]
pub enum LogSender {
    /// Through a channel; guests wait while it is full, and a closed one throws lines away.
    Channel(Sender<LogLine>),
    /// To this listener, at once; away when it is gone.
    Listener(Weak<dyn LineListener>),
}

impl LogSender {
    fn is_closed(&self) -> bool {
        match self {
            Self::Channel(sender) => sender.is_closed(),
            Self::Listener(listener) => listener.strong_count() == 0,
        }
    }

    /// Gives the line back when there is no room.
    fn try_send(&self, line: LogLine) -> Result<(), LogLine> {
        match self {
            Self::Channel(sender) => match sender.try_send(line) {
                Err(TrySendError::Full(line)) => return Err(line),
                // A closed one throws it away.
                Ok(()) | Err(TrySendError::Closed(_)) => {}
            },
            Self::Listener(listener) => {
                if let Some(listener) = listener.upgrade() {
                    listener.line(line);
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Partial {
    stream: LogStream,
    text: BytesMut,
    starts_line: bool,
}

#[derive(Debug)]
pub(super) struct Output {
    /// Known from the first write on.
    source: Option<LogSource>,
    partial: [Partial; 2],
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        let partial = |stream| Partial {
            stream,
            text: BytesMut::new(),
            starts_line: true,
        };
        let partial = [partial(LogStream::Stdout), partial(LogStream::Stderr)];
        Self {
            source: None,
            partial,
            lines: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Takes a write, or its beginning when it has very many lines, and gives how many bytes it took;
    /// [`must_flush`](Self::must_flush) then tells whether the guest has to wait.
    pub(super) fn write(
        &mut self,
        stream: LogStream,
        text: &[u8],
        source: impl FnOnce() -> LogSource,
    ) -> usize {
        let whole = text.len();
        if self.source.get_or_insert_with(source).sender.is_closed() {
            return whole;
        }
        let mut text = text;
        while !text.is_empty() && self.lines.len() < MOST_LINES {
            let partial = &mut self.partial[usize::from(stream == LogStream::Stderr)];
            let room = match Guard::LinePieces.stands() {
                true => MAX_PIECE - partial.text.len(),
                false => usize::MAX,
            };
            let (piece, complete) = match text.iter().take(room).position(|b| *b == b'\n') {
                Some(end) => (end + 1, true),
                None => (room.min(text.len()), text.len() >= room),
            };
            if partial.text.capacity() - partial.text.len() < piece {
                // Many short lines share one allocation.
                partial.text.reserve(piece.max(SHARED_BYTES));
            }
            partial.text.extend_from_slice(&text[..piece]);
            text = &text[piece..];
            if complete {
                self.take(stream);
            }
        }
        whole - text.len()
    }

    /// Moves an unfinished line to the collected ones.
    fn take(&mut self, stream: LogStream) {
        let partial = &mut self.partial[usize::from(stream == LogStream::Stderr)];
        let Some(source) = self.source.as_ref().filter(|_| !partial.text.is_empty()) else {
            return;
        };
        let text = partial.text.split().freeze();
        let starts_line = std::mem::replace(&mut partial.starts_line, text.ends_with(b"\n"));
        self.bytes += text.len();
        let (task, name) = (source.task, source.name.clone());
        self.lines.push_back(LogLine {
            task,
            name,
            stream: partial.stream,
            text,
            starts_line,
        });
    }

    /// Whether the guest has to wait until lines were sent.
    pub(super) fn must_flush(&self) -> bool {
        self.lines.len() >= BATCH_LINES || self.bytes >= BATCH_BYTES
    }

    /// Sends what there is room for.
    pub(super) fn try_flush(&mut self) {
        let Some(source) = &self.source else { return };
        while let Some(line) = self.lines.pop_front() {
            let length = line.text.len();
            if let Err(line) = source.sender.try_send(line) {
                self.lines.push_front(line);
                return;
            }
            self.bytes -= length;
        }
    }

    /// Sends all complete lines; waits for room.
    pub(super) async fn flush(&mut self) {
        self.try_flush();
        while let Some(source) = self.source.as_ref().filter(|_| !self.lines.is_empty()) {
            let LogSender::Channel(sender) = &source.sender else {
                // A listener takes all there are.
                break;
            };
            let Ok(permit) = sender.reserve().await else {
                self.lines.clear();
                break;
            };
            if let Some(line) = self.lines.pop_front() {
                self.bytes -= line.text.len();
                permit.send(line);
            } else {
                drop(permit);
            }
            self.try_flush();
        }
        self.bytes = 0;
    }

    /// Unfinished lines count as lines now: the call ended.
    pub(super) fn end_lines(&mut self) {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            self.take(stream);
            self.partial[usize::from(stream == LogStream::Stderr)].starts_line = true;
        }
    }
}

impl Drop for Output {
    /// A cancelled call: what it printed is sent if there is room.
    fn drop(&mut self) {
        self.end_lines();
        self.try_flush();
    }
}
