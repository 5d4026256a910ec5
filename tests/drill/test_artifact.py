"""Archives from anywhere: what is recognised, what is refused and how, what a drill of one shows without a source."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.binaries import find_client, find_server
from dbops.drill.foreign import drill_artifact
from dbops.drill.options import DrillOptions
from dbops.drill.recognise import recognise
from dbops.errors import DamageError, DbopsError, ExitCode, UsageError
from dbops.evidence.judge import check_fails
from dbops.evidence.run import Run
from dbops.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target
    from dbops.model import Report

    DrillArtifact = Callable[..., Report]

FORMS = {"custom": "c", "directory": "d", "tar": "t"}


@pytest.fixture(scope="module")
def client() -> Binaries:
    return find_client(find_server(None, environ=os.environ).version, environ=os.environ, local=True)


def dump(client: Binaries, target: Target, to: Path, *arguments: str) -> Path:
    """Dump as any other tool would, with pg_dump."""
    subprocess.run([client.program("pg_dump"), *arguments, f"--file={to}", f"--dbname={target.conninfo()}"], check=True)
    return to


@pytest.fixture
def drill(tmp_path: Path) -> DrillArtifact:
    """Drill a file; an error's report is a report too."""

    def make(path: Path, options: DrillOptions | None = None, *, data: bool = True) -> Report:
        try:
            with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
                drill_artifact(path, run, options=options or DrillOptions(), data=data)
        except DbopsError as error:
            return error.report
        return run.report

    return make


def _failed(report: Report) -> list[str]:
    """Return what counts against the archive; a warning does not."""
    return [check.check for check in report.checks if check_fails(check, report.fail_on)]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_from_anywhere_is_restored_with_owners_and_rights_without_any_database(
    form: str, nasty: Target, client: Binaries, drill: DrillArtifact, tmp_path: Path
) -> None:
    # Under a name that says something else: the bytes count.
    report = drill(dump(client, nasty, tmp_path / "backup.sql", f"--format={form}"))
    assert [] == _failed(report)
    assert (Verdict.PASS, ExitCode.PASS) == (report.restorability, report.exit_code)
    assert report.target is None
    plain = next(check for check in report.checks if check.check == "plain-restore")
    assert "app.mv_tenants" in {one.object for one in plain.findings}
    rows = next(check for check in report.checks if check.check == "row-counts")
    assert rows.scope is not None
    assert rows.scope.total == rows.scope.checked > 10
    untested = "\n".join(report.not_tested)
    assert "whether the rows are those of the source" in untested
    assert ("carry no checksum" in untested) == (form == "tar")
    assert {f"{report.run_id}/archive.json", f"{report.run_id}/contents.list"} <= {one.path for one in report.artifacts}
    assert any(f"{form} format" in note and "pg_dump" in note for note in report.notes)


def test_an_archive_written_to_a_pipe_is_restored(
    erp: Target, client: Binaries, drill: DrillArtifact, tmp_path: Path
) -> None:
    """It has no offsets, since what was written could not be gone back to."""
    path = tmp_path / "piped"
    with path.open("wb") as out:
        command = [client.program("pg_dump"), "--format=custom", f"--dbname={erp.conninfo()}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            shutil.copyfileobj(process.stdout, out)
        assert 0 == process.returncode
    report = drill(path)
    assert ([], Verdict.PASS) == (_failed(report), report.restorability)


def test_the_schema_alone_says_nothing_about_rows(
    erp: Target, client: Binaries, drill: DrillArtifact, tmp_path: Path
) -> None:
    report = drill(dump(client, erp, tmp_path / "erp.dump", "--format=custom"), data=False)
    assert Verdict.PASS is report.restorability
    assert "row-counts" not in {check.check for check in report.checks}
    assert any("only the schema was restored" in text for text in report.not_tested)


def test_an_archive_of_some_tables_is_restored_where_they_stand_alone(
    database: Target, run_sql: Any, client: Binaries, drill: DrillArtifact, tmp_path: Path
) -> None:
    run_sql(database, "create table a (id int primary key); create table b (a int references a)")
    report = drill(dump(client, database, tmp_path / "a.dump", "--format=custom", "--table=a"))
    assert ([], Verdict.PASS) == (_failed(report), report.restorability)
    report = drill(dump(client, database, tmp_path / "b.dump", "--format=custom", "--table=b"))
    assert (["restore-errors"], Verdict.FAIL) == (_failed(report), report.restorability)


def test_rows_without_their_tables_are_not_drilled_and_a_schema_without_rows_says_so(
    erp: Target, client: Binaries, drill: DrillArtifact, tmp_path: Path
) -> None:
    report = drill(dump(client, erp, tmp_path / "rows.dump", "--format=custom", "--data-only"))
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)
    assert report.problem is not None
    assert "--data-only" in (report.problem.hint or "")
    report = drill(dump(client, erp, tmp_path / "schema.dump", "--format=custom", "--schema-only"))
    assert ([], Verdict.PASS) == (_failed(report), report.restorability)
    assert "rows: the archive holds none, only a schema" in report.not_tested


PLAIN = b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nCREATE TABLE t ();\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain", PLAIN),
        ("with a byte order mark", b"\xef\xbb\xbf" + PLAIN),
        ("compressed", gzip.compress(PLAIN, mtime=0)),  # a case has the same name in every worker
        ("with a restrict line", b"\\restrict abc\n" + PLAIN),
        ("of pg_dumpall", b"--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n"),
        ("of a person", b"create table t (i int);\ninsert into t values (1);\n"),
    ],
)
def test_plain_sql_is_refused_with_the_command_that_makes_an_archive(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.dump"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="plain SQL") as caught:
        recognise(path)
    assert 'pg_dump -Fc --file=backup.dump --dbname="$DATABASE_URL"' in (caught.value.hint or "")
    assert ExitCode.USAGE == caught.value.exit_code


def test_what_is_packed_once_more_is_refused_with_the_command_that_unpacks_it(
    erp: Target, client: Binaries, tmp_path: Path
) -> None:
    archive = dump(client, erp, tmp_path / "erp.dump", "--format=custom")
    packed = tmp_path / "erp.dump.gz"
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    with pytest.raises(UsageError, match="holds an archive") as caught:
        recognise(packed)
    assert f"gunzip --keep {packed}" in (caught.value.hint or "")
    directory = dump(client, erp, tmp_path / "erp.dir", "--format=directory")
    with tarfile.open(tmp_path / "erp.tar", "w") as tar:
        tar.add(directory, "erp.dir")
    with pytest.raises(UsageError, match="tar file") as caught:
        recognise(tmp_path / "erp.tar")
    assert "tar -xf" in (caught.value.hint or "")


def test_what_is_no_archive_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "PG_VERSION").write_text("15\n")
    with pytest.raises(UsageError, match="physical copy"):
        recognise(tmp_path / "base")
    (tmp_path / "secret.age").write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")
    with pytest.raises(UsageError, match="encrypted"):
        recognise(tmp_path / "secret.age")
    with pytest.raises(UsageError, match="No such file"):
        recognise(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither a file nor a directory"):
        recognise(tmp_path / "pipe")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(600), b"\x00GDMP" + bytes(100)])
def test_what_is_no_backup_at_all_is_damage(data: bytes, tmp_path: Path, drill: DrillArtifact) -> None:
    path = tmp_path / "x.dump"
    path.write_bytes(data)
    report = drill(path)
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)


def test_a_directory_without_its_table_of_contents_is_damage(erp: Target, client: Binaries, tmp_path: Path) -> None:
    directory = dump(client, erp, tmp_path / "erp.dir", "--format=directory")
    (directory / "toc.dat").unlink()
    with pytest.raises(DamageError, match=r"toc\.dat"):
        recognise(directory)
