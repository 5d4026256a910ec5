"""The command line as a whole: which commands there are, and the options of `dbops` itself.

Help is plain (no rich): it loads in half the time, and reads the same in a terminal, a pipe and a CI log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbops import __version__
from dbops.cli import audit, backup, config, demo, doctor, drill, evidence, init, suite, tenant
from dbops.cli.options import command
from dbops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order in which a newcomer meets them.
_ORDER = ("demo", "audit", "backup", "drill", "suite", "evidence", "tenant", "doctor", "init", "config")


class _InOrder(typer.core.TyperGroup):
    """Lists the commands in our order; Typer would put groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (Typer's)
        return sorted(self.commands, key=_ORDER.index)


app = typer.Typer(
    name="dbops",
    cls=_InOrder,
    help="Audit, backup, restore drill and evidence for PostgreSQL. Try it without a database: dbops demo",
    epilog="Exit codes: 0 pass, 1 the answer is no, 2 usage, 3 could not be carried out, 4 and 5 evidence, 70 a bug.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"dbops {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Print the help, as an error, where no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)


def command_named(words: Sequence[str]) -> str:
    """Return the command that a command line names ("audit", "backup list"), also when it cannot be parsed."""
    found: list[str] = []
    group = typer.main.get_command(app)
    for word in words:
        inner = getattr(group, "commands", {}).get(word)
        if inner is not None:
            found.append(word)
            group = inner
    return " ".join(found) or "dbops"


command(app, "demo", demo.DemoOptions)(demo.demo)
command(app, "audit", audit.AuditOptions)(audit.audit)
app.add_typer(backup.app, name="backup")
app.add_typer(drill.app, name="drill")
command(app, "suite", suite.SuiteOptions)(suite.suite)
app.add_typer(evidence.app, name="evidence")
app.add_typer(tenant.app, name="tenant")
command(app, "doctor", doctor.DoctorOptions)(doctor.doctor)
command(app, "init", init.InitOptions)(init.init)
app.add_typer(config.app, name="config")
