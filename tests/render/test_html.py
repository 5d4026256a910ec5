"""The HTML report: one file that loads and runs nothing, says everything, and takes no name for markup."""

from __future__ import annotations

import datetime as dt
import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from dbops.evidence.trend import Trend, kept_trend, trend_of
from dbops.model import Check, CheckStatus, Objective, ObjectiveStatus, Report, Severity, Step, TargetInfo, Verdict
from dbops.render.charts import BOTTOM, HEIGHT, TOP, charts_of
from dbops.render.html import html_text
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeReport = Callable[..., Report]
    MakeFinding = Callable[..., object]

START = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
TARGET = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7300000000000000001")


class Parsed(HTMLParser):
    """The tags with their attributes, and the text a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._in_style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in_style = False


def words(text: str) -> str:
    return " ".join(" ".join(Parsed(text).text).split())


def test_the_page_loads_and_runs_nothing(nasty: Report) -> None:
    page = Parsed(html_text(nasty))
    tags = {tag for tag, _ in page.tags}
    assert set() == tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "failure"}
    attributes = {name for _, attributes in page.tags for name in attributes}
    assert [] == [name for name in attributes if name.startswith("on") or name in {"src", "href", "srcset", "action"}]
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    assert "default-src 'none'; style-src 'unsafe-inline'" == policy
    assert [] == re.findall(r"url\(|@import", html_text(nasty))


def test_a_name_stands_there_to_the_letter(nasty: Report, name: str) -> None:
    said = html.unescape(html_text(nasty))
    assert clean(name) in said


def test_a_name_adds_no_element_and_takes_none_away(nasty: Report, tame: Report) -> None:
    assert [tag for tag, _ in Parsed(html_text(tame)).tags] == [tag for tag, _ in Parsed(html_text(nasty)).tags]


def test_everything_an_operator_asks_is_on_the_page(mixed: Report) -> None:
    said = words(html_text(mixed))
    for expected in (
        "RTO missed restore 1 h 30 min of 1 h",
        "RPO not measured dumps no value of 15 min",
        "expected-index-missing error 1 finding A declared index is not there",
        "declared in ops/dbops.toml, line 12",
        "Fix · share update exclusive create index concurrently ix on public.accounts (code);",
        "Undo drop index concurrently public.ix;",
        "Could not be checked invalid-index statement timeout",
        "Not checked slow-query no pg_stat_statements; create extension ...",
        "small table (dba, until 2027-01-01)",
        "Not tested large objects",
        "run/contents.list 2.0 KiB " + "0" * 64,
        "unsigned",
    ):
        assert expected in said, expected


def test_every_finding_is_there(make_report: MakeReport, make_finding: MakeFinding) -> None:
    findings = tuple(make_finding(f"public.t{number}") for number in range(300))
    text = html_text(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=findings)))
    assert 300 == len(re.findall(r'<div class="finding">', text))


def test_a_run_that_could_not_be_carried_out_says_why(make_report: MakeReport) -> None:
    report = make_report(problem={"message": "no server", "hint": "start it"}, exit_code=3, verdict="inconclusive")
    assert "Could not be carried out no server start it" in words(html_text(report))


def test_an_audit_that_was_put_to_the_test_is_shown_with_what_it_found(
    make_report: MakeReport, make_finding: MakeFinding
) -> None:
    audit = make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(make_finding("public.x"),)))
    demo = make_report(Check(check="planted-defects", status=CheckStatus.PASS, title="1 of 1"), command="demo --broken")
    said = words(html_text(demo, also=(audit,)))
    assert "Audit fail" in said
    assert "public.x" in said
    assert "public.x" not in words(html_text(demo))


def drill(night: int, value: int | None, status: ObjectiveStatus, limit: int = 3_600_000) -> Report:
    at = START + dt.timedelta(days=night)
    objective = Objective(
        id="rto", scenario="restore", status=status, value_ms=value, limit_ms=limit, now_ms=7, method="timed"
    )
    return Report(
        command="drill",
        run_id=f"{at:%Y%m%dT%H%M%SZ}-{night:06x}",
        verdict=Verdict.PASS,
        exit_code=0,
        started_at=at,
        finished_at=at,
        duration_ms=1,
        host="h",
        target=TARGET,
        objectives=(objective,),
    )


def test_a_curve_starts_at_zero_and_the_limit_stands_where_its_value_is() -> None:
    series = [drill(0, 1_800_000, ObjectiveStatus.MET), drill(1, 5_400_000, ObjectiveStatus.MISSED)]
    (chart,) = charts_of(trend_of(series))
    floor, ceiling = HEIGHT - BOTTOM, TOP
    assert (chart.y_ticks[0].at, chart.y_ticks[0].text) == (floor, "0")
    assert chart.limit is not None
    met, missed = chart.marks
    assert ceiling <= missed.y < chart.limit.at < met.y < floor
    assert pytest.approx((floor - missed.y) / 3, abs=0.1) == floor - met.y
    assert ("good", "bad") == (met.kind, missed.kind)


def test_a_limit_far_above_the_curve_is_said_instead_of_flattening_it() -> None:
    (chart,) = charts_of(trend_of([drill(0, 1000, ObjectiveStatus.MET), drill(1, 2000, ObjectiveStatus.MET)]))
    assert (None, "limit 1 h, above the scale") == (chart.limit, chart.note)


def test_what_was_not_measured_is_hollow_and_said() -> None:
    (chart,) = charts_of(trend_of([drill(0, None, ObjectiveStatus.NOT_MEASURED)]))
    assert ["unsure"] == [mark.kind for mark in chart.marks]
    assert chart.note.startswith("hollow: exposure on record, not measured")


def test_a_missed_night_is_marked_however_many_nights_there_are() -> None:
    nights = [
        drill(night, 1000, ObjectiveStatus.MISSED if night == 17 else ObjectiveStatus.MET, 500) for night in range(300)
    ]
    (chart,) = charts_of(trend_of(nights))
    assert ["bad", "good"] == [mark.kind for mark in chart.marks]
    assert 300 == len(chart.rows)


def test_findings_are_stacked_and_none_is_drawn_for_none(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = (make_finding(), make_finding("b", severity="warning"), make_finding("c", severity="warning"))
    audits = [
        make_report(Check(check="x", status=CheckStatus.FAIL, findings=found)),
        make_report(Check(check="x", status=CheckStatus.PASS), run_id="20260302T020000Z-abcdef"),
    ]
    (chart,) = charts_of(trend_of(audits))
    assert ["warning", "error"] == [bar.kind for bar in chart.bars]
    assert chart.bars[0].height == pytest.approx(2 * chart.bars[1].height, abs=0.2)
    assert "none" == chart.latest


def test_the_backup_s_size_comes_from_the_step_that_wrote_it(make_report: MakeReport) -> None:
    step = Step(name="dump", status=Verdict.PASS, started_at=START, duration_ms=1, output="2048 bytes")
    trend = trend_of([make_report(command="backup", steps=(step,))])
    assert [2048] == [backup.bytes for backup in trend.backups]
    assert "Backup size 2 KiB" in words(html_text(make_report(command="backup", steps=(step,))))


def test_a_report_that_comes_twice_counts_once() -> None:
    night = drill(0, 1000, ObjectiveStatus.MET)
    suite = night.model_copy(update={"command": "suite", "run_id": "20260301T010000Z-abcdef", "reports": (night,)})
    trend = trend_of([night, suite])
    assert [1] == [len(series) for series in trend.objectives.values()]


def test_history_is_that_of_the_same_database(tmp_path: Path) -> None:
    folder = tmp_path / "backup-drill"
    folder.mkdir()
    for night in range(3):
        report = drill(night, 1000 + night, ObjectiveStatus.MET)
        (folder / f"{report.run_id}.json").write_text(report.model_dump_json(by_alias=True))
    other = drill(9, 5, ObjectiveStatus.MET)
    elsewhere = other.model_copy(update={"target": TARGET.model_copy(update={"database": "other"})})
    (folder / f"{other.run_id}.json").write_text(elsewhere.model_dump_json(by_alias=True))
    tonight = drill(4, 2000, ObjectiveStatus.MET)
    (series,) = kept_trend(tmp_path, tonight).objectives.values()
    assert [1000, 1001, 1002, 2000] == [one.value_ms for one in series]


def test_nothing_measured_draws_nothing() -> None:
    assert () == charts_of(Trend({}, (), ()))
    assert {Severity.ERROR, Severity.WARNING, Severity.INFO} == set(Severity)
