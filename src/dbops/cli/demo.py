"""`dbops demo`: everything at work on a throw-away PostgreSQL, nothing of the user's touched.

Its evidence goes to `demo` below the log directory, unless a directory was named, so that no night of a real database
stands in one log with it. There it is signed with a key made for this one run; the public half lies beside the report,
and the private one is never on a disk. In a directory that was named it keeps to the terms of what is there.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbops.cli.options import Outcome, RunOptions, command

if TYPE_CHECKING:
    from dbops.demo.server import DemoServer
    from dbops.evidence.keys import Signer
    from dbops.evidence.run import Run
    from dbops.model import Report
    from dbops.settings import Settings

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class DemoOptions(RunOptions):
    """Which demo."""

    broken: Annotated[bool, typer.Option("--broken", help="Plant defects, and show that the audit finds each.")] = False
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up until Ctrl-C, and print the psql line.")] = (
        False
    )


@command(app, "demo", DemoOptions)
def demo(options: DemoOptions) -> Outcome:
    """Run everything on a throw-away PostgreSQL with a demo ERP.

    A backup is made, restored into a second throw-away server and compared; a base backup and the archived WAL are
    recovered to a moment; the schema is audited. No database of yours is touched; what stays is the evidence.
    """
    from dbops.cli.running import recorded, settings_of
    from dbops.connection.workspace import workspace
    from dbops.demo.run import AUDIT_FOLDER, SUITE_FOLDER, Demo

    command, folder = ("demo --broken", AUDIT_FOLDER) if options.broken else ("demo", SUITE_FOLDER)
    settings, signer = _apart(settings_of(options))
    with contextlib.ExitStack() as stack:
        backups = stack.enter_context(workspace())
        running = stack.enter_context(Demo(backups))
        with recorded(options, settings, command, folder, signer=signer) as (run, progress):
            _leave_public_key(signer, run)
            running.perform(run, broken=options.broken, progress=progress)
        linger = partial(_stay, running.server, stack.pop_all()) if options.keep else None
    return Outcome(run.report, run.report_path, also=_audits(run.report, run.report_path), linger=linger)


def _apart(settings: Settings) -> tuple[Settings, Signer | None]:
    """Return the settings with the demo's own log directory, and the key made for it; None to sign as usual there."""
    from dbops.evidence.keys import find_signer, temporary
    from dbops.evidence.log import ends_signed

    if settings.origin("log_dir") == "default":
        evidence = settings.evidence.model_copy(update={"log_dir": settings.log_dir / "demo"})
        return settings.model_copy(update={"evidence": evidence}), temporary()
    # A log that is signed in part only, by a key that is gone, would never again be authentic as a whole.
    usual = find_signer(settings.evidence.key, settings.log_dir) or ends_signed(settings.log_dir) is False
    return settings, None if usual else temporary()


def _leave_public_key(signer: Signer | None, run: Run) -> None:
    """Put the public half of the demo's key beside its report."""
    from dbops.evidence.keys import write_public

    if signer is not None:
        public = run.report_path.with_suffix(".pem.pub")
        write_public(signer, public)
        run.note(f"signed with a key made for this run alone; its public half is {public.name}, beside the report")


def _audits(report: Report, kept: Path) -> tuple[Report, ...]:
    """Return the audit that a broken demo keeps beside its report: it fails, and the demo passes because of that."""
    from dbops.model import Report

    parts = {part.run_id for part in report.reports}
    found = [kept.parent / artifact.path for artifact in report.artifacts if Path(artifact.path).suffix == ".json"]
    audits = [Report.model_validate_json(path.read_bytes()) for path in found if path.parent == kept.parent]
    return tuple(audit for audit in audits if audit.run_id not in parts)


def _stay(server: DemoServer | None, stack: contextlib.ExitStack) -> None:
    """Keep the server up until a signal ends the process, which is what was asked for, not an error."""
    import signal

    from dbops.errors import StoppedError

    with stack, contextlib.suppress(StoppedError, KeyboardInterrupt):
        if server is not None:
            typer.echo(f"the server stays up until Ctrl-C; look around with:\n  {server.psql}", err=True)
            signal.pause()
