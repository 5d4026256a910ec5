"""A private directory for the files of one operation: program output, passfiles, lists.

It is registered, so that the next run removes it should this one be killed: a passfile must not outlive its run.
What it does not do: keep anything; what an operator should see is copied to the run's own directory.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dbops.connection import registry
from dbops.connection.places import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def workspace(told: Callable[[str], None] | None = None) -> Iterator[Path]:
    """Yield a new 0700 directory that is gone afterwards; what killed runs left is swept first, and `told`."""
    sweep_and_tell(told or (lambda _: None))
    lease = registry.lease(temporary_directory())
    try:
        yield lease.directory
    finally:
        lease.end()


def sweep_and_tell(told: Callable[[str], object]) -> None:
    """Remove what killed runs have left, and tell of each directory."""
    for directory in registry.sweep():
        told(f"removed what a run that was killed had left: {directory}")
