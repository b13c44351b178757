//! What belongs to one job and needs neither sandbox nor scheduler: its options, its numbers and events, which calls
//! are alive, who descends from whom, and the recorded inputs of failed tasks.

mod counters;
mod emitter;
mod events;
mod kept;
mod lineage;
mod options;
mod record;
mod registry;
mod trace;

pub use counters::{Counter, Counters};
pub use emitter::Emitter;
pub use events::Events;
pub use kept::Kept;
pub use lineage::Lineage;
pub use options::JobOptions;
pub use record::{Encoded, RecordError, RecordedObject, RecordedValue, TaskRecord};
pub use registry::Registry;
pub use trace::{Attempt, Trace};
