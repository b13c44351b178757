//! The thread that writes. It takes all operations that wait, applies them in one transaction, commits it and answers
//! each; while the disk is busy with one commit, the next ones gather.
//!
//! An operation that is refused, or finds a damaged value before it wrote, fails alone. Anything else that fails, fails
//! all that share the transaction, and none of them happened.

use std::{io, sync::Arc, thread};

use tokio::sync::{mpsc, oneshot};

use super::{
    Failure,
    store::Store,
    tables::{Broken, Stop},
    transaction::Tx,
};

/// Operations that wait at most; whoever comes then waits to be let in.
const QUEUE: usize = 4096;
/// Operations in one transaction at most, so that its pages fit into memory.
const BATCH: usize = 1024;

/// What is sent to the thread.
pub(super) enum Message {
    /// Do this.
    Apply(Box<dyn Operation>),
    /// Record a clean stop and end.
    Close(oneshot::Sender<Result<(), Failure>>),
}

/// An operation and whom to answer.
pub(super) trait Operation: Send {
    /// Does it, in a transaction that others share.
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Broken>;
    /// Tells what became of it.
    fn answer(self: Box<Self>, failed: Option<&Failure>);
}

/// An operation as a closure.
pub(super) struct Call<F, T, E> {
    pub(super) act: Option<F>,
    pub(super) outcome: Option<Result<T, E>>,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Operation for Call<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, Stop<E>> + Send,
    T: Send,
    E: From<Failure> + Send,
{
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Broken> {
        let Some(act) = self.act.take() else {
            return Ok(());
        };
        let before = tx.writes();
        let outcome = match act(tx) {
            Ok(value) => Ok(value),
            Err(Stop::Refused(error)) => {
                debug_assert_eq!(tx.writes(), before, "it wrote before it refused");
                Err(error)
            }
            Err(Stop::Broken(broken)) => {
                let alone = !matches!(broken, Broken::Storage(_)) && tx.writes() == before;
                if !alone {
                    return Err(broken);
                }
                Err(tx.failure(broken).into())
            }
        };
        self.outcome = Some(outcome);
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<&Failure>) {
        let answer = match (self.outcome, failed) {
            // Also when it was refused: that may have been for something that did not happen.
            (_, Some(failure)) => Err(failure.clone().into()),
            (Some(done), None) => done,
            (None, None) => Err(Failure::Closed.into()),
        };
        // Whoever asked may be gone.
        let _ = self.reply.send(answer);
    }
}

/// Starts the thread. It ends when all senders are gone, or with [`Message::Close`].
pub(super) fn start(
    store: Arc<Store>,
) -> io::Result<(mpsc::Sender<Message>, thread::JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    #[cfg(test)]
    let plan = super::backend::faults::current();
    let thread = thread::Builder::new()
        .name("wrun-ledger".to_owned())
        .spawn(move || {
            #[cfg(test)]
            super::backend::faults::set(plan);
            run(&store, receiver);
            // Nobody can ask any more; what is still there is told so by its channel.
            let _ = store.close();
        })?;
    Ok((sender, thread))
}

fn run(store: &Store, mut receiver: mpsc::Receiver<Message>) {
    while let Some(first) = receiver.blocking_recv() {
        let mut batch = Vec::new();
        let mut next = Some(first);
        let close = loop {
            match next.take() {
                Some(Message::Apply(operation)) => batch.push(operation),
                Some(Message::Close(reply)) => break Some(reply),
                None => break None,
            }
            if batch.len() < BATCH {
                next = receiver.try_recv().ok();
            }
        };
        commit(store, batch);
        if let Some(reply) = close {
            let closed = close_store(store);
            let done = closed.is_ok();
            let _ = reply.send(closed);
            if done {
                refuse_rest(receiver);
                return;
            }
        }
    }
}

fn commit(store: &Store, mut batch: Vec<Box<dyn Operation>>) {
    let applied = store.write(|tx| {
        for operation in &mut batch {
            operation.apply(tx)?;
        }
        Ok(())
    });
    for operation in batch {
        operation.answer(applied.as_ref().err());
    }
}

fn close_store(store: &Store) -> Result<(), Failure> {
    store.write(|tx| tx.meta.put("clean", 1))?;
    store.close()
}

fn refuse_rest(mut receiver: mpsc::Receiver<Message>) {
    receiver.close();
    while let Some(message) = receiver.blocking_recv() {
        match message {
            Message::Apply(operation) => operation.answer(Some(&Failure::Closed)),
            Message::Close(reply) => drop(reply.send(Ok(()))),
        }
    }
}
