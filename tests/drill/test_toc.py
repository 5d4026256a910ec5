"""The table of contents of real archives, read from their bytes, beside what pg_restore says of them."""

from __future__ import annotations

import io
import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from dbops.backup.toc import Header, Item, Toc, read_toc
from dbops.connection.binaries import find_client, find_embedded, find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.contents import parse_listing
from dbops.drill.needs import database_of, extensions_of, needs_of
from dbops.drill.recognise import recognise
from dbops.drill.strangers import strangers
from dbops.errors import DamageError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target


@pytest.fixture(scope="module")
def client() -> Binaries:
    return find_client(find_server(None, environ=os.environ).version, environ=os.environ, local=True)


def _dump(client: Binaries, target: Target, to: Path, form: str) -> Path:
    command = [client.program("pg_dump"), f"--format={form}", f"--file={to}", f"--dbname={target.conninfo()}"]
    subprocess.run(command, check=True)
    return to


@pytest.mark.parametrize("form", ["custom", "directory", "tar"])
def test_it_names_the_entries_that_pg_restore_lists(form: str, nasty: Target, client: Binaries, tmp_path: Path) -> None:
    path = _dump(client, nasty, tmp_path / "x", form)
    listed = subprocess.run([client.program("pg_restore"), "--list", path], capture_output=True, check=True).stdout
    entries = {one.dump_id: one.kind for one in parse_listing(listed.decode()).entries}
    toc = recognise(path).contents()
    assert entries == {item.dump_id: item.kind for item in toc.items if item.dump_id in entries}
    assert {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE"} >= {
        item.kind for item in toc.items if item.dump_id not in entries
    }


def test_roles_are_found_as_owners_in_grants_and_in_policies(nasty: Target, client: Binaries, tmp_path: Path) -> None:
    toc = recognise(_dump(client, nasty, tmp_path / "x", "custom")).contents()
    names = {role.name for role in strangers(toc).roles}
    assert {"n_owner", "n_third", "n_app", "n_reader", 'N "odd" role\nwith a line break'} <= names
    assert not {name for name in names if name.startswith("pg_") or name.lower() == "public"}


def _item(kind: str, definition: str, owner: str = "") -> Item:
    return Item(1, kind, "x", "public", owner, definition, rows=False)


def _toc(*items: Item, version: tuple[int, int] = (1, 14)) -> Toc:
    return Toc(Header(version, "gzip", "", "d", "15.1", "15.1"), items)


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("ACL", 'GRANT ALL ON FUNCTION app."f TO x"("to" integer) TO "a ""b"" c";', ['a "b" c']),
        ("ACL", "REVOKE ALL ON TABLE t FROM PUBLIC;\nGRANT SELECT ON TABLE t TO a WITH GRANT OPTION;", ["a"]),
        (
            "ACL",
            "SET SESSION AUTHORIZATION b;\nGRANT SELECT ON TABLE t TO c;\nRESET SESSION AUTHORIZATION;",
            ["b", "c"],
        ),
        ("DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA s GRANT SELECT ON TABLES TO r;", ["o", "r"]),
        ("POLICY", 'CREATE POLICY p ON t FOR SELECT TO a, "B" USING ((x IN (SELECT y FROM z)));', ["B", "a"]),
        ("POLICY", "CREATE POLICY p ON t USING ((name = ' TO nobody '::text));", []),
        ("TABLE", "CREATE TABLE t (i int); -- TO nobody", []),
        ("ACL", "GRANT pg_monitor_like ON x TO pg_monitor;", []),
    ],
)
def test_a_role_is_what_the_grammar_says(kind: str, text: str, names: list[str]) -> None:
    assert names == [role.name for role in strangers(_toc(_item(kind, text))).roles]


@pytest.mark.parametrize(
    ("text", "provider", "locale", "collate"),
    [
        ("CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'de_DE';", "c", "de_DE", "de_DE"),
        (
            "CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'LATIN1' LC_COLLATE = 'C' LC_CTYPE = 'de_DE';",
            *("c", "C", "C"),
        ),
        (
            "CREATE DATABASE d WITH ENCODING = 'LATIN1' LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'und';",
            *("i", "und", "C"),
        ),
        (
            "CREATE DATABASE d ENCODING = 'LATIN1' LOCALE_PROVIDER = builtin LOCALE='C' BUILTIN_LOCALE = 'C.UTF-8';",
            *("b", "C.UTF-8", "C"),
        ),
        (
            "CREATE DATABASE \"LOCALE = 'x' \" WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'C';",
            "c",
            "C",
            "C",
        ),
    ],
)
def test_the_database_is_what_its_entry_says(text: str, provider: str, locale: str, collate: str) -> None:
    found = database_of(_toc(_item("DATABASE", text)))
    assert ("LATIN1", provider, locale, collate) == (
        found.source.encoding,
        found.source.provider,
        found.source.locale,
        found.collate,
    )


def test_needs_are_read_from_collations_columns_and_extensions() -> None:
    toc = _toc(
        _item("EXTENSION", 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "my schema";\n'),
        _item("COLLATION", "CREATE COLLATION public.x (provider = icu, locale = 'de');\n"),
        _item("TABLE", "CREATE TABLE t (c text);\nALTER TABLE ONLY t ALTER COLUMN c SET COMPRESSION lz4;\n"),
        version=(1, 16),
    )
    (extension,) = extensions_of(toc)
    assert "my schema" == extension.schema_
    needs = needs_of(toc, [extension])
    assert (True, True, 17, {"x"}) == (needs.icu, needs.lz4_columns, needs.reader, needs.extensions)
    assert not needs_of(_toc(_item("TABLE", "CREATE TABLE t (c text);")), []).lz4_columns


def test_names_are_read_in_the_encoding_of_the_archive(client: Binaries, tmp_path: Path) -> None:
    with ScratchServer(find_server(None, environ=os.environ), settings={"fsync": "off"}) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database d template template0 encoding 'LATIN1' locale 'C'")
        with scratch(server, "d") as connection:
            connection.execute('create role "gréta"; create table t (); alter table t owner to "gréta"')
        toc = recognise(_dump(client, server.target("d"), tmp_path / "x", "custom")).contents()
    assert ("LATIN1", ["gréta"]) == (toc.encoding, [item.owner for item in toc.of_kind("TABLE")])


@pytest.mark.skipif(find_embedded() is None, reason="the embedded server is not installed")
def test_a_newer_major_is_read_as_well(tmp_path: Path) -> None:
    embedded = find_embedded()
    assert embedded is not None
    with ScratchServer(embedded, settings={"fsync": "off"}) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create table public.t (i int); select lo_create(7)")
        toc = recognise(_dump(embedded, server.target(), tmp_path / "x", "custom")).contents()
    assert (["t"], 17) == ([item.name for item in toc.of_kind("TABLE")], toc.header.oldest_reader)


def test_cut_anywhere_it_is_damage_and_never_anything_else(erp: Target, client: Binaries, tmp_path: Path) -> None:
    data = _dump(client, erp, tmp_path / "x", "custom").read_bytes()
    end = next(size for size in range(1000, len(data), 97) if _reads(data[:size]))
    place = random.Random(7)  # noqa: S311  (repeatable, not secret)
    for at in (0, 1, 5, 11, *(place.randrange(end - 97) for _ in range(60))):
        with pytest.raises(DamageError):
            read_toc(io.BytesIO(data[:at]), "custom")


def _reads(data: bytes) -> bool:
    try:
        read_toc(io.BytesIO(data), "custom")
    except DamageError:
        return False
    return True


def test_flipped_anywhere_it_ends_in_one_of_our_errors_or_in_a_table_of_contents(
    erp: Target, client: Binaries, tmp_path: Path
) -> None:
    data = bytearray(_dump(client, erp, tmp_path / "x", "custom").read_bytes()[:20000])
    place = random.Random(11)  # noqa: S311
    for at in (*range(12), *(place.randrange(len(data)) for _ in range(300))):
        flipped = bytearray(data)
        flipped[at] ^= 1 << place.randrange(8)
        try:
            read_toc(io.BytesIO(flipped), "custom")
        except (DamageError, UnavailableError):
            continue


def test_a_text_that_no_pg_dump_writes_is_damage() -> None:
    head = b"PGDMP" + bytes([1, 14, 0, 4, 8, 1, 0]) + bytes(4) + bytes(5 * 7)
    with pytest.raises(DamageError, match="no pg_dump writes"):
        read_toc(io.BytesIO(head + b"\0\3\0\0\0a\0b" + bytes(100)), "custom")


def test_a_newer_format_is_no_damage() -> None:
    head = b"PGDMP" + bytes([1, 17, 0, 4, 8, 1, 1]) + bytes(5 * 7) + bytes(5 * 3)
    with pytest.raises(UnavailableError, match=r"version 1\.17") as caught:
        read_toc(io.BytesIO(head), "custom")
    assert "pg_dump of PostgreSQL 18" in (caught.value.hint or "")
