//! What the process reads by itself while it runs, whatever it was told to serve.
//!
//! Found by watching runs of all tests with each path taken away. What is not there on a machine is left out; nothing
//! here holds anything that belongs to a user.

use super::landlock::Hierarchy;

/// Always.
const READ: &[&str] = &[
    // Its own: which pages were written (`sandbox/reset.rs`), the stack of the main thread, its control group.
    "/proc/self",
    // How many mappings it may have, which bounds the sandboxes; how memory is given out.
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/overcommit_memory",
    // What `wrun info` tells of the machine.
    "/proc/sys/kernel/osrelease",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/sys/kernel/mm/transparent_hugepage",
    // How many cores it may use.
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// Always, for writing too.
const WRITE: &[&str] = &["/dev/null"];

/// When connections are made to others: resolving names and checking certificates. No private keys, so not all of
/// `/etc/ssl` and `/etc/pki`. The resolver loads its modules from the system's libraries.
const OUTBOUND: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/etc/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Those of them that are there.
pub(super) fn hierarchies(outbound: bool) -> Vec<Hierarchy> {
    let outbound = if outbound { OUTBOUND } else { &[] };
    let read = READ.iter().chain(outbound).map(|path| (path.into(), false));
    // Its own program: a backtrace names its functions from there.
    let program = std::env::current_exe().ok().map(|path| (path, false));
    read.chain(program)
        .chain(WRITE.iter().map(|path| (path.into(), true)))
        .filter_map(|(path, writable)| Hierarchy::open(&path, writable).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_left_out_and_the_rest_is_opened() {
        let closed = hierarchies(false).len();
        assert!(closed > 5, "{closed}");
        assert!(closed <= READ.len() + WRITE.len() + 1);
        assert!(hierarchies(true).len() > closed);
    }
}
