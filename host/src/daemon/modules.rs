//! Compiled modules: by their hash, as many as fit, for whoever has the module.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{DaemonError, tenants::TenantSlot};
use crate::{
    ledger::{Ledger, ModuleHash},
    node::{Compiler, Module},
};

/// Modules are forgotten, the least used first, when those here have more bytes together.
const KEPT: usize = 256 << 20;
/// What each takes beside its code and data: mappings and a descriptor, of which a process has only so many.
const FLOOR: usize = 1 << 20;
/// How often code or data of a module is there: loaded into two engines, and as the image of its memory.
const COPIES: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Modules(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    modules: HashMap<ModuleHash, Entry>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    module: Module,
    bytes: usize,
    used: u64,
}

impl Modules {
    fn get(&self, hash: &ModuleHash) -> Option<Module> {
        let mut kept = self.0.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let entry = kept.modules.get_mut(hash)?;
        entry.used = uses;
        Some(entry.module.clone())
    }

    fn keep(&self, hash: ModuleHash, module: &Module) {
        let bytes = FLOOR + COPIES * module.compiled_bytes();
        let mut kept = self.0.lock();
        kept.uses += 1;
        let entry = Entry {
            module: module.clone(),
            bytes,
            used: kept.uses,
        };
        kept.bytes += bytes;
        if let Some(before) = kept.modules.insert(hash, entry) {
            kept.bytes -= before.bytes;
        }
        while kept.bytes > KEPT && kept.modules.len() > 1 {
            let oldest = kept.modules.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                break;
            };
            let gone = kept.modules.remove(&oldest);
            kept.bytes -= gone.map_or(0, |gone| gone.bytes);
        }
    }

    /// Compiles bytes for a tenant, which is charged for the time, when it is its turn; nothing to do for a module that is
    /// here.
    ///
    /// # Errors
    /// What is wrong with the module, or that it took longer to compile than it may.
    ///
    /// # Cancel safety
    /// Dropped, it gives up its place; what has begun goes on to its end.
    pub(super) async fn compile(
        &self,
        tenant: &Arc<TenantSlot>,
        hash: ModuleHash,
        name: &str,
        bytes: Bytes,
    ) -> Result<Module, DaemonError> {
        if let Some(module) = self.get(&hash) {
            return Ok(module);
        }
        let compiler = tenant.compiler().await;
        self.compile_now(tenant, compiler, hash, name, bytes).await
    }

    async fn compile_now(
        &self,
        tenant: &Arc<TenantSlot>,
        compiler: Compiler,
        hash: ModuleHash,
        name: &str,
        bytes: Bytes,
    ) -> Result<Module, DaemonError> {
        // Another may have been first while this waited.
        if let Some(module) = self.get(&hash) {
            return Ok(module);
        }
        let (size, (loaded, took)) = (bytes.len(), compiler.load(name, bytes).await);
        tracing::info!(
            target: "wrun::module", tenant = %tenant.name, module = name, %hash, bytes = size,
            compile_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            refused = loaded.as_ref().err().map(ToString::to_string), "module compiled"
        );
        let module = loaded.map_err(|error| DaemonError::BadModule(error.to_string()))?;
        let limit = tenant.record().limits.compile_seconds;
        if let Some(limit) = limit.filter(|limit| took > Duration::from_secs(*limit)) {
            return Err(DaemonError::BadModule(format!(
                "the module `{name}` took {:.1} s to compile, and tenant `{}` may take {limit} s",
                took.as_secs_f64(),
                tenant.name
            )));
        }
        self.keep(hash, &module);
        Ok(module)
    }

    /// A tenant's module, compiled.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), and when its file can't be read.
    pub(super) async fn load(
        &self,
        ledger: &Ledger,
        tenant: &Arc<TenantSlot>,
        hash: ModuleHash,
        name: &str,
    ) -> Result<Module, DaemonError> {
        if let Some(module) = self.get(&hash) {
            return Ok(module.renamed(name));
        }
        // Only whose turn it is reads its file: a thousand jobs may wait here.
        let compiler = tenant.compiler().await;
        if let Some(module) = self.get(&hash) {
            return Ok(module.renamed(name));
        }
        let (ledger, owner) = (ledger.clone(), tenant.name.clone());
        let read = tokio::task::spawn_blocking(move || ledger.read_module(&owner, &hash)).await;
        let bytes = read.map_err(|_| DaemonError::Stopping)??;
        let module = self.compile_now(tenant, compiler, hash, name, bytes.into());
        Ok(module.await?.renamed(name))
    }
}
