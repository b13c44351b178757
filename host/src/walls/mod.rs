//! The second wall: what the process gives up at its start, so that a guest that breaks out of its sandbox finds little.
//!
//! [`Walls::plan`] looks at the options and opens every path; [`Walls::raise`] gives up the rest, for good, and tells in a
//! [`Standing`] what stands. There are three walls:
//!
//! - no new privileges: no program that this process could start would get more rights than it has;
//! - Landlock (`landlock.rs`): files, TCP ports, signals. `system.rs` lists what the process reads by itself;
//! - seccomp (`seccomp.rs`): which system calls there are at all. `calls.rs` lists them.
//!
//! # Invariants
//!
//! - They are raised once in a process. They can't be taken down, and a second time would only narrow them.
//! - They are raised before threads start: Landlock holds for the calling thread and those that it starts later, so
//!   [`Walls::raise`] refuses when there is another thread. Each later thread inherits all of them.
//! - What is open already stays usable. So open what only the start needs (a configuration, a listener) before, and read
//!   secrets from files before, too.
//!
//! # What they do not do
//!
//! They do not hold guests; the sandboxes do. A guest in control of this process still has its memory, so all tenants'
//! data in it, its open files, and the directories that were named. Capabilities, user and namespaces stay as they are:
//! that is the work of what starts the process. Refused calls get an error and no signal; only Landlock's are in the
//! kernel's audit log, from ABI 7 on.

mod calls;
mod error;
mod landlock;
mod seccomp;
mod system;

use std::{fs, path::PathBuf, sync::OnceLock};

use ::landlock::PathFd;
use serde::Serialize;

pub use error::{WallKind, WallsError};

use landlock::Hierarchy;

/// What the process keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WallsOptions {
    /// Directories, or files, with all that is in them, that may be read, written, made and removed. They must be there.
    pub writable: Vec<PathBuf>,
    /// Directories, or files, that may be read. They must be there.
    pub readable: Vec<PathBuf>,
    /// TCP ports that may be listened on; 0 stands for those that the system chooses.
    pub listen_ports: Vec<u16>,
    /// Connections to others may be made, and names resolved. Without it, the process only answers,
    pub outbound: bool,
    /// but for connections to these TCP ports.
    pub connect_ports: Vec<u16>,
    /// A wall that this kernel doesn't have is an error; else the walls that there are must do.
    pub required: bool,
}

/// What the process may do beside answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// Nothing.
    Closed,
    /// Connect to addresses that it knows.
    Connects,
    /// That, and resolve names.
    Open,
}

impl WallsOptions {
    fn network(&self) -> Network {
        match (self.outbound, &self.connect_ports[..]) {
            (true, _) => Network::Open,
            (false, []) => Network::Closed,
            (false, _) => Network::Connects,
        }
    }
}

/// Whether a wall stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Wall {
    /// It does.
    Stands {
        /// What it holds back, and what it can't on this kernel.
        detail: String,
    },
    /// It does not.
    Down {
        /// Why not.
        why: String,
    },
}

impl Wall {
    /// Whether it does.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self, Self::Stands { .. })
    }
}

/// Which walls stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Files, TCP ports, signals.
    pub landlock: Wall,
    /// System calls.
    pub seccomp: Wall,
    /// No program that it starts gets more rights.
    pub no_new_privileges: Wall,
}

/// Walls that are planned and not yet raised.
#[derive(Debug)]
pub struct Walls {
    options: WallsOptions,
    hierarchies: Vec<Hierarchy>,
}

/// The paths that the walls leave open, once they are raised.
///
/// They are held open as long as the process lives. Landlock knows a path by its inode, and `/proc` makes another inode
/// for the same file when nobody has held the first for a while; so a file there would be refused some day.
static RAISED: OnceLock<Vec<PathFd>> = OnceLock::new();

impl Walls {
    /// Opens what the options name. Nothing is given up yet.
    ///
    /// # Errors
    /// [`WallsError::Path`] when a path of the options can't be opened.
    pub fn plan(options: WallsOptions) -> Result<Self, WallsError> {
        let mut hierarchies = system::hierarchies(options.outbound);
        for (paths, writable) in [(&options.readable, false), (&options.writable, true)] {
            for path in paths {
                hierarchies.push(Hierarchy::open(path, writable)?);
            }
        }
        Ok(Self {
            options,
            hierarchies,
        })
    }

    /// Raises them: from here on, this thread and all that come after it have what was planned and nothing else.
    ///
    /// An error may leave some of them standing, so the process had better end.
    ///
    /// # Errors
    /// [`WallsError::Threads`] and [`WallsError::AlreadyRaised`] when it is too late; [`WallsError::Missing`] when a wall
    /// is required and can't be raised.
    pub fn raise(self) -> Result<Standing, WallsError> {
        if RAISED.get().is_some() {
            return Err(WallsError::AlreadyRaised);
        }
        alone()?;
        let Self {
            options,
            hierarchies,
        } = self;
        let (paths, access): (Vec<_>, Vec<_>) = hierarchies
            .into_iter()
            .map(|Hierarchy { path, access }| (path, access))
            .unzip();
        RAISED.set(paths).map_err(|_| WallsError::AlreadyRaised)?;
        let held = RAISED.get().map_or(&[][..], Vec::as_slice);

        let check = |kind, raised: Result<String, String>| match raised {
            Ok(detail) => Ok(Wall::Stands { detail }),
            Err(why) if options.required => Err(WallsError::Missing { wall: kind, why }),
            Err(why) => Ok(Wall::Down { why }),
        };
        // In this order: the kernel wants the first for the others, and the last refuses the calls that raise the second.
        let no_new_privileges = check(WallKind::NoNewPrivileges, landlock::no_new_privileges())?;
        let rules = held.iter().zip(access);
        let landlock = check(WallKind::Landlock, landlock::raise(&options, rules))?;
        let seccomp = check(WallKind::Seccomp, seccomp::raise(options.network()))?;
        Ok(Standing {
            landlock,
            seccomp,
            no_new_privileges,
        })
    }
}

/// That this thread is the only one.
fn alone() -> Result<(), WallsError> {
    const THREADS: &str = "/proc/self/task";
    let threads = fs::read_dir(THREADS).map_err(|source| WallsError::Path {
        path: THREADS.into(),
        source,
    })?;
    match threads.count() {
        0 | 1 => Ok(()),
        threads => Err(WallsError::Threads { threads }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_is_told_in_json() {
        let standing = Standing {
            landlock: Wall::Stands {
                detail: "ABI 7".to_owned(),
            },
            seccomp: Wall::Down {
                why: "none".to_owned(),
            },
            no_new_privileges: Wall::Down { why: String::new() },
        };
        let json = serde_json::to_value(&standing).unwrap();
        assert_eq!(
            json["landlock"],
            serde_json::json!({"state": "stands", "detail": "ABI 7"})
        );
        assert_eq!(
            json["seccomp"],
            serde_json::json!({"state": "down", "why": "none"})
        );
    }

    /// Tests run in threads, so here it is always too late: nothing is raised, and the test's process stays as it was.
    #[test]
    fn a_process_with_threads_is_refused() {
        let other = std::thread::spawn(std::thread::park);
        let error = Walls::plan(WallsOptions::default()).unwrap().raise();
        assert!(matches!(error, Err(WallsError::Threads { threads: 2.. })));
        other.thread().unpark();
        other.join().expect("it ends");
    }
}
