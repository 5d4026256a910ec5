"""The ping: a watcher hears of the start and the end, and nothing it does changes the verdict."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from dbops.evidence import ping
from dbops.evidence.reader import read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Answer, UrlOf
    from dbops.connection.target import Target

    Dbops = Callable[..., Answer]


@dataclass
class Watcher:
    """An HTTP server on loopback that notes what it is told; `behave` is what it does instead of answering 200."""

    url: str = ""
    heard: list[tuple[str, str]] = field(default_factory=list)
    behave: Callable[[BaseHTTPRequestHandler], None] | None = None

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.heard]


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    seen = Watcher()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.heard.append((self.path, body))
            with contextlib.suppress(OSError):
                if seen.behave is not None:
                    seen.behave(self)
                else:
                    self.send_response(200)
                    self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_port}/ping/secret-uuid"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


def unreachable(port: int) -> str:
    return f"postgresql://nobody@127.0.0.1:{port}/none"


def test_a_run_that_passes_is_told_at_its_start_and_its_end_with_the_checkpoint(
    dbops: Dbops, database: Target, url_of: UrlOf, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOPS_PING_URL", f"{watcher.url}?create=1")
    answer = dbops("audit", "--select", "no-primary-key", "--json", "--database-url", url_of(database))
    assert 0 == answer.code
    assert ["/ping/secret-uuid/start?create=1", "/ping/secret-uuid?create=1"] == watcher.paths
    first, second = watcher.heard[1][1].splitlines()
    assert f"dbops audit {answer.report['runId']}: PASS" == first[: first.index("PASS") + 4]
    said = second.removeprefix("checkpoint: ").encode() + b"\n"
    assert answer.report["seal"]["checkpoint"] == read_checkpoint(said).to_json()


def test_a_run_that_fails_is_told_with_its_exit_code_and_why(
    dbops: Dbops, closed_port: int, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOPS_PING_URL", watcher.url)
    answer = dbops("audit", "--database-url", f"postgresql://u:s3cret-canary@127.0.0.1:{closed_port}/none")
    assert 3 == answer.code
    assert ["/ping/secret-uuid/start", "/ping/secret-uuid/3"] == watcher.paths
    body = watcher.heard[1][1]
    assert "INCONCLUSIVE" in body.splitlines()[0]
    assert f"127.0.0.1:{closed_port}" in body.splitlines()[-1]
    assert "s3cret-canary" not in "".join(text for _, text in watcher.heard)


def test_a_finding_is_told_by_its_rule_and_not_by_the_name_of_the_object(
    dbops: Dbops,
    database: Target,
    url_of: UrlOf,
    run_sql: Callable[..., object],
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_sql(database, "create table customers_of_the_company (a int)")
    monkeypatch.setenv("DBOPS_PING_URL", watcher.url)
    words = ("--select", "no-primary-key", "--fail-on", "info", "--database-url", url_of(database))
    assert 1 == dbops("audit", *words).code
    path, body = watcher.heard[1]
    assert "/ping/secret-uuid/1" == path
    assert "no-primary-key" in body
    assert "customers_of_the_company" not in body


def test_the_url_of_the_file_is_that_of_the_suite_alone(
    dbops: Dbops, closed_port: int, watcher: Watcher, bare_environment: Path
) -> None:
    (bare_environment / "dbops.toml").write_text(f'[evidence]\nping = "{watcher.url}"\n')
    dbops("audit", "--database-url", unreachable(closed_port))
    assert [] == watcher.paths
    assert 3 == dbops("suite", "--database-url", unreachable(closed_port)).code
    assert ["/ping/secret-uuid/start", "/ping/secret-uuid/3"] == watcher.paths


def test_without_a_url_nobody_is_told(dbops: Dbops, closed_port: int, watcher: Watcher) -> None:
    dbops("suite", "--database-url", unreachable(closed_port))
    assert [] == watcher.paths


def test_a_lock_held_by_another_suite_is_told_too(
    dbops: Dbops, closed_port: int, watcher: Watcher, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbops.files import locked

    monkeypatch.setenv("DBOPS_PING_URL", watcher.url)
    dbops("audit", "--database-url", unreachable(closed_port))
    with locked(bare_environment / "logs" / "evidence" / "suite.lock", holder="another"):
        assert 75 == dbops("suite", "--database-url", unreachable(closed_port)).code
    assert "/ping/secret-uuid/75" == watcher.paths[-1]


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def drip(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(30):
        handler.wfile.write(b"H")
        time.sleep(0.1)


def die(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def babble(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff no http at all\r\n\r\n")


def refuse(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(500)
    handler.end_headers()


def redirect(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:1/elsewhere")
    handler.end_headers()


@pytest.mark.parametrize("behave", [hang, drip, die, babble, refuse, redirect], ids=lambda one: one.__name__)
def test_a_watcher_that_misbehaves_changes_neither_verdict_nor_report_and_costs_little_time(
    dbops: Dbops,
    database: Target,
    url_of: UrlOf,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
    behave: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    monkeypatch.setattr(ping, "LIMIT_SECONDS", 0.5)
    monkeypatch.setenv("DBOPS_PING_URL", watcher.url)
    watcher.behave = behave
    began = time.monotonic()
    answer = dbops("audit", "--select", "no-primary-key", "--json", "--quiet", "--database-url", url_of(database))
    assert (0, "pass") == (answer.code, answer.report["verdict"])
    assert time.monotonic() - began < 10
    said = [line for line in answer.err.splitlines() if "was not heard" in line]
    assert 2 == len(said)
    assert "the verdict stands without it" in said[0]
    assert "secret-uuid" not in answer.err + json.dumps(answer.report)


def test_nobody_listening_is_said_and_no_more(
    dbops: Dbops, database: Target, url_of: UrlOf, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOPS_PING_URL", f"http://127.0.0.1:{closed_port}/secret-uuid")
    answer = dbops("audit", "--select", "no-primary-key", "--database-url", url_of(database))
    assert 0 == answer.code
    assert 2 == answer.err.count("the ping to 127.0.0.1 was not heard (Connection refused)")
    assert "secret-uuid" not in answer.out + answer.err


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "file:///etc/passwd", "hc-ping.com/uuid", "https:///x", "http://a b/"]
)
def test_a_url_that_is_none_is_refused_before_anything_runs(
    dbops: Dbops, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DBOPS_PING_URL", url)
    answer = dbops("suite", "--database-url", "postgresql://nobody@127.0.0.1:1/none")
    assert 2 == answer.code
    assert "DBOPS_PING_URL: evidence.ping: must be a URL that begins with https:// or http://" in " ".join(
        answer.err.split()
    )
    assert url not in answer.err


def test_config_show_does_not_show_the_url(dbops: Dbops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBOPS_PING_URL", "https://hc-ping.com/secret-uuid")
    shown = dbops("config", "show").out
    assert "evidence.ping" in shown
    assert "secret-uuid" not in shown
