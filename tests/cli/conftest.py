"""The command line from outside: `main()` in this process, in an empty directory, with no variable of the host's."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dbops.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Dbops = Callable[..., "Answer"]


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
