//! Why a module can't be loaded: one message each, with what is wrong, where, and what to do.

use std::fmt;

use thiserror::Error;

/// A module can't be loaded.
#[derive(Debug)]
pub struct LoadError {
    name: Option<Box<str>>,
    problem: LoadProblem,
}

/// What is wrong with a module.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoadProblem {
    /// The bytes are something else.
    #[error("not a WebAssembly module: {found}; {advice}")]
    NotWasm {
        /// What they look like.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// Text that doesn't parse.
    #[error("the WebAssembly text does not parse: {0}")]
    BadText(String),
    /// The module is damaged or uses what this host does not support.
    #[error(
        "not a valid module: {message} (at byte {offset:#x}); it is truncated, damaged or made with features that are off here, so build it again"
    )]
    Invalid {
        /// What the validator says.
        message: String,
        /// Where in the file.
        offset: usize,
    },
    /// More bytes than allowed.
    #[error(
        "the module has {size} bytes, at most {limit} are allowed; link it without debug information or raise the module size limit"
    )]
    TooBig {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Text, of more bytes than are assembled.
    #[error(
        "the WebAssembly text has {size} bytes, and at most {limit} are assembled here; give the binary (`wasm-tools parse`)"
    )]
    LongText {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Compiling it would take too long.
    #[error(
        "compiling {what} would take about {steps} steps, and at most {limit} are allowed; build it with less inlining (`opt-level = \"s\"`) into smaller functions, or as several modules"
    )]
    TooHard {
        /// The module, or one of its functions, with what it is made of.
        what: String,
        /// What it would take.
        steps: u64,
        /// The limit.
        limit: u64,
    },
    /// Valid, but not what a guest may be.
    #[error("{0}")]
    Unsupported(String),
    /// The manifest does not hold.
    #[error("the manifest (section `wrun.manifest`) is wrong{}: {message}", at_line(*line))]
    Manifest {
        /// In which line of the section's text, from 1; 0 for the whole.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Imports that no guest gets.
    #[error("the module imports what this host does not have: {0}")]
    Imports(String),
    /// The compiler failed.
    #[error("the module could not be compiled: {0}")]
    Compile(String),
}

fn at_line(line: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(" in line {line}")
    }
}

impl LoadError {
    /// The same, with the module's name in the message.
    #[must_use]
    pub(super) fn of(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &LoadProblem {
        &self.problem
    }
}

impl From<LoadProblem> for LoadError {
    fn from(problem: LoadProblem) -> Self {
        Self {
            name: None,
            problem,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "`{name}`: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for LoadError {}
