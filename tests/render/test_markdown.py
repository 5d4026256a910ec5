"""Markdown as a reader of it sees it: parsed, then looked at token by token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from dbops.model import Check, CheckStatus, Problem
from dbops.render.markdown import block, markdown_text, prose, span
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

    from conftest import MakeFinding, MakeReport
    from dbops.model import Report

PARSER = MarkdownIt("commonmark").enable("table")
FOREIGN = {
    "html_block",
    "html_inline",
    "link_open",
    "image",
    "blockquote_open",
    "hr",
    "code_block",
    "ordered_list_open",
}


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def headings(text: str) -> list[str]:
    parsed = PARSER.parse(text)
    return [
        f"{token.markup} {parsed[position + 1].content}"
        for position, token in enumerate(parsed)
        if token.type == "heading_open"
    ]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of every table, as text without markup."""
    found: list[list[str]] = []
    parsed = PARSER.parse(text)
    for position, token in enumerate(parsed):
        if token.type == "tr_open":
            found.append([])
        if token.type in {"td_open", "th_open"}:
            found[-1].append("".join(child.content for child in parsed[position + 1].children or ()))
    return found


def test_a_ticket_has_the_verdict_the_objectives_the_findings_and_the_gaps(mixed: Report) -> None:
    assert [
        "# dbops suite: FAIL",
        "## Objectives",
        "## dbops drill: FAIL",
        "## dbops audit: FAIL",
        "### Findings",
        "#### `expected-index-missing`: A declared index is not there",
        "#### `fk-without-index`",
        "#### `unused-index`",
        "### Accepted",
        "### Could not be checked",
        "### Not checked",
        "## Not tested",
    ] == headings(markdown_text(mixed))


def test_objectives_are_a_table(mixed: Report) -> None:
    assert ["RTO", "missed", "1 h 30 min", "1 h", "restore", "timed"] in rows(markdown_text(mixed))
    assert ["RPO", "not measured", "", "15 min", "dumps", "no archive"] in rows(markdown_text(mixed))


def test_sql_stands_in_blocks_of_its_own(mixed: Report) -> None:
    fences = [token for token in tokens(markdown_text(mixed)) if token.type == "fence"]
    assert ["sql"] * 3 == [token.info for token in fences]
    assert [
        "select 1;\n",
        "create index concurrently ix on public.accounts (code);\n",
        "drop index concurrently public.ix;\n",
    ] == [token.content for token in fences]


def test_checks_not_made_for_one_reason_share_a_row(make_report: MakeReport) -> None:
    made = [("a", "nothing declared"), ("b", "no statistics"), ("c", "nothing declared")]
    checks = (Check(check=slug, status=CheckStatus.SKIP, reason=why) for slug, why in made)
    text = markdown_text(make_report(*checks))
    assert [["a, c", "nothing declared"], ["b", "no statistics"]] == rows(text)[-2:]


def test_what_was_not_tested_is_said_once(mixed: Report) -> None:
    assert 1 == markdown_text(mixed).count("large objects")


def test_a_run_that_could_not_be_carried_out_says_why(make_report: MakeReport) -> None:
    text = markdown_text(make_report(problem=Problem(message="nobody there", hint="start it")))
    assert "**Could not be carried out:** nobody there\n\nstart it\n" in text


def test_a_name_brings_no_markup_of_its_own(nasty: Report) -> None:
    text = markdown_text(nasty)
    assert set() == FOREIGN & {token.type for token in tokens(text)}
    said = headings(markdown_text(nasty.model_copy(update={"reports": nasty.reports})))
    assert ["# dbops suite: FAIL", "## dbops audit: FAIL"] == [heading for heading in said if " dbops " in heading]
    assert [] == [heading for heading in said if "owned" in heading and "fk-without-index" not in heading]


def test_a_name_mentions_nobody_and_links_nowhere(nasty: Report) -> None:
    said = "\n".join(token.content for token in tokens(markdown_text(nasty)) if token.type == "text")
    assert [] == re.findall(r"@\w|#\d|://|www\.|GH-\d|[0-9a-f]{7,}|:\w+:", said)


def test_a_table_keeps_its_columns(nasty: Report) -> None:
    header: list[str] = []
    for row in rows(markdown_text(nasty)):
        header = row if row[0] in {"", "Objective", "Rule", "Check", "File", "Step that did not pass"} else header
        assert len(header) == len(row)


def test_a_cell_shows_a_name_to_the_letter(nasty: Report, name: str) -> None:
    assert clean(f"{name} 3") in {cell for row in rows(markdown_text(nasty)) for cell in row}


def test_a_block_shows_its_statement_to_the_letter(nasty: Report, name: str) -> None:
    shown = clean(f'drop index concurrently "{name}";', keep="\n\t")
    assert {f"{shown}\n"} == {token.content for token in tokens(markdown_text(nasty)) if token.type == "fence"}


@pytest.mark.parametrize("text", ["a", "`", "``", "` a", "a `b` c", " padded ", "a``b```c", "|", "\\", "\u00e9"])
def test_a_span_shows_exactly_its_text(text: str) -> None:
    inline = PARSER.parse(span(text))[1].children or []
    assert [("code_inline", text)] == [(token.type, token.content) for token in inline]


def test_a_fence_is_longer_than_any_run_of_backticks_in_it() -> None:
    assert "`````sql\nselect '````';\n`````" == block("select '````';")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no index for public.orders (org_id, at)", "no index for public.orders (`org_id`, at)"),
        ("run `dbops init`, or wait (`dbops doctor`).", "run `dbops init`, or wait (`dbops doctor`)."),
        ("`dbops a `b` *c*`", "`` `dbops `` a `` `b` `` `` *c*` ``"),
        ("1. not a list", "`1.` not a list"),
        ("- not a list", "`-` not a list"),
        ("a - b = c", "a - b = c"),
        ('the role "@admin" owns it', 'the role "`@admin`" owns it'),
        ("see https://example.org/x.", "see `https://example.org/x`."),
        ("two\nlines", "two lines"),
        ("50% of 3/4 tables", "50% of 3/4 tables"),
    ],
)
def test_prose_puts_what_could_mean_something_in_code(text: str, shown: str) -> None:
    assert shown == prose(text)


def test_prose_shows_the_words_it_was_given(name: str) -> None:
    inline = PARSER.parse(prose(f"x {name}"))[1].children or []
    assert " ".join(clean(f"x {name}", keep="\n").split()) == "".join(token.content for token in inline)


def test_every_finding_is_there_unless_told_otherwise(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = tuple(make_finding(f"public.t{number}") for number in range(30))
    report = make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=found))
    assert 30 == markdown_text(report).count("**`public.t")
    assert 5 == markdown_text(report, most=5).count("**`public.t")
    assert "and 25 more findings, in the report." in markdown_text(report, most=5)
