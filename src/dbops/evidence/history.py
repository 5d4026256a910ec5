"""Earlier reports on the same database, newest first: for what changed, how long it took, how it grew.

A reader of history ignores fields it does not know and files it cannot read: they are for `verify` to complain about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dbops.model import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REPORT = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}\.json")


def report_files(folder: Path) -> list[Path]:
    """Return the finished reports of a folder, newest first; none when the folder is not there."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _REPORT.fullmatch(path.name)), key=_age, reverse=True)


def previous_reports(folder: Path, system_identifier: str, database: str) -> Iterator[Report]:
    """Yield the reports in `folder` on one database of one cluster, newest first, each read when asked for."""
    for path in report_files(folder):
        report = _read(path, system_identifier)
        target = report.target if report else None
        if report and target and (target.system_identifier, target.database) == (system_identifier, database):
            yield report


def _age(path: Path) -> tuple[str, int]:
    """Order by the second in the name; within one second, where the name says nothing, by when it was written."""
    try:
        return path.name[:16], path.lstat().st_mtime_ns
    except OSError:  # it has just gone
        return path.name[:16], 0


def _read(path: Path, system_identifier: str) -> Report | None:
    """Return a report that names a cluster somewhere; most of a fleet's name others, and are not worth parsing."""
    try:
        data = path.read_bytes()
        return Report.model_validate_json(data) if system_identifier.encode() in data else None
    except (OSError, ValidationError):
        return None
