//! Random numbers from the operating system, for ids.

/// 64 random bits.
///
/// # Panics
/// When the operating system has no randomness to give: nothing that needs unforgeable ids may run then.
#[must_use]
pub fn u64() -> u64 {
    getrandom::u64().expect("the operating system gives random bytes")
}
