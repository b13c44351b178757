//! Objects: immutable values, or the errors that took their place, that may not exist yet.
//!
//! [`Value`] is bytes (on the heap, in a [`MemFile`], or [spilled](Spill) to disk) and a list of what they refer to. An
//! [`ObjectRef`] is a counted reference to an object: guests'
//! handle tables, queued calls, values and clients hold clones of it, and the object is freed with the last one, so that
//! no count can be wrong. [`Stream`] is a growing list of objects. [`Waiting`] waits for many of them at once.
//!
//! Invariants: an outcome is set once and never changes; whoever registers interest before that is woken after it; a
//! value keeps what it refers to alive as long as it lives. Cycles (a value that refers to the object it becomes) are cut
//! when the job ends ([`Value::forget_refs`]).
//!
//! It doesn't know what an actor is ([`Resource::Actor`] is opaque here), who computes an object, or when.

mod extents;
mod large;
mod memfile;
mod object;
mod spill;
mod stream;
mod value;
mod wait;

pub use memfile::{MemFile, MemFiles};
pub use object::{ObjectRef, Outcome, WeakObject};
pub use spill::{Full, Piece, RestoreError, Spill, SpillDirError, Spilled};
pub use stream::{Next, Stream, StreamReader, StreamRef};
pub use value::{Contents, Held, INLINE_MAX, Place, Resource, Value};
pub use wait::{Awaited, Missing, Readiness, Waitable, Waiting};

#[cfg(test)]
mod tests;
