"""Backups encrypted to age recipients: proven whole before they are, read back only by who holds an identity."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyrage
import pytest

from dbops.backup import making
from dbops.backup.archive import Form
from dbops.backup.options import BackupOptions
from dbops.backup.verify import Looked, everything, verify_backups
from dbops.drill.options import DrillOptions
from dbops.drill.restore import drill_restore
from dbops.errors import ConfigurationError, DamageError, ProgramMissingError, UnavailableError
from dbops.evidence.run import Run
from dbops.files import sha256_of
from dbops.model import TargetInfo, Verdict
from dbops.storage.encryption import decrypt, encrypt, in_the_clear
from dbops.storage.stored import StoredBackup, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.local import LocalStore

    BackUp = Callable[..., StoredBackup]

CANARY = "a-row-that-nobody-may-read-7391"


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A secret key, as age-keygen writes it."""
    return _key(tmp_path / "identity.txt")


def _key(path: Path) -> Path:
    key = pyrage.x25519.Identity.generate()
    path.write_text(f"# created: today\n# public key: {key.to_public()}\n{key}\n")
    return path


def recipient_of(identity: Path) -> str:
    return identity.read_text().splitlines()[1].removeprefix("# public key: ")


def options_for(identity: Path, form: Form | None = None) -> BackupOptions:
    return BackupOptions(recipients=(recipient_of(identity),), form=form or Form())


@pytest.fixture
def secret(database: Target, run_sql: Callable[..., Any]) -> Target:
    run_sql(database, f"create table note (id int primary key, said text); insert into note values (1, '{CANARY}')")
    return database


@pytest.fixture
def verify(store: LocalStore, tmp_path: Path) -> Callable[..., tuple[Looked, Report]]:
    def look(identity: Path | None = None) -> tuple[Looked, Report]:
        with Run.start("backup verify", tmp_path / "logs", "backup") as run:
            [looked] = verify_backups(store, everything(store), run, options=BackupOptions(identity=identity))
        return looked, run.report

    return look


@pytest.fixture
def drill(store: LocalStore, tmp_path: Path) -> Callable[..., Report]:
    def make(stored: StoredBackup, identity: Path | None) -> Report:
        source = stored.manifest.source
        target = TargetInfo(
            host="x", port=1, database=source.database, user="x", system_identifier=source.system_identifier
        )
        with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
            drill_restore(target, store, run, options=DrillOptions(identity=identity))
        return run.report

    return make


FORMS = [Form(codec="none"), Form(format="directory", codec="none", jobs=2)]


@pytest.mark.parametrize("form", FORMS, ids=["custom", "directory"])
def test_no_row_lies_in_the_store_in_the_clear_at_any_moment(
    form: Form, secret: Target, identity: Path, back_up: BackUp, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    proving = making.Making._prove

    def prove(self: making.Making, dump: Path, *others: Any) -> None:
        seen.append(_holds_canary(dump))
        seen.append(_holds_canary(store.directory))
        proving(self, dump, *others)

    monkeypatch.setattr(making.Making, "_prove", prove)
    stored = back_up(secret, options_for(identity, form))
    assert [True, False] == seen
    assert ("age", False) == (stored.manifest.artifact.encryption, _holds_canary(store.directory))
    assert [] == [path for path in store.directory.iterdir() if path.name.endswith(".partial")]


def _holds_canary(place: Path) -> bool:
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return any(CANARY.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("form", FORMS, ids=["custom", "directory"])
def test_what_is_decrypted_is_what_was_dumped(
    form: Form, secret: Target, identity: Path, back_up: BackUp, tmp_path: Path
) -> None:
    stored = back_up(secret, options_for(identity, form))
    verify_hashes(stored)
    place = tmp_path / "place"
    place.mkdir()
    clear = in_the_clear(stored, place, identity)
    assert _holds_canary(clear)
    held = {(one.plain_sha256, one.plain_bytes) for one in stored.manifest.artifact.files}
    assert held == {sha256_of(path) for path in ([clear] if clear.is_file() else clear.iterdir())}


@pytest.mark.parametrize("form", FORMS, ids=["custom", "directory"])
def test_a_drill_decrypts_restores_and_counts_the_time(
    form: Form, secret: Target, identity: Path, back_up: BackUp, drill: Callable[..., Report]
) -> None:
    report = drill(back_up(secret, options_for(identity, form)), identity)
    assert Verdict.PASS == report.restorability
    [rto] = [one for one in report.objectives if one.id == "rto"]
    assert "decrypt" in rto.inputs


def test_a_drill_without_the_identity_is_inconclusive_and_names_what_it_takes(
    secret: Target, identity: Path, back_up: BackUp, drill: Callable[..., Report], tmp_path: Path
) -> None:
    stored = back_up(secret, options_for(identity))
    with pytest.raises(UnavailableError, match="no identity is named") as caught:
        drill(stored, None)
    assert "DBOPS_BACKUP_IDENTITY" in str(caught.value.hint)
    with pytest.raises(UnavailableError, match="was not encrypted to any key"):
        drill(stored, _key(tmp_path / "other.txt"))


def test_without_an_identity_the_hash_is_verified_and_the_rest_said(
    secret: Target, identity: Path, back_up: BackUp, verify: Callable[..., tuple[Looked, Report]]
) -> None:
    stored = back_up(secret, options_for(identity))
    looked, report = verify()
    assert Verdict.PASS == looked.verdict
    assert [f"reading backup {stored.manifest.id}: it is encrypted, and no identity is named"] == [*report.not_tested]
    looked, report = verify(identity)
    assert (Verdict.PASS, ()) == (looked.verdict, report.not_tested)


def test_damage_is_found_without_an_identity(
    secret: Target, identity: Path, back_up: BackUp, verify: Callable[..., tuple[Looked, Report]]
) -> None:
    stored = back_up(secret, options_for(identity))
    damaged = bytearray(stored.dump.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    stored.dump.write_bytes(damaged)
    looked, _ = verify()
    assert Verdict.FAIL == looked.verdict


def test_every_flipped_bit_and_every_cut_of_an_encrypted_file_is_damage(identity: Path, tmp_path: Path) -> None:
    plain, encrypted = tmp_path / "plain", tmp_path / "encrypted"
    plain.write_bytes(os.urandom(70_000))
    encrypt(plain, encrypted, [recipient_of(identity)])
    whole = encrypted.read_bytes()
    tried = 0
    for position in [*range(0, len(whole), 997), len(whole) - 1]:
        cut, flipped = whole[:position], bytearray(whole)
        flipped[position] ^= 1
        for number, data in enumerate((cut, bytes(flipped))):
            encrypted.write_bytes(data)
            # A key that no longer fits the damaged header is a doubt; nothing is ever passed on as whole.
            with pytest.raises((DamageError, UnavailableError)):
                decrypt(encrypted, tmp_path / f"clear-{position}-{number}", identity)
            tried += 1
    assert tried > 100


def test_what_decrypts_and_is_something_else_is_damage(
    secret: Target, identity: Path, back_up: BackUp, tmp_path: Path
) -> None:
    stored = back_up(secret, options_for(identity))
    other = tmp_path / "other"
    other.write_bytes(b"PGDMP, says somebody")
    encrypt(other, stored.dump, [recipient_of(identity)])
    with pytest.raises(DamageError, match="something else than what was dumped"):
        in_the_clear(stored, tmp_path, identity)


@pytest.mark.parametrize("word", ["age1nonsense", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1QQQ"])
def test_a_recipient_that_is_none_is_told_before_anything_is_done_and_not_shown(
    word: str, secret: Target, identity: Path, back_up: BackUp, store: LocalStore
) -> None:
    good = options_for(identity)
    with pytest.raises(ConfigurationError, match="recipient 2 of") as caught:
        back_up(secret, replace(good, recipients=(*good.recipients, word)))
    assert word not in caught.value.message
    assert [] == [path for path in store.directory.iterdir() if ".dump" in path.name]


def test_without_pyrage_the_extra_is_named(identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrage", None)
    with pytest.raises(ProgramMissingError) as caught:
        encrypt(tmp_path / "plain", tmp_path / "encrypted", [recipient_of(identity)])
    assert "pip install 'dbops[age]'" == caught.value.hint


def test_a_file_that_holds_no_identity_says_so(identity: Path, tmp_path: Path) -> None:
    plain, encrypted = tmp_path / "plain", tmp_path / "encrypted"
    plain.write_bytes(b"x")
    encrypt(plain, encrypted, [recipient_of(identity)])
    for data in (b"hello\n", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END"):
        identity.write_bytes(data)
        with pytest.raises(UnavailableError, match="holds no identity"):
            decrypt(encrypted, tmp_path / "clear", identity)


def test_a_full_disk_is_no_damage(identity: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(os.urandom(1 << 20))
    with pytest.raises(UnavailableError, match="No space left"):
        encrypt(plain, type(plain)("/dev/full"), [recipient_of(identity)])
