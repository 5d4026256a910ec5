"""The evidence of a demo: apart from real nights, and a ticket that verifies elsewhere with only the public key."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Dbops = Callable[..., "Answer"]
    from conftest import Answer

SECOND_VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_evidence.py"


def test_the_ticket_of_a_demo_verifies_in_another_directory_with_only_the_public_key(
    dbops: Dbops, bare_environment: Path, tmp_path: Path
) -> None:
    shown = dbops("demo", "--output", "demo.html")
    assert (0, "") == (shown.code, "" if "PASS" in shown.out else shown.out)
    assert ["demo"] == [path.name for path in (bare_environment / "logs").iterdir()]
    (kept,) = (bare_environment / "logs" / "demo" / "resilience-suite").glob("*.json")
    (line,) = [line for line in shown.out.splitlines() if line.startswith("Verify: dbops ")]
    assert 0 == dbops(*shlex.split(line)[2:]).code
    elsewhere = tmp_path / "ticket"
    elsewhere.mkdir()
    ticket, public = (Path(shutil.copy(path, elsewhere)) for path in (kept, kept.with_suffix(".pem.pub")))
    assert not list(tmp_path.rglob("*.pem"))
    shutil.rmtree(bare_environment / "logs")

    verified = dbops("evidence", "verify", ticket, "--trust", public)
    assert 0 == verified.code
    assert verified.out.startswith("AUTHENTIC: yes")
    report = json.loads(ticket.read_text())
    assert f"{len(report['reports'])} parts sealed too" in verified.out
    second = subprocess.run(
        [sys.executable, SECOND_VERIFIER, ticket, "--trust", public], capture_output=True, text=True, check=False
    )
    assert (0, "") == (second.returncode, second.stderr)

    report["reports"][1]["durationMs"] -= 1
    ticket.write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    assert 4 == dbops("evidence", "verify", ticket, "--trust", public).code


def test_a_demo_in_a_directory_that_was_named_keeps_to_what_is_there(dbops: Dbops, bare_environment: Path) -> None:
    dbops("audit", "--database-url", "postgresql://nobody@127.0.0.1:1/none", "--log-dir", "named")
    dbops("demo", "--broken", "--log-dir", "named")
    lines = [json.loads(line) for line in (bare_environment / "named/evidence/log.jsonl").read_bytes().splitlines()]
    assert {0} == {len(line["signatures"]) for line in lines}
    assert not list(bare_environment.rglob("*.pub"))
