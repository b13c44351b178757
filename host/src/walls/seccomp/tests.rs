//! The filters, run by a small interpreter as the kernel runs them: calls that no test should make can be asked about.

use std::collections::BTreeSet;

use super::{
    Network::{Closed, Connects, Open},
    *,
};

const PROCESS: u32 = 4242;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// `AUDIT_ARCH_…` of `linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;

/// What one filter says of a call: `struct seccomp_data` in words of 32 bits, lower half of each argument first.
fn run(program: &BpfProgram, data: &[u32; 16]) -> u32 {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
        match step.code {
            0x20 => accumulator = data[usize::try_from(step.k).unwrap() / 4],
            0x54 => accumulator &= step.k,
            0x05 => at += usize::try_from(step.k).unwrap(),
            0x15 => at += jump(accumulator == step.k),
            0x25 => at += jump(accumulator > step.k),
            0x35 => at += jump(accumulator >= step.k),
            0x06 => return step.k,
            other => panic!("{other:#x} is no instruction that these filters use"),
        }
    }
}

/// What the kernel makes of both: the stronger action, and of equal ones the later filter's.
fn both(network: Network, arch: u32, call: i64, args: &[u64]) -> u32 {
    let mut data = [0; 16];
    data[0] = u32::try_from(call).unwrap();
    data[1] = arch;
    for (index, arg) in args.iter().enumerate() {
        data[4 + 2 * index] = u32::try_from(arg & 0xffff_ffff).unwrap();
        data[5 + 2 * index] = u32::try_from(arg >> 32).unwrap();
    }
    let [wall, known] = programs(network, PROCESS)
        .unwrap()
        .map(|program| run(&program, &data));
    let action = |result: u32| (result & libc::SECCOMP_RET_ACTION_FULL).cast_signed();
    if action(wall) < action(known) {
        wall
    } else {
        known
    }
}

/// `None` when it is allowed.
fn error(network: Network, call: i64, args: &[u64]) -> Option<c_int> {
    match both(network, ARCH, call, args) {
        ALLOW => None,
        refused => {
            assert_eq!(
                refused & libc::SECCOMP_RET_ACTION_FULL,
                libc::SECCOMP_RET_ERRNO
            );
            Some((refused & libc::SECCOMP_RET_DATA).cast_signed())
        }
    }
}

fn flags(flags: &[c_int]) -> u64 {
    flags
        .iter()
        .fold(0, |all, flag| all | u64::from(flag.cast_unsigned()))
}

#[test]
fn no_call_is_in_two_lists() {
    for network in [Closed, Connects, Open] {
        let all: Vec<i64> = calls::KEPT
            .iter()
            .chain(calls::KEPT_OLDER)
            .copied()
            .chain(calls::refused(network))
            .chain(
                calls::restricted(network, PROCESS)
                    .into_iter()
                    .map(|(call, _)| call),
            )
            .collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}

#[test]
fn what_is_kept_is_allowed_with_any_arguments() {
    for call in calls::KEPT.iter().chain(calls::KEPT_OLDER) {
        for args in [&[0; 6], &[u64::MAX; 6]] {
            assert_eq!(error(Closed, *call, args), None, "{call}");
        }
    }
}

#[test]
fn what_is_refused_is_refused_with_any_arguments() {
    for network in [Closed, Connects, Open] {
        for call in calls::refused(network) {
            for args in [&[0; 6], &[u64::MAX; 6]] {
                assert_eq!(error(network, call, args), Some(libc::EPERM), "{call}");
            }
        }
    }
    for call in [
        libc::SYS_execve,
        libc::SYS_ptrace,
        libc::SYS_mount,
        libc::SYS_bpf,
    ] {
        assert_eq!(error(Open, call, &[]), Some(libc::EPERM));
    }
}

/// A call that is new, or not named, is as on a kernel that has none: libc falls back.
#[test]
fn what_is_not_named_is_as_if_there_were_none() {
    for call in [libc::SYS_clone3, libc::SYS_landlock_create_ruleset, 9_999] {
        assert_eq!(error(Open, call, &[]), Some(libc::ENOSYS));
    }
}

#[test]
fn calls_of_another_processor_mode_end_the_process() {
    let i386 = 0x4000_0003;
    let result = both(Closed, i386, libc::SYS_read, &[]);
    assert_eq!(result, libc::SECCOMP_RET_KILL_PROCESS);
}

/// The numbers of x32 are those of x86-64 with one bit more.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_x32_are_refused() {
    for call in [libc::SYS_read, 520] {
        assert!(error(Closed, call | 0x4000_0000, &[]).is_some());
    }
}

#[test]
fn threads_are_made_and_nothing_else() {
    let thread = [
        libc::CLONE_VM,
        libc::CLONE_FS,
        libc::CLONE_FILES,
        libc::CLONE_SIGHAND,
        libc::CLONE_THREAD,
        libc::CLONE_SYSVSEM,
        libc::CLONE_SETTLS,
        libc::CLONE_PARENT_SETTID,
        libc::CLONE_CHILD_CLEARTID,
    ];
    let clone = |flags: u64| error(Closed, libc::SYS_clone, &[flags]);
    assert_eq!(clone(flags(&thread)), None);
    assert_eq!(clone(flags(&[libc::SIGCHLD])), Some(libc::EPERM), "fork");
    let spawn = [libc::CLONE_VM, libc::CLONE_VFORK, libc::SIGCHLD];
    assert_eq!(clone(flags(&spawn)), Some(libc::EPERM), "posix_spawn");
    for namespace in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWPID,
    ] {
        let new = flags(&thread) | flags(&[namespace]);
        assert_eq!(clone(new), Some(libc::EPERM), "{namespace:#x}");
    }
}

#[test]
fn sockets_are_those_of_the_plan() {
    let socket = |network, family, kind: c_int, protocol: c_int| {
        let args = [
            family,
            kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            protocol,
        ];
        error(network, libc::SYS_socket, &args.map(|arg| flags(&[arg]))).is_none()
    };
    for network in [Closed, Connects, Open] {
        for family in [libc::AF_INET, libc::AF_INET6] {
            assert!(socket(network, family, libc::SOCK_STREAM, 0));
            assert_eq!(
                socket(network, family, libc::SOCK_DGRAM, 0),
                network == Open
            );
            assert!(!socket(network, family, libc::SOCK_RAW, libc::IPPROTO_RAW));
        }
        assert_eq!(
            socket(
                network,
                libc::AF_NETLINK,
                libc::SOCK_RAW,
                libc::NETLINK_ROUTE
            ),
            network == Open
        );
        assert!(!socket(
            network,
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_NETFILTER
        ));
        for family in [libc::AF_UNIX, libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG] {
            for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
                assert!(!socket(network, family, kind, 0), "{family}");
            }
        }
        let pair = |family| error(network, libc::SYS_socketpair, &[flags(&[family]), 1]);
        assert_eq!(pair(libc::AF_UNIX), None);
        assert_eq!(pair(libc::AF_INET), Some(libc::EPERM));
    }
}

/// The kernel takes these arguments as 32 bits: what stands above can't get one past the filter, or keep one out.
#[test]
fn the_upper_half_of_an_argument_is_not_looked_at() {
    let above = 1 << 32;
    let (inet, packet) = (flags(&[libc::AF_INET]), flags(&[libc::AF_PACKET]));
    assert_eq!(error(Closed, libc::SYS_socket, &[inet | above, 1]), None);
    assert!(error(Closed, libc::SYS_socket, &[packet | above, 1]).is_some());
}

#[test]
fn connections_are_made_only_outbound() {
    assert_eq!(error(Open, libc::SYS_connect, &[3]), None);
    assert_eq!(error(Connects, libc::SYS_connect, &[3]), None);
    assert_eq!(error(Closed, libc::SYS_connect, &[3]), Some(libc::EPERM));
    for network in [Closed, Connects, Open] {
        let with = |call, at: usize, flag| {
            let mut args = [0; 6];
            args[at] = flags(&[libc::MSG_NOSIGNAL, flag]);
            error(network, call, &args)
        };
        for (call, at) in [
            (libc::SYS_sendto, 3),
            (libc::SYS_sendmsg, 2),
            (libc::SYS_sendmmsg, 3),
        ] {
            assert_eq!(with(call, at, 0), None);
            assert_eq!(with(call, at, libc::MSG_FASTOPEN), Some(libc::EPERM));
        }
    }
}

#[test]
fn signals_limits_and_controls_are_of_this_process_and_few() {
    let own = u64::from(PROCESS);
    assert_eq!(error(Closed, libc::SYS_tgkill, &[own, 7, 6]), None);
    assert!(error(Closed, libc::SYS_tgkill, &[1, 1, 9]).is_some());
    assert_eq!(error(Closed, libc::SYS_prlimit64, &[0, 7]), None);
    assert!(error(Closed, libc::SYS_prlimit64, &[1, 7]).is_some());
    let prctl = |option| error(Closed, libc::SYS_prctl, &[flags(&[option])]);
    assert_eq!(prctl(libc::PR_SET_NAME), None);
    for option in [libc::PR_SET_DUMPABLE, libc::PR_SET_MM, libc::PR_SET_PTRACER] {
        assert_eq!(prctl(option), Some(libc::EPERM), "{option}");
    }
    let page_scan = 0xc060_6610;
    assert_eq!(error(Closed, libc::SYS_ioctl, &[3, page_scan]), None);
    for request in [libc::TIOCSTI, libc::TIOCSCTTY] {
        let refused = error(Closed, libc::SYS_ioctl, &[3, request]);
        assert_eq!(refused, Some(libc::EPERM));
    }
}
