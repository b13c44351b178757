//! Why a setting can't be used.

use std::path::PathBuf;

/// A setting that can't be used; the message says what was wrong and what to write instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size that does not parse.
    #[error("`{0}` is not a size: write a number and a unit, such as 512MiB, 1.5G or 65536")]
    Size(String),
    /// A size of zero, or one that no machine has.
    #[error("the size `{0}` is out of range: it must be more than 0 and less than 16 EiB")]
    SizeRange(String),
    /// A duration that does not parse.
    #[error(
        "`{0}` is not a duration: write a number and a unit, such as 500ms, 10s, 1.5m or 1h30m; without a unit it is seconds"
    )]
    Duration(String),
    /// A duration of zero, or one beyond all time.
    #[error("the duration `{0}` is out of range: it must be more than 0")]
    DurationRange(String),
    /// A number of slots that does not parse or is out of range.
    #[error("`{0}` is not a number of slots: write a number from 0.0001 to 1000000")]
    Slots(String),
    /// A directory grant that does not parse.
    #[error(
        "`{0}` is not a directory grant: write HOST::GUEST, and `:ro` after it if nothing may be changed, such as ./data::/data:ro"
    )]
    Dir(String),
    /// The directory of a grant can't be used.
    #[error("the directory `{path}` can't be granted: {reason}")]
    DirUnusable {
        /// The directory on the host.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An environment variable that does not parse.
    #[error(
        "`{0}` is not an environment variable: write NAME=VALUE, or NAME to pass on its value here"
    )]
    Env(String),
    /// An environment variable that is to be passed on does not exist, or is not text.
    #[error(
        "the environment variable `{0}` can't be passed on: {1}; write {0}=VALUE to give it a value"
    )]
    EnvUnusable(String, &'static str),
    /// A value in one of wrun's own environment variables can't be used.
    #[error("the environment variable {name} can't be used: {source}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        source: Box<ConfigError>,
    },
    /// One of wrun's own environment variables is not UTF-8.
    #[error("its value is not UTF-8 text")]
    NotText,
    /// The configuration file can't be used.
    #[error("the configuration {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The file with a task's arguments can't be read.
    #[error("the arguments can't be read from {from}: {reason}")]
    ArgsUnreadable {
        /// Where they were to come from.
        from: String,
        /// Why not.
        reason: String,
    },
    /// A task's arguments are not JSON.
    #[error(
        "the arguments ({from}) are not JSON: {reason}; write an array, such as '[1, \"two\"]'"
    )]
    ArgsNotJson {
        /// Where they came from.
        from: String,
        /// What the parser says, with line and column.
        reason: String,
    },
    /// A task's arguments are JSON, but no array.
    #[error(
        "the arguments ({from}) must be a JSON array with one element an argument, and this is {found}: write '[…]'"
    )]
    ArgsNotArray {
        /// Where they came from.
        from: String,
        /// What it is instead.
        found: &'static str,
    },
}

/// What the operating system says, in our words where they are clearer.
pub(crate) fn error_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission was denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
