//! Which parts of a memory file are free: an allocator of whole units, without the file.
//!
//! [`Extents`] hands out runs of units. What is given back is *warm*: its memory is still there, so that writing to it
//! faults nothing. [`trim`](Extents::trim) takes warm runs out, whose memory the caller gives back to the system, and
//! [`cool`](Extents::cool) makes them *cold*. Invariants: each unit is used, warm, cold, or between `trim` and `cool`;
//! neighbours of one kind are one run.

use std::collections::{BTreeMap, BTreeSet};

/// A run of units: where it starts, and how many there are.
pub(super) type Run = (u64, u64);

/// Free runs of one kind.
#[derive(Debug, Default)]
struct Free {
    by_start: BTreeMap<u64, u64>,
    /// Length first: the best fit is the first that is long enough.
    by_len: BTreeSet<(u64, u64)>,
    units: u64,
}

impl Free {
    fn add(&mut self, (mut start, mut len): Run) {
        self.units += len;
        if let Some((&before, &n)) = self.by_start.range(..start).next_back()
            && before + n == start
        {
            self.unlist((before, n));
            (start, len) = (before, n + len);
        }
        if let Some(&n) = self.by_start.get(&(start + len)) {
            self.unlist((start + len, n));
            len += n;
        }
        self.list((start, len));
    }

    /// The first units of the shortest run that has so many.
    fn take(&mut self, units: u64) -> Option<u64> {
        let &(len, start) = self.by_len.range((units, 0)..).next()?;
        self.unlist((start, len));
        if len > units {
            self.list((start + units, len - units));
        }
        self.units -= units;
        Some(start)
    }

    /// Up to so many units from the end of the longest run.
    fn take_end(&mut self, units: u64) -> Option<Run> {
        let &(len, start) = self.by_len.last()?;
        self.unlist((start, len));
        let taken = units.min(len);
        if len > taken {
            self.list((start, len - taken));
        }
        self.units -= taken;
        Some((start + len - taken, taken))
    }

    fn list(&mut self, (start, len): Run) {
        self.by_start.insert(start, len);
        self.by_len.insert((len, start));
    }

    fn unlist(&mut self, (start, len): Run) {
        self.by_start.remove(&start);
        self.by_len.remove(&(len, start));
    }
}

/// The units of one memory file, or of a part of it.
#[derive(Debug)]
pub(super) struct Extents {
    warm: Free,
    cold: Free,
    used: u64,
}

impl Extents {
    /// So many units, all cold.
    pub(super) fn new(units: u64) -> Self {
        let mut cold = Free::default();
        if units > 0 {
            cold.add((0, units));
        }
        Self {
            warm: Free::default(),
            cold,
            used: 0,
        }
    }

    /// The start of a run of so many units, warm ones if there are any.
    pub(super) fn take(&mut self, units: u64) -> Option<u64> {
        let start = self.warm.take(units).or_else(|| self.cold.take(units))?;
        self.used += units;
        Some(start)
    }

    /// Takes back what was handed out; it is warm now.
    pub(super) fn give(&mut self, run: Run) {
        self.used -= run.1;
        self.warm.add(run);
    }

    /// Takes up to so many warm units out: their memory is to go, and then they come back with [`cool`](Self::cool).
    pub(super) fn trim(&mut self, units: u64) -> Option<Run> {
        if units == 0 {
            return None;
        }
        self.warm.take_end(units)
    }

    /// What was trimmed has no memory any more.
    pub(super) fn cool(&mut self, run: Run) {
        self.cold.add(run);
    }

    /// What was trimmed could not be freed: it stays warm.
    pub(super) fn keep(&mut self, run: Run) {
        self.warm.add(run);
    }

    /// Units that are handed out.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Units that are free and have their memory.
    pub(super) fn warm(&self) -> u64 {
        self.warm.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: u64 = 1000;

    /// Numbers that look random, the same each time.
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        }
    }

    /// Every unit is in one place, and neighbours of one kind are one run.
    fn check(extents: &Extents, used: &[Run]) {
        let mut owner = vec![0; usize::try_from(UNITS).unwrap()];
        let mut mark = |(start, len): Run| {
            for unit in start..start + len {
                owner[usize::try_from(unit).unwrap()] += 1;
            }
        };
        used.iter().copied().for_each(&mut mark);
        for free in [&extents.warm, &extents.cold] {
            let runs: Vec<Run> = free.by_start.iter().map(|(s, l)| (*s, *l)).collect();
            assert_eq!(free.units, runs.iter().map(|run| run.1).sum::<u64>());
            assert_eq!(free.by_len.len(), runs.len());
            for pair in runs.windows(2) {
                assert!(pair[0].0 + pair[0].1 < pair[1].0, "not coalesced: {pair:?}");
            }
            runs.into_iter().for_each(&mut mark);
        }
        assert!(owner.iter().all(|owners| *owners == 1), "{owner:?}");
        assert_eq!(extents.used(), used.iter().map(|run| run.1).sum::<u64>());
    }

    #[test]
    fn any_order_of_taking_and_giving_keeps_every_unit_once() {
        for seed in 0..20 {
            let mut below = numbers(seed);
            let mut extents = Extents::new(UNITS);
            let mut used: Vec<Run> = Vec::new();
            for _ in 0..500 {
                match below(3) {
                    0 if !used.is_empty() => {
                        let at = usize::try_from(below(used.len() as u64)).unwrap();
                        extents.give(used.swap_remove(at));
                    }
                    1 => {
                        if let Some(run) = extents.trim(below(50)) {
                            extents.cool(run);
                        }
                    }
                    _ => {
                        let units = 1 + below(40);
                        if let Some(start) = extents.take(units) {
                            used.push((start, units));
                        }
                    }
                }
                check(&extents, &used);
            }
            used.drain(..).for_each(|run| extents.give(run));
            let warm = extents.warm();
            while let Some(run) = extents.trim(warm) {
                extents.cool(run);
            }
            check(&extents, &[]);
            assert_eq!(extents.take(UNITS), Some(0), "it is one run again");
        }
    }

    #[test]
    fn what_is_warm_is_taken_first_and_the_shortest_that_fits() {
        let mut extents = Extents::new(UNITS);
        let runs: Vec<Run> = [10, 1, 5, 1]
            .map(|units| (extents.take(units).unwrap(), units))
            .into();
        extents.give(runs[0]);
        extents.give(runs[2]);
        assert_eq!(extents.take(4), Some(runs[2].0), "the shorter one");
        assert_eq!(extents.take(6), Some(runs[0].0), "the other one");
        assert_eq!(extents.warm(), 5);
        assert!(extents.take(11).is_some(), "from what is cold");
        assert_eq!(extents.warm(), 5);
    }

    #[test]
    fn a_full_one_says_so() {
        let mut extents = Extents::new(8);
        assert_eq!(extents.take(9), None);
        assert_eq!(extents.take(8), Some(0));
        assert_eq!(extents.take(1), None);
    }
}
