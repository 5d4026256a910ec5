"""One backup on its way: dump, read rows and read back side by side, then hash and publish.

Every step is timed into the run and into the telemetry, and what a program said is kept before it is judged. What this
does not do: look for problems beforehand (`preflight.py`), take locks or clear up (`create.py`).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from dbops import __version__
from dbops.backup.background import Background
from dbops.backup.counting import lock_tables, read_sequences, sequence_states, with_rows
from dbops.backup.digests import DigestMode, chosen_mode, coverage, plan_readings, read_rows
from dbops.backup.following import Following, worth_following
from dbops.backup.growing import Growing, size_of
from dbops.backup.inventory import read_inventory, to_lines
from dbops.backup.large_objects import LargeObjects, read_large_objects
from dbops.backup.proving import Proving, judge
from dbops.backup.roles import read_roles
from dbops.backup.source import as_source_info, read_extensions, read_materialized_views
from dbops.backup.syncing import brought_to_disk
from dbops.files import write_new
from dbops.model import BackupArtifact, BackupManifest, Tool, utc_now
from dbops.quantities import counted
from dbops.storage.encryption import NAME, SUFFIX, encrypt
from dbops.storage.stored import DUMP, DUMP_DIRECTORY, ENCRYPTED_DUMP, INVENTORY, LISTING, ROLES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.backup.archive import Archiver
    from dbops.backup.counting import Standing
    from dbops.backup.options import BackupOptions
    from dbops.backup.preflight import Ready
    from dbops.backup.telemetry import Line
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.evidence.run import Run, StepRecorder
    from dbops.model import BackupFile, Progress, SequenceState, TableCount
    from dbops.storage.store import Store


@contextlib.contextmanager
def timed(run: Run, line: Line, name: str) -> Iterator[StepRecorder]:
    """Make a step of the run whose time also goes into the telemetry."""
    step = None
    try:
        with run.step(name) as step:
            yield step
    finally:
        if step and step.duration_ms is not None:
            line.phases[name] = step.duration_ms


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the snapshot holds: objects, roles, the rows of tables and materialized views, large objects."""

    inventory: bytes
    roles: bytes
    tables: list[TableCount]
    materialized_views: list[TableCount]
    large_objects: LargeObjects


@dataclass(frozen=True, slots=True)
class Making:
    """One backup on its way."""

    target: Target
    store: Store
    run: Run
    line: Line
    options: BackupOptions
    progress: Progress | None
    session: Session
    ready: Ready
    archiver: Archiver
    name: str

    def make(self) -> BackupManifest:
        """Return the manifest once the backup is published."""
        self.run.add_tool(*(self.ready.binaries.as_tool(name) for name in ("pg_dump", "pg_restore")))
        self._tell_what_is_left_out()
        before = self._lock()
        dump = self._place_for_dump()
        listing = self.store.reserve(self.name, LISTING)
        with self._followed(dump) as following:
            contents = self._dump_and_read(dump)
            if following:
                following.finished()
            sequences = self._sequences_after(before)
            # Hashing takes one core and leaves the other to the programs that read: side by side they take no longer.
            with Background(lambda: self._seal(dump), cancel=lambda: None) as sealing:
                self._prove(dump, listing, following)
                sealed = sealing.result()
        partials = {self._suffix: self.store.partial(self.name, self._suffix), LISTING: listing}
        with self._phase("publish"):
            return self._publish(contents, sequences, sealed, partials)

    @property
    def _suffix(self) -> str:
        if self._in_directory:
            return DUMP_DIRECTORY
        return ENCRYPTED_DUMP if self.options.recipients else DUMP

    @property
    def _in_directory(self) -> bool:
        return self.options.form.format == "directory"

    def _reserve(self) -> Path:
        """Create what is to be published, empty, in the store."""
        return (
            self.store.reserve_directory(self.name)
            if self._in_directory
            else self.store.reserve(self.name, self._suffix)
        )

    def _place_for_dump(self) -> Path:
        """Return where pg_dump writes: what is to be encrypted never lies in the store in the clear."""
        if not self.options.recipients:
            return self._reserve()
        place = self.archiver.directory / "clear"
        if self._in_directory:
            place.mkdir(mode=0o700)
        else:
            place.touch(mode=0o600, exist_ok=False)
        return place

    def _seal(self, dump: Path) -> tuple[BackupFile, ...]:
        plain = self._encrypt(dump, self._reserve()) if self.options.recipients else {}
        with self._phase("hash"):
            files = self.store.seal(self.name, self._suffix, self.store.partial(self.name, self._suffix))
        if not plain:
            return files
        held = [plain[one.path.rpartition("/")[2] if self._in_directory else ""] for one in files]
        return tuple(
            one.model_copy(update={"plain_sha256": digest, "plain_bytes": size})
            for one, (digest, size) in zip(files, held, strict=True)
        )

    def _encrypt(self, dump: Path, place: Path) -> dict[str, tuple[str, int]]:
        """Encrypt the dump into `place`; return SHA-256 and size in the clear by file name, "" for a single file."""
        with self._phase("encrypt"):
            if not self._in_directory:
                return {"": encrypt(dump, place, self.options.recipients)}
            found = {}
            for path in sorted(dump.iterdir()):
                sealed = place / f"{path.name}{SUFFIX}"
                sealed.touch(mode=0o600, exist_ok=False)
                found[sealed.name] = encrypt(path, sealed, self.options.recipients)
            return found

    def _phase(self, name: str) -> contextlib.AbstractContextManager[StepRecorder]:
        return timed(self.run, self.line, name)

    def _tell_what_is_left_out(self) -> None:
        facts = self.ready.facts
        self.run.not_tested("restoring the backup: that is what dbops drill does")
        if facts.subscriptions and not facts.superuser:
            self.run.not_tested(
                f"{counted(facts.subscriptions, 'subscription is', 'subscriptions are')} not in the dump: only"
                " a superuser sees them"
            )
        unlogged = [one.name for one in self.ready.tables if one.persistence == "u" and one.kind == "r"]
        if facts.in_recovery and unlogged:
            self.run.not_tested(f"the rows of {counted(len(unlogged), 'unlogged table')}: a standby does not have them")
        if facts.superuser:
            self.run.note(
                f"{self.session.facts.user} is a superuser: reading rows plans queries, and that runs code of"
                " index expressions as the caller; a role with pg_read_all_data and BYPASSRLS is enough"
            )

    def _followed(self, dump: Path) -> contextlib.AbstractContextManager[Following | None]:
        """Read the dump back as it grows, where that can be done."""
        if self._in_directory or not worth_following(self.ready.tables):
            return contextlib.nullcontext()
        return Following(self.archiver, dump, lambda: self._phase("read archive as it grows"))

    def _lock(self) -> dict[tuple[str, str], Standing]:
        """Lock the tables and return where the sequences stand before the dump."""
        with self._phase("lock tables"):
            lock_tables(self.session, self.ready.tables)
            return read_sequences(self.session, self.ready.tables)

    def _dump_and_read(self, dump: Path) -> _Contents:
        """Dump, and meanwhile read in the session that holds the snapshot; pg_dump leaves it idle."""
        snapshot = self.session.fetch_all("select pg_catalog.pg_export_snapshot()")[0][0]
        with Background(self._read_contents, cancel=self.session.connection.cancel_safe) as reading:
            self._dump(dump, snapshot, reading)
            return reading.result()

    def _read_contents(self) -> _Contents:
        """Return what is in the snapshot; runs beside the dump, in a thread of its own."""
        with self._phase("read catalog"):
            inventory = to_lines(read_inventory(self.session))
            roles = read_roles(self.session, self.ready.facts.owner).model_dump_json(by_alias=True).encode() + b"\n"
        mode = chosen_mode(self.options.digest, self.ready.facts.database_bytes)
        bucket = self.ready.bucket
        tables = with_rows(self.ready.tables, in_recovery=self.ready.facts.in_recovery)
        with self._phase("read rows") as step:
            found = read_rows(self.session, plan_readings(tables, mode, bucket))
            views = self._read_materialized_views(mode)
            large_objects = read_large_objects(self.session, mode, bucket)
            read = coverage(found)
            step.output = (
                f"{read.checked:,} of {counted(read.total, 'row')} of {counted(len(found), 'table')} in digests"
            )
        if read.checked < read.total:
            self.run.not_tested(
                f"the values of {read.total - read.checked:,} of {counted(read.total, 'row')}: counted, and in"
                " no digest" + (f" (key bucket {bucket} of 100 was read)" if mode is DigestMode.BUCKETS else "")
            )
        return _Contents(inventory, roles, found, views, large_objects)

    def _read_materialized_views(self, mode: DigestMode) -> list[TableCount]:
        """Return what the rows of materialized views are: none where one is being refreshed, no dump needs them."""
        readings = plan_readings(read_materialized_views(self.session), mode, self.ready.bucket)
        try:
            return read_rows(self.session, readings)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable) as error:
            self.run.not_tested(f"the rows of materialized views: {type(error).__name__} while they were read")
            return []

    def _dump(self, dump: Path, snapshot: str, reading: Background[_Contents]) -> None:
        extra = ("--no-unlogged-table-data",) if self.ready.facts.in_recovery else ()
        growing = Growing(dump, self.progress, self.ready.last_bytes, self.options.stall)
        kept = not (self._in_directory or self.options.recipients)

        def look() -> None:
            reading.check()
            check_disk()
            growing.look()

        with (
            self._phase("dump") as step,
            growing,
            brought_to_disk(dump) if kept else contextlib.nullcontext(lambda: None) as check_disk,
        ):
            completed = self.archiver.dump(
                self.target,
                dump,
                snapshot=snapshot,
                lock_wait_seconds=self.options.lock_wait,
                form=self.options.form,
                extra=extra,
                on_tick=look,
            )
            judge(completed, step, self.run)
            step.output = f"{size_of(dump)} bytes"

    def _sequences_after(self, before: dict[tuple[str, str], Standing]) -> tuple[SequenceState, ...]:
        with self._phase("read sequences again"):
            return sequence_states(before, read_sequences(self.session, self.ready.tables))

    def _prove(self, dump: Path, listing: Path, following: Following | None) -> None:
        pages = {table.oid: table.pages for table in self.ready.tables}
        Proving(self.archiver, self.run, self._phase, pages).prove(dump, listing, following)

    def _publish(
        self,
        contents: _Contents,
        sequences: tuple[SequenceState, ...],
        dump: tuple[BackupFile, ...],
        partials: dict[str, Path],
    ) -> BackupManifest:
        for suffix, data in ((ROLES, contents.roles), (INVENTORY, contents.inventory)):
            partials[suffix] = self.store.reserve(self.name, suffix)
            self.store.fill(partials[suffix], data)
        small = [suffix for suffix in partials if suffix != self._suffix]
        files = {suffix: self.store.seal(self.name, suffix, partials[suffix])[0] for suffix in small}
        manifest = BackupManifest(
            id=self.run.run_id,
            # Cut, not rounded: what a manifest keeps may not be later than the snapshot.
            snapshot_at=_to_milliseconds(self.ready.facts.snapshot_at),
            published_at=utc_now(),
            source=as_source_info(self.session, self.ready.facts),
            artifact=BackupArtifact(
                files=dump,
                format=self.options.form.format,
                codec=_codec(partials[LISTING]),
                encryption=NAME if self.options.recipients else None,
            ),
            listing=files[LISTING],
            tools=(Tool(name="dbops", version=__version__), self.ready.binaries.as_tool("pg_dump")),
            tables=tuple(contents.tables),
            sequences=sequences,
            large_objects=self.ready.facts.large_objects,
            large_object_digest=contents.large_objects.digest,
            materialized_views=tuple(contents.materialized_views),
            extensions=read_extensions(self.session),
            roles=files[ROLES],
            inventory=files[INVENTORY],
            settings=self._settings(),
        )
        stored = self.store.publish(self.name, manifest, partials)
        # The run keeps a copy: the dump may be pruned one day, what was promised about it may not.
        write_new(self.run.directory / "manifest.json", stored.path.read_bytes())
        return manifest

    def _settings(self) -> dict[str, str]:
        facts = self.ready.facts
        return {
            "databaseBytes": str(facts.database_bytes),
            "archiveMode": facts.archive_mode,
            "walLevel": facts.wal_level,
            "walSenders": str(facts.wal_senders),
            "lcCollate": facts.lc_collate,
            "lcCtype": facts.lc_ctype,
            "inRecovery": str(facts.in_recovery).lower(),
            "materializedViews": str(facts.materialized_views),
            "digestBucket": str(self.ready.bucket),
        }


def _codec(listing: Path) -> str:
    """Return how the archive is compressed, by what pg_restore says of it ("-1" is gzip's default level)."""
    found = re.search(r"^; +Compression: (\S+)", listing.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    value = found[1] if found else ""
    if value in {"0", "none"}:
        return "none"
    return "gzip" if re.fullmatch(r"-?\d+", value) else value or "unknown"


def _to_milliseconds(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
