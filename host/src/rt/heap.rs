//! The heap beyond what is allocated on it.

#![allow(
    unsafe_code,
    reason = "the allocator's own function, which libc only declares"
)]

/// Gives pages that nothing lies on back to the system, where the allocator can: after work that took much for a moment.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, frees nothing that is allocated, and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
