"""The tables of `dbops.toml` with their defaults, apart from what is declared about a database (`declared.py`)."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from dbops.secrets import remember
from dbops.settings.declared import WaiverEntry
from dbops.settings.duration import Duration, PositiveDuration
from dbops.settings.table import Name, Names, Table
from dbops.severity import Severity


def _as_paths(value: Any) -> Any:
    return (value,) if isinstance(value, (str, Path)) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_paths)]


class Allowances(Table):
    """What a recovery takes that no drill can measure; absent means the RTO is called technical."""

    detect: Duration | None = None
    decide: Duration | None = None
    cutover: Duration | None = None

    def total(self) -> dt.timedelta | None:
        """Return their sum, or None where none is declared."""
        declared = [one for one in (self.detect, self.decide, self.cutover) if one is not None]
        return sum(declared, dt.timedelta()) if declared else None


class ObjectivesTable(Table):
    """`[objectives]`: how much may be lost, how long it may take, how often that is proven."""

    rpo: PositiveDuration = dt.timedelta(minutes=15)
    rto: PositiveDuration = dt.timedelta(minutes=60)
    drill_every: PositiveDuration = dt.timedelta(days=31)
    allowances: Allowances = Allowances()


class AuditTable(Table):
    """`[audit]`: which rules and packs apply, from when a finding fails, and what is accepted for a while."""

    packs: Names = ()
    select: Names = ()
    ignore: Names = ()
    fail_on: Severity = Severity.ERROR
    waive: tuple[WaiverEntry, ...] = ()


class BackupTable(Table):
    """`[backup]`: where and how, and what to keep. Nothing is ever removed unless `keep_last` or `keep_for` says so."""

    dir: Path = Path("backups")
    format: Literal["custom", "directory"] = "custom"
    jobs: int = Field(default=1, ge=1, le=64)
    codec: Literal["gzip", "zstd", "lz4", "none"] = "gzip"
    recipients: Names = ()
    identity: Path | None = None
    keep_min: int = Field(default=3, ge=1)
    keep_last: int | None = Field(default=None, ge=1)
    keep_for: PositiveDuration | None = None


class Probe(Table):
    """`[[drill.probe]]`: a question to the restored copy, and the answer it must give. Values never reach evidence."""

    name: Name
    sql: Name
    op: Literal["=", "!=", "<", "<=", ">", ">="] = "="
    value: str | int | float | bool


class PgBackRestTable(Table):
    """`[drill.pgbackrest]`: the repository that WAL is archived to; `config` as in archive_command."""

    stanza: Name
    config: Path | None = None


class BarmanTable(Table):
    """`[drill.barman]`: the server of Barman's that WAL is archived to; `config` where Barman's is elsewhere."""

    server: Name
    config: Path | None = None


class DrillTable(Table):
    """`[drill]`: how deep; no depth means `restore` where a backup exists. `digest = "auto"` is full up to 10 GiB.

    `wal_archive` is the directory WAL is archived to, as this machine sees it; `base_backup` a plain base backup to
    start from, else one is taken; `canary` sends commits into the server's log, to find them again; `offsite` says
    which kinds of copies are kept at another site.
    """

    depth: Literal["schema", "restore", "pitr"] | None = None
    target_bindir: Path | None = None
    extensions: Names = ()
    digest: Literal["auto", "full", "buckets", "counts"] = "auto"
    index_rows: Literal["auto", "all"] = "auto"
    wal_archive: Path | None = None
    base_backup: Path | None = None
    archive_wait: PositiveDuration = dt.timedelta(minutes=1)
    canary: bool = False
    offsite: tuple[Literal["dumps", "wal", "replica"], ...] = ()
    pgbackrest: PgBackRestTable | None = None
    barman: BarmanTable | None = None
    probe: tuple[Probe, ...] = ()


def _ping_url(url: SecretStr) -> SecretStr:
    """Return a URL to ping; whoever knows it can report in our name, so it is hidden like a password."""
    text = url.get_secret_value()
    remember(text)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("must be a URL that begins with https:// or http:// and names a host")
    return url


class EvidenceTable(Table):
    """`[evidence]`: the signing key, whose signatures count, where runs are kept, and who is told of each suite."""

    key: Path | None = None
    trust: Paths = ()
    log_dir: Path = Path("logs")
    ping: Annotated[SecretStr, AfterValidator(_ping_url)] | None = None


class Exemption(Table):
    """A table without tenants, and why."""

    table: Name
    reason: Name


_CUSTOM_SETTING = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+", re.ASCII | re.IGNORECASE)


def _custom_setting(name: str) -> str:
    if not _CUSTOM_SETTING.fullmatch(name):
        raise ValueError("must be the name of a custom setting, which has a dot, such as app.org_id")
    return name


class TenancyTable(Table):
    """`[tenancy]`: how a row says whose it is, and how a session says for whom it asks.

    `tables` are tenants' although none of `columns` says so, `exempt` are nobody's although one does.
    """

    columns: Names = Field(default=("org_id",), min_length=1)
    setting: Annotated[Name, AfterValidator(_custom_setting)] = "app.org_id"
    id_type: Literal["int", "uuid", "slug", "text"] = "int"
    app_roles: Names = ()
    tables: Names = ()
    exempt: tuple[Exemption, ...] = ()
