//! What a job's calls did and when, as much as fits.
//!
//! Each thread writes into a part of its own. A part holds attempts of calls one by one ([`TaskSpan`]) up to a bound; when it is
//! full, every other call is left out from then on, in all parts and of what is there already: those whose number is no
//! multiple of [`JobTrace::one_of`]. So what is kept spans the whole job, and the calls that belong together by number are
//! either all there or not. What all attempts of a function took is counted beside that, and never left out.
//!
//! What is kept is charged to the job as output is. What there is no room for is left out too: nothing waits or fails for it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

use crate::{
    rt::{clock, shard},
    tenant::{Account, Charge, Resource},
    types::{
        Block, ErrorKind, FunctionSummary, JobTrace, Quantiles, TaskError, TaskKind, TaskSpan,
    },
};

/// Attempts that are kept of a job, in all parts together.
const KEPT: usize = 32 << 10;
/// Room is charged for so many at once.
const CHARGED: usize = 64;
/// Errors that are kept whole, but for very long ones.
const FAILURES: usize = 64;
/// What an attempt takes beside its own size, about: what it waited for, and where it was blocked.
const BESIDE: usize = 64;

/// What a job's calls did.
#[derive(Debug)]
pub struct Trace {
    start: Instant,
    began_at: u64,
    /// Calls whose number has a 1 in the last so many bits are left out.
    skipped_bits: AtomicU32,
    left_out: AtomicU64,
    parts: Box<[CachePadded<Mutex<Part>>]>,
    failures: Mutex<Vec<(TaskError, Charge)>>,
}

#[derive(Debug, Default)]
struct Part {
    spans: Vec<TaskSpan>,
    charges: Vec<Charge>,
    functions: HashMap<Arc<str>, Box<Sums>>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            start: clock::now(),
            began_at: clock::unix_millis(),
            skipped_bits: AtomicU32::new(0),
            left_out: AtomicU64::new(0),
            parts: (0..shard::count())
                .map(|_| CachePadded::default())
                .collect(),
            failures: Mutex::default(),
        }
    }
}

impl Trace {
    /// Nanoseconds since the job began.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// An attempt has ended; what more there is to say is asked for when it is kept.
    pub fn add(
        &self,
        account: &Account,
        ended: &Attempt<'_>,
        details: impl FnOnce() -> SpanDetails,
    ) {
        let mut part = self.parts[shard::current()].lock();
        part.count(ended);
        if !self.wants(ended.number)
            || !self.has_room(&mut part, account)
            || !self.wants(ended.number)
        {
            drop(part);
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        part.spans.push(ended.span(details()));
    }

    /// A call has failed for good, with an error of its own.
    #[cold]
    pub fn fail(&self, account: &Account, error: &TaskError) {
        let mut failures = self.failures.lock();
        if failures.len() >= FAILURES {
            return;
        }
        let error = error.kept();
        if let Ok(charge) = account.charge(Resource::LogBytes, error.size()) {
            failures.push((error, charge));
        }
    }

    fn wants(&self, number: u64) -> bool {
        number.trailing_zeros() >= self.skipped_bits.load(Ordering::Relaxed)
    }

    /// Makes room for one more, by leaving out others if it must be.
    fn has_room(&self, part: &mut Part, account: &Account) -> bool {
        let most = KEPT / self.parts.len();
        if part.spans.len() >= most {
            // Another part may have been full before.
            let before = part.spans.len();
            part.spans.retain(|span| self.wants(span.number));
            if part.spans.len() == before {
                self.skipped_bits.fetch_add(1, Ordering::Relaxed);
                part.spans.retain(|span| self.wants(span.number));
            }
            let gone = (before - part.spans.len()) as u64;
            self.left_out.fetch_add(gone, Ordering::Relaxed);
        }
        if part.spans.len() < part.charges.len() * CHARGED {
            return true;
        }
        let size = CHARGED * (size_of::<TaskSpan>() + BESIDE);
        match account.charge(Resource::LogBytes, size as u64) {
            Ok(charge) => part.charges.push(charge),
            Err(_) => return false,
        }
        part.spans.reserve_exact(CHARGED);
        true
    }

    /// What is kept.
    #[must_use]
    pub fn view(&self) -> JobTrace {
        let mut spans = Vec::new();
        let mut functions: HashMap<Arc<str>, Box<Sums>> = HashMap::new();
        for part in &self.parts {
            let part = part.lock();
            spans.extend(
                part.spans
                    .iter()
                    .filter(|span| self.wants(span.number))
                    .cloned(),
            );
            for (name, sums) in &part.functions {
                functions.entry(name.clone()).or_default().merge(sums);
            }
        }
        spans.sort_by_key(|span| (span.begun_ns, span.number));
        let mut functions: Vec<_> = functions
            .iter()
            .map(|(name, sums)| sums.summary(name))
            .collect();
        functions.sort_by(|a, b| (b.cpu_ns, &a.name).cmp(&(a.cpu_ns, &b.name)));
        let all: u64 = functions.iter().map(|function| function.count).sum();
        JobTrace {
            began_at: self.began_at,
            one_of: 1 << self.skipped_bits.load(Ordering::Relaxed),
            left_out: all.saturating_sub(spans.len() as u64),
            spans,
            functions,
            failures: self
                .failures
                .lock()
                .iter()
                .map(|(error, _)| error.clone())
                .collect(),
        }
    }
}

impl Part {
    fn count(&mut self, ended: &Attempt<'_>) {
        let sums = match self.functions.get_mut(ended.name) {
            Some(sums) => sums,
            None => self.functions.entry(ended.name.clone()).or_default(),
        };
        sums.count(ended);
    }
}

/// An attempt of a call that has ended: what is counted of each.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The call's number.
    pub number: u64,
    /// Its name.
    pub name: &'a Arc<str>,
    /// It failed.
    pub has_failed: bool,
    /// Times by the trace's clock: when it could run,
    pub queued_ns: u64,
    /// when it began,
    pub begun_ns: u64,
    /// when it ended,
    pub ended_ns: u64,
    /// and for how long of that it had given its slot back.
    pub blocked_ns: u64,
    /// Its processor time.
    pub cpu_ns: u64,
    /// Bytes of its sandbox's memory.
    pub memory_bytes: u64,
}

/// The rest of a [`TaskSpan`], by the same names.
#[derive(Debug, Clone)]
pub struct SpanDetails {
    /// See there.
    pub kind: TaskKind,
    /// See there.
    pub attempt: u32,
    /// See there.
    pub parent: u64,
    /// See there.
    pub after: Vec<u64>,
    /// See there.
    pub worker: Option<u32>,
    /// See there.
    pub slot: Option<u32>,
    /// See there.
    pub blocks: Vec<Block>,
    /// See there.
    pub error: Option<ErrorKind>,
}

impl Attempt<'_> {
    fn span(&self, details: SpanDetails) -> TaskSpan {
        TaskSpan {
            number: self.number,
            name: self.name.clone(),
            kind: details.kind,
            attempt: details.attempt,
            parent: details.parent,
            after: details.after,
            worker: details.worker,
            slot: details.slot,
            queued_ns: self.queued_ns,
            begun_ns: self.begun_ns,
            ended_ns: self.ended_ns,
            blocked_ns: self.blocked_ns,
            cpu_ns: self.cpu_ns,
            memory_bytes: self.memory_bytes,
            blocks: details.blocks,
            error: details.error,
        }
    }
}

/// The numbers of a function.
#[derive(Debug, Default)]
struct Sums {
    count: u64,
    failed: u64,
    cpu_ns: u64,
    peak_memory_bytes: u64,
    queued: Histogram,
    run: Histogram,
    blocked: Histogram,
}

impl Sums {
    fn count(&mut self, span: &Attempt<'_>) {
        self.count += 1;
        self.failed += u64::from(span.has_failed);
        self.cpu_ns += span.cpu_ns;
        self.peak_memory_bytes = self.peak_memory_bytes.max(span.memory_bytes);
        self.queued
            .add(span.begun_ns.saturating_sub(span.queued_ns));
        self.run.add(span.ended_ns.saturating_sub(span.begun_ns));
        self.blocked.add(span.blocked_ns);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.cpu_ns += other.cpu_ns;
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        self.queued.merge(&other.queued);
        self.run.merge(&other.run);
        self.blocked.merge(&other.blocked);
    }

    fn summary(&self, name: &str) -> FunctionSummary {
        FunctionSummary {
            name: name.to_owned(),
            count: self.count,
            failed: self.failed,
            queued: self.queued.quantiles(),
            run: self.run.quantiles(),
            blocked: self.blocked.quantiles(),
            cpu_ns: self.cpu_ns,
            peak_memory_bytes: self.peak_memory_bytes,
        }
    }
}

/// Counts times in classes, four to each power of two: from 64 ns up to 19 hours.
#[derive(Debug)]
struct Histogram {
    classes: [u32; CLASSES],
    max: u64,
}

/// Times below this are one class.
const SMALLEST: u32 = 6;
const CLASSES: usize = 4 * (46 - SMALLEST as usize) + 1;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            classes: [0; CLASSES],
            max: 0,
        }
    }
}

impl Histogram {
    fn class(ns: u64) -> usize {
        let Some(power) = ns.checked_ilog2().filter(|power| *power >= SMALLEST) else {
            return 0;
        };
        let quarter = (ns >> (power - 2)) & 3;
        let class = 1 + 4 * u64::from(power - SMALLEST) + quarter;
        usize::try_from(class).map_or(CLASSES - 1, |class| class.min(CLASSES - 1))
    }

    /// The middle of a class.
    fn value(class: usize) -> u64 {
        let Some(at) = class.checked_sub(1) else {
            return 0;
        };
        let (power, quarter) = (SMALLEST as usize + at / 4, at as u64 % 4);
        ((4 + quarter) << (power - 2)) + (1 << (power - 3))
    }

    fn add(&mut self, ns: u64) {
        let class = &mut self.classes[Self::class(ns)];
        *class = class.saturating_add(1);
        self.max = self.max.max(ns);
    }

    fn merge(&mut self, other: &Self) {
        for (class, more) in self.classes.iter_mut().zip(&other.classes) {
            *class = class.saturating_add(*more);
        }
        self.max = self.max.max(other.max);
    }

    fn quantiles(&self) -> Quantiles {
        let all: u64 = self.classes.iter().map(|n| u64::from(*n)).sum();
        let at = |part: u64| {
            let rank = (all * part).div_ceil(100).max(1);
            let mut seen = 0;
            let class = self.classes.iter().position(|n| {
                seen += u64::from(*n);
                seen >= rank
            });
            class.map_or(0, Self::value).min(self.max)
        };
        Quantiles {
            p50_ns: at(50),
            p99_ns: at(99),
            max_ns: self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Limits;

    fn add(trace: &Trace, account: &Account, number: u64) {
        let name = Arc::from(if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        });
        let ended = Attempt {
            number,
            name: &name,
            has_failed: number == 3,
            queued_ns: 1_000 * number,
            begun_ns: 1_000 * number + 500,
            ended_ns: 1_000 * number + 500 + number,
            blocked_ns: 0,
            cpu_ns: 10,
            memory_bytes: number,
        };
        trace.add(account, &ended, || SpanDetails {
            kind: TaskKind::Task,
            attempt: 0,
            parent: 0,
            after: Vec::new(),
            worker: Some(1),
            slot: Some(0),
            blocks: Vec::new(),
            error: (number == 3).then_some(ErrorKind::Application),
        });
    }

    fn account(bytes: u64) -> Arc<Account> {
        Account::new("a", Limits::default().with(Resource::LogBytes, bytes), None)
    }

    #[test]
    fn all_are_counted_and_those_that_fit_are_kept() {
        let (trace, account) = (Trace::default(), account(u64::MAX));
        let all = 8 * KEPT as u64;
        for number in 1..=all {
            add(&trace, &account, number);
        }
        let view = trace.view();
        assert!(
            view.one_of >= 8 && view.one_of.is_power_of_two(),
            "{}",
            view.one_of
        );
        assert!(view.spans.iter().all(|span| span.number % view.one_of == 0));
        assert!(view.spans.len() <= KEPT && view.spans.len() as u64 >= all / view.one_of / 2);
        assert_eq!(view.left_out + view.spans.len() as u64, all);
        assert!(view.spans.is_sorted_by_key(|span| span.begun_ns));
        let last = view.spans.last().expect("some").number;
        assert!(last + view.one_of > all, "to the end: {last}");
        let counts: Vec<_> = view
            .functions
            .iter()
            .map(|f| (&*f.name, f.count, f.failed))
            .collect();
        assert_eq!(counts, [("even", all / 2, 0), ("odd", all / 2, 1)]);
        assert_eq!(view.functions[0].peak_memory_bytes, all);
        let held = account.used(Resource::LogBytes);
        assert!(
            held < (KEPT * (size_of::<TaskSpan>() + BESIDE)) as u64,
            "{held}"
        );
        drop(trace);
        assert_eq!(account.used(Resource::LogBytes), 0);
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out() {
        let size = (CHARGED * (size_of::<TaskSpan>() + BESIDE)) as u64;
        let (trace, account) = (Trace::default(), account(size));
        for number in 1..=3 * CHARGED as u64 {
            add(&trace, &account, number);
        }
        let view = trace.view();
        assert_eq!(
            (view.spans.len(), view.left_out),
            (CHARGED, 2 * CHARGED as u64)
        );
        assert_eq!(
            view.functions.iter().map(|f| f.count).sum::<u64>(),
            3 * CHARGED as u64
        );
    }

    #[test]
    fn the_first_errors_are_kept_and_cut() {
        let (trace, account) = (Trace::default(), account(1 << 20));
        let long =
            |n: usize| TaskError::new(ErrorKind::Application, format!("{n}{}", "ü".repeat(n)));
        for n in [1, 1 << 20].into_iter().chain(2..2 * FAILURES) {
            trace.fail(&account, &long(n));
        }
        let failures = trace.view().failures;
        assert_eq!(failures.len(), FAILURES);
        let (first, second) = (&failures[0].message, &failures[1].message);
        assert!(first == "1ü" && second.ends_with("(cut)") && second.len() < 20 << 10);
        assert!(account.used(Resource::LogBytes) > second.len() as u64);
        let (trace, account) = (Trace::default(), self::account(10));
        trace.fail(&account, &long(1));
        assert_eq!(
            (
                trace.view().failures.len(),
                account.used(Resource::LogBytes)
            ),
            (0, 0)
        );
    }

    #[test]
    fn times_are_told_to_an_eighth() {
        for ns in [
            64,
            100,
            999,
            12_345,
            1_000_000,
            3_600_000_000_000,
            u64::MAX >> 20,
        ] {
            let told = Histogram::value(Histogram::class(ns));
            assert!(told.abs_diff(ns) * 8 <= ns, "{ns} as {told}");
        }
        assert_eq!(
            (
                Histogram::class(0),
                Histogram::class(63),
                Histogram::class(64)
            ),
            (0, 0, 1)
        );
        assert_eq!(Histogram::class(u64::MAX), CLASSES - 1);
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantiles(), Quantiles::default());
        (1..=1_000).for_each(|n| histogram.add(n * 1_000));
        let told = histogram.quantiles();
        assert!(told.p50_ns.abs_diff(500_000) < 63_000, "{told:?}");
        assert!(
            told.p99_ns.abs_diff(990_000) < 124_000 && told.max_ns == 1_000_000,
            "{told:?}"
        );
    }
}
