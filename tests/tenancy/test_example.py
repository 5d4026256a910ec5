"""The example application, served as it stands: gunicorn, several threads, one connection, two tenants at once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "flask-app"
ORIGIN = "http://localhost:8000"
FIRST, SECOND = 1, 2  # tenants
STORES = ["psycopg", "sqlalchemy"]


class Client(http.client.HTTPConnection):
    """A browser of sorts: one connection to the application's socket, and its session cookie."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path
        self.cookie = ""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        told = {"Cookie": self.cookie} if self.cookie else {}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            told["Content-Type"] = "application/json"
        self.request(method, path, None if body is None else json.dumps(body), told)
        response = self.getresponse()
        for line in response.headers.get_all("Set-Cookie") or ():
            self.cookie = line.split(";")[0]
        return response

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        response = self.ask(method, path, body, **headers)
        return response.status, json.loads(response.read())


@dataclass
class Authenticator:
    """A security key: one credential, one counter."""

    credential_id: bytes
    counter: int = 0
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> bytes:
        numbers = self._key.public_key().public_numbers()
        x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
        return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y

    def answer(self, challenge: str, *, origin: str = ORIGIN, counter: int | None = None) -> dict[str, str]:
        self.counter += 1
        client = json.dumps({"type": "webauthn.get", "challenge": challenge, "origin": origin}).encode()
        data = (
            hashlib.sha256(b"localhost").digest()
            + b"\x01"
            + (self.counter if counter is None else counter).to_bytes(4, "big")
        )
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return {
            "id": b64(self.credential_id),
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(signature),
        }


def b64(data: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def authenticators(tenants: Target) -> dict[int, Authenticator]:
    """One member of each of the two tenants, and of no other, with a security key."""
    found = {}
    with psycopg.connect(tenants.conninfo()) as connection:
        connection.execute((EXAMPLE / "schema.sql").read_bytes())
        for org_id in (FIRST, SECOND):
            key = Authenticator(hashlib.sha256(f"example {org_id}".encode()).digest())
            connection.execute(
                "insert into public.webauthn_credentials (org_id, user_id, credential_id, public_key, label)"
                " select min(org_id), user_id, %s, %s, 'example' from public.org_memberships"
                " group by user_id having count(*) = 1 and min(org_id) = %s order by user_id limit 1",
                (key.credential_id, key.public_key, org_id),
            )
            found[org_id] = key
    return found


@contextlib.contextmanager
def served(target: Target, store: str, *, module: str = "wsgi:app", path: Path = EXAMPLE) -> Iterator[Path]:
    """Serve the application with its own configuration; yields the socket it listens on."""
    with tempfile.TemporaryDirectory() as directory:
        listening = Path(directory) / "desk.sock"
        environ = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")},
            "HOME": directory,
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": f"postgresql://erp_app@/{target.database}?host={target.host}&port={target.port}",
            "DESK_STORE": store,
            "DESK_SECRET_KEY": "not a secret",
            "DESK_ORIGIN": ORIGIN,
            "PYTHONPATH": f"{path}{os.pathsep}{EXAMPLE}",
        }
        log = Path(directory) / "log"
        words = ["--config", EXAMPLE / "gunicorn.conf.py", "--bind", f"unix:{listening}", module]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *words], cwd=EXAMPLE, env=environ, stdout=output, stderr=output
            )
        try:
            wait_for(listening, process, log)
            yield listening
        finally:
            process.terminate()
            process.wait(20)


def wait_for(listening: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError, http.client.HTTPException):
            client = Client(listening)
            with contextlib.closing(client):
                if client.ask("GET", "/health").status == 200:
                    return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def signed_in(authenticators: dict[int, Authenticator]) -> Callable[[Path, int], Client]:
    """Sign a member of a tenant in, by their security key."""

    def sign_in(listening: Path, org_id: int) -> Client:
        client = Client(listening)
        _, begun = client.json("POST", "/sign-in/begin")
        answer = authenticators[org_id].answer(begun["challenge"])
        assert client.json("POST", "/sign-in/finish", answer) == (200, {"org_id": org_id})
        return client

    return sign_in


@pytest.mark.parametrize("store", STORES)
def test_the_example_serves_each_tenant_its_own_and_nobody_else_anything(
    tenants: Target, authenticators: dict[int, Authenticator], signed_in: Callable[[Path, int], Client], store: str
) -> None:
    with served(tenants, store) as listening:
        client = signed_in(listening, FIRST)
        status, told = client.json("GET", "/customers")
        assert (status, told["org_id"]) == (200, FIRST)
        assert {row["org_id"] for row in told["customers"]} == {FIRST}
        assert client.json("GET", "/customers?org_id=2")[1]["error"] == "org_forbidden"
        assert client.json("GET", "/customers?org_id=999999")[1]["error"] == "org_forbidden"
        assert client.json("GET", "/customers?org_id=1", X_Org_Id="2")[1]["error"] == "org_id_conflict"
        assert client.json("GET", "/customers", X_Org_Id="1 OR 1=1")[1]["error"] == "org_id_invalid"
        for _ in range(3):  # a stream that nobody reads gives its connection back: there is only one
            response = client.ask("HEAD", "/orders")
            assert (response.status, response.read()) == (200, b"")
        assert client.json("GET", "/customers")[0] == 200
        refused_sign_ins(listening, authenticators[FIRST])
        nobody = Client(listening)
        assert nobody.json("GET", "/customers")[1]["error"] == "org_id_required"
        assert nobody.json("GET", "/customers", X_Org_Id="1")[1]["error"] == "org_forbidden"
        status, told = client.json("POST", "/sign-out")
        assert client.json("GET", "/customers")[1]["error"] == "org_id_required"
        client.close(), nobody.close()


def test_the_examples_own_tests_pass(tenants: Target, authenticators: dict[int, Authenticator]) -> None:
    url = f"postgresql://erp_app@/{tenants.database}?host={tenants.host}&port={tenants.port}"
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    words = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", EXAMPLE, EXAMPLE]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], env=environ, capture_output=True, text=True, check=False
    )
    assert "4 passed" in done.stdout, done.stdout


def refused_sign_ins(listening: Path, key: Authenticator) -> None:
    """Whatever is wrong with the answer, the words are the same and nobody is signed in."""
    client = Client(listening)

    def challenge() -> str:
        return client.json("POST", "/sign-in/begin")[1]["challenge"]

    def bare(answer: object) -> object:
        challenge()
        return answer

    refused = (401, {"error": "sign_in_refused"})
    answers = [
        lambda: key.answer(challenge(), origin="http://localhost.example"),
        lambda: key.answer(challenge()) | {"signature": b64(b"x" * 70)},
        lambda: Authenticator(key.credential_id).answer(challenge()),
        lambda: Authenticator(b"nobody's credential").answer(challenge()),
        lambda: key.answer(challenge(), counter=0),
        lambda: key.answer(b64(b"x" * 32)),
        lambda: key.answer(challenge()) | {"id": "%"},
        *(partial(bare, answer) for answer in ({"id": 1}, [], "id", 1)),
    ]
    for make in answers:
        assert client.json("POST", "/sign-in/finish", make()) == refused
    assert client.json("GET", "/customers")[1]["error"] == "org_id_required"
    answer = key.answer(challenge())
    before = client.cookie
    assert client.json("POST", "/sign-in/finish", answer)[0] == 200
    client.cookie = before  # the same answer once more, with the cookie of that time
    assert client.json("POST", "/sign-in/finish", answer) == refused
    client.close()


# What a client can put on the wire beside its session cookie, to get at the other tenant.
RAW = {
    "two lines": "GET /customers HTTP/1.1\r\nX-Org-Id: 1\r\nX-Org-Id: 2",
    "two lines, other case": "GET /customers HTTP/1.1\r\nx-org-id: 1\r\nX-ORG-ID: 2",
    "underscores": "GET /customers HTTP/1.1\r\nX_Org_Id: 2\r\nX-Org-Id: 1",
    "underscores alone": "GET /customers HTTP/1.1\r\nX_Org_Id: 2",
    "space before the colon": "GET /customers HTTP/1.1\r\nX-Org-Id : 2",
    "a folded line": "GET /customers HTTP/1.1\r\nX-Org-Id: 1\r\n 2",
    "a tab": "GET /customers HTTP/1.1\r\nX-Org-Id:\t2\t",
    "a vertical tab": "GET /customers HTTP/1.1\r\nX-Org-Id: 2\v",
    "NUL": "GET /customers HTTP/1.1\r\nX-Org-Id: 2\0",
    "a bare line feed": "GET /customers HTTP/1.1\r\nX-Other: 1\nX-Org-Id: 2",
    "a whole address": "GET http://localhost/customers?org_id=2 HTTP/1.1",
    "a fragment": "GET /customers#?org_id=2 HTTP/1.1",
    "two question marks": "GET /customers?org_id=1?org_id=2 HTTP/1.1",
    "a method to override": "GET /customers?org_id=2 HTTP/1.1\r\nX-HTTP-Method-Override: OPTIONS",
    "an upgrade": "GET /customers?org_id=2 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade",
    "a proxy's address": "GET /customers?org_id=2 HTTP/1.1\r\nX-Original-URL: /health\r\nX-Rewrite-URL: /health",
    "HTTP/1.0": "GET /customers?org_id=2 HTTP/1.0",
    "a second request in the body": (
        "GET /customers HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /customers?org_id=2 HTTP/1.1"
    ),
}


@pytest.mark.parametrize("store", ["psycopg"])
def test_nothing_that_a_client_can_put_on_the_wire_shows_another_tenants_rows(
    tenants: Target, signed_in: Callable[[Path, int], Client], store: str
) -> None:
    with served(tenants, store) as listening:
        client = signed_in(listening, FIRST)
        answers = {title: sent(listening, lines, client.cookie) for title, lines in RAW.items()}
        assert '"org_id":1' in sent(listening, "GET /customers HTTP/1.1\r\nX-Org-Id: 1", client.cookie)
        client.close()
    assert [] == [title for title, answer in answers.items() if '"org_id":2' in answer]
    told = [title for title, answer in answers.items() if not re.match(r"HTTP/1\.[01] (200|400|403) ", answer)]
    assert [] == told
    for title in ("two lines", "two lines, other case"):
        assert "org_id_conflict" in answers[title]


def sent(listening: Path, lines: str, cookie: str) -> str:
    """Send bytes as they are, and return all that comes back."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(20)
        wire.connect(str(listening))
        wire.sendall(f"{lines}\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: wire.recv(65536), b"")).decode()


@dataclass
class Tally:
    """What came of it."""

    requests: int = 0
    rows: int = 0
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rows: int, wrong: list[str]) -> None:
        with self._lock:
            self.requests += 1
            self.rows += rows
            self.wrong += wrong


def hammer(listening: Path, clients: dict[int, list[Client]], seconds: float) -> Tally:
    """Let all clients ask as fast as they can; each looks at the tenant of every row it gets."""
    tally = Tally()
    until = time.monotonic() + seconds

    def work(org_id: int, client: Client) -> None:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            try:
                tally.add(*one_request(client, org_id, turn))
            except Exception as problem:  # noqa: BLE001  (a thread's error is a result here)
                tally.add(0, [f"tenant {org_id}: {problem!r}"])
                return

    threads = [
        threading.Thread(target=work, args=(org_id, client))
        for org_id, several in clients.items()
        for client in several
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def one_request(client: Client, org_id: int, turn: int) -> tuple[int, list[str]]:
    """Ask for customers, sometimes for a stream, sometimes leave that half-read, sometimes claim the other tenant."""
    if turn % 11 == 0:
        other = SECOND if org_id == FIRST else FIRST
        status, told = client.json("GET", "/customers", X_Org_Id=str(other))
        return 0, [] if (status, told["error"]) == (403, "org_forbidden") else [f"{status} {told}"]
    if turn % 5 == 0:
        response = client.ask("GET", "/orders")
        lines = [response.readline()] if turn % 2 else response.read().splitlines()
        if turn % 2:
            client.close()  # in the middle of the stream; the next request opens another connection
        return judged(response.status, [json.loads(line) for line in lines], org_id)
    status, told = client.json("GET", "/customers")
    return judged(status, told.get("customers", []), org_id)


def judged(status: int, rows: list[dict[str, Any]], org_id: int) -> tuple[int, list[str]]:
    if status != 200 or not rows:
        return 0, [f"tenant {org_id} got {status} with {len(rows)} rows"]
    return len(rows), [f"tenant {org_id} got a row of {row['org_id']}" for row in rows if row["org_id"] != org_id]


def hammered(tenants: Target, signed_in: Callable[[Path, int], Client], store: str, seconds: float) -> Tally:
    with served(tenants, store) as listening:
        clients = {org_id: [signed_in(listening, org_id) for _ in range(3)] for org_id in (FIRST, SECOND)}
        tally = hammer(listening, clients, seconds)
        for client in (*clients[FIRST], *clients[SECOND]):
            client.close()
    return tally


@pytest.mark.parametrize("store", STORES)
def test_two_tenants_on_one_connection_never_see_each_others_rows(
    tenants: Target, signed_in: Callable[[Path, int], Client], store: str
) -> None:
    tally = hammered(tenants, signed_in, store, 2)
    assert tally.wrong == []
    assert tally.requests > 50


@pytest.mark.bench
@pytest.mark.parametrize("store", STORES)
def test_ten_seconds_of_it(
    tenants: Target, signed_in: Callable[[Path, int], Client], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = hammered(tenants, signed_in, store, 10)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {store}, one connection, four threads, two tenants, 10 s:"
            f" {tally.requests} requests, {tally.rows} rows, {len(tally.wrong)} of another tenant"
        )
    assert tally.wrong == []


# What the application must not do: the session's setting, left on the connection for whoever gets it next.
LEAKY = """
import os
from app import create_app
from store_psycopg import PsycopgStore
from store import CUSTOMERS
from dbops.tenancy import resolve_org_id

class Leaky(PsycopgStore):
    def customers(self, limit):
        with self._pool.connection() as connection:
            if not connection.execute("select current_setting('app.org_id', true) as it").fetchone()["it"]:
                connection.execute("select set_config('app.org_id', %s, false)", (str(resolve_org_id()),))
            return connection.execute(CUSTOMERS.format(limit="%s"), (limit,)).fetchall()

app = create_app(Leaky(os.environ["DATABASE_URL"], size=1), secret_key="x", origin=os.environ["DESK_ORIGIN"])
"""


def test_the_hammer_finds_a_leak_where_there_is_one(
    tenants: Target, signed_in: Callable[[Path, int], Client], tmp_path: Path
) -> None:
    (tmp_path / "leaky.py").write_text(LEAKY)
    with served(tenants, "psycopg", module="leaky:app", path=tmp_path) as listening:
        clients = {org_id: [signed_in(listening, org_id)] for org_id in (FIRST, SECOND)}
        tally = hammer(listening, clients, 1)
        clients[FIRST][0].close(), clients[SECOND][0].close()
    assert any("got a row of" in wrong for wrong in tally.wrong)
