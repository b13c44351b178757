//! The plain data that the parts speak of: ids, calls, errors, events, statistics. No I/O, no locks.

mod blob;
mod call;
mod error;
mod event;
mod grant;
mod http;
mod id;
mod limits;
mod name;
mod snapshot;
mod trace;
mod trace_context;
mod why;

pub use blob::Blob;
pub use call::{Arg, CallSpec, Target, ValueData};
pub(crate) use error::Paid;
pub use error::{ErrorKind, TaskError};
pub use event::{
    CallState, Event, EventKind, JobStats, LineListener, Listener, LogLine, LogStream,
};
pub use grant::DirGrant;
pub use http::{HostRule, HostRuleError, HttpLimits, HttpOptions, Network, NetworkError};
pub use id::{ActorId, JobId, NodeId, ObjectId, TaskId};
pub use limits::TenantLimits;
pub use name::{BadTenantName, TenantName};
pub use snapshot::{
    ActorState, ActorView, BlockedOn, ErrorView, ObjectState, ObjectView, TaskKind, TaskState,
    TaskTotals, TaskView,
};
pub use trace::{Block, FunctionSummary, JobTrace, Quantiles, TaskSpan};
pub use trace_context::{SpanId, TRACEPARENT, TRACESTATE, TraceContext};
pub use why::{Cause, CauseBy, TaskWhy, Wait, WaitingTask};
pub use wrun_abi::{CallOptions, FOREVER, SLOT};
