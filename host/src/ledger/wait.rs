//! Waiting for a future on a thread, inside a runtime or outside.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the future is ready. Only for futures that others bring on, not this thread.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    // On a runtime's thread the budget of its task would never be filled up while this blocks.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_another_thread() {
        let (send, receive) = tokio::sync::oneshot::channel();
        let other = thread::spawn(move || send.send(7));
        assert_eq!(block_on(receive), Ok(7));
        other.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn it_waits_on_a_runtimes_thread_however_often() {
        for n in 0..1000 {
            let (send, receive) = tokio::sync::oneshot::channel();
            send.send(n).unwrap();
            assert_eq!(block_on(receive), Ok(n));
        }
    }
}
