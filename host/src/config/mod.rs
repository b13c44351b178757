//! Settings: what the user wrote, as arguments or in the environment, made into checked values and the options of the
//! runtime and of a job.
//!
//! [`parse_size`], [`parse_duration`], [`parse_slots`], [`parse_dir`] and [`EnvVar`] read one value each, with its unit;
//! [`CallArgs`] says where a task's arguments come from; [`RuntimeSettings`] and [`JobSettings`] gather them and give
//! [`RuntimeOptions`](crate::node::RuntimeOptions) and [`JobOptions`](crate::job::JobOptions).
//!
//! [`ServeConfig`] is the file of `wrun serve`.
//!
//! An argument goes before its environment variable, and that before the default. The environment is passed in as a
//! function, so nothing here reads the process's own. It starts nothing, and prints nothing.

mod call_args;
mod error;
mod grant;
mod http;
mod serve;
mod settings;
mod units;

pub use call_args::CallArgs;
pub use error::ConfigError;
pub(crate) use error::error_text;
pub use grant::{EnvVar, parse_dir};
pub use http::HttpConfig;
pub use serve::{
    DEFAULT_DATA, DEFAULT_LISTEN, HostConfig, Seconds, ServeConfig, Size, TenantConfig, TlsConfig,
};
pub use settings::{Environment, JobSettings, RuntimeSettings};
pub use units::{format_size, parse_duration, parse_size, parse_slots};
