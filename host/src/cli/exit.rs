//! How the process ends. `docs/exit-codes.md` says the same for users; a test compares them.

use crate::types::ErrorKind;

/// The process's exit code and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it went well.
    Success,
    /// The program's own: what `main` ended with (1 for an `Err`, 101 for a panic, n for `proc_exit(n)`).
    Program(u8),
    /// 2: wrun was asked for something that can't be: bad options, no such file, no such task, wrong arguments.
    Usage,
    /// 120: the task of `--task` returned an error, panicked, or could not read its arguments.
    TaskFailed,
    /// 121: a sandbox trapped.
    Trap,
    /// 122: a limit was reached: memory, slots, objects, or waiting that could never end.
    Limit,
    /// 123: the crate did not build.
    Build,
    /// 124: `--timeout` was over.
    Timeout,
    /// 125: wrun itself failed.
    Internal,
    /// 126: the file is no module that this wrun can run.
    BadModule,
    /// 130: interrupted (SIGINT, Ctrl-C).
    Interrupted,
    /// 141: whoever read standard output went away.
    OutputClosed,
    /// 143: terminated (SIGTERM).
    Terminated,
}

impl Exit {
    /// The code that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Program(code) => code,
            Self::Usage => 2,
            Self::TaskFailed => 120,
            Self::Trap => 121,
            Self::Limit => 122,
            Self::Build => 123,
            Self::Timeout => 124,
            Self::Internal => 125,
            Self::BadModule => 126,
            Self::Interrupted => 130,
            Self::OutputClosed => 141,
            Self::Terminated => 143,
        }
    }

    /// What the program ended with; other systems' codes are cut to a byte, but never a failure to 0.
    pub(super) fn of_program(code: i32) -> Self {
        match u8::try_from(code & 0xff) {
            _ if code == 0 => Self::Success,
            Ok(0) | Err(_) => Self::Program(1),
            Ok(code) => Self::Program(code),
        }
    }

    /// What a failed call means for the process; `main_code` is the program's own code, `None` with `--task`.
    pub(super) fn of_error(kind: ErrorKind, main_code: Option<i32>) -> Self {
        match (kind, main_code) {
            (ErrorKind::Trap | ErrorKind::ActorDied, _) => Self::Trap,
            (ErrorKind::Timeout, _) => Self::Timeout,
            (ErrorKind::System, _) => Self::Internal,
            (
                ErrorKind::MemoryLimit
                | ErrorKind::Limit
                | ErrorKind::Unschedulable
                | ErrorKind::WouldDeadlock,
                _,
            ) => Self::Limit,
            (_, None) => Self::TaskFailed,
            (ErrorKind::Panic, Some(_)) => Self::Program(101),
            (_, Some(0)) => Self::Program(1),
            (_, Some(code)) => Self::of_program(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_code() {
        let page = include_str!("../../docs/exit-codes.md");
        for exit in [
            Exit::Success,
            Exit::Usage,
            Exit::TaskFailed,
            Exit::Trap,
            Exit::Limit,
            Exit::Build,
            Exit::Timeout,
            Exit::Internal,
            Exit::BadModule,
            Exit::Interrupted,
            Exit::OutputClosed,
            Exit::Terminated,
        ] {
            assert!(page.contains(&format!("\n| {} |", exit.code())), "{exit:?}");
        }
    }

    #[test]
    fn a_failure_is_never_zero() {
        assert_eq!(Exit::of_program(0), Exit::Success);
        assert_eq!(Exit::of_program(256), Exit::Program(1));
        assert_eq!(Exit::of_program(-1), Exit::Program(255));
        assert_eq!(
            Exit::of_error(ErrorKind::Application, Some(0)),
            Exit::Program(1)
        );
        assert_eq!(
            Exit::of_error(ErrorKind::Application, Some(7)),
            Exit::Program(7)
        );
        assert_eq!(
            Exit::of_error(ErrorKind::Application, None),
            Exit::TaskFailed
        );
    }
}
