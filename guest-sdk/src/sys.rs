//! The host's functions, as the ABI has them. The only unsafe code of the SDK.
//!
//! Functions that take numbers only are safe to call: a number can do no harm here, since the host checks each. Those that
//! take a pointer are wrapped, so that pointer and length come from one slice. Answers are passed on as they are;
//! `imports` gives them meaning.

#![allow(
    unsafe_code,
    reason = "imports of another module can't be declared without it"
)]

mod raw {
    // No safe way: a WebAssembly import is a foreign function.
    // SAFETY: the names and types are those of the guest ABI. A host that has others refuses the module.
    #[link(wasm_import_module = "wrun")]
    unsafe extern "C" {
        pub(crate) safe fn arg_count() -> i32;
        pub(crate) safe fn arg_len(i: usize) -> i32;
        pub(super) fn arg_read(i: usize, offset: usize, ptr: *mut u8, len: usize) -> i32;
        pub(super) fn arg_refs(i: usize, ptr: *mut u32, cap: usize) -> i32;
        pub(crate) safe fn result_format() -> i32;
        pub(super) fn result_write(
            index: usize,
            ptr: *const u8,
            len: usize,
            refs: *const u32,
            nrefs: usize,
        ) -> i32;
        pub(super) fn yield_write(
            ptr: *const u8,
            len: usize,
            refs: *const u32,
            nrefs: usize,
        ) -> i32;
        pub(super) fn fail(kind: u32, ptr: *const u8, len: usize);
        pub(super) fn spawn(ptr: *const u8, len: usize, out: *mut u32, cap: usize) -> i32;
        pub(super) fn put(ptr: *const u8, len: usize, refs: *const u32, nrefs: usize) -> i32;
        pub(super) fn get(ptr: *const u32, n: usize, timeout: i64) -> i32;
        pub(crate) safe fn object_len(h: u32) -> i64;
        pub(super) fn object_read(h: u32, offset: u64, ptr: *mut u8, len: usize) -> i32;
        pub(super) fn object_refs(h: u32, ptr: *mut u32, cap: usize) -> i32;
        pub(super) fn wait(
            ptr: *const u32,
            n: usize,
            min: usize,
            max: usize,
            timeout: i64,
            out: *mut u8,
        ) -> i32;
        pub(super) fn release(ptr: *const u32, n: usize) -> i32;
        pub(crate) safe fn cancel(h: u32, flags: u32) -> i32;
        pub(crate) safe fn sleep(ns: i64);
        pub(super) fn context(ptr: *mut u8, cap: usize) -> i32;
        pub(crate) safe fn actor_self() -> i32;
        pub(super) fn actor_get(ptr: *const u8, len: usize) -> i32;
        pub(crate) safe fn actor_stop(h: u32, mode: u32) -> i32;
        pub(crate) safe fn stream_next(h: u32, timeout: i64) -> i32;
        pub(super) fn last_error(ptr: *mut u8, cap: usize) -> i32;
    }
}

mod start {
    // No safe way: the linker makes this function.
    // SAFETY: it has this type, and is there whenever a module is linked.
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    /// What the host calls once in each sandbox, before an export. Without it the linker would let every export run the
    /// constructors again, and an actor has many calls.
    // No safe way: a function is exported by name.
    // SAFETY: no other crate defines this name, which the reactor convention of WASI keeps for this purpose.
    #[unsafe(export_name = "_initialize")]
    extern "C" fn initialize() {
        // No safe way: the linker makes this function.
        // SAFETY: it is called once, before anything else, as it must be.
        unsafe { __wasm_call_ctors() }
    }
}

pub(crate) use raw::{
    actor_self, actor_stop, arg_count, arg_len, cancel, object_len, result_format, sleep,
    stream_next,
};

/// Wraps an import whose pointers come from slices.
macro_rules! wrap {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = ($($pass:expr),*);)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name($($arg: $ty),*) $(-> $ret)? {
            // No safe way: the import takes pointers.
            // SAFETY: each pointer and length are those of a slice that is borrowed, uniquely where the host writes, until
            // the call is over; the host writes no more than the length and keeps no pointer.
            unsafe { raw::$name($($pass),*) }
        }
    )*};
}

wrap! {
    /// Reads a part of an argument.
    fn arg_read(i: usize, offset: usize, into: &mut [u8]) -> i32 = (i, offset, into.as_mut_ptr(), into.len());
    /// Takes the refs of an argument.
    fn arg_refs(i: usize, into: &mut [u32]) -> i32 = (i, into.as_mut_ptr(), into.len());
    /// Sets a result.
    fn result_write(index: usize, bytes: &[u8], refs: &[u32]) -> i32 = (index, bytes.as_ptr(), bytes.len(), refs.as_ptr(), refs.len());
    /// Adds an item.
    fn yield_write(bytes: &[u8], refs: &[u32]) -> i32 = (bytes.as_ptr(), bytes.len(), refs.as_ptr(), refs.len());
    /// Fails the call.
    fn fail(kind: u32, message: &str) = (kind, message.as_ptr(), message.len());
    /// Starts calls.
    fn spawn(calls: &[u8], out: &mut [u32]) -> i32 = (calls.as_ptr(), calls.len(), out.as_mut_ptr(), out.len());
    /// Stores a value.
    fn put(bytes: &[u8], refs: &[u32]) -> i32 = (bytes.as_ptr(), bytes.len(), refs.as_ptr(), refs.len());
    /// Waits for all.
    fn get(handles: &[u32], timeout: i64) -> i32 = (handles.as_ptr(), handles.len(), timeout);
    /// Reads a part of an object.
    fn object_read(h: u32, offset: u64, into: &mut [u8]) -> i32 = (h, offset, into.as_mut_ptr(), into.len());
    /// Takes the refs of an object.
    fn object_refs(h: u32, into: &mut [u32]) -> i32 = (h, into.as_mut_ptr(), into.len());
    /// Gives handles back.
    fn release(handles: &[u32]) -> i32 = (handles.as_ptr(), handles.len());
    /// Writes the context.
    fn context(into: &mut [u8]) -> i32 = (into.as_mut_ptr(), into.len());
    /// Finds a named actor.
    fn actor_get(name: &str) -> i32 = (name.as_ptr(), name.len());
    /// Writes the last error.
    fn last_error(into: &mut [u8]) -> i32 = (into.as_mut_ptr(), into.len());
}

/// Waits for some of the handles; `out` is as long as they are.
pub(crate) fn wait(handles: &[u32], min: usize, max: usize, timeout: i64, out: &mut [u8]) -> i32 {
    assert_eq!(handles.len(), out.len(), "one answer for each handle");
    // No safe way: the import takes pointers.
    // SAFETY: both slices are borrowed until the call is over, `out` uniquely; the host writes as many bytes to it as
    // there are handles, which is its length.
    unsafe {
        raw::wait(
            handles.as_ptr(),
            handles.len(),
            min,
            max,
            timeout,
            out.as_mut_ptr(),
        )
    }
}
