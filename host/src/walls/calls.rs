//! The system calls that the process keeps, those that it does without, and those that it may make in one way only.
//!
//! Found by watching all tests run, then filled up to whole families (who may `pwrite64` may `pwritev`), so that another
//! libc or kernel finds what it uses instead. What stands in neither list gets `ENOSYS`, and libc then does without it:
//! so `clone3`, whose flags lie in memory where no filter sees them, becomes `clone`, whose flags are an argument.

use libc::c_int;
use rustix::ioctl::opcode;

use super::Network;

/// Kept, with any arguments.
pub(super) const KEPT: &[i64] = &[
    // Files that are open, pipes, events.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_fchmod,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_memfd_create,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    // Files by name; which ones is Landlock's to say.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_utimensat,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_msync,
    libc::SYS_membarrier,
    // Threads, and signals to oneself.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time, chance, and who one is.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    // Sockets that exist; which can be made stands below.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // A filter on top only refuses more.
    libc::SYS_seccomp,
];

/// Older forms of some of them, which glibc uses on this processor.
#[cfg(target_arch = "x86_64")]
pub(super) const KEPT_OLDER: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
/// Other processors have the newer forms only, this one all but this.
#[cfg(target_arch = "aarch64")]
pub(super) const KEPT_OLDER: &[i64] = &[libc::SYS_renameat];
/// Other processors have the newer forms only.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const KEPT_OLDER: &[i64] = &[];

/// Known, and refused with `EPERM`: what a program that was taken over would ask for. All others that are not kept are
/// refused too; these are named so that an error tells a refusal from an old kernel, and a test holds them.
const REFUSED: &[i64] = &[
    // Other programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Namespaces, mounts and roots.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Files past their names and their rights.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknodat,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_fsetxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // Large parts of the kernel that nothing here needs.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Who one is, and how the machine runs.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
];

/// All that are refused with `EPERM` in any way.
pub(super) fn refused(network: Network) -> impl Iterator<Item = i64> {
    let connect = (network == Network::Closed).then_some(libc::SYS_connect);
    REFUSED.iter().copied().chain(connect)
}

/// What an argument must be: the bits of `mask` are those of `value`. The kernel reads these arguments as 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arg {
    pub(super) index: u8,
    pub(super) mask: u32,
    pub(super) value: u32,
}

/// A call that may be made in certain ways: one of the lists holds for its arguments. No list at all is any way.
pub(super) type Ways = (i64, Vec<Vec<Arg>>);

/// The whole argument.
const WHOLE: u32 = u32::MAX;
/// The kind of a socket, without the flags that are set in the same argument.
const SOCKET_KIND: u32 = 0xf;
/// `TCGETS2`, by which newer versions of libc look whether a file is a terminal.
const TCGETS2: u32 = 0x802c_542a;

/// `PR_GET_AUXV` of `linux/prctl.h`.
const PR_GET_AUXV: u32 = 0x4155_5856;

fn bits(constant: c_int) -> u32 {
    constant.cast_unsigned()
}

fn is(index: u8, value: u32) -> Arg {
    Arg {
        index,
        mask: WHOLE,
        value,
    }
}

/// None of these bits.
fn without(index: u8, mask: u32) -> Arg {
    Arg {
        index,
        mask,
        value: 0,
    }
}

/// Refused with `EPERM` in any other way. `process` is this process's id; `network` whether it makes connections.
pub(super) fn restricted(network: Network, process: u32) -> Vec<Ways> {
    let any_of = |index, values: &[u32]| values.iter().map(|v| vec![is(index, *v)]).collect();
    let fast_open = bits(libc::MSG_FASTOPEN);
    let mut ways: Vec<Ways> = vec![
        (libc::SYS_clone, vec![threads_only()]),
        (libc::SYS_tgkill, vec![vec![is(0, process)]]),
        (libc::SYS_prlimit64, any_of(0, &[0, process])),
        (libc::SYS_prctl, any_of(0, &prctl())),
        (libc::SYS_ioctl, any_of(1, &ioctl())),
        (libc::SYS_socket, sockets(network)),
        (libc::SYS_socketpair, vec![vec![is(0, bits(libc::AF_UNIX))]]),
    ];
    // Data that is sent with the first packet connects too, and past what looks at `connect`.
    let flags = [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ];
    ways.extend(flags.map(|(call, index)| (call, vec![vec![without(index, fast_open)]])));
    if network != Network::Closed {
        ways.push((libc::SYS_connect, Vec::new()));
    }
    ways
}

/// A thread of this process, in its namespaces.
fn threads_only() -> Vec<Arg> {
    let thread = bits(libc::CLONE_THREAD);
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let all = namespaces.into_iter().fold(0, |all, one| all | bits(one));
    vec![Arg {
        index: 0,
        mask: thread | all,
        value: thread,
    }]
}

/// Names of threads and mappings, huge pages, the processor's abilities (`PR_GET_AUXV`).
fn prctl() -> [u32; 8] {
    let [a, b, c, d, e, f, g] = [
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_SET_VMA,
        libc::PR_SET_NO_NEW_PRIVS,
        libc::PR_GET_NO_NEW_PRIVS,
        libc::PR_SET_THP_DISABLE,
        libc::PR_GET_THP_DISABLE,
    ]
    .map(bits);
    [a, b, c, d, e, f, g, PR_GET_AUXV]
}

/// Looking which pages were written, whether a file is a terminal and how wide; not blocking.
fn ioctl() -> [u32; 7] {
    /// `struct pm_scan_arg` of `linux/fs.h`, by its size.
    type PageScan = [u64; 12];
    let own = [
        libc::TCGETS,
        libc::TIOCGWINSZ,
        libc::FIONBIO,
        libc::FIONREAD,
        libc::FIOCLEX,
    ]
    .map(|request| u32::try_from(request).expect("requests have 32 bits"));
    let [terminal, width, blocking, readable, on_exec] = own;
    let pages = opcode::read_write::<PageScan>(b'f', 16);
    [terminal, TCGETS2, width, blocking, readable, on_exec, pages]
}

/// TCP; on an open network also UDP, and netlink's routes, which the resolver looks at.
///
/// No Unix sockets by name, since what listens on them may be a way out (a container manager, a service bus); no raw
/// ones.
fn sockets(network: Network) -> Vec<Vec<Arg>> {
    let socket = |family, kind, more: Option<Arg>| {
        let kind = Arg {
            index: 1,
            mask: SOCKET_KIND,
            value: bits(kind),
        };
        [is(0, bits(family)), kind]
            .into_iter()
            .chain(more)
            .collect()
    };
    let internet = [libc::AF_INET, libc::AF_INET6];
    let mut ways: Vec<Vec<Arg>> = internet
        .iter()
        .map(|family| socket(*family, libc::SOCK_STREAM, None))
        .collect();
    if network == Network::Open {
        ways.extend(internet.map(|family| socket(family, libc::SOCK_DGRAM, None)));
        let routes = Some(is(2, bits(libc::NETLINK_ROUTE)));
        ways.push(socket(libc::AF_NETLINK, libc::SOCK_RAW, routes));
    }
    ways
}
