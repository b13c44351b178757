//! What a job is given: directories and environment variables.

use std::{ffi::OsString, str::FromStr};

use super::ConfigError;
use crate::types::DirGrant;

/// Reads `HOST::GUEST[:ro]`; `HOST[:ro]` alone gives the directory under its own name. Nothing is looked up yet.
///
/// # Errors
/// When a part is empty.
pub fn parse_dir(text: &str) -> Result<DirGrant, ConfigError> {
    let (paths, read_only) = match text.strip_suffix(":ro") {
        Some(paths) => (paths, true),
        None => (text.strip_suffix(":rw").unwrap_or(text), false),
    };
    let (host, guest) = paths.split_once("::").unwrap_or((paths, paths));
    if host.is_empty() || guest.is_empty() || guest.contains('\0') {
        return Err(ConfigError::Dir(text.to_owned()));
    }
    Ok(DirGrant {
        host: host.into(),
        guest: guest.to_owned(),
        read_only,
    })
}

/// Makes sure that there is such a directory, so that its absence is told before anything runs.
pub(super) fn check_dir(grant: &DirGrant) -> Result<(), ConfigError> {
    let reason = match std::fs::metadata(&grant.host) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => "it is not a directory".to_owned(),
        Err(error) => super::error_text(&error),
    };
    Err(ConfigError::DirUnusable {
        path: grant.host.clone(),
        reason,
    })
}

/// One `--env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvVar {
    /// This name with this value.
    Set(String, String),
    /// This name with the value that it has here.
    Pass(String),
}

impl FromStr for EnvVar {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() || text.contains('\0') {
            return Err(ConfigError::Env(text.to_owned()));
        }
        Ok(match value {
            Some(value) => Self::Set(name.to_owned(), value.to_owned()),
            None => Self::Pass(name.to_owned()),
        })
    }
}

impl EnvVar {
    /// Name and value, asking `lookup` for a value that is passed on.
    pub(super) fn resolve(
        self,
        lookup: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<(String, String), ConfigError> {
        match self {
            Self::Set(name, value) => Ok((name, value)),
            Self::Pass(name) => match lookup(&name).map(OsString::into_string) {
                Some(Ok(value)) => Ok((name, value)),
                Some(Err(_)) => Err(ConfigError::EnvUnusable(
                    name,
                    "its value is not UTF-8 text",
                )),
                None => Err(ConfigError::EnvUnusable(name, "it is not set here")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(host: &str, guest: &str, read_only: bool) -> DirGrant {
        DirGrant {
            host: host.into(),
            guest: guest.to_owned(),
            read_only,
        }
    }

    #[test]
    fn directories() {
        assert_eq!(
            parse_dir("./data::/data").unwrap(),
            dir("./data", "/data", false)
        );
        assert_eq!(parse_dir("/a b::.:ro").unwrap(), dir("/a b", ".", true));
        assert_eq!(parse_dir("/a::/b:rw").unwrap(), dir("/a", "/b", false));
        assert_eq!(parse_dir("data").unwrap(), dir("data", "data", false));
        assert_eq!(parse_dir("data:ro").unwrap(), dir("data", "data", true));
        for text in ["", "::", "::/data", "./data::", ":ro", "a::\0"] {
            assert!(parse_dir(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_grant_needs_its_directory() {
        assert!(check_dir(&dir("/", "/", true)).is_ok());
        let error = check_dir(&dir("/no/such/place", "/", true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the directory `/no/such/place` can't be granted: there is no such file or directory"
        );
    }

    #[test]
    fn environment() {
        let lookup = |name: &str| (name == "HERE").then(|| OsString::from("x"));
        let value = |text: &str| text.parse::<EnvVar>().and_then(|var| var.resolve(&lookup));
        assert_eq!(value("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(value("A=").unwrap(), ("A".to_owned(), String::new()));
        assert_eq!(value("HERE").unwrap(), ("HERE".to_owned(), "x".to_owned()));
        for text in ["", "=b", "GONE", "A=\0"] {
            assert!(value(text).is_err(), "{text:?}");
        }
    }
}
