"""One spelling for every document: RFC 8785 for ASCII keys and integers, and a reader that accepts nothing else.

Rules, in order: UTF-8 without a byte order mark, no key twice, no fraction and no NaN, no integer a JavaScript reader
would round, no nesting bomb; and the callers demand that what was read, written again, is the same bytes. The last
rule makes most of the others redundant; they stand, since each names what is wrong.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 8785 numbers are IEEE doubles: beyond this, two integers can have one spelling.
LARGEST_INTEGER = 2**53 - 1
_LONGEST_INTEGER = len(str(LARGEST_INTEGER))
DEEPEST = 64


class NotCanonicalError(ValueError):
    """The bytes are not the one accepted spelling of a document; the message says why."""


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value made of ASCII-keyed objects, lists, strings, integers, booleans, null.

    Raises NotCanonicalError for floats, for integers beyond 2^53 - 1, for other keys and for lone surrogates.
    """
    _admit(value, DEEPEST)
    return encoded(value)


def encoded(value: Any) -> bytes:
    """Return the canonical form of a value that is known to have one, as what `read_strict` returned is."""
    try:
        return _CANONICAL.encode(value).encode()
    except UnicodeEncodeError as cause:
        raise NotCanonicalError("a text holds half of a surrogate pair") from cause
    except RecursionError:
        raise NotCanonicalError("nested too deeply") from None


def readable(value: Any) -> bytes:
    """Return a JSON value for people: two spaces, the order of the fields kept, ASCII only, one newline at the end.

    ASCII, because people print these files on terminals, and names in a database may hold control sequences.
    """
    return (_indented(value, "\n") + "\n").encode("ascii")


def read_readable(data: bytes) -> Any:
    """Return the value of a readable document; NotCanonicalError unless `data` is exactly what `readable` writes."""
    value = read_strict(data)
    try:
        written = readable(value)
    except RecursionError:
        raise NotCanonicalError("nested too deeply") from None
    if written != data:
        raise NotCanonicalError("not spelled the way dbops writes it: the file was edited or reformatted")
    return value


def read_strict(data: bytes) -> Any:
    """Return a JSON value, in whatever layout; NotCanonicalError for duplicate keys, fractions, NaN, deep nesting."""
    try:
        return _STRICT.decode(data.decode("utf-8", "strict"))
    except RecursionError:
        raise NotCanonicalError("nested too deeply") from None
    except NotCanonicalError:
        raise
    except ValueError as cause:
        # The decoder's own message quotes nothing of the document but positions.
        raise NotCanonicalError(f"not JSON: {cause}") from None


def _indented(value: Any, newline: str) -> str:
    """Return what `json.dumps(value, indent=2)` does, three times as fast: the encoder in C knows no indentation."""
    kind = type(value)
    if kind in _ATOMS:
        return _ATOMS[kind](value)
    if kind not in _CONTAINERS:
        return _PLAIN.encode(value)
    inner = newline + "  "
    if kind is list:
        items = [_ATOMS[type(item)](item) if type(item) in _ATOMS else _indented(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{newline}]" if items else "[]"
    items = [
        f"{_quoted(key)}: {_ATOMS[type(item)](item) if type(item) in _ATOMS else _indented(item, inner)}"
        for key, item in value.items()
    ]
    return f"{{{inner}{f',{inner}'.join(items)}{newline}}}" if items else "{}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotCanonicalError("a key stands twice in one object")
    return value


def _integer(spelling: str) -> int:
    # The length first: Python would refuse thousands of digits with an error of its own, and take its time.
    if len(spelling) < _LONGEST_INTEGER:
        return int(spelling)
    if len(spelling) > _LONGEST_INTEGER + 1 or abs(int(spelling)) > LARGEST_INTEGER:
        raise NotCanonicalError("an integer is too large to be exact everywhere")
    return int(spelling)


def _refuse_number(_spelling: str) -> Never:
    raise NotCanonicalError("a number is not an integer")


_quoted = json.encoder.encode_basestring_ascii
_PLAIN = json.JSONEncoder(ensure_ascii=True, allow_nan=False)
_CONTAINERS = {dict, list}
# What a value that is no container is written with; a subclass of one of these is left to the encoder.
_ATOMS: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: int.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_number
)


def _admit(value: Any, depth: int) -> None:
    if depth == 0:
        raise NotCanonicalError("nested too deeply")
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise NotCanonicalError("an integer is too large to be exact everywhere")
        case dict():
            for key, item in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    raise NotCanonicalError("a key is not ASCII")
                _admit(item, depth - 1)
        case list() | tuple():
            for item in value:
                _admit(item, depth - 1)
        case _:
            raise NotCanonicalError(f"a {type(value).__name__} has no canonical form")
