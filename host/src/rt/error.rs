//! Errors of others, told in full.

/// An error with what caused it, innermost last and without saying anything twice.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn each_cause_is_told_once() {
        let inner = Error::new(ErrorKind::NotFound, "no such host");
        #[derive(Debug, thiserror::Error)]
        #[error("{said}")]
        struct Outer {
            said: &'static str,
            source: Error,
        }
        let outer = |said| Outer {
            said,
            source: Error::new(ErrorKind::NotFound, "no such host"),
        };
        assert_eq!(chain(&inner), "no such host");
        assert_eq!(
            chain(&outer("connecting failed")),
            "connecting failed: no such host"
        );
        assert_eq!(
            chain(&outer("failed: no such host")),
            "failed: no such host"
        );
    }
}
