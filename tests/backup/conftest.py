"""Client programs that misbehave: the real ones behind a few lines of shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dbops.connection.binaries import find_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.server import ScratchServer


@pytest.fixture
def wrapped(server: ScratchServer, tmp_path: Path) -> Callable[[str, str], Path]:
    """Make a directory of client programs in which one runs `lines` of shell; `$real` and `$psql` are real."""
    real = find_client(server.binaries.version, environ=os.environ, local=True).directory

    def make(program: str, lines: str) -> Path:
        directory = tmp_path / "programs"
        directory.mkdir()
        for name in ("pg_dump", "pg_restore"):
            if name != program:
                (directory / name).symlink_to(real / name)
        script = directory / program
        head = f'#!/bin/sh\nreal="{real / program}"\npsql="{real / "psql"} -qX"\n'
        script.write_text(f'{head}if [ "$1" = --version ]; then exec "$real" --version; fi\n{lines}\n')
        script.chmod(0o755)
        return directory

    return make
