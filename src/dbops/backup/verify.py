"""Whether stored backups are still what was published: every file's hash first, then a full read of the dump.

The hash comes first because a parser may be crashed by a damaged archive, and because the read alone is no proof: a
codec without a checksum passes flipped bits. What this does not do: restore (a drill does), or mend.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dbops.backup.archive import Archiver, warnings_of
from dbops.connection.binaries import find_client
from dbops.connection.deadline import Deadline
from dbops.connection.workspace import workspace
from dbops.errors import DamageError, DbopsError, ProgramFailedError, UnavailableError
from dbops.model import Check, CheckStatus, Finding, Scope, Severity, Verdict
from dbops.storage.attested import Attestation, Kind, attest
from dbops.storage.encryption import in_the_clear
from dbops.storage.stored import StoredBackup, Unusable, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbops.backup.options import BackupOptions
    from dbops.evidence.run import Run
    from dbops.model import Progress
    from dbops.storage.store import Store

CHECK = "backup-intact"
_MEND = "do not restore from this backup; take a new one with: dbops backup; then move its files away"


@dataclass(frozen=True, slots=True)
class Looked:
    """How one backup was found: damage, doubt (it could not be told), or neither."""

    backup: str
    path: Path
    damage: str | None = None
    doubt: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The one answer."""
        if self.damage:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.doubt else Verdict.PASS


def newest_of_each(store: Store) -> list[StoredBackup | Unusable]:
    """Return the newest backup of every database, and whatever has a manifest and cannot be used."""
    seen = set()
    found: list[StoredBackup | Unusable] = []
    for stored in store.backups():
        source = stored.manifest.source
        identity = (source.system_identifier, source.database)
        if identity not in seen:
            found.append(stored)
        seen.add(identity)
    return [*found, *store.unusable()]


def everything(store: Store) -> list[StoredBackup | Unusable]:
    """Return every backup, newest first, and whatever has a manifest and cannot be used."""
    return [*store.backups(), *store.unusable()]


def verify_backups(
    store: Store,
    wanted: Sequence[StoredBackup | Unusable],
    run: Run,
    *,
    options: BackupOptions,
    progress: Progress | None = None,
) -> tuple[Looked, ...]:
    """Look at each of `wanted`, add the check to `run`, write what was found beside the backups, and return it.

    Damage raises nothing: all of it is named. Raises UnavailableError when there is nothing to look at.
    """
    if not wanted:
        raise UnavailableError(f"there are no backups in {store.directory}", hint="make one with: dbops backup")
    deadline = Deadline.after(options.deadline)
    looked = []
    with workspace() as directory, _shown(progress, len(wanted)) as advance:
        verifying = _Verifying(run, directory, deadline, options)
        for one in wanted:
            found = verifying.look(one)
            advance(1)
            if found is None:
                run.note(f"{one.path.name} was removed while others were looked at")
                continue
            looked.append(found)
            _attest(store, found, run)
    run.add_checks(_as_check(looked, len(wanted)))
    return tuple(looked)


@contextlib.contextmanager
def _shown(progress: Progress | None, total: int) -> Iterator[Callable[[int], None]]:
    if progress is None:
        yield lambda _: None
        return
    progress.start("verify backups", total, "backups")
    try:
        yield progress.advance
    finally:
        progress.finish()


def compare_with_evidence(one: StoredBackup, log_dir: Path) -> None:
    """Compare the manifest with the copy that the run which made it has sealed, where that is at hand.

    Whoever replaces dump, manifest and checksums together makes a backup that agrees with itself. Raises DamageError.
    """
    sealed = log_dir / "backup" / one.manifest.id / "manifest.json"
    if sealed.is_file() and sealed.read_bytes() != one.path.read_bytes():
        raise DamageError(f"{one.path.name} is not the manifest that run {one.manifest.id} sealed ({sealed})")


@dataclass(frozen=True, slots=True)
class _Verifying:
    """What looking at one backup needs."""

    run: Run
    directory: Path
    deadline: Deadline
    options: BackupOptions

    def look(self, one: StoredBackup | Unusable) -> Looked | None:
        """Return how a backup was found; None when it was removed meanwhile."""
        if isinstance(one, Unusable):
            return Looked(_id_of(one.path), one.path, damage=f"{one.path.name}: {one.reason}")
        try:
            with self.run.step(f"hash {one.manifest.id}") as step:
                step.output = f"{verify_hashes(one)} bytes"
                compare_with_evidence(one, self.run.log_dir)
            if one.encrypted and self.options.identity is None:
                self.run.not_tested(f"reading backup {one.manifest.id}: it is encrypted, and no identity is named")
                return Looked(one.manifest.id, one.path)
            self._read(one)
        except (DamageError, ProgramFailedError) as error:
            # Retention removes the manifest first: without it this is no damage, it is no backup any more.
            return Looked(one.manifest.id, one.path, damage=error.message) if one.path.exists() else None
        except UnavailableError as error:
            self.deadline.left()
            return Looked(one.manifest.id, one.path, doubt=error.message)
        return Looked(one.manifest.id, one.path)

    def _read(self, one: StoredBackup) -> None:
        """Decode every block; of an encrypted backup that takes a copy in the clear, gone again afterwards."""
        with self.run.step(f"read {one.manifest.id}") as step, TemporaryDirectory(dir=self.directory) as own:
            archive = in_the_clear(one, Path(own), self.options.identity)
            completed = self._archiver(one).read_whole(archive)
            step.exit_code = completed.exit_code
            completed.check()
            warnings_of(completed)

    def _archiver(self, one: StoredBackup) -> Archiver:
        versions = [tool.version for tool in one.manifest.tools if tool.name == "pg_dump"]
        found = re.match(r"\d+", versions[0] if versions else one.manifest.source.version)
        major = int(found[0]) if found else 0
        client = find_client(major * 10000, environ=self.options.environ, bindir=self.options.bindir, local=True)
        self.run.add_tool(client.as_tool("pg_restore"))
        return Archiver(client, self.directory, self.deadline)


def _id_of(path: Path) -> str:
    found = re.search(r"\d{8}T\d{6}Z-[0-9a-f]{6,}", path.name)
    return found[0] if found else path.name


def _attest(store: Store, looked: Looked, run: Run) -> None:
    said = Attestation(
        at=run.clock.now(),
        run_id=run.run_id,
        backup=looked.backup,
        kind=Kind.VERIFIED,
        outcome=looked.verdict,
        detail=looked.damage or looked.doubt,
    )
    try:
        attest(store, said)
    except DbopsError as error:
        # A store that may only be read can be verified all the same; the report is the evidence.
        run.note(f"what was found is not kept beside the backups: {error.message}")


def _as_check(looked: Iterable[Looked], total: int) -> Check:
    found = list(looked)
    damaged = [one for one in found if one.damage]
    doubts = [one for one in found if one.doubt and not one.damage]
    status = CheckStatus.FAIL if damaged else CheckStatus.ERROR if doubts else CheckStatus.PASS
    return Check(
        check=CHECK,
        title="Every backup is what was published",
        status=status,
        remedy=_MEND if damaged else None,
        reason=None if status is not CheckStatus.ERROR else "; ".join(f"{one.backup}: {one.doubt}" for one in doubts),
        method="SHA-256 of every file against its manifest, then a full read with pg_restore",
        scope=Scope(checked=len(found) - len(doubts), total=total),
        findings=tuple(
            Finding(
                rule=CHECK,
                severity=Severity.ERROR,
                object=one.backup,
                detail=one.damage or "",
                why="it cannot be relied on to restore",
                fingerprint=hashlib.sha256(f"{CHECK}\0{one.path.name}".encode()).hexdigest()[:16],
            )
            for one in damaged
        ),
    )
