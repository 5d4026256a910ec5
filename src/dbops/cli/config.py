"""`dbops config show`: every setting with its value and where that came from; nothing secret."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from dbops.cli.options import BackupDirOptions, CommonOptions, FailOnOptions, Outcome, TargetNameOptions, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.settings import Settings

app = typer.Typer(help="Look at the configuration.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class ConfigShowOptions(TargetNameOptions, BackupDirOptions, FailOnOptions, CommonOptions):
    """Everything that can set a setting."""


@command(app, "show", ConfigShowOptions)
def show(options: ConfigShowOptions) -> Outcome:
    """Print every setting, its value, and the flag, variable or line it came from. Passwords are not shown."""
    from dbops.cli.running import report_of, settings_of

    settings = settings_of(options)
    rows = [*_target(settings), *_plain(settings), *_declared(settings)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    listing = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows]
    file = str(settings.config_file or "none found; dbops init writes one")
    report = report_of("config show", notes=[f"{name} = {value} ({origin})" for name, value, origin in rows])
    return Outcome(report, listing=(f"configuration file: {file}", "", *listing))


Row = tuple[str, str, str]


def _target(settings: Settings) -> Iterator[Row]:
    """Yield where the database is, part by part, with what is filled in from `PG*` variables."""
    from dbops.cli.running import target_or_none

    target = target_or_none(settings)
    if target is None:
        yield "target", "none named", "default"
        return
    for name, value in target.parameters.items():
        yield f"target.{name}", value, target.origin(name)
    if target.password is not None:
        yield "target.password", "***", target.origin("password")


def _plain(settings: Settings) -> Iterator[Row]:
    from dbops.settings.layers import variable_names

    for name in sorted({name for name, _ in variable_names(type(settings)).values()}):
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part, None)
        yield name, _spelled(value), settings.origin(name)


def _declared(settings: Settings) -> Iterator[Row]:
    """Yield how many entries each array of tables has; they are too long to print."""
    expect = settings.expect
    arrays = {f"expect.{kind}": getattr(expect, kind) for kind in type(expect).model_fields}
    for name, entries in {**arrays, "audit.waive": settings.audit.waive, "drill.probe": settings.drill.probe}.items():
        yield name, f"{len(entries)} declared", settings.origin(name)


def _spelled(value: Any) -> str:
    from pydantic import SecretStr

    from dbops.secrets import redact
    from dbops.settings import spell_duration

    match value:
        case None:
            return "-"
        case SecretStr():
            return redact(value.get_secret_value())
        case dt.timedelta():
            return spell_duration(value)
        case tuple():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
