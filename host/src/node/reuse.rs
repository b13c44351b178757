//! A sandbox used for a second task, as no task ever is: only in the build for the hostile suite, which shows with it what
//! the next one would find there.

use parking_lot::Mutex;

use super::services::CallServices;
use crate::{
    rt::guard::Guard,
    sandbox::{Module, Sandbox},
};

static KEPT: Mutex<Option<Sandbox<CallServices>>> = Mutex::new(None);

/// Keeps it for the next task, if that guard is out.
pub(super) fn keep(mut sandbox: Sandbox<CallServices>) {
    if !Guard::FreshSandbox.stands() && !sandbox.is_dead() {
        sandbox.services_mut().turn().release();
        *KEPT.lock() = Some(sandbox);
    }
}

/// The sandbox that was kept, if it is of this module.
pub(super) fn take(
    module: &Module<CallServices>,
    services: CallServices,
) -> Result<Sandbox<CallServices>, CallServices> {
    let mut kept = KEPT.lock();
    match kept.take_if(|kept| kept.module().hash() == module.hash()) {
        Some(mut sandbox) => {
            *sandbox.services_mut() = services;
            Ok(sandbox)
        }
        None => Err(services),
    }
}
