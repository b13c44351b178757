//! Host calls of a guest in a live sandbox.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wrun_fuzz::host_calls::check(bytes));
