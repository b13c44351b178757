//! Doing nested things one after another.
//!
//! Some actions set off others of their kind (dropping a value drops what it refers to, a failed call fails those that
//! wait for it), in chains that a guest may make longer than a stack is deep. [`one_by_one`] keeps a list per thread:
//! the outermost action works it off, inner ones only add to it.

use std::{cell::RefCell, thread::LocalKey};

/// What is still to be done on a thread; `None` while nothing is being done.
pub type Pending<T> = RefCell<Option<Vec<T>>>;

/// Does `each` with `items`, and with what that adds; or only adds them, if the thread is at it already.
///
/// On a thread that is ending, whose list is gone, they are done at once.
pub fn one_by_one<T>(
    pending: &'static LocalKey<Pending<T>>,
    items: Vec<T>,
    mut each: impl FnMut(T),
) {
    let mut items = Some(items);
    let outermost = pending.try_with(|pending| match &mut *pending.borrow_mut() {
        Some(list) => {
            list.extend(items.take().into_iter().flatten());
            false
        }
        none => {
            *none = items.take();
            true
        }
    });
    match outermost {
        Ok(false) => {}
        Ok(true) => {
            let _reset = Reset(pending);
            let next = || pending.with_borrow_mut(|list| list.as_mut().and_then(Vec::pop));
            while let Some(item) = next() {
                each(item);
            }
        }
        Err(_) => items.into_iter().flatten().for_each(each),
    }
}

/// Ends the list, also when `each` panics: what is left is dropped, the next action starts a new one.
struct Reset<T: 'static>(&'static LocalKey<Pending<T>>);

impl<T> Drop for Reset<T> {
    fn drop(&mut self) {
        let left = self.0.try_with(|list| list.borrow_mut().take());
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static PENDING: Pending<u32> = const { RefCell::new(None) };
    }

    fn count_down(n: u32, seen: &mut Vec<u32>) {
        one_by_one(&PENDING, vec![n], |n| {
            seen.push(n);
            if n > 0 {
                one_by_one(&PENDING, vec![n - 1], |_| {
                    unreachable!("an inner one only adds")
                });
            }
        });
    }

    #[test]
    fn inner_ones_are_done_by_the_outermost() {
        let mut seen = Vec::new();
        count_down(100_000, &mut seen);
        assert_eq!(seen.len(), 100_001);
    }

    #[test]
    fn a_panic_leaves_no_list_behind() {
        let panics = || one_by_one(&PENDING, vec![1], |_| panic!("on purpose"));
        assert!(std::panic::catch_unwind(panics).is_err());
        let mut seen = Vec::new();
        count_down(1, &mut seen);
        assert_eq!(seen, [1, 0]);
    }
}
