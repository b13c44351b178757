//! A job's timeline as a file for Perfetto (ui.perfetto.dev) and `chrome://tracing`: the Trace Event Format, in JSON.
//!
//! A worker is a process there, and what it runs at once a thread: a call that gave its slot back keeps its row until it ends, and
//! what ran meanwhile is in the next one. Times in which a call was blocked lie on top of it; arrows lead from a call to those
//! that its result is an argument of.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::{Value as Json, json};

use super::failure::{Failure, Result};
use crate::{
    config::error_text,
    types::{BlockedOn, JobTrace, TaskKind, TaskSpan},
};

/// The row of those that no worker ran: requests that the host makes.
const HOST: u32 = u32::MAX;

/// Writes a timeline.
///
/// # Errors
/// What writing gives.
pub(super) fn write(trace: &JobTrace, job: &str, out: &mut impl Write) -> io::Result<()> {
    let rows = rows(&trace.spans);
    let mut out = Events { out, any: false };
    out.out
        .write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    let about = json!({
        "job": job,
        "began_at_ms": trace.began_at,
        "one_of": trace.one_of,
        "left_out": trace.left_out,
    });
    serde_json::to_writer(&mut *out.out, &about)?;
    out.out.write_all(b",\"traceEvents\":[")?;
    name_rows(&rows, &mut out)?;
    let ended: HashMap<u64, usize> = (0..trace.spans.len())
        .filter(|at| trace.spans[*at].error.is_none())
        .map(|at| (trace.spans[at].number, at))
        .collect();
    let mut arrows = 0_u64;
    for (at, span) in trace.spans.iter().enumerate() {
        let (pid, tid) = rows[at];
        out.add(&slice(span, pid, tid))?;
        for block in &span.blocks {
            let name = format!("waits for {}", what(block.on));
            out.add(&json!({
                "ph": "X", "name": name, "cat": "blocked", "pid": pid, "tid": tid,
                "ts": micros(block.from_ns), "dur": micros(block.to_ns.saturating_sub(block.from_ns)),
            }))?;
        }
        for maker in span.after.iter().filter_map(|number| ended.get(number)) {
            let (from, (from_pid, from_tid)) = (&trace.spans[*maker], rows[*maker]);
            arrows += 1;
            out.add(&json!({
                "ph": "s", "id": arrows, "name": "result", "cat": "dependency",
                "pid": from_pid, "tid": from_tid, "ts": micros(from.ended_ns),
            }))?;
            out.add(&json!({
                "ph": "f", "bp": "e", "id": arrows, "name": "result", "cat": "dependency",
                "pid": pid, "tid": tid, "ts": micros(span.begun_ns),
            }))?;
        }
    }
    out.out.write_all(b"]}\n")
}

/// Writes it to a file.
///
/// # Errors
/// When that can't be written.
pub(super) fn save(trace: &JobTrace, job: &str, path: &Path) -> Result<()> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(trace, job, &mut file)?;
        file.flush()
    });
    written.map_err(|error| {
        let (path, reason) = (path.display(), error_text(&error));
        Failure::usage(format!(
            "the timeline can't be written to `{path}`: {reason}"
        ))
    })
}

struct Events<'a, W> {
    out: &'a mut W,
    any: bool,
}

impl<W: Write> Events<'_, W> {
    fn add(&mut self, event: &Json) -> io::Result<()> {
        let between: &[u8] = if self.any { b",\n" } else { b"\n" };
        self.any = true;
        self.out.write_all(between)?;
        Ok(serde_json::to_writer(&mut *self.out, event)?)
    }
}

/// Process and thread of each span, which are in the order in which they began.
fn rows(spans: &[TaskSpan]) -> Vec<(u32, u32)> {
    let mut busy: HashMap<u32, Vec<u64>> = HashMap::new();
    let row = |span: &TaskSpan| {
        let worker = span.worker.unwrap_or(HOST);
        let rows = busy.entry(worker).or_default();
        let free = rows.iter().position(|until| *until <= span.begun_ns);
        let free = free.unwrap_or_else(|| {
            rows.push(0);
            rows.len() - 1
        });
        rows[free] = span.ended_ns;
        (worker, u32::try_from(free).unwrap_or(u32::MAX))
    };
    spans.iter().map(row).collect()
}

fn name_rows<W: Write>(rows: &[(u32, u32)], out: &mut Events<'_, W>) -> io::Result<()> {
    let mut seen: Vec<_> = rows.to_vec();
    seen.sort_unstable();
    seen.dedup();
    for (pid, tid) in seen {
        let name = match pid {
            HOST => "host".to_owned(),
            worker => format!("worker {worker}"),
        };
        if tid == 0 {
            out.add(&json!({"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}))?;
            out.add(&json!({"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}}))?;
        }
        let name = if tid == 0 {
            name
        } else {
            format!("{name}, beside {tid}")
        };
        out.add(&json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}))?;
    }
    Ok(())
}

fn slice(span: &TaskSpan, pid: u32, tid: u32) -> Json {
    let name = if span.name.is_empty() {
        "main"
    } else {
        &*span.name
    };
    json!({
        "ph": "X", "name": name, "cat": kind(span.kind), "pid": pid, "tid": tid,
        "ts": micros(span.begun_ns), "dur": micros(span.ended_ns.saturating_sub(span.begun_ns)),
        "args": {
            "task": format!("{name}#{}", span.number),
            "attempt": span.attempt,
            "parent": span.parent,
            "slot": span.slot,
            "queued_us": micros(span.begun_ns.saturating_sub(span.queued_ns)),
            "blocked_us": micros(span.blocked_ns),
            "cpu_us": micros(span.cpu_ns),
            "memory_bytes": span.memory_bytes,
            "error": span.error.map(|kind| kind.code()),
        },
    })
}

fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Main => "main",
        TaskKind::Task => "task",
        TaskKind::ActorConstructor => "actor_constructor",
        TaskKind::ActorMethod => "actor_method",
        TaskKind::Request => "request",
    }
}

/// What a call waits for, in words.
pub(super) fn what(on: BlockedOn) -> &'static str {
    match on {
        BlockedOn::Objects => "objects",
        BlockedOn::Room => "room",
        BlockedOn::Reader => "a reader",
        BlockedOn::Disk => "the disk",
    }
}

/// Microseconds, to the nanosecond.
fn micros(ns: u64) -> Json {
    // Times of a job are far from what a double can't hold.
    Json::from(ns as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Block, ErrorKind};

    fn span(number: u64, worker: Option<u32>, begun_ns: u64, ended_ns: u64) -> TaskSpan {
        TaskSpan {
            number,
            name: "f".into(),
            kind: TaskKind::Task,
            attempt: 0,
            parent: 1,
            after: Vec::new(),
            worker,
            slot: Some(0),
            queued_ns: 0,
            begun_ns,
            ended_ns,
            blocked_ns: 0,
            cpu_ns: 1_500,
            memory_bytes: 65_536,
            blocks: Vec::new(),
            error: None,
        }
    }

    fn trace() -> JobTrace {
        let mut outer = span(2, Some(0), 1_000, 9_000);
        outer.blocks.push(Block {
            on: BlockedOn::Objects,
            from_ns: 2_000,
            to_ns: 8_000,
        });
        let mut failed = span(4, Some(1), 8_500, 8_700);
        failed.after = vec![3, 77];
        failed.error = Some(ErrorKind::Trap);
        let inner = span(3, Some(0), 2_500, 7_250);
        JobTrace {
            began_at: 5,
            one_of: 1,
            spans: vec![outer, inner, failed, span(5, None, 8_600, 8_650)],
            ..JobTrace::default()
        }
    }

    #[test]
    fn spans_blocks_and_dependencies_are_written() {
        let mut text = Vec::new();
        write(&trace(), "j", &mut text).unwrap();
        let all: Json = serde_json::from_slice(&text).unwrap();
        assert_eq!(all["otherData"]["job"], "j");
        let events = all["traceEvents"].as_array().unwrap();
        let of = |phase: &str| {
            events
                .iter()
                .filter(|e| e["ph"] == phase)
                .collect::<Vec<_>>()
        };
        let row = |e: &&Json| {
            format!(
                "{} {}/{} {}+{}",
                e["name"], e["pid"], e["tid"], e["ts"], e["dur"]
            )
        };
        let slices: Vec<_> = of("X").iter().map(row).collect();
        let expected = [
            "\"f\" 0/0 1.0+8.0",
            "\"waits for objects\" 0/0 2.0+6.0",
            "\"f\" 0/1 2.5+4.75",
            "\"f\" 1/0 8.5+0.2",
            "\"f\" 4294967295/0 8.6+0.05",
        ];
        assert_eq!(slices, expected);
        let (from, to) = (of("s"), of("f"));
        assert_eq!(
            (from.len(), &from[0]["ts"], &to[0]["ts"]),
            (1, &json!(7.25), &json!(8.5))
        );
        assert_eq!(of("X")[3]["args"]["error"], ErrorKind::Trap.code());
        let names = of("M").into_iter().filter(|e| e["name"] == "thread_name");
        let names: Vec<_> = names.map(|e| e["args"]["name"].clone()).collect();
        assert_eq!(
            names,
            ["worker 0", "worker 0, beside 1", "worker 1", "host"]
        );
    }
}
