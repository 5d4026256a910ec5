"""`dbops init`: write a first dbops.toml, with expectations taken from a reference database where one is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dbops.cli.options import CommonOptions, Outcome, TargetNameOptions
from dbops.errors import UsageError

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog
    from dbops.connection.target import Target


@dataclass(frozen=True, kw_only=True)
class InitOptions(TargetNameOptions, CommonOptions):
    """What to take as the reference, and whether to replace what is there."""

    force: Annotated[bool, typer.Option("--force", help="Replace a dbops.toml that is there.")] = False


def init(options: InitOptions) -> Outcome:
    """Write a first dbops.toml, from a reference database.

    It holds the objectives, and declares the critical indexes, the constraints and the row-level security of that
    database; without one, examples. It is written to --config, else to the working directory.
    """
    from dbops.cli.running import report_of, settings_without_file, target_or_none
    from dbops.files import write_atomically
    from dbops.init import draft
    from dbops.render.quantities import counted

    path = (options.config or Path("dbops.toml")).absolute()
    if path.exists() and not options.force:
        raise UsageError(
            f"{path} is there already", hint="look at it with dbops config show, or replace it with --force"
        )
    target = target_or_none(settings_without_file(options))
    made = draft(_catalog(target) if target else None, _url(target) if target else None)
    write_atomically(path, made.text.encode(), 0o644)
    left = [f"{len(made.left_out)} could not be declared; they are listed in the file"] if made.left_out else []
    declared = (
        f"{counted(made.indexes, 'index', 'indexes')}, {counted(made.constraints, 'constraint')} and the row-level"
        f" security of {counted(made.tables, 'table')} declared as expectations"
    )
    notes = [f"wrote {path}", declared, *left]
    return Outcome(report_of("init", notes=notes), listing=(*notes, "Next: look through it, then dbops audit"))


def _catalog(target: Target) -> Catalog:
    from dbops.checks.catalog.read import read_catalog
    from dbops.connection.session import read_only

    with read_only(target) as session:
        return read_catalog(session)


def _url(target: Target) -> str:
    """Return the target as a connection string without its password."""
    user, database = quote(target.user, safe=""), quote(target.database, safe="")
    if target.host.startswith("/"):
        return f"postgresql://{user}@/{database}?host={quote(target.host)}&port={target.port}"
    return f"postgresql://{user}@{','.join(target.addresses())}/{database}"
