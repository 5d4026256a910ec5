"""What may be removed, by plan and in fact: nothing that a rule keeps, and nothing when something is odd."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup.retention import Plan, Policy, make_plan, prune
from dbops.errors import LockedError, UnavailableError, UsageError
from dbops.evidence.run import Clock, Run
from dbops.files import locked
from dbops.model import BackupArtifact, BackupFile, BackupManifest, SourceInfo, Verdict
from dbops.storage.attested import Attestation, Kind, Standing, attest, attestations, standings
from dbops.storage.holds import Hold, held, hold, release
from dbops.storage.stored import StoredBackup, database_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)


def _stored(days_ago: float, *, now: dt.datetime = NOW, directory: Path = Path("/nowhere")) -> StoredBackup:
    at = now - dt.timedelta(days=days_ago)
    backup_id = f"{at:%Y%m%dT%H%M%SZ}-abcdef"
    name = f"{database_key('7', 'erp')}-{backup_id}"
    manifest = BackupManifest(
        id=backup_id,
        snapshot_at=at,
        published_at=at + dt.timedelta(minutes=1),
        source=SourceInfo(
            system_identifier="7", timeline=1, lsn="0/1", database="erp", version="15.18", encoding="UTF8", locale="C",
            provider="c",
        ),
        artifact=BackupArtifact(
            files=(BackupFile(path=f"{name}.dump", bytes=4, sha256="0" * 64),), format="custom", codec="gzip"
        ),
    )  # fmt: skip
    return StoredBackup(manifest, directory / f"{name}.manifest.json")


def _plan(policy: Policy, *days: float, drilled: float | None = None, held_at: float | None = None) -> Plan:
    backups = [_stored(one) for one in days]
    said = Attestation(at=NOW, run_id="r", backup="", kind=Kind.DRILLED, outcome=Verdict.PASS)
    known = {} if drilled is None else {_stored(drilled).manifest.id: Standing(drilled=said)}
    holds = {} if held_at is None else {_stored(held_at).manifest.id: "for the auditor"}
    return make_plan(backups, policy, NOW, known=known, holds=holds)


def _going(plan: Plan) -> list[int]:
    return [round((NOW - one.manifest.snapshot_at) / dt.timedelta(days=1)) for one in plan.goes]


def test_nothing_goes_unless_something_says_so() -> None:
    assert [] == _going(_plan(Policy(keep_min=1), 1, 2, 300, 400))


@pytest.mark.parametrize(
    ("policy", "going"),
    [
        (Policy(keep_min=1, keep_last=4), [6, 5]),
        (Policy(keep_min=1, keep_for=dt.timedelta(days=4)), [6, 5]),
        (Policy(keep_min=5, keep_last=1), [6]),
        (Policy(keep_min=1, keep_last=5, keep_for=dt.timedelta(days=1)), [6]),
        (Policy(keep_min=1, keep_last=1, keep_for=dt.timedelta(days=5)), [6]),
    ],
)
def test_what_any_rule_keeps_stays(policy: Policy, going: list[int]) -> None:
    assert going == _going(_plan(policy, 1, 2, 3, 4, 5, 6))


def test_the_newest_that_was_drilled_whole_stays_however_old() -> None:
    plan = _plan(Policy(keep_min=1, keep_last=4), 1, 2, 3, 4, 5, 60, drilled=60)
    assert [5] == _going(plan)


def test_only_the_newest_of_the_drilled_ones_is_kept_for_that() -> None:
    said = Attestation(at=NOW, run_id="r", backup="", kind=Kind.DRILLED, outcome=Verdict.PASS)
    backups = [_stored(one) for one in (1, 2, 3, 4, 5, 6)]
    known = {one.manifest.id: Standing(drilled=said) for one in backups}
    assert [6, 5] == _going(make_plan(backups, Policy(keep_min=1, keep_last=4), NOW, known=known, holds={}))


def _said(kind: Kind, outcome: Verdict) -> Attestation:
    return Attestation(at=NOW, run_id="r", backup="", kind=kind, outcome=outcome)


@pytest.mark.parametrize(
    ("policy", "going"),
    [
        (Policy(keep_min=1, keep_last=1, max_share=100), [6, 5, 4]),
        (Policy(keep_min=3, keep_last=1), [6]),
        (Policy(keep_min=2, keep_for=dt.timedelta(hours=1)), [6, 5]),
    ],
)
def test_damaged_ones_stay_and_do_not_push_out_the_last_whole_one(policy: Policy, going: list[int]) -> None:
    backups = [_stored(one) for one in (1, 2, 3, 4, 5, 6)]
    known = {one.manifest.id: Standing(verified=_said(Kind.VERIFIED, Verdict.FAIL)) for one in backups[:2]}
    assert going == _going(make_plan(backups, policy, NOW, known=known, holds={}))


def test_one_that_was_drilled_whole_and_is_damaged_since_does_not_count_as_drilled_whole() -> None:
    whole, damaged = _said(Kind.DRILLED, Verdict.PASS), _said(Kind.VERIFIED, Verdict.FAIL)
    backups = [_stored(one) for one in (1, 2, 3, 4)]
    known = {backups[1].manifest.id: Standing(damaged, whole), backups[3].manifest.id: Standing(drilled=whole)}
    assert [3] == _going(make_plan(backups, Policy(keep_min=1, keep_last=1), NOW, known=known, holds={}))


def test_a_held_one_stays() -> None:
    assert [6] == _going(_plan(Policy(keep_min=1, keep_last=4), 1, 2, 3, 4, 5, 6, held_at=5))


def test_nothing_goes_when_a_backup_is_from_the_future() -> None:
    plan = _plan(Policy(keep_min=1, keep_last=4), -0.1, 1, 2, 3, 4, 5)
    assert [] == _going(plan)
    assert "one of them went wrong" in (plan.refused or "")


def test_nothing_goes_when_more_than_the_share_would() -> None:
    """As when the clock jumps ahead: all of a sudden everything is old."""
    policy = Policy(keep_min=1, keep_for=dt.timedelta(days=7))
    plan = _plan(policy, 30, 31, 32, 33)
    assert [] == _going(plan)
    assert "3 of 4 backups would go at once (75 %)" in (plan.refused or "")
    assert [33, 32, 31] == _going(_plan(replace(policy, max_share=75), 30, 31, 32, 33))


def test_one_a_night_goes_even_where_it_is_half() -> None:
    assert [2] == _going(_plan(Policy(keep_min=1, keep_last=1, max_share=10), 1, 2))


def test_a_drill_that_could_not_tell_does_not_undo_one_that_could() -> None:
    def said(outcome: Verdict, kind: Kind = Kind.DRILLED) -> Attestation:
        return Attestation(at=NOW, run_id="r", backup="b", kind=kind, outcome=outcome)

    assert standings([said(Verdict.PASS), said(Verdict.INCONCLUSIVE)])["b"].drilled_good
    assert not standings([said(Verdict.PASS), said(Verdict.FAIL)])["b"].drilled_good
    assert not standings([said(Verdict.PASS, Kind.VERIFIED)])["b"].drilled_good


@pytest.fixture
def several(store: LocalStore) -> list[StoredBackup]:
    """Six backups of one database that a look at the directory finds whole, a day apart, newest first."""
    found = []
    for days in range(1, 7):
        stored = _stored(days, now=dt.datetime.now(dt.UTC), directory=store.directory)
        stored.dump.write_bytes(b"dump")
        stored.path.write_bytes(stored.manifest.model_dump_json(by_alias=True).encode())
        found.append(stored)
    return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run.start("backup prune", tmp_path / "logs", "backup") as run:
        yield run


def _ids(backups: Any) -> list[str]:
    return [one.manifest.id for one in backups]


def test_what_goes_is_gone_and_the_rest_untouched(several: list[StoredBackup], store: LocalStore, run: Run) -> None:
    before = {path.name for path in store.directory.iterdir()}
    pruned = prune(store, Policy(keep_min=1, keep_last=4), run)
    assert _ids(several[:3:-1]) == _ids(pruned.removed)
    assert _ids(several[:4]) == _ids(store.backups())
    gone = {path.name for one in several[4:] for path in (one.path, one.dump)}
    assert before - gone == {path.name for path in store.directory.iterdir()} - {f".{database_key('7', 'erp')}.lock"}


def test_a_dry_run_removes_nothing(several: list[StoredBackup], store: LocalStore, run: Run) -> None:
    pruned = prune(store, Policy(keep_min=1, keep_last=4), run, dry_run=True)
    assert ([], 6) == (pruned.removed, len(store.backups()))
    assert _ids(several[:3:-1]) == _ids(pruned.plans[0].goes)


def test_a_refusal_removes_nothing_and_is_an_error_of_the_command(
    several: list[StoredBackup], store: LocalStore, run: Run
) -> None:
    pruned = prune(store, Policy(keep_min=1, keep_last=1), run)
    assert 6 == len(store.backups())
    with pytest.raises(UnavailableError, match=r"5 of 6 backups would go at once \(83 %\)"):
        pruned.check()


def test_a_clock_that_went_back_is_noticed(several: list[StoredBackup], store: LocalStore, tmp_path: Path) -> None:
    earlier = Clock(now=lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=3))
    with Run.start("backup prune", tmp_path / "logs", "backup", clock=earlier) as run:
        pruned = prune(store, Policy(keep_min=1, keep_last=4), run)
    assert (6, 1) == (len(store.backups()), len(pruned.refusals))


def test_nothing_goes_while_a_backup_is_being_made(several: list[StoredBackup], store: LocalStore, run: Run) -> None:
    with (
        locked(store.directory / f".{database_key('7', 'erp')}.lock", holder="backup of the night"),
        pytest.raises(LockedError, match="backup of the night"),
    ):
        prune(store, Policy(keep_min=1, keep_last=4), run)
    assert 6 == len(store.backups())


def test_damaged_backups_are_neither_counted_nor_removed(
    several: list[StoredBackup], store: LocalStore, run: Run
) -> None:
    several[0].path.write_bytes(b"{")
    several[5].dump.write_bytes(b"short and long")
    pruned = prune(store, Policy(keep_min=1, keep_last=3), run)
    assert _ids([several[4]]) == _ids(pruned.removed)
    assert several[0].path.exists()
    assert several[5].dump.exists()


def test_a_removal_that_is_cut_off_leaves_no_backup_behind(
    several: list[StoredBackup], store: LocalStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest goes first: what is left has none, so that nothing can be taken for a backup."""
    real = Path.unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix == ".dump":
            raise OSError(5, "Input/output error")
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(UnavailableError, match="cannot remove all of"):
        prune(store, Policy(keep_min=1, keep_last=5), run)
    assert (5, ()) == (len(store.backups()), store.unusable())
    monkeypatch.undo()
    os.utime(several[5].dump, (0, 0))
    assert (several[5].dump,) == store.sweep(database_key("7", "erp"), older_than=3600)


def test_a_hold_lasts_until_it_is_released(several: list[StoredBackup], store: LocalStore, run: Run) -> None:
    hold(several[5], Hold(at=NOW, run_id="r", reason="for the auditor"))
    assert "for the auditor" == held(several[5])
    assert _ids([several[4]]) == _ids(prune(store, Policy(keep_min=1, keep_last=4), run).removed)
    assert (True, False, None) == (release(several[5]), release(several[5]), held(several[5]))
    assert _ids([several[5]]) == _ids(prune(store, Policy(keep_min=1, keep_last=4), run).removed)


def test_a_hold_that_cannot_be_read_holds(several: list[StoredBackup]) -> None:
    several[0].beside(".hold.json").write_bytes(b"{")
    assert "for a reason that cannot be read" == held(several[0])


def test_a_torn_line_about_a_backup_does_not_hide_the_others(store: LocalStore) -> None:
    said = Attestation(at=NOW, run_id="r", backup="b", kind=Kind.DRILLED, outcome=Verdict.PASS)
    attest(store, said)
    with (store.directory / "checks.jsonl").open("ab") as file:
        file.write(b'{"schema": "dbops/backup-ch')
    attest(store, said)
    assert (said, said) == attestations(store)


def test_a_drill_leaves_word_for_the_retention(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup], run: Run
) -> None:
    from dbops.drill.options import DrillOptions
    from dbops.drill.restore import drill_restore

    stored = back_up(erp)
    identity = run.target or _identity_of(stored)
    drill_restore(identity, store, run, options=DrillOptions())
    assert standings(attestations(store))[stored.manifest.id].drilled_good


def _identity_of(stored: StoredBackup) -> Any:
    from dbops.model import TargetInfo

    source = stored.manifest.source
    return TargetInfo(
        host="source", port=5432, database=source.database, user="dbops", system_identifier=source.system_identifier
    )


def test_an_id_that_is_not_there_is_a_usage_error(store: LocalStore) -> None:
    with pytest.raises(UsageError, match="there is no backup"):
        store.find("20260101T000000Z-abcdef")
