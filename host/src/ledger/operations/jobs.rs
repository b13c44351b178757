//! A job's way from its start to its end.

use tempfile::NamedTempFile;

use crate::{
    ledger::{
        Failure, Finish, JobError, JobPhase, JobRecord, LogInfo, Logs, ModuleHash, ModuleRecord,
        RESULT_BYTES, TenantLimits,
        dir::{self, Folder, StateDir},
        tables::{JobRow, Records, Stop, encode, find, refuse},
        transaction::Tx,
    },
    rt::{clock, guard::Guard},
    types::{ErrorKind, JobId, TaskError},
};

/// Output up to so many bytes lies in the database.
const INLINE_LOGS: usize = 64 << 10;
/// Bytes of an error's message, and of its backtrace.
const ERROR: usize = 64 << 10;
/// The exit code for a limit.
const LIMIT: i32 = 122;

/// An attempt begins.
pub(in crate::ledger) fn start(tx: &mut Tx<'_>, id: JobId) -> Result<JobRecord, Stop<JobError>> {
    let mut row = in_phase(tx, id, JobPhase::Queued, "started")?;
    row.phase = JobPhase::Running;
    row.attempt = row.attempt.saturating_add(1);
    row.started_at = Some(clock::unix_millis());
    tx.save(&row, Some(JobPhase::Queued))?;
    Ok(tx.record(row)?)
}

/// What running jobs have spent, over all attempts. What is not running, or spent more before, stays as it is.
pub(in crate::ledger) fn checkpoint(
    tx: &mut Tx<'_>,
    spent: &[(JobId, u64, u64)],
) -> Result<(), Stop<Failure>> {
    for (id, cpu_ms, wall_ms) in spent {
        let running = tx.row(*id)?.filter(|row| row.phase == JobPhase::Running);
        let Some(mut row) = running else { continue };
        row.spent_cpu_ms = row.spent_cpu_ms.max(*cpu_ms);
        row.spent_wall_ms = row.spent_wall_ms.max(*wall_ms);
        tx.save(&row, Some(JobPhase::Running))?;
    }
    Ok(())
}

/// A quarantined job may run again.
pub(in crate::ledger) fn requeue(tx: &mut Tx<'_>, id: JobId) -> Result<JobRecord, Stop<JobError>> {
    let mut row = in_phase(tx, id, JobPhase::Quarantined, "restarted")?;
    let module = (row.tenant.as_str(), row.module.as_bytes());
    let module: Option<ModuleRecord> = find(tx.modules.table(), module, "modules")?;
    // With its arguments gone it would be another job.
    if row.expired {
        return refuse(JobError::NotFound(id));
    }
    if module.is_none() {
        return refuse(JobError::NoModule {
            job: id,
            module: row.module,
        });
    }
    tx.unkeep(&row)?;
    tx.ends.remove(row.number)?;
    row.phase = JobPhase::Queued;
    row.unclean = 0;
    row.ended_at = None;
    tx.save(&row, Some(JobPhase::Quarantined))?;
    Ok(tx.record(row)?)
}

fn in_phase(
    tx: &Tx<'_>,
    id: JobId,
    wanted: JobPhase,
    done: &'static str,
) -> Result<JobRow, Stop<JobError>> {
    match tx.row(id)? {
        None => refuse(JobError::NotFound(id)),
        Some(row) if row.phase == wanted => Ok(row),
        Some(row) => refuse(JobError::WrongPhase {
            job: id,
            phase: row.phase,
            wanted,
            done,
        }),
    }
}

/// A job's end with what can be done on the caller's thread: cut to the tenant's limits, large output on disk.
pub(in crate::ledger) struct PreparedEnd {
    finish: Finish,
    info: LogInfo,
    /// With the hash of its bytes.
    file: Option<(NamedTempFile, ModuleHash)>,
}

impl PreparedEnd {
    pub(in crate::ledger) fn new(
        dir: &StateDir,
        limits: &TenantLimits,
        mut finish: Finish,
    ) -> Result<Self, JobError> {
        let ends = [JobPhase::Finished, JobPhase::Cancelled, JobPhase::Lost];
        if !ends.contains(&finish.phase) {
            return Err(JobError::NotAnEnd(finish.phase));
        }
        if Guard::ResultSize.stands() {
            cut_result(&mut finish, limits.result_bytes.unwrap_or(RESULT_BYTES));
        }
        if let Some(error) = &mut finish.end.error {
            cut_error(error);
        }
        // JSON has no other numbers, and the record must be readable.
        let stats = &mut finish.end.stats;
        for seconds in [&mut stats.cpu_seconds, &mut stats.wall_seconds] {
            if !seconds.is_finite() {
                *seconds = 0.0;
            }
        }
        cut_logs(&mut finish.logs, limits.log_bytes);
        let info = LogInfo {
            bytes: u64::try_from(finish.logs.tail.len()).unwrap_or(u64::MAX),
            dropped_bytes: finish.logs.dropped_bytes,
            dropped_lines: finish.logs.dropped_lines,
        };
        let mut file = None;
        if finish.logs.tail.len() > INLINE_LOGS {
            let tail = &finish.logs.tail;
            file = Some((dir.write(tail)?, ModuleHash::of(tail)));
            finish.logs.tail = Vec::new();
        }
        Ok(Self { finish, info, file })
    }
}

/// Whether a job's end was recorded now, and the job as it is recorded.
pub(in crate::ledger) fn finish(
    tx: &mut Tx<'_>,
    id: JobId,
    prepared: PreparedEnd,
) -> Result<(bool, JobRecord), Stop<JobError>> {
    let PreparedEnd { finish, info, file } = prepared;
    let Some(mut row) = tx.row(id)? else {
        return refuse(JobError::NotFound(id));
    };
    if row.phase.is_ended() {
        return Ok((false, tx.record(row)?));
    }
    if let Some((file, hash)) = file {
        let path = tx.dir.log(id);
        // Nothing names it if the commit fails; it is replaced then, or removed at the next start.
        if let Err(error) = file.persist(&path) {
            return refuse(dir::failure(&path, &error.error).into());
        }
        tx.effects.flush.push(Folder::Logs);
        (row.log_file, row.log_hash) = (true, Some(hash));
    } else if info.bytes > 0 {
        tx.logs.put(row.number, &finish.logs.tail)?;
    }
    let before = row.phase;
    row.phase = finish.phase;
    row.ended_at = Some(clock::unix_millis());
    row.spent_cpu_ms = row.spent_cpu_ms.max(finish.spent_cpu_ms);
    row.spent_wall_ms = row.spent_wall_ms.max(finish.spent_wall_ms);
    row.logs = info;
    tx.ends.put(row.number, &encode(&finish.end))?;
    tx.save(&row, Some(before))?;
    tx.keep(&row)?;
    Ok((true, tx.record(row)?))
}

fn cut_result(finish: &mut Finish, limit: u64) {
    let end = &mut finish.end;
    let size = end.result.as_ref().map_or(0, |text| text.as_str().len());
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    if size <= limit {
        return;
    }
    end.result = None;
    end.exit_code = LIMIT;
    end.error = Some(TaskError::new(
        ErrorKind::Limit,
        format!(
            "the job's result takes {size} bytes as JSON, and {limit} are the most that are kept: write large results to a file or split the job"
        ),
    ));
}

/// Errors carry text that a guest chose.
fn cut_error(error: &mut TaskError) {
    if error.message.len() > ERROR {
        let cut = error.message.floor_char_boundary(ERROR);
        error.message.truncate(cut);
        error.message.push('…');
    }
    let mut left = ERROR;
    error.backtrace.retain(|line| {
        let fits = line.len() <= left;
        left = if fits { left - line.len() } else { 0 };
        fits
    });
}

/// Keeps the end of the output, from a line's beginning on if one begins in it.
fn cut_logs(logs: &mut Logs, limit: Option<u64>) {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let Some(mut cut) = limit.and_then(|limit| logs.tail.len().checked_sub(limit)) else {
        return;
    };
    if cut == 0 {
        return;
    }
    // The byte before the cut is looked at too: a line may begin right there.
    if let Some(ends) = logs.tail[cut - 1..].iter().position(|byte| *byte == b'\n')
        && cut + ends < logs.tail.len()
    {
        cut += ends;
    }
    let dropped = logs.tail.drain(..cut);
    let lines = dropped.as_slice().iter().filter(|byte| **byte == b'\n');
    let lines = u64::try_from(lines.count()).unwrap_or(u64::MAX);
    drop(dropped);
    logs.dropped_lines = logs.dropped_lines.saturating_add(lines);
    let bytes = u64::try_from(cut).unwrap_or(u64::MAX);
    logs.dropped_bytes = logs.dropped_bytes.saturating_add(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept_from_a_line_on() {
        for (limit, kept, bytes, lines) in [
            (100, "one\ntwo\nthree\n", 0, 0),
            (14, "one\ntwo\nthree\n", 0, 0),
            (13, "two\nthree\n", 4, 1),
            (10, "two\nthree\n", 4, 1),
            (9, "three\n", 8, 2),
            (3, "ee\n", 11, 2),
            (0, "", 14, 3),
        ] {
            let mut logs = Logs {
                tail: b"one\ntwo\nthree\n".to_vec(),
                ..Logs::default()
            };
            cut_logs(&mut logs, Some(limit));
            assert_eq!(String::from_utf8(logs.tail).unwrap(), kept, "{limit}");
            assert_eq!((logs.dropped_bytes, logs.dropped_lines), (bytes, lines));
        }
    }

    #[test]
    fn an_error_is_cut_between_characters() {
        let mut error = TaskError::new(ErrorKind::Application, "ä".repeat(ERROR));
        error.backtrace = vec!["x".repeat(ERROR - 1), "yy".to_owned(), "z".to_owned()];
        cut_error(&mut error);
        assert!(error.message.len() <= ERROR + '…'.len_utf8());
        assert_eq!(error.backtrace.len(), 1);
    }
}
