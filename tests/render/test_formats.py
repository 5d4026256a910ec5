"""Every format, by its own parser, with names that were chosen to break it."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from dbops.render.formats import Format, View, format_of, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.model import Report


class _Tags(HTMLParser):
    """Takes a page apart; a tag that is closed and not open, or left open, is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(text: str) -> list[str]:
    page = _Tags()
    page.feed(text)
    page.close()
    assert page.open == []
    return page.tags


def _is_text(text: str) -> object:
    return text.splitlines()


PARSERS: dict[Format, Callable[[str], object]] = {
    Format.TABLE: _is_text,
    Format.JSON: json.loads,
    Format.SARIF: json.loads,
    Format.JUNIT: lambda text: JUnitXml.fromstring(text.encode()),
    Format.GITHUB: _is_text,
    Format.MARKDOWN: MarkdownIt("commonmark").parse,
    Format.HTML: tags_of,
    Format.PROMETHEUS: lambda text: list(text_string_to_metric_families(text)),
}


def rendered(report: Report, chosen: Format) -> str:
    stream = io.StringIO()
    render(report, chosen, stream, View(color=False))
    return stream.getvalue()


@pytest.mark.parametrize("chosen", Format)
def test_every_format_parses_whatever_a_name_holds(nasty: Report, chosen: Format) -> None:
    assert PARSERS[chosen](rendered(nasty, chosen))


# JSON says what was found to the letter, as escapes.
@pytest.mark.parametrize("chosen", [chosen for chosen in Format if chosen is not Format.JSON])
def test_no_format_holds_a_character_that_steers_a_terminal_or_misleads_a_reader(nasty: Report, chosen: Format) -> None:
    text = rendered(nasty, chosen)
    assert [] == [
        char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn"} and char not in "\n\t"
    ]


@pytest.mark.parametrize("chosen", Format)
def test_every_format_says_what_the_verdict_is(mixed: Report, chosen: Format) -> None:
    assert re.search(r"\bfail\b", rendered(mixed, chosen), re.IGNORECASE)


@pytest.mark.parametrize("chosen", Format)
def test_every_format_ends_with_a_line_break(mixed: Report, chosen: Format) -> None:
    assert "\n" == rendered(mixed, chosen)[-1]


@pytest.mark.parametrize("chosen", [Format.SARIF, Format.JUNIT])
def test_a_format_that_names_no_encoding_of_its_own_is_ascii(nasty: Report, chosen: Format) -> None:
    assert rendered(nasty, chosen).isascii()


@pytest.mark.parametrize(
    ("file", "chosen"),
    [
        ("a.txt", Format.TABLE),
        ("a.json", Format.JSON),
        ("a.sarif", Format.SARIF),
        ("TEST-dbops.XML", Format.JUNIT),
        ("a.md", Format.MARKDOWN),
        ("a.prom", Format.PROMETHEUS),
        ("a.html", Format.HTML),
    ],
)
def test_the_extension_of_a_file_chooses_its_format(tmp_path: Path, file: str, chosen: Format) -> None:
    assert chosen is format_of(tmp_path / file)
