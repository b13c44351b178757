//! `test_reference_counting.py` and its continuation: what stays in the store, and what goes.
//!
//! Ray looks into its store; a guest can't. These cases run in a store of 12 MiB and use objects of `LARGE` bytes: an
//! object that should be kept is read after much else went through the store, and one that should be gone has to make
//! room for what would not fit beside it.

use cases::{eventually, failure, ms};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::signal::{self, Signal};

/// A third of the store; local mode has no limit, and is slower.
const LARGE: usize = if cfg!(target_arch = "wasm32") {
    4 << 20
} else {
    16 << 10
};

type Bytes = Vec<u8>;

fn large() -> ObjectRef<Bytes> {
    wrun::put(vec![3; LARGE])
}

#[wrun::task]
fn make_large() -> Bytes {
    vec![3; LARGE]
}

/// Much else goes through the store.
fn fill() -> Result<()> {
    for _ in 0..4 {
        let other = wrun::put(vec![5_u8; LARGE / 2]);
        wrun::ensure!(
            other.get()?.len() == LARGE / 2,
            "what was just stored is not there"
        );
    }
    Ok(())
}

/// There is room for nearly the whole store, since nothing large is kept.
fn all_is_gone() -> Result<()> {
    let whole = [large(), large()];
    let lengths = whole
        .iter()
        .map(|object| object.get().map(|bytes| bytes.len()));
    wrun::ensure!(
        lengths.sum::<Result<usize>>()? == 2 * LARGE,
        "the store is not free"
    );
    Ok(())
}

fn is_there(object: &ObjectRef<Bytes>) -> Result<()> {
    let bytes = object.get()?;
    wrun::ensure!(
        bytes.len() == LARGE && bytes.iter().all(|byte| *byte == 3),
        "it has changed"
    );
    Ok(())
}

pub fn local_refcounts() -> Result<()> {
    let object = large();
    let copy = object.clone();
    drop(object);
    fill()?;
    is_there(&copy)?;
    drop(copy);
    all_is_gone()
}

#[wrun::task]
fn takes(_large: Bytes, _after: u64, fails: bool) -> Result<u64> {
    wrun::ensure!(!fails, "on purpose");
    Ok(1)
}

/// A task's arguments are kept until it ends, well or badly.
pub fn dependency_refcounts() -> Result<()> {
    for fails in [false, true] {
        let signal = Signal::remote();
        let result = takes::remote(large(), signal::wait(&signal), fails);
        fill()?;
        signal.send();
        assert_eq!(result.get().is_err(), fails);
        all_is_gone()?;
    }
    Ok(())
}

#[wrun::actor]
struct Started {
    length: usize,
}

#[wrun::actor]
impl Started {
    fn new(dependency: Bytes, _after: u64) -> Self {
        Self {
            length: dependency.len(),
        }
    }

    fn length(&self) -> usize {
        self.length
    }
}

pub fn actor_creation_task() -> Result<()> {
    let signal = Signal::remote();
    let actor = Started::remote(make_large::remote(), signal::wait(&signal));
    let length = actor.length();
    let (ready, _) = wrun::wait(std::slice::from_ref(&length), 1, Some(ms(300)))?;
    assert!(ready.is_empty());
    fill()?;
    signal.send();
    assert_eq!(length.get()?, LARGE);
    all_is_gone()
}

#[wrun::actor]
struct Keeper {
    kept: Vec<ObjectRef<Bytes>>,
}

#[wrun::actor]
impl Keeper {
    fn new(kept: Vec<ObjectRef<Bytes>>) -> Self {
        Self { kept }
    }

    fn make(&mut self) {
        self.kept.push(large());
    }

    fn keep(&mut self, refs: Vec<ObjectRef<Bytes>>) {
        self.kept.extend(refs);
    }

    fn forget(&mut self) -> usize {
        self.kept.pop();
        self.kept.len()
    }

    fn check(&self) -> Result<usize> {
        self.kept.iter().try_for_each(is_there)?;
        Ok(self.kept.len())
    }
}

pub fn basic_pinning() -> Result<()> {
    let keeper = Keeper::remote(Vec::new());
    keeper.make().get()?;
    fill()?;
    assert_eq!(keeper.check().get()?, 1);
    Ok(())
}

pub fn pending_task_dependency_pinning() -> Result<()> {
    let signal = Signal::remote();
    let pending = takes::remote(vec![3; LARGE], signal::wait(&signal), false);
    fill()?;
    signal.send();
    assert_eq!(pending.get()?, 1);
    all_is_gone()
}

#[wrun::task]
fn reads_inside(refs: Vec<ObjectRef<Bytes>>, _after: u64, fails: bool) -> Result<u64> {
    refs.iter().try_for_each(is_there)?;
    wrun::ensure!(!fails, "on purpose");
    Ok(1)
}

pub fn basic_serialized_reference() -> Result<()> {
    for (fails, by_task) in [(false, false), (false, true), (true, false), (true, true)] {
        let object = if by_task {
            make_large::remote()
        } else {
            large()
        };
        let signal = Signal::remote();
        let pending = reads_inside::remote([object], signal::wait(&signal), fails);
        fill()?;
        signal.send();
        assert_eq!(pending.get().is_err(), fails);
        all_is_gone()?;
    }
    Ok(())
}

/// What the last of a chain of tasks returns: the number of tasks, and a ref to its own result.
#[derive(Debug, Serialize, Deserialize)]
enum Chain {
    More(ObjectRef<Chain>),
    End(u64),
}

impl Chain {
    /// Follows the refs to the end.
    fn end(first: ObjectRef<Chain>) -> Result<u64> {
        let mut next = first;
        loop {
            match next.get()? {
                Self::More(more) => next = more,
                Self::End(end) => return Ok(end),
            }
        }
    }
}

#[wrun::task]
fn recursive(refs: Vec<ObjectRef<Bytes>>, signal: Handle<Signal>, left: u64) -> Result<Chain> {
    if left > 0 {
        return Ok(Chain::More(recursive::remote(refs, signal, left - 1)));
    }
    signal::wait(&signal).get()?;
    refs.iter().try_for_each(is_there)?;
    Ok(Chain::End(42))
}

pub fn recursive_serialized_reference() -> Result<()> {
    let signal = Signal::remote();
    let head = recursive::remote([large()], &signal, 5);
    fill()?;
    signal.send();
    assert_eq!(Chain::end(head)?, 42);
    all_is_gone()
}

pub fn actor_holding_serialized_reference() -> Result<()> {
    for dies in [false, true] {
        let keeper = Keeper::remote(Vec::new());
        let object = large();
        keeper.keep(vec![object.clone()]);
        keeper.keep(vec![object.clone()]).get()?;
        drop(object);
        fill()?;
        assert_eq!(keeper.forget().get()?, 1);
        fill()?;
        assert_eq!(keeper.check().get()?, 1, "the second ref still keeps it");
        if dies {
            keeper.kill()?;
            assert!(failure(keeper.forget().get()).is_actor_died());
        } else {
            assert_eq!(keeper.forget().get()?, 0);
        }
        all_is_gone()?;
    }
    Ok(())
}

#[wrun::task]
fn launches(refs: Vec<ObjectRef<Bytes>>, signal: Handle<Signal>) -> ObjectRef<u64> {
    takes::remote(&refs[0], signal::wait(&signal), false)
}

pub fn worker_holding_serialized_reference() -> Result<()> {
    let signal = Signal::remote();
    let child = launches::remote([large()], &signal).get()?;
    fill()?;
    signal.send();
    assert_eq!(child.get()?, 1);
    all_is_gone()
}

pub fn basic_nested_ids() -> Result<()> {
    let outer = wrun::put(vec![large()]);
    fill()?;
    is_there(&outer.get()?[0])?;
    drop(outer);
    all_is_gone()
}

/// A ref inside a value inside a value.
#[derive(Debug, Serialize, Deserialize)]
enum Nested {
    Inner(ObjectRef<Bytes>),
    Outer(ObjectRef<Nested>),
}

#[wrun::task]
fn unwraps(nested: Nested, signal: Handle<Signal>) -> Result<Chain> {
    match nested {
        Nested::Outer(inner) => Ok(Chain::More(unwraps::remote(inner, signal))),
        Nested::Inner(object) => {
            signal::wait(&signal).get()?;
            is_there(&object)?;
            Ok(Chain::End(42))
        }
    }
}

pub fn recursively_nest_ids() -> Result<()> {
    let signal = Signal::remote();
    let mut nested = Nested::Inner(large());
    for _ in 0..5 {
        nested = Nested::Outer(wrun::put(nested));
    }
    let head = unwraps::remote(nested, &signal);
    fill()?;
    signal.send();
    assert_eq!(Chain::end(head)?, 42);
    all_is_gone()
}

#[wrun::task]
fn returns_a_ref(made_by_task: bool) -> Vec<ObjectRef<Bytes>> {
    vec![if made_by_task {
        make_large::remote()
    } else {
        large()
    }]
}

pub fn return_object_ref() -> Result<()> {
    for made_by_task in [false, true] {
        let outer = returns_a_ref::remote(made_by_task);
        let inner = outer.get()?;
        drop(outer);
        fill()?;
        is_there(&inner[0])?;
        drop(inner);
        all_is_gone()?;
    }
    Ok(())
}

#[wrun::task]
fn reads_returned(
    refs: Vec<ObjectRef<Vec<ObjectRef<Bytes>>>>,
    signal: Handle<Signal>,
) -> Result<()> {
    signal::wait(&signal).get()?;
    is_there(&refs[0].get()?[0])
}

pub fn pass_returned_object_ref() -> Result<()> {
    let signal = Signal::remote();
    let outer = returns_a_ref::remote(false);
    let pending = reads_returned::remote([outer], &signal);
    fill()?;
    signal.send();
    pending.get()?;
    all_is_gone()
}

#[wrun::task]
fn passes_returned(
    refs: Vec<ObjectRef<Vec<ObjectRef<Bytes>>>>,
    left: u64,
) -> Result<Vec<ObjectRef<Bytes>>> {
    if left == 0 {
        refs[0].get()
    } else {
        passes_returned::remote(refs, left - 1).get()
    }
}

pub fn recursively_pass_returned_object_ref() -> Result<()> {
    let inner = passes_returned::remote([returns_a_ref::remote(true)], 5).get()?;
    fill()?;
    is_there(&inner[0])?;
    drop(inner);
    all_is_gone()
}

#[wrun::task]
fn borrows(left: u64) -> Result<Vec<ObjectRef<Bytes>>> {
    if left == 0 {
        Ok(vec![large()])
    } else {
        borrows::remote(left - 1).get()
    }
}

pub fn recursively_return_borrowed_object_ref() -> Result<()> {
    let head = borrows::remote(5);
    let last = head.get()?;
    fill()?;
    is_there(&last[0])?;
    drop((head, last));
    all_is_gone()
}

#[wrun::actor]
struct Parent;

#[wrun::actor]
impl Parent {
    fn new() -> Self {
        Self
    }

    fn pass(&self, refs: Vec<ObjectRef<Bytes>>, to: Handle<Keeper>, dies: bool) -> Result<()> {
        to.keep(refs).get()?;
        assert!(!dies, "the parent dies");
        Ok(())
    }
}

/// In Ray a borrower may lose the object with the one it has it from; here it is the borrower's as much as anyone's.
pub fn borrowed_id_failure() -> Result<()> {
    for dies in [false, true] {
        let (parent, keeper) = (Parent::remote(), Keeper::remote(Vec::new()));
        assert_eq!(
            parent.pass(vec![large()], &keeper, dies).get().is_err(),
            dies
        );
        fill()?;
        assert_eq!(keeper.check().get()?, 1);
        drop((parent, keeper));
        eventually("the actors end", || Ok(all_is_gone().is_ok()))?;
    }
    Ok(())
}

pub fn object_unpin() -> Result<()> {
    let keepers = [Keeper::remote(Vec::new()), Keeper::remote(Vec::new())];
    for keeper in &keepers {
        keeper.make().get()?;
    }
    assert_eq!(keepers[0].forget().get()?, 0);
    is_there(&large())?;
    keepers[1].kill()?;
    eventually("the dead actor's object goes", || Ok(all_is_gone().is_ok()))
}

#[wrun::actor]
struct Maker;

#[wrun::actor]
impl Maker {
    fn new() -> Self {
        Self
    }

    fn make(&self) -> Vec<ObjectRef<Bytes>> {
        vec![large()]
    }
}

#[wrun::task]
fn asks(maker: Handle<Maker>) -> ObjectRef<Vec<ObjectRef<Bytes>>> {
    maker.make()
}

#[wrun::task]
fn reads_slowly(refs: Vec<ObjectRef<Bytes>>) -> Result<()> {
    wrun::sleep(ms(200));
    is_there(&refs[0])
}

pub fn inlined_nested_refs() -> Result<()> {
    let maker = Maker::remote();
    let outer = asks::remote(&maker);
    let inner = outer.get()?;
    drop(outer);
    let read = reads_slowly::remote(&inner);
    drop(inner);
    read.get()
}

#[wrun::task]
fn makes_blocks(count: usize) -> Vec<ObjectRef<Bytes>> {
    (0..count).map(|_| wrun::put(vec![3; LARGE / 16])).collect()
}

#[wrun::task]
fn echoes(blocks: Vec<ObjectRef<Bytes>>) -> Vec<ObjectRef<Bytes>> {
    blocks
}

#[wrun::task]
fn makes_and_echoes() -> Result<usize> {
    let made = makes_blocks::remote(10).get()?;
    let echoed = echoes::remote(&made);
    drop(made);
    wrun::sleep(ms(200));
    Ok(wrun::get(&echoed.get()?)?.iter().map(Vec::len).sum())
}

pub fn return_nested_ids() -> Result<()> {
    assert_eq!(makes_and_echoes::remote().get()?, 10 * (LARGE / 16));
    all_is_gone()
}

pub fn actor_constructor_borrowed_refs() -> Result<()> {
    let keeper = Keeper::remote(vec![large()]);
    for _ in 0..3 {
        assert_eq!(keeper.check().get()?, 1);
        fill()?;
    }
    Ok(())
}

#[wrun::task]
fn step(x: u64) -> Chain {
    if x > 200 {
        Chain::End(x)
    } else {
        Chain::More(step::remote(x + 1))
    }
}

pub fn deep_nested_refs() -> Result<()> {
    assert_eq!(Chain::end(step::remote(1))?, 201);
    Ok(())
}
