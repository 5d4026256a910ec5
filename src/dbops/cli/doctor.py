"""`dbops doctor`: what dbops lacks here, before it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import typer

from dbops.cli.options import BackupDirOptions, ClientOptions, Outcome, ServerOptions, TargetOptions, command

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(ClientOptions, ServerOptions, BackupDirOptions, TargetOptions):
    """Everything that says where things are."""

    # Seconds: whoever asks what is wrong has to get an answer, also where what is wrong is that something hangs.
    usual_seconds: ClassVar[float | None] = 120.0


@command(app, "doctor", DoctorOptions)
def doctor(options: DoctorOptions) -> Outcome:
    """Say what dbops lacks here, and what to type.

    Programs, versions, rights, disk space, directories, the evidence key. Without a database, only this machine is
    looked at.
    """
    from dbops.cli.running import recorded, settings_of, target_or_none
    from dbops.doctor import Surroundings, examine

    settings = settings_of(options)
    target = target_or_none(settings)
    around = Surroundings(
        log_dir=settings.log_dir,
        backup_dir=settings.backup_dir,
        config_file=settings.config_file,
        environ=settings.environment,
        key=settings.evidence.key,
        client_bindir=options.client_bindir,
        target_bindir=settings.drill.target_bindir,
    )
    with recorded(options, settings, "doctor", "doctor") as (run, _):
        examine(target, around, run)
    return Outcome(run.report, run.report_path)
