//! Rule 9: a caller that gets too far ahead is suspended until there is room; nothing collapses.

use cases::ms;
use wrun::prelude::*;

use crate::tasks::{Counter, Log};

#[wrun::task]
fn checksum(bytes: Vec<u8>) -> u64 {
    bytes.into_iter().map(u64::from).sum()
}

/// Local mode is for small data.
const SCALE: usize = if cfg!(target_arch = "wasm32") { 1 } else { 64 };

/// Arguments of half a gigabyte in all, more than may be queued. The host's memory is watched from outside.
pub fn a_caller_far_ahead_is_slowed_down() -> Result<()> {
    const SIZE: usize = (60 << 10) / SCALE;
    let calls = checksum::map((0..9_000).map(|_| vec![1_u8; SIZE]));
    let sum: u64 = wrun::get(&calls)?.into_iter().sum();
    assert_eq!(sum, 9_000 * u64::try_from(SIZE)?);
    Ok(())
}

pub fn a_flooded_actor_serves_all() -> Result<()> {
    let counter = Counter::remote(0);
    for _ in 0..20_000 {
        counter.add(1);
    }
    assert_eq!(counter.value().get()?, 20_000);
    Ok(())
}

#[wrun::task]
fn many_items(log: Handle<Log>, count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |_| {
        log.add(String::new());
        vec![0; (1 << 20) / SCALE]
    })
}

/// The producer waits while too much is unread, and goes on when it is read.
pub fn an_unread_stream_is_slowed_down() -> Result<()> {
    const COUNT: u64 = 2000;
    let log = Log::remote();
    let mut items = many_items::remote(&log, COUNT);
    items.next().ok_or("no item")?.get()?;
    wrun::sleep(ms(1000));
    let made = log.lines().get()?.len();
    assert!(
        made < 1900,
        "{made} of {COUNT} items were made while one was read"
    );
    assert_eq!(items.count(), 1999);
    Ok(())
}
