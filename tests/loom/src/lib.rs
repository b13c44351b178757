//! The files of the scheduler that loom checks, without the rest of the host.

mod rt;
mod scheduler;
