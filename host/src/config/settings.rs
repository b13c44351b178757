//! All settings of a runtime and of a job, and the options that they make.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::{ConfigError, EnvVar, grant, parse_size, parse_slots};
use crate::{
    job::JobOptions,
    node::{RuntimeOptions, SpillTo},
    sandbox::CacheDir,
    types::{DirGrant, HostRule, Network, TRACEPARENT, TRACESTATE, TraceContext},
};

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the user set of the runtime; `None` leaves it to the environment, then to the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuntimeSettings {
    /// Slots; `WRUN_NUM_CPUS`; one for each core.
    pub num_cpus: Option<f64>,
    /// Bytes of memory that one sandbox may have; `WRUN_MEMORY_LIMIT`.
    pub memory_limit: Option<u64>,
    /// Bytes of objects; `WRUN_OBJECT_STORE_MEMORY`.
    pub object_store_memory: Option<u64>,
    /// Where objects go beyond that; `WRUN_SPILL_DIR`, where an empty one means nowhere.
    pub spill: Option<SpillTo>,
    /// Bytes of objects there; `WRUN_SPILL_LIMIT`.
    pub spill_limit: Option<u64>,
    /// Hosts that may be asked over HTTP.
    pub allow_http: Vec<HostRule>,
    /// Networks that may be reached so although their addresses are not public.
    pub allow_http_networks: Vec<Network>,
}

impl RuntimeSettings {
    /// The options of the runtime.
    ///
    /// # Errors
    /// When an environment variable can't be used.
    pub fn resolve(&self, env: Environment<'_>) -> Result<RuntimeOptions, ConfigError> {
        let mut options = RuntimeOptions::default();
        if let Some(dir) = env("WRUN_CACHE_DIR") {
            options.cache = if dir.is_empty() {
                CacheDir::Off
            } else {
                CacheDir::At(dir.into())
            };
        }
        if let Some(slots) = first(self.num_cpus, env, "WRUN_NUM_CPUS", parse_slots)? {
            options.slots = slots;
        }
        if let Some(bytes) = first(self.memory_limit, env, "WRUN_MEMORY_LIMIT", parse_size)? {
            options.memory_limit = bytes;
        }
        if let Some(bytes) = first(
            self.object_store_memory,
            env,
            "WRUN_OBJECT_STORE_MEMORY",
            parse_size,
        )? {
            options.object_store_memory = bytes;
        }
        if let Some(spill) = self.spill.clone() {
            options.spill = spill;
        } else if let Some(dir) = env("WRUN_SPILL_DIR") {
            options.spill = if dir.is_empty() {
                SpillTo::Nowhere
            } else {
                SpillTo::Dir(dir.into())
            };
        }
        if let Some(bytes) = first(self.spill_limit, env, "WRUN_SPILL_LIMIT", parse_size)? {
            options.spill_limit = bytes;
        }
        options.http.allow = self.allow_http.clone();
        options.http.networks = self.allow_http_networks.clone();
        Ok(options)
    }
}

fn first<T>(
    argument: Option<T>,
    env: Environment<'_>,
    name: &'static str,
    parse: fn(&str) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    if argument.is_some() {
        return Ok(argument);
    }
    let Some(text) = env(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let parsed = match text.to_str() {
        Some(text) => parse(text),
        None => Err(ConfigError::NotText),
    };
    parsed.map(Some).map_err(|source| ConfigError::Variable {
        name,
        source: Box::new(source),
    })
}

/// What the user set of one job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobSettings {
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Environment variables; a later one replaces an earlier of the same name.
    pub env: Vec<EnvVar>,
    /// Directories.
    pub dirs: Vec<DirGrant>,
    /// How long the job may run.
    pub timeout: Option<Duration>,
    /// Where to record the inputs of failed tasks.
    pub record: Option<PathBuf>,
    /// The program reads standard input.
    pub stdin: bool,
    /// Events are wanted.
    pub events: bool,
    /// What its calls do and when is wanted.
    pub trace: bool,
}

impl JobSettings {
    /// The options of the job.
    ///
    /// # Errors
    /// When a variable to pass on is not set, or a directory is none.
    pub fn resolve(&self, env: Environment<'_>) -> Result<JobOptions, ConfigError> {
        self.dirs.iter().try_for_each(grant::check_dir)?;
        let mut resolved: Vec<(String, String)> = Vec::with_capacity(self.env.len());
        for var in self.env.iter().cloned() {
            let (name, value) = var.resolve(env)?;
            resolved.retain(|(earlier, _)| *earlier != name);
            resolved.push((name, value));
        }
        Ok(JobOptions {
            args: self.args.clone(),
            env: resolved,
            dirs: self.dirs.clone(),
            timeout: self.timeout,
            record: self.record.clone(),
            stdin: self.stdin,
            logs: true,
            events: self.events,
            trace: self.trace,
            trace_context: trace_context(env),
            ..JobOptions::default()
        })
    }
}

/// The trace that this process is part of, as other tools hand it on; what is malformed is as none.
fn trace_context(env: Environment<'_>) -> Option<TraceContext> {
    let text = |name: &str| env(&name.to_uppercase()).and_then(|text| text.into_string().ok());
    let (parent, state) = (text(TRACEPARENT), text(TRACESTATE));
    TraceContext::parse(
        parent.iter().map(String::as_str),
        state.iter().map(String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_goes_before_the_environment() {
        let env = |name: &str| match name {
            "WRUN_NUM_CPUS" => Some("3".into()),
            "WRUN_MEMORY_LIMIT" => Some("1M".into()),
            "WRUN_OBJECT_STORE_MEMORY" => Some("".into()),
            _ => None,
        };
        let settings = RuntimeSettings {
            num_cpus: Some(2.0),
            ..RuntimeSettings::default()
        };
        let options = settings.resolve(&env).unwrap();
        assert_eq!((options.slots, options.memory_limit), (2.0, 1 << 20));
        assert_eq!(
            options.object_store_memory,
            RuntimeOptions::default().object_store_memory
        );
    }

    #[test]
    fn a_bad_variable_is_named() {
        let env = |name: &str| (name == "WRUN_NUM_CPUS").then(|| OsString::from("many"));
        let error = RuntimeSettings::default().resolve(&env).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable WRUN_NUM_CPUS can't be used: `many` is not a number of slots: write a number from 0.0001 to 1000000"
        );
    }

    #[test]
    fn a_later_variable_replaces_an_earlier() {
        let env = |text: &str| text.parse::<EnvVar>().unwrap();
        let settings = JobSettings {
            env: vec![env("A=1"), env("B=2"), env("A=3")],
            ..JobSettings::default()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            settings.resolve(&|_| None).unwrap().env,
            [pair("B", "2"), pair("A", "3")]
        );
    }
}
