//! Compiled modules: by their hash, as many as fit, for whoever has the module.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{DaemonError, tenants::TenantSlot};
use crate::{
    ledger::{Ledger, ModuleHash},
    node::{Module, Runtime},
    rt::clock,
};

/// Modules are forgotten, the least used first, when those here have more bytes together.
const KEPT: usize = 256 << 20;

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

    fn keep(&self, hash: ModuleHash, module: &Module, bytes: usize) {
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

    /// Compiles bytes for a tenant, which is charged for the time; nothing to do for a module that is here.
    ///
    /// # Errors
    /// What is wrong with the module, or that it took longer to compile than it may.
    pub(super) async fn compile(
        &self,
        runtime: &Runtime,
        tenant: &Arc<TenantSlot>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Module, DaemonError> {
        let hash = ModuleHash::of(&bytes);
        if let Some(module) = self.get(&hash) {
            return Ok(module);
        }
        let right = tenant.compilations().acquire_owned().await;
        let _right = right.map_err(|_| DaemonError::Stopping)?;
        let (start, size) = (clock::now(), bytes.len());
        let loaded = runtime.load(name, bytes).await;
        let took = start.elapsed();
        tenant.node.charge(took);
        let module = loaded.map_err(|error| DaemonError::BadModule(error.to_string()))?;
        let limit = tenant.record().limits.compile_seconds;
        if let Some(limit) = limit.filter(|limit| took.as_secs_f64() > *limit as f64) {
            return Err(DaemonError::BadModule(format!(
                "the module `{name}` took {:.1} s to compile, and tenant `{}` may take {limit} s",
                took.as_secs_f64(),
                tenant.name
            )));
        }
        self.keep(hash, &module, size);
        Ok(module)
    }

    /// A tenant's module, compiled.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), and when its file can't be read.
    pub(super) async fn load(
        &self,
        runtime: &Runtime,
        ledger: &Ledger,
        tenant: &Arc<TenantSlot>,
        hash: ModuleHash,
        name: &str,
    ) -> Result<Module, DaemonError> {
        if let Some(module) = self.get(&hash) {
            return Ok(module.renamed(name));
        }
        let (ledger, owner) = (ledger.clone(), tenant.name.clone());
        let read = tokio::task::spawn_blocking(move || ledger.read_module(&owner, &hash)).await;
        let bytes = read.map_err(|_| DaemonError::Stopping)??;
        let module = self.compile(runtime, tenant, name, bytes).await?;
        Ok(module.renamed(name))
    }
}
