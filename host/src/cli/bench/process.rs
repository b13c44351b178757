//! Rows about a whole process: this executable's `submit`, timed from its start to its end, or held while its memory is
//! looked at.

use std::{path::Path, process::Stdio, time::Duration};

use super::{
    RowError,
    bare::OUTPUT,
    child::{self, Held},
    lab::{Lab, timed},
    memory,
    sample::{Sample, count},
};
use crate::rt::process;

type Samples = Result<Vec<Sample>, RowError>;

/// Runs of a compiled-before module in one sample, and of a new one.
const CACHED: usize = 10;
const FIRST: usize = 3;
/// Tasks in the queue.
const QUEUED: usize = 100_000;
/// Tasks that are suspended: fewer than the pool has slots.
const SUSPENDED: usize = 800;
/// Actors: more than the pool has slots, which they leave again when they hibernate.
const ACTORS: usize = 4_000;
/// Time for all of them to hibernate, which begins a second after their last call.
const IDLE: Duration = Duration::from_secs(4);

/// A module that was compiled before; its first run is the warm-up's.
pub(super) fn submit_cached(lab: &Lab) -> Samples {
    let files = lab.files()?;
    let run = |_| whole(&files.tasks(), &["one"], &files.cache(), OUTPUT);
    processes(CACHED, run)
}

/// A module that was never compiled.
pub(super) fn submit_first(lab: &Lab) -> Samples {
    let files = lab.files()?;
    let run = |_| {
        let cache = files.empty_cache()?;
        whole(&files.command(), &[], cache.path(), "the 3")
    };
    processes(FIRST, run)
}

/// Milliseconds and processor time of one of these processes, on average.
fn processes(runs: usize, run: impl FnMut(usize) -> Result<(), RowError>) -> Samples {
    let before = process::children_cpu();
    let (done, time) = timed(|| (0..runs).try_for_each(run));
    done?;
    let cpu = process::children_cpu().saturating_sub(before);
    let each = time.as_secs_f64() * 1e3 / count(runs);
    Ok(vec![Sample::of(each).cpu(runs, cpu)])
}

/// Runs a module in a process of its own, to its end.
fn whole(module: &Path, args: &[&str], cache: &Path, expected: &str) -> Result<(), RowError> {
    let output = child::submit(&[], module, args, cache)
        .and_then(|mut command| command.stdin(Stdio::null()).output())
        .map_err(RowError::io("wrun does not start"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && text.trim_end() == expected {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(RowError::wrong(format!(
        "wrun ended with {} and printed `{text}` {errors}",
        output.status
    )))
}

/// A process whose driver only waits.
pub(super) fn idle(lab: &Lab) -> Samples {
    let mut process = start(lab, &[], &["idle"])?;
    process.reaches("idle")?;
    let held = memory::Held::by(process.id())?;
    Ok(vec![Sample::of(count(held.resident) / count(1 << 20))])
}

/// A task in the queue, in bytes.
pub(super) fn queued(lab: &Lab) -> Samples {
    grown(
        lab,
        &["--num-cpus", "1"],
        "queued",
        QUEUED,
        1.0,
        Duration::ZERO,
    )
}

/// A task that waits for another, in KiB.
pub(super) fn suspended(lab: &Lab) -> Samples {
    grown(lab, &[], "suspended", SUSPENDED, 1024.0, Duration::ZERO)
}

/// An actor that was not called for a while, in KiB.
pub(super) fn actors(lab: &Lab) -> Samples {
    grown(lab, &[], "actors", ACTORS, 1024.0, IDLE)
}

/// What the host holds for each of `size` things that a case makes between its two points, a while after the second.
fn grown(
    lab: &Lab,
    options: &[&str],
    case: &str,
    size: usize,
    unit: f64,
    pause: Duration,
) -> Samples {
    let mut process = start(lab, options, &[case, &size.to_string()])?;
    process.reaches("before")?;
    let before = memory::Held::by(process.id())?;
    process.go_on()?;
    process.reaches("after")?;
    std::thread::sleep(pause);
    let after = memory::Held::by(process.id())?;
    let each = (after.host() - before.host()) / count(size);
    Ok(vec![Sample::of(each / unit)])
}

fn start(lab: &Lab, options: &[&str], args: &[&str]) -> Result<Held, RowError> {
    let files = lab.files()?;
    let command = child::submit(options, &files.tasks(), args, &files.cache());
    Held::start(command.map_err(RowError::io("wrun does not start"))?)
}
