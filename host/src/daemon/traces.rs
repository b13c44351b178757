//! What is kept of the traces of jobs that ended, for a while.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    ledger::TenantName,
    rt::clock,
    types::{FunctionSummary, JobId, JobTrace, TaskError, TaskSpan},
};

/// How long a trace is kept,
const KEPT: Duration = Duration::from_secs(60 * 60);
/// and so many bytes of a tenant's at most.
const BYTES: usize = 32 << 20;
/// What a span takes beside its own size, about.
const BESIDE: usize = 64;

/// Traces of ended jobs, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<VecDeque<Ended>>);

#[derive(Debug)]
struct Ended {
    id: JobId,
    tenant: TenantName,
    until: Instant,
    bytes: usize,
    trace: Arc<JobTrace>,
}

impl Traces {
    /// Keeps a job's trace, and fewer of the tenant's earlier ones when that is too much.
    pub(super) fn add(&self, id: JobId, tenant: &TenantName, trace: Arc<JobTrace>) {
        let bytes = size_of::<Ended>()
            + trace.spans.len() * (size_of::<TaskSpan>() + BESIDE)
            + trace.functions.len() * (size_of::<FunctionSummary>() + BESIDE)
            + trace.failures.iter().map(of_error).sum::<usize>();
        self.forget_old();
        let mut ended = self.0.lock();
        let own = ended.iter().filter(|one| one.tenant == *tenant);
        let mut sum = bytes + own.map(|one| one.bytes).sum::<usize>();
        let mut gone = Vec::new();
        while sum > BYTES
            && let Some(oldest) = ended.iter().position(|one| one.tenant == *tenant)
            && let Some(oldest) = ended.remove(oldest)
        {
            sum -= oldest.bytes;
            gone.push(oldest);
        }
        ended.push_back(Ended {
            id,
            tenant: tenant.clone(),
            until: clock::now() + KEPT,
            bytes,
            trace,
        });
        drop(ended);
        drop(gone);
    }

    /// What is kept of a job.
    pub(super) fn get(&self, id: JobId) -> Option<Arc<JobTrace>> {
        let ended = self.0.lock();
        let last = ended.iter().rev().find(|ended| ended.id == id)?;
        Some(last.trace.clone())
    }

    /// Forgets what was kept long enough.
    pub(super) fn forget_old(&self) {
        let (now, mut old) = (clock::now(), Vec::new());
        let mut ended = self.0.lock();
        while ended.front().is_some_and(|first| first.until <= now) {
            old.extend(ended.pop_front());
        }
        drop(ended);
        drop(old);
    }
}

fn of_error(error: &TaskError) -> usize {
    let frames = error.backtrace.iter().map(|frame| frame.len() + BESIDE);
    size_of::<TaskError>() + error.message.len() + frames.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_traces_push_out_its_own_only() {
        let traces = Traces::default();
        let name = |text: &str| -> TenantName { text.parse().expect("a name") };
        let third = || {
            Arc::new(JobTrace {
                functions: vec![
                    FunctionSummary::default();
                    BYTES / 3 / (size_of::<FunctionSummary>() + BESIDE)
                ],
                ..JobTrace::default()
            })
        };
        let ids: Vec<_> = (0..5).map(|_| JobId::random()).collect();
        traces.add(ids[0], &name("a"), third());
        for id in &ids[1..] {
            traces.add(*id, &name("b"), third());
        }
        let kept: Vec<_> = ids.iter().map(|id| traces.get(*id).is_some()).collect();
        assert_eq!(kept, [true, false, false, true, true]);
        assert!(traces.get(JobId::random()).is_none());
    }
}
