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
        atomic::{AtomicU32, Ordering},
    },
};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

use crate::{
    rt::{clock, shard},
    tenant::{Account, Charge, Resource},
    types::{FunctionSummary, JobTrace, Quantiles, TaskError, TaskSpan},
};

/// Attempts that are kept of a job, in all parts together.
const KEPT: usize = 32 << 10;
/// Room is charged for so many at once.
const CHARGED: usize = 64;
/// Errors that are kept whole, but for very long ones.
const FAILURES: usize = 64;
/// What an attempt takes beside its own size, about: what it waited for, and where it was blocked.
const BESIDE: usize = 64;
/// What an attempt takes at least.
const SPAN: u64 = (size_of::<TaskSpan>() + BESIDE) as u64;
/// So many names are counted apart in each part, since a program can give each of its calls another one,
const NAMES: usize = 256;
/// and the rest as one, of this name.
const OTHERS: &str = "(others)";
/// What a name takes beside its text, about.
const NAME: u64 = (size_of::<Named>() + 64) as u64;

/// What a job's calls did.
#[derive(Debug)]
pub struct Trace {
    began_at: u64,
    /// Calls whose number has a 1 in the last so many bits are left out.
    skipped_bits: AtomicU32,
    parts: Box<[CachePadded<Mutex<Part>>]>,
    failures: Mutex<Vec<(TaskError, Charge)>>,
}

#[derive(Debug, Default)]
struct Part {
    spans: Chunks,
    /// What they take,
    used: u64,
    /// and what is charged for them.
    charges: Vec<Charge>,
    #[allow(
        clippy::vec_box,
        reason = "each is large and charged; a plain one reserves for as many again"
    )]
    functions: Vec<Box<Named>>,
    /// Their places by their names.
    places: HashMap<Arc<str>, usize>,
    /// The name that was counted last, as it came, and its place: most calls have the name of the one before.
    last: Option<(Arc<str>, usize)>,
    /// Calls of further names.
    others: Sums,
}

/// Spans in pieces of [`CHARGED`], so that none is moved when there are more.
#[derive(Debug, Default)]
struct Chunks {
    chunks: Vec<Vec<TaskSpan>>,
    len: usize,
}

impl Chunks {
    fn push(&mut self, span: TaskSpan) {
        if self.len == self.chunks.len() * CHARGED {
            self.chunks.push(Vec::with_capacity(CHARGED));
        }
        self.len += 1;
        let last = self.chunks.last_mut().expect("one with room");
        last.push(span);
    }

    fn iter(&self) -> impl Iterator<Item = &TaskSpan> {
        self.chunks.iter().flatten()
    }

    fn retain(&mut self, wanted: impl Fn(&TaskSpan) -> bool) {
        let all = std::mem::take(self).chunks.into_iter().flatten();
        all.filter(wanted).for_each(|span| self.push(span));
    }
}

/// A function, or whatever else calls have in their name.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    sums: Sums,
    _charge: Charge,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            began_at: clock::unix_millis(),
            skipped_bits: AtomicU32::new(0),
            parts: (0..shard::count())
                .map(|_| CachePadded::default())
                .collect(),
            failures: Mutex::default(),
        }
    }
}

impl Trace {
    /// An attempt has ended; the whole of it, with this as its name, is asked for when it is kept.
    pub fn add(
        &self,
        account: &Account,
        ended: &Attempt<'_>,
        span: impl FnOnce(Arc<str>) -> TaskSpan,
    ) {
        let mut part = self.parts[shard::current()].lock();
        let name = part.count(account, ended);
        let size = SPAN + name.as_ref().map_or(ended.name.len() as u64, |_| 0);
        if self.wants(ended.number)
            && self.has_room(&mut part, account, size)
            && self.wants(ended.number)
        {
            let name = name.unwrap_or_else(|| ended.name.clone());
            part.used += size;
            part.spans.push(span(name));
        }
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

    /// Makes room for one more of that size, by leaving out others if it must be.
    fn has_room(&self, part: &mut Part, account: &Account, size: u64) -> bool {
        if part.spans.len >= KEPT / self.parts.len() {
            // Another part may have been full before.
            if !part.retain(|span| self.wants(span.number)) {
                self.skipped_bits.fetch_add(1, Ordering::Relaxed);
                part.retain(|span| self.wants(span.number));
            }
        }
        let more = CHARGED as u64 * SPAN;
        while part.used + size > part.charges.len() as u64 * more {
            match account.charge(Resource::LogBytes, more) {
                Ok(charge) => part.charges.push(charge),
                Err(_) => return false,
            }
        }
        true
    }

    /// What is kept.
    #[must_use]
    pub fn view(&self) -> JobTrace {
        let functions = self.functions();
        let mut spans = Vec::new();
        for part in &self.parts {
            let part = part.lock();
            let wanted = part.spans.iter().filter(|span| self.wants(span.number));
            spans.extend(wanted.cloned());
        }
        spans.sort_by_key(|span| (span.begun_ns, span.number));
        let all: u64 = functions.iter().map(|function| function.count).sum();
        let failures = self.failures.lock();
        JobTrace {
            began_at: self.began_at,
            one_of: 1 << self.skipped_bits.load(Ordering::Relaxed),
            left_out: all.saturating_sub(spans.len() as u64),
            spans,
            functions,
            failures: failures.iter().map(|(error, _)| error.clone()).collect(),
        }
    }

    /// The numbers of each function, the one with the most processor time first.
    #[must_use]
    pub fn functions(&self) -> Vec<FunctionSummary> {
        let mut functions: HashMap<Arc<str>, Box<Sums>> = HashMap::new();
        let mut others = Sums::default();
        for part in &self.parts {
            let part = part.lock();
            for named in &part.functions {
                let all = functions.entry(named.name.clone()).or_default();
                all.merge(&named.sums);
            }
            others.merge(&part.others);
        }
        if others.count > 0 {
            functions.entry(OTHERS.into()).or_default().merge(&others);
        }
        let summaries = functions.iter().map(|(name, sums)| sums.summary(name));
        let mut summaries: Vec<_> = summaries.collect();
        summaries.sort_by(|a, b| (b.cpu_ns, &a.name).cmp(&(a.cpu_ns, &b.name)));
        summaries
    }
}

impl Part {
    /// Counts it by its name, and gives that as this part has it; with the others when there is no room for one more.
    fn count(&mut self, account: &Account, ended: &Attempt<'_>) -> Option<Arc<str>> {
        let place = match &self.last {
            Some((last, place)) if Arc::ptr_eq(last, ended.name) => *place,
            _ => {
                let place = self.place(account, ended.name);
                let Some(place) = place else {
                    self.others.count(ended);
                    return None;
                };
                self.last = Some((ended.name.clone(), place));
                place
            }
        };
        let named = &mut self.functions[place];
        named.sums.count(ended);
        Some(named.name.clone())
    }

    /// Where a name is counted, if there is room for it.
    fn place(&mut self, account: &Account, name: &Arc<str>) -> Option<usize> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.functions.len() >= NAMES {
            return None;
        }
        let size = NAME + name.len() as u64;
        let charge = account.charge(Resource::LogBytes, size).ok()?;
        // A part's own, whose references other threads do not count.
        let name: Arc<str> = Arc::from(&**name);
        let place = self.functions.len();
        self.places.insert(name.clone(), place);
        self.functions.push(Box::new(Named {
            name,
            sums: Sums::default(),
            _charge: charge,
        }));
        Some(place)
    }

    /// Leaves out those that are not wanted, if there are any.
    fn retain(&mut self, wanted: impl Fn(&TaskSpan) -> bool) -> bool {
        let before = self.spans.len;
        self.spans.retain(wanted);
        let own = |span: &TaskSpan| match self.places.contains_key(&span.name) {
            true => 0,
            false => span.name.len() as u64,
        };
        self.used = self.spans.iter().map(|span| SPAN + own(span)).sum();
        self.spans.len < before
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
    /// In nanoseconds since the job began: when it could run,
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
    use crate::{
        tenant::Limits,
        types::{ErrorKind, TaskKind},
    };

    fn add(trace: &Trace, account: &Account, number: u64) {
        let name = ["even", "odd"][usize::from(number % 2 == 1)];
        add_named(trace, account, number, name.into());
    }

    fn add_named(trace: &Trace, account: &Account, number: u64, name: Arc<str>) {
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
        trace.add(account, &ended, |name| TaskSpan {
            number,
            name,
            kind: TaskKind::Task,
            attempt: 0,
            parent: 0,
            after: Vec::new(),
            worker: Some(1),
            slot: Some(0),
            queued_ns: ended.queued_ns,
            begun_ns: ended.begun_ns,
            ended_ns: ended.ended_ns,
            blocked_ns: 0,
            cpu_ns: 10,
            memory_bytes: number,
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
        assert!(held < KEPT as u64 * SPAN, "{held}");
        drop(trace);
        assert_eq!(account.used(Resource::LogBytes), 0);
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out() {
        let names = 2 * (NAME + "even".len() as u64);
        let (trace, account) = (Trace::default(), account(CHARGED as u64 * SPAN + names));
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
    fn a_name_for_each_call_takes_no_more_than_was_charged() {
        let (trace, account) = (Trace::default(), account(2 << 20));
        let calls = 8 * NAMES as u64;
        for number in 1..=calls {
            let name = format!("{number:0>200}").into();
            add_named(&trace, &account, number, name);
        }
        let part = trace.parts[shard::current()].lock();
        let own = part.spans.len as u64 * (200 + SPAN);
        let (named, charged) = (part.functions.len(), part.charges.len() as u64);
        assert_eq!(named, NAMES);
        assert_eq!(part.used, own - 200 * NAMES as u64);
        assert!(part.used <= charged * CHARGED as u64 * SPAN);
        drop(part);
        let functions = trace.functions();
        let of = |function: &FunctionSummary| function.name == OTHERS;
        let others = functions.iter().find(|function| of(function));
        assert_eq!(others.expect("some").count, calls - NAMES as u64);
        assert_eq!(functions.iter().map(|f| f.count).sum::<u64>(), calls);
        assert_eq!(functions.len(), NAMES + 1);

        // Without any room, all are counted.
        let (trace, account) = (Trace::default(), self::account(100));
        (1..=10).for_each(|number| add(&trace, &account, number));
        let view = trace.view();
        let counts: Vec<_> = view.functions.iter().map(|f| (&*f.name, f.count)).collect();
        assert_eq!((counts, view.left_out), (vec![(OTHERS, 10)], 10));
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
