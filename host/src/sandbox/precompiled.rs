//! Loading compiled code that this host made itself: the only place of this folder that needs `unsafe`.

#![allow(
    unsafe_code,
    reason = "Wasmtime can't check native code; who calls this vouches for where it comes from"
)]

use wasmtime::{Engine, Module};

/// Compiled code that this process made, or read from its own private cache with its checksum right.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Compiles a module.
    pub(super) fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
        engine.precompile_module(wasm).map(Self)
    }

    /// Takes over what [`cache`](super::cache) read back. The caller vouches that it was made by [`compile`](Self::compile)
    /// or [`of`](Self::of) and stored where nobody else can write.
    pub(super) fn trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The artifact of a module that is loaded already, to load it into another engine.
    pub(super) fn of(module: &Module) -> wasmtime::Result<Self> {
        module.serialize().map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads it.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Module> {
        // There is no safe way: deserializing is how Wasmtime shares compiled code between engines and processes.
        //
        // SAFETY: the bytes come from `precompile_module` or `serialize`, in this process or through the private cache,
        // which only this user can write and whose checksum was compared. Wasmtime itself refuses bytes of another
        // version, target or configuration.
        unsafe { Module::deserialize(engine, &self.0) }
    }
}
