"""Who a program runs as and what is arranged around it before it starts.

PostgreSQL runs neither as root nor as a user it cannot look up. As root the rights are dropped to `postgres`, else
`nobody`; both exist before dbops comes, none is created. A uid without an entry in the user database (containers love
those) appears as an existing one inside a user namespace, where the kernel allows that; to the rest of the machine it
stays what it was. What this does not do: change owners or modes of anything, start anything.
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from dbops.errors import PrivilegeError, ProgramMissingError, UnavailableError

CANDIDATES = ("postgres", "nobody")
_LAUNCHER = Path(__file__).with_name("launcher.py")
_NOBODY = (-1, -1)  # to the launcher: nobody in particular


class NamespaceRefusedError(PrivilegeError):
    """The kernel, or the container's policy, did not grant a namespace."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user to become: `uid` and `gid` as the machine knows them, no supplementary groups."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Tell whether this user may read the file `path`; by modes and owners, access control lists aside."""
        return self.can_walk(path.resolve().parent) and self._may(path, stat.S_IROTH)

    def can_walk(self, folder: Path) -> bool:
        """Tell whether this user may pass through `folder` and everything above it."""
        resolved = folder.resolve()
        return all(self._may(step, stat.S_IXOTH) for step in (resolved, *resolved.parents))

    def _may(self, path: Path, bit: int) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        # The kernel looks at the first class that applies, and at no other.
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return bool(status.st_mode & (bit << shift))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is arranged between fork and exec.

    `run_as` drops root; `inner_user` is the `(uid, gid)` to appear as in a user namespace of one; `new_network` takes
    the network away; `death_signal` is what the program gets when dbops dies.
    """

    run_as: RunAs | None = None
    inner_user: tuple[int, int] | None = None
    new_network: bool = False
    death_signal: int = signal.SIGTERM

    def without_network(self) -> Surroundings:
        """Return the same with a network namespace of its own."""
        if self.run_as is None and self.inner_user is None:
            # An ordinary user may make a network namespace only inside a user namespace; it stays who it is there.
            return replace(self, new_network=True, inner_user=(os.geteuid(), os.getegid()))
        return replace(self, new_network=True)

    def command(self, program: Path, report: int) -> list[str]:
        """Return the command that arranges all this and becomes `program`, or tells the descriptor `report` why not."""
        user = (self.run_as.uid, self.run_as.gid) if self.run_as else _NOBODY
        settings = (
            report,
            os.getpid(),
            int(self.death_signal),
            int(self.new_network),
            *user,
            *(self.inner_user or _NOBODY),
        )
        return [sys.executable, "-I", "-S", str(_LAUNCHER), ",".join(map(str, settings)), str(program)]

    def explain(self, program: Path, problem: str) -> UnavailableError:
        """Return the error for what the launcher reported: "phase errno text"."""
        phase, _, rest = problem.partition(" ")
        words = rest.partition(" ")[2]
        if phase == "exec":
            return ProgramMissingError(f"{program} cannot be started: {words}")
        if phase == "user" and self.run_as:
            return cannot_drop(self.run_as, words)
        if phase == "namespace":
            return NamespaceRefusedError(f"no namespace for {program.name}: {words}")
        return UnavailableError(f"cannot arrange the {phase} of {program.name}: {words}")


def cannot_drop(user: RunAs, words: str) -> PrivilegeError:
    """Return the error for a root that has not the capabilities to become somebody else."""
    return PrivilegeError(
        f"PostgreSQL does not run as root, and this root may not become {user.name}: {words}",
        hint="run dbops as an ordinary user, or give the container CAP_SETUID, CAP_SETGID and CAP_CHOWN",
    )


def unprivileged() -> RunAs | None:
    """Return the user to drop to, or None when dbops is not root.

    Raises PrivilegeError when root has nobody to become.
    """
    if os.geteuid() != 0:
        return None
    user = _existing()
    if user is None:
        raise PrivilegeError(
            f"PostgreSQL does not run as root, and none of the users {', '.join(CANDIDATES)} exists here",
            hint="run dbops as an ordinary user, or add one: useradd --system postgres",
        )
    return user


def inner_user() -> tuple[int, int] | None:
    """Return the `(uid, gid)` to appear as inside a user namespace, or None when no disguise is needed.

    PostgreSQL looks its own uid up and ends when there is no entry. Raises PrivilegeError where there is no remedy.
    """
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        user = _existing()
        if sys.platform == "linux" and user is not None:
            return user.uid, user.gid
        raise no_entry(uid) from None
    return None


def no_entry(uid: int) -> PrivilegeError:
    """Return the error for a uid that PostgreSQL cannot look up and that could not be disguised."""
    return PrivilegeError(
        f"uid {uid} has no entry in the user database, and PostgreSQL refuses to start as a user it cannot look up",
        hint=f"add one: echo 'dbops:x:{uid}:{os.getegid()}::/tmp:/bin/sh' >> /etc/passwd, or preload nss_wrapper",
    )


def _entry(name: str) -> RunAs | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return RunAs(name=name, uid=entry.pw_uid, gid=entry.pw_gid) if entry.pw_uid != 0 else None


def _existing() -> RunAs | None:
    return next((entry for entry in map(_entry, CANDIDATES) if entry is not None), None)
