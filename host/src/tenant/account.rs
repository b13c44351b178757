//! Accounts, limits and charges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
};

use parking_lot::Mutex;
use thiserror::Error;

/// What can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Bytes of linear memories and tables of living sandboxes.
    SandboxBytes,
    /// Living sandboxes.
    Sandboxes,
    /// Bytes of objects in the store.
    ObjectBytes,
    /// Calls that wait for arguments or a slot.
    QueuedCalls,
    /// Bytes of these calls.
    QueuedBytes,
    /// Living actors.
    Actors,
    /// Handles that sandboxes hold.
    Handles,
    /// Bytes of output that nobody has taken yet.
    LogBytes,
}

const KINDS: usize = 8;

impl Resource {
    const ALL: [Self; KINDS] = [
        Self::SandboxBytes,
        Self::Sandboxes,
        Self::ObjectBytes,
        Self::QueuedCalls,
        Self::QueuedBytes,
        Self::Actors,
        Self::Handles,
        Self::LogBytes,
    ];

    /// How messages name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SandboxBytes => "bytes of sandbox memory",
            Self::Sandboxes => "living sandboxes",
            Self::ObjectBytes => "bytes of objects",
            Self::QueuedCalls => "queued calls",
            Self::QueuedBytes => "bytes of queued calls",
            Self::Actors => "living actors",
            Self::Handles => "handles",
            Self::LogBytes => "bytes of unread output",
        }
    }
}

/// How much of each resource an account may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([u64; KINDS]);

impl Default for Limits {
    /// No limits.
    fn default() -> Self {
        Self([u64::MAX; KINDS])
    }
}

impl Limits {
    /// The same with another limit for one resource.
    #[must_use]
    pub fn with(mut self, resource: Resource, limit: u64) -> Self {
        self.0[resource as usize] = limit;
        self
    }

    /// The limit of one resource.
    #[must_use]
    pub fn get(&self, resource: Resource) -> u64 {
        self.0[resource as usize]
    }
}

/// A charge would go over a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{account} may hold {limit} {}, holds {used} and asked for {asked} more", resource.name())]
pub struct OverLimit {
    /// The account whose limit it is.
    pub account: Arc<str>,
    /// Of what.
    pub resource: Resource,
    /// How much it may hold.
    pub limit: u64,
    /// How much it holds.
    pub used: u64,
    /// How much was asked for.
    pub asked: u64,
}

impl OverLimit {
    /// Whether waiting can't help, since the charge alone is over the limit.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.asked > self.limit
    }
}

#[derive(Debug, Default)]
struct Meter {
    used: AtomicU64,
    peak: AtomicU64,
    /// Somebody in `room` waits for this resource.
    awaited: AtomicBool,
}

/// Counts what is held against limits.
#[derive(Debug)]
pub struct Account {
    name: Arc<str>,
    limits: Limits,
    meters: [Meter; KINDS],
    room: Mutex<Vec<(Resource, Waker)>>,
    parent: Option<Arc<Account>>,
}

impl Account {
    /// An account of its own, or below `parent`, where each of its charges counts too.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, limits: Limits, parent: Option<Arc<Self>>) -> Arc<Self> {
        let room = Mutex::default();
        Arc::new(Self {
            name: name.into(),
            limits,
            meters: Default::default(),
            room,
            parent,
        })
    }

    /// What it may hold.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How much it holds.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u64 {
        self.meters[resource as usize].used.load(Ordering::Relaxed)
    }

    /// How much it held at the highest.
    #[must_use]
    pub fn peak(&self, resource: Resource) -> u64 {
        self.meters[resource as usize].peak.load(Ordering::Relaxed)
    }

    /// Holds `n` of `resource` until the charge is dropped.
    ///
    /// # Errors
    /// [`OverLimit`] names the first limit in the way, this account's or one above it; nothing is held then.
    pub fn charge(self: &Arc<Self>, resource: Resource, n: u64) -> Result<Charge, OverLimit> {
        self.add(resource, n, 0)?;
        Ok(Charge {
            account: self.clone(),
            resource,
            n,
        })
    }

    /// As [`charge`](Self::charge), but up to an eighth over the limits: the reserve that lets one caller over when
    /// nobody else could ever make room.
    ///
    /// # Errors
    /// [`OverLimit`] when the reserve is used up too.
    pub fn charge_reserve(
        self: &Arc<Self>,
        resource: Resource,
        n: u64,
    ) -> Result<Charge, OverLimit> {
        self.add(resource, n, 8)?;
        Ok(Charge {
            account: self.clone(),
            resource,
            n,
        })
    }

    /// Adds to this account and those above. An attempt that fails changes nothing, so that no other fails because of
    /// it: nobody would wake that one.
    fn add(&self, resource: Resource, n: u64, reserve: u64) -> Result<(), OverLimit> {
        let mut chain = std::iter::successors(Some(self), |account| account.parent.as_deref());
        chain.try_for_each(|account| {
            account.fits(resource, n, reserve, account.used_now(resource))
        })?;
        let meter = &self.meters[resource as usize];
        let fits = |used| {
            self.fits(resource, n, reserve, used)
                .ok()
                .map(|()| used + n)
        };
        let before = meter
            .used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        let before = before.map_err(|used| self.over(resource, n, used))?;
        if let Some(parent) = &self.parent
            && let Err(over) = parent.add(resource, n, reserve)
        {
            // It was there a moment ago.
            self.remove_own(resource, n);
            return Err(over);
        }
        let after = before + n;
        if after > meter.peak.load(Ordering::Relaxed) {
            meter.peak.fetch_max(after, Ordering::Relaxed);
        }
        Ok(())
    }

    fn fits(&self, resource: Resource, n: u64, reserve: u64, used: u64) -> Result<(), OverLimit> {
        let limit = self.limits.get(resource);
        let over = limit.checked_div(reserve).map_or(0, |part| part.max(1));
        let limit = limit.saturating_add(over);
        if used.checked_add(n).is_some_and(|after| after <= limit) {
            Ok(())
        } else {
            Err(self.over(resource, n, used))
        }
    }

    fn over(&self, resource: Resource, asked: u64, used: u64) -> OverLimit {
        let (account, limit) = (self.name.clone(), self.limits.get(resource));
        OverLimit {
            account,
            resource,
            limit,
            used,
            asked,
        }
    }

    /// In one order with `on_room` and `remove`: who finds no room is seen there to wait.
    fn used_now(&self, resource: Resource) -> u64 {
        self.meters[resource as usize].used.load(Ordering::SeqCst)
    }

    fn remove(&self, resource: Resource, n: u64) {
        self.remove_own(resource, n);
        if let Some(parent) = &self.parent {
            parent.remove(resource, n);
        }
    }

    fn remove_own(&self, resource: Resource, n: u64) {
        let meter = &self.meters[resource as usize];
        meter.used.fetch_sub(n, Ordering::SeqCst);
        if meter.awaited.load(Ordering::SeqCst) {
            self.wake(resource);
        }
    }

    #[cold]
    fn wake(&self, resource: Resource) {
        let mut room = self.room.lock();
        self.meters[resource as usize]
            .awaited
            .store(false, Ordering::SeqCst);
        let woken: Vec<_> = room.extract_if(.., |(of, _)| *of == resource).collect();
        drop(room);
        for (_, waker) in woken {
            waker.wake();
        }
    }

    /// Wakes `waker` once when some of `resource` was given back here or in an account above. Try to charge again
    /// after this call and before waiting: what was given back before it wakes nobody.
    pub fn on_room(&self, resource: Resource, waker: &Waker) {
        let mut room = self.room.lock();
        if !room
            .iter()
            .any(|(of, known)| *of == resource && known.will_wake(waker))
        {
            room.push((resource, waker.clone()));
        }
        self.meters[resource as usize]
            .awaited
            .store(true, Ordering::SeqCst);
        drop(room);
        if let Some(parent) = &self.parent {
            parent.on_room(resource, waker);
        }
    }

    /// What is held now, for tests and reports: each resource of which anything is held.
    pub fn held(&self) -> impl Iterator<Item = (Resource, u64)> + '_ {
        Resource::ALL
            .into_iter()
            .map(|r| (r, self.used(r)))
            .filter(|(_, n)| *n > 0)
    }
}

/// Holds some of a resource; dropping it gives it back.
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    resource: Resource,
    n: u64,
}

impl Charge {
    /// How much it holds.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.n
    }

    /// Of what.
    #[must_use]
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// Gives `n` of what it holds, or all if that is less, to a charge of its own.
    #[must_use]
    pub fn split(&mut self, n: u64) -> Self {
        let n = n.min(self.n);
        self.n -= n;
        Self {
            account: self.account.clone(),
            resource: self.resource,
            n,
        }
    }

    /// Holds `n` more under the same charge.
    ///
    /// # Errors
    /// [`OverLimit`]; the charge stays as it was.
    pub fn grow(&mut self, n: u64) -> Result<(), OverLimit> {
        self.account.add(self.resource, n, 0)?;
        self.n += n;
        Ok(())
    }

    /// Gives back `n` of what it holds, or all if that is less.
    pub fn shrink(&mut self, n: u64) {
        let n = n.min(self.n);
        self.n -= n;
        self.account.remove(self.resource, n);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.n > 0 {
            self.account.remove(self.resource, self.n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Arc<Account>, Arc<Account>) {
        let tenant = Account::new(
            "tenant",
            Limits::default().with(Resource::ObjectBytes, 100),
            None,
        );
        let job = Account::new(
            "job",
            Limits::default().with(Resource::ObjectBytes, 80),
            Some(tenant.clone()),
        );
        (tenant, job)
    }

    #[test]
    fn charges_count_in_the_whole_chain_and_come_back() {
        let (tenant, job) = pair();
        let charge = job.charge(Resource::ObjectBytes, 60).expect("fits");
        assert_eq!(
            (
                tenant.used(Resource::ObjectBytes),
                job.used(Resource::ObjectBytes)
            ),
            (60, 60)
        );
        let mut charge = charge;
        drop(charge.split(20));
        assert_eq!(
            (job.used(Resource::ObjectBytes), charge.split(50).amount()),
            (40, 40)
        );
        drop(charge);
        assert_eq!((tenant.held().count(), job.held().count()), (0, 0));
        assert_eq!(job.peak(Resource::ObjectBytes), 60);
    }

    #[test]
    fn the_limit_in_the_way_is_named_and_nothing_is_held() {
        let (tenant, job) = pair();
        let other = Account::new("other", Limits::default(), Some(tenant.clone()));
        let _held = other.charge(Resource::ObjectBytes, 50).expect("fits");
        let over = job
            .charge(Resource::ObjectBytes, 60)
            .expect_err("110 of 100");
        assert_eq!(
            (&*over.account, over.limit, over.used, over.is_hopeless()),
            ("tenant", 100, 50, false)
        );
        assert_eq!(job.used(Resource::ObjectBytes), 0);
        assert!(
            job.charge(Resource::ObjectBytes, 81)
                .expect_err("81 of 80")
                .is_hopeless()
        );
    }

    /// A charge that is refused must not be in the way of one that fits: nobody would wake who was refused for it.
    #[test]
    fn a_charge_that_is_refused_is_in_nobodys_way() {
        let (tenant, _job) = pair();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(tenant.charge(Resource::ObjectBytes, 101).is_err());
                }
            });
            for _ in 0..200_000 {
                let fits = tenant.charge(Resource::ObjectBytes, 50).is_ok();
                if !fits {
                    done.store(true, Ordering::Relaxed);
                }
                assert!(fits, "50 of 100, and nobody holds any");
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn the_reserve_is_over_the_limit_but_bounded() {
        let (_tenant, job) = pair();
        let _full = job.charge(Resource::ObjectBytes, 80).expect("fits");
        let _over = job
            .charge_reserve(Resource::ObjectBytes, 10)
            .expect("from the reserve");
        assert!(job.charge_reserve(Resource::ObjectBytes, 80).is_err());
    }

    /// Else who waits would wake itself with each attempt, and never count as one that waits.
    #[test]
    fn an_attempt_that_fails_wakes_nobody() {
        let (tenant, job) = pair();
        let other = Account::new("other", Limits::default(), Some(tenant));
        let _held = job.charge(Resource::ObjectBytes, 80).expect("fits");
        for account in [&job, &other] {
            let flag = Arc::new(Flag(AtomicBool::new(false)));
            account.on_room(Resource::ObjectBytes, &Waker::from(flag.clone()));
            assert!(account.charge(Resource::ObjectBytes, 60).is_err());
            assert!(account.charge_reserve(Resource::ObjectBytes, 60).is_err());
            assert!(!flag.0.load(Ordering::SeqCst));
        }
    }

    struct Flag(AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn room_wakes_who_waits_for_it() {
        let (tenant, job) = pair();
        let other = Account::new("other", Limits::default(), Some(tenant));
        let held = other.charge(Resource::ObjectBytes, 100).expect("fits");
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        job.on_room(Resource::ObjectBytes, &Waker::from(flag.clone()));
        assert!(!flag.0.load(Ordering::SeqCst));
        drop(held);
        assert!(
            flag.0.load(Ordering::SeqCst),
            "room above wakes those below"
        );
    }
}
