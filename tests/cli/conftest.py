"""The command line from outside: `main()` in this process, in an empty directory, with no variable of the host's."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from dbops.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.target import Target

    Dbops = Callable[..., "Answer"]
    UrlOf = Callable[..., str]
    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Answer:
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one document on stdout; fails where there is more or less than one."""
        document = json.loads(self.out)
        assert document["schema"] == "dbops/report/v1"
        return document


@pytest.fixture
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and home, and no variable that a command line would take up."""
    for name in os.environ:
        if name.startswith(("PG", "DBOPS_", "GITHUB_")) or name in {
            "DATABASE_URL",
            "CI",
            "NO_COLOR",
            "COLUMNS",
            "TERM",
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def dbops(bare_environment: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Dbops]:
    """Run one command line and return what it answered."""
    umask = os.umask(0o022)

    def run(*words: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    yield run
    os.umask(umask)


@pytest.fixture
def url_of() -> UrlOf:
    """Return a target as a user would type it."""

    def spelled(target: Target, *, password: str | None = None, database: str | None = None) -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        name = quote(database or target.database)
        return f"postgresql://{quote(target.user)}{secret}@/{name}?host={quote(target.host)}&port={target.port}"

    return spelled


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]
