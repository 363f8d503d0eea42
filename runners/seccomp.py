"""The system calls that a vendor's container may make: an allow list in groups, each with its reason.

Everything that is not listed is refused with EPERM, also what a newer kernel adds. The profile is for x86_64 alone: the
32-bit and the x32 interface of the kernel are closed. `REFUSED` says why calls that a program may miss are left out,
and which error it gets; the tests try them one by one.

NumPy, threads, `multiprocessing` and `subprocess` work under it. Who misses file locks, `inotify` or extended
attributes has to do without: through each of them two containers that see one file of the host could talk.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ALLOW = "SCMP_ACT_ALLOW"
_REFUSE = "SCMP_ACT_ERRNO"
ARCHITECTURE = "SCMP_ARCH_X86_64"

NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: flags with which `clone` is refused."""
SOCKET_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
FCNTL_COMMANDS = (*range(5), *range(1030, 1035))
"""F_DUPFD to F_SETFL, F_DUPFD_CLOEXEC, the size of a pipe and the seals of a memfd: no lock, lease or notification."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Calls that a group of programs cannot do without."""

    name: str
    because: str
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Calls that are left out, with their numbers on x86_64, and the error that a program gets."""

    name: str
    because: str
    calls: Mapping[str, int]
    error: int = errno.EPERM


@dataclass(frozen=True, slots=True)
class Condition:
    """A call that is allowed with some values of one argument only; a rule each, any of which is enough."""

    call: str
    because: str
    argument: int
    values: tuple[int, ...]
    mask: int | None = None


ALLOWED = (
    Allowed(
        "files",
        "opening, reading, writing and listing what the mounts allow",
        (
            "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
            "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2",
            "fchown", "fchownat", "fdatasync", "fgetxattr", "flistxattr", "fstat", "fstatfs", "fsync", "ftruncate",
            "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "ioctl", "lchown", "lgetxattr", "link",
            "linkat", "listxattr", "llistxattr", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
            "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
            "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile", "stat",
            "statfs", "statx", "symlink", "symlinkat", "sync_file_range", "truncate", "umask", "unlink", "unlinkat",
            "utime", "utimensat", "utimes", "write", "writev",
        ),
    ),
    Allowed(
        "memory",
        "allocation, libraries, and shared memory between a program's own processes",
        (
            "brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "mincore", "mlock", "mlock2",
            "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
            "pkey_free", "pkey_mprotect", "shmat", "shmctl", "shmdt", "shmget",
        ),
    ),
    Allowed(
        "processes and threads",
        "pools of workers; a container's own init; what glibc and Go do at every start",
        (
            "arch_prctl", "capget", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue",
            "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "getegid", "geteuid", "getgid", "getgroups",
            "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit",
            "getrusage", "getsid", "gettid", "getuid", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64",
            "restart_syscall", "rseq", "set_robust_list", "set_tid_address", "setpgid", "setpriority", "setrlimit",
            "setsid", "vfork", "wait4", "waitid",
        ),
    ),
    Allowed(
        "scheduling",
        "OpenMP and BLAS place their threads; yielding",
        (
            "getcpu", "ioprio_get", "ioprio_set", "sched_get_priority_max", "sched_get_priority_min",
            "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
            "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
        ),
    ),
    Allowed(
        "signals",
        "between the container's own processes",
        (
            "kill", "pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
            "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack", "signalfd", "signalfd4", "tgkill",
            "tkill",
        ),
    ),
    Allowed(
        "time",
        "reading clocks, sleeping, timers",
        (
            "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep",
            "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
            "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
        ),
    ),
    Allowed(
        "waiting and pipes",
        "event loops, pipes to children",
        (
            "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
            "eventfd2", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "splice", "tee",
        ),
    ),
    Allowed(
        "sockets",
        "a program talks to itself: there is no network, and `socket` and `socketpair` open three families only",
        (
            "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
            "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
        ),
    ),
    Allowed(
        "semaphores and queues of System V",
        "private to the container's IPC namespace; some numerical libraries use them",
        ("msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop"),
    ),
    Allowed("the machine", "random numbers; the kernel's name; memory and time since start", (
        "getrandom", "sysinfo", "uname",
    )),
)  # fmt: skip
"""What is allowed whatever its arguments are."""

CONDITIONS = (
    Condition("socket", "netlink, packets, AF_ALG and AF_VSOCK lead into the kernel or to the hypervisor", 0,
              tuple(SOCKET_FAMILIES.values())),
    Condition("socketpair", "pairs within a program", 0, (SOCKET_FAMILIES["AF_UNIX"],)),
    Condition("clone", "threads and processes, never a namespace, in which a program would have capabilities", 0, (0,),
              mask=NEW_NAMESPACES),
    Condition("fcntl", "locks, leases and directory notifications reach other containers through a shared file", 1,
              FCNTL_COMMANDS),
)  # fmt: skip
"""What is allowed with these arguments only."""

REFUSED = (
    Refused("newer clone", "its flags lie in memory, where a filter cannot see them; libraries fall back to `clone`",
            {"clone3": 435}, errno.ENOSYS),
    Refused("asynchronous I/O", "io_uring makes calls that no filter sees, and has had many holes",
            {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "io_setup": 206, "io_destroy": 207,
             "io_getevents": 208, "io_submit": 209, "io_cancel": 210, "io_pgetevents": 333}, errno.ENOSYS),
    Refused("restricting oneself", "Landlock and further filters: code of the kernel that nothing here needs",
            {"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "seccomp": 317},
            errno.ENOSYS),
    Refused("file locks", "a channel between containers that see one file, such as a study or the init program",
            {"flock": 73}),
    Refused("watching files", "a channel between containers that see one folder",
            {"inotify_init": 253, "inotify_init1": 294, "inotify_add_watch": 254, "inotify_rm_watch": 255,
             "fanotify_init": 300, "fanotify_mark": 301}),
    Refused("message queues", "kernel memory beyond the limit of the container's own files",
            {"mq_open": 240, "mq_unlink": 241, "mq_timedsend": 242, "mq_timedreceive": 243, "mq_notify": 244,
             "mq_getsetattr": 245}),
    Refused("writing extended attributes", "kernel memory and disk that no quota counts",
            {"setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
             "fremovexattr": 199}),
    Refused("special files", "devices; and FIFOs, on which a reader of the host would hang",
            {"mknod": 133, "mknodat": 259}),
    Refused("identity", "a container has one user for good",
            {"setuid": 105, "setgid": 106, "setreuid": 113, "setregid": 114, "setgroups": 116, "setresuid": 117,
             "setresgid": 119, "setfsuid": 122, "setfsgid": 123, "capset": 126}),
    Refused("keys", "the kernel's keyrings are shared by all containers of a user",
            {"add_key": 248, "request_key": 249, "keyctl": 250}),
    Refused("other processes' memory", "debuggers; the usual first step out of a sandbox",
            {"ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "process_madvise": 440,
             "process_mrelease": 448, "kcmp": 312, "pidfd_getfd": 438}),
    Refused("kernel programs and tracing", "BPF, counters and user-made page faults help to exploit a kernel",
            {"bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "lookup_dcookie": 212, "syslog": 103}),
    Refused("namespaces and mounts", "the container's view of files is made before it starts",
            {"unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
             "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
             "mount_setattr": 442}),
    Refused("files by handle", "opens files outside of the container's mounts (Shocker)",
            {"name_to_handle_at": 303, "open_by_handle_at": 304}),
    Refused("modules and kernels", "loads code into the host's kernel, or another one",
            {"init_module": 175, "finit_module": 313, "delete_module": 176, "create_module": 174, "kexec_load": 246,
             "kexec_file_load": 320}),
    Refused("the host's state", "its clock, name, swap, accounting, quotas, ports and power",
            {"settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "sethostname": 170,
             "setdomainname": 171, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179, "quotactl_fd": 443,
             "reboot": 169, "iopl": 172, "ioperm": 173, "vhangup": 153}),
    Refused("flushing every disk", "waits for what others write, which tells of them, and burdens the host",
            {"sync": 162, "syncfs": 306}),
    Refused("memory's place", "moves pages between nodes; hides them from the host; gives pages away to pipes",
            {"mbind": 237, "set_mempolicy": 238, "get_mempolicy": 239, "migrate_pages": 256, "move_pages": 279,
             "set_mempolicy_home_node": 450, "memfd_secret": 447, "vmsplice": 278, "remap_file_pages": 216,
             "cachestat": 451}),
    Refused("old interfaces", "nothing of today calls them; `personality` switches address randomisation off",
            {"personality": 135, "modify_ldt": 154, "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156,
             "nfsservctl": 180}),
)  # fmt: skip
"""What is left out, and why."""


def profile(*, telling: int | None = None) -> dict[str, Any]:
    """Return the profile as engines take it.

    Args:
        telling: An errno that the calls of `REFUSED` get instead of their own. A test that sees it knows that the
            filter answered, and not a later check of the kernel.
    """
    rules: list[dict[str, Any]] = [{"names": sorted(group.calls), "action": _ALLOW} for group in ALLOWED]
    for condition in CONDITIONS:
        rules += [
            {"names": [condition.call], "action": _ALLOW, "args": [_comparison(condition, value)]}
            for value in condition.values
        ]
    for group in REFUSED:
        error = telling or group.error
        if error != errno.EPERM:
            rules.append({"names": sorted(group.calls), "action": _REFUSE, "errnoRet": error})
    return {"defaultAction": _REFUSE, "architectures": [ARCHITECTURE], "syscalls": rules}


def profile_text(*, telling: int | None = None) -> str:
    """Return the profile as the JSON text that a create request carries."""
    return json.dumps(profile(telling=telling), sort_keys=True, separators=(",", ":"))


def profile_digest(text: str) -> str:
    """Return the SHA-256 by which manifests name a profile."""
    return hashlib.sha256(text.encode()).hexdigest()


def _comparison(condition: Condition, value: int) -> dict[str, Any]:
    if condition.mask is None:
        return {"index": condition.argument, "value": value, "op": "SCMP_CMP_EQ"}
    return {"index": condition.argument, "value": condition.mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
