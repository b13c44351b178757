//! Where the arguments of `--task` come from.

use std::{convert::Infallible, fmt, io::Read, path::PathBuf, str::FromStr};

use serde_json::Value;

use super::{ConfigError, error_text};

/// More than this many bytes of arguments are refused.
const MAX_BYTES: u64 = 1 << 30;

/// The source of a task's arguments, a JSON array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallArgs {
    /// The text itself.
    Text(String),
    /// A file, written `@file`.
    File(PathBuf),
    /// Standard input, written `-`.
    Stdin,
}

impl FromStr for CallArgs {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text, text.strip_prefix('@')) {
            ("-" | "@-", _) => Self::Stdin,
            (_, Some(path)) => Self::File(path.into()),
            (text, None) => Self::Text(text.to_owned()),
        })
    }
}

impl fmt::Display for CallArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("--args"),
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

impl CallArgs {
    /// Reads and parses them; `stdin` is read only when they come from there.
    ///
    /// # Errors
    /// When they can't be read, are not JSON or no array.
    pub fn read(&self, stdin: impl Read) -> Result<Vec<Value>, ConfigError> {
        let text = match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::File(path) => std::fs::File::open(path)
                .and_then(read_all)
                .map_err(|error| self.unreadable(&error))?,
            Self::Stdin => read_all(stdin).map_err(|error| self.unreadable(&error))?,
        };
        let parsed = serde_json::from_slice(&text);
        match parsed {
            Ok(Value::Array(args)) => Ok(args),
            Ok(other) => Err(ConfigError::ArgsNotArray {
                from: self.to_string(),
                found: kind_of(&other),
            }),
            Err(error) => Err(ConfigError::ArgsNotJson {
                from: self.to_string(),
                reason: error.to_string(),
            }),
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> ConfigError {
        ConfigError::ArgsUnreadable {
            from: self.to_string(),
            reason: error_text(error),
        }
    }
}

fn read_all(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("they are larger than 1 GiB"));
    }
    Ok(bytes)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, stdin: &str) -> Result<Vec<Value>, String> {
        let Ok(args) = text.parse::<CallArgs>();
        args.read(stdin.as_bytes())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sources() {
        let expected = vec![Value::from(1), Value::from("x")];
        assert_eq!(read("[1, \"x\"]", ""), Ok(expected.clone()));
        assert_eq!(read("-", "[1, \"x\"]\n"), Ok(expected.clone()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1,\"x\"]").unwrap();
        assert_eq!(
            read(&format!("@{}", file.path().display()), ""),
            Ok(expected)
        );
    }

    #[test]
    fn mistakes_say_where_and_what_to_write() {
        assert_eq!(
            read("5", "").unwrap_err(),
            "the arguments (--args) must be a JSON array with one element an argument, and this is a number: write '[…]'"
        );
        assert_eq!(
            read("[1,", "").unwrap_err(),
            "the arguments (--args) are not JSON: EOF while parsing a value at line 1 column 3; write an array, such as '[1, \"two\"]'"
        );
        assert_eq!(
            read("@/no/such/file", "").unwrap_err(),
            "the arguments can't be read from `/no/such/file`: there is no such file or directory"
        );
        assert!(
            read("-", "")
                .unwrap_err()
                .starts_with("the arguments (standard input) are not JSON")
        );
    }
}
