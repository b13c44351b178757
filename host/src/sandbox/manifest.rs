//! The manifest: what a guest offers, read from its custom section and checked line by line.
//!
//! [`Manifest`] finds a [`FunctionInfo`] by name; each holds the index of its export in [`Manifest::exports`], so that
//! a call needs no look-up by name. Parsing runs no guest code. Whether the exports exist is checked in `inspect`.

use std::{collections::hash_map::Entry, sync::Arc, time::Duration};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize, Serializer};
use wrun_abi::{
    ABI_VERSION, CallOptions, MAX_MANIFEST_BYTES, MAX_MANIFEST_RECORDS, MAX_NAME_BYTES,
    MAX_RETURNS, SLOT,
};

use super::LoadProblem;
use crate::rt::guard::Guard;

/// What a module offers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Manifest {
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<Arc<FunctionInfo>>,
    tasks: Vec<Arc<FunctionInfo>>,
    constructors: Vec<Arc<FunctionInfo>>,
    methods: Vec<Arc<FunctionInfo>>,
    actors: Vec<ActorInfo>,
    #[serde(skip)]
    exports: Vec<Box<str>>,
    #[serde(skip)]
    by_name: Names,
}

#[derive(Debug, Clone, Default)]
struct Names {
    tasks: FxHashMap<Arc<str>, usize>,
    constructors: FxHashMap<Arc<str>, usize>,
    /// By class, then by method.
    methods: FxHashMap<Arc<str>, FxHashMap<Arc<str>, usize>>,
    actors: FxHashMap<Arc<str>, usize>,
}

/// A task, constructor, method or `main`.
#[derive(Debug, Clone, Serialize)]
pub struct FunctionInfo {
    /// The name; `Class.method` for a method, the class's for a constructor, empty for `main`.
    pub name: Arc<str>,
    /// The export that runs it, as an index into [`Manifest::exports`].
    #[serde(skip)]
    pub export: usize,
    /// The parameters in order.
    pub params: Vec<ParamInfo>,
    /// The result's type, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// How many results a call has: 0 for `main`, constructors and streaming calls.
    pub num_returns: usize,
    /// Whether the results are yielded one by one.
    pub stream: bool,
    /// Documentation, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// Defaults of the call options.
    #[serde(serialize_with = "write_options")]
    pub options: CallOptions,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamInfo {
    /// Its name.
    pub name: String,
    /// Its type, for people.
    #[serde(rename = "type", default)]
    pub ty: String,
}

/// A class's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorInfo {
    /// The class.
    pub name: Arc<str>,
    /// Documentation, for people.
    pub doc: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Main,
    Task,
    Actor,
    Constructor,
    Method,
}

#[derive(Deserialize)]
struct Version {
    abi: Option<u64>,
}

#[derive(Deserialize)]
struct Record {
    kind: Kind,
    name: Option<String>,
    export: Option<String>,
    #[serde(default)]
    params: Vec<ParamInfo>,
    returns: Option<String>,
    num_returns: Option<u64>,
    #[serde(default)]
    stream: bool,
    doc: Option<String>,
    #[serde(default)]
    options: Options,
}

/// Call options under their names in the manifest.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_errors: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_cpus: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_restarts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detached: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_if_exists: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending_calls: Option<u32>,
}

impl TryFrom<Options> for CallOptions {
    type Error = String;

    fn try_from(raw: Options) -> Result<Self, String> {
        let timeout = raw.timeout.map(Duration::try_from_secs_f64).transpose();
        let timeout = timeout.map_err(|_| {
            "the option `timeout` must be a number of seconds, 0 or more".to_owned()
        })?;
        if raw
            .name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > MAX_NAME_BYTES)
        {
            return Err(format!(
                "the option `name` must have 1 to {MAX_NAME_BYTES} bytes"
            ));
        }
        Ok(Self {
            max_retries: raw.max_retries,
            retry_errors: raw.retry_errors,
            timeout,
            num_cpus: raw.num_cpus.map(slots).transpose()?,
            name: raw.name,
            max_restarts: raw.max_restarts,
            detached: raw.detached,
            memory: raw.memory,
            get_if_exists: raw.get_if_exists,
            max_pending_calls: raw.max_pending_calls,
        })
    }
}

/// A number of slots in 1/10,000; the text form does the rounding without a lossy cast.
fn slots(number: f64) -> Result<u32, String> {
    let parts = format!("{:.0}", number * f64::from(SLOT));
    parts
        .parse()
        .map_err(|_| "the option `num_cpus` must be a number from 0 to 400,000".to_owned())
}

fn write_options<S: Serializer>(options: &CallOptions, serializer: S) -> Result<S::Ok, S::Error> {
    Options {
        max_retries: options.max_retries,
        retry_errors: options.retry_errors,
        timeout: options.timeout.map(|t| t.as_secs_f64()),
        num_cpus: options.num_cpus.map(|n| f64::from(n) / f64::from(SLOT)),
        name: options.name.clone(),
        max_restarts: options.max_restarts,
        detached: options.detached,
        memory: options.memory,
        get_if_exists: options.get_if_exists,
        max_pending_calls: options.max_pending_calls,
    }
    .serialize(serializer)
}

fn problem(line: usize, message: impl Into<String>) -> LoadProblem {
    LoadProblem::Manifest {
        line,
        message: message.into(),
    }
}

impl Manifest {
    /// The manifest of a plain WASI command: `_start` is its `main`.
    pub(super) fn command() -> Self {
        let mut manifest = Self::default();
        let export = manifest.add_export("_start".into());
        manifest.main = Some(Arc::new(FunctionInfo {
            name: "".into(),
            export,
            params: Vec::new(),
            returns: None,
            num_returns: 0,
            stream: false,
            doc: None,
            options: CallOptions::default(),
        }));
        manifest
    }

    /// Reads the section's text.
    pub(super) fn parse(section: &[u8]) -> Result<Self, LoadProblem> {
        if section.len() > MAX_MANIFEST_BYTES && Guard::ManifestSize.stands() {
            return Err(problem(
                0,
                format!(
                    "it has {} bytes, at most {MAX_MANIFEST_BYTES} are allowed",
                    section.len()
                ),
            ));
        }
        let text = std::str::from_utf8(section).map_err(|e| {
            let line = section[..e.valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1;
            problem(line, "it is not UTF-8 text")
        })?;
        let mut manifest = Self::default();
        let mut records = 0;
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            records += 1;
            if records > MAX_MANIFEST_RECORDS && Guard::ManifestSize.stands() {
                return Err(problem(
                    index + 1,
                    format!("more than {MAX_MANIFEST_RECORDS} records"),
                ));
            }
            manifest
                .record(line)
                .map_err(|message| problem(index + 1, message))?;
        }
        manifest.check_classes()?;
        Ok(manifest)
    }

    fn record(&mut self, line: &str) -> Result<(), String> {
        let version: Version = serde_json::from_str(line).map_err(json_message)?;
        match version.abi {
            Some(v) if v == u64::from(ABI_VERSION) || !Guard::AbiVersion.stands() => {}
            Some(v) => {
                return Err(format!(
                    "it is made for version {v} of the guest ABI and this host speaks version {ABI_VERSION}; build the guest with a matching `wrun` crate"
                ));
            }
            None => return Err("a record has no field `abi`".to_owned()),
        }
        let record: Record = serde_json::from_str(line).map_err(json_message)?;
        let name: Arc<str> = match (record.kind, &record.name) {
            (Kind::Main, None) => "".into(),
            (Kind::Main, Some(_)) => return Err("`main` has no name".to_owned()),
            (_, None) => return Err("the record has no field `name`".to_owned()),
            (_, Some(name)) if name.is_empty() || name.len() > MAX_NAME_BYTES => {
                return Err(format!("a name must have 1 to {MAX_NAME_BYTES} bytes"));
            }
            (_, Some(name)) => name.as_str().into(),
        };
        self.add(name, record)
    }

    fn add(&mut self, name: Arc<str>, record: Record) -> Result<(), String> {
        let twice = |what: &str| format!("{what} `{name}` is there twice");
        match record.kind {
            Kind::Main if self.main.is_some() => {
                return Err("there are two records of `main`".to_owned());
            }
            Kind::Main => self.main = Some(self.function(name, record)?),
            Kind::Task => match self.by_name.tasks.entry(name.clone()) {
                Entry::Occupied(_) => return Err(twice("task")),
                Entry::Vacant(entry) => {
                    entry.insert(self.tasks.len());
                    let info = self.function(name, record)?;
                    self.tasks.push(info);
                }
            },
            Kind::Constructor => match self.by_name.constructors.entry(name.clone()) {
                Entry::Occupied(_) => return Err(twice("constructor")),
                Entry::Vacant(entry) => {
                    entry.insert(self.constructors.len());
                    let info = self.function(name, record)?;
                    self.constructors.push(info);
                }
            },
            Kind::Method => {
                let (class, method) = name
                    .split_once('.')
                    .ok_or("a method's name must be `Class.method`")?;
                let methods = self.by_name.methods.entry(class.into()).or_default();
                if methods.insert(method.into(), self.methods.len()).is_some() {
                    return Err(twice("method"));
                }
                let info = self.function(name, record)?;
                self.methods.push(info);
            }
            Kind::Actor => {
                if self
                    .by_name
                    .actors
                    .insert(name.clone(), self.actors.len())
                    .is_some()
                {
                    return Err(twice("actor"));
                }
                self.actors.push(ActorInfo {
                    name,
                    doc: record.doc,
                });
            }
        }
        Ok(())
    }

    fn function(&mut self, name: Arc<str>, record: Record) -> Result<Arc<FunctionInfo>, String> {
        let export = record.export.ok_or("the record has no field `export`")?;
        let returns = match record.num_returns {
            None => 1,
            Some(n) => usize::try_from(n)
                .ok()
                .filter(|n| (1..=MAX_RETURNS).contains(n))
                .ok_or_else(|| format!("`num_returns` must be 1 to {MAX_RETURNS}, not {n}"))?,
        };
        let counted = matches!(record.kind, Kind::Task | Kind::Method) && !record.stream;
        Ok(Arc::new(FunctionInfo {
            name,
            export: self.add_export(export.into()),
            params: record.params,
            returns: record.returns,
            num_returns: if counted { returns } else { 0 },
            stream: record.stream,
            doc: record.doc,
            options: record.options.try_into()?,
        }))
    }

    fn add_export(&mut self, name: Box<str>) -> usize {
        self.exports.push(name);
        self.exports.len() - 1
    }

    fn check_classes(&self) -> Result<(), LoadProblem> {
        match self
            .by_name
            .methods
            .keys()
            .find(|class| !self.by_name.constructors.contains_key(*class))
        {
            Some(class) => Err(problem(
                0,
                format!("class `{class}` has methods and no constructor"),
            )),
            None => Ok(()),
        }
    }

    /// The names of the exports that functions refer to by index; one may be there more than once.
    #[must_use]
    pub fn exports(&self) -> &[Box<str>] {
        &self.exports
    }

    /// What a job starts with, if there is one; for a plain WASI command its `_start`.
    #[must_use]
    pub fn main(&self) -> Option<&Arc<FunctionInfo>> {
        self.main.as_ref()
    }

    /// The task of that name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&Arc<FunctionInfo>> {
        self.by_name.tasks.get(name).map(|at| &self.tasks[*at])
    }

    /// The constructor of that class.
    #[must_use]
    pub fn constructor(&self, class: &str) -> Option<&Arc<FunctionInfo>> {
        self.by_name
            .constructors
            .get(class)
            .map(|at| &self.constructors[*at])
    }

    /// The method `name` of `class`.
    #[must_use]
    pub fn method(&self, class: &str, name: &str) -> Option<&Arc<FunctionInfo>> {
        self.by_name
            .methods
            .get(class)?
            .get(name)
            .map(|at| &self.methods[*at])
    }

    /// All tasks, in the manifest's order.
    #[must_use]
    pub fn tasks(&self) -> &[Arc<FunctionInfo>] {
        &self.tasks
    }

    /// All constructors, in the manifest's order.
    #[must_use]
    pub fn constructors(&self) -> &[Arc<FunctionInfo>] {
        &self.constructors
    }

    /// All methods, in the manifest's order.
    #[must_use]
    pub fn methods(&self) -> &[Arc<FunctionInfo>] {
        &self.methods
    }

    /// The documentation of classes.
    #[must_use]
    pub fn actors(&self) -> &[ActorInfo] {
        &self.actors
    }
}

/// At most so many characters of the parser's message.
const MAX_MESSAGE: usize = 300;

/// The parser's message without its own line number, which is always 1.
fn json_message(error: serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    // It may repeat what it does not know, however long that is.
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    format!("not a valid record: {message} (column {})", error.column())
}
