"""The one spelling of a document, against the rules and examples of RFC 8785."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from dbops.evidence.canonical import NotCanonicalError, canonical, read_readable, read_strict, readable

SPELLINGS = {
    "keys sorted, no spaces": (
        {"b": [1, None, True], "a": {"d": 2, "c": ""}},
        b'{"a":{"c":"","d":2},"b":[1,null,true]}',
    ),
    "integers as they are": ([0, -1, 2**53 - 1, -(2**53 - 1)], b"[0,-1,9007199254740991,-9007199254740991]"),
    "text beyond ASCII is not escaped": ("Bücher €", '"Bücher €"'.encode()),
    "what must be escaped, the short way": ('\b\t\n\f\r"\\/', rb'"\b\t\n\f\r\"\\/"'),
    "other controls in lower case hex": ("\x00\x0f\x1f", rb'"\u0000\u000f\u001f"'),
    "DEL and C1 controls are not escaped": ("\x7f\x9b", b'"\x7f\xc2\x9b"'),
}


@pytest.mark.parametrize(("value", "spelled"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_value_has_one_spelling(value: Any, spelled: bytes) -> None:
    assert canonical(value) == spelled
    assert read_strict(spelled) == value


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), 2**53, -(2**53), {"ü": 1}, {1: 1}, "\ud800", b"x", {"a": {1, 2}}, [[int]]],
    ids=repr,
)
def test_a_value_with_no_single_spelling_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonicalError):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [b'{"a":1,"a":1}', b"1.5", b"1e3", b"NaN", b"Infinity", b"-Infinity", b"\xef\xbb\xbf1", b"\xff", b"", b"{", b"1 2"],
)
def test_other_bytes_are_refused_by_the_strict_reader(data: bytes) -> None:
    with pytest.raises(NotCanonicalError):
        read_strict(data)


@pytest.mark.parametrize("spelling", ["100000000000000", "1000000000000000", "9007199254740991"])
def test_an_integer_that_every_reader_reads_exactly_is_read(spelling: str) -> None:
    assert [int(spelling), -int(spelling)] == read_strict(f"[{spelling},-{spelling}]".encode())


@pytest.mark.parametrize("spelling", ["9007199254740992", "10000000000000000", "9" * 5000])
def test_an_integer_that_some_reader_would_round_is_refused(spelling: str) -> None:
    for signed in (spelling, "-" + spelling):
        with pytest.raises(NotCanonicalError, match="too large to be exact"):
            read_strict(signed.encode())


@pytest.mark.parametrize("depth", [900, 5_000, 500_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_bombs_are_refused_without_running_out_of_stack(opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"
    bomb = opening * depth + "1" + closing * depth + "\n"
    with pytest.raises(NotCanonicalError):
        read_readable(bomb.encode())


def test_a_document_deeper_than_any_of_ours_has_no_canonical_form() -> None:
    value: Any = []
    for _ in range(65):
        value = [value]
    with pytest.raises(NotCanonicalError, match="nested too deeply"):
        canonical(value)


def nested(dice: random.Random, depth: int) -> Any:
    """Return some JSON value with empty and full containers at every level."""
    scalars = [None, True, False, 0, -7, 2**53 - 1, "", "plain", "B\u00fccher \u20ac \U0001f600", 'a"b\\c\n\x9b']
    kind = dice.randrange(4 if depth else 1)
    if kind == 0:
        return dice.choice(scalars)
    size = dice.randrange(4)
    if kind == 1:
        return [nested(dice, depth - 1) for _ in range(size)]
    return {dice.choice(["a", "b c", '"', "k\n", "z"]) + str(n): nested(dice, depth - 1) for n in range(size)}


def test_a_readable_document_is_spelled_as_pythons_own_indentation_does_it() -> None:
    dice = random.Random(8785)  # noqa: S311  (shapes of documents, not secrets)
    for _ in range(3000):
        value = nested(dice, 5)
        assert readable(value) == json.dumps(value, indent=2).encode() + b"\n"
        assert read_readable(readable(value)) == value
        assert read_strict(canonical(value)) == value


def test_a_readable_document_is_pure_ascii_and_reads_back_only_as_written() -> None:
    value = {"object": "B\u00fccher\x9b31m", "n": [1]}
    text = readable(value)
    assert text.isascii() is True
    assert b"\x1b" not in text
    assert read_readable(text) == value
    for other in (json.dumps(value).encode(), text + b"\n", text.replace(b"  ", b"\t"), text.replace(b"\n", b"\r\n")):
        with pytest.raises(NotCanonicalError):
            read_readable(other)
