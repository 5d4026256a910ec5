"""What a recovery time was measured on: processors, memory, and the disk that the copy was written to.

A time without its machine cannot be compared with another. What cannot be told is left out, never guessed: a container
shows the disk of its host as far as the kernel says. What this does not do: measure the disk.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from dbops.model import Machine

_MOUNTS = Path("/proc/self/mountinfo")
_BLOCK = Path("/sys/dev/block")
_CGROUP = Path("/sys/fs/cgroup")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs"})


def read_machine(directory: Path) -> Machine:
    """Return what is known of this machine and of the disk that `directory` is on."""
    kind, device = _mount_of(directory)
    return Machine(cpus=cpus(), memory_bytes=_memory(), file_system=kind, disk=_disk(kind, device) if kind else None)


def cpus() -> int | None:
    """Return how many processors this process may use: by affinity, and by the limit of its control group."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        allowed = os.cpu_count() or 0
    quota, _, period = _line(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed or None


def _memory() -> int | None:
    found = []
    with contextlib.suppress(ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = _line(_CGROUP / "memory.max")
    if limit.isdigit():
        found.append(int(limit))
    return min(found, default=None)


def _mount_of(directory: Path) -> tuple[str | None, str]:
    """Return the kind of file system a directory is on, and its device as "major:minor"."""
    best = -1
    found: tuple[str | None, str] = (None, "")
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        where = directory.resolve()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        point = Path(fields[4].replace("\\040", " "))
        if where.is_relative_to(point) and len(point.parts) >= best:  # a later mount covers an earlier one
            best, found = len(point.parts), (after.split(" ")[0], fields[2])
    return found


def _disk(kind: str, device: str) -> str | None:
    if kind in _IN_MEMORY:
        return "memory"
    if kind in _NETWORK:
        return "network"
    place = _BLOCK / device
    # A partition has no queue of its own, the disk it is on has.
    for queue in (place / "queue", place / ".." / "queue"):
        if said := _line(queue / "rotational"):
            return "rotating" if said == "1" else "not rotating"
    return None


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
