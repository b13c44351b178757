//! Values and what they refer to.

use std::{any::Any, cell::RefCell, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{ObjectRef, StreamRef};
use crate::{rt::unnest, tenant::Charge};

/// Something counted that this layer doesn't know: cloning and dropping it is all that happens to it here.
pub type Held = Arc<dyn Any + Send + Sync>;

/// What a handle or a position in a value refers to.
#[derive(Clone)]
pub enum Resource {
    /// An object.
    Object(ObjectRef),
    /// A stream of objects; only handles refer to those, values can't.
    Stream(StreamRef),
    /// An actor.
    Actor(Held),
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::Stream(stream) => write!(f, "Stream({})", stream.id()),
            Self::Actor(_) => f.write_str("Actor"),
        }
    }
}

/// What a value refers to. Dropping it drops what hangs below it one after another, not one inside the other: a guest
/// can make chains of values that are longer than a stack is deep.
#[derive(Debug, Default)]
struct Refs(Vec<Resource>);

thread_local! {
    /// What is to be dropped, while something is being dropped on this thread.
    static DROPPING: unnest::Pending<Resource> = const { RefCell::new(None) };
}

impl Drop for Refs {
    fn drop(&mut self) {
        let refs = std::mem::take(&mut self.0);
        if !refs.is_empty() {
            unnest::one_by_one(&DROPPING, refs, drop);
        }
    }
}

/// An immutable value: cheap to clone, its bytes and references are shared.
#[derive(Debug, Clone)]
pub struct Value {
    bytes: Bytes,
    /// Behind a lock only so that a job's end can cut cycles.
    refs: Option<Arc<Mutex<Refs>>>,
    /// Holds the bytes' room in the store as long as any clone lives.
    _charge: Option<Arc<Charge>>,
}

impl Value {
    /// A value whose room is held by `charge` (small ones inside calls are charged with their call).
    #[must_use]
    pub fn new(bytes: Bytes, refs: Vec<Resource>, charge: Option<Charge>) -> Self {
        let refs = (!refs.is_empty()).then(|| Arc::new(Mutex::new(Refs(refs))));
        Self {
            bytes,
            refs,
            _charge: charge.map(Arc::new),
        }
    }

    /// The encoded value; the first byte tells its format.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many references it has.
    #[must_use]
    pub fn ref_count(&self) -> usize {
        self.refs.as_ref().map_or(0, |refs| refs.lock().0.len())
    }

    /// What it refers to, by position.
    #[must_use]
    pub fn refs(&self) -> Vec<Resource> {
        self.refs
            .as_ref()
            .map_or_else(Vec::new, |refs| refs.lock().0.clone())
    }

    /// Drops what it refers to, for it and all its clones: the end of its job.
    pub fn forget_refs(&self) {
        let refs = self
            .refs
            .as_ref()
            .map(|refs| std::mem::take(&mut *refs.lock()));
        drop(refs);
    }
}
