//! The host's functions, as the ABI has them. The only unsafe code of the SDK.
//!
//! Functions that take numbers only are safe to call: a number can do no harm here, since the host checks each. Those that
//! take a pointer are wrapped, so that pointer and length come from one slice. Answers are passed on as they are;
//! `imports` gives them meaning.

#![allow(
    unsafe_code,
    reason = "imports of another module can't be declared without it"
)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use bytemuck::Pod;

mod raw {
    // No safe way: a WebAssembly import is a foreign function.
    // SAFETY: the names and types are those of the guest ABI. A host that has others refuses the module.
    #[link(wasm_import_module = "wrun")]
    unsafe extern "C" {
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
        pub(super) fn put_plain(ptr: *const u8, len: usize) -> i32;
        pub(super) fn result_plain(index: usize, ptr: *const u8, len: usize) -> i32;
        pub(super) fn yield_plain(ptr: *const u8, len: usize) -> i32;
        pub(super) safe fn view(h: u32, offset: u64, len: usize) -> i64;
        pub(super) safe fn arg_view(i: usize, offset: u64, len: usize) -> i64;
        pub(super) fn view_release(view: usize) -> i32;
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
    actor_self, actor_stop, arg_len, cancel, object_len, result_format, sleep, stream_next,
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
    /// Stores plain data.
    fn put_plain(bytes: &[u8]) -> i32 = (bytes.as_ptr(), bytes.len());
    /// Sets a result of plain data.
    fn result_plain(index: usize, bytes: &[u8]) -> i32 = (index, bytes.as_ptr(), bytes.len());
    /// Adds an item of plain data.
    fn yield_plain(bytes: &[u8]) -> i32 = (bytes.as_ptr(), bytes.len());
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

/// The function at a position in the module's table.
pub(crate) fn function<F: crate::Code>(place: usize) -> Option<F> {
    const {
        assert!(
            size_of::<F>() == size_of::<usize>(),
            "a function pointer is one address"
        )
    };
    // No safe way: nothing makes a function pointer of a number.
    // SAFETY: `Code` is sealed: `F` is a function pointer, as large as a position, and 0 is none. Only `Function` comes
    // here, after it compared the fingerprint of `F`, with what another sandbox of this module took from an `F`. A number
    // that was made up would break this sandbox alone, which its maker could have done as well.
    (place != 0).then(|| unsafe { std::mem::transmute_copy::<usize, F>(&place) })
}

/// Memory that shows an object, until it is dropped. What is written to it only this sandbox sees.
pub(crate) struct Mapped<T> {
    first: NonNull<T>,
    count: usize,
}

/// Shows `count` elements of an object from byte `offset` of its payload on; gives the negative answer if it can't.
pub(crate) fn view<T: Pod>(h: u32, offset: u64, count: usize) -> Result<Mapped<T>, i64> {
    Mapped::new(raw::view(h, offset, count * size_of::<T>()), count)
}

/// As [`view`], of an argument.
pub(crate) fn arg_view<T: Pod>(i: usize, offset: u64, count: usize) -> Result<Mapped<T>, i64> {
    Mapped::new(raw::arg_view(i, offset, count * size_of::<T>()), count)
}

impl<T: Pod> Mapped<T> {
    /// Takes over what `view` gave for so many elements.
    fn new(answer: i64, count: usize) -> Result<Self, i64> {
        let address = usize::try_from(answer).map_err(|_| answer)?;
        let first = NonNull::new(std::ptr::with_exposed_provenance_mut::<T>(address));
        let first = first.filter(|first| first.is_aligned());
        let first = first.expect("a view is aligned as its offset is, and not at 0");
        Ok(Self { first, count })
    }
}

impl<T> Deref for Mapped<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // No safe way: the host made this memory.
        // SAFETY: the host gave so many bytes there to nobody else, and they stay until `drop` releases them. They were
        // aligned when `new` looked, and any bytes are a `T`, which is `Pod` there.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl<T> DerefMut for Mapped<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // No safe way: the host made this memory.
        // SAFETY: as for `deref`; it may be written, and `self` is borrowed uniquely.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.count) }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // No safe way: what the memory holds is gone afterwards.
        // SAFETY: no borrow of `self` is left, and nobody else has a pointer into it.
        unsafe { raw::view_release(self.first.as_ptr().expose_provenance()) };
    }
}

// No safe way: a pointer is in it.
// SAFETY: it owns what it points to, as a `Vec` does.
unsafe impl<T: Send> Send for Mapped<T> {}
// No safe way: as above.
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Mapped<T> {}
