"""What an earlier report had found already: an audit that is given it fails only on what is new.

Findings are known by their fingerprints, which survive renames and growth. A finding that is known stays in the report,
marked; what the baseline had and this audit no longer finds is counted, so that a baseline can shrink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dbops.checks.changes import findings_of
from dbops.errors import UsageError
from dbops.model import REPORT_SCHEMA, Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Baseline:
    """The fingerprints of a report, and the run that it is of."""

    run_id: str
    fingerprints: frozenset[str]


def load_baseline(path: Path) -> Baseline:
    """Return what a kept report had found, the reports inside it included; UsageError where it is no report."""
    hint = "name a report that dbops has kept, such as logs/index-audit/RUN.json, or that --json has printed"
    try:
        report = Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--baseline {path} cannot be read: {error.strerror}", hint=hint) from error
    except ValidationError as error:
        raise UsageError(f"--baseline {path} is not a report ({REPORT_SCHEMA})", hint=hint) from error
    if report.problem is not None:
        raise UsageError(
            f"--baseline {path} is the report of a run that could not be carried out: {report.problem.message}",
            hint=hint,
        )
    return Baseline(report.run_id, frozenset(_fingerprints(report)))


def _fingerprints(report: Report) -> Iterator[str]:
    yield from (finding.fingerprint for finding in findings_of(report.checks))
    for part in report.reports:
        yield from _fingerprints(part)
