"""Readers that share no code with dbops accept what it writes and refuse what was altered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from dbops.evidence import keys
from dbops.evidence.rotation import rotate
from dbops.evidence.run import Run
from dbops.evidence.schema import schemas

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from dbops.evidence.keys import Signer
    from dbops.model import Report

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")


@needs_openssl
def test_the_commands_of_the_page_accept_a_report_its_files_and_the_chain(
    logs: Path,
    finished: Callable[..., Report],
    shell: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    finished()
    older = Path(shutil.copy(logs / "evidence" / "checkpoint", tmp_path))
    report = finished()
    completed = shell(logs / "backup-drill" / f"{report.run_id}.json", older)
    assert completed.stdout.splitlines() == [
        "Signature Verified Successfully",
        "Report Verified Successfully",
        f"backup-drill/{report.run_id}/listing.txt: OK",
        "Chain Verified Successfully",
        "Older Checkpoint Verified Successfully",
    ]
    assert (completed.returncode, completed.stderr) == (0, "")


@needs_openssl
@pytest.mark.parametrize("what", ["signature", "report", "artifact", "chain"])
def test_the_commands_of_the_page_refuse_what_was_altered(
    logs: Path,
    finished: Callable[..., Report],
    shell: Callable[..., subprocess.CompletedProcess[str]],
    what: str,
) -> None:
    finished()
    report = finished()
    path = logs / "backup-drill" / f"{report.run_id}.json"
    listing = path.with_suffix("") / "listing.txt"
    altered = {
        "signature": (path, '"sig": "', '"sig": "AAAA', "Signature Verified Successfully"),
        "report": (path, '"host": "db"', '"host": "dc"', "Report Verified Successfully"),
        "artifact": (listing, "listing", "Listing", f"backup-drill/{report.run_id}/listing.txt: OK"),
        "chain": (logs / "evidence" / "log.jsonl", '"drill"', '"drilk"', "Chain Verified Successfully"),
    }
    file, old, new, not_said = altered[what]
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert not_said not in shell(path, logs / "evidence" / "checkpoint").stdout.splitlines()


def test_securesystemslib_verifies_the_envelope_of_a_report(finished: Callable[..., Report], signer: Signer) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    signing = pytest.importorskip("securesystemslib.signer")
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.exceptions import VerificationError

    key = signing.SSlibKey.from_crypto(load_pem_public_key(keys.public_pem(signer)), keyid=signer.keyid)
    seal = finished().seal
    assert seal is not None
    envelope = dsse.Envelope.from_dict(seal["envelope"])
    assert list(envelope.verify([key], 1)) == [signer.keyid]

    envelope.payload = envelope.payload.replace(b'"verdict":"pass"', b'"verdict":"fail"')
    with pytest.raises(VerificationError):
        envelope.verify([key], 1)


def test_everything_that_is_kept_matches_its_published_schema(logs: Path, tmp_path: Path) -> None:
    key_path = tmp_path / "evidence.pem"
    signer = keys.generate(key_path)
    with Run.start("suite", logs, "resilience-suite", signer=signer, challenge="nonce") as run:
        with run.part("audit", "index-audit") as part:
            pass
        run.attach(part.report, part.report_path)
    with pytest.raises(KeyboardInterrupt), Run.start("audit", logs, "index-audit", signer=signer):
        raise KeyboardInterrupt
    with (logs / "evidence" / "log.jsonl").open("ab") as file:
        file.write(b"torn")
    with Run.start("audit", logs, "index-audit"):
        pass
    rotate(key_path, logs)

    published = schemas()
    validators = {name: jsonschema.Draft202012Validator(schema) for name, schema in published.items()}
    for schema in published.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    lines = [json.loads(line) for line in (logs / "evidence" / "log.jsonl").read_bytes().splitlines()]
    kinds = {line["statement"]["predicate"]["type"] for line in lines}
    assert kinds == {"log.opened", "log.repaired", "run.started", "run.finished", "run.aborted", "key.rotated"}
    for line in lines:
        validators["record-v1"].validate(line)
    validators["checkpoint-v1"].validate(json.loads((logs / "evidence" / "checkpoint").read_bytes()))
    for path in logs.glob("*/*.json"):
        report = json.loads(path.read_bytes())
        validators["report-v1"].validate(report)
        validators["seal-v1"].validate(report["seal"])


def test_a_record_with_one_more_field_does_not_match_its_schema(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit"):
        pass
    line = json.loads((logs / "evidence" / "log.jsonl").read_bytes().splitlines()[1])
    line["statement"]["predicate"]["extra"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schemas()["record-v1"]).validate(line)
