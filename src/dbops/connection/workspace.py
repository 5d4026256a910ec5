"""A private directory for the files of one operation: program output, passfiles, lists.

It is registered, so that the next run removes it should this one be killed: a passfile must not outlive its run.
What it does not do: keep anything; what an operator should see is copied to the run's own directory.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.connection import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Yield a new 0700 directory that is gone afterwards; what killed runs left is swept first."""
    registry.sweep()
    lease = registry.lease(Path(tempfile.gettempdir()))
    try:
        yield lease.directory
    finally:
        lease.end()
