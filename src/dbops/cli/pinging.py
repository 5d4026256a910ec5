"""When a watcher is told of a run: `[evidence] ping` for the suite, DBOPS_PING_URL for whatever runs under it.

A URL in the file is that of the nightly suite: an audit by hand in between must not look like it. The body has the
verdict, what it rests on, the report's path and the checkpoint, so that a copy of it is kept outside of this machine;
after a run that did not pass, also the last of what went wrong. What cannot be told is said on stderr, no more.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.evidence.run import Run
    from dbops.model import Report
    from dbops.settings import Settings

_MOST_LINES = 40


@contextlib.contextmanager
def watched(settings: Settings, command: str) -> Iterator[list[Run]]:
    """Tell the watcher, if there is one, that `command` begins, and then how it ended; the block appends its run."""
    runs: list[Run] = []
    url = watcher_of(settings, command)
    if url is None:
        yield runs
        return
    from dbops.evidence.ping import tell_start

    _say_if(tell_start(url, f"dbops {command} begins\n"), url)
    try:
        yield runs
    except BaseException as error:
        _end(url, command, error, getattr(error, "report", None))
        raise
    _end(url, command, None, runs[0].report if runs else None)


def watcher_of(settings: Settings, command: str) -> str | None:
    """Return the URL to tell about a run of `command`, None for nobody."""
    ping = settings.evidence.ping
    of_this_job = settings.origin("evidence.ping").startswith("DBOPS_")
    if ping is None or command.startswith("demo") or not (of_this_job or command == "suite"):
        return None
    return ping.get_secret_value()


def _end(url: str, command: str, error: BaseException | None, report: Report | None) -> None:
    from dbops.evidence.judge import error_code
    from dbops.evidence.ping import tell_end

    code = report.exit_code if report else error_code(error) or 0
    text = "".join(f"{line}\n" for line in _lines(command, report, code))
    _say_if(tell_end(url, code, redact(text)), url)


def _lines(command: str, report: Report | None, code: int) -> Iterator[str]:
    """Yield the body: what went wrong comes last, since the beginning of a long one is cut off."""
    from dbops.render.facts import checkpoint_line, verdict_line

    if report is None:
        yield f"dbops {command} ended with exit code {code}"
        return
    yield f"dbops {command} {report.run_id}: {verdict_line(report)}"
    if (checkpoint := checkpoint_line(report)) is not None:
        yield f"checkpoint: {checkpoint}"
    if code:
        yield from list(_troubles(report))[-_MOST_LINES:]


def _troubles(report: Report) -> Iterator[str]:
    from dbops.model import CheckStatus, Verdict
    from dbops.render.facts import every_report, standing, why_undecided

    for part in every_report(report):
        for finding in standing(part):
            yield f"{part.command}: {finding.severity} {finding.rule}"
        for check in part.checks:
            if check.status is CheckStatus.ERROR:
                yield f"{part.command}: {check.check} could not be checked: {why_undecided(check)}"
        broken = [step for step in part.steps if step.status is not Verdict.PASS]
        yield from (f"{part.command}: {step.name} {step.status}" for step in broken)
        if part.problem is not None:
            yield f"{part.command}: {part.problem.message}"


def _say_if(wrong: str | None, url: str) -> None:
    if wrong is not None:
        from dbops.render.terminal import clean

        why = clean(redact(wrong)).strip()  # it may be in the words of somebody else's server
        told = f"the ping to {urlsplit(url).hostname} was not heard ({why}); the verdict stands without it"
        typer.echo(f"dbops: {told}", err=True)
