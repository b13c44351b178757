//! What people type against a server, read as they read it: each test runs the real command and looks at what it prints, how
//! it ends, and what is there afterwards.
//!
//! A file for each subject. [`support`] runs commands and judges how they ended, [`proxy`] stands between a command and its
//! server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]
#![forbid(unsafe_code)]

#[path = "commands/proxy.rs"]
mod proxy;
#[path = "commands/support.rs"]
mod support;

#[path = "commands/connections.rs"]
mod connections;
#[path = "commands/damage.rs"]
mod damage;
#[path = "commands/jobs.rs"]
mod jobs;
#[path = "commands/lists.rs"]
mod lists;
#[path = "commands/progress.rs"]
mod progress;
#[path = "commands/reload.rs"]
mod reload;
#[path = "commands/start.rs"]
mod start;
#[path = "commands/stop.rs"]
mod stop;
#[path = "commands/submit.rs"]
mod submit;
#[path = "commands/tenants.rs"]
mod tenants;
