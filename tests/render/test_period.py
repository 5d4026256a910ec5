"""The pages of a period: both say the same, take no name for markup, and leave nothing out."""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from dbops.evidence.answers import Answer, Answered, Property, Verification
from dbops.evidence.period import Accepted, Counted, Failure, NotCounted, Period, Ran, Reached
from dbops.evidence.trend import trend_of
from dbops.model import ObjectiveStatus, Verdict
from dbops.render.period import headline, html_page, markdown_page, summary_lines
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from dbops.model import Report

AT = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
HELD = Verification("logs", (Answered(Property.AUTHENTIC, Answer.YES, ("3 of 3 records signed",)),))


def ran(name: str, verdict: Verdict | None, report: Report | None = None) -> Ran:
    return Ran(AT, "20260301T020000Z-abcdef", "drill", name, verdict, 1, None, name, report)


def period_of(name: str, report: Report | None = None) -> Period:
    reached = Reached("rto", name, name, 100, 1, 1, 1, 80, 90, 120, ObjectiveStatus.MISSED)
    runs = (ran(name, Verdict.FAIL, report), ran(name, None))
    return Period(
        begin=AT,
        end=AT + dt.timedelta(days=31),
        runs=runs,
        not_counted=(NotCounted("2026-03-02T02:00:00.000Z", name, name),),
        unfinished=(name,),
        population=(Counted(name, "drill", {"fail": 1, "aborted": 1}),),
        failures=(Failure(runs[0], AT), Failure(runs[1], None)),
        waivers=(Accepted(name, name, name, name, name, dt.date(2027, 1, 1), 2, AT, AT),),
        objectives=(reached,),
        gaps=(name,),
        largest_gap=dt.timedelta(hours=26),
        not_tested=(name,),
        trends={name: trend_of([report])} if report else {},
    )


def test_a_name_stands_on_the_page_to_the_letter_and_adds_no_element(nasty: Report, name: str) -> None:
    text = html_page(HELD, period_of(name, nasty))
    assert clean(name) in html.unescape(text)
    tags = re.compile(r"</?([a-z0-9]+)")
    tame = html_page(HELD, period_of("public.orders", nasty))
    assert len(tags.findall(tame)) == len(tags.findall(text))


def test_a_name_brings_no_markup_into_the_markdown(name: str) -> None:
    parsed = MarkdownIt("commonmark").enable("table").parse(markdown_page(HELD, period_of(name)))
    inline = [child.type for token in parsed for child in token.children or ()]
    assert set() == {"link_open", "image", "html_block"} & {*inline, *(token.type for token in parsed)}
    raw = [child.content for token in parsed for child in token.children or () if child.type == "html_inline"]
    assert set(raw) <= {"<br>"}  # the one of the table of controls


@pytest.mark.parametrize("make", [html_page, markdown_page])
def test_a_page_says_all_there_is_to_say(make: object) -> None:
    text = html.unescape(make(HELD, period_of("erp")))  # type: ignore[operator]
    for expected in (
        "The evidence holds, and it says no",
        "3 of 3 records signed",
        "2026-03-02T02:00:00.000Z",
        "2027-01-01",
        "CP-9(1)",
        "Article 12",
        "DORA 12(3)",
        "120 ms",
        "not since",
        "no statement that it is fulfilled",
    ):
        assert expected in text, expected


def test_what_did_not_pass_is_said_beside_evidence_that_holds() -> None:
    sound = replace(period_of("erp"), gaps=(), objectives=())
    assert headline(HELD, sound) == "The evidence holds; 1 run did not pass, and none like it has passed since."
    assert 'class="card verdict unsure"' in html_page(HELD, sound)
    assert headline(HELD, replace(sound, failures=sound.failures[:1])) == "The evidence holds."


def test_broken_evidence_is_the_first_thing_said() -> None:
    broken = Verification("logs", (Answered(Property.COMPLETE, Answer.NO, ("record 3 is gone",)),))
    for text in (html_page(broken, period_of("erp")), markdown_page(broken, period_of("erp"))):
        assert "The evidence does not hold" in text
        assert text.index("The evidence does not hold") < text.index("record 3 is gone")
    assert "COMPLETE: no (record 3 is gone)" == next(iter(summary_lines(broken, period_of("erp"))))
