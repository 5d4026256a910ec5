"""What stands between the data and its loss: how the server writes, where its log goes, what was proven of backups."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import gathered, read


@read("durability_settings")
class DurabilitySettings(NamedTuple):
    """How the server writes and keeps its log, whatever single roles and databases have set for themselves; one row.

    `synchronous_commit` is None where this session has a setting of its own, which hides the server's.
    `archive_command` is "unset", "no-op" (it does nothing, and says that it did) or "set"; `archive_library` is empty
    where the server has none. `slot_limit_mb` is -1 for no limit. `storage_keeps_log` is true where the storage of a
    hosted service does what these settings are about (Aurora).
    """

    fsync: bool
    full_page_writes: bool
    zero_damaged_pages: bool
    ignore_checksum_failure: bool
    ignore_invalid_pages: bool
    synchronous_commit: str | None
    wal_writer_delay_ms: int
    wal_level: str
    data_checksums: str
    archive_mode: str
    archive_library: str
    archive_command: str
    archive_timeout_seconds: int
    slot_limit_mb: int
    storage_keeps_log: bool


@read("durability_overrides")
class DurabilityOverride(NamedTuple):
    """A setting about durability that a role, this database or a role in it has of its own."""

    role: str | None
    database: str | None
    name: str
    value: str


@read("archiver")
class Archiver(NamedTuple):
    """How the archiver fares since its statistics were reset; one row. Seconds are None where it never happened."""

    archived: int
    last_archived_seconds: int | None
    failed: int
    last_failed: str | None
    last_failed_seconds: int | None
    failing: bool


@read("archive_backlog")
class ArchiveBacklog(NamedTuple):
    """Finished segments that wait to be archived, and for how long the oldest has; one row."""

    segments: int
    oldest_seconds: int


@read("wal_senders")
class WalSender(NamedTuple):
    """Somebody who is being sent the log, logical decoding apart; `state` is None where the role is not shown it."""

    application: str
    state: str | None


@read("replication_slots")
class ReplicationSlot(NamedTuple):
    """A replication slot of the server that is kept over a restart.

    `retained` is the log, in bytes, that it keeps from being removed (None: none was reserved), `safe` how much more
    may be written before it is lost. `horizon_age` is how many transactions the rows go back that it keeps from VACUUM.
    `idle_seconds` is known from 17 on.
    """

    name: str
    kind: str
    plugin: str | None
    database: str | None
    active: bool
    status: str | None
    retained: int | None
    safe: int | None
    horizon_age: int | None
    idle_seconds: int | None
    invalidation: str | None
    synchronised: bool


@read("server_release")
class ServerRelease(NamedTuple):
    """Which release the server is: 150018 for 15.18, and as its packager spells it; one row."""

    version: int
    spelled: str


@gathered("client_programs")
class ClientPrograms(NamedTuple):
    """Programs of PostgreSQL on the machine that dbops runs on, of one release; `origin` says how they were found."""

    names: tuple[str, ...]
    version: int
    origin: str


@gathered("restore_history")
class RestoreHistory(NamedTuple):
    """What the kept reports say about restore drills of this database; one row where they were looked at.

    `drills` is how many there are since the last one that passed, that one not counted; `last_verdict` how the newest
    of them ended, None where there is none.
    """

    passed_seconds: int | None
    passed_run: str | None
    drills: int
    last_verdict: str | None
