//! `spawn` buffers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wrun_fuzz::calls::check(bytes));
