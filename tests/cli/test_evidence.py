"""`dbops evidence` as an operator and an auditor type it."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.evidence.keys import find_signer
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    Dbops = Callable[..., Any]

LOGS = Path("logs")


@pytest.fixture
def public() -> Path:
    """Where the public key of the user of `dbops` is made."""
    return Path.home() / ".config" / "dbops" / "evidence.pem.pub"


def one_run(command: str = "audit") -> Path:
    with Run.start(command, LOGS, "index-audit", signer=find_signer(None, LOGS)) as run:
        pass
    return run.report_path


def test_keygen_makes_a_private_key_where_the_next_run_finds_it(dbops: Dbops, public: Path) -> None:
    answer = dbops("evidence", "keygen")
    assert (answer.code, answer.err) == (0, "")
    assert str(public) in answer.out.replace("\n", "")
    assert stat.S_IMODE(public.with_suffix("").stat().st_mode) == 0o600
    assert json.loads(one_run().read_text())["seal"]["status"] == "signed"


def test_keygen_refuses_to_replace_a_key_and_to_put_one_below_the_logs(dbops: Dbops) -> None:
    assert dbops("evidence", "keygen").code == 0
    assert dbops("evidence", "keygen").code == 2
    LOGS.mkdir()
    assert dbops("evidence", "keygen", "--key", "logs/key.pem").code == 2
    assert list(LOGS.iterdir()) == []


def test_a_log_verifies_with_the_public_key_alone_and_each_property_has_its_line(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    one_run()
    shutil.copy(LOGS / "evidence" / "checkpoint", "older")
    one_run()
    answer = dbops("evidence", "verify", "--trust", public, "--checkpoint", "older")
    assert answer.code == 0
    assert [line.split(" (")[0] for line in answer.out.splitlines() if line.split(":")[0].isupper()] == [
        "AUTHENTIC: yes",
        "COMPLETE: yes",
        "NOT ROLLED BACK: yes",
        "NO GAPS: not checked",
        "ARTIFACTS MATCH: yes",
        "OBJECTIVES: not checked",
    ]


def test_a_ticket_verifies_elsewhere_with_the_public_key_alone(dbops: Dbops, public: Path, tmp_path: Path) -> None:
    dbops("evidence", "keygen")
    ticket = tmp_path / "ticket.json"
    shutil.copy(one_run(), ticket)
    shutil.rmtree(LOGS)
    assert dbops("evidence", "verify", ticket, "--trust", public).code == 0
    ticket.write_text(ticket.read_text().replace('"verdict": "pass"', '"verdict": "fail"'))
    assert dbops("evidence", "verify", ticket, "--trust", public).code == 4


def test_without_a_trusted_key_the_answer_is_unauthenticated_and_4(dbops: Dbops) -> None:
    dbops("evidence", "keygen")
    one_run()
    answer = dbops("evidence", "verify")
    assert answer.code == 4
    assert "AUTHENTIC: no (UNAUTHENTICATED" in answer.out


def test_the_answers_are_a_report_in_json(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    one_run()
    report = dbops("evidence", "verify", "--trust", public, "--json").report
    assert (report["command"], report["verdict"], report["exitCode"]) == ("evidence verify", "pass", 0)
    assert {check["check"]: check["status"] for check in report["checks"]} == {
        "evidence-authentic": "pass",
        "evidence-complete": "pass",
        "evidence-not-rolled-back": "skip",
        "evidence-no-gaps": "skip",
        "evidence-artifacts-match": "pass",
        "evidence-objectives": "skip",
    }


def test_a_gap_is_a_no_of_sound_evidence(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    one_run()
    answer = dbops("evidence", "verify", "--trust", public, "--max-gap", "26h")
    assert answer.code == 1
    assert "NO GAPS: no (no run has ended" in answer.out


def test_a_rotated_key_is_followed_from_the_old_one(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    one_run()
    shutil.copy(public, "old.pem")
    assert dbops("evidence", "rotate").code == 0
    one_run()
    assert dbops("evidence", "verify", "--trust", "old.pem").code == 0
    assert dbops("evidence", "verify", "--trust", public).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "nowhere"), "neither a log directory"),
        (("verify", "--trust", "nowhere.pem"), "cannot read the trusted keys"),
        (("verify", "--checkpoint", "nowhere"), "cannot read the checkpoint"),
        (("verify", "logs", "--max-gap", "soon"), "--max-gap 'soon'"),
        (("verify", "logs", "--max-gap", "0s"), "--max-gap 0s allows nothing"),
        (("rotate",), "cannot read the evidence key"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(dbops: Dbops, words: tuple[str, ...], said: str) -> None:
    one_run()
    answer = dbops("evidence", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in " ".join(answer.err.split())
    assert "Traceback" not in answer.err


def test_a_report_that_is_no_report_ends_with_4(dbops: Dbops) -> None:
    Path("junk.json").write_bytes(b"[" * 100_000)
    answer = dbops("evidence", "verify", "junk.json")
    assert (answer.code, "AUTHENTIC: no (nested too deeply)" in answer.out) == (4, True)


def test_a_period_is_reported_on_the_terminal_as_a_page_and_as_json(
    dbops: Dbops, public: Path, bare_environment: Path
) -> None:
    dbops("evidence", "keygen")
    one_run()
    answer = dbops("evidence", "report", "--trust", public, "--output", "p.html", "--output", "p.md")
    assert (0, "") == (answer.code, answer.err)
    assert ("1 run that counts" in answer.out, "Next:" in answer.out) == (True, False)
    assert "Next: --output" in dbops("evidence", "report", "--trust", public).out
    assert "<!DOCTYPE html>" in Path("p.html").read_text()
    assert Path("p.md").read_text().startswith("# Recovery readiness, the first record to ")
    report = dbops("evidence", "report", "--trust", public, "--json").report
    assert "evidence report" == report["command"]
    assert "pass" == report["verdict"]


def test_without_a_trusted_key_a_period_has_no_run_that_counts_and_the_answer_is_4(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    one_run()
    answer = dbops("evidence", "report", "--format", "markdown")
    assert 4 == answer.code
    assert "The evidence does not hold" in answer.out
    assert "0 runs that count" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "yesterday"), "--from 'yesterday' is no date"),
        (("--to", "9999-12-31"), "--to '9999-12-31' is no date"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "--from 2026-03-02 is not before --to 2026-03-01"),
        (("nowhere",), "nowhere is no log directory"),
        (("--output", "p.xml"), "no result that can be shown as 'junit'"),
    ],
)
def test_a_period_that_is_none_ends_with_2_and_a_sentence(dbops: Dbops, words: tuple[str, ...], said: str) -> None:
    answer = dbops("evidence", "report", *words)
    assert 2 == answer.code
    assert said in " ".join(answer.err.split())


def test_a_period_includes_its_last_day(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    run = json.loads(one_run().read_text())
    day = run["finishedAt"][:10]
    said = dbops("evidence", "report", "--trust", public, "--from", day, "--to", day).out
    assert "1 run that counts" in said


def test_a_challenge_is_on_record_and_told_to_whoever_verifies(dbops: Dbops, public: Path) -> None:
    dbops("evidence", "keygen")
    nowhere = "--database-url=postgresql://nobody@127.0.0.1:1/erp"
    assert 3 == dbops("suite", nowhere, "--challenge", "CHG-4711 \u00fc").code
    lines = (LOGS / "evidence" / "log.jsonl").read_bytes().splitlines()
    records = [json.loads(line)["statement"]["predicate"] for line in lines]
    started = [record for record in records if record["type"] == "run.started"]
    assert [("suite", "CHG-4711 \u00fc")] == [(it["command"], it["challenge"]) for it in started][:1]
    (ticket,) = (LOGS / "resilience-suite").glob("*.json")
    assert 'run for the challenge "CHG-4711 \u00fc"' in dbops("evidence", "verify", ticket, "--trust", public).out
    said = dbops("evidence", "report", "--trust", public, "--output", "p.html", "--output", "p.md").out
    assert "challenge CHG-4711 \u00fc: drill inconclusive, audit inconclusive, suite inconclusive (" in said
    for page in ("p.html", "p.md"):
        assert "Run for a challenge" in Path(page).read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["", "  ", "CHG\n4711", "CHG\udcff"], ids=["empty", "blank", "two lines", "no text"])
def test_a_challenge_that_nobody_can_have_named_exits_2_and_nothing_runs(dbops: Dbops, word: str) -> None:
    answer = dbops("suite", "--database-url=postgresql://nobody@127.0.0.1:1/erp", "--challenge", word)
    assert (2, "") == (answer.code, answer.out)
    assert "--challenge" in answer.err
    assert not LOGS.exists()
