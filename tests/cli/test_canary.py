"""A password is in no place where anybody but the server could read it: every sink of a real suite run is searched.

The run is a process of its own, against a server that asks for scram passwords on loopback. While it runs, the argument
list and the environment of every process below it are sampled. The password was chosen to be changed by every kind of
quoting there is, and is searched for in each of those spellings.
"""

from __future__ import annotations

import base64
import html
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PASSWORD = "p%40ss@:/ '\""
WRONG = "wr%6Fng@:/ '\""
ROLE = "canary_role"
FORMATS = ("json", "sarif", "xml", "md", "prom", "html", "txt")


def spellings(password: str) -> dict[str, bytes]:
    """Return what a password may look like on its way."""
    spelled = {
        "raw": password,
        "percent-encoded": quote(password, safe=""),
        "percent-encoded, slashes kept": quote(password),
        "form-encoded": quote_plus(password),
        "decoded once too often": unquote(password),
        "of a passfile": password.replace("\\", "\\\\").replace(":", "\\:"),
        "of a shell": shlex.quote(password),
        "of SQL": password.replace("'", "''"),
        "of a connection string": password.replace("\\", "\\\\").replace("'", "\\'"),
        "of Python": repr(password)[1:-1],
        "of JSON": json.dumps(password)[1:-1],
        "of HTML": html.escape(password),
        "of XML": html.escape(password, quote=False),
        "base64": base64.b64encode(password.encode()).decode(),
        "hexadecimal": password.encode().hex(),
    }
    return {name: text.encode() for name, text in spelled.items()}


def found_in(data: bytes, password: str) -> list[str]:
    return [name for name, spelled in spellings(password).items() if spelled in data]


@pytest.fixture(scope="module")
def server() -> Iterator[ScratchServer]:
    """A server on loopback that asks for passwords."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "fsync": "off"}
    with ScratchServer(find_server(None, environ=os.environ), settings=settings, auth="scram-sha-256") as started:
        secret = PASSWORD.replace("'", "''")
        with scratch(started, "postgres") as connection:
            connection.execute(f"create role {ROLE} login superuser password '{secret}'".encode())
            connection.execute("create table public.item (id bigint primary key, name text)")
            connection.execute("insert into public.item select n, 'item ' || n from generate_series(1, 500) n")
        yield started


@pytest.fixture
def bodies() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a watcher, and what it is told."""
    told: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.path.encode() + self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as watcher:
        thread = threading.Thread(target=watcher.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{watcher.server_port}/ping", told
        watcher.shutdown()
        thread.join()


@dataclass
class Sampler:
    """Looks at every process below one, again and again, until it has ended."""

    pid: int
    arguments: dict[int, set[bytes]] = field(default_factory=dict)
    environments: dict[int, set[bytes]] = field(default_factory=dict)
    rounds: int = 0

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            for pid in self._below(self.pid):
                self._look(pid)
            self.rounds += 1
            time.sleep(0.003)

    def _below(self, pid: int) -> Iterator[int]:
        for task in self._read_names(f"/proc/{pid}/task"):
            for child in self._read(f"/proc/{pid}/task/{task}/children").split():
                yield int(child)
                yield from self._below(int(child))

    def _look(self, pid: int) -> None:
        # A process that has just been forked still looks like dbops itself, whose environment is the user's own.
        if self._read(f"/proc/{pid}/cmdline") != self._read(f"/proc/{self.pid}/cmdline"):
            self.arguments.setdefault(pid, set()).add(self._read(f"/proc/{pid}/cmdline"))
            self.environments.setdefault(pid, set()).add(self._read(f"/proc/{pid}/environ"))

    @staticmethod
    def _read(path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError:  # it has just gone
            return b""

    @staticmethod
    def _read_names(path: str) -> list[str]:
        try:
            return os.listdir(path)  # noqa: PTH208  (names are all that is needed, thousands of times)
        except OSError:
            return []

    def programs(self) -> set[str]:
        return {Path(one.split(b"\0")[0].decode()).name for lines in self.arguments.values() for one in lines if one}


@dataclass
class Ran:
    """What a run left everywhere."""

    code: int
    out: bytes
    err: bytes
    sampler: Sampler
    files: Mapping[Path, bytes]


def run_suite(here: Path, environ: Mapping[str, str], *, command: str = "suite") -> Ran:
    """Run a command in `here`, every output format written; sample every process below it."""
    for name in ("work", "home", "tmp"):
        (here / name).mkdir()
    (here / "work" / "dbops.toml").write_text("[backup]\n[audit]\nselect = ['no-primary-key', 'unused-index']\n")
    outputs = [word for name in FORMATS for word in ("--output", f"report.{name}")]
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    with (here / "out").open("wb") as out, (here / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "dbops", command, "--verbose", *outputs],
            cwd=here / "work",
            env={**inherited, "HOME": str(here / "home"), "TMPDIR": str(here / "tmp"), "DBOPS_DEBUG": "1", **environ},
            stdout=out,
            stderr=err,
        )
        sampler = Sampler(process.pid)
        sampler.watch(process)
    files = {path.relative_to(here): path.read_bytes() for path in here.rglob("*") if path.is_file()}
    return Ran(process.returncode, files.pop(Path("out")), files.pop(Path("err")), sampler, files)


def leaks(ran: Ran, password: str, told: list[bytes]) -> list[str]:
    """Return every place where a password shows, and in which spelling."""
    places = {
        "stdout": ran.out,
        "stderr": ran.err,
        "the ping": b"\n".join(told),
        **{f"argv of process {pid}": b"\n".join(seen) for pid, seen in ran.sampler.arguments.items()},
        **{f"environment of process {pid}": b"\n".join(seen) for pid, seen in ran.sampler.environments.items()},
        **{str(path): data for path, data in ran.files.items()},
    }
    return [f"{place}: {name}" for place, data in places.items() for name in found_in(data, password)]


def by_url(server: ScratchServer, password: str) -> dict[str, str]:
    target = server.target("postgres")
    return {"DATABASE_URL": f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{target.port}/postgres"}


def by_variables(server: ScratchServer, password: str) -> dict[str, str]:
    port = str(server.target("postgres").port)
    named = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": ROLE, "PGDATABASE": "postgres"}
    return {**named, "PGPASSWORD": password}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are sampled through /proc")
@pytest.mark.parametrize("given", [by_url, by_variables], ids=["DATABASE_URL", "PGPASSWORD"])
def test_a_password_that_opens_the_door_is_in_no_sink_of_a_suite(
    server: ScratchServer,
    tmp_path: Path,
    bodies: tuple[str, list[bytes]],
    given: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, told = bodies
    environ = given(server, PASSWORD)  # type: ignore[operator]
    ran = run_suite(tmp_path, {**environ, "DBOPS_PING_URL": url})
    assert (0, b"Traceback" in ran.err) == (ran.code, False), ran.err[-2000:]
    assert [] == leaks(ran, PASSWORD, told)
    # None of this proves anything unless the places were there and were looked at.
    assert {"pg_dump", "pg_restore", "postgres"} <= ran.sampler.programs()
    assert 2 == len(told)
    names = {str(path) for path in ran.files}
    assert {f"work/report.{name}" for name in FORMATS} <= names
    assert "work/backups/backup-report.jsonl" in names
    assert "work/logs/evidence/log.jsonl" in names
    with capsys.disabled():
        processes = len(ran.sampler.arguments)
        print(  # noqa: T201
            f"\n  {processes} processes seen in {ran.sampler.rounds} rounds, {len(ran.files)} files,"
            f" {len(spellings(PASSWORD))} spellings: no password"
        )


@pytest.mark.parametrize("command", ["suite", "audit"])
def test_a_password_that_is_wrong_is_in_no_message_no_traceback_and_no_report(
    server: ScratchServer, tmp_path: Path, bodies: tuple[str, list[bytes]], command: str
) -> None:
    url, told = bodies
    ran = run_suite(tmp_path, {**by_url(server, WRONG), "DBOPS_PING_URL": url}, command=command)
    assert 3 == ran.code
    assert b"password authentication failed" in ran.out + ran.err
    assert (command == "audit") is (b"Traceback" in ran.err)  # of a suite's part the report says what went wrong
    assert [] == leaks(ran, WRONG, told)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url: url.replace("postgresql://", "postgresql:/"),
        lambda url: url.replace("@127", "@[127"),
        lambda url: url + "?sslmode=sometimes",
        lambda url: url.replace("127.0.0.1:", "127.0.0.1:port"),
    ],
    ids=["one slash", "half a bracket", "an unknown option", "a port that is none"],
)
def test_a_url_that_cannot_be_read_is_not_quoted_with_its_password(
    server: ScratchServer, tmp_path: Path, bodies: tuple[str, list[bytes]], spoil: object
) -> None:
    url, told = bodies
    spoilt = spoil(by_url(server, WRONG)["DATABASE_URL"])  # type: ignore[operator]
    ran = run_suite(tmp_path, {"DATABASE_URL": spoilt, "DBOPS_PING_URL": url})
    assert ran.code in {2, 3}
    assert ran.out + ran.err
    assert [] == leaks(ran, WRONG, told)


def test_the_search_finds_each_spelling() -> None:
    for name, spelled in spellings(PASSWORD).items():
        assert name in found_in(b"before" + spelled + b"after", PASSWORD)
