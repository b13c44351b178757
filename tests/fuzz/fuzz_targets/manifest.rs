//! The manifest's section.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wrun_fuzz::manifest::check(bytes));
