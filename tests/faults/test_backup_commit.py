"""The commit protocol of a backup with a fault at each of its system calls: published whole, or not at all."""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import DbopsError
from dbops.model import BackupArtifact, BackupFile, BackupManifest, SourceInfo
from dbops.storage.local import LocalStore
from dbops.storage.stored import DUMP, LISTING, ROLES, database_key, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable


FUNCTIONS = ("open", "write", "fsync", "rename", "replace", "unlink")
KILLED = 9
RUN_ID = "20260101T020000Z-abcdef"
KEY = database_key("7", "erp")
NAME = f"{KEY}-{RUN_ID}"
PARTS = {DUMP: b"PGDMP" + bytes(range(256)) * 100, LISTING: b"; listing\n", ROLES: b"{}\n"}


def commit(directory: Path) -> None:
    """Do what a backup does once its dump is written: fill, sync, hash, rename, and the manifest last."""
    store = LocalStore.open(directory)
    try:
        partials = {suffix: store.reserve(NAME, suffix) for suffix in PARTS}
        for suffix, path in partials.items():
            store.fill(path, PARTS[suffix])
        files = {suffix: store.seal(NAME, suffix, path)[0] for suffix, path in partials.items()}
        store.publish(NAME, manifest(files), partials)
    except BaseException:
        store.discard(NAME)
        raise


def manifest(files: dict[str, BackupFile]) -> BackupManifest:
    moment = dt.datetime(2026, 1, 1, 2, tzinfo=dt.UTC)
    source = SourceInfo(
        system_identifier="7", timeline=1, lsn="0/1", database="erp", version="15.18", encoding="UTF8", locale="C",
        provider="c",
    )  # fmt: skip
    artifact = BackupArtifact(files=(files[DUMP],), format="custom", codec="gzip")
    return BackupManifest(
        id=RUN_ID, snapshot_at=moment, published_at=moment, source=source, artifact=artifact, listing=files[LISTING],
        roles=files[ROLES],
    )  # fmt: skip


def wrong(directory: Path, *, acknowledged: bool, killed: bool) -> list[str]:
    """Return what contradicts: a backup exists if and only if its manifest does, and then it is whole."""
    store = LocalStore.open(directory)
    found = store.backups()
    faults = [f"unusable: {one.path.name}: {one.reason}" for one in store.unusable()]
    if acknowledged and not found:
        faults.append("an acknowledged backup is not there")
    for stored in found:
        try:
            verify_hashes(stored)
        except DbopsError as error:
            faults.append(f"listed and damaged: {error}")
        if not acknowledged and not killed:
            faults.append("refused, and there all the same")
    if not killed and not found:
        faults += [f"left behind: {path.name}" for path in directory.iterdir() if not path.name.startswith(".")]
    store.sweep(KEY, older_than=-1)
    names = {path.name for path in directory.iterdir()}
    if not found and names:
        faults.append(f"not swept: {sorted(names)}")
    return faults


@dataclass
class Injected:
    """Replaces the os functions; `fault` says what the `number`-th call on a file of the store does."""

    number: int = -1
    fault: str = "none"
    calls: list[str] = field(default_factory=list)

    def install(self) -> None:
        for name in FUNCTIONS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) - 1 != self.number:
                return real(*arguments, **options)
            if self.fault in {"EIO", "ENOSPC"}:
                code = getattr(errno, self.fault)
                raise OSError(code, os.strerror(code))
            if self.fault == "kill before":
                os._exit(KILLED)
            if self.fault == "kill halfway":
                descriptor, data = arguments
                real(descriptor, bytes(data)[: len(data) // 2])
                os._exit(KILLED)
            try:
                return real(*arguments, **options)
            finally:
                os._exit(KILLED)

        return call


def in_child(directory: Path, injected: Injected) -> tuple[bool, bool, list[str]]:
    """Commit in a child; return whether it was acknowledged, whether it was killed, and the calls it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            write = os.write
            injected.install()
            try:
                commit(directory)
                write(writer, b"acknowledged\n")
            except DbopsError:
                write(writer, b"refused\n")
            write(writer, " ".join(injected.calls).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, KILLED}
    return said[:1] == ["acknowledged"], code == KILLED, said[1].split() if len(said) > 1 else []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_fault_of_any_system_call_publishes_what_is_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acknowledged, killed, calls = in_child(tmp_path / "clean", Injected())
    assert (True, False, []) == (acknowledged, killed, wrong(tmp_path / "clean", acknowledged=True, killed=False))
    assert {"open", "write", "fsync", "rename", "replace"} <= set(calls)
    failed: list[str] = []
    counts: dict[str, int] = {}
    refused = survived = 0
    for number, name in enumerate(calls):
        for fault in ("EIO", "ENOSPC", "kill before", "kill after", *(["kill halfway"] if name == "write" else [])):
            directory = tmp_path / f"{number}-{fault.replace(' ', '-')}"
            acknowledged, killed, _ = in_child(directory, Injected(number, fault))
            refused += not acknowledged and not killed
            survived += acknowledged
            if directory.is_dir():
                failed += [
                    f"{fault} at call {number} ({name}): {what}"
                    for what in wrong(directory, acknowledged=acknowledged, killed=killed)
                ]
            counts[fault] = counts.get(fault, 0) + 1
    with capsys.disabled():
        spread = ", ".join(f"{count} {fault}" for fault, count in counts.items())
        print(f"\n  {sum(counts.values())} faults over {len(calls)} system calls of a commit ({spread}):")  # noqa: T201
        print(f"  {refused} refused, {survived} published whole, {len(failed)} losses or false backups")  # noqa: T201
    assert [] == failed
    assert refused > 0


STRACE = shutil.which("strace")
# The kernel's side of the same: what Python or the C library do beyond the os functions is hit as well.
SYSCALLS = {
    "openat": ("EIO", "ENOSPC"),
    "write": ("EIO", "ENOSPC"),
    "fsync": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
    "close": ("EIO",),
}


def _can_trace() -> bool:
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_trace(), reason="strace is not here, or may not trace")
def test_faults_that_the_kernel_injects_publish_nothing_that_is_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed: list[str] = []
    refused = survived = faults = 0
    for syscall, codes in SYSCALLS.items():
        for code in codes:
            for when in (1, 2, 3, 5):
                directory = tmp_path / f"{syscall}-{code}-{when}"
                completed = _traced(directory, f"inject={syscall}:error={code}:when={when}")
                faults += 1
                acknowledged = completed.stdout.strip() == "acknowledged"
                refused += completed.stdout.strip() == "refused"
                survived += acknowledged
                if directory.is_dir():
                    # An error that Python itself trips over ends the process as a kill would.
                    killed = completed.stdout.strip() not in {"acknowledged", "refused"}
                    found = wrong(directory, acknowledged=acknowledged, killed=killed)
                    failed += [f"{code} at {syscall} {when}: {what}" for what in found]
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {faults} faults of the kernel in a commit: {refused} refused, {survived} published whole,"
            f" {len(failed)} losses or false backups"
        )
    assert [] == failed
    assert refused > 0


def _traced(directory: Path, inject: str) -> subprocess.CompletedProcess[str]:
    """Commit in a process whose calls on files of the store fail as `inject` says."""
    names = [f".{NAME}{suffix}.partial" for suffix in PARTS]
    paths = [directory, *(directory / name for name in names), *(directory / f"{NAME}{suffix}" for suffix in PARTS)]
    watched = [word for path in paths for word in ("-P", str(path))]
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import test_backup_commit as t\n"
        "from dbops.errors import DbopsError\n"
        "try: t.commit(Path(sys.argv[1])); print('acknowledged')\n"
        "except DbopsError: print('refused')\n"
    )
    directory.mkdir(mode=0o700)
    return subprocess.run(
        [
            STRACE or "", "-f", "-qq", "-o", os.devnull, *watched, "-e", inject,
            sys.executable, "-c", script, directory, Path(__file__).parent,
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
