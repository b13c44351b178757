//! The calls that wait for one actor.

use std::{
    collections::BTreeMap,
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Who calls: one sandbox, or the host side of a job, by a number that no other on the node has (an actor may be called
/// from several jobs).
pub type CallerId = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Closed,
}

#[derive(Debug)]
struct Held<C> {
    call: C,
    ready: bool,
}

/// Calls that may run, the next one first. Each can be taken out in little time, since a caller may cancel many.
#[derive(Debug)]
struct Ready<C> {
    arrived: u64,
    /// By their arrival, with their numbers.
    calls: BTreeMap<u64, (u64, C)>,
    /// Their arrivals by their numbers.
    arrivals: FxHashMap<u64, u64>,
}

impl<C> Ready<C> {
    fn push(&mut self, number: u64, call: C) {
        self.arrived += 1;
        self.calls.insert(self.arrived, (number, call));
        self.arrivals.insert(number, self.arrived);
    }

    fn pop(&mut self) -> Option<C> {
        let (_, (number, call)) = self.calls.pop_first()?;
        self.forget(number);
        Some(call)
    }

    fn remove(&mut self, number: u64) -> Option<C> {
        let arrival = self.forget(number)?;
        self.calls.remove(&arrival).map(|(_, call)| call)
    }

    fn forget(&mut self, number: u64) -> Option<u64> {
        let arrival = self.arrivals.remove(&number);
        if self.arrivals.is_empty() && self.arrivals.capacity() > 1024 {
            self.arrivals.shrink_to_fit();
        }
        arrival
    }
}

impl<C> Default for Ready<C> {
    fn default() -> Self {
        Self {
            arrived: 0,
            calls: BTreeMap::new(),
            arrivals: FxHashMap::default(),
        }
    }
}

#[derive(Debug)]
struct State<C> {
    phase: Phase,
    /// It was told to take no more calls: for good, whatever becomes of the actor meanwhile.
    drained: bool,
    ready: Ready<C>,
    /// By caller, then by number: a caller numbers its calls in their order.
    lines: FxHashMap<CallerId, BTreeMap<u64, Held<C>>>,
    /// Calls in `ready` and in all lines.
    len: usize,
}

impl<C> State<C> {
    /// Moves the ready calls at the front of a line to `ready`.
    fn advance(&mut self, caller: CallerId) {
        let Some(line) = self.lines.get_mut(&caller) else {
            return;
        };
        while let Some(first) = line.first_entry().filter(|first| first.get().ready) {
            let (number, held) = first.remove_entry();
            self.ready.push(number, held.call);
        }
        if line.is_empty() {
            self.lines.remove(&caller);
        }
    }

    fn take_all(&mut self) -> Vec<C> {
        self.len = 0;
        let ready = std::mem::take(&mut self.ready)
            .calls
            .into_values()
            .map(|(_, call)| call);
        let lines = std::mem::take(&mut self.lines);
        let held = lines
            .into_values()
            .flat_map(BTreeMap::into_values)
            .map(|held| held.call);
        ready.chain(held).collect()
    }
}

/// The calls that wait for one actor. See `README.md` for its states and orders.
#[derive(Debug)]
pub struct Mailbox<C> {
    state: Mutex<State<C>>,
    reader: AtomicWaker,
}

/// Why a call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The actor takes no more calls.
    Closed,
    /// As many calls as it may have are waiting.
    Full,
}

/// What the actor does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<C> {
    /// Runs this call.
    Call(C),
    /// Ends: the mailbox is closed, or drained.
    End,
}

impl<C> Default for Mailbox<C> {
    fn default() -> Self {
        let state = State {
            phase: Phase::Open,
            drained: false,
            ready: Ready::default(),
            lines: FxHashMap::default(),
            len: 0,
        };
        Self {
            state: Mutex::new(state),
            reader: AtomicWaker::new(),
        }
    }
}

impl<C> Mailbox<C> {
    /// Adds call `number` of `caller`; one that is not `ready` needs a [`settle`](Self::settle) later. More than `limit`
    /// waiting calls are refused. No two calls have the same number, and those of a caller are numbered in their order.
    ///
    /// # Errors
    /// The call, with the reason why it was not taken.
    pub fn push(
        &self,
        caller: CallerId,
        number: u64,
        call: C,
        ready: bool,
        limit: usize,
    ) -> Result<(), (C, Refused)> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Err((call, Refused::Closed));
        }
        if state.len >= limit {
            return Err((call, Refused::Full));
        }
        state.len += 1;
        if ready && !state.lines.contains_key(&caller) {
            state.ready.push(number, call);
            drop(state);
            self.reader.wake();
        } else {
            state
                .lines
                .entry(caller)
                .or_default()
                .insert(number, Held { call, ready });
        }
        Ok(())
    }

    /// The arguments of call `number` of `caller` are settled: there (`ok`), or failed, which takes the call out and
    /// gives it back. Nothing happens for a call that is not held any more.
    #[must_use]
    pub fn settle(&self, caller: CallerId, number: u64, ok: bool) -> Option<C> {
        let mut state = self.state.lock();
        let line = state.lines.get_mut(&caller)?;
        let out = if ok {
            line.get_mut(&number)?.ready = true;
            None
        } else {
            let out = line.remove(&number)?.call;
            state.len -= 1;
            Some(out)
        };
        state.advance(caller);
        drop(state);
        self.reader.wake();
        out
    }

    /// The call that call `number` of `caller` is held back by: an earlier one whose arguments are not there.
    #[must_use]
    pub fn held_by(&self, caller: CallerId, number: u64) -> Option<C>
    where
        C: Clone,
    {
        let state = self.state.lock();
        let line = state.lines.get(&caller)?;
        let (first, held) = line.first_key_value()?;
        (line.contains_key(&number) && *first != number).then(|| held.call.clone())
    }

    /// Takes a call out before it ran: it was cancelled.
    #[must_use]
    pub fn remove(&self, caller: CallerId, number: u64) -> Option<C> {
        let held = self.settle(caller, number, false);
        if held.is_some() {
            return held;
        }
        let mut state = self.state.lock();
        // The reader was woken when it became ready, so it looks again anyway.
        let call = state.ready.remove(number)?;
        state.len -= 1;
        Some(call)
    }

    /// The next call to run, or the end. Only the actor's fiber asks.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<C>> {
        self.reader.register(cx.waker());
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Poll::Ready(Next::End);
        }
        if let Some(call) = state.ready.pop() {
            state.len -= 1;
            return Poll::Ready(Next::Call(call));
        }
        if state.phase == Phase::Draining && state.len == 0 {
            state.phase = Phase::Closed;
            return Poll::Ready(Next::End);
        }
        Poll::Pending
    }

    /// Has the actor's fiber look again, as if something had come.
    pub fn wake(&self) {
        self.reader.wake();
    }

    /// Whether a call could run now.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.state.lock().ready.calls.is_empty()
    }

    /// Takes no more calls; the actor ends when it has run those it has, and is not opened again.
    pub fn drain(&self) {
        let mut state = self.state.lock();
        state.drained = true;
        if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        drop(state);
        self.reader.wake();
    }

    /// Takes no more calls and gives back those it has.
    #[must_use]
    pub fn close(&self) -> Vec<C> {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        let calls = state.take_all();
        drop(state);
        self.reader.wake();
        calls
    }

    /// Takes calls again after [`close`](Self::close): the actor is restarted. One that was drained stays so.
    pub fn reopen(&self) {
        let mut state = self.state.lock();
        state.phase = if state.drained {
            Phase::Draining
        } else {
            Phase::Open
        };
    }

    /// Whether it was told to take no more calls.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.state.lock().drained
    }

    /// Whether it takes calls.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    /// How many calls wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().len
    }

    /// Whether no call waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const ALL: usize = usize::MAX;

    fn next(mailbox: &Mailbox<&'static str>) -> Option<Next<&'static str>> {
        match mailbox.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_call_that_waits_holds_back_its_own_caller_only() {
        let mailbox = Mailbox::default();
        mailbox.push(1, 10, "1 waits", false, ALL).expect("open");
        mailbox.push(1, 11, "1 later", true, ALL).expect("open");
        mailbox.push(2, 12, "2", true, ALL).expect("open");
        let held = [(1, 10), (1, 11), (2, 12)].map(|(caller, n)| mailbox.held_by(caller, n));
        assert_eq!(held, [None, Some("1 waits"), None]);
        assert_eq!(next(&mailbox), Some(Next::Call("2")));
        assert_eq!(next(&mailbox), None);
        assert_eq!(mailbox.settle(1, 10, true), None);
        assert_eq!(mailbox.held_by(1, 11), None);
        assert_eq!(next(&mailbox), Some(Next::Call("1 waits")));
        assert_eq!(next(&mailbox), Some(Next::Call("1 later")));
        assert!(mailbox.is_empty());
    }

    #[test]
    fn a_call_whose_arguments_failed_leaves_and_lets_the_next_pass() {
        let mailbox = Mailbox::default();
        mailbox.push(1, 10, "fails", false, ALL).expect("open");
        mailbox.push(1, 11, "goes on", true, ALL).expect("open");
        assert_eq!(mailbox.settle(1, 10, false), Some("fails"));
        assert_eq!(next(&mailbox), Some(Next::Call("goes on")));
        assert_eq!(mailbox.settle(1, 10, false), None);
    }

    #[test]
    fn draining_runs_what_is_there_and_ends() {
        let mailbox = Mailbox::default();
        mailbox.push(1, 10, "held", false, ALL).expect("open");
        mailbox.drain();
        assert_eq!(
            mailbox.push(1, 11, "late", true, ALL),
            Err(("late", Refused::Closed))
        );
        assert_eq!(next(&mailbox), None);
        assert_eq!(mailbox.settle(1, 10, true), None);
        assert_eq!(next(&mailbox), Some(Next::Call("held")));
        assert_eq!(next(&mailbox), Some(Next::End));
    }

    #[test]
    fn closing_gives_back_everything() {
        let mailbox = Mailbox::default();
        mailbox.push(1, 10, "held", false, ALL).expect("open");
        mailbox.push(2, 11, "ready", true, ALL).expect("open");
        let mut calls = mailbox.close();
        calls.sort_unstable();
        assert_eq!(calls, ["held", "ready"]);
        assert_eq!(next(&mailbox), Some(Next::End));
        mailbox.reopen();
        mailbox.push(2, 12, "after", true, 1).expect("open again");
        assert_eq!(
            mailbox.push(2, 13, "full", true, 1),
            Err(("full", Refused::Full))
        );
        assert_eq!(mailbox.remove(2, 12), Some("after"));
        assert!(mailbox.is_empty());
    }

    #[test]
    fn what_was_drained_stays_so_when_the_actor_is_restarted() {
        let mailbox = Mailbox::default();
        mailbox
            .push(1, 10, "breaks the actor", true, ALL)
            .expect("open");
        mailbox.drain();
        assert!(next(&mailbox).is_some());
        assert!(mailbox.close().is_empty() && mailbox.is_drained());
        mailbox.reopen();
        assert_eq!(
            mailbox.push(1, 11, "late", true, ALL),
            Err(("late", Refused::Closed))
        );
        assert_eq!(next(&mailbox), Some(Next::End));
    }

    #[test]
    fn many_calls_are_settled_and_removed_from_behind_in_little_time() {
        const MANY: u64 = 200_000;
        let mailbox = Mailbox::default();
        for number in 0..2 * MANY {
            let caller = 1 + number / MANY;
            mailbox
                .push(caller, number, number, caller == 2, usize::MAX)
                .expect("open");
        }
        for number in (0..MANY).rev() {
            assert_eq!(mailbox.settle(1, number, true), None);
        }
        for number in (0..2 * MANY).rev() {
            assert_eq!(mailbox.remove(1 + number / MANY, number), Some(number));
        }
        assert!(mailbox.is_empty() && !mailbox.has_ready());
    }
}
