"""What an auditor can find out: twelve ways to tamper with evidence, and every single flipped bit.

The auditor has the public key and a checkpoint that was copied out some time ago; the forger has the whole log
directory, and in some cases the key.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import EvidenceBrokenError
from dbops.evidence import keys
from dbops.evidence.answers import Question
from dbops.evidence.canonical import canonical, readable
from dbops.evidence.examine import examine, load_checkpoint
from dbops.evidence.keys import Trust
from dbops.evidence.reader import BrokenProofError, read_checkpoint, read_line, signed_part
from dbops.evidence.records import Head, Statement
from dbops.evidence.seal import (
    NOTHING_BEFORE,
    checkpoint_bytes,
    line_bytes,
    seal_of,
    sha256,
    sign_head,
    sign_statement,
    subjects_of,
)
from dbops.evidence.ticket import examine_report
from dbops.evidence.verify import (
    Chain,
    Known,
    check_checkpoint,
    check_checkpoint_signature,
    check_seal,
    read_report,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.evidence.answers import Verification
    from dbops.evidence.keys import Signer
    from dbops.evidence.records import Checkpoint
    from dbops.model import Report

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_evidence.py"


@dataclass
class Scene:
    """Six nights of drills, the third a failure; what the auditor has, and what the forger can use."""

    logs: Path
    signer: Signer
    thief: Signer
    early: Path  # a copy of everything after the third night
    other: Path  # another log of the same operator, signed with the same key
    checkpoint: Checkpoint  # copied out after the fifth night

    @property
    def log(self) -> Path:
        return self.logs / "evidence" / "log.jsonl"

    def lines(self) -> list[bytes]:
        return self.log.read_bytes().splitlines()

    def write(self, lines: list[bytes]) -> None:
        self.log.write_bytes(b"".join(line + b"\n" for line in lines))

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line)["statement"]["predicate"] for line in self.lines()]

    def of_run(self, number: int) -> list[int]:
        """Return the places of the records of a night, counted from 0."""
        runs = list(dict.fromkeys(record["runId"] for record in self.records() if "runId" in record))
        return [place for place, record in enumerate(self.records()) if record.get("runId") == runs[number]]

    def report(self, number: int) -> Path:
        return self.logs / self.records()[self.of_run(number)[0]]["report"]

    def forge(self, signer: Signer, records: list[dict[str, Any]]) -> None:
        """Write a chain over `records` that is flawless but for who signs it, with reports and checkpoint to match."""
        head, lines = Head.model_construct(log="", size=0, head=NOTHING_BEFORE, at=""), []
        for seq, record in enumerate(records):
            predicate = {**record, "seq": seq, "prev": head.head}
            body = self._forged_body(predicate)
            subjects = subjects_of(body, predicate["report"]) if body else []
            statement = Statement.model_validate(
                {"subject": [subject.to_json() for subject in subjects], "predicate": predicate}
            )
            line = sign_statement(statement, [signer])
            lines.append(line_bytes(line))
            head = Head(log=record["log"], size=seq + 1, head=sha256(lines[-1]), at=record["at"])
            checkpoint = sign_head(head, [signer])
            if body:
                sealed = {**body, "seal": seal_of(line, checkpoint).to_json()}
                (self.logs / predicate["report"]).write_bytes(readable(sealed))
        self.write(lines)
        self.log.with_name("checkpoint").write_bytes(checkpoint_bytes(checkpoint))

    def _forged_body(self, predicate: dict[str, Any]) -> dict[str, Any] | None:
        if predicate["type"] != "run.finished":
            return None
        body: dict[str, Any] = json.loads((self.logs / predicate["report"]).read_text())
        del body["seal"]
        body["verdict"], body["exitCode"] = predicate["verdict"], predicate["exitCode"]
        for objective in body["objectives"]:
            objective["status"] = "met"
        return body


@pytest.fixture
def scene(logs: Path, signer: Signer, finished: Callable[..., Report], tmp_path: Path) -> Scene:
    checkpoint = None
    for night in range(6):
        finished(met=night != 2)
        if night == 2:
            shutil.copytree(logs, tmp_path / "early")
        if night == 4:
            checkpoint = load_checkpoint(logs / "evidence" / "checkpoint")
    for _ in range(6):
        finished(directory=tmp_path / "other")
    assert checkpoint is not None
    thief = keys.generate(tmp_path / "thief.pem")
    return Scene(logs, signer, thief, tmp_path / "early", tmp_path / "other", checkpoint)


def delete_failed_record(scene: Scene) -> None:
    scene.report(2).unlink()
    gone = scene.of_run(2)
    scene.write([line for place, line in enumerate(scene.lines()) if place not in gone])


def delete_last_record(scene: Scene) -> None:
    scene.report(5).unlink()
    scene.write(scene.lines()[:-2])


def roll_back(scene: Scene) -> None:
    shutil.rmtree(scene.logs)
    shutil.copytree(scene.early, scene.logs)


def truncate(scene: Scene) -> None:
    scene.log.write_bytes(scene.log.read_bytes()[:-100])


def swap(scene: Scene) -> None:
    lines = scene.lines()
    lines[2], lines[4] = lines[4], lines[2]
    scene.write(lines)


def duplicate(scene: Scene) -> None:
    lines = scene.lines()
    scene.write([*lines[:3], lines[2], *lines[3:]])


def replay(scene: Scene) -> None:
    lines = scene.lines()
    scene.write([*lines, lines[1], lines[2]])


def _whitewashed(scene: Scene) -> list[dict[str, Any]]:
    return [
        {**record, "verdict": "pass", "exitCode": 0} if record.get("verdict") == "fail" else record
        for record in scene.records()
    ]


def edit_and_rechain_with_another_key(scene: Scene) -> None:
    scene.forge(scene.thief, _whitewashed(scene))


def edit_and_rechain_with_the_stolen_key(scene: Scene) -> None:
    scene.forge(scene.signer, _whitewashed(scene))


def fork(scene: Scene) -> None:
    """Go on from the third night with other runs, honestly signed: as if the last three had never been."""
    moved = [record for place, record in enumerate(scene.records()) if place not in scene.of_run(3)]
    scene.report(3).unlink()
    scene.forge(scene.signer, moved)


def splice(scene: Scene) -> None:
    """Put the good third night of another log in the place of the bad one."""
    foreign = (scene.other / "evidence" / "log.jsonl").read_bytes().splitlines()
    lines, places = scene.lines(), scene.of_run(2)
    for place in places:
        lines[place] = foreign[place]
    name = json.loads(foreign[places[0]])["statement"]["predicate"]["report"]
    shutil.copytree((scene.other / name).with_suffix(""), (scene.logs / name).with_suffix(""))
    shutil.copy(scene.other / name, scene.logs / name)
    scene.report(2).unlink()
    scene.write(lines)


def edit_artifact(scene: Scene) -> None:
    (scene.report(2).with_suffix("") / "listing.txt").write_text("a better listing")


def edit_report(scene: Scene) -> None:
    text = scene.report(2).read_text()
    scene.report(2).write_text(text.replace('"status": "missed"', '"status": "met"'))


def delete_report(scene: Scene) -> None:
    scene.report(2).unlink()


def plant_report(scene: Scene) -> None:
    shutil.copy(scene.report(1), scene.report(1).with_name("20260101T000000Z-abcdef.json"))


def exchange_two_reports(scene: Scene) -> None:
    good, bad = scene.report(1), scene.report(2)
    shutil.copy(good, bad)


def append_unsigned(scene: Scene) -> None:
    last = scene.records()[-1]
    record = {**scene.records()[-2], "seq": last["seq"] + 1, "prev": sha256(scene.lines()[-1])}
    record["runId"] = "20260201T000000Z-abcdef"
    statement = Statement.model_validate({"subject": [], "predicate": record})
    scene.write([*scene.lines(), line_bytes(sign_statement(statement, []))])


def strip_all_signatures(scene: Scene) -> None:
    scene.write([canonical({**json.loads(line), "signatures": []}) for line in scene.lines()])


def delete_the_logs_own_checkpoint(scene: Scene) -> None:
    scene.log.with_name("checkpoint").unlink()


TWELVE: list[tuple[Callable[[Scene], None], set[str]]] = [
    (delete_failed_record, {"COMPLETE", "NOT ROLLED BACK"}),
    (delete_last_record, {"NOT ROLLED BACK"}),
    (roll_back, {"NOT ROLLED BACK"}),
    (truncate, {"COMPLETE", "NOT ROLLED BACK"}),
    (swap, {"COMPLETE", "NOT ROLLED BACK"}),
    (duplicate, {"COMPLETE", "NOT ROLLED BACK"}),
    (replay, {"COMPLETE", "NOT ROLLED BACK"}),
    (edit_and_rechain_with_another_key, {"AUTHENTIC", "NOT ROLLED BACK"}),
    (edit_and_rechain_with_the_stolen_key, {"NOT ROLLED BACK"}),
    (fork, {"NOT ROLLED BACK"}),
    (splice, {"COMPLETE", "NOT ROLLED BACK"}),
    (edit_artifact, {"ARTIFACTS MATCH"}),
]
MORE: list[tuple[Callable[[Scene], None], set[str]]] = [
    (edit_report, {"ARTIFACTS MATCH"}),
    (delete_report, {"ARTIFACTS MATCH"}),
    (plant_report, {"ARTIFACTS MATCH"}),
    (exchange_two_reports, {"ARTIFACTS MATCH"}),
    (append_unsigned, {"AUTHENTIC"}),
    (strip_all_signatures, {"AUTHENTIC", "COMPLETE", "NOT ROLLED BACK"}),
    (delete_the_logs_own_checkpoint, {"NOT ROLLED BACK"}),
]


def ask(scene: Scene, *, with_checkpoint: bool = True) -> Verification:
    trust = Trust({}).and_key(scene.signer.public)
    return examine(scene.logs, Question(trust, scene.checkpoint if with_checkpoint else None))


def refused(verification: Verification) -> set[str]:
    return {it.name.value for it in verification.answers if it.answer == "no"}


def test_an_untouched_log_holds(scene: Scene) -> None:
    verification = ask(scene)
    assert (refused(verification), verification.exit_code) == (set(), 0)
    assert [it.answer.value for it in verification.answers] == ["yes", "yes", "yes", "not checked", "yes", "yes"]


@pytest.mark.parametrize(("tamper", "properties"), [*TWELVE, *MORE], ids=lambda it: getattr(it, "__name__", ""))
def test_tampering_is_caught(
    scene: Scene, tamper: Callable[[Scene], None], properties: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(scene)
    verification = ask(scene)
    caught = refused(verification)
    with capsys.disabled():
        print(f"\n  {tamper.__name__.replace('_', ' '):40} caught by {', '.join(sorted(caught))}", end="")  # noqa: T201
    assert properties <= caught
    assert verification.exit_code == 4


def test_only_a_checkpoint_from_outside_shows_what_was_done_with_the_stolen_key(scene: Scene) -> None:
    edit_and_rechain_with_the_stolen_key(scene)
    verification = ask(scene, with_checkpoint=False)
    assert refused(verification) == set()
    assert {it.name.value: it.answer.value for it in verification.answers}["NOT ROLLED BACK"] == "not checked"


@pytest.mark.parametrize(("tamper", "properties"), [*TWELVE, *MORE], ids=lambda it: getattr(it, "__name__", ""))
def test_the_verifier_without_dbops_finds_the_same(
    scene: Scene, tamper: Callable[[Scene], None], properties: set[str], tmp_path: Path
) -> None:
    tamper(scene)
    wanted = refused(ask(scene)) - {"OBJECTIVES"}
    completed = second_verifier(scene, tmp_path)
    found = {line.split(":")[0] for line in completed.stdout.splitlines() if ": no (" in line}
    assert (wanted, 4) == (found, completed.returncode), completed.stdout + completed.stderr


def test_the_verifier_without_dbops_agrees_that_an_untouched_log_holds(scene: Scene, tmp_path: Path) -> None:
    completed = second_verifier(scene, tmp_path)
    assert completed.stdout.splitlines() == [
        "AUTHENTIC: yes",
        "COMPLETE: yes",
        "NOT ROLLED BACK: yes",
        "ARTIFACTS MATCH: yes",
    ]
    assert (completed.returncode, completed.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
@pytest.mark.parametrize("tamper", [tamper for tamper, _ in TWELVE], ids=lambda it: it.__name__)
def test_the_commands_of_the_page_do_not_accept_it_either(
    scene: Scene,
    tamper: Callable[[Scene], None],
    shell: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    older = tmp_path / "older"
    older.write_bytes(checkpoint_bytes(scene.checkpoint))
    reports = [scene.report(2), scene.report(1)]

    def accepted(report: Path) -> bool:
        completed = shell(report, older)
        return (completed.returncode, completed.stdout.count(" Verified Successfully")) == (0, 4)

    assert accepted(reports[0]) is True
    tamper(scene)
    assert accepted(next(path for path in reports if path.exists())) is False


def test_the_verifier_without_dbops_says_what_it_did_not_check(scene: Scene, tmp_path: Path) -> None:
    completed = second_verifier(scene, tmp_path, with_checkpoint=False)
    said = dict(line.split(": ", 1) for line in completed.stdout.splitlines())
    assert ("yes", 0) == (said["COMPLETE"], completed.returncode)
    assert said["NOT ROLLED BACK"].startswith("not checked (no older checkpoint")
    report = next(path for path in sorted(scene.logs.glob("*/*.json")) if json.loads(path.read_bytes())["artifacts"])
    alone = tmp_path / "alone.json"
    alone.write_bytes(report.read_bytes())
    completed = second_verifier(scene, tmp_path, alone, with_checkpoint=False)
    said = dict(line.split(": ", 1) for line in completed.stdout.splitlines())
    assert ("yes", 0) == (said["AUTHENTIC"], completed.returncode)
    assert {"not checked"} == {said[name][:11] for name in ("COMPLETE", "NOT ROLLED BACK", "ARTIFACTS MATCH")}


def test_the_verifier_without_dbops_refuses_what_is_not_there_without_a_traceback(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_bytes(b"\xff no key")
    for path, trust in ((tmp_path / "nowhere", None), (scene.logs, tmp_path / "no.pem"), (scene.logs, tmp_path / "x")):
        completed = second_verifier(scene, tmp_path, path, trust=trust)
        assert (2, "") == (completed.returncode, completed.stdout)
        assert "Traceback" not in completed.stderr


def second_verifier(
    scene: Scene,
    directory: Path,
    path: Path | None = None,
    *,
    trust: Path | None = None,
    checkpoint: Path | None = None,
    with_checkpoint: bool = True,
) -> subprocess.CompletedProcess[str]:
    (directory / "trusted.pem").write_bytes(keys.public_pem(scene.signer))
    (directory / "older").write_bytes(checkpoint_bytes(scene.checkpoint))
    options = ["--trust", str(trust or directory / "trusted.pem")]
    options += ["--checkpoint", str(checkpoint or directory / "older")] if with_checkpoint else []
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path or scene.logs), *options],
        check=False,
        capture_output=True,
        text=True,
    )


def flips(data: bytes) -> list[bytes]:
    return [
        data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
        for place in range(len(data))
        for bit in range(8)
    ]


def test_every_flipped_bit_of_the_log_is_caught(
    logs: Path, signer: Signer, finished: Callable[..., Report], capsys: pytest.CaptureFixture[str]
) -> None:
    finished()
    trust = Trust({}).and_key(signer.public)
    data = (logs / "evidence" / "log.jsonl").read_bytes()
    checkpoint = load_checkpoint(logs / "evidence" / "checkpoint")

    def holds(flipped: bytes) -> bool:
        chain = Chain(trust, trust)
        for line in flipped.split(b"\n")[:-1]:
            chain.take(line)
            if chain.broken or chain.forged:
                return False
        return flipped.endswith(b"\n") and not check_checkpoint(checkpoint, chain)

    assert holds(data) is True
    accepted = [flipped for flipped in flips(data) if holds(flipped)]
    _say(capsys, "log", data, accepted)
    assert accepted == []


def test_every_flipped_bit_of_the_checkpoint_is_caught(
    logs: Path, signer: Signer, finished: Callable[..., Report], capsys: pytest.CaptureFixture[str]
) -> None:
    finished()
    trust = Trust({}).and_key(signer.public)
    data = (logs / "evidence" / "checkpoint").read_bytes()

    def holds(flipped: bytes) -> bool:
        try:
            return check_checkpoint_signature(read_checkpoint(flipped), trust) is None
        except BrokenProofError:
            return False

    assert holds(data) is True
    accepted = [flipped for flipped in flips(data) if holds(flipped)]
    _say(capsys, "checkpoint", data, accepted)
    assert accepted == []


@pytest.mark.parametrize("line_at_hand", [False, True], ids=["with nothing else", "with its line at hand"])
def test_every_flipped_bit_of_a_report_is_caught_with_nothing_but_the_public_key(
    signer: Signer, finished: Callable[..., Report], logs: Path, capsys: pytest.CaptureFixture[str], line_at_hand: bool
) -> None:
    report = finished()
    trust = Trust({}).and_key(signer.public)
    data = (logs / "backup-drill" / f"{report.run_id}.json").read_bytes()
    line = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()[-1]
    known = Known(signed_part(line), read_line(line).statement) if line_at_hand else None

    def holds(flipped: bytes) -> bool:
        try:
            return not check_seal(read_report(flipped, known), trust)
        except BrokenProofError:
            return False

    assert holds(data) is True
    accepted = [flipped for flipped in flips(data) if holds(flipped)]
    _say(capsys, "report", data, accepted)
    assert accepted == []


def _say(capsys: pytest.CaptureFixture[str], what: str, data: bytes, accepted: list[bytes]) -> None:
    with capsys.disabled():
        print(f"\n  {len(accepted)} of {8 * len(data)} flipped bits of the {what} accepted", end="")  # noqa: T201


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "a space": lambda line: line.replace(b'":', b'": ', 1),
    "a space at the end": lambda line: line + b" ",
    "a carriage return": lambda line: line + b"\r",
    "a byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "a key twice": lambda line: line.replace(b'"seq":', b'"seq":1,"seq":', 1),
    "another key": lambda line: line.replace(b'"seq":', b'"rush":1,"seq":', 1),
    "a missing key": lambda line: line.replace(b'"challenge":null,', b"", 1),
    "a fraction": lambda line: line.replace(b'"seq":1', b'"seq":1.0', 1),
    "not a number": lambda line: line.replace(b'"seq":1', b'"seq":NaN', 1),
    "an exponent": lambda line: line.replace(b'"seq":1', b'"seq":1e0', 1),
    "a huge number": lambda line: line.replace(b'"seq":1', b'"seq":' + b"1" * 5000, 1),
    "a number as text": lambda line: line.replace(b'"seq":1', b'"seq":"1"', 1),
    "an escape": lambda line: line.replace(b'"drill"', b'"\\u0064rill"', 1),
    "half a surrogate pair": lambda line: line.replace(b'"drill"', b'"\\ud800"', 1),
    "bytes that are not UTF-8": lambda line: line.replace(b'"drill"', b'"\xff"', 1),
    "base64 without padding": lambda line: line.replace(b'=="', b'"', 1),
    "keys in another order": lambda line: json.dumps(
        dict(reversed(json.loads(line).items())), separators=(",", ":")
    ).encode(),
    "a nesting bomb": lambda _: b"[" * 200_000,
    "a nesting bomb of objects": lambda _: b'{"a":' * 200_000,
    "a line of 10 MB": lambda line: line.replace(b'"drill"', b'"' + b"x" * 10_000_000 + b'"', 1),
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_line_spelled_in_any_other_way_is_refused_with_a_sentence(
    finished: Callable[..., Report], signer: Signer, logs: Path, spelling: Callable[[bytes], bytes]
) -> None:
    finished()
    log = logs / "evidence" / "log.jsonl"
    lines = log.read_bytes().splitlines()
    assert read_line(lines[1]).statement.predicate.seq == 1
    spelled = spelling(lines[1])
    assert spelled != lines[1]
    log.write_bytes(b"\n".join([lines[0], spelled, lines[2], b""]))
    verification = examine(logs, Question(Trust({}).and_key(signer.public)))
    assert verification.exit_code == 4
    assert {"AUTHENTIC", "COMPLETE"} & refused(verification) != set()
    assert max(len(it.line) for it in verification.answers) < 2000


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_verifier_without_dbops_refuses_that_spelling_too(
    scene: Scene, tmp_path: Path, spelling: Callable[[bytes], bytes]
) -> None:
    lines = scene.lines()
    scene.write([lines[0], spelling(lines[1]), *lines[2:]])
    completed = second_verifier(scene, tmp_path)
    assert (4, "") == (completed.returncode, completed.stderr)
    assert "COMPLETE: no (" in completed.stdout


NO_CHECKPOINTS: dict[str, Callable[[Scene], bytes]] = {
    "nothing": lambda _: b"",
    "an empty object": lambda _: b"{}\n",
    "a nesting bomb": lambda _: b"[" * 100_000,
    "bytes that are not UTF-8": lambda _: b"\xff\n",
    "a report without its last newline": lambda scene: scene.report(4).read_bytes()[:-1],
}


@pytest.mark.parametrize("older", NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS)
def test_an_older_checkpoint_that_is_none_is_broken_evidence_to_both(
    scene: Scene, tmp_path: Path, older: Callable[[Scene], bytes]
) -> None:
    path = tmp_path / "kept"
    path.write_bytes(older(scene))
    with pytest.raises(EvidenceBrokenError, match="is not a checkpoint dbops wrote"):
        load_checkpoint(path)
    completed = second_verifier(scene, tmp_path, checkpoint=path)
    assert (4, "") == (completed.returncode, completed.stderr)
    assert "NOT ROLLED BACK: no (" in completed.stdout


def test_padding_bits_of_a_signature_are_refused(finished: Callable[..., Report], signer: Signer, logs: Path) -> None:
    report = finished()
    assert report.seal is not None
    signature = report.seal["envelope"]["signatures"][0]["sig"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = signature[:-3] + alphabet[alphabet.index(signature[-3]) | 1] + "=="
    assert other != signature
    path = logs / "backup-drill" / f"{report.run_id}.json"
    path.write_text(path.read_text().replace(signature, other))
    verification = examine_report(path, Question(Trust({}).and_key(signer.public)))
    assert refused(verification) == {"AUTHENTIC"}
