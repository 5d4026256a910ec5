"""What every command does around its operation: read the settings, open the run, show progress, keep to the time limit.

No output here and no exit codes: those are the boundary's.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.cli.options import CommonOptions, OutputOptions, RunOptions, setting_flags
from dbops.errors import NoTargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.connection.target import Target
    from dbops.evidence.keys import Signer
    from dbops.evidence.run import Run
    from dbops.model import Artifact, Progress, Report
    from dbops.settings import Settings


def settings_of(options: CommonOptions) -> Settings:
    """Return the settings with the flags given on top."""
    from dbops.settings import load_settings

    return load_settings(setting_flags(options), cwd=Path.cwd(), environ=os.environ, config=options.config)


def settings_without_file(options: OutputOptions) -> Settings:
    """Return the settings of flags and variables alone, for a command that may be about to replace a broken file."""
    from dbops.settings import load_settings

    # The null device is a configuration file that says nothing.
    return load_settings(setting_flags(options), cwd=Path.cwd(), environ=os.environ, config=Path(os.devnull))


def time_limit_of(options: RunOptions) -> float | None:
    """Return `--timeout` in seconds, what the command allows itself when it is not given, None for no limit."""
    from dbops.settings import parse_duration

    if options.timeout is None:
        return options.usual_seconds
    try:
        seconds = parse_duration(options.timeout).total_seconds()
    except ValueError as error:
        raise UsageError(f"--timeout {options.timeout!r} {error}") from None
    if not seconds:
        raise UsageError("--timeout 0s leaves no time at all", hint="leave it out for no limit")
    return seconds


def target_or_none(settings: Settings) -> Target | None:
    """Return the target that the settings name, None where they name none; a wrong one is still an error."""
    from dbops.connection.target import target_of

    try:
        return target_of(settings)
    except NoTargetError:
        return None


def report_of(command: str, *, notes: Iterable[str] = (), artifacts: Iterable[Artifact] = ()) -> Report:
    """Return the report of a command that only looks: it passes, and is not kept."""
    from dbops.evidence.run import report_without_run

    return report_without_run(command).model_copy(update={"notes": tuple(notes), "artifacts": tuple(artifacts)})


@contextlib.contextmanager
def recorded(
    options: RunOptions,
    settings: Settings,
    command: str,
    folder: str,
    *,
    challenge: str | None = None,
    signer: Signer | None = None,
) -> Iterator[tuple[Run, Progress]]:
    """Open the run of `command`, kept below `log_dir/folder`, with progress on stderr, for as long as it may take.

    It is signed with the user's key, where there is one, unless the caller brings a `signer`.
    """
    from dbops.cli.pinging import watched
    from dbops.evidence.keys import find_signer
    from dbops.evidence.run import Run
    from dbops.evidence.signals import time_limit
    from dbops.render.progress import showing

    seconds = time_limit_of(options)
    with (
        watched(settings, command) as watching,
        Run.start(
            command,
            settings.log_dir,
            folder,
            settings_sha256=settings.sha256,
            fail_on=settings.audit.fail_on,
            strict=options.strict,
            challenge=challenge,
            signer=signer or find_signer(settings.evidence.key, settings.log_dir),
        ) as run,
        showing(sys.stderr, quiet=options.quiet, color=not options.no_color) as progress,
        time_limit(seconds),
    ):
        watching.append(run)
        yield run, progress
