"""Who a server runs as: never root, never a user that PostgreSQL cannot look up.

As root the rights are dropped to `postgres`, else `nobody`; both exist before dbops comes, none is created. A uid without
an entry in the user database (containers love those) becomes an existing one inside a user namespace where the kernel
allows that; to the rest of the machine it stays what it was. What this does not do: change owners or modes of anything.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from dbops.errors import PrivilegeError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user to become: `uid` and `gid` as the machine knows them, no supplementary groups."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Tell whether this user may walk to `path`; by modes and owners, access control lists aside."""
        resolved = path.resolve()
        return all(self._may(folder, stat.S_IXOTH) for folder in resolved.parents) and self._may(resolved, stat.S_IROTH)

    def _may(self, path: Path, bit: int) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        if status.st_uid == self.uid:
            return bool(status.st_mode & (bit << 6))
        if status.st_gid == self.gid:
            return bool(status.st_mode & (bit << 3))
        return bool(status.st_mode & bit)


def _entry(name: str) -> RunAs | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return RunAs(name=name, uid=entry.pw_uid, gid=entry.pw_gid) if entry.pw_uid != 0 else None


def _existing() -> RunAs | None:
    return next((entry for entry in map(_entry, CANDIDATES) if entry is not None), None)


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
