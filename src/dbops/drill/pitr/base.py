"""The base backup of a drill: one that is there, or taken with the tools of the server's own major; then verified.

`pg_basebackup -X fetch -c fast --no-sync`: the backup holds the log it needs, the checkpoint is not spread out, and a
backup that is thrown away afterwards need not survive a power cut. Rules, in order: the tools and the server of one
drill come from one major (a pg_controldata of another prints nonsense and ends with 0); what pg_verifybackup does not
pass is damage. What this does not do: keep the backup, or start anything in it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection.process import ask, last_lines, run
from dbops.drill.pitr.wal import is_segment, parse_lsn
from dbops.errors import DamageError, PrivilegeError, ProgramFailedError, UnavailableError
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.connection.target import Target

PROGRAMS = ("pg_basebackup", "pg_verifybackup", "pg_waldump", "pg_controldata")
_NO_HBA = re.compile(r"no pg_hba.conf entry for replication|pg_hba.conf rejects replication")
_NO_RIGHT = re.compile(r"permission denied to start WAL sender|must be superuser or replication role")
_NO_SENDER = re.compile(r"max_wal_senders")
_SPACES = re.compile(r" +")
_CONTROL = re.compile(r"(max_\w+) setting:\s+(\d+)")
# As pg_controldata and as the configuration spell it.
_LIMITS = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A verified base backup; `ended` is the server's clock when it was complete, `limits` what a copy must allow."""

    directory: Path
    start: int
    end: int
    timeline: int
    ended: dt.datetime
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes and verifies a base backup; `output` is where programs write what they say."""

    tools: Binaries
    output: Path
    deadline: Deadline

    def take(self, target: Target, directory: Path, label: str) -> None:
        """Take the backup. Raises PrivilegeError with what to paste, ProgramFailedError."""
        environment = target.program_environment(self.output)
        completed = run(
            self.tools.program("pg_basebackup"),
            [
                f"--pgdata={directory}", "--wal-method=fetch", "--checkpoint=fast", "--no-sync", "--no-password",
                f"--label={label}",
            ],
            output=self.output / "pg_basebackup",
            deadline=self.deadline.left(),
            environment=environment,
        )  # fmt: skip
        if completed.exit_code == 0:
            return
        said = last_lines(completed.stderr)
        role = target.user.replace('"', '""')
        if _NO_RIGHT.search(said):
            raise PrivilegeError(
                f"the role {target.user} may not take a base backup: {said}",
                hint=f'as a superuser: alter role "{role}" replication',
            )
        if _NO_HBA.search(said):
            raise PrivilegeError(
                f"the server's pg_hba.conf does not let {target.user} take a base backup: {said}",
                hint=f"add a line and reload: {_hba_line(target, role)}",
            )
        completed.check(hint="raise max_wal_senders and restart the server" if _NO_SENDER.search(said) else None)

    def verify(self, directory: Path) -> int:
        """Verify every file, and the log where it came with them; return how many files. Raises DamageError."""
        log = directory / "pg_wal"
        alone = ["--no-parse-wal"] if not any(is_segment(path.name) for path in log.iterdir()) else []
        completed = run(
            self.tools.program("pg_verifybackup"),
            [*alone, str(directory)],
            output=self.output / "pg_verifybackup",
            deadline=self.deadline.left(),
        )
        if completed.exit_code != 0:
            said = last_lines(completed.stderr) or last_lines(completed.stdout)
            raise DamageError(
                f"pg_verifybackup does not pass the base backup: {said}",
                hint="do not rely on it: take another, and look at the disks of the server and of this machine",
            )
        return len(_manifest(directory)["Files"])

    def understand(
        self, directory: Path, ended: dt.datetime, now: Mapping[str, str], system_identifier: str
    ) -> BaseBackup:
        """Return what the backup says of itself; `now` are the server's present limits. Raises UnavailableError."""
        ranges = _manifest(directory)["WAL-Ranges"]
        if len(ranges) != 1:
            raise UnavailableError(f"the base backup spans {len(ranges)} timelines: the server was promoted meanwhile")
        (one,) = ranges
        said = ask(self.tools.program("pg_controldata"), str(directory))
        if f"Database system identifier: {system_identifier}" not in _SPACES.sub(" ", said):
            raise UnavailableError(
                f"the base backup {directory} is of another cluster", hint="name one of the cluster that is drilled"
            )
        limits = _limits(said)
        return BaseBackup(
            directory=directory,
            start=parse_lsn(one["Start-LSN"]),
            end=parse_lsn(one["End-LSN"]),
            timeline=int(one["Timeline"]),
            ended=ended,
            limits={name: max(value, int(now.get(name, "0"))) for name, value in limits.items()},
        )


def refuse_unfit(directory: Path, major: int) -> None:
    """Refuse what is no plain base backup of this major without tablespaces. Raises UnavailableError."""
    hint = "name a directory that pg_basebackup --format=plain has made, with its backup_manifest"
    try:
        version = (directory / "PG_VERSION").read_text(encoding="ascii").strip()
        (directory / "backup_manifest").stat()
        links = list((directory / "pg_tblspc").iterdir())
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{directory} is no base backup that can be drilled: {error}", hint=hint) from error
    if version != str(major):
        raise UnavailableError(
            f"{directory} is a base backup of PostgreSQL {version}, the server is {major}", hint=hint
        )
    if links:
        raise UnavailableError(
            f"{directory} has {counted(len(links), 'tablespace')}, whose links a copy would share with it; this"
            " drill does not go"
            " there",
            hint="drill its dumps instead: dbops drill --depth restore",
        )


def _limits(control: str) -> dict[str, int]:
    said = dict(_CONTROL.findall(control))
    missing = sorted(_LIMITS.keys() - said.keys())
    if missing:
        raise ProgramFailedError(f"pg_controldata does not say {', '.join(missing)}")
    return {setting: int(said[name]) for name, setting in _LIMITS.items()}


def _hba_line(target: Target, role: str) -> str:
    kind = "local replication" if target.host.startswith("/") else "host replication"
    address = "" if target.host.startswith("/") else " <address of this machine>/32"
    return f'{kind} "{role}"{address} scram-sha-256'


def _manifest(directory: Path) -> dict[str, list[dict[str, str]]]:
    content: dict[str, list[dict[str, str]]] = json.loads((directory / "backup_manifest").read_bytes())
    return content
