"""Keys: made once, kept private, rotated on record."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from dbops.errors import ConfigurationError, LockedError
from dbops.evidence import keys
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.rotation import rotate
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.evidence.answers import Verification


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.pem"


def test_a_new_key_is_private_and_its_public_half_is_for_everybody(key_path: Path) -> None:
    signer = keys.generate(key_path)
    public = key_path.with_name("evidence.pem.pub")
    assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    assert public.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert list(keys.load_trust(public).keys) == [signer.keyid]
    assert keys.load_signer(key_path).keyid == signer.keyid


def test_the_private_key_is_in_no_repr(key_path: Path) -> None:
    signer = keys.generate(key_path)
    assert repr(signer) == f"Signer(keyid={signer.keyid!r}, public={signer.public!r})"


def test_a_key_is_never_overwritten(key_path: Path) -> None:
    before = keys.generate(key_path).keyid
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.generate(key_path)
    assert keys.load_signer(key_path).keyid == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(key_path: Path, mode: int) -> None:
    keys.generate(key_path)
    key_path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        keys.load_signer(key_path)
    assert caught.value.hint == f"chmod 600 {key_path}"


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused_without_quoting_it(key_path: Path, content: bytes) -> None:
    key_path.write_bytes(content)
    key_path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        keys.load_signer(key_path)
    assert "AAAA" not in caught.value.message
    with pytest.raises(ConfigurationError):
        keys.load_trust(key_path)


def test_a_missing_key_is_refused_with_how_to_make_one(key_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys.load_signer(key_path)
    assert caught.value.hint == "dbops evidence keygen makes one"


def test_a_key_of_another_kind_is_refused(key_path: Path) -> None:
    made = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(key_path)]
    subprocess.run(made, check=True, capture_output=True)
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        keys.load_signer(key_path)


def test_several_trusted_keys_may_stand_in_one_file(tmp_path: Path) -> None:
    signers = [keys.generate(tmp_path / f"{number}.pem") for number in range(3)]
    (tmp_path / "all.pem").write_bytes(b"# ours\n" + b"".join(keys.public_pem(signer) for signer in signers))
    assert set(keys.load_trust(tmp_path / "all.pem").keys) == {signer.keyid for signer in signers}


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YR==", "YQ==\n", " YQ==", "YQ=a", "YQ==YQ=="])
def test_base64_in_any_other_spelling_is_refused(text: str) -> None:
    assert keys.strict_base64("YQ==") == b"a"
    assert keys.strict_base64(text) is None


def run(logs: Path, key_path: Path) -> None:
    with Run.start("drill", logs, "backup-drill", signer=keys.load_signer(key_path)):
        pass


def ask(logs: Path, *trusted: Path) -> Verification:
    return examine(logs, Question(keys.load_trust(*trusted)))


def authentic(verification: Verification) -> str:
    return next(it.line for it in verification.answers if it.name == "AUTHENTIC")


def test_who_trusts_either_key_can_follow_a_rotation_in_both_directions(logs: Path, key_path: Path) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    first = rotate(key_path, logs)
    run(logs, key_path)
    second = rotate(key_path, logs)
    run(logs, key_path)
    assert first.new == second.retired == keys.keyid_of(keys.load_signer(second.kept).public)
    assert keys.load_signer(key_path).keyid == second.new
    for trusted in (key_path, first.kept, second.kept):
        verification = ask(logs, keys.public_path(trusted))
        assert authentic(verification) == "AUTHENTIC: yes (9 of 9 records signed by trusted keys)"
        assert verification.exit_code == 0


def test_a_retired_key_signs_nothing_that_counts_any_more(logs: Path, key_path: Path) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    rotation = rotate(key_path, logs)
    with pytest.raises(ConfigurationError, match="has been retired"):
        run(logs, rotation.kept)
    run(logs, key_path)
    run(logs, rotation.kept)
    verification = ask(logs, rotation.public, keys.public_path(rotation.kept))
    assert authentic(verification).startswith(f"AUTHENTIC: no (record 6 is signed by {rotation.retired[:16]}")


def test_a_rotation_to_a_key_nobody_vouches_for_does_not_count(logs: Path, key_path: Path, tmp_path: Path) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    keys.generate(tmp_path / "thief.pem")
    rotate(tmp_path / "thief.pem", logs)
    assert authentic(ask(logs, keys.public_path(key_path))).startswith("AUTHENTIC: no (record 3 is signed by")


def test_a_key_is_not_rotated_while_a_run_is_going_on(logs: Path, key_path: Path) -> None:
    before = keys.generate(key_path).keyid
    with Run.start("drill", logs, "backup-drill"), pytest.raises(LockedError, match="a run is going on"):
        rotate(key_path, logs)
    assert keys.load_signer(key_path).keyid == before


@pytest.mark.parametrize("call", range(5))
def test_a_rotation_that_was_cut_short_is_completed_by_rotating_again(
    logs: Path, key_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    replace, calls = os.replace, []

    def stop(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) > call:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        if call < 4:
            with pytest.raises(KeyboardInterrupt):
                rotate(key_path, logs)
            calls.clear()
            patch.undo()
            # What still has the retired key must not sign behind the record that retires it.
            if b"key.rotated" in (logs / "evidence" / "log.jsonl").read_bytes():
                with pytest.raises(ConfigurationError, match="has been retired"):
                    run(logs, key_path)
        rotation = rotate(key_path, logs)
    run(logs, key_path)
    verification = ask(logs, rotation.public)
    assert authentic(verification) == "AUTHENTIC: yes (6 of 6 records signed by trusted keys)"
    assert sorted(path.name for path in key_path.parent.iterdir() if path.is_file()) == [
        "evidence.pem",
        "evidence.pem.pub",
        f"evidence.pem.retired-{rotation.retired[:16]}",
        f"evidence.pem.retired-{rotation.retired[:16]}.pub",
    ]


def test_a_log_begun_without_a_key_is_authentic_from_its_first_signature_on_and_says_so(
    logs: Path, key_path: Path
) -> None:
    with Run.start("drill", logs, "backup-drill"):
        pass
    keys.generate(key_path)
    run(logs, key_path)
    verification = ask(logs, keys.public_path(key_path))
    assert authentic(verification) == (
        "AUTHENTIC: yes (2 of 5 records signed by trusted keys;"
        " written without a key, and not changed since the next one: the first 3 records)"
    )


def test_a_log_that_was_signed_before_must_stay_signed(logs: Path, key_path: Path) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    with Run.start("drill", logs, "backup-drill") as unsigned:
        pass
    verification = ask(logs, keys.public_path(key_path))
    assert (authentic(verification).split(" (")[0], verification.exit_code) == ("AUTHENTIC: no", 4)
    (note,) = unsigned.report.notes
    assert note.startswith("the evidence log was signed so far, and this run has no key")


def test_without_a_trusted_key_nothing_is_authentic(logs: Path, key_path: Path) -> None:
    keys.generate(key_path)
    run(logs, key_path)
    verification = examine(logs, Question())
    assert authentic(verification) == "AUTHENTIC: no (UNAUTHENTICATED: no trusted key was given (--trust))"
    assert verification.exit_code == 4


def test_a_configuration_directory_that_may_not_be_entered_holds_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        assert keys.find_signer(None, tmp_path / "logs") is None
    finally:
        if as_root:
            os.seteuid(0)
        closed.chmod(0o700)


def test_who_has_no_home_has_no_key_and_is_told_where_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where the uid has no passwd entry
    assert keys.find_signer(None, tmp_path / "logs") is None
    with pytest.raises(ConfigurationError, match="no home directory"):
        keys.default_key_path()
