"""Kill a child as it is about to make its n-th system call that changes a file.

By ptrace through ctypes: nothing need be installed. Linux alone has this ptrace, on x86_64 and aarch64 the numbers of
the calls are known here. Only the child's first thread is watched. What SQLite writes into its shared memory (`-shm`)
is no system call; that file is made anew from the log after a crash.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys

from tests.crash.campaign import forked

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_GOOD_STOPS, _END_WITH_TRACER = 0x1, 0x100000
_STOPPED_IN_CALL = signal.SIGTRAP | 0x80
_ENTERING = 1
_CALLS = {
    "x86_64": """1 write 18 pwrite64 20 writev 296 pwritev 74 fsync 75 fdatasync 76 truncate 77 ftruncate 285 fallocate
        2 open 257 openat 85 creat 133 mknod 259 mknodat 83 mkdir 258 mkdirat 84 rmdir 87 unlink 263 unlinkat
        82 rename 264 renameat 316 renameat2 86 link 265 linkat""",
    "aarch64": """64 write 68 pwrite64 66 writev 70 pwritev 82 fsync 83 fdatasync 45 truncate 46 ftruncate 47 fallocate
        56 openat 33 mknodat 34 mkdirat 35 unlinkat 38 renameat 276 renameat2 37 linkat""",
}
_FLAGS = {"open": 1, "openat": 2}  # which argument says whether the file is made


def killed_before(number, work):
    """Let a child do the work, and kill it before its call of that number, from 1 on.

    The name of the call; None where the child came to its end first. Raises RuntimeError where this cannot be done.
    """
    pid = forked(lambda _: _watched(work))
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSTOPPED(status):
        raise RuntimeError("a child could not ask to be traced (ptrace): this container or kernel forbids it")
    try:
        _ptrace(_SETOPTIONS, pid, 0, _GOOD_STOPS | _END_WITH_TRACER)
        return _followed(pid, number)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _watched(work):
    _ptrace(_TRACEME, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    work()


def _followed(pid, number):
    names, made, passed_on = _numbers(), 0, 0
    while True:
        _ptrace(_SYSCALL, pid, 0, passed_on)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            assert status == 0, "a child failed"
            return None
        stop = os.WSTOPSIG(status)
        passed_on = 0 if stop in (_STOPPED_IN_CALL, signal.SIGTRAP) else stop
        name = _changing(pid, names) if stop == _STOPPED_IN_CALL else None
        made += name is not None
        if name is not None and made == number:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return name


def _changing(pid, names):
    """The name of the call that begins, if it changes a file."""
    answer = ctypes.create_string_buffer(128)
    _ptrace(_GET_SYSCALL_INFO, pid, len(answer), ctypes.addressof(answer))
    stage, call, *arguments = struct.unpack_from("<B23x7Q", answer)
    name = names.get(call) if stage == _ENTERING else None
    if name in _FLAGS and not arguments[_FLAGS[name]] & (os.O_CREAT | os.O_TRUNC):
        return None
    return name


def _numbers():
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if sys.platform != "linux" or machine not in _CALLS:
        raise RuntimeError(f"system calls are followed on Linux, x86_64 and aarch64, not on {sys.platform}, {machine}")
    words = _CALLS[machine].split()
    return dict(zip(map(int, words[::2]), words[1::2], strict=True))


def _ptrace(request, pid, address, value):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(request, pid, address, value) < 0:
        reason = os.strerror(ctypes.get_errno())
        raise RuntimeError(f"ptrace is needed to kill at every system call, and this system says: {reason}")
