//! seccomp: which system calls there are for this process.
//!
//! Two filters. The first is the wall: what `calls.rs` keeps, in the ways that it says, and `EPERM` for all else. The
//! second only changes an error: a call that `calls.rs` does not name gets `ENOSYS`, as on an older kernel, so that libc
//! falls back to what it used before there was such a call. (Of two filters that refuse with an error the kernel takes
//! the later one's.) If that were wrong, calls would be refused all the same.
//!
//! Refused calls get an error, and the process lives: it serves many tenants, and one call that a new libc makes would
//! otherwise end all of their work. For a guest that broke out there is no difference.
//!
//! They hold for all threads of the process (`TSYNC`), though there is one only when they are raised, and for a program of
//! another processor mode (32-bit calls on x86-64) with the end of the process.

use std::collections::BTreeMap;

use libc::c_int;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::{
    Network,
    calls::{self, Arg},
};

/// For each call the ways in which it may be made; none means any.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Raises both filters.
pub(super) fn raise(network: Network) -> Result<String, String> {
    let programs = programs(network, std::process::id());
    for program in programs.map_err(|error| format!("its filter can't be made: {error}"))? {
        apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(format!(
        "{} system calls are kept, and {} in certain ways; others fail",
        calls::KEPT.len() + calls::KEPT_OLDER.len(),
        calls::restricted(network, 0).len()
    ))
}

/// The wall, and what makes errors of it that libc understands; to be raised in this order.
fn programs(network: Network, process: u32) -> Result<[BpfProgram; 2], BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let any = |call: &i64| (*call, Vec::new());
    let kept: Rules = calls::KEPT
        .iter()
        .chain(calls::KEPT_OLDER)
        .map(any)
        .collect();
    let mut wall = kept.clone();
    let mut known = kept;
    for (call, ways) in calls::restricted(network, process) {
        let ways: Result<Vec<_>, _> = ways.iter().map(|args| rule(args)).collect();
        wall.insert(call, ways?);
        known.insert(call, Vec::new());
    }
    known.extend(calls::refused(network).map(|call| (call, Vec::new())));
    let filter = |rules, error| {
        let refuse = SeccompAction::Errno(number(error));
        SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
    };
    Ok([filter(wall, libc::EPERM)?, filter(known, libc::ENOSYS)?])
}

fn number(error: c_int) -> u32 {
    error.cast_unsigned()
}

fn rule(args: &[Arg]) -> Result<SeccompRule, BackendError> {
    let condition = |arg: &Arg| {
        let compare = SeccompCmpOp::MaskedEq(arg.mask.into());
        SeccompCondition::new(
            arg.index,
            SeccompCmpArgLen::Dword,
            compare,
            arg.value.into(),
        )
    };
    let conditions: Result<Vec<_>, _> = args.iter().map(condition).collect();
    SeccompRule::new(conditions?)
}

#[cfg(test)]
mod tests;
