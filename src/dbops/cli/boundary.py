"""From the outcome of a command, or from what ended it, to text on two streams and an exit code.

Rules, in order: with --json exactly one document goes to stdout, whatever happened; messages go to stderr; a report
that was asked for in a file is written before it is printed; nothing foreign leaves here unredacted; a traceback is
shown only with DBOPS_DEBUG=1. What it does not do: judge (a report brings its verdict), or catch signals.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from dbops.cli.options import Outcome, OutputOptions
from dbops.errors import DbopsError, EvidenceNotKeptError, UsageError
from dbops.render.formats import LISTABLE, Format, render
from dbops.render.terminal import discard
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from dbops.model import Report
    from dbops.render.formats import View

# What a shell reports for a reader that went away: 128 + SIGPIPE.
_BROKEN_PIPE = 141
# Metrics are read by a collector that runs as another user; they name no object of the database.
_READABLE = {Format.PROMETHEUS: 0o644}
_INTERRUPTED = 130


@dataclass(slots=True)
class Invocation:
    """One command line: its words, the command they name, and its options once they are known."""

    words: Sequence[str]
    command: str
    options: OutputOptions | None = field(default=None)

    def known_options(self) -> OutputOptions:
        """Return the options, or, where the command line could not be read, what its words ask for anyway."""
        if self.options is not None:
            return self.options
        pairs = zip(self.words, self.words[1:], strict=False)
        json = "--json" in self.words or "--format=json" in self.words or ("--format", "json") in pairs
        return OutputOptions(json=json, no_color="--no-color" in self.words)


def answer(invocation: Invocation, command_line: typer.core.TyperGroup) -> int:
    """Run the command line and return the exit code, with everything printed that has to be."""
    try:
        outcome = command_line.main(
            args=list(invocation.words), prog_name="dbops", standalone_mode=False, obj=invocation
        )
        return _deliver(outcome, invocation) if isinstance(outcome, Outcome) else _uninterrupted(int(outcome or 0))
    except (BrokenPipeError, SystemExit) as ended:
        # Rich and Typer make the second of the first, with a code that means failure; completing words ends with 0.
        return _hang_up() if getattr(ended, "code", 1) else 0
    except BaseException as error:  # noqa: BLE001  (the one boundary: everything becomes an exit code here)
        return _deliver_failure(invocation, error)


def _uninterrupted(code: int) -> int:
    """Return the exit code of a command without a report; Typer makes one of Ctrl-C, and that is undone."""
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code


def _deliver(outcome: Outcome, invocation: Invocation) -> int:
    """Write the report to the files asked for and to stdout; return the exit code."""
    options = invocation.known_options()
    unwritten = list(_write_files(outcome, options))
    _summarise(outcome, invocation)
    _print_report(outcome, options)
    for error in unwritten:
        explain(invocation, error.message, error.hint)
    if outcome.linger is not None:
        outcome.linger()
    return int(unwritten[0].exit_code if unwritten else outcome.report.exit_code)


def _summarise(outcome: Outcome, invocation: Invocation) -> None:
    """Add the report to the step summary of GitHub Actions, where one is kept; failing to changes no verdict.

    A list or a page is no report to add.
    """
    if outcome.listing is not None:
        return
    from dbops.cli.step_summary import add_to_step_summary

    wrong = add_to_step_summary(outcome.report, os.environ)
    if wrong is not None:
        explain(invocation, wrong, None)


def _write_files(outcome: Outcome, options: OutputOptions) -> Iterator[DbopsError]:
    """Write each --output file; yield what went wrong, so that the rest is still written."""
    for path in options.output or ():
        data, chosen = io.BytesIO(), options.file_format(path)
        text = io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace")
        view = replace(options.view(outcome, problem=True), previous=_text_of(path), color=False)
        try:
            _render(outcome, chosen, text, view)
            text.flush()
            _write(path, data.getvalue(), _READABLE.get(chosen, 0o600))
        except DbopsError as error:
            yield error


def _write(path: Path, data: bytes, mode: int) -> None:
    from dbops.files import write_atomically

    if path.exists() and not path.is_file():  # a pipe or a device: there is nothing to replace
        path.write_bytes(data)
    else:
        write_atomically(path.absolute(), data, mode)


def _text_of(path: Path) -> str:
    """Return what a file holds that is about to be replaced, nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _print_report(outcome: Outcome, options: OutputOptions, *, problem: bool = False) -> None:
    try:
        _render(outcome, options.chosen_format(), sys.stdout, options.view(outcome, problem=problem))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(sys.stdout)  # what is still buffered would fail again when the process ends
        raise _unwritable(error, outcome.kept) from error


def _unwritable(error: OSError, kept: Path | None = None) -> EvidenceNotKeptError:
    hint = f"it is kept as {kept}" if kept else "free some space, or name another place"
    return EvidenceNotKeptError(f"standard output cannot be written to: {error.strerror}", hint=hint)


def _render(outcome: Outcome, chosen: Format, stream: TextIO, view: View) -> None:
    if chosen in outcome.pages:
        stream.write(outcome.pages[chosen]())
        return
    if outcome.listing is None or chosen is Format.JSON:
        render(outcome.report, chosen, stream, _with_history(view, outcome) if chosen is Format.HTML else view)
        return
    if chosen not in LISTABLE:
        raise UsageError(f"a list cannot be shown as {chosen.value!r}", hint=f"formats: {', '.join(sorted(LISTABLE))}")
    from dbops.render.terminal import clean

    stream.writelines(f"{clean(line)}\n" for line in outcome.listing)


def _with_history(view: View, outcome: Outcome) -> View:
    """Return the view with what the reports kept beside this one tell about the same database."""
    if outcome.kept is None:
        return view
    from dbops.evidence.trend import kept_trend

    return replace(view, trend=kept_trend(outcome.kept.parent.parent, outcome.report))


def _deliver_failure(invocation: Invocation, error: BaseException) -> int:
    """Print why there is no outcome: the failure's report where it says more than the message, then the message."""
    from dbops.evidence.run import report_without_run
    from dbops.evidence.signals import what_ended

    error = what_ended(error)
    ours = _as_ours(error, invocation)
    report = getattr(error, "report", None) or report_without_run(invocation.command, ours)
    outcome = Outcome(report, getattr(error, "kept", None))
    options = invocation.known_options()
    try:
        for unwritten in _write_files(outcome, options):
            if not isinstance(ours, UsageError):  # which may be that very file, and is told below
                explain(invocation, unwritten.message, unwritten.hint)
        _summarise(outcome, invocation)
        if options.wants_document() or report.steps or report.checks or report.reports:
            _print_report(outcome, options)
    except (OSError, DbopsError):
        discard(sys.stdout)  # the message below is what is left to say
    _explain_error(invocation, ours, report)
    return int(report.exit_code)


def _explain_error(invocation: Invocation, error: BaseException, report: Report) -> None:
    problem = report.problem
    if problem is None:
        return
    explain(invocation, problem.message, problem.hint)
    if os.environ.get("DBOPS_DEBUG") == "1" and not isinstance(error, UsageError):
        _say(redact("".join(traceback.format_exception(error))))


def _as_ours(error: BaseException, invocation: Invocation) -> BaseException:
    """Return a mistake on the command line, which Typer reports its own way, as a UsageError; leave everything else."""
    if isinstance(error, typer.Abort):
        return KeyboardInterrupt()
    if isinstance(error, OSError) and invocation.options is None:  # no command has begun: it is help, or the version
        return _unwritable(error)
    if not isinstance(error, typer.TyperException):
        return error
    if unnamed := _unnamed(error):
        message = f"name one of its commands: {', '.join(unnamed)}"
        return UsageError(message, hint=f"dbops {invocation.command} --help says what each of them does")
    message = error.format_message().split(" (Possible options")[0].replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    if invocation.command == "dbops" or (context is not None and context.parent is None):
        return UsageError(message, hint="options follow the command; dbops --help lists the commands")
    nearest = " or ".join(sorted(getattr(error, "possibilities", None) or ()))
    hint = f"did you mean {nearest}? " if nearest else ""
    return UsageError(message, hint=f"{hint}dbops {invocation.command} --help lists the options")


def _unnamed(error: typer.TyperException) -> list[str]:
    """Return the commands of a group of which none was named; Typer raises its help for that."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ != "NoArgsIsHelpError" or context is None:
        return []
    group = context.command
    return group.list_commands(context) if isinstance(group, typer.core.TyperGroup) else []


def explain(invocation: Invocation, message: str, hint: str | None) -> None:
    """Print a message, and under it what to type next, on stderr."""
    from dbops.render.console import Page
    from dbops.render.terminal import clean

    program = "dbops" if invocation.command == "dbops" else f"dbops {invocation.command}"
    try:
        page = Page(sys.stderr, color=not invocation.known_options().no_color)
        first, *rest = redact(message).splitlines() or [""]
        page.paragraph((f"{program}: ", "bold red"), clean(first), hang=2)
        for line in rest:
            page.paragraph(clean(line), indent=2)
        page.remedy(redact(hint or ""), indent=2)
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)


def _hang_up() -> int:
    """End quietly for a reader that went away, as the shell's own tools do."""
    discard(sys.stdout)
    return _BROKEN_PIPE
