"""What a period's evidence speaks for, control by control, and what it does not show.

The controls are those an auditor asks about when the talk is of backups and of getting them back. What each asks is
said in our own words; the standard itself is what counts. Every control comes with the limits that apply to this
period: a figure without its limit is a claim. What it does not do: call a control fulfilled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.model import ObjectiveStatus, Verdict
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.evidence.period import Period

_SAME_HOST = (
    "the copies were restored by the machine that runs dbops, into a throw-away server: that the systems restored to"
    " are physically and logically segregated from the source, as DORA 12(3) asks, is not shown"
)
_NO_PEOPLE = "who decides, who is called and how long that takes was not exercised"
_NO_SITE = "fail-over to another site, and the applications around the database, were not exercised"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A control, what it asks, what speaks for it in the period, and the limits of that."""

    framework: str
    control: str
    asks: str
    speaks: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Control:
    framework: str
    control: str
    asks: str
    speaks: tuple[Callable[[Period], Iterator[str]], ...]
    limits: tuple[Callable[[Period], Iterator[str]], ...]


def control_map(period: Period) -> tuple[Mapped, ...]:
    """Return every control with what the period has to say to it."""
    return tuple(
        Mapped(
            one.framework,
            one.control,
            one.asks,
            tuple(text for speak in one.speaks for text in speak(period)) or ("nothing in this period speaks for it",),
            tuple(text for limit in one.limits for text in limit(period)),
        )
        for one in _CONTROLS
    )


def _drills(period: Period) -> Iterator[str]:
    restored = period.restored
    if restored:
        whole = sum(run.report is not None and run.report.restorability is Verdict.PASS for run in restored)
        yield f"{counted(len(restored), 'restore drill')}, {whole} of them brought the backup back whole"


def _newest_drill(period: Period) -> Iterator[str]:
    whole = [run for run in period.restored if run.report and run.report.restorability is Verdict.PASS]
    if whole:
        yield f"the newest that came back whole: {whole[-1].at:%Y-%m-%d %H:%M} UTC, run {whole[-1].run_id}"


def _backups(period: Period) -> Iterator[str]:
    made = period.of("backup")
    if made:
        good = sum(run.verdict is Verdict.PASS for run in made)
        yield f"{counted(len(made), 'backup run')}, {good} published a backup that was read back in full and hashed"


def _verified(period: Period) -> Iterator[str]:
    looked = period.looked("backup verify")
    if looked:
        yield f"{counted(len(looked), 'later verification')} of kept backups"


def _mended(period: Period) -> Iterator[str]:
    if period.failures:
        mended = sum(failure.mended_at is not None for failure in period.failures)
        yield f"{counted(len(period.failures), 'run')} did not pass; after {mended} of them a later one passed"


def _objectives(period: Period) -> Iterator[str]:
    for one in period.objectives:
        if one.met or one.missed:
            yield (
                f"{one.id.upper()} of {one.database} ({one.scenario}): met {one.met}, missed"
                f" {counted(one.missed, 'time')}"
            )


def _audits(period: Period) -> Iterator[str]:
    audits = period.looked("audit")
    if audits:
        yield f"{counted(len(audits), 'audit')} of the schema and the settings that a recovery rests on"


def _no_restore(period: Period) -> Iterator[str]:
    if not period.restored:
        schema = len(period.looked("drill"))
        drilled = f"; {counted(schema, 'drill')} rebuilt the schema alone" if schema else ""
        yield f"no backup was restored with its data{drilled}"


def _gaps(period: Period) -> Iterator[str]:
    if period.largest_gap is None:
        yield "how often there should have been a run was not said (--max-gap), so gaps were not looked for"
    yield from period.gaps


def _unmeasured(period: Period) -> Iterator[str]:
    if not any(one.met or one.missed for one in period.objectives):
        yield "no recovery objective was measured"
    for one in period.objectives:
        if one.not_measured:
            yield (
                f"{one.id.upper()} of {one.database} ({one.scenario}): not measured {counted(one.not_measured, 'time')}"
            )


def _missed(period: Period) -> Iterator[str]:
    for one in period.objectives:
        if one.newest is ObjectiveStatus.MISSED:
            yield f"{one.id.upper()} of {one.database} ({one.scenario}) was missed at last"


def _uncounted(period: Period) -> Iterator[str]:
    if period.not_counted:
        yield f"not counted, since it did not verify: {counted(len(period.not_counted), 'record')} of this period"


def _always(text: str) -> Callable[[Period], Iterator[str]]:
    def say(_period: Period) -> Iterator[str]:
        yield text

    return say


_PEOPLE, _SITE, _HOST = _always(_NO_PEOPLE), _always(_NO_SITE), _always(_SAME_HOST)
_COPIES = _always("where the copies are kept, how many there are and who can delete them is not shown")
_DATABASE_ONLY = _always("one database is looked at, not the systems around it")

_CONTROLS = (
    _Control(
        "NIST SP 800-53 r5",
        "CP-4",
        "the contingency plan is tested at set intervals, the results are reviewed and what is wrong is mended",
        (_drills, _mended),
        (_no_restore, _gaps, _PEOPLE, _SITE, _uncounted),
    ),
    _Control(
        "NIST SP 800-53 r5",
        "CP-9(1)",
        "backups are tested at set intervals for reliable media and intact contents",
        (_backups, _verified, _drills),
        (_no_restore, _gaps, _COPIES, _uncounted),
    ),
    _Control(
        "NIST SP 800-53 r5",
        "CP-10",
        "the system can be brought back to a known state within the time that was set",
        (_drills, _newest_drill, _objectives),
        (_no_restore, _unmeasured, _missed, _SITE, _uncounted),
    ),
    _Control(
        "ISO/IEC 27001:2022",
        "A.8.13",
        "backups are kept and regularly tested as the backup policy says",
        (_backups, _verified, _drills),
        (_no_restore, _gaps, _COPIES, _uncounted),
    ),
    _Control(
        "ISO/IEC 27001:2022",
        "A.5.30",
        "readiness of the systems is planned, kept up and tested against the objectives of business continuity",
        (_drills, _objectives, _audits),
        (_no_restore, _unmeasured, _missed, _PEOPLE, _DATABASE_ONLY, _uncounted),
    ),
    _Control(
        "SOC 2 (TSC 2017)",
        "A1.2",
        "backup processes and the means of recovery are in place, operated and watched",
        (_backups, _audits, _mended),
        (_gaps, _COPIES, _DATABASE_ONLY, _uncounted),
    ),
    _Control(
        "SOC 2 (TSC 2017)",
        "A1.3",
        "the procedures of the recovery plan are tested",
        (_drills, _newest_drill, _mended),
        (_no_restore, _gaps, _PEOPLE, _uncounted),
    ),
    _Control(
        "DORA (EU) 2022/2554",
        "Article 11",
        "response and recovery plans are tested at least yearly and after substantive changes; tests are reviewed",
        (_drills, _mended),
        (_no_restore, _gaps, _PEOPLE, _SITE, _uncounted),
    ),
    _Control(
        "DORA (EU) 2022/2554",
        "Article 12",
        "backup and restoration procedures are in place and tested periodically, against objectives for time and loss",
        (_backups, _drills, _objectives),
        (_no_restore, _unmeasured, _missed, _HOST, _COPIES, _uncounted),
    ),
)
