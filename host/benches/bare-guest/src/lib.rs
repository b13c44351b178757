//! The small task of `wrun bench` with three raw imports in place of the SDK: what bare Wasmtime is measured with.
//!
//! `small` reads a few bytes, adds them up and writes the sum as text; the task of that name in `bench-guest` does the
//! same work.

#![allow(
    unsafe_code,
    reason = "it is the raw border that is measured: imports, and an export found by its name"
)]

#[link(wasm_import_module = "bench")]
unsafe extern "C" {
    safe fn input_len() -> u32;
    fn input_read(to: *mut u8);
    fn output_write(from: *const u8, len: usize);
}

/// The task.
#[unsafe(export_name = "small")]
extern "C" fn small() {
    let mut input = vec![0_u8; input_len() as usize];
    // SAFETY: the host writes `input_len` bytes, and `input` has that many.
    unsafe { input_read(input.as_mut_ptr()) };
    let sum: u64 = input.iter().map(|byte| u64::from(*byte)).sum();
    let text = sum.to_string();
    // SAFETY: the host reads `len` bytes, which `text` has.
    unsafe { output_write(text.as_ptr(), text.len()) };
}
