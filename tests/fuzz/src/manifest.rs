//! Manifests: arbitrary bytes as the section of a module that is right otherwise. What parses is consistent: each
//! function is found by its name, refers to an export that there is, and stays within the limits.

use wrun_abi::{MAX_MANIFEST_RECORDS, MAX_NAME_BYTES, MAX_RETURNS};
use wrun_host::inspect;
use wrun_host::sandbox::{FunctionInfo, Manifest};

/// Functions `a`, `b` and `c` of the type that a manifest wants, and `d` of another.
const BEFORE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x08\x02\x60\0\0\x60\x01\x7f\0\
    \x03\x05\x04\0\0\0\x01\
    \x07\x11\x04\x01a\0\0\x01b\0\x01\x01c\0\x02\x01d\0\x03\
    \x0a\x0d\x04\x02\0\x0b\x02\0\x0b\x02\0\x0b\x02\0\x0b";

/// Reads a manifest.
pub fn check(bytes: &[u8]) {
    let mut module = BEFORE.to_vec();
    let name = wrun_abi::MANIFEST_SECTION.as_bytes();
    module.push(0);
    leb(&mut module, 1 + name.len() + bytes.len());
    leb(&mut module, name.len());
    module.extend_from_slice(name);
    module.extend_from_slice(bytes);
    match inspect(&module) {
        Ok(info) => consistent(&info.manifest),
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.contains("manifest"),
                "the rest of the module is right: {message}"
            );
            assert!(message.len() < 1_000, "{message}");
        }
    }
}

fn consistent(manifest: &Manifest) {
    let functions =
        manifest.tasks().len() + manifest.constructors().len() + manifest.methods().len();
    assert!(functions <= MAX_MANIFEST_RECORDS);
    for task in manifest.tasks() {
        assert!(
            manifest
                .task(&task.name)
                .is_some_and(|found| std::sync::Arc::ptr_eq(found, task))
        );
        function(manifest, task);
    }
    for constructor in manifest.constructors() {
        assert!(manifest.constructor(&constructor.name).is_some());
        function(manifest, constructor);
    }
    for method in manifest.methods() {
        let (class, name) = method
            .name
            .split_once('.')
            .expect("checked when it was read");
        assert!(manifest.constructor(class).is_some());
        assert!(manifest.method(class, name).is_some());
        function(manifest, method);
    }
    if let Some(main) = manifest.main() {
        function(manifest, main);
    }
}

fn function(manifest: &Manifest, function: &FunctionInfo) {
    assert!(["a", "b", "c"].contains(&&*manifest.exports()[function.export]));
    assert!(function.name.len() <= MAX_NAME_BYTES && function.num_returns <= MAX_RETURNS);
    assert!(!function.stream || function.num_returns == 0);
}

fn leb(bytes: &mut Vec<u8>, mut n: usize) {
    while n > 0x7f {
        bytes.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    bytes.push(n.to_le_bytes()[0]);
}
