"""The options that commands share, each declared once, and the step from a dataclass of options to a Typer command.

A command is a function of one frozen dataclass of options. `command` spells that class out as a signature that Typer
reads; the fields of the most special class come first in the help. Nothing heavy is imported here: help stays quick.
The classes have no slots, since Python cannot combine two bases that do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
import shlex
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_type_hints

import typer

from dbops.errors import UsageError
from dbops.render.formats import LISTABLE, Format, View, format_of
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbops.model import Report

OutputFiles = list[Path] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command hands to the boundary: its report, and the file that keeps it as evidence, if one does.

    `listing` is what people read instead of the report, for commands that answer with a list; `pages` is that list in
    other formats, each made when it is asked for. `also` are reports that people see before it. `linger` is called when
    everything has been delivered.
    """

    report: Report
    kept: Path | None = None
    listing: tuple[str, ...] | None = None
    also: tuple[Report, ...] = ()
    linger: Callable[[], None] | None = None
    pages: Mapping[Format, Callable[[], str]] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How the result is shown, in one of the `formats` that the command can be shown in."""

    formats: ClassVar[frozenset[Format]] = LISTABLE

    # The options, by field name, without which the command, given again, would not do the same.
    what: ClassVar[tuple[str, ...]] = ()

    format: Annotated[Format | None, typer.Option(help="How to print the report; table unless --json.")] = None
    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON report on stdout.")] = False
    output: Annotated[
        OutputFiles,
        typer.Option(
            metavar="FILE", help="Also write the report to FILE, in the format of its extension; may be repeated."
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; print findings and the verdict only.")] = (
        False
    )
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every finding, passed check and program used.")
    ] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR=1).")] = False

    def chosen_format(self) -> Format:
        """Return the format for stdout; UsageError for one the command has not, or options that contradict."""
        if self.json and self.format not in {None, Format.JSON}:
            message = f"--json and --format {self.format} contradict each other"
            raise UsageError(message, hint="leave one of them out; --output FILE writes a second format to a file")
        chosen = Format.JSON if self.json else self.format or Format.TABLE
        self._check_has(chosen, f"--format {chosen}")
        return chosen

    def file_format(self, path: Path) -> Format:
        """Return the format for an --output file; UsageError for one the command has not."""
        chosen = format_of(path)
        self._check_has(chosen, f"--output {path}")
        return chosen

    def _check_has(self, chosen: Format, given: str) -> None:
        if chosen not in self.formats:
            message = f"{given}: this command has no result that can be shown as {chosen.value!r}"
            raise UsageError(message, hint=f"its formats: {', '.join(one for one in Format if one in self.formats)}")

    def wants_document(self) -> bool:
        """Tell whether stdout is for a program; never raises, unlike `chosen_format`."""
        return self.json or self.format not in {None, Format.TABLE}

    def check(self) -> None:
        """Raise UsageError for options that do not go together, before anything is touched."""
        self.chosen_format()
        if self.quiet and self.verbose:
            message = "--quiet and --verbose contradict each other"
            raise UsageError(message, hint="leave one of them out")
        for path in self.output or ():
            self.file_format(path)
            if path.is_dir():
                raise UsageError(f"--output {path}: that is a directory", hint="name a file in it")
            if not path.absolute().parent.is_dir():
                message = f"--output {path}: there is no directory {path.absolute().parent}"
                raise UsageError(message, hint="create the directory, or name another file")

    def view(self, outcome: Outcome, *, problem: bool) -> View:
        """Return what the reader wants to see of an outcome; `problem`: with what went wrong."""
        return View(
            verbose=self.verbose,
            quiet=self.quiet,
            color=not self.no_color,
            problem=problem,
            kept=outcome.kept,
            also=outcome.also,
            again=_again(self),
            same=_same(self),
        )


@dataclass(frozen=True, kw_only=True)
class CommonOptions(OutputOptions):
    """Options of every command that does something."""

    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Configuration; else dbops.toml, searched upward from here."),
    ] = None
    log_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where evidence is kept.  [default: logs]", show_default=False)
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(CommonOptions):
    """Options of every command whose run is kept as evidence."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format)

    # How long a command may take when `timeout` is not given, None for no limit.
    usual_seconds: ClassVar[float | None] = None

    strict: Annotated[
        bool, typer.Option("--strict", help="What was skipped or not measured leaves the run inconclusive.")
    ] = False
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Give up after this long by the wall clock: 90s, 10m, 2h; audit and doctor give up after 2m anyway.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TargetNameOptions:
    """Options that name the database."""

    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The database; else DATABASE_URL, PGHOST..., or dbops.toml."),
    ] = None
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="An entry of the libpq service file, instead of a URL.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class TargetOptions(TargetNameOptions, RunOptions):
    """Options of every command that works on a database of the user's."""


@dataclass(frozen=True, kw_only=True)
class FailOnOptions:
    """From which severity a finding fails the run."""

    fail_on: Annotated[
        Severity | None,
        typer.Option(help="Exit 1 from this severity of finding on.  [default: error]", show_default=False),
    ] = None


@dataclass(frozen=True, kw_only=True)
class SuperuserOptions:
    """Whether SQL of the user's may be given to the server in a superuser's session."""

    allow_superuser: Annotated[
        bool,
        typer.Option("--allow-superuser", help="Explain declared queries even when the role is a superuser."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class BackupDirOptions:
    """Where backups are."""

    backup_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where backups are kept.  [default: backups]", show_default=False),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """Which client programs to use."""

    client_bindir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where pg_dump and pg_restore are; else they are looked for.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Which server programs to restore with."""

    target_bindir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where initdb and postgres for throw-away servers are; else looked for."),
    ] = None


Options = TypeVar("Options", bound=OutputOptions)

# Flags that say how to run or what to show; everything else given is a setting and goes to `load_settings`.
_NOT_SETTINGS = frozenset(field.name for field in fields(OutputOptions)) | {"config", "strict", "timeout"}


def setting_flags(options: OutputOptions) -> Mapping[str, Any]:
    """Return the settings given as flags, by field name; what was not given is absent."""
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in given.items() if name not in _NOT_SETTINGS and value is not None}


def _again(options: OutputOptions) -> str:
    """Return the options that make the next command reach the same database; a URL may hold a password."""
    repeated = ""
    if getattr(options, "database_url", None):
        repeated += " --database-url=..."
    for name in ("service", "config", "log_dir", "backup_dir"):
        value = getattr(options, name, None)
        if value is not None:
            repeated += f" --{name.replace('_', '-')}={shlex.quote(str(value))}"
    return repeated


def _same(options: OutputOptions) -> str:
    """Return the options without which the command, given again, would not look at the same thing."""
    repeated = ""
    for name in options.what:
        value = getattr(options, name, None)
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            # Only these have a default of their own, and with it a negative.
            repeated += f" --{flag}" if value else f" --no-{flag}" if name in {"canary", "backup"} else ""
        elif value is not None:
            values = value if isinstance(value, list) else [value]
            repeated += "".join(f" --{flag}={shlex.quote(str(one))}" for one in values)
    return repeated


def command(app: typer.Typer, name: str, kind: type[Options]) -> Callable[[Callable[[Options], Outcome]], None]:
    """Return a decorator that makes a function of `kind` the command `name` of `app`."""

    def register(body: Callable[[Options], Outcome]) -> None:
        app.command(name)(spelled_out(kind, body))

    return register


def group_command(app: typer.Typer, kind: type[Options]) -> Callable[[Callable[[Options], Outcome]], None]:
    """Return a decorator that makes a function of `kind` what the group `app` does when no subcommand is named."""

    def register(body: Callable[[Options], Outcome]) -> None:
        app.callback(invoke_without_command=True)(spelled_out(kind, body))

    return register


def spelled_out(kind: type[Options], body: Callable[[Options], Outcome]) -> Callable[..., Outcome | None]:
    """Return `body` as a function with one keyword parameter per option of `kind`, as Typer wants to see it.

    The options are noted in the context before the body runs, so that the boundary can deliver a failure as asked.
    """

    def run(ctx: typer.Context, **values: Any) -> Outcome | None:
        ctx.obj.options = options = kind(**values)
        _refuse_empty(ctx.obj.words)
        _refuse_no_docstrings()
        if ctx.invoked_subcommand is not None:
            _refuse_lost(ctx, values)
            return None
        options.check()
        _refuse_nowhere()
        _begin_uninterrupted()
        return body(options)

    hints = get_type_hints(kind, include_extras=True)
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    shown = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[field.name], default=field.default
        )
        for field in _specific_first(kind)
    ]
    run.__signature__ = inspect.Signature([context, *shown])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [context, *shown]}
    run.__doc__, run.__name__, run.__module__ = body.__doc__, body.__name__, body.__module__
    return run


def _begin_uninterrupted() -> None:
    """Do with signals held back, before anything else does it, what must not be ended in the middle.

    While psycopg looks for its library it takes every exception, ours for a signal too, to mean that there is none.
    Looking for the temporary directory, Python tries whether a file can be written, and would leave it there.
    """
    import tempfile

    from dbops.evidence.signals import uninterrupted

    with uninterrupted():
        import psycopg  # noqa: F401

        with contextlib.suppress(OSError):  # not every command needs one
            tempfile.gettempdir()


def _refuse_empty(words: Sequence[str]) -> None:
    """Raise UsageError for `--log-dir "$UNSET"`: as a path the empty word would be the working directory.

    The connection string has words of its own for that.
    """
    for before, word in itertools.pairwise(["dbops", *words]):
        name, equals, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        if equals and not value and name != "--database-url":
            what = name if name.startswith("--") else "an argument"
            raise UsageError(f"{what} is empty", hint="is the variable it is taken from set?")


def _refuse_no_docstrings() -> None:
    """Raise UsageError under -OO: what a rule's docstring says is what its findings, its page and `--explain` say."""
    if sys.flags.optimize > 1:
        raise UsageError(
            "Python was told to drop docstrings (-OO, PYTHONOPTIMIZE=2), and they hold what findings say",
            hint="unset PYTHONOPTIMIZE, or set it to 1",
        )


def _refuse_lost(context: typer.Context, values: Mapping[str, Any]) -> None:
    """Raise UsageError for options between a group and its subcommand: they would be silently without effect."""
    lost = [f"--{name.replace('_', '-')}" for name, value in values.items() if value]
    if lost:
        message = f"{' and '.join(lost)} must come after {context.invoked_subcommand!r}"
        raise UsageError(message, hint=f"{context.command_path} {context.invoked_subcommand} {lost[0]} ...")


def _refuse_nowhere() -> None:
    """Raise UsageError in a working directory that has been removed: files are looked for from there, and kept."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory has been removed", hint="cd to one that is there") from None


def _specific_first(kind: type[OutputOptions]) -> list[dataclasses.Field[Any]]:
    """Return the fields in the order of the classes that declare them, the most special class first."""
    by_name = {field.name: field for field in fields(kind)}
    declared = itertools.chain.from_iterable(vars(base).get("__annotations__", {}) for base in kind.__mro__)
    return [by_name[name] for name in declared if name in by_name]
