//! The locks and atomics of code that loom checks: the real ones, or loom's in tests under
//! `--cfg loom`.
//!
//! `Mutex` and `Condvar` have parking_lot's signatures in both builds (no poisoning, `wait`
//! takes the guard by reference), so that the code under test is the code that ships. It does
//! not wrap `Arc`, channels or threads: std's `Arc` carries no state that loom must see here.

#[cfg(not(all(test, loom)))]
pub(crate) use parking_lot::{Condvar, Mutex};

#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::atomic;

#[cfg(all(test, loom))]
pub(crate) use loom::sync::atomic;

#[cfg(all(test, loom))]
pub(crate) use under_loom::{Condvar, Mutex};

#[cfg(all(test, loom))]
mod under_loom {
    //! parking_lot's signatures over loom's locks.

    use std::ops::{Deref, DerefMut};

    const NEVER_POISONED: &str = "a loom model ends at its first panic";

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect(NEVER_POISONED)))
        }
    }

    /// `None` only while a `Condvar` holds the guard.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("no condvar holds this guard")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("no condvar holds this guard")
        }
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard.0.take().expect("no condvar holds this guard");
            guard.0 = Some(self.0.wait(inner).expect(NEVER_POISONED));
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }
    }
}
