"""The command line as a whole: which commands there are, and the options of `dbops` itself.

A command is loaded when it is named: its module in this package holds a Typer `app`, with that one command or a group
of them. Help is plain (no rich): it loads in half the time, and reads the same in a terminal, a pipe and a CI log.
"""

from __future__ import annotations

import enum
import functools
import importlib
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.completion

from dbops import __version__
from dbops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

# Set by a shell that wants words completed, named as Typer does.
COMPLETION_VARIABLE = "_DBOPS_COMPLETE"
# In the order in which a newcomer meets them, with what each is for, so that this list alone makes `dbops --help`.
COMMANDS = {
    "demo": "Run everything on a throw-away PostgreSQL with a demo ERP.",
    "audit": "Hold the schema against what it should be, with SQL that mends it.",
    "backup": "Make a backup and prove that it is whole.",
    "drill": "Restore into a throw-away server, compare, and time it.",
    "suite": "Back up, drill and audit with one verdict and one report.",
    "evidence": "Verify what was kept and report on a period; make and rotate the key.",
    "tenant": "Keep tenants apart.",
    "doctor": "Say what dbops lacks here, and what to type.",
    "init": "Write a first dbops.toml, from a reference database.",
    "config": "Look at the configuration.",
}


class _OnDemand(typer.core.TyperGroup):
    """The commands, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (Typer's)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (Typer's)
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in COMMANDS:  # then Typer looks for the nearest of those that are loaded
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  (Typer's)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _load(name: str) -> Any:
    """Return the command, or the group of that name."""
    group = typer.main.get_group(importlib.import_module(f"dbops.cli.{name}").app)
    group.name = name
    return group.commands.get(name, group)


app = typer.Typer(
    name="dbops",
    cls=_OnDemand,
    help="Audit, backup, restore drill and evidence for PostgreSQL. Try it without a database: dbops demo",
    epilog=(
        "Exit codes: 0 pass, 1 the answer is no, 2 usage, 3 could not be carried out, 4 and 5 evidence, 70 a bug,"
        " 75 locked."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"dbops {__version__}")
        raise typer.Exit


class _Shell(enum.StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def _print_completion(value: _Shell | None) -> None:
    if value:
        script = typer.completion.get_completion_script  # type: ignore[attr-defined]  # as below
        typer.echo(script(prog_name="dbops", complete_var=COMPLETION_VARIABLE, shell=value.value))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    _completion: Annotated[
        _Shell | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            callback=_print_completion,
            is_eager=True,
            help="Print what makes bash, zsh or fish complete dbops, for the shell's own start-up file.",
        ),
    ] = None,
) -> None:
    """Print the help, as an error, where no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)


@functools.cache
def command_line() -> typer.core.TyperGroup:
    """Return what reads the words of a command line, or completes them where a shell asks for that."""
    if COMPLETION_VARIABLE in os.environ:
        typer.completion.completion_init()  # type: ignore[attr-defined]  # Typer's, which does not export it
    return typer.main.get_group(app)


def command_named(words: Sequence[str]) -> str:
    """Return the command that a command line names ("audit", "backup list"), also when it cannot be parsed."""
    found: list[str] = []
    group: Any = command_line()
    context = typer.Context(group)
    for word in words:
        inner = group.get_command(context, word) if isinstance(group, typer.core.TyperGroup) else None
        if inner is not None:
            found.append(word)
            group = inner
    return " ".join(found) or "dbops"
