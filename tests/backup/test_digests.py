"""Digests of rows: the same for the same rows in any order, another for any other rows, and taken in the snapshot."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup.counting import with_rows
from dbops.backup.digests import (
    BUCKETS,
    DigestMode,
    chosen_mode,
    coverage,
    plan_readings,
    read_rows,
    same_readings,
)
from dbops.backup.options import BackupOptions
from dbops.backup.source import read_tables
from dbops.connection.session import read_only
from dbops.errors import DbopsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target
    from dbops.model import TableCount

MOST_TYPES = """
create type mood as enum ('sad', 'glad');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create table many (
    id bigint primary key, r real, d double precision, n numeric, m money, t text, b bytea, at timestamptz, i interval,
    j json, jb jsonb, x xml, u uuid, a int[], o mood, p pair, q positive, rng int4range, net inet, bits bit varying,
    pt point, ts tsvector, cls regclass
);
insert into many select
    g, g / 3.0, g / 7.0, g / 9.0, (g * 100)::money, 'text ' || g, decode(md5(g::text), 'hex'),
    timestamptz '2026-03-29 00:30:00+00' + g * interval '1 hour', g * interval '1 day 3 hours',
    '{"a": 1}', '{"a": 1}', '<a>ä</a>', md5(g::text)::uuid, array[g, null], 'glad', row(g, null)::pair, g,
    int4range(g, g + 5), '10.0.0.1', b'101', point(g, 0.1), to_tsvector('simple', 'a b'), 'many'::regclass
from generate_series(1, 500) as g;
"""


def _read(target: Target, mode: DigestMode = DigestMode.FULL, bucket: int = 0) -> dict[str, TableCount]:
    with read_only(target) as session:
        tables = with_rows(read_tables(session), in_recovery=False)
        return {one.name: one for one in read_rows(session, plan_readings(tables, mode, bucket))}


def _digest(target: Target, table: str) -> str | None:
    return _read(target)[table].digest


def test_the_order_of_rows_does_not_change_a_digest(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table a as select i, md5(i::text) from generate_series(1, 1000) as i")
    run_sql(database, "create table b as select * from a order by md5 desc")
    assert _digest(database, "a") == _digest(database, "b")


@pytest.mark.parametrize(
    "change",
    [
        "update a set v = v + 1 where i = 5",
        "delete from a where i = 5",
        "insert into a values (5, 5)",
        "update a set v = null where i = 5",
        # What an XOR of rows would not see: two equal rows more.
        "insert into a values (1, 1), (1, 1)",
        "update a set v = case i when 5 then 6 else 5 end where i in (5, 6)",
    ],
)
def test_every_change_of_a_value_changes_the_digest(change: str, database: Target, run_sql: Any) -> None:
    run_sql(database, "create table a as select i, i as v from generate_series(1, 50) as i")
    before = _digest(database, "a")
    run_sql(database, change)
    assert before != _digest(database, "a")


_PAIRS = {
    "boolean": ("true", "false"),
    "bytea": (r"'\x00'", r"'\x0000'"),
    "smallint": ("0", "256"),
    "integer": ("0", "65536"),
    "oid": ("0", "4294967295"),
    "date": ("'infinity'", "'2026-03-29'"),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'"),
    "text": ("''", "' '"),
    "text collate de": ("'a'", "'A'"),
    "varchar(9)": ("'a'", "'a '"),
    # The hash of eight bytes folds them: it says the same of both.
    "bigint": ("-1", "4294967295"),
    "timestamp": ("'2000-01-01 00:00:00'", "timestamp '2000-01-01' + interval '4294967297 us'"),
    "timestamptz": ("'2000-01-01 00:00:00+00'", "timestamptz '2000-01-01 00:00+00' + interval '4294967297 us'"),
    # Equal, and not the same.
    "numeric": ("1.0", "1.00"),
    "double precision": ("0", "'-0'"),
    "char(3)": ("'a'", "'b'"),
    "json": ("'{}'", "'{ }'"),
    "interval": ("'1 day'", "'24 hours'"),
    "numeric[]": ("array[1.0]", "array[1.00]"),
    "time": ("'00:00'", "'00:00:01'"),
}


@pytest.mark.parametrize("type_", _PAIRS)
def test_of_every_type_what_reads_otherwise_has_another_digest(type_: str, database: Target, run_sql: Any) -> None:
    one, other = _PAIRS[type_]
    run_sql(database, "create collation de (provider = icu, locale = 'de-u-ks-level2', deterministic = false)")
    run_sql(database, f"create table a (i int, v {type_}); insert into a values (1, {one}), (2, {other}), (3, null)")
    digests = [_digest(database, "a")]
    for first, second, third in ((other, one, "null"), (one, one, "null"), (one, other, one), ("null", other, one)):
        run_sql(database, f"truncate a; insert into a values (1, {first}), (2, {second}), (3, {third})")
        digests.append(_digest(database, "a"))
    assert len(digests) == len(set(digests))


def test_two_columns_that_exchange_their_values_change_the_digest(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table a (x int, y int, v text, w text); insert into a values (1, null, 'a', '')")
    digests = [_digest(database, "a")]
    for change in ("x = y, y = x", "v = w, w = v", "v = null", "x = 0"):
        run_sql(database, f"update a set {change}")
        digests.append(_digest(database, "a"))
    assert len(digests) == len(set(digests))


def test_columns_in_another_order_have_the_same_digest(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table a (gone int, v text, d float, i int); alter table a drop column gone")
    run_sql(database, "create table b (i int, v text, d float); insert into a values ('x', 0.1, 1), (null, 7, 2)")
    run_sql(database, "insert into b select i, v, d from a")
    read = _read(database)
    assert (read["a"].digest, "values") == (read["b"].digest, (read["b"].digest or "").partition("/")[0])


@pytest.mark.parametrize("mode", [DigestMode.FULL, DigestMode.BUCKETS])
def test_digests_of_the_text_of_rows_are_still_read(
    mode: DigestMode, database: Target, run_sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As older versions took them, and as a server of version 13 does."""
    run_sql(database, MOST_TYPES)
    usual = _read(database, mode, 17)
    monkeypatch.setattr("dbops.backup.digests.can_hash_values", lambda _: False)
    recorded = _read(database, mode, 17)
    assert ["hash", "values"] == [(read["many"].digest or "").partition("/")[0] for read in (recorded, usual)]
    with read_only(database) as session:
        tables = read_tables(session)
        with pytest.raises(UnavailableError, match="other way round"):
            read_rows(session, same_readings(usual.values(), tables))
    monkeypatch.undo()
    with read_only(database) as session:
        assert list(recorded.values()) == read_rows(session, same_readings(recorded.values(), tables))


def test_a_column_with_the_name_of_the_alias_does_not_stand_for_the_row(database: Target, run_sql: Any) -> None:
    run_sql(database, 'create table a (t text, "T" int, other int); insert into a values (1, 1, 1)')
    before = _digest(database, "a")
    run_sql(database, "update a set other = 2")
    assert before != _digest(database, "a")


def test_empty_tables_and_tables_without_columns_have_digests(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table none (i int); create table bare (); insert into bare default values")
    read = _read(database)
    assert (0, "values/all:0:0") == (read["none"].rows, read["none"].digest)
    assert 1 == read["bare"].rows
    assert read["bare"].digest not in {None, "hash/all:0:0"}


def test_children_are_read_by_themselves(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table p (i int); create table c (x int) inherits (p); insert into c values (1, 2)")
    assert {"p": 0, "c": 1} == {name: one.rows for name, one in _read(database).items()}


def test_settings_of_roles_and_databases_do_not_change_a_digest(database: Target, run_sql: Any) -> None:
    run_sql(database, MOST_TYPES)
    before = _digest(database, "many")
    for setting in (
        "timezone = 'Europe/Vienna'", "datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'", "extra_float_digits = -5",
        "bytea_output = 'escape'", "lc_monetary = 'C.UTF-8'", "quote_all_identifiers = on", "search_path = public",
    ):  # fmt: skip
        run_sql(database, f'alter database "{database.database}" set {setting}')
    assert before == _digest(database, "many")


def test_a_policy_that_would_hide_rows_is_an_error_not_a_smaller_digest(database: Target, run_sql: Any) -> None:
    run_sql(database, "create role half_blind login; create table a (i int); insert into a values (1), (2)")
    try:
        run_sql(database, "alter table a enable row level security; grant select on a to half_blind")
        run_sql(database, "create policy one on a using (i = 1)")
        half_blind = type(database)(
            parameters={**database.parameters, "user": "half_blind"},
            password=None,
            origins=database.origins,
        )
        with pytest.raises(DbopsError, match="row-level security"):
            _read(half_blind)
    finally:
        run_sql(database, "drop owned by half_blind; drop role half_blind")


@pytest.mark.parametrize(
    "key",
    [
        "id int primary key",
        "id bigint primary key",
        "id text primary key",
        "id int, tenant int default 7, primary key (tenant, id)",
    ],
)
def test_a_hundred_buckets_hold_every_row_once(key: str, database: Target, run_sql: Any) -> None:
    run_sql(database, f"create table a ({key}); insert into a (id) select i - 500 from generate_series(1, 1000) as i")
    reads = [_read(database, DigestMode.BUCKETS, bucket)["a"] for bucket in range(BUCKETS)]
    assert [1000] == sorted({one.rows for one in reads})
    assert 1000 == sum(one.scope.checked for one in reads if one.scope)
    assert BUCKETS == len({one.digest for one in reads})
    assert all(re.fullmatch(rf"values/{bucket}of100:-?\d+:-?\d+", one.digest or "") for bucket, one in enumerate(reads))
    # The sums of all buckets are the sums of the whole.
    sums = [tuple(map(int, (one.digest or "").split(":")[1:])) for one in reads]
    whole = _digest(database, "a")
    assert f"values/all:{sum(high for high, _ in sums)}:{sum(low for _, low in sums)}" == whole


def test_a_table_without_a_key_is_read_whole_when_small_and_counted_when_not(database: Target, run_sql: Any) -> None:
    run_sql(database, "create table small as select 1 as i; create table large as select 1 as i")
    run_sql(database, "update pg_class set relpages = 1000000 where relname = 'large'")
    read = _read(database, DigestMode.BUCKETS)
    assert read["small"].digest is not None
    assert (1, None) == (read["large"].rows, read["large"].digest)
    covered = coverage(list(read.values()))
    assert (1, 2) == (covered.checked, covered.total)


def test_auto_reads_everything_up_to_ten_gibibytes() -> None:
    assert DigestMode.FULL is chosen_mode(DigestMode.AUTO, 10 << 30)
    assert DigestMode.BUCKETS is chosen_mode(DigestMode.AUTO, (10 << 30) + 1)
    assert DigestMode.COUNTS is chosen_mode(DigestMode.COUNTS, 1)


@pytest.mark.parametrize("mode", [DigestMode.FULL, DigestMode.BUCKETS, DigestMode.COUNTS])
def test_a_copy_is_read_as_its_source_was(mode: DigestMode, database: Target, run_sql: Any) -> None:
    run_sql(database, MOST_TYPES + "create table keyless as select 1 as i")
    recorded = _read(database, mode, 17)
    with read_only(database) as session:
        again = read_rows(session, same_readings(recorded.values(), read_tables(session)))
    assert list(recorded.values()) == again


def test_each_backup_reads_the_next_bucket(database: Target, run_sql: Any, back_up: Any) -> None:
    run_sql(database, "create table a (id int primary key); insert into a select generate_series(1, 300)")
    options = BackupOptions(digest=DigestMode.BUCKETS)
    found = [back_up(database, options).manifest.tables[0] for _ in range(3)]
    assert ["values/0of100", "values/1of100", "values/2of100"] == [
        (one.digest or "").partition(":")[0] for one in found
    ]
    assert [(3, 300)] * 3 == [(one.scope.checked, one.scope.total) for one in found if one.scope]


def test_a_digest_is_of_the_snapshot_that_is_dumped(
    database: Target, run_sql: Any, back_up: Any, wrapped: Callable[[str, str], Any]
) -> None:
    run_sql(database, "create table a as select i, 0 as v from generate_series(1, 100) as i")
    before = _digest(database, "a")
    late = f"$psql -d '{database.conninfo()}' -c 'update a set v = 1' >/dev/null"
    stored = back_up(database, BackupOptions(bindir=wrapped("pg_dump", f'{late}\nexec "$real" "$@"')))
    assert [before] == [one.digest for one in stored.manifest.tables]
    assert before != _digest(database, "a")


def test_a_reading_that_fails_ends_the_dump_and_nothing_is_published(
    database: Target, run_sql: Any, back_up: Any, store: Any, wrapped: Callable[[str, str], Any]
) -> None:
    run_sql(database, "create table a as select 1 as i")
    end = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where datname = '{database.database}' and application_name like 'dbops/%'"
    )
    programs = wrapped("pg_dump", f"""$psql -d '{database.conninfo()}' -c "{end}" >/dev/null; exec sleep 60""")
    run_sql(database, "create table slow as select i from generate_series(1, 3000000) as i")
    with pytest.raises(DbopsError):
        back_up(database, BackupOptions(bindir=programs))
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]
    with contextlib.suppress(FileNotFoundError):
        assert "published" not in (store.directory / "backup-report.jsonl").read_text()


@pytest.mark.parametrize("mode", [DigestMode.FULL, DigestMode.BUCKETS])
def test_where_the_usual_hash_is_another_one_rows_are_hashed_by_md5(
    mode: DigestMode, database: Target, run_sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server whose bytes stand the other way round; its digests are read again anywhere."""
    run_sql(database, MOST_TYPES)
    usual = _read(database, mode, 17)
    monkeypatch.setattr("dbops.backup.digests._KNOWN_HASH", "select false")
    recorded = _read(database, mode, 17)
    assert {"md5"} == {(one.digest or "").partition("/")[0] for one in recorded.values()}
    with read_only(database) as session:
        tables = read_tables(session)
        with pytest.raises(UnavailableError, match="other way round"):
            read_rows(session, same_readings(usual.values(), tables))
    monkeypatch.undo()
    with read_only(database) as session:
        assert list(recorded.values()) == read_rows(session, same_readings(recorded.values(), tables))
