//! Who pays for what the door itself does: the time that a request's handler takes goes to its tenant, like that of its tasks.
//!
//! What a handler does on a thread that may block is charged there (`App::blocking_for`). What nobody sees: the encryption of a
//! connection, and answers that go on after their handler.

use std::{
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, middleware::Next, response::Response};

use crate::{daemon::TenantSlot, rt::clock};

/// Whose request it is, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Payer(Arc<OnceLock<Arc<TenantSlot>>>);

impl Payer {
    /// It is this tenant's.
    pub(super) fn set(&self, tenant: &Arc<TenantSlot>) {
        // A request has one token.
        let _ = self.0.set(tenant.clone());
    }

    /// Whose it is, if that is known.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.0.get()?.name.as_str())
    }
}

/// Answers a request at its tenant's expense.
pub(super) async fn metered(mut request: Request, next: Next) -> Response {
    let extensions = request.extensions_mut();
    let payer = extensions.get_or_insert_default::<Payer>().clone();
    let mut metered = Metered {
        work: pin!(next.run(request)),
        payer,
        spent: Duration::ZERO,
    };
    std::future::poll_fn(|cx| metered.poll(cx)).await
}

struct Metered<'a, F> {
    work: Pin<&'a mut F>,
    payer: Payer,
    /// Before its tenant was known.
    spent: Duration,
}

impl<F: Future> Metered<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let start = clock::now();
        let polled = self.work.as_mut().poll(cx);
        self.spent += start.elapsed();
        if let Some(tenant) = self.payer.0.get() {
            tenant.node.charge(std::mem::take(&mut self.spent));
        }
        polled
    }
}
