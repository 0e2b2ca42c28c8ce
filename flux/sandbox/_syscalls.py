"""
The system calls that a child may not make any more, as a seccomp filter: a BPF program, written by hand, for x86_64 and aarch64.

It refuses (EPERM) what opens a way out that no folder rule and no network namespace closes: sockets, programs, processes, other processes'
memory, mounts, the rights and times of files, and the doors around such a filter. A call of another architecture ends the process.
"""

import os
import platform
from struct import pack

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "connect": 42, "accept": 43, "sendmsg": 46, "bind": 49, "listen": 50, "socketpair": 53, "accept4": 288, "sendmmsg": 307,
        "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322,
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
        "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "fchownat": 260, "fchmodat": 268,
        "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280,
        "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
        "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "unshare": 272, "open_by_handle_at": 304, "setns": 308,
        "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "memfd_create": 319,
        "add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "bpf": 321, "userfaultfd": 323,
        "kill": 62, "tkill": 200, "tgkill": 234, "prlimit64": 302,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "accept": 202, "sendmsg": 211, "bind": 200, "listen": 201, "socketpair": 199, "accept4": 242, "sendmmsg": 269,
        "clone": 220, "execve": 221, "execveat": 281,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
        "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55, "utimensat": 88,
        "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "unshare": 97, "open_by_handle_at": 265, "setns": 268,
        "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194, "memfd_create": 279,
        "add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241, "bpf": 280, "userfaultfd": 282,
        "kill": 129, "tkill": 130, "tgkill": 131, "prlimit64": 261,
    },
}  # fmt: skip
_SINCE_2019 = (  # one number on every architecture
    424,  # pidfd_send_signal
    425, 426, 427,  # io_uring: its calls pass no filter
    428, 429, 430, 432, 433,  # open_tree, move_mount, fsopen, fsmount, fspick
    434, 435, 438,  # pidfd_open, clone3, pidfd_getfd
    442, 452, 463, 466,  # mount_setattr, fchmodat2, setxattrat, removexattrat
)  # fmt: skip
_TO_ITSELF = ("kill", "tkill", "tgkill")  # abort() must work

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data, little-endian
_KILL, _EPERM, _ALLOW = 0x8000_0000, 0x0005_0001, 0x7FFF_0000
_X32 = 0x4000_0000  # the second numbering of x86_64, which would go around the first


def program() -> bytes:
    """The filter for this machine and this process, as the kernel takes it: eight bytes an instruction; none where no table fits."""
    machine = platform.machine()
    if machine not in _NUMBERS:
        return b""
    numbers = dict(_NUMBERS[machine])
    guarded = {numbers.pop(name): os.getpid() for name in _TO_ITSELF} | {numbers.pop("prlimit64"): 0}
    refused = sorted({*numbers.values(), *_SINCE_2019})
    asked = b"".join(_only_with(number, first) for number, first in guarded.items())
    rest = len(asked) // 8 + 1  # up to the refusal at the end
    return b"".join((
        _step(_LOAD, _ARCH_AT), _step(_EQUAL, _ARCH[machine], 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT), _step(_AT_LEAST, _X32, len(refused) + rest, 0),
        *(_step(_EQUAL, number, len(refused) - n + rest, 0) for n, number in enumerate(refused, 1)),
        asked, _step(_RETURN, _ALLOW), _step(_RETURN, _EPERM),
    ))  # fmt: skip


def _only_with(number: int, first: int) -> bytes:
    """Let a call pass with this first argument only."""
    return b"".join((
        _step(_EQUAL, number, 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT), _step(_EQUAL, first, 0, 1), _step(_RETURN, _ALLOW), _step(_RETURN, _EPERM),
    ))  # fmt: skip


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; *yes*, *no*: how many to leap over."""
    return pack("=HBBI", code, yes, no, value)
