"""`dbops backup list | verify | prune | hold` from outside."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pyrage
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target

    Dbops = Callable[..., Any]


@pytest.fixture
def made(dbops: Dbops, url_of: Callable[..., str], database: Target, run_sql: Any) -> Callable[[], str]:
    """Make one more backup of a small database; returns its id."""
    run_sql(database, "create table t (id int primary key); insert into t select generate_series(1, 1000)")

    def make() -> str:
        answered = dbops("backup", "--database-url", url_of(database), "--json")
        assert (0, "") == (answered.code, answered.report.get("problem") or "")
        return str(answered.report["runId"])

    return make


def _lines(here: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (here / "backups" / "backup-report.jsonl").read_text().splitlines()]


def _dump(here: Path, backup_id: str) -> Path:
    [path] = (here / "backups").glob(f"*{backup_id}.dump")
    return path


def test_a_list_tells_size_age_and_what_was_found_later(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    first, second = made(), made()
    heading, newest, oldest = dbops("backup", "list").out.splitlines()[1:]
    assert ["ID", "DATABASE", "SNAPSHOT", "(UTC)", "SIZE", "TOOK", "AGE", "VERIFIED", "DRILLED", "HELD"] == (
        heading.split()
    )
    assert [True, True] == [line.startswith(one) for line, one in ((newest, second), (oldest, first))]
    assert 2 == newest.count("never")
    assert 0 == dbops("backup", "verify").code
    assert 0 == dbops("backup", "hold", first, "--reason", "for the auditor").code
    _, newest, oldest = dbops("backup", "list").out.splitlines()[1:]
    assert (1, 2) == (newest.count("never"), oldest.count("never"))
    assert newest.count(" ok ") == 1
    assert oldest.endswith("for the auditor")


def test_a_list_names_what_is_missing(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    path = _dump(bare_environment, made())
    path.unlink()
    assert dbops("backup", "list").out.rstrip().endswith(f"{path.name} is missing")


def test_holding_tells_what_it_did_and_wants_to_know_of_which(made: Any, dbops: Dbops) -> None:
    held = dbops("backup", "hold", made(), "--reason", "for the auditor").out
    assert "PASS  (exit 0" in held
    assert "Next: dbops backup list" in held
    nameless = dbops("backup", "hold", "--reason", "none")
    assert (2, True) == (nameless.code, "no backup is named" in nameless.err)


def test_the_history_is_a_page_as_well(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    assert 0 == dbops("backup", "list", "--output", "none.html").code
    assert "no backups in" in (bare_environment / "none.html").read_text()
    first, second = made(), made()
    dbops("backup", "verify")
    assert 0 == dbops("backup", "list", "--output", "backups.html").code
    text = (bare_environment / "backups.html").read_text()
    assert [True, True, 2] == [first in text, second in text, text.count("<svg")]
    assert 2 == dbops("backup", "list", "--format", "junit").code


def test_history_goes_from_old_to_new_with_rate_and_change(made: Any, dbops: Dbops) -> None:
    made(), made()
    heading, oldest, newest = dbops("backup", "list", "--history").out.splitlines()[1:]
    assert heading.split()[4:] == ["CHANGE", "TOOK", "RATE", "ROWS", "CHECKSUMS", "DRILLED"]
    assert "iB/s" in oldest
    assert "+0 %" in newest
    assert " 1000 " in newest


def test_verify_names_the_damaged_file_and_exits_1(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    good, bad = made(), made()
    path = _dump(bare_environment, bad)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    answered = dbops("backup", "verify", "--all", "--json")
    [check] = answered.report["checks"]
    assert (1, "fail", {"checked": 2, "total": 2}) == (answered.code, answered.report["verdict"], check["scope"])
    [finding] = check["findings"]
    assert bad == finding["object"]
    assert path.name in finding["detail"]
    last = _lines(bare_environment)[-1]
    assert ("damaged", 1) == (last["outcome"], last["exitCode"])
    assert {good: "pass", bad: "fail"} == {one["id"]: one["verdict"] for one in last["backups"]}
    assert "DAMAGED" in dbops("backup", "list").out
    assert 0 == dbops("backup", "verify", good).code
    assert 1 == dbops("backup", "verify", bad).code
    assert 1 == dbops("backup", "verify").code


def test_verify_finds_a_backup_that_was_replaced_as_a_whole(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    """Dump, manifest and checksums agree with each other, and not with what the run has sealed."""
    backup_id = made()
    [manifest] = (bare_environment / "backups").glob(f"*{backup_id}.manifest.json")
    [checksums] = (bare_environment / "backups").glob(f"*{backup_id}.sha256")
    import hashlib

    before = manifest.read_bytes()
    after = before.replace(b'"rows": 1000', b'"rows": 1001')
    manifest.write_bytes(after)
    old, new = (hashlib.sha256(data).hexdigest() for data in (before, after))
    checksums.write_text(checksums.read_text().replace(old, new))
    answered = dbops("backup", "verify", "--json")
    assert 1 == answered.code
    assert "sealed" in answered.report["checks"][0]["findings"][0]["detail"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_verify_looks_at_a_directory_that_can_only_be_read(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    backup_id, directory = made(), bare_environment / "backups"
    directory.chmod(0o500)
    try:
        looked = dbops("backup", "verify", "--json")
        held = dbops("backup", "hold", backup_id, "--reason", "for the auditor")
    finally:
        directory.chmod(0o700)
    assert (0, "pass") == (looked.code, looked.report["verdict"])
    assert any("is not kept beside the backups" in note for note in looked.report["notes"])
    assert 3 == held.code


def test_verify_can_rebuild_the_schema(made: Any, dbops: Dbops) -> None:
    made()
    answered = dbops("backup", "verify", "--rebuild-schema", "--json")
    assert (0, "pass") == (answered.code, answered.report["verdict"])
    assert {"restore-errors", "extensions", "restore-differs"} == {
        check["check"] for part in answered.report["reports"] for check in part["checks"]
    }


def test_verify_of_nothing_cannot_be_carried_out(dbops: Dbops, bare_environment: Path) -> None:
    for command in (["verify"], ["verify", "20260101T000000Z-abcdef"], ["hold", "x", "--reason", "y"]):
        answered = dbops("backup", *command)
        assert (3, True) == (answered.code, "there is no backup directory" in answered.err)
    assert not (bare_environment / "backups").exists()
    (bare_environment / "backups").mkdir(mode=0o700)
    assert 3 == dbops("backup", "verify").code
    assert 2 == dbops("backup", "verify", "20260101T000000Z-abcdef").code
    assert 2 == dbops("backup", "verify", "--all", "20260101T000000Z-abcdef").code


def test_prune_needs_a_rule_shows_its_plan_and_removes_by_it(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    ids = [made(), made(), made()]
    assert 2 == dbops("backup", "prune").code
    (bare_environment / "dbops.toml").write_text("[backup]\nkeep_min = 1\nkeep_last = 2\n")
    planned = dbops("backup", "prune", "--dry-run")
    assert 0 == planned.code
    assert [f"remove {ids[0]}"] == [
        " ".join(line.split()[:2]) for line in planned.out.splitlines() if line.startswith("remove")
    ]
    assert 3 == len(dbops("backup", "list", "--json").report["artifacts"])
    assert "planned" == _lines(bare_environment)[-1]["outcome"]
    assert 0 == dbops("backup", "prune").code
    assert [ids[2], ids[1]] == [line.split()[0] for line in dbops("backup", "list").out.splitlines()[2:]]
    last = _lines(bare_environment)[-1]
    assert ("pruned", [ids[0]]) == (last["outcome"], [one["id"] for one in last["backups"]])


def test_prune_that_would_remove_too_much_refuses(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    made(), made(), made()
    (bare_environment / "dbops.toml").write_text("[backup]\nkeep_min = 1\nkeep_last = 1\n")
    refused = dbops("backup", "prune")
    assert 3 == refused.code
    assert "would go at once" in refused.err
    assert 3 == len(dbops("backup", "list", "--json").report["artifacts"])
    assert 0 == dbops("backup", "prune", "--max-share=100").code
    assert 1 == len(dbops("backup", "list", "--json").report["artifacts"])


def test_a_backup_applies_the_retention_once_it_is_published(made: Any, dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text("[backup]\nkeep_min = 1\nkeep_last = 2\n")
    ids = [made(), made(), made()]
    assert ids[:0:-1] == [line.split()[0] for line in dbops("backup", "list").out.splitlines()[2:]]


def test_a_backup_that_is_to_be_encrypted_is_never_made_in_the_clear(
    dbops: Dbops, url_of: Callable[..., str], database: Target, bare_environment: Path
) -> None:
    (bare_environment / "dbops.toml").write_text('[backup]\nrecipients = ["age1qqqqqqqq"]\n')
    answered = dbops("backup", "--database-url", url_of(database))
    assert 2 == answered.code
    assert "recipient 1 of backup.recipients is no public key" in answered.err
    assert [] == list((bare_environment / "backups").glob("*dump*"))


def test_encrypted_backups_are_made_verified_and_drilled_from_the_configuration(
    dbops: Dbops, url_of: Callable[..., str], database: Target, bare_environment: Path
) -> None:
    key = pyrage.x25519.Identity.generate()
    (bare_environment / "identity.txt").write_text(f"{key}\n")
    (bare_environment / "dbops.toml").write_text(
        f'[backup]\nrecipients = ["{key.to_public()}"]\nidentity = "identity.txt"\n'
    )
    assert 0 == dbops("backup", "--database-url", url_of(database)).code
    [encrypted] = (bare_environment / "backups").glob("*.dump.age")
    assert encrypted.read_bytes().startswith(b"age-encryption.org/")
    assert 0 == dbops("backup", "verify", "--rebuild-schema").code
    assert 0 == dbops("drill", "--database-url", url_of(database)).code


def test_the_form_of_a_dump_is_configured(
    dbops: Dbops, url_of: Callable[..., str], database: Target, bare_environment: Path
) -> None:
    (bare_environment / "dbops.toml").write_text('[backup]\nformat = "directory"\njobs = 2\n')
    assert 0 == dbops("backup", "--database-url", url_of(database)).code
    [directory] = (bare_environment / "backups").glob("*.dumpdir")
    assert directory.is_dir()
    assert 0 == dbops("backup", "verify").code
