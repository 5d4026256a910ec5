"""Slow logs: every form an execution is logged in, what is passed over, and how much memory it takes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.audit import audit
from dbops.checks import slow_log
from dbops.checks.policy import Policy
from dbops.checks.slow_log import read_slow_log
from dbops.connection.server import ScratchServer
from dbops.errors import UsageError
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dbops.connection.binaries import Binaries

    WriteLog = Callable[..., Path]

CSV_COLUMNS = 26


def json_line(message: str, **fields: Any) -> str:
    entry = {"timestamp": "2026-11-22 09:10:11.123 UTC", "user": "erp_app", "dbname": "erp", "message": message}
    return json.dumps(entry | fields) + "\n"


def csv_line(message: str, *, database: str = "erp", application: str = "", detail: str = "") -> str:
    row = [""] * CSV_COLUMNS
    row[0], row[1], row[2], row[13], row[14], row[22] = (
        "2026-11-22 09:10:11.123 UTC",
        "erp_app",
        database,
        message,
        detail,
        application,
    )
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> WriteLog:
    def to_file(lines: Iterable[str], name: str = "postgresql.json") -> Path:
        path = tmp_path / name
        path.write_text("".join(lines), encoding="utf-8", newline="")
        return path

    return to_file


def summed(path: Path) -> list[tuple[str, int, int]]:
    """Return text, calls and milliseconds of each statement in a log."""
    return [(row.query, row.calls, row.total_us // 1000) for row in read_slow_log([path]).statements]


FORMS = {
    "by the threshold, as one string": "duration: 1500.250 ms  statement: select * from orders where id = 5",
    "by the threshold, prepared": "duration: 1500.250 ms  execute <unnamed>: select * from orders where id = $1",
    "by the threshold, prepared under a name": "duration: 1500.250 ms  execute s_1: select * from orders where id = $1",
    "a cursor": "duration: 1500.250 ms  execute fetch from s_1/c_2: select * from orders where id = $1",
    "a plan as text": (
        "duration: 1500.250 ms  plan:\nQuery Text: select *\n  from orders\n where id = 5\n"
        "Index Scan using orders_pkey on orders  (cost=0.29..8.30 rows=1 width=40)\n  Index Cond: (id = 5)"
    ),
    "a plan as text, of 16 and later": (
        "duration: 1500.250 ms  plan:\nQuery Text: select * from orders where id = $1\nQuery Parameters: $1 = '5'\n"
        "Seq Scan on orders  (cost=0.00..8.30 rows=1 width=40)"
    ),
    "a plan as JSON": "duration: 1500.250 ms  plan:\n"
    + json.dumps({"Query Text": "select * from orders where id = 5", "Plan": {"Node Type": "Seq Scan"}}, indent=2),
    "a plan as XML": (
        '\nduration: 1500.250 ms  plan:\n<explain xmlns="http://www.postgresql.org/2009/explain">\n'
        "  <Query-Text>select * from orders where id = 5</Query-Text>\n  <Plan>\n</explain>"
    ).lstrip(),
    "a plan as YAML": (
        'duration: 1500.250 ms  plan:\nQuery Text: "select * from orders\\n where id = 5"\nPlan: \n  Node Type: "x"'
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_execution_is_read_however_it_was_logged(write: WriteLog, form: str, kind: str) -> None:
    line = json_line(FORMS[form]) if kind == "json" else csv_line(FORMS[form])
    assert summed(write([line])) == [("select * from orders where id = $1", 1, 1500)]


def test_executions_of_one_statement_are_added_up(write: WriteLog) -> None:
    lines = [json_line(f"duration: {ms}.000 ms  statement: select {ms} from orders") for ms in (600, 800, 1000)]
    [row] = read_slow_log([write(lines)]).statements
    assert (row.calls, row.total_us, row.max_us, row.database, row.user) == (3, 2_400_000, 1_000_000, "erp", "erp_app")


def test_the_heaviest_statement_comes_first_and_databases_are_kept_apart(write: WriteLog) -> None:
    lines = [
        json_line("duration: 600.000 ms  statement: select 1 from orders"),
        json_line("duration: 900.000 ms  statement: select 2 from customers"),
        json_line("duration: 700.000 ms  statement: select 3 from orders", dbname="archive"),
    ]
    rows = read_slow_log([write(lines)]).statements
    assert [(row.database, row.query) for row in rows] == [
        ("erp", "select $1 from customers"),
        ("archive", "select $1 from orders"),
        ("erp", "select $1 from orders"),
    ]


def test_several_files_are_one_log(write: WriteLog) -> None:
    line = "duration: 600.000 ms  statement: select 1 from orders"
    log = read_slow_log([write([json_line(line)], "a.json"), write([csv_line(line)], "b.csv")])
    assert [(row.query, row.calls) for row in log.statements] == [("select $1 from orders", 2)]


def test_an_execution_that_threshold_and_auto_explain_both_log_counts_once(write: WriteLog) -> None:
    plan = "duration: 1499.000 ms  plan:\nQuery Text: select 1 from orders\nSeq Scan on orders  (cost=0.00..1.00)"
    timed = "duration: 1500.000 ms  statement: select 2 from orders"
    assert summed(write([json_line(plan), json_line(timed)] * 3)) == [("select $1 from orders", 3, 4500)]


def test_no_value_is_kept(write: WriteLog) -> None:
    secret = "4111-1111-1111-1111"
    lines = [
        json_line(f"duration: 600.000 ms  statement: select 1 from cards where number = '{secret}' -- {secret}"),
        json_line(
            "duration: 600.000 ms  execute <unnamed>: select 1 from cards where number = $1",
            detail=f"Parameters: $1 = '{secret}'",
        ),
        json_line(f"duration: 600.000 ms  statement: select /* {secret} */ '{secret}"),
    ]
    log = read_slow_log([write(lines)])
    assert sum(row.calls for row in log.statements) == 3
    assert secret not in repr(log)


def test_what_is_no_execution_is_not_counted(write: WriteLog) -> None:
    lines = [
        json_line("duration: 600.000 ms  parse <unnamed>: select 1 from orders"),
        json_line("duration: 600.000 ms  bind <unnamed>: select 1 from orders"),
        json_line("connection authorized: user=erp_app"),
        json_line("statement: select 1"),
        json_line("duration: 600.000 ms  statement: select 1 from orders", application_name="dbops/0.1.0"),
        json_line("duration: 600.000 ms  statement: COPY public.orders TO stdout", application_name="pg_dump"),
    ]
    log = read_slow_log([write(lines)])
    assert (log.statements, log.lines, log.unreadable, log.without_text) == ((), 6, 0, 0)
    assert "lc_messages" in log.note()


def test_durations_without_a_statement_are_counted_and_said(write: WriteLog) -> None:
    lines = [
        json_line("duration: 600.000 ms"),
        json_line("duration: 600.000 ms  plan:\n{ torn"),
        json_line("duration: 1.000 ms  statement: select 1"),
    ]
    log = read_slow_log([write(lines)])
    assert log.without_text == 2
    expected = "slow log: 3 entries, 1 execution of 1 statement; 2 durations came without their statement"
    assert log.note() == expected


def test_lines_that_cannot_be_read_are_passed_over_and_said(write: WriteLog) -> None:
    good = json_line("duration: 600.000 ms  statement: select 1 from orders")
    log = read_slow_log([write([good, '{"message": "duration: 1', "\n", '["duration: 1"]\n', good, good[:-9]])])
    assert [(row.query, row.calls) for row in log.statements] == [("select $1 from orders", 2)]
    assert log.unreadable == 3


def test_a_torn_csvlog_is_read_as_far_as_it_goes(write: WriteLog) -> None:
    good = csv_line("duration: 600.000 ms  statement: select 1\n  from orders\n where note = 'a, \"b\"'")
    log = read_slow_log([write([good, "2026-11-22,short\n", good, good[:90]], "postgresql.csv")])
    assert [row.calls for row in log.statements] == [2]
    assert log.unreadable == 2


def test_a_gzipped_log_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "postgresql.json.gz"
    path.write_bytes(gzip.compress(json_line("duration: 600.000 ms  statement: select 1 from orders").encode()))
    assert summed(path) == [("select $1 from orders", 1, 600)]


def test_an_empty_log_says_so(write: WriteLog) -> None:
    log = read_slow_log([write([])])
    assert (log.statements, log.lines) == ((), 0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 09:10:11.123 UTC [42] LOG:  duration: 600.000 ms  statement: select 1\n",
        "<14>Nov 22 postgres[1]: duration: 600.000 ms  statement: select 1\n",
        '"a","b"\n',
        "\x00\x01\x02",
        '"never closed\n',
    ],
)
def test_another_format_is_refused_with_what_to_set(write: WriteLog, text: str) -> None:
    path = write([text], "postgresql.log")
    with pytest.raises(UsageError) as raised:
        read_slow_log([path])
    assert str(path) in raised.value.message
    assert "log_destination" in (raised.value.hint or "")


def test_a_file_that_is_not_there_or_torn_in_its_packing_is_refused(tmp_path: Path) -> None:
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(b"x" * 100_000)[:50])
    for path in (tmp_path / "none.json", tmp_path, torn):
        with pytest.raises(UsageError) as raised:
            read_slow_log([path])
        assert str(path) in raised.value.message


def test_names_that_hold_quotes_do_not_mix_statements_up(write: WriteLog) -> None:
    """Texts that agree in all but their values are taken apart once; these only look as if they agreed."""
    texts = [
        "select 1 from \"it's\" where a = 'x'",
        "select 1 from \"it's\" where b = 'x'",
        "select 1 from t where a = $$it's$$ and b = 1 and c = 'x'",
        "select 1 from t where a = $$it's$$ and d = 1 and c = 'x'",
        "select 1 from t order by 1",
        "select 1 from t order by 2",
    ]
    log = read_slow_log([write(json_line(f"duration: 1.000 ms  statement: {text}") for text in texts)])
    assert len(log.statements) == len(texts)


def big_log(path: Path, entries: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for i in range(entries):
            text = f"select * from orders where id = {i} and note = '{i:040}' and code_{i % 20_000} = 1"
            file.write(json_line(f"duration: {i % 900}.000 ms  statement: {text}"))


def test_memory_stays_flat_and_the_heaviest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_log, "MAX_STATEMENTS", 100)
    monkeypatch.setattr(slow_log, "_CACHED_STATEMENTS", 100)
    peaks = []
    for entries in (1_000, 8_000):
        path = tmp_path / f"{entries}.json"
        big_log(path, entries)
        with path.open("a", encoding="utf-8") as file:
            file.write(json_line("duration: 90000.000 ms  statement: select 1 from ledger"))
        tracemalloc.start()
        log = read_slow_log([path])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (len(log.statements), log.statements[0].query) == (100, "select $1 from ledger")
        assert log.forgotten > 0
    assert peaks[1] < 1.5 * peaks[0]


def test_a_line_of_many_megabytes_is_passed_over(write: WriteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_log, "MAX_LINE_CHARACTERS", 10_000)
    good = json_line("duration: 600.000 ms  statement: select 1 from orders")
    long = json_line(f"duration: 600.000 ms  statement: select {'1, ' * 20_000} 2")
    log = read_slow_log([write([good, long, good])])
    assert ([row.calls for row in log.statements], log.unreadable) == ([2], 1)


def test_a_hundred_thousand_lines_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "postgresql.json"
    with path.open("w", encoding="utf-8") as file:
        for i in range(100_000):
            text = f"select * from orders where id = {i} and status in ('open', 'held') and note = 'number {i}'"
            file.write(json_line(f"duration: 600.000 ms  statement: {text}"))
    started = time.process_time()
    assert summed(path) == [
        ("select * from orders where id = $1 and status in ($2) and note = $3", 100_000, 60_000_000)
    ]
    assert time.process_time() - started < 20  # 2 s here


# What a real server writes


@pytest.fixture(scope="module")
def logging_server(binaries: Binaries) -> Iterator[ScratchServer]:
    settings = {
        "log_destination": "jsonlog,csvlog" if binaries.major >= 15 else "csvlog",
        "log_min_duration_statement": "50ms",
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": "50ms",
        "log_min_messages": "log",
    }
    with ScratchServer(binaries, settings=settings) as server:
        yield server


def calls_of(path: Path, statements: Iterable[str]) -> list[int]:
    rows = {row.query: row.calls for row in read_slow_log([path]).statements}
    return [rows.get(statement, 0) for statement in statements]


def test_what_a_real_server_logs_is_read_and_audited(logging_server: ScratchServer, tmp_path: Path) -> None:
    target = logging_server.target()
    with psycopg.connect(target.conninfo(), autocommit=True, prepare_threshold=0) as connection:
        connection.execute("create table visit (id bigint primary key, clinic bigint, note text)")
        for clinic in range(3):
            connection.execute(b"select *, pg_sleep(0.12) from (values (1), (2)) as v where column1 = 1 -- 4711")
            connection.execute("select pg_sleep(0.12), %s::int from (select 1) as one", [clinic])
    logs = sorted(logging_server.log_path.parent.glob("*"))
    by_suffix = {path.suffix: path for path in logs if path.suffix in {".json", ".csv"}}
    wanted = (
        "select *, pg_sleep($1) from (values ($2)) as v where column1 = $3",
        "select pg_sleep($1), $2::int from (select $3) as one",
    )
    for path in by_suffix.values():
        deadline = time.monotonic() + 10  # the collector writes a moment later
        while (calls := calls_of(path, wanted)) != [3, 3]:
            assert time.monotonic() < deadline, calls
            time.sleep(0.05)
    with Run.start("audit", tmp_path / "logs", "index-audit") as run:
        audit(target, Policy(select=("slow-query",)), run, slow_log=[*by_suffix.values()][:1])
    [check] = run.report.checks
    assert len(check.findings) == 2
    shares = [re.search(r"(\d+)% of the time in the slow log, 3 executions of", one.detail) for one in check.findings]
    assert 99 <= sum(int(share[1]) for share in shares if share) <= 101  # each slept as long as the other
    assert any(note.startswith("slow log: ") for note in run.report.notes)
