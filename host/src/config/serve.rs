//! `wrun.toml`: what `wrun serve` is told.
//!
//! Everything has a default, so an empty file is as none. Sizes and times are written as on the command line. Paths are
//! relative to the file's directory. Unknown keys are refused with their place.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de};

use super::{
    ConfigError, EnvVar, HttpConfig, RuntimeSettings, error_text, parse_dir, parse_duration,
    parse_size,
};
use crate::types::{DirGrant, TenantName};

/// Where the server listens if nobody says.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9700);

/// Where the server keeps its state if nobody says.
pub const DEFAULT_DATA: &str = "wrun-data";

/// A size such as `2GiB`, or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match TextOrNumber::deserialize(deserializer)? {
            TextOrNumber::Number(bytes) => Ok(Self(bytes)),
            TextOrNumber::Text(text) => parse_size(&text).map(Self).map_err(de::Error::custom),
        }
    }
}

/// A time such as `1h30m`, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match TextOrNumber::deserialize(deserializer)? {
            TextOrNumber::Number(seconds) => Ok(Self(Duration::from_secs(seconds))),
            TextOrNumber::Text(text) => parse_duration(&text).map(Self).map_err(de::Error::custom),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or a text with a unit")]
enum TextOrNumber {
    Number(u64),
    Text(String),
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// The address and port to listen on.
    pub listen: Option<SocketAddr>,
    /// The directory for the server's state.
    pub data: Option<PathBuf>,
    /// Certificate and key for TLS.
    pub tls: Option<TlsConfig>,
    /// How long jobs may go on after a signal to stop.
    pub drain: Option<Seconds>,
    /// What all tenants share.
    pub host: HostConfig,
    /// Directories below which tenants may be granted some; named at the start and not changed by a reload.
    pub roots: Vec<PathBuf>,
    /// What a tenant has that says nothing else.
    pub defaults: TenantConfig,
    /// The tenants that the file makes.
    pub tenant: BTreeMap<String, TenantConfig>,
}

/// Certificate and key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, and those between it and the root after it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The host's resources.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// Slots: how many tasks run at once.
    pub num_cpus: Option<f64>,
    /// Memory that one sandbox may have.
    pub memory_limit: Option<Size>,
    /// Memory for objects.
    pub object_store_memory: Option<Size>,
    /// Where objects go beyond that.
    pub spill_dir: Option<PathBuf>,
    /// Disk that they may take.
    pub spill_limit: Option<Size>,
}

impl HostConfig {
    /// As the command line's settings.
    #[must_use]
    pub fn settings(&self) -> RuntimeSettings {
        let bytes = |size: Option<Size>| size.map(|size| size.0);
        RuntimeSettings {
            num_cpus: self.num_cpus,
            memory_limit: bytes(self.memory_limit),
            object_store_memory: bytes(self.object_store_memory),
            spill: self.spill_dir.clone().map(crate::node::SpillTo::Dir),
            spill_limit: bytes(self.spill_limit),
            ..RuntimeSettings::default()
        }
    }
}

/// A tenant: its share, its limits, and what its jobs are given.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantConfig {
    /// Its part of the processor time when others want it too; 1.
    pub weight: Option<NonZeroU32>,
    /// Memory of all its sandboxes.
    pub memory: Option<Size>,
    /// Bytes of its objects.
    pub object_bytes: Option<Size>,
    /// Bytes of its objects on disk.
    pub spilled_bytes: Option<Size>,
    /// Living sandboxes.
    pub sandboxes: Option<u64>,
    /// Calls that wait.
    pub queued_tasks: Option<u64>,
    /// Bytes of calls that wait.
    pub queued_bytes: Option<Size>,
    /// Living actors.
    pub actors: Option<u64>,
    /// Files and directories that its sandboxes have open.
    pub open_files: Option<u64>,
    /// Handles that its sandboxes hold.
    pub handles: Option<u64>,
    /// Output that is kept of one job: the end of it.
    pub log_bytes: Option<Size>,
    /// Bytes of all its modules.
    pub module_bytes: Option<Size>,
    /// Modules being compiled at once.
    pub concurrent_compilations: Option<u64>,
    /// How long one compilation may take.
    pub compile_time: Option<Seconds>,
    /// Processor time of one task.
    pub cpu_per_task: Option<Seconds>,
    /// Processor time of one job, over all its attempts.
    pub cpu_per_job: Option<Seconds>,
    /// Time from a job's start to its end, over all its attempts.
    pub time_per_job: Option<Seconds>,
    /// Bytes of a job's result.
    pub result_bytes: Option<Size>,
    /// Requests in one second.
    pub requests_per_second: Option<u64>,
    /// Unfinished jobs at once.
    pub jobs: Option<u64>,
    /// How long an ended job is kept.
    pub retention: Option<Seconds>,
    /// Bytes of ended jobs that are kept.
    pub retention_bytes: Option<Size>,
    /// Directories for its jobs, as `--dir` takes them; below one of the roots.
    #[serde(deserialize_with = "dirs")]
    pub dirs: Vec<DirGrant>,
    /// The environment of its jobs.
    pub env: BTreeMap<String, String>,
    /// What HTTP requests its tasks may make.
    pub http: HttpConfig,
}

fn dirs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DirGrant>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let grants = texts.iter().map(|text| parse_dir(text));
    grants.collect::<Result<_, _>>().map_err(de::Error::custom)
}

impl TenantConfig {
    /// The same, with what it does not say from `defaults`.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> Self {
        macro_rules! over {
            ($($field:ident),* $(,)?) => {
                Self {
                    $($field: self.$field.or(defaults.$field),)*
                    dirs: if self.dirs.is_empty() { defaults.dirs.clone() } else { self.dirs.clone() },
                    env: defaults.env.iter().chain(&self.env).map(|(k, v)| (k.clone(), v.clone())).collect(),
                    http: self.http.over(&defaults.http),
                }
            };
        }
        over!(
            weight,
            memory,
            object_bytes,
            spilled_bytes,
            sandboxes,
            queued_tasks,
            queued_bytes,
            actors,
            open_files,
            handles,
            log_bytes,
            module_bytes,
            concurrent_compilations,
            compile_time,
            cpu_per_task,
            cpu_per_job,
            time_per_job,
            result_bytes,
            requests_per_second,
            jobs,
            retention,
            retention_bytes,
        )
    }
}

impl ServeConfig {
    /// Whether any tenant may make HTTP requests, one that requests make included.
    #[must_use]
    pub fn has_http(&self) -> bool {
        let tenants = self.tenant.values();
        let is_on = |tenant: &TenantConfig| tenant.over(&self.defaults).http.is_on();
        self.defaults.http.is_on() || tenants.into_iter().any(is_on)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError::File`] says what is wrong with it, and where.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bad = |reason: String| ConfigError::File {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| bad(error_text(&error)))?;
        let config: Self = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let config = config.relative_to(base);
        config.check().map_err(bad)?;
        Ok(config)
    }

    fn relative_to(mut self, base: &Path) -> Self {
        let join = |path: &mut PathBuf| *path = base.join(&*path);
        self.data.iter_mut().for_each(join);
        self.roots.iter_mut().for_each(join);
        self.host.spill_dir.iter_mut().for_each(join);
        if let Some(tls) = &mut self.tls {
            join(&mut tls.certificate);
            join(&mut tls.key);
        }
        let tenants = std::iter::once(&mut self.defaults).chain(self.tenant.values_mut());
        for grant in tenants.flat_map(|tenant| &mut tenant.dirs) {
            join(&mut grant.host);
        }
        self
    }

    /// What the parser can't see.
    fn check(&self) -> Result<(), String> {
        for name in self.tenant.keys() {
            let name: Result<TenantName, _> = name.parse();
            name.map_err(|error| error.to_string())?;
        }
        let tenants = self
            .tenant
            .iter()
            .map(|(name, tenant)| (name.as_str(), tenant));
        for (name, tenant) in tenants.chain([("defaults", &self.defaults)]) {
            for variable in tenant.env.keys() {
                let written = format!("{variable}=");
                if variable.contains('=') || written.parse::<EnvVar>().is_err() {
                    return Err(format!(
                        "tenant `{name}`: `{variable}` is no name of a variable"
                    ));
                }
            }
            for grant in &tenant.dirs {
                self.check_grant(grant)
                    .map_err(|reason| format!("tenant `{name}`: {reason}"))?;
            }
        }
        Ok(())
    }

    /// Whether a grant lies below one of the roots, symbolic links followed.
    fn check_grant(&self, grant: &DirGrant) -> Result<(), String> {
        let shown = grant.host.display();
        let real = fs::canonicalize(&grant.host);
        let real = real.map_err(|e| format!("the directory `{shown}`: {}", error_text(&e)))?;
        let roots = self
            .roots
            .iter()
            .filter_map(|root| fs::canonicalize(root).ok());
        if real.is_dir() && roots.into_iter().any(|root| real.starts_with(root)) {
            return Ok(());
        }
        Err(format!(
            "the directory `{shown}` is not below one of `roots`: name a root that holds it, such as roots = [\"{shown}\"], and start the server again, since roots are fixed at its start"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServeConfig, String> {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("srv/acme")).expect("made");
        let path = dir.path().join("wrun.toml");
        fs::write(&path, text).expect("written");
        ServeConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_as_none() {
        assert_eq!(parse("").unwrap(), ServeConfig::default());
    }

    #[test]
    fn units_are_those_of_the_command_line_and_paths_are_the_files() {
        let config = parse(
            r#"
            listen = "0.0.0.0:443"
            data = "state"
            drain = "1m"
            roots = ["srv"]
            [host]
            num_cpus = 1.5
            memory_limit = "64MiB"
            [defaults]
            jobs = 10
            env = { A = "1", B = "1" }
            [tenant.acme]
            weight = 2
            memory = "2GiB"
            cpu_per_task = 30
            dirs = ["srv/acme::/data:ro"]
            env = { B = "2" }
            "#,
        )
        .unwrap();
        assert_eq!(config.listen.unwrap().port(), 443);
        assert!(config.data.as_ref().unwrap().is_absolute());
        assert_eq!(config.host.settings().memory_limit, Some(64 << 20));
        let acme = config.tenant["acme"].over(&config.defaults);
        assert_eq!(acme.memory, Some(Size(2 << 30)));
        assert_eq!(acme.cpu_per_task, Some(Seconds(Duration::from_secs(30))));
        assert_eq!((acme.jobs, acme.dirs[0].read_only), (Some(10), true));
        assert_eq!(acme.env.values().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn http_is_off_unless_a_host_is_allowed() {
        let config = parse(
            r#"
            [defaults.http]
            allow = ["api.example.com"]
            rate = 5
            max_response = "1MiB"
            [tenant.a.http]
            networks = ["10.0.0.0/8"]
            timeout = "2s"
            [tenant.b.http]
            allow = []
            "#,
        )
        .unwrap();
        let http = |name: &str| config.tenant[name].over(&config.defaults).http.options();
        let a = http("a");
        assert!(a.allows(true, "api.example.com", 443) && a.networks.len() == 1);
        let limits = (
            a.limits.rate.get(),
            a.limits.burst.get(),
            a.limits.response_bytes,
        );
        assert_eq!(limits, (5, 5, 1 << 20));
        assert_eq!(a.limits.timeout, Duration::from_secs(2));
        assert!(!http("b").is_on() && config.has_http());
        assert!(!parse("[tenant.b.http]\nrate = 1").unwrap().has_http());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("[tenant.a.http]\nallow = [\"http://a/\"]", "has a scheme"),
            (
                "[tenant.a.http]\nnetworks = [\"10.0.0.1/8\"]",
                "`10.0.0.0/8`",
            ),
            ("[tenant.a.http]\nat_once = 0", "nonzero"),
            ("[tenant.a.http]\nalow = []", "alow"),
            ("listn = 1", "listn"),
            ("listen = \"here\"", "line 1"),
            ("[tenant.Acme]", "`Acme` is not a tenant's name"),
            ("[tenant.a]\nmemory = \"much\"", "`much` is not a size"),
            ("[tenant.a]\nmemoy = 1", "memoy"),
            ("[tenant.a]\ndirs = [\"srv\"]", "below one of `roots`"),
            (
                "roots = [\"srv\"]\n[tenant.a]\ndirs = [\"srv/../..\"]",
                "below one of `roots`",
            ),
            (
                "roots = [\"srv\"]\n[tenant.a]\ndirs = [\"srv/no\"]",
                "no such file",
            ),
            (
                "[tenant.a]\nenv = { \"A=B\" = \"1\" }",
                "no name of a variable",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(expected) && error.contains("wrun.toml"),
                "{text}: {error}"
            );
        }
    }
}
