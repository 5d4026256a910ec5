"""The step summary of GitHub Actions: what is written there without being asked for.

Whatever goes wrong here is said and changes neither the verdict nor the exit code: the summary is a copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.model import Report


def add_to_step_summary(report: Report, environ: Mapping[str, str]) -> str | None:
    """Append the report as Markdown to the summary of the step that runs here, if one does; return what went wrong."""
    if environ.get("GITHUB_ACTIONS") != "true" or not environ.get("GITHUB_STEP_SUMMARY"):
        return None
    from dbops.render.github import step_summary

    text = step_summary(report).encode("utf-8", "backslashreplace")
    try:
        with Path(environ["GITHUB_STEP_SUMMARY"]).open("ab") as file:
            file.write(text)
    except OSError as error:
        return f"the step summary could not be written: {error.strerror}"
    return None
