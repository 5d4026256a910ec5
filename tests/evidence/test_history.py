"""Earlier reports, gaps between them, and where the objectives stand."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from dbops.evidence.answers import Question
from dbops.evidence.examine import Seen, examine, examine_log, load_checkpoint
from dbops.evidence.history import previous_reports
from dbops.evidence.keys import Trust
from dbops.evidence.run import Run
from dbops.evidence.ticket import examine_report
from dbops.model import TargetInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.evidence.answers import Verification
    from dbops.evidence.keys import Signer
    from dbops.model import Report

CLUSTER = "7300000000000000001"


def ids(folder: Path, cluster: str = CLUSTER, database: str = "erp") -> list[str]:
    return [report.run_id for report in previous_reports(folder, cluster, database)]


def test_reports_on_one_database_come_newest_first(finished: Callable[..., Report], logs: Path) -> None:
    made = [finished().run_id for _ in range(3)]
    assert ids(logs / "backup-drill") == made[::-1]
    assert ids(logs / "backup-drill", cluster="7300000000000000002") == []
    assert ids(logs / "backup-drill", database="other") == []


def test_within_one_second_the_later_file_is_the_newer(logs: Path) -> None:
    made = []
    for number in range(5):
        with Run.start("audit", logs, "index-audit") as run:
            run.target = TargetInfo(host="db", port=5432, database="erp", user="u", system_identifier=CLUSTER)
        # All in one second, with names that sort the other way round.
        name = f"20260101T000000Z-{9 - number}00000"
        target = run.report_path.with_name(f"{name}.json")
        target.write_text(run.report_path.read_text().replace(run.run_id, name))
        run.report_path.unlink()
        os.utime(target, ns=(number, number))
        made.append(name)
    assert ids(logs / "index-audit") == made[::-1]


def test_a_folder_that_is_not_there_has_no_history(logs: Path) -> None:
    assert ids(logs / "index-audit") == []


def test_fields_of_a_later_version_are_ignored_and_what_is_no_report_is_passed_over(
    finished: Callable[..., Report], logs: Path
) -> None:
    folder = logs / "backup-drill"
    first, second = finished(), finished()
    path = folder / f"{first.run_id}.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "invented": {"later": True}}))
    (folder / "20270101T000000Z-abcdef.json").write_text("{")
    (folder / "20270102T000000Z-abcdef.json").write_text('{"schema": "dbops/report/v2"}')
    (folder / "20270103T000000Z-abcdef.json").symlink_to("nowhere")
    for name in ("body", "unrecorded"):
        shutil.copy(path, folder / f"{first.run_id}.{name}.json")
    assert ids(folder) == [second.run_id, first.run_id]


def test_history_is_read_only_as_far_as_it_is_asked_for(finished: Callable[..., Report], logs: Path) -> None:
    finished()
    newest = finished()
    for path in sorted((logs / "backup-drill").glob("*.json"))[:1]:
        path.write_text("never read")
    assert next(previous_reports(logs / "backup-drill", CLUSTER, "erp")).run_id == newest.run_id


def answer(verification: Verification, name: str) -> tuple[str, tuple[str, ...]]:
    return next((it.answer.value, it.reasons) for it in verification.answers if it.name == name)


def test_a_gap_between_runs_is_named_with_when_it_began(
    finished: Callable[..., Report], logs: Path, signer: Signer, moving: Any
) -> None:
    finished()
    finished()
    moving.moment += dt.timedelta(days=2)
    finished()
    trust = Trust({}).and_key(signer.public)
    allowed = dt.timedelta(hours=26)
    said, reasons = answer(examine(logs, Question(trust, None, allowed)), "NO GAPS")
    assert said == "no"
    assert [reason.split(" after")[0] for reason in reasons] == [
        "drill of erp (7300000000000000001) did not run for 72.0 h"
    ]
    assert answer(examine(logs, Question(trust, None, dt.timedelta(hours=80))), "NO GAPS")[0] == "yes"
    late = moving.moment + dt.timedelta(days=9)
    assert answer(examine(logs, Question(trust, None, dt.timedelta(hours=80), late)), "NO GAPS")[0] == "no"


def test_runs_by_hand_of_another_command_do_not_fill_a_gap(
    finished: Callable[..., Report], logs: Path, moving: Any
) -> None:
    finished(command="suite")
    finished(command="audit")
    finished(command="suite")
    assert answer(examine(logs, Question(max_gap=dt.timedelta(hours=26))), "NO GAPS")[0] == "no"
    assert answer(examine(logs, Question(max_gap=dt.timedelta(hours=50))), "NO GAPS")[0] == "yes"


def test_the_newest_measurement_of_an_objective_speaks_and_earlier_misses_are_counted(
    finished: Callable[..., Report], logs: Path
) -> None:
    finished(met=False)
    finished(met=True)
    assert answer(examine(logs, Question()), "OBJECTIVES") == (
        "yes",
        ("rto of erp (restore) met: 90 of 100 ms, missed 1 time before",),
    )
    finished(met=False)
    assert answer(examine(logs, Question()), "OBJECTIVES")[0] == "no"


def test_a_missed_objective_in_sound_evidence_ends_with_1(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    finished(met=False)
    assert examine(logs, Question(Trust({}).and_key(signer.public))).exit_code == 1


def test_a_run_that_ends_while_the_log_is_verified_is_not_looked_at(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    finished()
    seen: list[Seen] = []

    def witness(one: Seen) -> None:
        if not seen:
            finished()
        seen.append(one)

    verification = examine_log(logs, Question(Trust({}).and_key(signer.public)), witness)
    assert (0, 3) == (verification.exit_code, len(seen))
    assert answer(verification, "ARTIFACTS MATCH")[0] == "yes"


@pytest.mark.parametrize("where", ["", "evidence", "evidence/log.jsonl"])
def test_a_log_is_found_by_any_of_its_paths(finished: Callable[..., Report], logs: Path, where: str) -> None:
    finished()
    assert examine(logs / where, Question()).subject == str(logs)


def test_a_report_alone_says_what_it_cannot_show_and_which_files_are_missing(
    finished: Callable[..., Report], logs: Path, signer: Signer, tmp_path: Path
) -> None:
    report = finished()
    question = Question(Trust({}).and_key(signer.public))
    beside = examine_report(logs / "backup-drill" / f"{report.run_id}.json", question)
    assert answer(beside, "ARTIFACTS MATCH") == ("yes", ("1 file is what the report says",))
    alone = shutil.copy(logs / "backup-drill" / f"{report.run_id}.json", tmp_path / "ticket.json")
    verification = examine_report(alone, question)
    assert [it.answer.value for it in verification.answers] == [
        "yes",
        "not checked",
        "not checked",
        "not checked",
        "not checked",
        "yes",
    ]
    assert verification.exit_code == 0


def test_a_suite_s_ticket_is_authentic_only_with_all_of_its_parts(logs: Path, signer: Signer, tmp_path: Path) -> None:
    with Run.start("suite", logs, "resilience-suite", signer=signer) as run:
        with run.part("audit", "index-audit") as part:
            part.note("a note")
        run.attach(part.report, part.report_path)
    question = Question(Trust({}).and_key(signer.public))
    ticket = tmp_path / "ticket.json"
    ticket.write_bytes(run.report_path.read_bytes())
    said, reasons = answer(examine_report(ticket, question), "AUTHENTIC")
    assert (said, reasons[1].split(", ")[1]) == ("yes", "1 part sealed too")
    ticket.write_text(ticket.read_text().replace('"a note"', '"b note"'))
    assert answer(examine_report(ticket, question), "AUTHENTIC")[0] == "no"


def test_a_report_serves_as_a_checkpoint(finished: Callable[..., Report], logs: Path, signer: Signer) -> None:
    report = finished()
    older = load_checkpoint(logs / "backup-drill" / f"{report.run_id}.json")
    finished()
    question = Question(Trust({}).and_key(signer.public), older)
    assert answer(examine(logs, question), "NOT ROLLED BACK")[0] == "yes"
