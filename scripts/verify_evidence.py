#!/usr/bin/env python3
"""Verify evidence that dbops kept, without dbops: the Python standard library and the `openssl` program.

    verify_evidence.py LOG_DIRECTORY|REPORT.json --trust PUBLIC_KEY.pem [--checkpoint OLDER_CHECKPOINT]

Exit code 0: everything that was checked holds. 4: something does not, or nobody signed it. 2: wrong usage.
Written on its own, from the description of the format in docs/how-to/verify-evidence.md, so that an error in one
verifier shows up against the other. It is slow, one process per signature, and copes with the same tampering.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

INTOTO = "application/vnd.in-toto+json"
CHECKPOINT = "application/vnd.dbops.checkpoint+json"
# A SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 bytes of the key.
SPKI = bytes.fromhex("302a300506032b6570032100")
PLACE = {"log", "seq", "prev", "at", "dbops", "type"}
RUN = {"runId", "command", "challenge", "report"}
KEYS = {
    "log.opened": PLACE,
    "log.repaired": PLACE | {"torn"},
    "run.started": PLACE | RUN | {"configSha256"},
    "run.finished": PLACE | RUN | {"verdict", "exitCode", "durationMs", "source"},
    "run.aborted": PLACE | RUN | {"verdict", "exitCode", "reason"},
    "key.rotated": PLACE | {"retired", "new"},
}
ENDS = {"run.finished", "run.aborted"}
TEXT, DIGEST = ".*", "[0-9a-f]{64}"
# What each field holds: text of a form, a count, or an object with these fields.
FIELDS: dict[str, Any] = {
    **dict.fromkeys(("dbops", "type", "command", "challenge", "report", "reason"), TEXT),
    **dict.fromkeys(("systemIdentifier", "database", "path", "public", "name", "sig"), TEXT),
    **dict.fromkeys(("prev", "configSha256", "sha256", "keyid", "head"), DIGEST),
    **dict.fromkeys(("seq", "exitCode", "durationMs", "bytes", "size"), int),
    "log": "[0-9a-f]{32}",
    "at": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "runId": "[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}",
    "verdict": "pass|fail|inconclusive",
    "source": {"systemIdentifier", "database"},
    "torn": {"path", "sha256", "bytes"},
    "retired": {"keyid", "public"},
    "new": {"keyid", "public"},
    "digest": {"sha256"},
    "annotations": {"digestOf"},
    "digestOf": "RFC 8785 form of the report without its seal",
}
MAY_BE_NULL = {"challenge", "configSha256", "source", "systemIdentifier"}
LONGEST_LINE = 4 << 20

Json = Any


class FaultError(Exception):
    """Something does not hold; the message says what."""


# What reading something that dbops did not write raises, beside FaultError: a reader of it must not fall over.
STRANGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def fault(text: str) -> NoReturn:
    """Say that something does not hold."""
    raise FaultError(text)


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Json) -> bytes:
    """Return the RFC 8785 form of a value without fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse(data: bytes) -> Json:
    """Return a JSON value; no key twice, no fractions."""

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        if len(dict(items)) != len(items):
            fault("a key stands twice")
        return dict(items)

    def number(text: str) -> NoReturn:
        fault(f"a number is no integer: {text[:20]}")

    try:
        return json.loads(data.decode(), object_pairs_hook=pairs, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError):
        fault("not JSON as dbops writes it")


def exactly(value: Json, keys: set[str], what: str) -> dict[str, Json]:
    """Return an object that has exactly these keys."""
    if not isinstance(value, dict) or set(value) != keys:
        fault(f"{what} has other fields than it should")
    return value


def each_fits(value: dict[str, Json], nullable: set[str]) -> None:
    """See to it that every field holds what it should."""
    for name, item in value.items():
        if not ((item is None and name in nullable) or fits(item, FIELDS[name], nullable)):
            fault(f"{name} holds something else than it should")


def fits(item: Json, kind: Any, nullable: set[str]) -> bool:
    """Tell whether a value is of a kind; fields of an object are looked at as well."""
    if isinstance(kind, set):
        each_fits(exactly(item, kind, "an object"), nullable)
        return True
    if kind is int:
        return type(item) is int and item >= 0
    return isinstance(item, str) and re.fullmatch(kind, item, re.DOTALL) is not None


def content_of(path: Path) -> bytes:
    """Return the bytes of a regular file; a pipe or a device would never end."""
    return path.read_bytes() if path.is_file() or not path.exists() else fault(f"{path.name} is not a regular file")


def unbase64(text: Json) -> bytes:
    """Decode base64 in its one standard spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        fault("something is not base64")
    return raw if base64.b64encode(raw).decode() == text else fault("base64 in an odd spelling")


class Keys:
    """Trusted public keys by keyid, and `openssl` to use them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.openssl = shutil.which("openssl")
        self.known: dict[str, Path] = {}

    def add_file(self, path: Path) -> None:
        """Trust every PEM public key in a file."""
        text = path.read_text(encoding="ascii", errors="replace")
        blocks = re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", text, re.DOTALL)
        if not blocks:
            fault(f"{path} holds no public key in PEM")
        for block in blocks:
            der = unbase64("".join(block.split()))
            if not der.startswith(SPKI) or len(der) != len(SPKI) + 32:
                fault(f"{path} holds a key that is not Ed25519")
            self.add(der[len(SPKI) :])

    def add(self, raw: bytes) -> str:
        """Trust a raw public key; return its keyid."""
        keyid = sha256(raw)
        pem = base64.encodebytes(SPKI + raw).decode()
        self.known[keyid] = self.directory / f"{keyid}.pem"
        self.known[keyid].write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n")
        return keyid

    def verify(self, payload_type: str, payload: bytes, signature: Json, keyids: set[str]) -> str:
        """Return the keyid of a valid signature by one of `keyids` over the DSSE encoding of a payload."""
        keyid = signature["keyid"]
        if keyid not in keyids or keyid not in self.known:
            fault(f"signed by {str(keyid)[:16]}, which is not trusted here")
        message, signed = self.directory / "message", self.directory / "signature"
        message.write_bytes(b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload))
        signed.write_bytes(unbase64(signature["sig"]))
        command = [str(self.openssl), "pkeyutl", "-verify", "-pubin", "-inkey", str(self.known[keyid]), "-rawin"]
        command += ["-in", str(message), "-sigfile", str(signed)]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            fault("not what its signature was made for")
        return str(keyid)


def read_statement(statement: Json) -> dict[str, Json]:
    """Return the record in an in-toto statement."""
    exactly(statement, {"_type", "subject", "predicateType", "predicate"}, "a statement")
    if (statement["_type"], statement["predicateType"]) != (
        "https://in-toto.io/Statement/v1",
        "urn:dbops:record:v1",
    ):
        fault("a statement of another kind")
    for subject in statement["subject"] if isinstance(statement["subject"], list) else fault("no list of subjects"):
        annotated = {"annotations"} if "annotations" in subject else set()
        each_fits(exactly(subject, {"name", "digest"} | annotated, "a subject"), set())
    record = statement["predicate"]
    kind = record.get("type") if isinstance(record, dict) else None
    exactly(record, KEYS.get(str(kind), {"type"}), "a record")
    each_fits(record, MAY_BE_NULL | ({"verdict", "exitCode"} if kind == "run.aborted" else set()))
    return dict(record)


def read_line(data: bytes) -> tuple[Json, dict[str, Json]]:
    """Return a line of the log and its record."""
    if len(data) > LONGEST_LINE:
        fault("longer than any line that dbops writes")
    line = exactly(parse(data), {"signatures", "statement"}, "a line")
    if canonical(line) != data:
        fault("not in canonical form")
    read_signatures(line["signatures"])
    return line, read_statement(line["statement"])


def read_signatures(signatures: Json) -> None:
    """See to it that something is a list of signatures."""
    for signature in signatures if isinstance(signatures, list) else fault("no list of signatures"):
        each_fits(exactly(signature, {"keyid", "sig"}, "a signature"), set())


def read_checkpoint(data: bytes) -> Json:
    """Return a checkpoint: from a file of its own, or from the seal of a report."""
    value = parse(data)
    if isinstance(value, dict) and "seal" in value:
        return read_report(data)[2]
    if canonical(value) + b"\n" != data:
        fault("the checkpoint is not in canonical form")
    exactly(value, {"checkpoint", "signatures"}, "a checkpoint")
    each_fits(exactly(value["checkpoint"], {"log", "size", "head", "at"}, "a checkpoint"), set())
    read_signatures(value["signatures"])
    return value


def verify_checkpoint(keys: Keys, checkpoint: Json) -> None:
    """Check the one signature of a checkpoint."""
    if len(checkpoint["signatures"]) != 1:
        fault("the checkpoint is not signed")
    keys.verify(CHECKPOINT, canonical(checkpoint["checkpoint"]), checkpoint["signatures"][0], set(keys.known))


def subjects(body: Json, name: str) -> list[Json]:
    """Return what the statement about a report has to vouch for."""
    digest_of = "RFC 8785 form of the report without its seal"
    found = [{"annotations": {"digestOf": digest_of}, "digest": {"sha256": sha256(canonical(body))}, "name": name}]
    for artifact in body["artifacts"]:
        path = os.path.normpath(os.path.join(os.path.dirname(name), artifact["path"]))  # noqa: PTH118, PTH120
        found.append({"digest": {"sha256": artifact["sha256"]}, "name": path})
    return found


def read_report(data: bytes) -> tuple[Json, Json, Json]:
    """Return a report without its seal, the line of the log its seal stands for, and its checkpoint."""
    value = parse(data)
    if json.dumps(value, indent=2).encode() + b"\n" != data:
        fault("not spelled the way dbops writes it")
    return unseal(value)


def unseal(value: Json) -> tuple[Json, Json, Json]:
    """Take a report and its seal apart and compare them."""
    if not isinstance(value, dict) or not isinstance(value.get("seal"), dict):
        fault("a report without a seal")
    body = {name: item for name, item in value.items() if name != "seal"}
    seal = value["seal"]
    signed = seal.get("status") == "signed"
    exactly(seal, {"status", "envelope", "checkpoint"} | (set() if signed else {"note"}), "a seal")
    envelope = exactly(seal["envelope"], {"payload", "payloadType", "signatures"}, "an envelope")
    if signed != bool(envelope["signatures"]) or envelope["payloadType"] != INTOTO:
        fault("a seal that contradicts itself")
    payload = unbase64(envelope["payload"])
    line, record = read_line(canonical({"signatures": envelope["signatures"], "statement": parse(payload)}))
    if canonical(line["statement"]) != payload or record["type"] not in ENDS:
        fault("a seal that is not about the end of a run")
    if [record[name] for name in ("runId", "command", "verdict", "exitCode")] != [
        body.get(name) for name in ("runId", "command", "verdict", "exitCode")
    ]:
        fault("a seal about another run or another outcome")
    if subjects(body, record["report"]) != line["statement"]["subject"]:
        fault("the content is not what was sealed")
    checkpoint = read_checkpoint(canonical(seal["checkpoint"]) + b"\n")
    stated = checkpoint["checkpoint"]
    if (stated["log"], stated["size"], stated["head"]) != (record["log"], record["seq"] + 1, sha256(canonical(line))):
        fault("a checkpoint of another record")
    return body, line, checkpoint


class Log:
    """A log that is read line by line; faults are collected by property."""

    def __init__(self, directory: Path, keys: Keys) -> None:
        self.directory = directory
        self.keys = keys
        self.faults: dict[str, list[str]] = {
            "AUTHENTIC": [],
            "COMPLETE": [],
            "NOT ROLLED BACK": [],
            "ARTIFACTS MATCH": [],
        }
        self.heads = [sha256(b"")]
        self.log_id: str | None = None
        self.active: set[str] = set()
        self.first_signed: int | None = None
        self.running: dict[str, Json] = {}
        self.ended: set[str] = set()
        self.reports: set[str] = set()

    def attempt(self, name: str, what: str, check: Any, *arguments: Any) -> Any:
        """Run a check; a fault is noted under the property and None returned."""
        try:
            return check(*arguments)
        except (FaultError, OSError) as error:
            self.faults[name].append(f"{what}: {error}")
        except STRANGE:
            self.faults[name].append(f"{what}: not spelled the way dbops writes it")
        return None

    def verify(self, older: bytes | None) -> None:
        """Check everything there is."""
        # In this order: what a run that ends meanwhile adds is then in the log at least.
        name, path = "NOT ROLLED BACK", self.directory / "evidence" / "checkpoint"
        own = self.attempt(name, "the checkpoint", lambda: read_checkpoint(content_of(path)))
        present = [path.relative_to(self.directory).as_posix() for path in self.directory.glob("*/*.json")]
        data = (self.directory / "evidence" / "log.jsonl").read_bytes()
        if not data.endswith(b"\n"):
            self.faults["COMPLETE"].append("the last line is not finished")
        lines = data.split(b"\n")[:-1]
        self.trust_backwards(lines)
        self.active = set(self.keys.known)
        for number, text in enumerate(lines):
            self.take(number, text)
        if self.first_signed is None:
            self.faults["AUTHENTIC"].append("UNAUTHENTICATED: nothing is signed")
        self.verify_heads(own, older)
        for name in present:
            if re.fullmatch(r"[^/]+/\d{8}T\d{6}Z-[0-9a-f]{6}\.json", name) and name not in self.reports:
                self.faults["ARTIFACTS MATCH"].append(f"{name} is in no record")

    def trust_backwards(self, lines: list[bytes]) -> None:
        """Trust the key before each rotation to a trusted key."""
        for text in reversed([text for text in lines if b'"type":"key.rotated"' in text]):
            try:
                line, record = read_line(text)
                raw = unbase64(record["retired"]["public"])
                if record["new"]["keyid"] in self.keys.known and len(raw) == 32:
                    self.keys.verify(INTOTO, canonical(line["statement"]), line["signatures"][1], set(self.keys.known))
                    self.keys.add(raw)
            except (FaultError, *STRANGE):
                continue

    def take(self, number: int, text: bytes) -> None:
        """Check one line of the log."""
        found = self.attempt("COMPLETE", f"record {number}", read_line, text)
        if found:
            line, record = found
            self.attempt("COMPLETE", f"record {number}", self.follow, record, number)
            self.attempt("AUTHENTIC", f"record {number}", self.authenticate, line, record, number)
            self.match(line, record)
        self.heads.append(sha256(text))

    def follow(self, record: dict[str, Json], number: int) -> None:
        """Check that a record stands where it says, and that runs start and end once."""
        self.log_id = self.log_id or record["log"]
        if (record["seq"], record["prev"], record["log"]) != (number, self.heads[-1], self.log_id):
            fault("it does not stand where it says")
        if (record["type"] == "log.opened") != (number == 0):
            fault("a log is opened once, at its beginning")
        run = record.get("runId")
        if record["type"] == "run.started":
            if run in self.running or run in self.ended:
                fault(f"run {run} is started twice")
            self.running[str(run)] = (record["command"], record["report"])
        elif record["type"] in ENDS:
            if self.running.pop(str(run), None) != (record["command"], record["report"]):
                fault(f"run {run} ends without going on")
            self.ended.add(str(run))

    def authenticate(self, line: Json, record: dict[str, Json], number: int) -> None:
        """Check the signatures of a line."""
        signatures, payload = line["signatures"], canonical(line["statement"])
        if not signatures:
            if self.first_signed is not None:
                fault("not signed, though earlier ones are")
            return
        self.first_signed = number if self.first_signed is None else self.first_signed
        if record["type"] != "key.rotated":
            if len(signatures) != 1:
                fault(f"{len(signatures)} signatures")
            self.keys.verify(INTOTO, payload, signatures[0], self.active)
            return
        retired, new = record["retired"]["keyid"], record["new"]["keyid"]
        raw = unbase64(record["new"]["public"])
        if [signature.get("keyid") for signature in signatures] != [retired, new] or sha256(raw) != new:
            fault("signed by other keys than it names")
        self.keys.verify(INTOTO, payload, signatures[0], self.active)
        self.keys.verify(INTOTO, payload, signatures[1], {self.keys.add(raw)})
        self.active = (self.active | {new}) - {retired}

    def match(self, line: Json, record: dict[str, Json]) -> None:
        """Check the files a record vouches for."""
        if record["type"] == "log.repaired":
            self.attempt(
                "ARTIFACTS MATCH", "torn", self.match_file, f"evidence/{record['torn']['path']}", record["torn"]
            )
        if record["type"] not in ENDS or not line["statement"]["subject"]:
            return
        self.reports.add(record["report"])
        self.attempt("ARTIFACTS MATCH", record["report"], self.match_report, record["report"], line)
        for subject in line["statement"]["subject"][1:]:
            self.attempt("ARTIFACTS MATCH", subject["name"], self.match_file, subject["name"], subject["digest"])

    def match_report(self, name: str, line: Json) -> None:
        """Check that a report is sealed with its line."""
        _, sealed, checkpoint = read_report(content_of(self.directory / name))
        if sealed != line:
            fault("sealed with another record")
        if line["signatures"]:
            self.attempt("AUTHENTIC", name, verify_checkpoint, self.keys, checkpoint)

    def match_file(self, name: str, digest: Json) -> None:
        """Check the digest of a file."""
        if sha256(content_of(self.directory / name)) != digest["sha256"]:
            fault("not what its record says")

    def verify_heads(self, own: Json | None, older: bytes | None) -> None:
        """Check the log's own checkpoint and an older one against the log."""
        name = "NOT ROLLED BACK"
        kept = self.attempt(name, "the older checkpoint", read_checkpoint, older) if older is not None else None
        if self.faults["COMPLETE"]:
            self.faults[name].append("the chain is broken")
        for what, checkpoint in (("the checkpoint", own), ("the older checkpoint", kept)):
            if checkpoint is not None:
                self.attempt("AUTHENTIC" if checkpoint is own else name, what, verify_checkpoint, self.keys, checkpoint)
                self.attempt(name, what, self.reaches, checkpoint["checkpoint"])

    def reaches(self, stated: Json) -> None:
        """Check that the log once had the head that a checkpoint states."""
        if stated["log"] != self.log_id or not 0 < stated["size"] < len(self.heads):
            fault(f"{stated['size']} records were there at {stated['at']}, {len(self.heads) - 1} are here")
        if self.heads[stated["size"]] != stated["head"]:
            fault(f"the first {stated['size']} records are not those of {stated['at']}")


def verify_report(path: Path, keys: Keys, unchecked: dict[str, str]) -> dict[str, list[str]]:
    """Check one report and the sealed reports within it; what could not be checked goes to `unchecked`, with why."""

    def check(body: Json, line: Json, checkpoint: Json) -> None:
        if len(line["signatures"]) != 1:
            fault("UNAUTHENTICATED: not signed")
        keys.verify(INTOTO, canonical(line["statement"]), line["signatures"][0], set(keys.known))
        verify_checkpoint(keys, checkpoint)
        for part in body["reports"]:
            if part["seal"] is not None:
                check(*unseal(part))

    faults: dict[str, list[str]] = {"AUTHENTIC": [], "COMPLETE": [], "NOT ROLLED BACK": [], "ARTIFACTS MATCH": []}
    unchecked["COMPLETE"] = unchecked["NOT ROLLED BACK"] = "one report cannot show what else there was"
    data = path.read_bytes()
    try:
        body, line, checkpoint = read_report(data)
        check(body, line, checkpoint)
    except (FaultError, *STRANGE) as error:
        said = str(error) if isinstance(error, FaultError) else "not spelled the way dbops writes it"
        faults["AUTHENTIC"].append(said)
        unchecked["ARTIFACTS MATCH"] = "the report is not what was sealed"
        return faults
    away = 0
    for artifact in body["artifacts"]:
        beside = path.parent / artifact["path"]
        if not beside.is_file():
            away += 1
        elif sha256(beside.read_bytes()) != artifact["sha256"]:
            faults["ARTIFACTS MATCH"].append(f"{artifact['path']} is not what the report says")
    if away:
        unchecked["ARTIFACTS MATCH"] = f"{away} of {len(body['artifacts'])} files are not beside the report"
    return faults


def main() -> int:
    """Verify and print one line per property."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="a log directory, or one report")
    parser.add_argument("--trust", type=Path, action="append", required=True, help="PEM file of public keys")
    parser.add_argument("--checkpoint", type=Path, help="an older checkpoint, or a report with one in its seal")
    arguments = parser.parse_args()
    unchecked: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as directory:
        keys = Keys(Path(directory))
        if keys.openssl is None:
            parser.error("the openssl program is needed")
        try:
            for path in arguments.trust:
                keys.add_file(path)
            faults = verify(arguments.path, arguments.checkpoint, keys, unchecked)
        except (FaultError, OSError) as error:
            parser.error(str(error))
    print("\n".join(f"{name}: {answer(found, unchecked.get(name))}" for name, found in faults.items()))
    return 4 if any(faults.values()) else 0


def verify(path: Path, checkpoint: Path | None, keys: Keys, unchecked: dict[str, str]) -> dict[str, list[str]]:
    """Check a log or a report; what could not be checked goes to `unchecked`, with why."""
    if not path.is_dir():
        return verify_report(path, keys, unchecked)
    log = Log(path, keys)
    log.verify(checkpoint.read_bytes() if checkpoint else None)
    if not checkpoint:
        unchecked["NOT ROLLED BACK"] = "no older checkpoint was given, and the log's own is rolled back with it"
    return log.faults


def answer(found: list[str], why_not: str | None) -> str:
    """Return "yes", "no" with what was found, or "not checked" with why."""
    if found:
        # Names in evidence may hold what steers a terminal.
        return f"no ({'; '.join(ascii(text)[1:-1] for text in found[:10])})"
    return f"not checked ({why_not})" if why_not else "yes"


if __name__ == "__main__":
    sys.exit(main())
