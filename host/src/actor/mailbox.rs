//! The calls that wait for one actor.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Who calls: one sandbox, by the number of the call it was made for; 0 is the job's host side.
pub type CallerId = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Closed,
}

#[derive(Debug)]
struct Held<C> {
    number: u64,
    call: C,
    ready: bool,
}

#[derive(Debug)]
struct State<C> {
    phase: Phase,
    ready: VecDeque<C>,
    lines: FxHashMap<CallerId, VecDeque<Held<C>>>,
    /// Calls in `ready` and in all lines.
    len: usize,
}

impl<C> State<C> {
    /// Moves the ready calls at the front of a line to `ready`.
    fn advance(&mut self, caller: CallerId) {
        let Some(line) = self.lines.get_mut(&caller) else {
            return;
        };
        while line.front().is_some_and(|held| held.ready) {
            self.ready.extend(line.pop_front().map(|held| held.call));
        }
        if line.is_empty() {
            self.lines.remove(&caller);
        }
    }

    fn take_all(&mut self) -> Vec<C> {
        self.len = 0;
        let held = std::mem::take(&mut self.lines)
            .into_values()
            .flatten()
            .map(|held| held.call);
        std::mem::take(&mut self.ready)
            .into_iter()
            .chain(held)
            .collect()
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
            ready: VecDeque::new(),
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
    /// waiting calls are refused.
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
            state.ready.push_back(call);
            drop(state);
            self.reader.wake();
        } else {
            state.lines.entry(caller).or_default().push_back(Held {
                number,
                call,
                ready,
            });
        }
        Ok(())
    }

    /// The arguments of call `number` of `caller` are settled: there (`ok`), or failed, which takes the call out and
    /// gives it back. Nothing happens for a call that is not held any more.
    #[must_use]
    pub fn settle(&self, caller: CallerId, number: u64, ok: bool) -> Option<C> {
        let mut state = self.state.lock();
        let line = state.lines.get_mut(&caller)?;
        let at = line.iter().position(|held| held.number == number)?;
        let out = if ok {
            line[at].ready = true;
            None
        } else {
            let out = line.remove(at).map(|held| held.call);
            state.len -= 1;
            out
        };
        state.advance(caller);
        drop(state);
        self.reader.wake();
        out
    }

    /// Takes a call out before it ran: it was cancelled.
    #[must_use]
    pub fn remove(&self, caller: CallerId, number: u64, is_it: impl Fn(&C) -> bool) -> Option<C> {
        let held = self.settle(caller, number, false);
        if held.is_some() {
            return held;
        }
        let mut state = self.state.lock();
        let at = state.ready.iter().position(is_it)?;
        state.len -= 1;
        state.ready.remove(at)
    }

    /// The next call to run, or the end. Only the actor's fiber asks.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<C>> {
        self.reader.register(cx.waker());
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Poll::Ready(Next::End);
        }
        if let Some(call) = state.ready.pop_front() {
            state.len -= 1;
            return Poll::Ready(Next::Call(call));
        }
        if state.phase == Phase::Draining && state.len == 0 {
            state.phase = Phase::Closed;
            return Poll::Ready(Next::End);
        }
        Poll::Pending
    }

    /// Whether a call could run now.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.state.lock().ready.is_empty()
    }

    /// Takes no more calls; the actor ends when it has run those it has.
    pub fn drain(&self) {
        let mut state = self.state.lock();
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

    /// Takes calls again after [`close`](Self::close): the actor is restarted.
    pub fn reopen(&self) {
        self.state.lock().phase = Phase::Open;
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
        assert_eq!(next(&mailbox), Some(Next::Call("2")));
        assert_eq!(next(&mailbox), None);
        assert_eq!(mailbox.settle(1, 10, true), None);
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
        assert_eq!(mailbox.remove(2, 12, |c| *c == "after"), Some("after"));
        assert!(mailbox.is_empty());
    }
}
