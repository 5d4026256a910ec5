"""How a backup is to be made, as values; settings and command lines are turned into these by the caller."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.backup.archive import Form
from dbops.backup.digests import DigestMode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """Times are in seconds.

    `deadline` bounds the whole backup (pg_dump itself resets every timeout of the server). `lock_wait` is how long a
    table may be locked by somebody else. `bindir` names the client programs, `environ` is where else they are looked
    for. `report_path` is where the telemetry goes, by default `backup-report.jsonl` in the store. Files without a
    manifest are swept when older than `orphan_age`. `digest` is how much of the rows is read into digests.
    `form` is what the dump looks like. A dump that has not grown for `stall` seconds is given up. A server that is
    about to be ready is asked `attempts` times, `pause` seconds apart, before anything is done. With
    `recipients`, public keys of age, the dump is encrypted to them; the file `identity` holds a key to read it back.
    """

    bindir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    deadline: float | None = 6 * 3600.0
    lock_wait: float = 30.0
    report_path: Path | None = None
    orphan_age: float = 3600.0
    digest: DigestMode = DigestMode.AUTO
    form: Form = field(default_factory=Form)
    stall: float | None = 1800.0
    recipients: tuple[str, ...] = ()
    identity: Path | None = None
    attempts: int = 3
    pause: float = 2.0
