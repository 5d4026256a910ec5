"""A report for people: everything that matters, in the order of interest, wherever it is printed."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from dbops.model import (
    Check,
    CheckStatus,
    Finding,
    Location,
    Objective,
    ObjectiveStatus,
    Problem,
    Report,
    Scope,
    Severity,
    Step,
    TargetInfo,
    Verdict,
    Waiver,
    utc_now,
)
from dbops.quantities import counted, duration, size
from dbops.render.formats import Format, View, render
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from pathlib import Path

SQL = "create index concurrently ix_" + "very_" * 40 + "long on public.t (a);"


def finding(rule: str, name: str, severity: Severity = Severity.ERROR, **more: Any) -> Finding:
    return Finding(
        rule=rule, severity=severity, object=name, detail=f"{name} is wrong", why="it hurts", fingerprint=name, **more
    )


def check(name: str, *findings: Finding, **more: Any) -> Check:
    status = CheckStatus.FAIL if findings else CheckStatus.PASS
    return Check(**{"check": name, "status": status, "findings": findings, **more})


def report(**more: Any) -> Report:
    now = utc_now()
    return Report(
        **{
            "command": "audit",
            "run_id": "20260102T030405Z-abcdef",
            "verdict": Verdict.FAIL,
            "exit_code": 1,
            "started_at": now,
            "finished_at": now,
            "duration_ms": 1234,
            "host": "here",
            "target": TargetInfo(
                host="db", port=5432, database="erp", user="me", server_version="15.18 (Debian 15.18-0)", tls="off"
            ),
            **more,
        }
    )


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(io.StringIO):
    encoding = "utf-8"


class AsciiPipe(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", errors="strict")

    def getvalue(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(what: Report, **view: Any) -> str:
    stream = Pipe()
    render(what, Format.TABLE, stream, View(**view))
    return stream.getvalue()


def test_the_gravest_rule_comes_first_and_the_verdict_last() -> None:
    text = shown(
        report(
            checks=(
                check("a-warning", finding("a-warning", "public.a", Severity.WARNING)),
                check("z-error", finding("z-error", "public.z")),
            )
        )
    )
    assert text.index("z-error  error") < text.index("a-warning  warning") < text.index("FAIL  1 error; 1 warning")
    assert text.splitlines()[-1].startswith("Next: ")


def test_a_finding_has_where_what_why_and_sql_that_can_be_copied_in_one_piece() -> None:
    wrong = finding(
        "bad",
        "public.t",
        verify="select 1;",
        fix=SQL,
        locks="SHARE for an instant, and some more words about it that do not fit into one line of eighty columns",
        location=Location(file="dbops.toml", line=7),
    )
    lines = shown(report(checks=(check("bad", wrong, title="A title"),))).splitlines()
    assert "✗ bad  error  1 finding  A title" in lines
    assert "  public.t  dbops.toml:7" in lines
    assert "    public.t is wrong" in lines
    assert "  it hurts" in lines
    assert "      select 1;" in lines
    assert f"      {SQL}" in lines
    remarks = lines[lines.index("    fix:") + 1 : lines.index(f"      {SQL}")]
    assert len(remarks) > 1
    assert all(line.startswith("      -- ") for line in remarks)


def test_at_most_a_dozen_findings_are_printed_and_the_rest_is_counted() -> None:
    many = [finding("many", f"public.t{number:03}") for number in range(30)]
    text = shown(report(checks=(check("many", *many),)))
    assert 12 == text.count("is wrong")
    assert "30 findings" in text
    assert "and 18 more (many 18): dbops audit --verbose" in text
    assert 30 == shown(report(checks=(check("many", *many),)), verbose=True).count("is wrong")


def test_what_was_not_checked_and_not_tested_is_said_with_its_reason_and_remedy() -> None:
    text = shown(
        report(
            checks=(
                Check(check="one", status=CheckStatus.SKIP, reason="no right", remedy="grant pg_monitor to me;"),
                Check(check="two", status=CheckStatus.SKIP, reason="no right", remedy="grant pg_monitor to me;"),
                Check(check="three", status=CheckStatus.ERROR, reason="timed out"),
            ),
            not_tested=("the weather",),
        )
    )
    assert "  ○ one, two: no right\n    grant pg_monitor to me;\n" in text
    assert "Could not be checked\n  ○ three: timed out\n" in text
    assert "Not tested\n  ○ the weather\n" in text


def test_a_waived_finding_stays_visible() -> None:
    waiver = Waiver(reason="small", owner="ann", expires="2030-01-02")  # type: ignore[arg-type]
    text = shown(report(verdict=Verdict.PASS, checks=(check("bad", finding("bad", "public.t", waived=waiver)),)))
    assert "waived bad public.t (ann, until 2030-01-02: small)" in text
    assert "is wrong" not in text


def test_passing_checks_are_named_while_they_are_few_and_counted_when_they_are_many() -> None:
    few = shown(report(checks=(check("one", scope=Scope(checked=3, total=4)), check("two"))))
    assert "2 checks pass: one (3 of 4), two" in few
    many = shown(report(checks=tuple(check(f"check-{number}") for number in range(41))))
    assert "41 checks pass\n" in many


def test_steps_are_indented_under_their_phase() -> None:
    now = utc_now()
    steps = tuple(
        Step(name=name, status=status, started_at=now, duration_ms=time, exit_code=code, output=output)
        for name, status, time, code, output in (
            ("dump", Verdict.PASS, 1500, 0, "2097152 bytes"),
            ("restore/data", Verdict.PASS, 65_000, 0, None),
            ("restore/post-data", Verdict.FAIL, 10, 3, "logs/x/stderr"),
        )
    )
    lines = shown(report(steps=steps)).splitlines()
    assert "  ✓ dump             1.5 s  2.0 MiB" in lines
    assert "  ✗ restore      1 min 5 s" in lines
    assert "    ✓ data       1 min 5 s" in lines
    assert "    ✗ post-data      10 ms  exit 3" in lines


def test_objectives_say_what_was_reached_of_what_is_allowed_and_how_that_is_known() -> None:
    objectives = (
        Objective(id="rpo", scenario="host loss", status=ObjectiveStatus.NOT_MEASURED, limit_ms=900_000, method="no"),
        Objective(
            id="rto", scenario="restore", status=ObjectiveStatus.MISSED, limit_ms=1000, value_ms=2500, method="timed"
        ),
    )
    text = shown(report(objectives=objectives))
    assert "  ✗ RTO missed: 2.5 s of 1.0 s allowed, restore\n    timed\n" in text
    assert "  ○ RPO not measured: 15 min allowed, host loss\n    no\n" in text
    assert "RTO missed (restore)" in text.splitlines()[-2]


def test_the_three_figures_of_an_objective_are_shown_and_scenarios_that_came_to_the_same_are_summed_up() -> None:
    objectives = tuple(
        Objective(
            id="rpo", scenario=scenario, status=ObjectiveStatus.MET, limit_ms=900_000, value_ms=60_000, method="x",
            now_ms=75, worst_ms=2000, bound_ms=60_000,
        )
        for scenario in ("host loss", "operator error")
    )  # fmt: skip
    text = shown(report(objectives=objectives))
    assert "    now 75 ms, worst 2.0 s, bound 1 min\n" in text
    assert "RPO 1 min of 15 min (host loss, operator error)" in " ".join(text.split())


def test_a_suite_shows_each_part_and_repeats_nothing() -> None:
    objective = Objective(id="rto", scenario="r", status=ObjectiveStatus.MET, limit_ms=9, value_ms=1, method="timed")
    part = report(command="drill", verdict=Verdict.PASS, objectives=(objective,), not_tested=("the weather",))
    whole = report(command="suite", reports=(part,), objectives=(objective,), not_tested=("the weather",))
    text = shown(whole)
    assert "── drill: pass ──" in text
    assert 1 == text.count("RTO met")
    assert 1 == text.count("the weather")


def test_the_problem_of_a_part_is_shown_where_the_part_is() -> None:
    part = report(command="drill", verdict=Verdict.INCONCLUSIVE, problem=Problem(message="no server", hint="start it"))
    text = shown(report(command="suite", verdict=Verdict.INCONCLUSIVE, reports=(part,)), problem=False)
    assert "Could not be carried out: no server\n  start it\n" in text
    assert "INCONCLUSIVE  drill could not be carried out (exit 1, 1.2 s)\n" in text


HOSTILE = 'public."\x1b]0;x\x07\r\n[red]a[/]\u202e\u200b\x9b31m"'


def test_no_text_of_a_report_reaches_the_terminal_raw() -> None:
    hostile = finding(HOSTILE, HOSTILE, verify=HOSTILE, fix=f"{HOSTILE};", undo=HOSTILE, locks=HOSTILE)
    step = Step(name=HOSTILE, status=Verdict.FAIL, started_at=utc_now(), duration_ms=1, output=HOSTILE)
    objective = Objective(
        id="rto", scenario=HOSTILE, status=ObjectiveStatus.MET, limit_ms=9, value_ms=1, method=HOSTILE
    )
    skipped = Check(check=HOSTILE, status=CheckStatus.SKIP, reason=HOSTILE, remedy=HOSTILE)
    target = TargetInfo(host=HOSTILE, port=1, database=HOSTILE, user=HOSTILE, server_version=HOSTILE, tls=HOSTILE)
    everything = report(
        command=HOSTILE,
        target=target,
        steps=(step,),
        objectives=(objective,),
        checks=(check(HOSTILE, hostile, title=HOSTILE), skipped, check(HOSTILE, title=HOSTILE, method=HOSTILE)),
        not_tested=(HOSTILE,),
        notes=(HOSTILE,),
        problem=Problem(message=HOSTILE, hint=HOSTILE),
    )
    stream = Terminal()
    render(
        everything.model_copy(update={"reports": (everything,)}), Format.TABLE, stream, View(verbose=True, color=False)
    )
    assert set() == {"\x1b", "\x07", "\r", "\u202e", "\u200b", "\x9b"} & set(stream.getvalue())
    assert "[red]a[/]" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße, 表", "Grüße, 表"),
        ("a\x1b[0m\n\t", "a\\x1b[0m\\n\\t"),
        ("\u202e\ud800\x85\U000e0041", "\\u202e\\ud800\\x85\\U000e0041"),
    ],
)
def test_what_does_not_print_as_itself_is_spelled_out(text: str, expected: str) -> None:
    assert expected == clean(text)


def test_an_ascii_stream_gets_ascii_signs_and_no_error() -> None:
    stream = AsciiPipe()
    stream.reconfigure(errors="backslashreplace")
    render(
        report(checks=(check("ok"), check("bad", finding("bad", "Grüße …"))), not_tested=("x",)), Format.TABLE, stream
    )
    text = stream.getvalue()
    assert "x bad  error" in text
    assert "Gr\\xfc\\xdfe ." in text
    assert "o x" in text


@pytest.mark.parametrize("columns", ["40", "80", "120", "500"])
def test_prose_is_wrapped_to_the_width(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    prose = "a sentence about rows that goes on and on " * 10
    lines = shown(report(notes=(prose,), not_tested=(prose,), checks=(check("c" * 30, title=prose),))).splitlines()
    assert max(map(cell_len, lines)) <= min(110, int(columns))
    assert not [line for line in lines if line != line.rstrip()]


def test_output_that_is_piped_has_no_colour() -> None:
    assert "\x1b" not in shown(report(checks=(check("bad", finding("bad", "public.t")),)))


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False), ("TERM", "xterm-256color", True)],
)
def test_a_terminal_has_colour_unless_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, coloured: bool
) -> None:
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    render(report(), Format.TABLE, stream)
    assert coloured is ("\x1b" in stream.getvalue())


def test_no_color_is_obeyed() -> None:
    stream = Terminal()
    render(report(), Format.TABLE, stream, View(color=False))
    assert "\x1b" not in stream.getvalue()


def test_quiet_leaves_findings_and_the_verdict(tmp_path: Path) -> None:
    text = shown(
        report(checks=(check("ok"), check("bad", finding("bad", "public.t"))), notes=("n",)), quiet=True, kept=tmp_path
    )
    assert "public.t is wrong" in text
    assert "ok" not in text
    assert text.splitlines()[-1].startswith("FAIL  1 error")


def test_quiet_leaves_out_the_parts_that_went_well() -> None:
    well = report(command="drill", verdict=Verdict.PASS, checks=(check("ok"),))
    badly = report(checks=(check("bad", finding("bad", "public.t")),))
    text = shown(report(command="suite", reports=(well, badly)), quiet=True)
    assert "drill" not in text
    assert "── audit: fail ──" in text
    assert 1 == len(shown(report(command="suite", reports=(well,)), quiet=True).splitlines())


def test_json_is_one_document_and_the_whole_report() -> None:
    stream = Pipe()
    what = report(checks=(check("bad", finding("bad", "Grüße")),))
    render(what, Format.JSON, stream)
    assert what == Report.model_validate(json.loads(stream.getvalue()))
    assert "Grüße" in stream.getvalue()


def test_json_is_valid_on_an_ascii_stream_too() -> None:
    stream = AsciiPipe()
    render(report(notes=("Grüße",)), Format.JSON, stream)
    assert ["Grüße"] == json.loads(stream.getvalue())["notes"]


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_949, "59.9 s"),
        (59_999, "1 min"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (5_400_000, "1 h 30 min"),
        (172_800_000, "2 d"),
        (2_682_000_000, "31 d 1 h"),
    ],
)
def test_durations_read_as_people_say_them(milliseconds: int, expected: str) -> None:
    assert expected == duration(milliseconds)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (5 << 40, "5.0 TiB")],
)
def test_sizes_read_as_people_say_them(count: int, expected: str) -> None:
    assert expected == size(count)


def test_nouns_are_counted() -> None:
    assert ["1 finding", "2 findings", "0 indexes"] == [
        counted(1, "finding"),
        counted(2, "finding"),
        counted(0, "index", "indexes"),
    ]


def last_lines(what: Report, **view: Any) -> tuple[str, str]:
    """Return the verdict and the next command."""
    *_, verdict, following = shown(what, **view).splitlines()
    return verdict, following


def test_what_a_rule_is_against_is_no_ground_for_a_pass() -> None:
    one = check("invalid-index", title="An index is invalid")
    verdict, _ = last_lines(report(verdict=Verdict.PASS, exit_code=0, checks=(one,)))
    assert "PASS  1 check passes (exit 0, 1.2 s)" == verdict


def test_a_failed_restore_comes_before_sql_and_sql_for_what_does_not_fail_the_run_is_not_the_next_thing() -> None:
    error = check("bad", finding("bad", "public.t", fix="select 1;"))
    warning = check("odd", finding("odd", "public.t", Severity.WARNING, fix="select 1;"))
    late = Objective(id="rto", scenario="x", status=ObjectiveStatus.MISSED, limit_ms=1, value_ms=2, method="timed")
    unrestorable = shown(report(checks=(error,), objectives=(late,), restorability=Verdict.FAIL))
    assert "Next: find out why the restore failed" in unrestorable
    assert last_lines(report(checks=(error,), objectives=(late,)))[1].startswith("Next: run the SQL under fix")
    assert last_lines(report(checks=(warning,), objectives=(late,)))[1].startswith("Next: make the change")


def test_a_connection_without_tls_is_said_to_have_none() -> None:
    assert "PostgreSQL 15.18, TLS off" in shown(report())
