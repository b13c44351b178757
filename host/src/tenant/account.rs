//! Accounts, limits and charges.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use thiserror::Error;

use crate::rt::{guard::Guard, shard};

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
    /// Bytes of objects on disk.
    SpilledBytes,
    /// Bytes of objects that are mapped into sandboxes, each view in full.
    ViewBytes,
    /// Files and directories that sandboxes have open.
    OpenFiles,
}

const KINDS: usize = 11;

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
        Self::SpilledBytes,
        Self::ViewBytes,
        Self::OpenFiles,
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
            Self::SpilledBytes => "bytes of spilled objects",
            Self::ViewBytes => "bytes of views",
            Self::OpenFiles => "open files",
        }
    }
}

impl Resource {
    /// What raises the limit: the tenant's limit of this name, or the host's option, where there is one.
    const fn raised_by(self, is_tenants: bool) -> &'static str {
        if !is_tenants {
            return match self {
                Self::ObjectBytes => " (`--object-store-memory`)",
                Self::SpilledBytes => " (`--spill-limit`)",
                _ => "",
            };
        }
        match self {
            Self::SandboxBytes | Self::ViewBytes => " (its limit `memory`)",
            Self::Sandboxes => " (its limit `sandboxes`)",
            Self::ObjectBytes => " (its limit `object_bytes`)",
            Self::QueuedCalls => " (its limit `queued_tasks`)",
            Self::QueuedBytes => " (its limit `queued_bytes`)",
            Self::Actors => " (its limit `actors`)",
            Self::Handles => " (its limit `handles`)",
            Self::SpilledBytes => " (its limit `spilled_bytes`)",
            Self::OpenFiles => " (its limit `open_files`)",
            Self::LogBytes => "",
        }
    }

    /// Whether its limits hold: everywhere but in a build that was made to show what they are for.
    fn is_guarded(self) -> bool {
        match self {
            Self::SandboxBytes => Guard::SandboxBytes.stands(),
            Self::Sandboxes => Guard::Sandboxes.stands(),
            Self::ObjectBytes => Guard::ObjectBytes.stands(),
            Self::QueuedCalls => Guard::QueuedCalls.stands(),
            Self::QueuedBytes => Guard::QueuedBytes.stands(),
            Self::Actors => Guard::Actors.stands(),
            Self::Handles => Guard::Handles.stands(),
            Self::SpilledBytes => Guard::SpilledBytes.stands(),
            Self::ViewBytes => Guard::ViewBytes.stands(),
            Self::OpenFiles => Guard::OpenFiles.stands(),
            Self::LogBytes => true,
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
#[error(
    "{account} may hold {limit} {}, holds {used} and asked for {asked} more{}",
    resource.name(),
    resource.raised_by(*is_tenants)
)]
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
    /// Whether the account is a tenant's.
    pub is_tenants: bool,
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
///
/// Each thread charges a part of its own, which has room that was counted in the whole chain beforehand: so workers
/// that charge and give back all the time don't fight for one counter.
#[derive(Debug)]
pub struct Account {
    core: Arc<Core>,
    shards: Box<[Arc<CachePadded<Shard>>]>,
}

/// The counters that the threads share.
#[derive(Debug)]
struct Core {
    name: Arc<str>,
    is_tenants: bool,
    limits: [AtomicU64; KINDS],
    /// How much a shard gets at once beyond what it was asked for; nothing where a limit is near.
    batches: [AtomicU64; KINDS],
    meters: [Meter; KINDS],
    room: Mutex<BTreeMap<(usize, u64), Waker>>,
    parent: Option<Arc<Self>>,
    children: Mutex<Vec<Weak<Self>>>,
    shards: OnceLock<Vec<Weak<CachePadded<Shard>>>>,
}

/// Some threads' part of an account. What it has to spare goes back when somebody waits for room, when a charge does
/// not fit, and with its last charge.
#[derive(Debug)]
struct Shard {
    core: Arc<Core>,
    /// Counted as held, and held by nobody.
    spare: [AtomicU64; KINDS],
}

impl Account {
    /// An account of its own, or below `parent`, where each of its charges counts too.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, limits: Limits, parent: Option<Arc<Self>>) -> Arc<Self> {
        Self::of(name.into(), false, limits, parent)
    }

    /// A tenant's account, below the host's.
    #[must_use]
    pub fn of_tenant(name: &str, limits: Limits, host: Arc<Self>) -> Arc<Self> {
        let name = format!("the tenant `{name}`");
        Self::of(name.into(), true, limits, Some(host))
    }

    fn of(
        name: Arc<str>,
        is_tenants: bool,
        limits: Limits,
        parent: Option<Arc<Self>>,
    ) -> Arc<Self> {
        let parent = parent.map(|parent| parent.core.clone());
        let core = Arc::new(Core {
            name,
            is_tenants,
            batches: batches(&limits, parent.as_deref()).map(AtomicU64::new),
            limits: limits.0.map(AtomicU64::new),
            meters: Default::default(),
            room: Mutex::default(),
            parent,
            children: Mutex::default(),
            shards: OnceLock::new(),
        });
        if let Some(parent) = &core.parent {
            let mut children = parent.children.lock();
            children.retain(|child| child.strong_count() > 0);
            children.push(Arc::downgrade(&core));
        }
        let shard = |_| {
            Arc::new(CachePadded::new(Shard {
                core: core.clone(),
                spare: Default::default(),
            }))
        };
        let shards: Box<[_]> = (0..shard::count()).map(shard).collect();
        let weak = shards.iter().map(Arc::downgrade).collect();
        core.shards.set(weak).expect("set once");
        Arc::new(Self { core, shards })
    }

    /// This thread's part.
    fn shard(&self) -> &Arc<CachePadded<Shard>> {
        &self.shards[shard::current()]
    }

    /// What it may hold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits(Resource::ALL.map(|resource| self.core.limit(resource)))
    }

    /// Changes what it may hold from now on. What it holds beyond that it keeps.
    pub fn set_limits(&self, limits: &Limits) {
        for resource in Resource::ALL {
            self.core.limits[resource as usize].store(limits.get(resource), Ordering::SeqCst);
        }
        self.core.set_batches();
        // Who waits for room may have it now.
        for resource in Resource::ALL {
            self.core.wake_all(resource);
        }
    }

    /// How much it holds.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u64 {
        let used = self.core.meters[resource as usize]
            .used
            .load(Ordering::Relaxed);
        used.saturating_sub(self.core.spare(resource))
    }

    /// How much it held at the highest, what threads had to spare included.
    #[must_use]
    pub fn peak(&self, resource: Resource) -> u64 {
        self.core.meters[resource as usize]
            .peak
            .load(Ordering::Relaxed)
    }

    /// Holds `n` of `resource` until the charge is dropped.
    ///
    /// # Errors
    /// [`OverLimit`] names the first limit in the way, this account's or one above it; nothing is held then.
    pub fn charge(&self, resource: Resource, n: u64) -> Result<Charge, OverLimit> {
        let shard = self.shard();
        shard.add(resource, n)?;
        let shard = shard.clone();
        Ok(Charge { shard, resource, n })
    }

    /// As [`charge`](Self::charge), but up to an eighth over the limits: the reserve that lets one caller over when
    /// nobody else could ever make room.
    ///
    /// # Errors
    /// [`OverLimit`] when the reserve is used up too.
    pub fn charge_reserve(&self, resource: Resource, n: u64) -> Result<Charge, OverLimit> {
        self.core.add(resource, n, 8)?;
        let shard = self.shard().clone();
        Ok(Charge { shard, resource, n })
    }

    /// The first limit in the way of so much more, this account's or one above it. Nothing is held for it.
    #[must_use]
    pub fn obstacle(&self, resource: Resource, n: u64) -> Option<OverLimit> {
        let mut chain = std::iter::successors(Some(&*self.core), |core| core.parent.as_deref());
        let over = |core: &Core| core.fits(resource, n, 0, core.used_now(resource)).err();
        chain.find_map(over)
    }

    /// Gives back what [`Charge::take`] took out of a charge of this account.
    pub fn release(&self, resource: Resource, n: u64) {
        if n > 0 {
            self.shard().remove(resource, n);
        }
    }

    /// Wakes `waker` once when some of `resource` was given back here or in an account above, in the place of the one that
    /// `who` named before. Try to charge again after this call and before waiting: what was given back before it wakes nobody.
    pub fn on_room(&self, resource: Resource, who: &Waiter, waker: &Waker) {
        self.core.on_room(resource, who, waker);
    }

    /// Who waited for room does no longer.
    pub fn forget_room(&self, resource: Resource, who: &Waiter) {
        let chain = std::iter::successors(Some(&*self.core), |core| core.parent.as_deref());
        let of = resource as usize;
        for core in chain {
            let mut room = core.room.lock();
            let gone = room.remove(&(of, who.0));
            if room.range((of, 0)..(of + 1, 0)).next().is_none() {
                core.meters[of].awaited.store(false, Ordering::SeqCst);
            }
            drop(room);
            drop(gone);
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

/// How much a shard takes at once: little beside every limit of the chain.
fn batches(limits: &Limits, parent: Option<&Core>) -> [u64; KINDS] {
    Resource::ALL.map(|resource| {
        let above = parent.map_or(u64::MAX, |parent| parent.batch(resource));
        let most: u64 = match resource {
            Resource::SandboxBytes => 1 << 20,
            Resource::Sandboxes => 8,
            Resource::ObjectBytes => 64 << 10,
            Resource::QueuedCalls => 64,
            Resource::QueuedBytes => 64 << 10,
            Resource::Handles => 256,
            Resource::Actors
            | Resource::LogBytes
            | Resource::SpilledBytes
            | Resource::ViewBytes
            | Resource::OpenFiles => 0,
        };
        most.min(limits.get(resource) >> 12).min(above)
    })
}

impl Shard {
    /// Takes from what is spare, or from the chain, and then some to spare.
    fn add(&self, resource: Resource, n: u64) -> Result<(), OverLimit> {
        let (core, batch) = (&self.core, self.core.batch(resource));
        if n > batch {
            return core.add_or_reclaim(resource, n);
        }
        let spare = &self.spare[resource as usize];
        let take = |spare: u64| spare.checked_sub(n);
        if spare
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, take)
            .is_ok()
        {
            return Ok(());
        }
        if !core.is_awaited(resource) && core.add(resource, n + batch, 0).is_ok() {
            self.give(resource, batch);
            return Ok(());
        }
        core.add_or_reclaim(resource, n)
    }

    /// Gives back to what is spare; what is too much there, or awaited, goes back to the chain.
    fn remove(&self, resource: Resource, n: u64) {
        let batch = self.core.batch(resource);
        if n > batch || self.core.is_awaited(resource) {
            return self.core.remove(resource, n);
        }
        self.give(resource, n);
    }

    fn give(&self, resource: Resource, n: u64) {
        let batch = self.core.batch(resource);
        let spare = &self.spare[resource as usize];
        let after = spare.fetch_add(n, Ordering::SeqCst) + n;
        // Who waits has looked for spare room after it said so: either it saw this, or this sees that it waits.
        let awaited = self.core.is_awaited(resource);
        let keep = if awaited { 0 } else { batch };
        if awaited || after > 2 * batch {
            let before = spare.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |spare| {
                (spare > keep).then_some(keep)
            });
            self.core
                .remove(resource, before.map_or(0, |before| before - keep));
        }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        for resource in Resource::ALL {
            let spare = std::mem::take(self.spare[resource as usize].get_mut());
            if spare > 0 {
                self.core.remove(resource, spare);
            }
        }
    }
}

impl Core {
    fn shards(&self) -> impl Iterator<Item = Arc<CachePadded<Shard>>> + '_ {
        let shards = self.shards.get().into_iter().flatten();
        shards.filter_map(Weak::upgrade)
    }

    fn limit(&self, resource: Resource) -> u64 {
        self.limits[resource as usize].load(Ordering::Relaxed)
    }

    fn batch(&self, resource: Resource) -> u64 {
        self.batches[resource as usize].load(Ordering::Relaxed)
    }

    /// As the limits are now, here and below.
    fn set_batches(&self) {
        let limits = Limits(Resource::ALL.map(|resource| self.limit(resource)));
        let batches = batches(&limits, self.parent.as_deref());
        for resource in Resource::ALL {
            self.batches[resource as usize].store(batches[resource as usize], Ordering::Relaxed);
        }
        for child in self.children() {
            child.set_batches();
        }
    }

    /// Wakes who waits for room, here and below.
    fn wake_all(&self, resource: Resource) {
        self.wake(resource);
        for child in self.children() {
            child.wake_all(resource);
        }
    }

    fn children(&self) -> Vec<Arc<Self>> {
        self.children
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// What shards have to spare, here and below.
    fn spare(&self, resource: Resource) -> u64 {
        let spare =
            |shard: Arc<CachePadded<Shard>>| shard.spare[resource as usize].load(Ordering::Relaxed);
        let own: u64 = self.shards().map(spare).sum();
        let below = self.children().into_iter();
        own + below.map(|child| child.spare(resource)).sum::<u64>()
    }

    /// Takes back what shards have to spare, here and below; whether that was anything.
    #[cold]
    fn reclaim(&self, resource: Resource) -> bool {
        let own = self.shards().map(|shard| {
            let spare = shard.spare[resource as usize].swap(0, Ordering::SeqCst);
            if spare > 0 {
                self.remove(resource, spare);
            }
            spare > 0
        });
        let own = own.fold(false, |any, one| any | one);
        let below = self.children().into_iter();
        below.fold(own, |any, child| child.reclaim(resource) | any)
    }

    fn is_awaited(&self, resource: Resource) -> bool {
        let chain = std::iter::successors(Some(self), |core| core.parent.as_deref());
        chain
            .map(|core| &core.meters[resource as usize].awaited)
            .any(|awaited| awaited.load(Ordering::SeqCst))
    }

    fn add_or_reclaim(&self, resource: Resource, n: u64) -> Result<(), OverLimit> {
        let added = self.add(resource, n, 0);
        let top = std::iter::successors(Some(self), |core| core.parent.as_deref()).last();
        match (&added, top) {
            (Err(over), Some(top)) if !over.is_hopeless() && top.reclaim(resource) => {
                self.add(resource, n, 0)
            }
            _ => added,
        }
    }

    /// Adds to this account and those above. An attempt that fails changes nothing, so that no other fails because of
    /// it: nobody would wake that one.
    fn add(&self, resource: Resource, n: u64, reserve: u64) -> Result<(), OverLimit> {
        let mut chain = std::iter::successors(Some(self), |core| core.parent.as_deref());
        chain.try_for_each(|core| core.fits(resource, n, reserve, core.used_now(resource)))?;
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
        let limit = self.limit(resource);
        let over = limit.checked_div(reserve).map_or(0, |part| part.max(1));
        let limit = limit.saturating_add(over);
        if used.checked_add(n).is_some_and(|after| after <= limit) || !resource.is_guarded() {
            Ok(())
        } else {
            Err(self.over(resource, n, used))
        }
    }

    fn over(&self, resource: Resource, asked: u64, used: u64) -> OverLimit {
        let (account, limit) = (self.name.clone(), self.limit(resource));
        OverLimit {
            account,
            resource,
            limit,
            used,
            asked,
            is_tenants: self.is_tenants,
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
        let of = resource as usize;
        let mut woken = room.split_off(&(of, 0));
        room.append(&mut woken.split_off(&(of + 1, 0)));
        drop(room);
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    fn on_room(&self, resource: Resource, who: &Waiter, waker: &Waker) {
        let mut room = self.room.lock();
        let before = room.insert((resource as usize, who.0), waker.clone());
        self.meters[resource as usize]
            .awaited
            .store(true, Ordering::SeqCst);
        drop(room);
        drop(before);
        if let Some(parent) = &self.parent {
            parent.on_room(resource, who, waker);
        }
    }
}

/// Somebody who waits for room, however often it is asked.
#[derive(Debug)]
pub struct Waiter(u64);

impl Waiter {
    /// One that nobody else is.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "no two are alike")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Holds some of a resource; dropping it gives it back.
#[derive(Debug)]
pub struct Charge {
    shard: Arc<CachePadded<Shard>>,
    resource: Resource,
    n: u64,
}

impl Charge {
    /// How much it holds.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.n
    }

    /// Holds `n` of another resource, in the same account.
    ///
    /// # Errors
    /// [`OverLimit`], as [`Account::charge`].
    pub fn of_another(&self, resource: Resource, n: u64) -> Result<Self, OverLimit> {
        self.shard.add(resource, n)?;
        let shard = self.shard.clone();
        Ok(Self { shard, resource, n })
    }

    /// Whether it counts in the account that an [`OverLimit`] names.
    #[must_use]
    pub fn counts_in(&self, account: &Arc<str>) -> bool {
        let mut chain =
            std::iter::successors(Some(&*self.shard.core), |core| core.parent.as_deref());
        chain.any(|core| Arc::ptr_eq(&core.name, account))
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
            shard: self.shard.clone(),
            resource: self.resource,
            n,
        }
    }

    /// Takes `n` of what it holds, or all if that is less, out of its care and gives how much that is: whoever has it
    /// owes the account a [`release`](Account::release). For what is held so often that a charge each would be much.
    #[must_use = "it has to be released"]
    pub fn take(&mut self, n: u64) -> u64 {
        let n = n.min(self.n);
        self.n -= n;
        n
    }

    /// Holds `n` more under the same charge.
    ///
    /// # Errors
    /// [`OverLimit`]; the charge stays as it was.
    pub fn grow(&mut self, n: u64) -> Result<(), OverLimit> {
        self.shard.add(self.resource, n)?;
        self.n += n;
        Ok(())
    }

    /// Holds what `other` holds, too. Both must be of one account and one resource, else they stay apart and `other` is
    /// given back.
    pub fn absorb(&mut self, mut other: Self) {
        let same = Arc::ptr_eq(&self.shard.core, &other.shard.core);
        if same && self.resource == other.resource {
            self.n += std::mem::take(&mut other.n);
        }
    }

    /// Gives back `n` of what it holds, or all if that is less.
    pub fn shrink(&mut self, n: u64) {
        let n = n.min(self.n);
        self.n -= n;
        self.shard.remove(self.resource, n);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.n > 0 {
            self.shard.remove(self.resource, self.n);
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
        for (n, of) in [(80, None), (90, Some("job")), (1_000, Some("job"))] {
            let over = job.obstacle(Resource::ObjectBytes, n);
            assert_eq!(over.as_ref().map(|over| &*over.account), of, "{n}");
        }
        let other = tenant.charge(Resource::ObjectBytes, 30).expect("fits");
        let over = job.obstacle(Resource::ObjectBytes, 75).expect("too much");
        assert_eq!((&*over.account, over.used, over.limit), ("tenant", 30, 100));
        drop(other);
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
            account.on_room(
                Resource::ObjectBytes,
                &Waiter::new(),
                &Waker::from(flag.clone()),
            );
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
        job.on_room(
            Resource::ObjectBytes,
            &Waiter::new(),
            &Waker::from(flag.clone()),
        );
        assert!(!flag.0.load(Ordering::SeqCst));
        drop(held);
        assert!(
            flag.0.load(Ordering::SeqCst),
            "room above wakes those below"
        );
    }

    /// Threads keep room to spare; none of it is out of reach of who needs it.
    #[test]
    fn who_waits_no_longer_is_forgotten() {
        let tenant = Account::new("tenant", Limits::default(), None);
        let job = Account::new("job", Limits::default(), Some(tenant.clone()));
        let waiting = || tenant.core.room.lock().len() + job.core.room.lock().len();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let (one, other) = (Waiter::new(), Waiter::new());
        for who in [&one, &one, &other] {
            job.on_room(Resource::Handles, who, &Waker::from(flag.clone()));
        }
        assert_eq!(waiting(), 4, "each once, in both");
        job.forget_room(Resource::Handles, &one);
        assert!(waiting() == 2 && job.core.is_awaited(Resource::Handles));
        job.forget_room(Resource::Handles, &other);
        assert!(waiting() == 0 && !job.core.is_awaited(Resource::Handles));
        job.on_room(Resource::Handles, &other, &Waker::from(flag.clone()));
        job.on_room(Resource::Actors, &one, &Waker::from(flag.clone()));
        drop(job.charge(Resource::Handles, 1 << 20));
        assert_eq!(
            (waiting(), flag.0.load(Ordering::SeqCst)),
            (2, true),
            "of that only"
        );
    }

    #[test]
    fn what_threads_have_to_spare_is_given_up_when_it_is_needed() {
        const ALL: u64 = 1 << 20;
        let limits = Limits::default().with(Resource::QueuedCalls, ALL);
        let tenant = Account::new("tenant", limits, None);
        let jobs: Vec<_> = (0..3)
            .map(|_| Account::new("job", Limits::default(), Some(tenant.clone())))
            .collect();
        std::thread::scope(|scope| {
            for job in jobs.iter().chain(&jobs) {
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        let one = job.charge(Resource::QueuedCalls, 1).expect("fits");
                        drop((job.charge(Resource::QueuedCalls, 7).expect("fits"), one));
                    }
                });
            }
        });
        assert_eq!(tenant.held().count(), 0, "what is spare is not held");
        let spare = tenant.core.spare(Resource::QueuedCalls);
        assert!(spare > 0, "the threads had something to spare");
        let all = jobs[0].charge(Resource::QueuedCalls, ALL).expect("fits");
        assert!(jobs[1].charge(Resource::QueuedCalls, 1).is_err());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        jobs[1].on_room(
            Resource::QueuedCalls,
            &Waiter::new(),
            &Waker::from(flag.clone()),
        );
        let mut all = all;
        drop(all.split(1));
        assert!(
            flag.0.load(Ordering::SeqCst),
            "one came back, and one waits"
        );
        let one = jobs[1].charge(Resource::QueuedCalls, 1).expect("fits");
        drop((all, jobs, one));
        assert_eq!(tenant.core.used_now(Resource::QueuedCalls), 0);
    }
}
