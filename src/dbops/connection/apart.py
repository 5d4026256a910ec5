"""Makes the directory of a cluster where its thousand files are not in the way of those that others have just removed.

ext4 without a journal takes no inode that was freed in the last minutes, and looks at each of those in a directory's
part of the disk for every file that is made there. Where throw-away servers come and go (tests, nights of drills), that
was more than half of what initdb took. It spreads over the disk what lies in a directory that says so, by its name; so
the parent says so, and the name is a new one each time. Elsewhere this is a directory like any other. What this does
not do: anything where the file system, or the machine, does not know that flag.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import platform
import secrets as random_tokens
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# <linux/fs.h>, as 64-bit machines with the usual numbering have it.
_GET_FLAGS, _SET_FLAGS, _TOP_OF_HIERARCHIES = 0x80086601, 0x40086602, 0x00020000
_MACHINES = frozenset({"x86_64", "aarch64"})


def make_apart(path: Path) -> None:
    """Make a directory 0700 in one that is ours."""
    with contextlib.suppress(OSError):
        _spread(path.parent)
    new = path.with_name(random_tokens.token_hex(8))
    new.mkdir(mode=0o700)
    new.rename(path)


def spreads(folder: Path) -> bool:
    """Tell whether what is made in a directory is spread over the disk."""
    with contextlib.suppress(OSError), _opened(folder) as descriptor:
        return bool(_flags(descriptor)[0] & _TOP_OF_HIERARCHIES)
    return False


def _spread(folder: Path) -> None:
    with _opened(folder) as descriptor:
        flags = _flags(descriptor)
        flags[0] |= _TOP_OF_HIERARCHIES
        fcntl.ioctl(descriptor, _SET_FLAGS, flags)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise OSError("this machine numbers its requests in a way of its own")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _flags(descriptor: int) -> array.array[int]:
    flags = array.array("i", [0, 0])  # the kernel reads and writes the first; its number says a long
    fcntl.ioctl(descriptor, _GET_FLAGS, flags)
    return flags
