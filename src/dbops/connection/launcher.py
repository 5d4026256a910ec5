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
Only the standard library: `-S` keeps site-packages out, which makes this about 15 ms.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


class _PhaseError(Exception):
    """One step failed: its name, the errno, and the system's words."""

    def __init__(self, phase: str, cause: OSError) -> None:
        super().__init__(f"{phase} {cause.errno or 0} {cause.strerror or cause}")


def _checked(result: int) -> None:
    """Raise the OSError that a C call just left behind."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _namespaces(libc: ctypes.CDLL, settings: dict[str, Any]) -> None:
    """Leave the host's network, and where asked become an existing user in a user namespace of one."""
    inner = settings["inner_user"]
    flags = (_CLONE_NEWNET if settings["new_network"] else 0) | (_CLONE_NEWUSER if inner else 0)
    if not flags:
        return
    user, group = os.geteuid(), os.getegid()
    _checked(libc.unshare(flags))
    if inner:
        # Without "deny" the kernel refuses a group map to the unprivileged.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{inner[0]} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{inner[1]} {group} 1", encoding="ascii")


def _become(user: list[int] | None) -> None:
    """Drop to `(uid, gid)` for good: supplementary groups, group, user, in the only order that works."""
    if user is None:
        return
    uid, gid = user
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with_parent(libc: ctypes.CDLL, settings: dict[str, Any]) -> None:
    """Ask the kernel to signal this process when dbops dies; elsewhere than Linux there is no such thing."""
    if sys.platform != "linux":
        return
    _checked(libc.prctl(_PR_SET_PDEATHSIG, settings["death_signal"], 0, 0, 0))
    if os.getppid() != settings["parent"]:
        os._exit(1)


def _step(phase: str, action: Any, *arguments: Any) -> None:
    try:
        action(*arguments)
    except OSError as error:
        raise _PhaseError(phase, error) from error


def main(arguments: list[str]) -> None:
    """Become the program, or tell the report descriptor why not."""
    settings = json.loads(arguments[0])
    report = settings["report"]
    os.set_inheritable(report, False)  # noqa: FBT003  (positional-only in the standard library)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        _step("namespace", _namespaces, libc, settings)
        _step("user", _become, settings["user"])
        _step("parent", _die_with_parent, libc, settings)
        _step("exec", os.execv, arguments[1], arguments[1:])
    except _PhaseError as error:
        os.write(report, str(error).encode())
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
