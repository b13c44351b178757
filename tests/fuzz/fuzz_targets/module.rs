//! Files that claim to be modules.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wrun_fuzz::module::check(bytes));
