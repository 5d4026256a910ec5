"""Which backup is drilled: chosen from the store, or a file from anywhere; with a database and without one."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.cli.drill import Depth, DrillOptions
from dbops.cli.operations import drill_options
from dbops.cli.options import Outcome, setting_flags
from dbops.cli.running import report_of
from dbops.cli.suite import SuiteOptions
from dbops.connection.binaries import find_client
from dbops.model import Verdict
from dbops.render.summary import next_command
from dbops.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Dbops, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]


@pytest.mark.parametrize(
    "given",
    [["--latest", "--oldest"], ["--id=20200101T000000Z-abcdef", "--latest"], ["--artifact=x", "--id=y"]],
)
def test_two_choices_contradict_each_other(dbops: Dbops, bare_environment: Path, given: list[str]) -> None:
    answered = dbops("drill", *given)
    assert 2 == answered.code
    assert "contradict each other" in answered.err
    assert not (bare_environment / "logs").exists()


IDLE = {
    "--base-backup=base": ([], ["--depth=schema"], ["--depth=restore"]),
    "--canary": ([], ["--depth=schema"], ["--depth=restore"]),
    "--allow-extension=x": (["--depth=pitr", "--wal-archive=wal"],),
}
GIVEN = [(flag, depth) for flag, depths in IDLE.items() for depth in depths]


@pytest.mark.parametrize("command", ["drill", "suite"])
@pytest.mark.parametrize(("flag", "depth"), GIVEN)
def test_a_flag_that_the_depth_has_no_use_for_is_refused(
    dbops: Dbops, bare_environment: Path, command: str, flag: str, depth: list[str]
) -> None:
    answered = dbops(command, "--database-url=postgresql://u@127.0.0.1:1/none", flag, *depth)
    assert 2 == answered.code
    assert flag.partition("=")[0] in answered.err
    assert "or leave it out" in " ".join(answered.err.split())
    assert not (bare_environment / "logs").exists()


@pytest.mark.parametrize(
    ("setting", "flags", "sends"),
    [("true", [], True), ("true", ["--no-canary"], False), ("false", [], False), ("false", ["--canary"], True)],
)
def test_canaries_are_sent_where_the_settings_say_so_and_a_flag_overrides_them(
    bare_environment: Path, setting: str, flags: list[str], *, sends: bool
) -> None:
    (bare_environment / "dbops.toml").write_text(f"[drill]\ncanary = {setting}\n")
    canary = {"--canary": True, "--no-canary": False}[flags[0]] if flags else None
    for options in (DrillOptions(depth=Depth.PITR, canary=canary), SuiteOptions(depth=Depth.PITR, canary=canary)):
        settings = load_settings(
            {**setting_flags(options), "wal_archive": Path("wal")}, cwd=bare_environment, environ={}
        )
        assert sends == drill_options(settings, client_bindir=None, deadline=None).canary


def test_a_setting_about_recoveries_does_not_hinder_another_drill(bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text('[drill]\ncanary = true\nbase_backup = "base"\nextensions = ["x"]\n')
    for flags in ({"depth": "restore"}, {"depth": "pitr", "wal_archive": Path("wal")}):
        settings = load_settings(flags, cwd=bare_environment, environ={})
        assert drill_options(settings, client_bindir=None, deadline=None).canary


def test_the_command_to_give_again_looks_at_the_same_thing() -> None:
    options = DrillOptions(
        depth=Depth.PITR, wal_archive=Path("my wal"), base_backup=Path("base"), canary=True, service="erp"
    )
    view = options.view(Outcome(report_of("drill")), problem=False)
    failed = report_of("drill").model_copy(update={"verdict": Verdict.FAIL})
    assert (
        "mend what is named above, then dbops drill --depth=pitr --wal-archive='my wal' --base-backup=base --canary"
        " --service=erp"
    ) == next_command(failed, view.again, view.same)
    again = DrillOptions(id="x", as_superuser=True, allow_extension=["a", "b"], canary=False)
    assert (
        " --allow-extension=a --allow-extension=b --no-canary --id=x --as-superuser"
        == again.view(Outcome(report_of("drill")), problem=False).same
    )
    for backup, said in ((True, " --backup"), (False, " --no-backup"), (None, "")):
        assert said == SuiteOptions(backup=backup).view(Outcome(report_of("suite")), problem=False).same


@pytest.fixture
def archive(server: ScratchServer, erp: Target, tmp_path: Path) -> Path:
    """An archive that somebody else's pg_dump has made."""
    client = find_client(server.binaries.version, environ=os.environ, local=True)
    path = tmp_path / "foreign"
    command = [client.program("pg_dump"), "--format=tar", f"--file={path}", f"--dbname={erp.conninfo()}"]
    subprocess.run(command, check=True)
    return path


def test_a_file_from_anywhere_needs_no_database_and_names_none(dbops: Dbops, archive: Path) -> None:
    answered = dbops("drill", "--artifact", archive, "--json")
    report = answered.report
    assert (0, "pass", None) == (answered.code, report["restorability"], report["target"])
    assert "not measured" == next(one["status"] for one in report["objectives"] if one["id"] == "rpo")


def test_plain_sql_exits_2_and_says_what_makes_an_archive(dbops: Dbops, tmp_path: Path) -> None:
    (tmp_path / "dump.sql.gz").write_bytes(gzip.compress(b"-- PostgreSQL database dump\nSET x = 1;\n"))
    answered = dbops("drill", "--artifact", tmp_path / "dump.sql.gz")
    assert 2 == answered.code
    assert "plain SQL" in " ".join(answered.err.split())
    assert "pg_dump -Fc" in " ".join(answered.err.split())


def test_an_archive_that_is_cut_off_exits_1(dbops: Dbops, archive: Path) -> None:
    os.truncate(archive, archive.stat().st_size // 2)
    answered = dbops("drill", "--artifact", archive, "--json")
    assert (1, "fail") == (answered.code, answered.report["restorability"])


def test_the_oldest_the_newest_and_one_by_its_id_are_drilled(
    dbops: Dbops, erp: Target, url_of: UrlOf, store: LocalStore, back_up: BackUp, tmp_path: Path
) -> None:
    first, last = back_up(erp), back_up(erp)
    where = f"--backup-dir={store.directory}"
    (wal := tmp_path / "wal").mkdir()
    newest, older = "restore of the newest backup", "restore of an older backup"
    for chosen, wanted, timed in (
        (["--oldest", "--database-url", url_of(erp), "--wal-archive", str(wal)], first, older),
        # Without a database: the store holds backups of one only.
        (["--latest"], last, newest),
        ([f"--id={first.manifest.id}"], first, older),
    ):
        answered = dbops("drill", where, "--json", *chosen)
        report = answered.report
        assert (0, "pass") == (answered.code, report["restorability"]), report["problem"]
        assert any(wanted.manifest.id in note for note in report["notes"])
        assert [timed] == [one["scenario"] for one in report["objectives"] if one["id"] == "rto"]
        rpo = next(one for one in report["objectives"] if (one["id"], one["scenario"]) == ("rpo", "host loss"))
        assert ("WAL" in rpo["method"]) is ("--database-url" in chosen), rpo
        assert wanted.manifest.source.system_identifier == report["target"]["systemIdentifier"]
    shown = dbops("drill", where, "--depth=schema", f"--id={first.manifest.id}")
    assert 0 == shown.code
    assert "erp" in shown.out
    assert "by its backup" in shown.out


def test_fixes_are_proven_on_a_backup_of_dbops_or_not_at_all(
    dbops: Dbops, erp: Target, url_of: UrlOf, archive: Path, store: LocalStore
) -> None:
    foreign = dbops("drill", "--prove-fixes", "--artifact", archive)
    assert (2, True) == (foreign.code, "needs a backup of dbops" in foreign.err)
    none = dbops("drill", "--prove-fixes", f"--backup-dir={store.directory}", "--database-url", url_of(erp))
    assert (3, True) == (none.code, "there is no backup of" in " ".join(none.err.split()))


def test_an_unknown_id_exits_2_and_names_the_nearest(
    dbops: Dbops, erp: Target, store: LocalStore, back_up: BackUp
) -> None:
    known = back_up(erp).manifest.id
    wrong = known[:-1] + ("0" if known[-1] != "0" else "1")
    answered = dbops("drill", f"--backup-dir={store.directory}", f"--id={wrong}")
    assert 2 == answered.code
    assert f"did you mean {known}" in " ".join(answered.err.split())


def test_a_store_of_several_databases_has_to_be_told_which(
    dbops: Dbops, erp: Target, server: ScratchServer, store: LocalStore, back_up: BackUp
) -> None:
    back_up(erp)
    back_up(server.target())
    answered = dbops("drill", f"--backup-dir={store.directory}", "--latest")
    assert 2 == answered.code
    assert "--database-url" in answered.err


def test_without_any_backup_the_choice_exits_3(dbops: Dbops, store: LocalStore, bare_environment: Path) -> None:
    assert 3 == dbops("drill", f"--backup-dir={store.directory}", "--latest").code
    assert 3 == dbops("drill", f"--backup-dir={bare_environment / 'nowhere'}", "--oldest").code


def test_clean_has_nothing_to_do_where_nothing_was_killed(dbops: Dbops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbops.connection.registry._places", list)
    answered = dbops("drill", "clean")
    assert 0 == answered.code
    assert "nothing was left" in answered.out
