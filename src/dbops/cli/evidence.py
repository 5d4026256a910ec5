"""`dbops evidence verify | keygen | rotate`: what can be told from kept evidence, and the key that signs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbops.cli.options import CommonOptions, Outcome, command

if TYPE_CHECKING:
    import datetime as dt

    from dbops.settings import Settings

app = typer.Typer(help="Verify what was kept; make and rotate the key.", no_args_is_help=True, rich_markup_mode=None)

TrustFiles = list[Path] | None


@dataclass(frozen=True, kw_only=True)
class EvidenceVerifyOptions(CommonOptions):
    """What to verify, and against what."""

    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="A log directory or one report; else the configured log directory."),
    ] = None
    trust: Annotated[
        TrustFiles, typer.Option(metavar="FILE", help="Public keys whose signatures count (PEM); repeatable.")
    ] = None
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An older checkpoint, or a report with one in its seal.")
    ] = None
    max_gap: Annotated[
        str | None, typer.Option(metavar="TIME", help="No two runs may be further apart than this: 26h.")
    ] = None


@command(app, "verify", EvidenceVerifyOptions)
def verify(options: EvidenceVerifyOptions) -> Outcome:
    """Say what holds: authentic, complete, not rolled back, no gaps, files unchanged, objectives met.

    Without a trusted key nothing is authentic. Exit code 4: the evidence is broken; 1: it is sound and says no.
    """
    from dbops.cli.running import settings_of
    from dbops.evidence.answers import Question
    from dbops.evidence.examine import examine, load_checkpoint
    from dbops.evidence.keys import load_trust
    from dbops.model import utc_now

    settings = settings_of(options)
    older = load_checkpoint(options.checkpoint) if options.checkpoint else None
    question = Question(load_trust(*settings.evidence.trust), older, _max_gap(options), utc_now())
    verification = examine(options.path or settings.log_dir, question)
    return Outcome(verification.as_report(), listing=tuple(answered.line for answered in verification.answers))


def _max_gap(options: EvidenceVerifyOptions) -> dt.timedelta | None:
    from dbops.errors import UsageError
    from dbops.settings import parse_duration

    try:
        return parse_duration(options.max_gap) if options.max_gap else None
    except ValueError as error:
        raise UsageError(f"--max-gap {options.max_gap!r} {error}") from None


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
