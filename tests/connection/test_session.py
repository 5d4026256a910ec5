from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import signal
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import APPLICATION_NAME, read_only, scratch
from dbops.connection.target import Target, resolve_target
from dbops.errors import (
    ConnectionFailedError,
    DbopsError,
    DeadlineError,
    ExitCode,
    PrivilegeError,
    UnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]

CANARY = "Canary-9b1e"


def changed(target: Target, **parameters: str) -> Target:
    return Target.from_parameters(
        {**target.parameters, **parameters}, password=target.password, origins={"host": "--database-url"}
    )


def refusal(target: Target, **options: Any) -> DbopsError:
    with pytest.raises(DbopsError) as caught, read_only(target, **options):
        pass
    assert caught.value.__cause__ is None
    return caught.value


def setting(session: Any, name: str) -> str:
    return str(session.fetch_all("select current_setting(%s)", [name])[0][0])


def test_a_session_is_one_guarded_read_only_snapshot(database: Target) -> None:
    expected = {
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
        "default_transaction_read_only": "on",
        "search_path": "pg_catalog, pg_temp",
        "lock_timeout": "1s",
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "1min",
        "jit": "off",
        "work_mem": "64MB",
        "client_encoding": "UTF8",
        "application_name": APPLICATION_NAME,
        "TimeZone": "UTC",
    }
    with read_only(database) as session:
        assert {name: setting(session, name) for name in expected} == expected


def test_limits_are_the_callers_and_none_is_no_limit(database: Target) -> None:
    with read_only(database, statement_timeout=None, lock_timeout=0.0001, idle_timeout=7200) as session:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        assert [setting(session, name) for name in names] == ["0", "1ms", "2h"]


def test_a_session_cannot_write(database: Target) -> None:
    with pytest.raises(UnavailableError, match="read-only transaction"), read_only(database) as session:
        session.fetch_all("create table t ()")


def test_a_session_sees_one_moment(database: Target, run_sql: RunSql) -> None:
    run_sql(database, "create table public.t (n int)")
    with read_only(database) as session:
        before = session.fetch_all("select count(*) from public.t")
        run_sql(database, "insert into public.t values (1)")
        assert session.fetch_all("select count(*) from public.t") == before


def count_round_trips(session: Any, path: Path, action: Callable[[], object]) -> int:
    """Count how often the server said that it is ready, by libpq's own trace."""
    with path.open("w") as file:
        session.connection.pgconn.trace(file.fileno())
        action()
        session.connection.pgconn.untrace()
    return path.read_text().count("ReadyForQuery")


def test_what_a_report_says_about_the_target_costs_one_round_trip(database: Target, tmp_path: Path) -> None:
    with read_only(database) as session:
        assert count_round_trips(session, tmp_path / "trace", session.info) == 1
        assert count_round_trips(session, tmp_path / "again", session.info) == 0


def test_info_names_the_cluster(server: ScratchServer, database: Target, run_sql: RunSql) -> None:
    [(identifier, timeline)] = run_sql(
        database,
        "select system_identifier::text, timeline_id from pg_control_system(), pg_control_checkpoint()",
    )
    with read_only(database) as session:
        info = session.info()
        assert session.is_superuser
        assert session.server_version // 10000 == server.binaries.major
    assert (info.system_identifier, info.timeline) == (identifier, timeline)
    assert (info.host, info.port) == (str(server.socket_directory), 5432)
    assert (info.database, info.user, info.tls) == (database.database, server.superuser, "unix socket")
    assert (info.server_version or "").startswith(str(server.binaries.major))


@pytest.fixture
def plain_user(server: ScratchServer, run_sql: RunSql) -> Iterator[str]:
    name = f"plain_{os.urandom(4).hex()}"
    run_sql(server.target(), f"create role {name} login")
    yield name
    run_sql(server.target(), f"drop owned by {name}; drop role {name}")


def test_a_server_that_withholds_its_identity_still_gives_a_session(
    server: ScratchServer, database: Target, plain_user: str, run_sql: RunSql
) -> None:
    run_sql(database, "revoke execute on function pg_catalog.pg_control_system() from public")
    with read_only(server.target(database.database, user=plain_user)) as session:
        info = session.info()
        assert (info.system_identifier, info.timeline, session.is_superuser) == (None, None, False)
        assert session.fetch_all("select 1") == [(1,)]


def test_variables_of_libpq_do_not_change_a_finished_target(database: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {"PGSERVICE": "no-such-service", "PGOPTIONS": "-c bogus=1", "PGTZ": "Nowhere", "PGSSLMODE": "x"}
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    with read_only(database) as session:
        assert session.fetch_all("select 1") == [(1,)]
    assert {name: os.environ[name] for name in hostile} == hostile


def test_errors_in_the_body_leave_as_ours(database: Target, server: ScratchServer, plain_user: str) -> None:
    with (
        pytest.raises(PrivilegeError, match="pg_authid"),
        read_only(server.target(database.database, user=plain_user)) as session,
    ):
        session.fetch_all("select * from pg_authid")
    with (
        pytest.raises(DeadlineError, match="statement timeout"),
        read_only(database, statement_timeout=0.05) as session,
    ):
        session.fetch_all("select pg_sleep(5)")
    with pytest.raises(UnavailableError, match="42703"), read_only(database) as session:
        session.fetch_all("select nothing")
    with pytest.raises(ZeroDivisionError), read_only(database) as session:
        session.fetch_all(f"select {1 // 0}")


def test_a_lock_that_is_held_ends_the_wait_after_a_second(database: Target, run_sql: RunSql) -> None:
    run_sql(database, "create table public.t ()")
    with psycopg.connect(database.conninfo()) as holder:
        holder.execute("lock table public.t")
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="lock timeout"), read_only(database) as session:
            session.fetch_all("select * from public.t")
        assert 0.9 < time.monotonic() - began


def test_a_lost_connection_is_said_to_be_lost(database: Target, server: ScratchServer, run_sql: RunSql) -> None:
    def terminate_itself() -> None:
        with read_only(database) as session:
            [(pid,)] = session.fetch_all("select pg_backend_pid()")
            run_sql(server.target(), f"select pg_terminate_backend({pid}, 5000)")
            session.fetch_all("select 1")

    with pytest.raises(ConnectionFailedError, match="was lost"):
        terminate_itself()


def test_a_passed_deadline_ends_the_session_and_the_statement(
    database: Target, server: ScratchServer, run_sql: RunSql
) -> None:
    pids: list[int] = []

    def sleep_too_long() -> None:
        with read_only(database, deadline=0.5, statement_timeout=None) as session:
            pids.extend(session.fetch_all("select pg_backend_pid()")[0])
            session.fetch_all("select pg_sleep(60)")

    began = time.monotonic()
    with pytest.raises(DeadlineError, match=r"passed its deadline of 0\.5 s"):
        sleep_too_long()
    assert time.monotonic() - began < 30
    still_there = f"select count(*) from pg_stat_activity where pid = {pids[0]}"
    while run_sql(server.target(), still_there) != [(0,)] and time.monotonic() - began < 40:
        time.sleep(0.02)
    assert run_sql(server.target(), still_there) == [(0,)]


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def own_server() -> Iterator[ScratchServer]:
    """A server that may be stopped and set up as a test likes, reached by socket and loopback, with passwords."""
    port = _free_port()
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "fsync": "off"}
    with ScratchServer(find_server(None, environ=os.environ), settings=settings, auth="scram-sha-256") as server:
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_stopped_backend_cannot_outlast_the_deadline(own_server: ScratchServer) -> None:
    def ask_a_stopped_server() -> None:
        with read_only(own_server.target(), deadline=0.5) as session:
            [(pid,)] = session.fetch_all("select pg_backend_pid()")
            with stopped(pid, own_server.pid):  # so that nobody answers a cancel request either
                session.fetch_all("select 1")

    began = time.monotonic()
    with pytest.raises(DeadlineError):
        ask_a_stopped_server()
    assert time.monotonic() - began < 30  # else it never ends


def test_a_server_that_does_not_answer_cannot_outlast_the_deadline(own_server: ScratchServer) -> None:
    began = time.monotonic()
    with stopped(own_server.pid):
        error = refusal(own_server.target(), deadline=1)
    assert "there was no answer in time" in error.message
    assert time.monotonic() - began < 30  # else it never ends


def test_a_session_that_ends_in_time_leaves_no_timer(database: Target) -> None:
    before = threading.active_count()
    with read_only(database, deadline=600) as session:
        assert threading.active_count() == before + 1
        session.fetch_all("select 1")
    time.sleep(0.05)
    assert threading.active_count() == before


def test_the_first_words_say_what_is_wrong_and_the_rest_what_was_tried(database: Target) -> None:
    error = refusal(changed(database, dbname="no such"))
    assert isinstance(error, ConnectionFailedError)
    assert error.exit_code == ExitCode.UNABLE
    assert f"cannot connect to {database.host}:5432: there is no database 'no such' on this server" in error.message
    assert f"tried host {database.host} (--database-url), port 5432 (default)" in error.message
    assert "psql -l" in (error.hint or "")


@pytest.mark.parametrize(
    ("parameters", "kind", "meaning"),
    [
        ({"user": "nobody here"}, ConnectionFailedError, "the server has no user 'nobody here'"),
        ({"port": "1"}, ConnectionFailedError, "no server has its socket there"),
        ({"host": "127.0.0.1", "port": "1"}, ConnectionFailedError, "nothing listens there"),
        ({"host": "127.0.0.1,localhost", "port": "1,2"}, ConnectionFailedError, "nothing listens there"),
        ({"host": "no.such.host.invalid"}, ConnectionFailedError, "the host name is not known"),
        ({"sslmode": "bogus"}, UsageError, "a connection parameter has a value that libpq does not take"),
        ({"options": "-c no_such_thing=1"}, ConnectionFailedError, "no_such_thing"),
        ({"target_session_attrs": "standby"}, ConnectionFailedError, "target_session_attrs"),
    ],
)
def test_a_failed_connection_says_what_it_means(
    database: Target, parameters: dict[str, str], kind: type[DbopsError], meaning: str
) -> None:
    error = refusal(changed(database, **parameters))
    assert type(error) is kind
    assert meaning in error.message
    assert error.hint


@pytest.fixture
def refused(server: ScratchServer, database: Target, plain_user: str, run_sql: RunSql) -> Callable[[str], DbopsError]:
    """Take something from an ordinary user, and return what he is told when he connects."""

    def take_and_connect(sql: str) -> DbopsError:
        run_sql(server.target(), sql.format(user=plain_user, database=database.database))
        return refusal(server.target(database.database, user=plain_user))

    return take_and_connect


@pytest.mark.parametrize(
    ("sql", "kind", "meaning"),
    [
        ("alter role {user} nologin", ConnectionFailedError, "may not log in"),
        ("alter role {user} connection limit 0", ConnectionFailedError, "the server has no free connection"),
        ("alter database {database} allow_connections false", ConnectionFailedError, "does not take connections"),
        ("revoke connect on database {database} from public", PrivilegeError, "may not connect to the database"),
    ],
)
def test_a_refused_user_is_told_what_to_ask_for(
    refused: Callable[[str], DbopsError], sql: str, kind: type[DbopsError], meaning: str
) -> None:
    error = refused(sql)
    assert type(error) is kind
    assert meaning in error.message


def test_a_wrong_password_is_named_by_its_source_and_not_shown(own_server: ScratchServer) -> None:
    url = f"postgresql://{own_server.superuser}:{CANARY}@127.0.0.1:{own_server.target().port}/postgres"
    error = refusal(resolve_target(database_url=url, service=None, environ={}, origin="DATABASE_URL"))
    assert "the password was not accepted" in error.message
    assert "password (DATABASE_URL)" in error.message
    assert CANARY not in f"{error!r} {error.message} {error.hint}"


def test_a_missing_password_says_where_libpq_looks(own_server: ScratchServer, tmp_path: Path) -> None:
    environ = {
        "PGHOST": "127.0.0.1", "PGPORT": str(own_server.target().port), "PGUSER": own_server.superuser,
        "HOME": str(tmp_path),
    }  # fmt: skip
    error = refusal(resolve_target(database_url=None, service=None, environ=environ))
    assert "the server wants a password and none was found" in error.message
    assert "no password" in error.message
    assert "PGPASSWORD" in (error.hint or "")


def test_a_passfile_that_others_may_read_is_named(own_server: ScratchServer, tmp_path: Path) -> None:
    passfile = tmp_path / ".pgpass"
    passfile.write_text(f"*:*:*:*:{CANARY}\n")
    passfile.chmod(0o644)
    environ = {
        "PGHOST": "127.0.0.1", "PGPORT": str(own_server.target().port), "PGUSER": own_server.superuser,
        "HOME": str(tmp_path),
    }  # fmt: skip
    error = refusal(resolve_target(database_url=None, service=None, environ=environ))
    assert f"chmod 0600 {passfile}" in (error.hint or "")


@pytest.fixture
def hba(own_server: ScratchServer) -> Iterator[Callable[[str], None]]:
    """Put a line before all others of pg_hba.conf; undone at the end."""
    path = own_server.data_directory / "pg_hba.conf"
    original = path.read_text()

    def prepend(line: str) -> None:
        path.write_text(f"{line}\n{original}")
        _reload(own_server)

    yield prepend
    path.write_text(original)
    _reload(own_server)


def _reload(server: ScratchServer) -> None:
    with scratch(server, "postgres") as connection:
        [(before,)] = connection.execute("select pg_conf_load_time()").fetchall()
        connection.execute("select pg_reload_conf()")
        while connection.execute("select pg_conf_load_time()").fetchall() == [(before,)]:
            time.sleep(0.01)


def over_tcp(server: ScratchServer, **parameters: str) -> Target:
    return changed(server.target(), host="127.0.0.1", **parameters)


def test_a_connection_that_pg_hba_does_not_allow_says_so(own_server: ScratchServer, hba: Callable[[str], None]) -> None:
    hba("host all all 127.0.0.1/32 reject")
    error = refusal(over_tcp(own_server, sslmode="disable"))
    assert "pg_hba.conf does not allow it" in error.message
    hba("host all all 127.0.0.1/32 ident map=none")
    assert "the server trusts the operating system's user name" in refusal(over_tcp(own_server)).message


@pytest.fixture
def certificate(own_server: ScratchServer) -> Iterator[None]:
    """Give the server a certificate that nobody trusts, and turn TLS on."""
    if not own_server.binaries.capabilities.ssl:
        pytest.skip("this server was built without TLS")
    key = own_server.data_directory / "server.key"
    key.write_bytes(_self_signed(own_server.data_directory / "server.crt"))
    status = own_server.data_directory.stat()
    os.chown(key, status.st_uid, status.st_gid)
    key.chmod(0o600)
    with scratch(own_server, "postgres") as connection:
        connection.execute("alter system set ssl = on")
    _reload(own_server)
    yield
    with scratch(own_server, "postgres") as connection:
        connection.execute("alter system reset ssl")
    _reload(own_server)


def _self_signed(path: Path) -> bytes:
    """Write a certificate for 127.0.0.1 and return its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_the_state_of_tls_is_part_of_the_target(own_server: ScratchServer, certificate: None, tmp_path: Path) -> None:
    root = tmp_path / "root.crt"
    shutil.copy(own_server.data_directory / "server.crt", root)
    for parameters, expected in (
        ({"sslmode": "disable"}, "off"),
        ({"sslmode": "require"}, "TLSv1.3, not verified"),
        ({"sslmode": "verify-ca", "sslrootcert": str(root)}, "TLSv1.3, certificate verified"),
        ({"sslmode": "verify-full", "sslrootcert": str(root)}, "TLSv1.3, certificate and host verified"),
    ):
        with read_only(over_tcp(own_server, **parameters)) as session:
            assert session.info().tls == expected


def test_trouble_with_tls_says_which(
    own_server: ScratchServer, certificate: None, hba: Callable[[str], None], tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    _self_signed(other)
    for parameters in (
        {"sslmode": "verify-full", "sslrootcert": str(other)},
        {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "absent.crt")},
    ):
        error = refusal(over_tcp(own_server, **parameters))
        assert "the server's TLS certificate could not be verified" in error.message
    hba("hostnossl all all 127.0.0.1/32 reject")
    error = refusal(over_tcp(own_server, sslmode="disable"))
    assert "pg_hba.conf does not allow it" in error.message


def test_a_server_that_wants_tls_is_understood(own_server: ScratchServer, hba: Callable[[str], None]) -> None:
    path = own_server.data_directory / "pg_hba.conf"
    local_only = "\n".join(line for line in path.read_text().splitlines() if line.startswith("local"))
    with scratch(own_server, "postgres") as connection:
        path.write_text(f"{local_only}\n")
        connection.execute("select pg_reload_conf()")
    _reload(own_server)
    error = refusal(over_tcp(own_server, sslmode="disable"))
    assert "the server does not allow this connection without TLS" in error.message
    assert "sslmode=require" in (error.hint or "")


def test_a_server_without_tls_says_so_when_it_is_asked_for(own_server: ScratchServer) -> None:
    error = refusal(over_tcp(own_server, sslmode="require"))
    assert "the server does not speak TLS" in error.message


@contextlib.contextmanager
def answering(reply: bytes) -> Iterator[Target]:
    """Something on loopback that takes one packet and answers `reply`: a server in a state that is hard to catch."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(8192)
                        peer.sendall(reply)
                        # Read what is left, or closing would be a reset that overtakes the reply.
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(8192):
                            pass

        thread = threading.Thread(target=serve)
        thread.start()
        port = str(listener.getsockname()[1])
        try:
            yield Target.from_parameters(
                {"host": "127.0.0.1", "port": port, "user": "u", "dbname": "d", "sslmode": "disable"}, password=CANARY
            )
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def fatal(sqlstate: str, message: str) -> bytes:
    fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (fatal("57P03", "the database system is starting up"), "the server is still starting up"),
        (fatal("57P03", "the database system is not yet accepting connections"), "the server is still starting up"),
        (fatal("57P03", "the database system is shutting down"), "the server is shutting down"),
        (fatal("53300", "sorry, too many clients already"), "the server has no free connection"),
        (fatal("53300", "remaining connection slots are reserved for roles"), "the server has no free connection"),
        (fatal("08P01", "no more connections allowed (max_client_conn)"), "the server has no free connection"),
        (fatal("08P01", "unsupported startup parameter: options"), "a pooler refuses a start-up parameter"),
        (fatal("28000", "Passwort-Authentifizierung fehlgeschlagen"), "Passwort-Authentifizierung fehlgeschlagen"),
        (fatal("XX000", f"the password is {CANARY}"), "the password is ***"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is not PostgreSQL"),
        (b"", "the server took the connection and dropped it"),
    ],
)
def test_what_a_server_says_is_understood_and_redacted(reply: bytes, meaning: str) -> None:
    with answering(reply) as target:
        error = refusal(target)
    assert isinstance(error, ConnectionFailedError)
    assert meaning in error.message
    assert f"127.0.0.1:{target.port}" in error.message
    assert error.hint
    assert CANARY not in f"{error.message} {error.hint}"


def test_a_scratch_session_writes_and_commits_each_statement(server: ScratchServer, database: Target) -> None:
    with scratch(server, database.database) as connection:
        connection.execute("create table public.t as select 1 as n")
        with read_only(database) as session:
            assert session.fetch_all("select n from public.t") == [(1,)]


def test_a_scratch_session_can_be_another_user(server: ScratchServer, plain_user: str) -> None:
    with scratch(server, "postgres", user=plain_user) as connection:
        assert connection.execute("select current_user::text").fetchall() == [(plain_user,)]
    with pytest.raises(PrivilegeError), scratch(server, "postgres", user=plain_user) as connection:
        connection.execute("create role x")


def test_only_a_server_of_ours_can_be_written_to(server: ScratchServer) -> None:
    class Lookalike:
        def target(self, database: str, user: str | None = None) -> Target:
            return server.target(database, user=user)

    with pytest.raises(TypeError, match="only to servers it started itself, not to a Lookalike"):
        scratch(Lookalike(), "postgres").__enter__()  # type: ignore[arg-type]
