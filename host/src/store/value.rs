//! Values and what they refer to.

use std::{any::Any, cell::RefCell, fmt, io, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{MemFile, ObjectRef, Piece, StreamRef, large::Large};
use crate::{rt::unnest, tenant::Charge, types::Blob};

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

/// Values up to this many bytes lie on the heap, larger ones in memory files.
pub const INLINE_MAX: usize = 64 << 10;

/// An immutable value: cheap to clone, its bytes and references are shared.
#[derive(Debug, Clone)]
pub struct Value {
    body: Body,
    /// Behind a lock only so that a job's end can cut cycles.
    refs: Option<Arc<Mutex<Refs>>>,
    /// Holds its room in the store as long as any clone lives, but for that of a large one's bytes, which moves with
    /// them.
    _charge: Option<Arc<Charge>>,
}

#[derive(Debug, Clone)]
enum Body {
    Inline(Blob),
    Large(Arc<Large>),
}

/// Where a value can be read.
#[derive(Debug)]
pub enum Place {
    /// In memory.
    Memory(Contents),
    /// On disk: this is a piece of it.
    Disk(Piece),
}

/// The encoded bytes of a value, which stay where they are as long as this is held.
#[derive(Debug, Clone)]
pub enum Contents {
    /// On the heap: the format byte and what follows it.
    Inline(Blob),
    /// The format byte, and what follows it in a memory file: so what can be mapped begins on a page.
    File(u8, MemFile),
}

impl Contents {
    /// How many bytes there are, the format byte among them.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File(_, file) => 1 + file.len(),
        }
    }

    /// Whether there is not even a format byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies what there is from `offset` on, as much as fits, and tells how much that is.
    ///
    /// # Errors
    /// When the memory file can't be read.
    pub fn read_at(&self, offset: u64, target: &mut [u8]) -> io::Result<usize> {
        let rest = self.len().saturating_sub(offset);
        let n = usize::try_from(rest).map_or(target.len(), |rest| rest.min(target.len()));
        let target = &mut target[..n];
        match self {
            Self::Inline(bytes) => {
                if let Some(bytes) = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)) {
                    target.copy_from_slice(&bytes[..n]);
                }
            }
            Self::File(format, file) => match (offset, target) {
                (_, []) => {}
                (0, [first, rest @ ..]) => {
                    *first = *format;
                    file.read_at(0, rest)?;
                }
                (_, target) => file.read_at(offset - 1, target)?,
            },
        }
        Ok(n)
    }

    /// All bytes, in one piece on the heap.
    ///
    /// # Errors
    /// When the memory file can't be read.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        if let Self::Inline(bytes) = self {
            return Ok(bytes.to_bytes());
        }
        let mut all = vec![0; usize::try_from(self.len()).map_err(io::Error::other)?];
        self.read_at(0, &mut all)?;
        Ok(all.into())
    }
}

impl Value {
    /// A value whose room is held by `charge` (small ones inside calls are charged with their call).
    #[must_use]
    pub fn new(bytes: impl Into<Blob>, refs: Vec<Resource>, charge: Option<Charge>) -> Self {
        Self::with(Contents::Inline(bytes.into()), refs, charge)
    }

    /// A value with these contents, whose room is held by `charge`.
    #[must_use]
    pub fn with(contents: Contents, refs: Vec<Resource>, mut charge: Option<Charge>) -> Self {
        let body = match contents {
            Contents::Inline(bytes) => Body::Inline(bytes),
            Contents::File(format, file) => {
                let bytes = charge.as_mut().map(|charge| charge.split(file.len()));
                Body::Large(Large::new(format, file, bytes))
            }
        };
        let refs = (!refs.is_empty()).then(|| Arc::new(Mutex::new(Refs(refs))));
        Self {
            body,
            refs,
            _charge: charge.map(Arc::new),
        }
    }

    /// How many bytes the encoded value has, its format byte among them.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.body {
            Body::Inline(bytes) => bytes.len() as u64,
            Body::Large(large) => large.len(),
        }
    }

    /// Whether there is not even a format byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it lies in a memory file, or on disk, and not on the heap.
    #[must_use]
    pub fn is_large(&self) -> bool {
        matches!(self.body, Body::Large(_))
    }

    /// Its bytes if they are in memory; they stay there as long as this is held.
    #[must_use]
    pub fn resident(&self) -> Option<Contents> {
        match &self.body {
            Body::Inline(bytes) => Some(Contents::Inline(bytes.clone())),
            Body::Large(large) => large.resident(),
        }
    }

    /// Copies what there is from `offset` on, as much as fits, and tells how much that is; `None` when it is on disk.
    ///
    /// # Errors
    /// When the memory file can't be read.
    pub fn read_at(&self, offset: u64, target: &mut [u8]) -> io::Result<Option<usize>> {
        match &self.body {
            Body::Inline(bytes) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
                let rest = &bytes[from..];
                let n = rest.len().min(target.len());
                target[..n].copy_from_slice(&rest[..n]);
                Ok(Some(n))
            }
            Body::Large(large) => match large.resident() {
                Some(contents) => contents.read_at(offset, target).map(Some),
                None => Ok(None),
            },
        }
    }

    pub(super) fn large(&self) -> Option<&Arc<Large>> {
        match &self.body {
            Body::Inline(_) => None,
            Body::Large(large) => Some(large),
        }
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
