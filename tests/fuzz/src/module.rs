//! Modules: arbitrary bytes, binary or text, looked at as `wrun inspect` does. Messages are short and fit for a terminal;
//! what is described is no longer than what was read allows.

use wrun_host::inspect;

/// Looks at a module.
pub fn check(bytes: &[u8]) {
    match inspect(bytes) {
        Ok(info) => {
            assert_eq!(info.hash.len(), 64);
            assert!(
                info.code_size <= info.size && info.data_size <= info.size,
                "{info:?}"
            );
            assert!(info.imports.len() <= info.size && info.exports.len() <= info.size);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 20_000, "{} bytes of message", message.len());
        }
    }
}
