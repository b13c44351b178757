//! The table that gives numbers to what refs and handles name.
//!
//! One for the process, so that a ref can be used by any thread of a test. Each number stands for one holder; when it is
//! released, the holder is dropped, and what nobody holds is freed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock, Mutex};

use super::actor::Hold;
use super::object::Object;
use super::signal::lock;
use super::stream::Reader;
use crate::{Error, ErrorKind, Result};

/// Something that a handle names, held.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Object(Arc<Object>),
    Actor(Arc<Hold>),
    Stream(Arc<Reader>),
}

#[derive(Default)]
struct Table {
    held: HashMap<u32, Held>,
    last: u32,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// Gives a fresh number.
pub(super) fn insert(held: Held) -> u32 {
    let mut table = lock(&TABLE);
    loop {
        table.last = if table.last >= i32::MAX.unsigned_abs() {
            1
        } else {
            table.last + 1
        };
        let handle = table.last;
        if let Entry::Vacant(place) = table.held.entry(handle) {
            place.insert(held);
            return handle;
        }
    }
}

/// Takes numbers out of the table.
pub(super) fn release(handles: &[u32]) {
    for handle in handles {
        let held = lock(&TABLE).held.remove(handle);
        // Only now, without the lock: its end may release others.
        drop(held);
    }
}

/// What a number stands for.
pub(super) fn find(handle: u32) -> Result<Held> {
    lock(&TABLE)
        .held
        .get(&handle)
        .cloned()
        .ok_or_else(|| bad(handle))
}

/// The object that a number stands for.
pub(super) fn object(handle: u32) -> Result<Arc<Object>> {
    match find(handle)? {
        Held::Object(object) => Ok(object),
        _ => Err(bad(handle)),
    }
}

/// The actor that a number stands for.
pub(super) fn actor(handle: u32) -> Result<Arc<Hold>> {
    match find(handle)? {
        Held::Actor(hold) => Ok(hold),
        _ => Err(bad(handle)),
    }
}

/// The stream that a number stands for.
pub(super) fn stream(handle: u32) -> Result<Arc<Reader>> {
    match find(handle)? {
        Held::Stream(reader) => Ok(reader),
        _ => Err(bad(handle)),
    }
}

fn bad(handle: u32) -> Error {
    Error::of(
        ErrorKind::BadHandle,
        format!("there is no such handle: {handle}"),
    )
}
