//! `spawn` buffers. What decodes can be written again, and then reads the same; what it borrows is inside the buffer.

use wrun_abi::call::{Arg, Call, CallWriter, Calls, handles};

/// Decodes a buffer to its end.
pub fn check(bytes: &[u8]) {
    let mut calls = Vec::new();
    for call in Calls::new(bytes) {
        match call {
            Ok(call) => calls.push(call),
            Err(error) => {
                assert!(error.to_string().len() < 300, "{error}");
                break;
            }
        }
    }
    let inside: usize = calls.iter().map(size).sum();
    assert!(
        inside <= bytes.len(),
        "{inside} bytes out of {}",
        bytes.len()
    );
    let mut written = Vec::new();
    for call in &calls {
        write(call, &mut written);
    }
    let again: Vec<_> = Calls::new(&written)
        .map(|call| call.expect("what was written reads"))
        .collect();
    assert_eq!(again, calls);
}

fn size(call: &Call<'_>) -> usize {
    let arg = |arg: &Arg<'_>| match arg {
        Arg::Value { bytes, refs } => bytes.len() + refs.len(),
        Arg::Object(_) => 4,
    };
    call.name.len() + call.args.iter().map(arg).sum::<usize>()
}

fn write(call: &Call<'_>, buffer: &mut Vec<u8>) {
    let mut writer = CallWriter::new(buffer, call.kind, call.actor, call.name, &call.options);
    for arg in &call.args {
        match arg {
            Arg::Value { bytes, refs } => writer.value(bytes, &handles(refs).collect::<Vec<_>>()),
            Arg::Object(handle) => writer.object(*handle),
        }
    }
}
