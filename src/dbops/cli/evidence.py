"""`dbops evidence verify | report | keygen | rotate`: what kept evidence comes to, and the key that signs it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dbops.cli.options import CommonOptions, Outcome, command
from dbops.errors import UsageError
from dbops.render.formats import LISTABLE, Format

if TYPE_CHECKING:
    from dbops.evidence.answers import Question
    from dbops.settings import Settings

app = typer.Typer(
    help="Verify what was kept and report on a period; make and rotate the key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TrustFiles = list[Path] | None


@dataclass(frozen=True, kw_only=True)
class QuestionOptions(CommonOptions):
    """What to verify against."""

    trust: Annotated[
        TrustFiles, typer.Option(metavar="FILE", help="Public keys whose signatures count (PEM); repeatable.")
    ] = None
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An older checkpoint, or a report with one in its seal.")
    ] = None
    max_gap: Annotated[
        str | None, typer.Option(metavar="TIME", help="No two runs may be further apart than this: 26h.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class EvidenceVerifyOptions(QuestionOptions):
    """What to verify, and against what."""

    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="A log directory or one report; else the configured log directory."),
    ] = None


@command(app, "verify", EvidenceVerifyOptions)
def verify(options: EvidenceVerifyOptions) -> Outcome:
    """Say what holds: authentic, complete, not rolled back, no gaps, files unchanged, objectives met.

    Without a trusted key nothing is authentic. Exit code 4: the evidence is broken; 1: it is sound and says no.
    """
    from dbops.cli.running import settings_of
    from dbops.evidence.examine import examine

    settings = settings_of(options)
    question = _question(options, settings)
    verification = examine(options.path or settings.log_dir, question)
    return Outcome(verification.as_report(), listing=tuple(answered.line for answered in verification.answers))


def _question(options: QuestionOptions, settings: Settings) -> Question:
    from dbops.evidence.answers import Question
    from dbops.evidence.examine import load_checkpoint
    from dbops.evidence.keys import load_trust
    from dbops.model import utc_now

    older = load_checkpoint(options.checkpoint) if options.checkpoint else None
    return Question(load_trust(*settings.evidence.trust), older, _max_gap(options), utc_now())


def _max_gap(options: QuestionOptions) -> dt.timedelta | None:
    from dbops.settings import parse_duration

    if options.max_gap is None:
        return None
    try:
        largest = parse_duration(options.max_gap)
    except ValueError as error:
        raise UsageError(f"--max-gap {options.max_gap!r} {error}") from None
    if not largest:
        raise UsageError("--max-gap 0s allows nothing at all", hint="leave it out to look for no gaps")
    return largest


@dataclass(frozen=True, kw_only=True)
class EvidenceReportOptions(QuestionOptions):
    """Which period, and against what to verify it."""

    formats: ClassVar[frozenset[Format]] = LISTABLE | {Format.MARKDOWN, Format.HTML}

    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A log directory; else the configured log directory.")
    ] = None
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="The first day, or a moment in UTC; else from the first record."),
    ] = None
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last day, or a moment in UTC; else until now.")
    ] = None


@command(app, "report", EvidenceReportOptions)
def report(options: EvidenceReportOptions) -> Outcome:
    """Tell an auditor what a period's evidence comes to: runs, gaps, failures, waivers, objectives, controls.

    Only what verifies counts, so name the trusted keys; what does not count is listed with the reason. Write it with
    --output FILE.html or FILE.md. Exit code 4: the evidence is broken; 1: it is sound and has a gap or a missed
    objective.
    """
    from dbops.cli.running import settings_of
    from dbops.evidence.collector import Collector
    from dbops.evidence.examine import examine_log
    from dbops.evidence.period import answered_for
    from dbops.model import utc_now
    from dbops.render.period import html_page, markdown_page, summary_lines

    settings = settings_of(options)
    question, now = _question(options, settings), utc_now()
    begin, end = _moment(options.begin, "--from"), _moment(options.end, "--to", after=dt.timedelta(days=1)) or now
    if begin and begin >= end:
        raise UsageError(f"--from {options.begin} is not before --to {options.end or 'now'}")
    collector = Collector(begin, end, trusted=bool(question.trust), largest_gap=question.max_gap)
    verified = examine_log(options.path or settings.log_dir, question, collector.take)
    period = collector.period(now)
    verification = answered_for(verified, period)
    lines = tuple(summary_lines(verification, period, written=bool(options.output)))
    return Outcome(
        verification.as_report().model_copy(update={"command": "evidence report", "notes": lines}),
        listing=lines,
        pages={
            Format.HTML: partial(html_page, verification, period),
            Format.MARKDOWN: partial(markdown_page, verification, period),
        },
    )


def _moment(text: str | None, flag: str, *, after: dt.timedelta = dt.timedelta()) -> dt.datetime | None:
    """Return the beginning of a day, or a moment; `after` a day, where a day was named."""
    if text is None:
        return None
    whole_day = len(text) <= len("2026-03-31")
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC) + (after if whole_day else dt.timedelta())
    except (ValueError, OverflowError):  # the last day there is has none after it
        raise UsageError(
            f"{flag} {text!r} is no date", hint=f"write {flag} 2026-03-31, or {flag} 2026-03-31T18:00Z"
        ) from None


@dataclass(frozen=True, kw_only=True)
class KeyOptions(CommonOptions):
    """Which key."""

    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The private key; else [evidence] key, else the user's configuration."),
    ] = None


@command(app, "keygen", KeyOptions)
def keygen(options: KeyOptions) -> Outcome:
    """Make the key that signs evidence from now on, and its public half for auditors."""
    from dbops.cli.running import report_of, settings_of
    from dbops.evidence.keys import generate, public_path, refuse_below

    settings = settings_of(options)
    path = _key_path(settings)
    refuse_below(settings.log_dir, path)
    signer = generate(path)
    lines = (
        f"key {signer.keyid[:16]} made: {path} (keep it private, outside backups of the logs)",
        f"public key for auditors: {public_path(path)}",
        f"verify with: dbops evidence verify {settings.log_dir} --trust {public_path(path)}",
    )
    return Outcome(report_of("evidence keygen", notes=lines), listing=lines)


@command(app, "rotate", KeyOptions)
def rotate(options: KeyOptions) -> Outcome:
    """Replace the key, with a record signed by both, so that trust in either reaches the other."""
    from dbops.cli.running import report_of, settings_of
    from dbops.evidence import rotation

    settings = settings_of(options)
    rotated = rotation.rotate(_key_path(settings), settings.log_dir)
    lines = (
        f"key {rotated.retired[:16]} retired, kept as {rotated.kept}",
        f"key {rotated.new[:16]} signs from now on; public key for auditors: {rotated.public}",
    )
    return Outcome(report_of("evidence rotate", notes=lines), listing=lines)


def _key_path(settings: Settings) -> Path:
    from dbops.evidence.keys import default_key_path

    return settings.evidence.key or default_key_path()
