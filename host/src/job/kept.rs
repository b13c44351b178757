//! The last of what ended: a bounded list, paid for by the job.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::tenant::{Account, Charge, Resource};

/// At most so many are kept,
const MOST: usize = 1_000;
/// with so many bytes.
const BYTES: u64 = 8 << 20;

/// The last things of a kind that ended in a job. What the account has no room for is not kept: nothing waits or fails for
/// it.
#[derive(Debug)]
pub struct Kept<T>(Mutex<List<T>>);

#[derive(Debug)]
struct List<T> {
    items: VecDeque<(T, Charge)>,
    bytes: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let (items, bytes) = (VecDeque::new(), 0);
        Self(Mutex::new(List { items, bytes }))
    }
}

impl<T> Kept<T> {
    /// Keeps one more, which takes `bytes` beside its own size; the oldest go when that is too much.
    pub fn push(&self, account: &Account, item: T, bytes: usize) {
        let size = (size_of::<(T, Charge)>() + bytes) as u64;
        let Ok(charge) = account.charge(Resource::LogBytes, size) else {
            return;
        };
        let (mut list, mut oldest) = (self.0.lock(), Vec::new());
        list.bytes += size;
        while (list.items.len() >= MOST || list.bytes > BYTES)
            && let Some(first) = list.items.pop_front()
        {
            list.bytes -= first.1.amount();
            oldest.push(first);
        }
        list.items.push_back((item, charge));
        drop(list);
        drop(oldest);
    }

    /// What `pick` makes of each, the oldest first.
    pub fn pick<V>(&self, mut pick: impl FnMut(&T) -> Option<V>) -> Vec<V> {
        let list = self.0.lock();
        let items = list.items.iter();
        items.filter_map(|(item, _)| pick(item)).collect()
    }

    /// Forgets all.
    pub fn clear(&self) {
        let mut list = self.0.lock();
        list.bytes = 0;
        let all = std::mem::take(&mut list.items);
        drop(list);
        drop(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Limits;

    #[test]
    fn the_last_are_kept_and_paid_for() {
        let account = Account::new("a", Limits::default(), None);
        let kept = Kept::default();
        for n in 0..MOST + 10 {
            kept.push(&account, n, 100);
        }
        let all = kept.pick(|n| Some(*n));
        assert_eq!((all.len(), all[0], all[MOST - 1]), (MOST, 10, MOST + 9));
        assert_eq!(kept.pick(|n| (n % 2 == 0).then_some(())).len(), MOST / 2);
        assert!(account.used(Resource::LogBytes) >= 100 * MOST as u64);
        kept.clear();
        assert!(kept.pick(|_| Some(())).is_empty());
    }

    #[test]
    fn few_large_ones_are_as_much_as_many_small_ones() {
        let (account, kept) = (Account::new("a", Limits::default(), None), Kept::default());
        for n in 0..1_000 {
            kept.push(&account, n, 100 << 10);
        }
        let all = kept.pick(|n| Some(*n));
        assert!((70..=82).contains(&all.len()) && all.last() == Some(&999));
        assert!(account.used(Resource::LogBytes) <= BYTES);
    }

    #[test]
    fn what_can_t_be_paid_for_is_not_kept() {
        let limits = Limits::default().with(Resource::LogBytes, 1_000);
        let (account, kept) = (Account::new("a", limits, None), Kept::default());
        for n in 0..100 {
            kept.push(&account, n, 300);
        }
        assert!((1..4).contains(&kept.pick(|n| Some(*n)).len()));
    }
}
