"""A report as gauges for the textfile collector of Prometheus' node exporter.

Rules: no sample has a timestamp of its own (the collector refuses the file); moments are values in Unix seconds; no
label holds an object's name or a run's id, so that series do not multiply. The moment of the last success is carried
over from `previous`, the file that this one replaces: a run that fails must not make the alert on it fall silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dbops.evidence.trend import own_objectives, published_bytes
from dbops.model import CheckStatus, ObjectiveStatus, Severity, Verdict
from dbops.render.facts import every_report
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.samples import Sample

    from dbops.model import Objective, Report

_RUN = ("command", "host", "database")
_LAST_SUCCESS = "dbops_last_success_timestamp_seconds"
_SPANS = {
    "value": "What an objective came to",
    "limit": "What an objective allows",
    "now": "The exposure at the time of the run",
    "worst": "The worst exposure on record",
    "bound": "What the exposure cannot exceed",
}

Labels = dict[str, str]


class _Gauges:
    """The gauges of one file, each made when it is first set."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, meaning: str, labels: Labels, value: float) -> None:
        """Set the sample of gauge `name` with these labels, which are the same names every time."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, meaning, list(labels), registry=self._registry)
        self._gauges[name].labels(**{key: clean(text) for key, text in labels.items()}).set(value)

    def text(self) -> str:
        """Return the exposition of all gauges."""
        return generate_latest(self._registry).decode()


def prometheus_text(report: Report, previous: str | None = None) -> str:
    """Return the gauges of the report and of each report inside it.

    `previous` is the text that this one replaces, "" where there is none yet; None where that is not known, and then
    a run that did not pass says nothing about the last success.
    """
    gauges = _Gauges()
    before = None if previous is None else _last_successes(previous)
    for one in every_report(report):
        labels = _labels(one)
        _run(gauges, one, labels)
        _success(gauges, one, labels, before)
        _answers(gauges, one, labels)
        _objectives(gauges, one, labels)
    return gauges.text()


def _labels(report: Report) -> Labels:
    target = report.target
    host, database = (f"{target.host}:{target.port}", target.database) if target else ("", "")
    return dict(zip(_RUN, (report.command, host, database), strict=True))


def _run(gauges: _Gauges, report: Report, labels: Labels) -> None:
    moment = report.finished_at.timestamp()
    gauges.set("dbops_last_run_timestamp_seconds", "When the last run ended", labels, moment)
    gauges.set("dbops_last_run_duration_seconds", "How long the last run took", labels, report.duration_ms / 1000)
    gauges.set("dbops_last_run_exit_code", "What the last run exited with", labels, report.exit_code)
    for verdict in Verdict:
        said = {**labels, "verdict": verdict.value}
        gauges.set("dbops_last_run_verdict", "1 for the verdict of the last run", said, report.verdict is verdict)
    if report.restorability is not None:
        proven = report.restorability is Verdict.PASS
        gauges.set("dbops_backup_restorable", "1 if the last drill brought the backup back whole", labels, proven)
    size = published_bytes(report)
    if size is not None:
        gauges.set("dbops_backup_size_bytes", "Size of the newest backup", labels, size)


def _success(gauges: _Gauges, report: Report, labels: Labels, before: Sequence[Sample] | None) -> None:
    """Set when this kind of run last passed; 0, which every alert on its age catches, where it never did.

    A run that did not even reach its database cannot name it, so it keeps what is known of every database.
    """
    meaning = "When a run last passed, 0 for never"
    if report.verdict is Verdict.PASS:
        gauges.set(_LAST_SUCCESS, meaning, labels, report.finished_at.timestamp())
    elif before is not None:
        same = {name: clean(text) for name, text in labels.items() if text}
        kept = [sample for sample in before if same.items() <= sample.labels.items()]
        for sample in kept:
            gauges.set(_LAST_SUCCESS, meaning, {name: sample.labels.get(name, "") for name in _RUN}, sample.value)
        if not kept:
            gauges.set(_LAST_SUCCESS, meaning, labels, 0)


def _last_successes(previous: str) -> Sequence[Sample]:
    """Return the samples of the last success in an earlier file; none where it cannot be read."""
    try:
        families = list(text_string_to_metric_families(previous))
    except (ValueError, IndexError, KeyError):
        return []
    return [sample for family in families for sample in family.samples if sample.name == _LAST_SUCCESS]


def _answers(gauges: _Gauges, report: Report, labels: Labels) -> None:
    """Set the number of findings for each check that was made, zeros included, so that a mended one falls to zero."""
    for status in CheckStatus:
        number = sum(check.status is status for check in report.checks)
        gauges.set("dbops_checks", "Checks by how they ended", {**labels, "status": status.value}, number)
    for check in report.checks:
        if check.status in {CheckStatus.SKIP, CheckStatus.ERROR}:
            continue
        for severity in Severity:
            number = sum(f.severity is severity and f.stands for f in check.findings)
            said = {**labels, "rule": check.check, "severity": severity.value}
            gauges.set("dbops_findings", "Findings that nobody accepted", said, number)
        rule = {**labels, "rule": check.check}
        waived = sum(finding.waived is not None for finding in check.findings)
        gauges.set("dbops_findings_waived", "Accepted findings", rule, waived)
        known = sum(finding.baseline is not None for finding in check.findings)
        gauges.set("dbops_findings_known", "Findings that the baseline had already", rule, known)


def _objectives(gauges: _Gauges, report: Report, labels: Labels) -> None:
    for objective in own_objectives(report):
        said = {**labels, "objective": objective.id, "scenario": objective.scenario}
        for name, meaning in _SPANS.items():
            milliseconds: int | None = getattr(objective, f"{name}_ms")
            if milliseconds is not None:
                gauges.set(f"dbops_objective_{name}_seconds", meaning, said, milliseconds / 1000)
        _status(gauges, objective, said)


def _status(gauges: _Gauges, objective: Objective, said: Labels) -> None:
    for status in ObjectiveStatus:
        meaning = "1 for the status of an objective"
        labels = {**said, "status": status.value}
        gauges.set("dbops_objective_status", meaning, labels, objective.status is status)
