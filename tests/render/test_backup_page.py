"""The page of backups: every one is on it, a damaged one is marked, and no name is taken for markup."""

from __future__ import annotations

import datetime as dt
import html
import re
from pathlib import Path

import pytest

from dbops.backup.history import Entry
from dbops.model import BackupArtifact, BackupFile, BackupManifest, SourceInfo, Verdict
from dbops.render.backup_page import backup_page
from dbops.render.backups import list_lines
from dbops.render.terminal import clean
from dbops.storage.attested import Attestation, Standing
from dbops.storage.stored import StoredBackup

FIRST = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
NOW = FIRST + dt.timedelta(days=40)


def entry(day: int, *, database: str = "erp", found: Verdict | None = None, held: str | None = None) -> Entry:
    at = FIRST + dt.timedelta(days=day)
    identity = f"{at:%Y%m%dT%H%M%SZ}-{day:06x}"
    manifest = BackupManifest(
        id=identity,
        snapshot_at=at,
        published_at=at + dt.timedelta(seconds=20),
        source=SourceInfo(
            system_identifier="7",
            timeline=1,
            lsn="0/0",
            database=database,
            version="15.18",
            encoding="UTF8",
            locale="C",
            provider="libc",
        ),
        artifact=BackupArtifact(
            files=(BackupFile(path=f"erp-{identity}.dump", bytes=1 << 20, sha256="0" * 64),),
            format="custom",
            codec="gzip",
        ),
    )
    said = found and Attestation(at=at, run_id=identity, backup=identity, kind="verified", outcome=found)
    stored = StoredBackup(manifest, Path(f"erp-{identity}.manifest.json"))
    return Entry(stored, Standing(verified=said), held, source_bytes=(1 << 20) * (day + 1), change=day)


def newest_first(*entries: Entry) -> tuple[Entry, ...]:
    return tuple(reversed(entries))


def test_every_backup_is_in_the_table_and_on_the_curves() -> None:
    entries = newest_first(*(entry(day) for day in range(30)))
    text = backup_page(entries, ["x.dump: no manifest"], "/srv/backups", NOW)
    assert [30] == [len(re.findall(f'<code class="hash">{one}', text)) for one in ["2026"]]
    assert 60 == len(re.findall("<circle", text))
    assert "x.dump: no manifest" in text
    assert "102.4 KiB/s" in text  # 2 MiB in 20 s


def test_a_damaged_backup_is_marked_by_shape_and_word_and_counted() -> None:
    entries = newest_first(entry(0, found=Verdict.PASS), entry(1, found=Verdict.FAIL), entry(2))
    text = backup_page(entries, (), "/srv/backups", NOW)
    assert 1 == len(re.findall('<rect class="point bad"', text))
    assert 1 == len(re.findall('<circle class="point unsure"', text))
    assert "DAMAGED 2026-03-02" in text
    assert "hollow: not verified since it was made" in text
    assert re.search(r'<div class="tile bad"><div class="label">Damaged</div><div class="value">1<', text)


def test_databases_have_curves_of_their_own() -> None:
    entries = newest_first(entry(0), entry(1, database="crm"), entry(2))
    text = backup_page(entries, (), "/srv/backups", NOW)
    assert ["crm", "erp"] == re.findall("<h2>(crm|erp)</h2>", text)
    assert 4 == len(re.findall("<svg", text))


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_pages_too(count: int) -> None:
    text = backup_page(tuple(entry(day) for day in range(count)), (), "/srv/backups", NOW)
    assert text.startswith("<!DOCTYPE html>")
    assert 2 * count == len(re.findall("<svg", text))


def test_a_name_adds_no_element(name: str) -> None:
    hostile = backup_page((entry(0, database=name, held=name),), (name,), name, NOW)
    tame = backup_page((entry(0, held="erp"),), ("erp",), "erp", NOW)
    tags = re.compile(r"</?([a-z0-9]+)")
    assert tags.findall(tame) == tags.findall(hostile)
    assert clean(name) in html.unescape(hostile)


def test_a_name_of_two_lines_is_one_line_of_the_list_in_its_column() -> None:
    entries = newest_first(entry(1), entry(2, database="two\nlines"))
    lines = [clean(line) for line in list_lines(entries, NOW)]
    assert "two\\nlines" in lines[1]
    assert 1 == len({line.index(stamp) for line, stamp in zip(lines, ("SNAPSHOT", "2026-", "2026-"), strict=True)})
