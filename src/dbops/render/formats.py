"""The output formats, and the one place where a format becomes bytes on a stream.

A format is chosen by `--format`, or by the extension of an `--output` file. Every member is matched here and the match
ends in `assert_never`, so that a new format cannot be forgotten.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, assert_never

from dbops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.evidence.trend import Trend
    from dbops.model import Report


class Format(enum.StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"
    MARKDOWN = "markdown"
    PROMETHEUS = "prometheus"
    HTML = "html"


# What a command that only lists or explains can print; the other formats are about a run and its verdict.
LISTABLE = frozenset({Format.TABLE, Format.JSON})

# Workflow commands mean something on stdout only, so no file is written in them.
_BY_EXTENSION = {
    ".txt": Format.TABLE,
    ".json": Format.JSON,
    ".sarif": Format.SARIF,
    ".xml": Format.JUNIT,
    ".md": Format.MARKDOWN,
    ".prom": Format.PROMETHEUS,
    ".html": Format.HTML,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the reader wants to see; it changes what is shown, never what was found.

    `kept` is the file that holds this report as evidence. `problem` is off when the message goes to stderr instead.
    `also` are reports to show before this one. `again` is what the next command needs in order to reach the same
    database, " --service=erp"; `same` is what this one needs besides to do the same, " --depth=pitr". `previous` is the
    text of the file that this one replaces, `trend` the history to draw.
    """

    verbose: bool = False
    quiet: bool = False
    color: bool = True
    problem: bool = True
    kept: Path | None = None
    also: tuple[Report, ...] = ()
    again: str = ""
    same: str = ""
    previous: str | None = None
    trend: Trend | None = None


def format_of(path: Path) -> Format:
    """Return the format that a file's extension asks for; UsageError when there is none."""
    found = _BY_EXTENSION.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{extension} ({name})" for extension, name in _BY_EXTENSION.items())
        message = f"--output {path}: no format goes with the extension {path.suffix or '(none)'!r}"
        raise UsageError(message, hint=f"use one of: {known}")
    return found


def render(report: Report, chosen: Format, stream: TextIO, view: View = View()) -> None:
    """Write `report` in the chosen format to `stream`."""
    match chosen:
        case Format.TABLE:
            from dbops.render.table import render_table

            render_table(report, stream, view)
        case Format.JSON:
            from dbops.render.json import render_json

            render_json(report, stream)
        case Format.SARIF:
            from dbops.render.sarif import sarif_text

            stream.write(sarif_text(report))
        case Format.JUNIT:
            from dbops.render.junit import junit_text

            stream.write(junit_text(report))
        case Format.GITHUB:
            from dbops.render.github import github_text

            stream.write(github_text(report))
        case Format.MARKDOWN:
            from dbops.render.markdown import markdown_text

            stream.write(markdown_text(report))
        case Format.PROMETHEUS:
            from dbops.render.prometheus import prometheus_text

            stream.write(prometheus_text(report, view.previous))
        case Format.HTML:
            from dbops.render.html import html_text

            stream.write(html_text(report, view.trend, view.kept, view.also))
        case _:
            assert_never(chosen)
