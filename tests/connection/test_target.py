from __future__ import annotations

import os
import pickle
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from dbops.connection.binaries import find_server
from dbops.connection.process import run
from dbops.connection.server import ScratchServer
from dbops.connection.session import read_only, scratch
from dbops.connection.target import Target, resolve_target
from dbops.errors import ConfigurationError, UsageError
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOSTILE = "p%40ss@:/ '\"\\?#&=%"
CANARY = "Canary-7f3a"


def named(url: str | None = None, *, service: str | None = None, **environ: str) -> Target:
    return resolve_target(database_url=url, service=service, environ={"USER": "me", **environ})


def refusal(url: str, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        named(url, **environ)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://alice@db.example:5433/erp",
        "postgres://alice@db.example:5433/erp",
        "POSTGRESQL://alice@db.example:5433/erp",
        "postgresql+psycopg://alice@db.example:5433/erp",
        "postgresql+psycopg2://alice@db.example:5433/erp",
        "postgresql+asyncpg://alice@db.example:5433/erp?prepared_statement_cache_size=0",
        "jdbc:postgresql://db.example:5433/erp?user=alice",
        "jdbc:postgresql://db.example:5433/erp?user=alice&loginTimeout=3&reWriteBatchedInserts=true&sslfactory=x",
        "postgresql://alice@db.example:5433/erp?schema=public&pgbouncer=true&connection_limit=1&pool_timeout=0",
        "postgresql://alice@db.example:5433/erp?pool_max_conns=10",
        "postgresql://?host=db.example&port=5433&user=alice&dbname=erp",
        "host=db.example port=5433 user=alice dbname=erp",
        "  host = db.example port='5433'\n user=alice dbname='erp'  ",
    ],
)
def test_every_spelling_people_paste_names_the_same_database(url: str) -> None:
    expected = {"host": "db.example", "port": "5433", "user": "alice", "dbname": "erp"}
    assert expected == dict(named(url).parameters)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://localhost",
        "postgresql://localhost:5433",
        "postgresql://localhost/mydb",
        "postgresql://user@localhost",
        "postgresql://user:secret@localhost",
        "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
        "postgresql://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp",
        "postgresql:///mydb?host=localhost&port=5433",
        "postgresql://[2001:db8::1234]/database",
        "postgresql://[::1]:5433,[::2]:5434/database",
        "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
        "postgresql://us%40er:p%40ss%2F@/db%20name?host=/tmp/a%20b",
        "postgresql://u:a+b@h/d+e",
        "postgresql://u:@h/d",
        "postgresql:///d?user=me@server&password=x%26y",
        "postgresql://h/d?ssl=true",
        r"host=/tmp user='a\'b\\c' password = 'x y' dbname=d\ e",
        "host='' dbname=d user=''",
    ],
)
def test_what_libpq_takes_is_read_as_libpq_reads_it(url: str) -> None:
    target = named(url, HOME="/nonexistent")
    expected = {key: value for key, value in conninfo_to_dict(url).items() if value}
    password = expected.pop("password", None)
    filled_in = {"host", "port", "user", "dbname"} - expected.keys() - {"hostaddr"}
    assert expected == {key: value for key, value in target.parameters.items() if key not in filled_in}
    assert password == target.password
    assert dict(target.parameters) == conninfo_to_dict(target.conninfo())


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://h/d?ssl=true", "require"),
        ("jdbc:postgresql://h/d?ssl=true&sslmode=verify-full", "verify-full"),
        ("jdbc:postgresql://h/d?sslmode=verify-full&ssl=true", "verify-full"),
        ("postgresql+asyncpg://h/d?ssl=verify-full", "verify-full"),
        ("postgresql://h/d?sslmode=no-verify", "require"),
        ("jdbc:postgresql://h/d?ssl=false", None),
    ],
)
def test_tls_asked_for_in_another_dialect_is_asked_for(url: str, sslmode: str | None) -> None:
    assert sslmode == named(url).parameters.get("sslmode")


def test_several_hosts_are_described_with_a_port_each() -> None:
    target = named("postgresql://u@a:1,[::1],c:3/d")
    assert target.addresses() == ["a:1", "[::1]:5432", "c:3"]
    assert target.describe() == "u@a:1,[::1]:5432,c:3/d"
    assert named("host=a,b port=7 user=u dbname=d").describe() == "u@a:7,b:7/d"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{CANARY}@h/d",
        f"jdbc:mysql://u:{CANARY}@h/d",
        f"postgresql://u:{CANARY}@h:port/d",
        f"postgresql://u:{CANARY}@h:70000/d",
        f"postgresql://u:{CANARY}@h:-1/d",
        f"postgresql://u:{CANARY}@[::1/d",
        f"postgresql://u:{CANARY}%zz@h/d",
        f"postgresql://u:{CANARY}%00@h/d",
        f"postgresql://u:{CANARY}%ff@h/d",
        f"postgresql://u:{CANARY}@h/d%",
        f"postgresql://u:12/{CANARY}@h/d",
        f"postgresql://u:{CANARY}/x@h/d",
        f"postgresql://u:x?{CANARY}@h/d",
        f"postgresql://u:x?{CANARY}=1@h/d",
        f"postgresql://u:12?{CANARY}=1@h/d",
        f"postgresql://u:12?user={CANARY}&hos@h/d",
        f"postgresql://u:{CANARY}@h/d?nonsense",
        f"postgresql://u:{CANARY}@h/d?sslmod=require",
        f"postgresql://u:{CANARY}@h/d?password={CANARY}%",
        f"host=h password={CANARY} {CANARY}",
        f"host=h password='{CANARY}",
        f"host=h {CANARY}=x",
        f"host=h passwort={CANARY}",
        f"postgresql:/u:{CANARY}@h/d",
        f"u:{CANARY}@h/d",
        CANARY,
        f"postgresql://u:{CANARY}\0@h/d",
    ],
)
def test_a_malformed_string_is_refused_without_a_word_of_it(url: str) -> None:
    error = refusal(url)
    said = f"{error.message} {error.hint} {error!r} {error.__cause__!r}"
    assert "--database-url" in error.message
    assert CANARY not in said
    assert redact(error.hint or "") == error.hint


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://u:p%@h/d", "the password has a '%'"),
        ("postgresql://%:p@h/d", "the user has a '%'"),
        ("postgresql://u@h/%", "the database has a '%'"),
        ("postgresql://u@h:x/d", "the port is not a number"),
        ("postgresql://u@[::1/d", "IPv6"),
        ("mysql://u@h/d", "its scheme is not postgresql://"),
        ("nonsense", "neither a URL nor a list of keyword=value"),
        ("postgresql://u@h/d?sslmod=verify-full", "'sslmod' (did you mean sslmode?)"),
        ("postgresql://u:p\udcff@h/d", "it holds bytes that are not UTF-8"),
        ("", "--database-url is empty"),
    ],
)
def test_a_refusal_says_which_part_is_wrong(url: str, part: str) -> None:
    assert part in refusal(url).message


def test_a_variable_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(UsageError, match="the password from PGPASSWORD holds bytes that are not UTF-8"):
        resolve_target(database_url="postgresql://u@h/d", service=None, environ={"PGPASSWORD": "p\udcff"})


def test_a_password_with_raw_at_signs_is_understood() -> None:
    target = named("postgresql://u:p@ss@word@h/d")
    assert (target.password, target.host) == ("p@ss@word", "h")


@pytest.mark.parametrize("value", [HOSTILE, "two words", "ünïcödé", "'", "\\", "\\'", "%", "a:b"])
def test_any_password_arrives_unchanged_and_shows_nowhere(value: str, tmp_path: Path) -> None:
    from urllib.parse import quote

    target = named(f"postgresql://u:{quote(value, safe='')}@h/d")
    shown = [repr(target), target.conninfo(), target.describe(), target.provenance(), *target.parameters.values()]
    shown += target.program_environment(tmp_path).values()
    assert value == target.password
    assert [text for text in shown if len(value) > 2 and value in text] == []
    assert len(value) < 3 or value not in redact(f"libpq says {value}!")


def test_other_secrets_are_split_out_as_well(tmp_path: Path) -> None:
    target = named(f"postgresql://u@h/d?sslpassword={CANARY}&keepalives_idle=7")
    environment = target.program_environment(tmp_path)
    service_file = Path(environment["PGSERVICEFILE"])
    assert CANARY not in repr(target) + target.conninfo() + repr(environment)
    assert f"[dbops]\nsslpassword={CANARY}\nkeepalives_idle=7\n" == service_file.read_text()
    assert stat.S_IMODE(service_file.stat().st_mode) == 0o600


def test_no_target_named_is_a_usage_error_that_says_how_to_name_one() -> None:
    with pytest.raises(UsageError) as caught:
        named(None, PGPORT="5433", PGUSER="u", PGPASSWORD="x", DATABASE_URL="")
    assert caught.value.message == "no database is named"
    assert caught.value.exit_code == 2
    for way in ("--database-url", "DATABASE_URL", "--service", "PGHOST", "dbops.toml", "dbops demo"):
        assert way in (caught.value.hint or "")


@pytest.mark.parametrize("variable", ["PGHOST", "PGDATABASE", "PGHOSTADDR"])
def test_host_or_database_in_the_environment_names_a_target(variable: str) -> None:
    assert variable in named(None, **{variable: "127.0.0.1"}).origins.values()


def test_variables_fill_in_what_the_url_leaves_open_and_every_value_knows_its_origin() -> None:
    target = named(
        "postgresql://db/erp", PGUSER="alice", PGPASSWORD=CANARY, PGHOST="other", PGPORT="6000", PGSSLMODE="verify-full"
    )
    assert target.describe() == "alice@db:6000/erp"
    assert target.password == CANARY
    assert target.parameters["sslmode"] == "verify-full"
    expected = "host db (--database-url), port 6000 (PGPORT), database erp (--database-url), user alice (PGUSER)"
    assert f"{expected}, password (PGPASSWORD)" == target.provenance()


@pytest.mark.parametrize(("yields_to", "host"), [("nothing", "url"), ("environment", "process"), ("dotenv", "process")])
def test_variables_win_over_a_url_from_a_lower_source(yields_to: Any, host: str) -> None:
    target = resolve_target(
        database_url="postgresql://u@url/d?connect_timeout=3",
        service=None,
        environ={"PGHOST": "process"},
        dotenv={"PGHOST": "file", "PGCONNECT_TIMEOUT": "4", "PGAPPNAME": "x"},
        yields_to=yields_to,
    )
    assert host == target.host
    assert ("4" if yields_to == "dotenv" else "3") == target.parameters["connect_timeout"]
    assert target.origin("application_name") == "PGAPPNAME in .env"


def test_defaults_are_filled_in_so_that_libpq_has_nothing_to_guess() -> None:
    target = named(None, PGHOST="db")
    assert dict(target.parameters) == {"host": "db", "port": "5432", "user": "me", "dbname": "me"}
    assert target.origin("dbname") == "default"


def test_a_bad_port_variable_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="the port from PGPORT is not a number"):
        named(None, PGHOST="h", PGPORT="5432x")


@pytest.fixture
def service_file(tmp_path: Path) -> Path:
    path = tmp_path / "services.conf"
    path.write_text(
        f"# ours\n[erp]\nhost=db.example\nport=5433\n\n# secret\npassword={CANARY}\ndbname=erp\n[broken]\nhost\n"
        f"[typo]\nhots={CANARY}\n"
    )
    return path


def test_a_service_is_resolved_with_the_line_of_each_value(service_file: Path) -> None:
    target = named(None, service="erp", PGSERVICEFILE=str(service_file), PGUSER="u")
    assert (target.describe(), target.password) == ("u@db.example:5433/erp", CANARY)
    assert f"service erp ({service_file}:3)" == target.origin("host")
    assert "service" not in target.parameters


def test_a_url_may_name_a_service_and_wins_over_it(service_file: Path) -> None:
    target = named("postgresql://u@/mine?service=erp", PGSERVICEFILE=str(service_file))
    assert target.describe() == "u@db.example:5433/mine"


def test_the_service_file_of_the_home_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text("[x]\nhost=h\n")
    assert named(None, service="x", HOME=str(tmp_path)).host == "h"


@pytest.mark.parametrize(
    ("service", "message"),
    [("nope", "there is no service 'nope'"), ("broken", "is not keyword=value"), ("typo", "did you mean host")],
)
def test_a_service_that_does_not_work_is_refused_with_its_place(service: str, message: str, service_file: Path) -> None:
    with pytest.raises(UsageError) as caught:
        named(None, service=service, PGSERVICEFILE=str(service_file))
    assert message in caught.value.message
    assert str(service_file) in caught.value.message
    assert CANARY not in caught.value.message


def test_an_unreadable_service_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        named(None, service="x", PGSERVICEFILE=str(tmp_path))


def test_with_database_changes_nothing_else() -> None:
    target = named(f"postgresql://u:{CANARY}@h/d")
    other = target.with_database("it's")
    assert (other.database, other.password, other.user) == ("it's", CANARY, "u")
    assert target.database == "d"
    assert dict(other.parameters) == conninfo_to_dict(other.conninfo())


def test_targets_compare_by_value_and_do_not_change() -> None:
    assert named("postgresql://u:x@h/d") == named("postgresql://u:x@h/d")
    with pytest.raises(TypeError):
        named("postgresql://u@h/d").parameters["host"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):  # nothing may write a password to a pickle by accident
        pickle.dumps(named("postgresql://u:x@h/d"))


def test_a_password_with_a_line_break_is_refused_before_a_passfile_is_written(tmp_path: Path) -> None:
    target = Target.from_parameters({"host": "h"}, password="a\nb")
    with pytest.raises(UsageError, match="line break"):
        target.program_environment(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def guarded() -> Iterator[ScratchServer]:
    """A server that asks for passwords, with a user whose password is hostile to every quoting."""
    with ScratchServer(find_server(None, environ=os.environ), auth="scram-sha-256") as server:
        with scratch(server, "postgres") as connection:
            literal = HOSTILE.replace("'", "''")
            connection.execute(f"create role alice login password '{literal}'".encode())
            connection.execute(f"create role bob login password 'not remembered {literal}'".encode())
        server.set_password("alice", HOSTILE)
        yield server


def answer_of_psql(target: Target, server: ScratchServer, directory: Path, environ: Mapping[str, str]) -> str:
    environment = {**environ, **target.program_environment(directory)}
    psql = server.binaries.program("psql") if server.binaries.has("psql") else Path("/usr/bin/psql")
    if not psql.exists():
        pytest.skip("no psql")
    done = run(psql, ["-XAtc", "select current_user"], output=directory / "psql", environment=environment, deadline=30)
    done.check()
    return done.stdout.read_text().strip()


def test_a_hostile_password_reaches_sessions_and_programs(guarded: ScratchServer, tmp_path: Path) -> None:
    target = guarded.target("postgres", user="alice")
    with read_only(target) as session:
        assert session.fetch_all("select current_user::text") == [("alice",)]
    assert answer_of_psql(target, guarded, tmp_path, {}) == "alice"
    files = [path for path in tmp_path.iterdir() if path.name.startswith(".libpq-")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]


def test_a_pgpass_of_the_user_works_for_sessions_and_programs(guarded: ScratchServer, tmp_path: Path) -> None:
    password = f"not remembered {HOSTILE}"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    passfile = tmp_path / ".pgpass"
    passfile.write_text(f"*:*:*:bob:{escaped}\n")
    passfile.chmod(0o600)
    environ = {
        "HOME": str(tmp_path),
        "PGHOST": str(guarded.socket_directory),
        "PGUSER": "bob",
        "PGDATABASE": "postgres",
    }
    target = resolve_target(database_url=None, service=None, environ=environ)
    assert f"passwords of {passfile} (default)" in target.provenance()
    with read_only(target) as session:
        assert session.fetch_all("select current_user::text") == [("bob",)]
    assert password not in redact(f"once used, libpq's find is known: {password}")
    assert answer_of_psql(target, guarded, tmp_path, {}) == "bob"


@pytest.fixture
def closed_home(tmp_path: Path) -> Iterator[Path]:
    """A home with a passfile and services that this process may not enter, as under sudo or in a container."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text("*:*:*:*:x\n")
    (home / ".pg_service.conf").write_text("[erp]\nhost=db.example\n")
    home.chmod(0)
    if as_root := os.geteuid() == 0:
        os.seteuid(65534)
    yield home
    if as_root:
        os.seteuid(0)
    home.chmod(0o700)


def test_what_lies_in_a_home_that_may_not_be_entered_counts_as_absent(closed_home: Path) -> None:
    assert "passfile" not in named("postgresql://db.example/erp", HOME=str(closed_home)).parameters
    with pytest.raises(UsageError, match="there is no service 'erp'") as caught:
        named(service="erp", HOME=str(closed_home))
    assert UsageError is type(caught.value)


def test_a_service_file_that_was_named_and_may_not_be_read_is_an_error(closed_home: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        named(service="erp", PGSERVICEFILE=str(closed_home / ".pg_service.conf"))


@pytest.mark.parametrize("wrong", ["abc", "1.5", "10s", "1e3", "99999999999"])
def test_a_connect_timeout_that_is_no_number_is_refused_with_where_it_came_from(wrong: str) -> None:
    assert "connect_timeout from" in refusal(f"postgresql://db.example/erp?connect_timeout={wrong}").message
    assert "PGCONNECT_TIMEOUT" in refusal("postgresql://db.example/erp", PGCONNECT_TIMEOUT=wrong).message


@pytest.mark.parametrize("right", ["0", "3", "-1"])
def test_a_connect_timeout_is_passed_on_as_it_is(right: str) -> None:
    assert right == named(f"postgresql://db.example/erp?connect_timeout={right}").parameters["connect_timeout"]
