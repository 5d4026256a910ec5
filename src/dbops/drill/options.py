"""How a drill is to be made, as values; settings and command lines are turned into these by the caller."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dbops.drill.machine import cpus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dbops.drill.fixes.options import FixOptions
    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.drill.searched import IndexRows

# Extensions of PostgreSQL itself. Creating one runs its script as superuser, so another one has to be allowed by name:
# the archive says which are created, and it is not to be trusted with more than these.
CONTRIB = frozenset(
    {
        "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "dict_xsyn",
        "earthdistance", "fuzzystrmatch", "hstore", "insert_username", "intagg", "intarray", "isn", "lo", "ltree",
        "moddatetime", "old_snapshot", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_logicalinspect",
        "pg_prewarm", "pg_stat_statements", "pg_surgery", "pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto",
        "pgrowlocks", "pgstattuple", "plpgsql", "postgres_fdw", "refint", "seg", "sslinfo", "tablefunc", "tcn",
        "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "xml2",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to the restored copy, and how its answer must compare with `value`; neither reaches the evidence."""

    name: str
    sql: str
    op: Literal["=", "!=", "<", "<=", ">", ">="]
    value: str | float | bool


def _jobs() -> int:
    """Return twice the processors: pg_restore and its server wait for each other.

    At most four, since each may take the maintenance memory for an index.
    """
    return max(2, min(4, 2 * (cpus() or 1)))


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """Objectives are times an operator has promised; `deadline` is in seconds and bounds the whole drill.

    `allowances` are the declared parts of a recovery that no drill can measure, by name ("detect", "decide",
    "cutover"). `target_bindir` names the server programs to restore into, `client_bindir` those to read the archive
    with; `environ` is where else they are looked for. The file `identity` holds the key to an encrypted backup.
    `extensions` may be created on the copy. `probes` are asked of it; the first that holds ends the recovery time.

    `wal_archive` is where the source's WAL goes, `base_backup` one that is there (None: one is taken),
    `archive_wait` how long to wait for a segment to get there (seconds), `canary` whether commits of dbops' own may
    be sent into its log. `offsite` are the kinds of copies that survive the loss of the site, `copies` what is
    known to survive beside the dumps (None: nobody looked), and `judge_rpo` whether a restore judges the RPO: not
    where a drill that knows more copies does. `as_superuser` lets the text of the archive run as superuser of the
    copy. `index_rows` says in which B-trees of it each row is looked for. `isolation` says how tenants are told apart,
    where they are to be proven apart, `fixes` what the audit's fixes are proven by, where they are.
    """

    target_bindir: Path | None = None
    identity: Path | None = None
    client_bindir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    deadline: float | None = 2 * 3600.0
    lock_wait: float = 30.0
    jobs: int = field(default_factory=_jobs)
    rto: dt.timedelta = dt.timedelta(minutes=60)
    rpo: dt.timedelta = dt.timedelta(minutes=15)
    allowances: Mapping[str, dt.timedelta] = field(default_factory=dict)
    extensions: frozenset[str] = CONTRIB
    as_superuser: bool = False
    probes: tuple[Probe, ...] = ()
    wal_archive: Path | None = None
    base_backup: Path | None = None
    archive_wait: float = 60.0
    canary: bool = False
    offsite: frozenset[str] = frozenset()
    copies: tuple[SurvivingCopy, ...] | None = None
    judge_rpo: bool = True
    index_rows: IndexRows = "auto"
    isolation: IsolationOptions | None = None
    fixes: FixOptions | None = None
