//! What is kept of jobs that ended, for a while and of each tenant only so much.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{ledger::TenantName, rt::clock, types::JobId};

/// Something of each of some jobs that ended, the oldest first.
#[derive(Debug)]
pub(super) struct Ended<T> {
    /// For so long,
    time: Duration,
    /// and so many bytes of a tenant's at most.
    bytes: u64,
    kept: Mutex<VecDeque<Kept<T>>>,
}

#[derive(Debug)]
struct Kept<T> {
    id: JobId,
    tenant: TenantName,
    until: Instant,
    bytes: u64,
    what: Arc<T>,
}

impl<T> Ended<T> {
    pub(super) fn new(time: Duration, bytes: u64) -> Self {
        Self {
            time,
            bytes,
            kept: Mutex::default(),
        }
    }

    /// Keeps what takes so many bytes, and less of what the tenant's earlier jobs left when that is too much.
    pub(super) fn add(&self, id: JobId, tenant: &TenantName, what: Arc<T>, bytes: u64) {
        self.forget_old();
        let bytes = bytes + size_of::<Kept<T>>() as u64;
        let mut kept = self.kept.lock();
        let own = kept.iter().filter(|one| one.tenant == *tenant);
        let mut sum = bytes + own.map(|one| one.bytes).sum::<u64>();
        let mut gone = Vec::new();
        while sum > self.bytes
            && let Some(oldest) = kept.iter().position(|one| one.tenant == *tenant)
            && let Some(oldest) = kept.remove(oldest)
        {
            sum -= oldest.bytes;
            gone.push(oldest);
        }
        kept.push_back(Kept {
            id,
            tenant: tenant.clone(),
            until: clock::now() + self.time,
            bytes,
            what,
        });
        drop(kept);
        drop(gone);
    }

    /// What is kept of a job, of its last attempt here.
    pub(super) fn get(&self, id: JobId) -> Option<Arc<T>> {
        let kept = self.kept.lock();
        let last = kept.iter().rev().find(|kept| kept.id == id)?;
        Some(last.what.clone())
    }

    /// Forgets what was kept long enough.
    pub(super) fn forget_old(&self) {
        let (now, mut old) = (clock::now(), Vec::new());
        let mut kept = self.kept.lock();
        while kept.front().is_some_and(|first| first.until <= now) {
            old.extend(kept.pop_front());
        }
        drop(kept);
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_jobs_push_out_its_own_only() {
        let ended = Ended::new(Duration::from_secs(60), 1 << 20);
        let name = |text: &str| -> TenantName { text.parse().expect("a name") };
        let ids: Vec<_> = (0..5).map(|_| JobId::random()).collect();
        ended.add(ids[0], &name("a"), Arc::new(0), 400 << 10);
        for (n, id) in (1..).zip(&ids[1..]) {
            ended.add(*id, &name("b"), Arc::new(n), 400 << 10);
        }
        let kept: Vec<_> = ids
            .iter()
            .map(|id| ended.get(*id).as_deref().copied())
            .collect();
        assert_eq!(kept, [Some(0), None, None, Some(3), Some(4)]);
        // The last of a job that was begun again.
        ended.add(ids[0], &name("a"), Arc::new(9), 1);
        assert_eq!(ended.get(ids[0]).as_deref(), Some(&9));
    }

    #[test]
    fn nothing_is_kept_for_ever() {
        let ended = Ended::new(Duration::ZERO, 1 << 20);
        let (id, name) = (JobId::random(), "a".parse().expect("a name"));
        ended.add(id, &name, Arc::new(()), 1);
        ended.forget_old();
        assert!(ended.get(id).is_none());
    }
}
