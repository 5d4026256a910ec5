"""What a drill to a moment cannot do is said at once, with what to type."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from dbops.drill.pitr.archive import list_archive
from dbops.drill.rpo.directory import base_backups
from dbops.model import Verdict

from .conftest import Archiving, answers, check_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.drill.pitr.archive import Listing
    from dbops.model import Report


def problem(report: Report) -> str:
    assert report.problem is not None
    assert Verdict.INCONCLUSIVE is report.verdict
    return f"{report.problem.message} | {report.problem.hint}"


def test_a_role_without_replication_is_told_the_alter_role(archiving: Archiving, drill: Callable[..., Report]) -> None:
    stranger = archiving.server.target("postgres", user="stranger")
    assert 'alter role "stranger" replication' in problem(drill(target=stranger))


def test_a_role_without_replication_may_drill_a_base_backup_that_is_there(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path
) -> None:
    archiving.sql("grant execute on function pg_switch_wal() to stranger")
    report = drill(target=archiving.server.target("postgres", user="stranger"), base_backup=base_backup)
    assert ("pass", "pass") == (answers(report)["recovered-to-time"], answers(report)["recovered-to-tip"])
    assert ("skip", "no BYPASSRLS") == (
        answers(report)["row-counts"], (check_of(report, "row-counts").reason or "")[-14:-1].removeprefix("("),
    )  # fmt: skip


def test_a_server_that_refuses_replication_connections_is_told_the_line_of_pg_hba_conf(
    archiving: Archiving, drill: Callable[..., Report]
) -> None:
    hba = archiving.server.data_directory / "pg_hba.conf"
    kept = hba.read_text()
    hba.write_text("local all all trust\n")
    archiving.sql("select pg_reload_conf()")
    try:
        assert 'local replication "driller"' in problem(drill())
    finally:
        hba.write_text(kept)
        archiving.sql("select pg_reload_conf()")


def test_a_role_that_may_not_finish_a_segment_waits_for_archive_timeout_or_is_told_the_grant(
    archiving: Archiving, drill: Callable[..., Report]
) -> None:
    archiving.sql("revoke execute on function pg_switch_wal() from driller")
    try:
        archiving.sql("alter system set archive_timeout = 0", "select pg_reload_conf()")
        assert 'grant execute on function pg_switch_wal() to "driller"' in problem(drill())
        archiving.sql("alter system set archive_timeout = '1s'", "select pg_reload_conf()")
        report = drill()
        assert "pass" == answers(report)["wal-archived"]
        assert any("waited for archive_timeout" in note for note in report.notes)
    finally:
        archiving.sql("grant execute on function pg_switch_wal() to driller")


@pytest.mark.parametrize("what", ["nowhere", "a file"])
def test_an_archive_that_cannot_be_listed_is_refused(drill: Callable[..., Report], tmp_path: Path, what: str) -> None:
    (tmp_path / "a file").write_text("x")
    assert "cannot be listed" in problem(drill(wal_archive=tmp_path / what))


def test_an_archive_of_compressed_segments_is_said_to_be_not_read(drill: Callable[..., Report], tmp_path: Path) -> None:
    (tmp_path / "000000010000000000000001.gz").write_text("x")
    assert "compressed segments" in problem(drill(wal_archive=tmp_path))


def test_a_server_that_does_not_archive_is_told_what_to_set(
    server: ScratchServer, drill: Callable[..., Report]
) -> None:
    assert "archive_mode = on" in problem(drill(target=server.target()))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("PG_VERSION", "9\n", "is a base backup of PostgreSQL 9"),
        ("backup_manifest", None, "is no base backup that can be drilled"),
    ],
)
def test_a_base_backup_that_does_not_fit_is_refused(
    drill: Callable[..., Report], base_backup: Path, name: str, content: str | None, words: str
) -> None:
    if content is None:
        (base_backup / name).unlink()
    else:
        (base_backup / name).write_text(content)
    assert words in problem(drill(base_backup=base_backup))


def test_a_damaged_base_backup_fails_before_anything_is_started(
    drill: Callable[..., Report], base_backup: Path
) -> None:
    data = bytearray((base_backup / "global" / "pg_control").read_bytes())
    data[0] ^= 1
    (base_backup / "global" / "pg_control").write_bytes(data)
    report = drill(base_backup=base_backup)
    assert (Verdict.FAIL, 1) == (report.restorability, report.exit_code)
    assert "pg_verifybackup" in (report.problem.message if report.problem else "")


def test_base_backups_of_drills_are_not_counted_as_base_backups(tmp_path: Path) -> None:
    for number, label in enumerate(("nightly", "dbops drill 20260101T000000Z-abcdef")):
        name = f"00000001000000000000000{number}.00000028.backup"
        (tmp_path / name).write_text(f"START WAL LOCATION: 0/{number}000028\nLABEL: {label}\n")
    assert base_backups(list_archive(tmp_path)) == ["000000010000000000000000.00000028.backup"]


def test_the_command_line_drills_to_a_moment(
    archiving: Archiving, base_backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dbops.__main__ import main

    socket = quote(str(archiving.server.socket_directory), safe="")
    common = [
        "drill", "--depth", "pitr", f"--database-url=postgresql://driller@/postgres?host={socket}&port=5432",
        f"--log-dir={tmp_path / 'logs'}", f"--target-bindir={archiving.server.binaries.directory}",
    ]  # fmt: skip
    archive, base = f"--wal-archive={archiving.archive}", f"--base-backup={base_backup}"
    assert [2, 2, 3, 0] == [
        main(common),
        main(["drill", "--canary", *common[3:]]),
        main([*common, f"--wal-archive={tmp_path / 'nowhere'}"]),
        main([*common, archive, base, "--canary"]),
    ]
    assert "RPO met" in capsys.readouterr().out


def test_a_suite_sends_canaries_where_the_settings_say_so(
    archiving: Archiving, base_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbops.__main__ import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbops.toml").write_text(
        f'[drill]\ndepth = "pitr"\nwal_archive = "{archiving.archive}"\nbase_backup = "{base_backup}"\ncanary = true\n'
        f'target_bindir = "{archiving.server.binaries.directory}"\n'
    )
    socket = quote(str(archiving.server.socket_directory), safe="")
    url = f"postgresql://driller@/postgres?host={socket}&port=5432"
    main(["suite", f"--database-url={url}", "--output=report.json"])
    (drilled,) = (
        one for one in json.loads((tmp_path / "report.json").read_bytes())["reports"] if one["command"] == "drill"
    )
    assert "pass" == drilled["verdict"]
    assert 1 == sum(note.startswith("canaries: three commits") for note in drilled["notes"])


def test_a_disk_that_fills_up_while_the_base_backup_is_copied_is_said_and_leaves_nothing(
    drill: Callable[..., Report], base_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Path] = []

    def full(source: Path, target: Path, **_: object) -> None:
        copied.append(target)
        raise shutil.Error([(str(source), str(target), os.strerror(errno.ENOSPC))])

    monkeypatch.setattr(shutil, "copytree", full)
    assert "could not be copied" in problem(drill(base_backup=base_backup))
    assert [False] == [path.exists() for path in copied]


def test_an_archive_on_another_file_system_needs_room_for_its_copy(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbops.drill.pitr import drill as module

    def huge(archive: Path) -> Listing:  # asked again each time: the base backup's log may still be on its way
        there = list_archive(archive)
        entries = {name: replace(one, bytes=1 << 60) for name, one in there.entries.items()}
        return replace(there, entries=entries, device=-1)

    monkeypatch.setattr(module, "list_archive", huge)
    assert "the archived log needs about" in problem(drill(canary=False, base_backup=base_backup))
