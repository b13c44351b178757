//! Landlock: which files, TCP ports and processes this one can reach.
//!
//! Everything that the kernel's ABI can restrict is, and only the planned paths and ports are let through. On an older
//! kernel less is restricted, and the wall's detail names what. Known rights go up to ABI 9; a kernel with a later one is
//! used as if it had that.
//!
//! It does not hold back what goes through no file and no TCP port: UDP, and sockets of other families. Those are
//! seccomp's.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    PathFdError, RestrictSelf, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    make_bitflags,
};

use super::{Network, WallsError, WallsOptions};

/// The newest ABI whose rights are known here.
const NEWEST: ABI = ABI::V9;

/// What an older kernel lacks: before which ABI, before which kernel, and what.
const LACKING: &[(ABI, &str, &str)] = &[
    (ABI::V2, "5.19", "files can't be moved between directories"),
    (ABI::V3, "6.2", "files outside can be cut short"),
    (ABI::V4, "6.7", "TCP ports are not restricted"),
    (
        ABI::V5,
        "6.10",
        "control calls to devices are not restricted",
    ),
    (
        ABI::V6,
        "6.12",
        "signals and abstract sockets are not restricted",
    ),
];

/// A path that stays open, and what may be done below it.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// Held open, see [`super::RAISED`].
    pub(super) path: PathFd,
    pub(super) access: BitFlags<AccessFs>,
}

impl Hierarchy {
    /// Opens a directory or a file, without a right to its contents.
    pub(super) fn open(path: &Path, writable: bool) -> Result<Self, WallsError> {
        let unusable = |source| WallsError::Path {
            path: path.to_owned(),
            source,
        };
        let is_dir = path.metadata().map_err(unusable)?.is_dir();
        let opened = PathFd::new(path).map_err(|error| match error {
            PathFdError::OpenCall { source, .. } => unusable(source),
            other => unusable(std::io::Error::other(other)),
        })?;
        Ok(Self {
            path: opened,
            access: access(is_dir, writable),
        })
    }
}

/// Nothing is ever executed, and no devices, pipes or sockets are made.
fn access(is_dir: bool, writable: bool) -> BitFlags<AccessFs> {
    let mut access = make_bitflags!(AccessFs::{ ReadFile | ReadDir });
    if writable {
        access |= make_bitflags!(AccessFs::{
            WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
        });
    }
    if !is_dir {
        access &= AccessFs::from_file(NEWEST);
    }
    access
}

/// No program that this process could start gets more rights than it has.
pub(super) fn no_new_privileges() -> Result<String, String> {
    let status = RestrictSelf::default().no_new_privs(true).apply();
    match status {
        Ok(status) if status.no_new_privs => {
            Ok("programs that are started get no more rights".to_owned())
        }
        Ok(_) => Err("the kernel does not know it".to_owned()),
        Err(error) => Err(reason(&error)),
    }
}

/// Restricts this thread, and with it those that it starts.
pub(super) fn raise<'a>(
    options: &WallsOptions,
    paths: impl Iterator<Item = (&'a PathFd, BitFlags<AccessFs>)>,
) -> Result<String, String> {
    let status = restrict(options, paths).map_err(|error| reason(&error))?;
    match status {
        LandlockStatus::NotImplemented => {
            Err("the kernel has no Landlock (Linux has it from 5.13 on)".to_owned())
        }
        LandlockStatus::NotEnabled => {
            Err("the kernel's Landlock is switched off (its parameter `lsm=`)".to_owned())
        }
        LandlockStatus::Available { effective_abi, .. } => Ok(detail(options, effective_abi)),
    }
}

fn restrict<'a>(
    options: &WallsOptions,
    paths: impl Iterator<Item = (&'a PathFd, BitFlags<AccessFs>)>,
) -> Result<LandlockStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(NEWEST))?;
    if !options.outbound {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let rules = paths.map(|(path, access)| Ok::<_, RulesetError>(PathBeneath::new(path, access)));
    let listen = options.listen_ports.iter();
    let listen = listen.map(|port| NetPort::new(*port, AccessNet::BindTcp));
    let connect = options.connect_ports.iter().filter(|_| !options.outbound);
    let connect = connect.map(|port| NetPort::new(*port, AccessNet::ConnectTcp));
    let ports = listen.chain(connect).map(Ok::<_, RulesetError>);
    let status = ruleset
        .create()?
        .add_rules(rules)?
        .add_rules(ports)?
        .restrict_self()?;
    Ok(status.landlock)
}

/// What stands, and what this kernel can't hold back.
fn detail(options: &WallsOptions, abi: ABI) -> String {
    let mut detail = format!(
        "ABI {abi}; written: {}, read: {} and the system's",
        list(options.writable.iter().map(|path| path.display())),
        list(options.readable.iter().map(|path| path.display())),
    );
    if abi >= ABI::V4 {
        let connect = match options.network() {
            Network::Open => "any connections".to_owned(),
            Network::Closed => "no connections".to_owned(),
            Network::Connects => {
                format!("connections to {}", list(options.connect_ports.iter()))
            }
        };
        detail += &format!(
            "; TCP: {connect}, listening on {}",
            list(options.listen_ports.iter())
        );
    }
    for (_, kernel, lack) in LACKING.iter().filter(|(since, ..)| abi < *since) {
        detail += &format!("; {lack} (before Linux {kernel})");
    }
    detail
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.join(", ")
}

/// An error with what caused it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text += ": ";
            text += &more;
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writable_directories_are_written_and_nothing_is_executed() {
        for is_dir in [false, true] {
            for writable in [false, true] {
                let access = access(is_dir, writable);
                let mut write = AccessFs::from_write(NEWEST);
                write &= access;
                assert_eq!(write.is_empty(), !writable, "{access:?}");
                assert_eq!(access.contains(AccessFs::ReadDir), is_dir);
                assert_eq!(access.contains(AccessFs::MakeReg), is_dir && writable);
                for never in [
                    AccessFs::Execute,
                    AccessFs::MakeSock,
                    AccessFs::MakeBlock,
                    AccessFs::MakeChar,
                    AccessFs::MakeFifo,
                    AccessFs::IoctlDev,
                ] {
                    assert!(!access.contains(never), "{never:?}");
                }
            }
        }
    }

    #[test]
    fn an_old_kernel_is_told_by_what_it_lacks() {
        let options = WallsOptions {
            writable: vec!["/w".into()],
            listen_ports: vec![80, 443],
            ..WallsOptions::default()
        };
        let new = detail(&options, ABI::V7);
        assert_eq!(
            new,
            "ABI 7; written: /w, read: nothing and the system's; TCP: no connections, listening on 80, 443"
        );
        let old = detail(&options, ABI::V3);
        assert!(old.contains("TCP ports are not restricted (before Linux 6.7)"));
        assert!(!old.contains("cut short"), "{old}");
    }

    #[test]
    fn a_missing_path_is_named() {
        let error = Hierarchy::open(Path::new("/nowhere/at all"), true).unwrap_err();
        assert!(error.to_string().contains("`/nowhere/at all`"), "{error}");
    }
}
