//! The macros work when the user's crate calls the SDK by another name.
//!
//! Here it is `sdk`, and no crate is called `wrun`, so a path that is not taken from `crate = …` would not resolve.

use std::time::Duration;

#[sdk::task(crate = sdk, max_retries = 1, timeout = 30, num_cpus = 0.5, memory = 1048576)]
fn limited(n: u64) -> u64 {
    n
}

#[sdk::task(crate = sdk)]
fn add(x: i64, y: i64) -> Result<i64, String> {
    Ok(x + y)
}

#[sdk::task(crate = "sdk", num_returns = 2)]
fn both(x: i64) -> (i64, i64) {
    (x, -x)
}

#[sdk::task(crate = sdk)]
fn count(n: u64) -> impl Iterator<Item = u64> {
    0..n
}

#[sdk::actor(crate = sdk)]
struct Counter(i64);

#[sdk::actor(crate = sdk, max_restarts = 1)]
impl Counter {
    fn new(start: i64) -> sdk::Result<Self> {
        Ok(Counter(start))
    }

    fn inc(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

#[sdk::main(crate = sdk)]
fn entry() -> sdk::Result<()> {
    assert_eq!(add::remote(1, 2).get()?, 3);
    let (plus, minus) = both::remote(4);
    assert_eq!(sdk::get((&plus, &minus))?, (4, -4));
    assert_eq!(count::remote(3).count(), 3);
    let counter = Counter::remote(1);
    assert_eq!(
        counter
            .options()
            .timeout(Duration::from_secs(9))
            .inc()
            .get()?,
        2
    );
    Ok(())
}

#[test]
fn a_renamed_sdk_is_found() {
    entry().expect("no error");
}

#[test]
fn a_memory_limit_is_no_pretence_in_local_mode() {
    let error = limited::remote(1).get().expect_err("refused");
    assert_eq!(error.kind(), sdk::ErrorKind::BadArgument);
    assert!(error.message().contains("local mode"), "{error}");
}
