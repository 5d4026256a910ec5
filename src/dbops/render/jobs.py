"""The jobs that `dbops init` prints: the suite for GitHub, GitLab, systemd and Kubernetes, from what is configured.

The templates are the one source: `docs/deploy` is made of them too, with what `Plan` has by default. No password and no
address of a database is in a job: it names the secret or the file that holds them. What it does not do: quote for five
languages. A path that would have to be quoted is refused.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from dbops import __version__
from dbops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from jinja2 import Environment

    from dbops.settings import Settings

_TEMPLATES = Path(__file__).parent / "templates" / "jobs"
_DAY = dt.timedelta(days=1)
# Characters that stand for themselves between double quotes in YAML, in shells and in units of systemd.
_PLAIN = re.compile(r"[\w./@+=:, -]+", re.ASCII)
_LOG_DIR = "/var/log/dbops"
_HOMES = tuple(f"/{home}/" for home in ("home", "root", "run/user"))
_LONGEST = dt.timedelta(hours=6)
_MEANINGS = {
    ExitCode.FAIL: "the answer is no; the report says what is wrong, and how to mend it",
    ExitCode.USAGE: "the options or dbops.toml are wrong",
    ExitCode.UNABLE: "it could not be told, which is no pass: a server, a program or a privilege was missing",
    ExitCode.EVIDENCE_BROKEN: "the evidence does not hold",
    ExitCode.EVIDENCE_NOT_KEPT: "the evidence could not be kept",
    ExitCode.BUG: "a defect of dbops; please report it",
    ExitCode.LOCKED: "another suite is still running",
}


class Ci(enum.StrEnum):
    """The services that run jobs on a schedule."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True)
class Period:
    """How often the suite runs, as people, cron and systemd say it, and why that often."""

    length: dt.timedelta
    words: str
    cron: str
    calendar: str
    why: str = ""


# The longest first. Not at the full hour, when everybody's jobs begin.
_PERIODS = (
    Period(31 * _DAY, "every month", "17 2 1 * *", "*-*-01 02:17:00"),
    Period(7 * _DAY, "every week", "17 2 * * 0", "Sun *-*-* 02:17:00"),
    Period(_DAY, "every night", "17 2 * * *", "*-*-* 02:17:00"),
    Period(_DAY / 2, "every 12 hours", "17 2,14 * * *", "*-*-* 02,14:17:00"),
    Period(_DAY / 4, "every 6 hours", "17 2,8,14,20 * * *", "*-*-* 02,08,14,20:17:00"),
    Period(_DAY / 24, "every hour", "17 * * * *", "*-*-* *:17:00"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job needs to know; the defaults are those of a machine where nothing has been decided."""

    period: Period
    config: str = "/etc/dbops/dbops.toml"
    config_in_checkout: str | None = None
    key: str = "/etc/dbops/evidence.pem"
    log_dir: str = _LOG_DIR
    backup_dir: str = "/var/backups/dbops"
    program: str = "/usr/local/bin/dbops"

    @property
    def made_by_hand(self) -> tuple[str, ...]:
        """The directories that have to be there; the usual one for logs is made by systemd."""
        return tuple(dict.fromkeys(one for one in (self.log_dir, self.backup_dir) if one != _LOG_DIR))

    @property
    def at_home(self) -> bool:
        """Whether something is needed that lies in somebody's home."""
        used = (self.config, self.key, self.log_dir, self.backup_dir, self.program)
        return any(path.startswith(_HOMES) for path in used)


def plan_of(settings: Settings, *, cwd: Path, program: Path | None) -> Plan:
    """Return what is configured as a plan; UsageError for what no timer keeps and no job can spell."""
    decided = {
        "config": settings.config_file,
        "key": settings.evidence.key,
        "log_dir": settings.log_dir if settings.origin("log_dir") != "default" else None,
        "backup_dir": settings.backup_dir if settings.origin("backup_dir") != "default" else None,
        "program": program,
    }
    return Plan(
        period=period_within(settings.objectives.drill_every, backs_up=settings.has_table("backup")),
        config_in_checkout=_in_checkout(settings.config_file, cwd),
        **{name: _plain(path.absolute()) for name, path in decided.items() if path is not None},
    )


def period_within(drill_every: dt.timedelta, *, backs_up: bool) -> Period:
    """Return the longest period that is shorter than `drill_every`; a day at most where backups are made too.

    Shorter, since a run that ends a minute later than the one before would be late already.
    """
    from dbops.settings import spell_duration

    limit = spell_duration(drill_every)
    enough = [period for period in _PERIODS if period.length < drill_every]
    chosen = [period for period in enough if not backs_up or period.length <= _DAY]
    if chosen:
        backups = ", with a backup" if chosen[0] is not enough[0] else ""
        why = f"{chosen[0].words}{backups}: a restore has to be proven every {limit} ([objectives] drill_every)"
        return replace(chosen[0], why=why)
    message = f"[objectives] drill_every = {limit!r}: no job is started so often that this is kept"
    raise UsageError(message, hint='the shortest that one can keep is "2h"')


def ci_job(service: Ci, plan: Plan) -> str:
    """Return the job for a CI service."""
    match service:
        case Ci.GITHUB:
            return _filled("github.yml", plan, said="::error title=dbops::")
        case Ci.GITLAB:
            return _filled("gitlab.yml", plan, said="dbops: ")
        case _:
            assert_never(service)


def action() -> str:
    """Return the composite action: the same steps for any command, to be used from other repositories."""
    return _filled("action.yml", example(), said="::error title=dbops::")


def systemd_units(plan: Plan) -> dict[str, str]:
    """Return the service and the timer by the names of their files."""
    return {f"dbops-suite.{kind}": _filled(kind, plan) for kind in ("service", "timer")}


def cron_job(plan: Plan) -> str:
    """Return the CronJob for Kubernetes; the paths in it are those of the pod."""
    return _filled("cronjob.yaml", plan)


def example() -> Plan:
    """Return the plan of what stands in the documentation."""
    return Plan(period=period_within(31 * _DAY, backs_up=True))


def _filled(name: str, plan: Plan, said: str = "") -> str:
    values = asdict(plan) | {
        "period": plan.period,
        "made_by_hand": plan.made_by_hand,
        "at_home": plan.at_home,
        "limit_seconds": int(min(plan.period.length, _LONGEST).total_seconds()),
        "version": __version__,
        "meanings": {int(code): meaning for code, meaning in _MEANINGS.items()},
        "locked": int(ExitCode.LOCKED),
        "said": said,
    }
    return _environment().get_template(f"{name}.j2").render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # GitHub has taken the usual brackets.
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701  (no HTML; `_plain` refuses what would need quoting)
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _in_checkout(config: Path | None, cwd: Path) -> str | None:
    """Return where the configuration is below the top of the checkout; None where dbops finds it there by itself."""
    if config is None or config.parent == cwd:
        return None
    top = next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd)
    within = config.relative_to(top) if config.is_relative_to(top) else config
    return None if str(within) == "dbops.toml" else _plain(within)


def _plain(path: Path) -> str:
    if not _PLAIN.fullmatch(str(path)):
        message = f"{str(path)!r} cannot be written into a job: it would have to be quoted"
        raise UsageError(message, hint="use a path of letters, digits, spaces and ._@+=:,-")
    return str(path)
