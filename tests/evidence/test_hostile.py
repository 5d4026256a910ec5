"""Evidence from somebody who means harm: whatever it holds, both verifiers answer, and neither falls over or waits.

Who has a key of his own can seal anything, so a seal that fits says nothing about what it holds.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.evidence import keys
from dbops.evidence.answers import Question
from dbops.evidence.canonical import readable
from dbops.evidence.keys import NO_TRUST, Trust
from dbops.evidence.records import Head, Statement
from dbops.evidence.seal import line_bytes, seal_of, sha256, sign_head, sign_statement, subjects_of
from dbops.evidence.ticket import examine_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.evidence.keys import Signer
    from dbops.model import Report

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_evidence.py"


def sealed_anew(report: Report, signer: Signer, field: str, value: Any) -> bytes:
    """Return a report with another value in one field, and a flawless seal around it."""
    body = report.to_json()
    statement = json.loads(base64.b64decode(body.pop("seal")["envelope"]["payload"]))
    body[field] = value
    record = statement["predicate"]
    subjects = [subject.to_json() for subject in subjects_of(body, record["report"])]
    line = sign_statement(Statement.model_validate({"subject": subjects, "predicate": record}), [signer])
    head = Head(log=record["log"], size=record["seq"] + 1, head=sha256(line_bytes(line)), at=record["at"])
    return readable({**body, "seal": seal_of(line, sign_head(head, [signer])).to_json()})


def second_verifier(path: Path, signer: Signer, directory: Path) -> subprocess.CompletedProcess[str]:
    trusted = directory / "trusted.pem"
    trusted.write_bytes(keys.public_pem(signer))
    command = [sys.executable, "-I", str(SCRIPT), str(path), "--trust", str(trusted)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("trusted", [True, False], ids=["by a trusted key", "by another"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reports", None),
        ("reports", [5]),
        ("reports", [{}, {"seal": 5}]),
        ("objectives", None),
        ("objectives", ["met"]),
        ("objectives", [{"id": "rto"}]),
        ("target", "erp"),
    ],
)
def test_a_report_that_is_sealed_and_none_is_refused_with_a_sentence(
    finished: Callable[..., Report], signer: Signer, tmp_path: Path, field: str, value: Any, trusted: bool
) -> None:
    path = tmp_path / "ticket.json"
    path.write_bytes(sealed_anew(finished(), signer, field, value))
    verification = examine_report(path, Question(Trust({}).and_key(signer.public) if trusted else NO_TRUST))
    assert (4, "no") == (verification.exit_code, verification.answers[0].answer)
    assert {"not checked"} == {it.answer.value for it in verification.answers[1:]}
    completed = second_verifier(path, signer, tmp_path)
    assert "" == completed.stderr
    assert completed.returncode == (4 if field == "reports" else 0)  # it looks at nothing but seals and parts


@pytest.mark.parametrize(
    "name",
    ["evidence/checkpoint", "evidence/log.jsonl.lock", "backup-drill/{run}.json", "backup-drill/{run}/listing.txt"],
)
@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["a pipe", "a device"])
def test_nobody_waits_for_a_pipe_or_reads_a_device(
    finished: Callable[..., Report],
    logs: Path,
    signer: Signer,
    tmp_path: Path,
    name: str,
    put: Callable[[Path], object],
) -> None:
    path = logs / name.format(run=finished().run_id)
    path.unlink()
    put(path)
    theirs = second_verifier(logs, signer, tmp_path)
    words = ["evidence", "verify", str(logs), "--trust", str(tmp_path / "trusted.pem")]
    ours = subprocess.run(
        [sys.executable, "-m", "dbops", *words], check=False, capture_output=True, text=True, timeout=30, cwd=tmp_path
    )
    code = 0 if name.endswith(".lock") else 4  # who only reads needs no lock
    assert (code, code, "") == (ours.returncode, theirs.returncode, ours.stderr + theirs.stderr)


_PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.mark.skipif(bool(_PLAIN) and shutil.which("setpriv") is None, reason="no setpriv, and root reads everything")
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("evidence", 3, "log.jsonl: Permission denied"),
        ("evidence/log.jsonl", 3, "log.jsonl: Permission denied"),
        ("backup-drill", 4, "Permission denied"),
    ],
)
def test_what_may_not_be_read_is_named(
    finished: Callable[..., Report], logs: Path, tmp_path: Path, signer: Signer, name: str, code: int, said: str
) -> None:
    finished()
    (tmp_path / "trusted.pem").write_bytes(keys.public_pem(signer))
    mode = (logs / name).stat().st_mode
    (logs / name).chmod(0)
    words = ["evidence", "verify", str(logs), "--trust", str(tmp_path / "trusted.pem")]
    command = [*_PLAIN, sys.executable, "-m", "dbops", *words]
    completed = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    (logs / name).chmod(mode)
    assert code == completed.returncode, completed.stdout + completed.stderr
    assert said in " ".join((completed.stdout + completed.stderr).split())
