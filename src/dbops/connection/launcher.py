"""The few steps between fork and the real program, in a process of their own.

Run as `python -I -S launcher.py SETTINGS PROGRAM ARGUMENTS…`, never imported by dbops at run time. It takes the rights
away, asks the kernel for the parent-death signal and becomes the program. Rules, in order:

1. Network and user namespace first, while the rights to make them are still there.
2. Groups, group, user: each can fail, and a failure ends here; no program ever runs with more than was asked for.
3. The parent-death signal *after* the user: the kernel clears it whenever a process changes its user.
4. Was the parent gone before step 3? Then nobody would ever send the signal: end at once.

Why a process, not `preexec_fn`: CPython runs that after the uid switch, so the order would be right, but it runs Python
between fork and exec of a process that may have threads, which can deadlock and which 3.12 warns about. And why Python
and not `setpriv`: that is not everywhere, and the interpreter is, opened while still root, even under a 0700 directory.

What fails before exec goes to the report descriptor as `phase errno text`; it closes silently when exec succeeds.
Only the standard library, and of that what costs nothing to load: a drill starts a dozen programs, and each waits for
this. `-S` keeps site-packages out; without json, pathlib and typing it is about 12 ms, with them it was 29.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False  # importing it from typing would cost more than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


class _Settings:
    """What `run_as.Surroundings` arranges: numbers in the order of its `command`, -1 for what is not asked for."""

    def __init__(self, text: str) -> None:
        self.report, self.parent, self.death_signal, self.new_network, *users = map(int, text.split(","))
        self.user = _pair(*users[:2])
        self.inner_user = _pair(*users[2:])


def _pair(user: int, group: int) -> tuple[int, int] | None:
    return None if user < 0 else (user, group)


class _PhaseError(Exception):
    """One step failed: its name, the errno, and the system's words."""

    def __init__(self, phase: str, cause: OSError) -> None:
        super().__init__(f"{phase} {cause.errno or 0} {cause.strerror or cause}")


def _checked(result: int) -> None:
    """Raise the OSError that a C call just left behind."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _namespaces(libc: ctypes.CDLL, settings: _Settings) -> None:
    """Leave the host's network, and where asked become an existing user in a user namespace of one."""
    inner = settings.inner_user
    flags = (_CLONE_NEWNET if settings.new_network else 0) | (_CLONE_NEWUSER if inner else 0)
    if not flags:
        return
    user, group = os.geteuid(), os.getegid()
    _checked(libc.unshare(flags))
    if inner:
        # Without "deny" the kernel refuses a group map to the unprivileged.
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{inner[0]} {user} 1")
        _write("/proc/self/gid_map", f"{inner[1]} {group} 1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _become(user: tuple[int, int] | None) -> None:
    """Drop to `(uid, gid)` for good: supplementary groups, group, user, in the only order that works."""
    if user is None:
        return
    uid, gid = user
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with_parent(libc: ctypes.CDLL, settings: _Settings) -> None:
    """Ask the kernel to signal this process when dbops dies; elsewhere than Linux there is no such thing."""
    if sys.platform != "linux":
        return
    _checked(libc.prctl(_PR_SET_PDEATHSIG, settings.death_signal, 0, 0, 0))
    if os.getppid() != settings.parent:
        os._exit(1)


def _step(phase: str, action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        raise _PhaseError(phase, error) from error


def main(arguments: list[str]) -> None:
    """Become the program, or tell the report descriptor why not."""
    settings = _Settings(arguments[0])
    report = settings.report
    os.set_inheritable(report, False)  # noqa: FBT003  (positional-only in the standard library)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        _step("namespace", lambda: _namespaces(libc, settings))
        _step("user", lambda: _become(settings.user))
        _step("parent", lambda: _die_with_parent(libc, settings))
        _step("exec", lambda: os.execv(arguments[1], arguments[1:]))  # noqa: S606  (no shell: that is the point)
    except _PhaseError as error:
        os.write(report, str(error).encode())
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
