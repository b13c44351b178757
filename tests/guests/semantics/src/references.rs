//! Rule 7: an object lives as long as somebody can get at it, and no longer.

use cases::eventually;
use wrun::prelude::*;

use crate::tasks::{add, nap};

pub fn a_stored_value_keeps_what_is_in_it() -> Result<()> {
    let outer = wrun::put(vec![wrun::put(1_u64), add::remote(1, 1)]);
    let outermost = wrun::put((outer, "note".to_owned()));
    settle()?;
    let (outer, note) = outermost.get()?;
    drop(outermost);
    settle()?;
    let inner = outer.get()?;
    drop(outer);
    settle()?;
    assert_eq!((wrun::get(&inner)?, note.as_str()), (vec![1, 2], "note"));
    Ok(())
}

/// Lets whatever is freed be freed: a few calls and objects come and go.
fn settle() -> Result<()> {
    for i in 0..10 {
        add::remote(wrun::put(i), i).get()?;
    }
    Ok(())
}

#[wrun::task]
fn starts_others(n: u64) -> Vec<ObjectRef<u64>> {
    (0..n)
        .map(|i| {
            if i % 2 == 0 {
                wrun::put(i)
            } else {
                nap::remote(i)
            }
        })
        .collect()
}

pub fn a_task_may_return_refs_of_others() -> Result<()> {
    let refs = starts_others::remote(10).get()?;
    settle()?;
    assert_eq!(wrun::get(&refs)?, (0..10).collect::<Vec<u64>>());
    Ok(())
}

pub fn a_queued_task_keeps_its_arguments() -> Result<()> {
    let slow = nap::remote(300);
    let value = wrun::put(7);
    let result = add::remote(&slow, &value);
    drop((slow, value));
    settle()?;
    assert_eq!(result.get()?, 307);
    Ok(())
}

#[wrun::actor]
struct Keeper(Vec<ObjectRef<u64>>);

#[wrun::actor]
impl Keeper {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn keep(&mut self, refs: Vec<ObjectRef<u64>>) {
        self.0.extend(refs);
    }

    fn values(&self) -> Result<Vec<u64>> {
        wrun::get(&self.0)
    }

    fn refs(&self) -> Vec<ObjectRef<u64>> {
        self.0.clone()
    }
}

pub fn an_actor_keeps_refs_in_its_state() -> Result<()> {
    let keeper = Keeper::remote();
    keeper.keep(vec![wrun::put(1), add::remote(1, 1)]);
    keeper.keep(vec![nap::remote(3)]);
    settle()?;
    assert_eq!(keeper.values().get()?, [1, 2, 3]);
    let refs = keeper.refs().get()?;
    keeper.kill()?;
    settle()?;
    assert_eq!(
        wrun::get(&refs)?,
        [1, 2, 3],
        "who has a ref does not need the actor"
    );
    Ok(())
}

#[wrun::task]
fn pass_on(item: Vec<ObjectRef<u64>>, hands: u64) -> Result<Vec<ObjectRef<u64>>> {
    if hands == 0 {
        Ok(item)
    } else {
        pass_on::remote(item, hands - 1).get()
    }
}

pub fn refs_pass_through_many_hands() -> Result<()> {
    let back = pass_on::remote(vec![wrun::put(42)], 10).get()?;
    settle()?;
    assert_eq!(back[0].get()?, 42);
    Ok(())
}

#[wrun::task]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

/// Four times as much as the store holds in all, a little at a time. (The store is made small from outside.)
pub fn dropped_objects_make_room() -> Result<()> {
    const PIECE: usize = 4 << 20;
    for _ in 0..64 {
        let piece = wrun::put(vec![7_u8; PIECE]);
        assert_eq!(length::remote(&piece).get()?, PIECE);
    }
    let last = wrun::put(vec![7_u8; PIECE]);
    eventually("the last is there", || Ok(last.is_ready()))
}
