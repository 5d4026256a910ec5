"""What depends on where text is going, width and glyphs, and what keeps foreign text harmless there.

Object names and messages come from databases and programs, so they are hostile: `clean` makes every control, invisible
or direction-changing character visible.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

# Lines longer than this are hard to read, however wide the window is; SQL is exempt, it is never wrapped.
_WIDEST = 110
NARROWEST = 40
_OFF_TERMINAL = 100


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few signs in front of lines, each one column wide."""

    passed: str
    failed: str
    warned: str
    unsure: str
    skipped: str
    rule: str


UNICODE = Glyphs(passed="✓", failed="✗", warned="!", unsure="?", skipped="○", rule="─")
ASCII = Glyphs(passed="+", failed="x", warned="!", unsure="?", skipped="o", rule="-")


def glyphs_for(stream: TextIO) -> Glyphs:
    """Return the signs that the stream's encoding can carry."""
    signs = f"{UNICODE.passed}{UNICODE.failed}{UNICODE.skipped}{UNICODE.rule}"
    try:
        signs.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def discard(stream: TextIO) -> None:
    """Send what is left in a stream's buffer nowhere, so that the interpreter does not stumble over it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def clean(text: str, *, keep: str = "") -> str:
    """Return `text` with every character that does not print as itself escaped, except those in `keep`.

    That covers control characters, terminal escapes, bidirectional overrides, zero-width characters, lone surrogates.
    """
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def on_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether a person watches `stream`: a terminal that can move its cursor, outside of CI."""
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("CI")


def width_of(stream: TextIO, environ: Mapping[str, str]) -> int:
    """Return the columns to fill: COLUMNS, else the terminal's, else what reads well in a log."""
    wished = environ.get("COLUMNS", "")
    if wished.isdecimal() and int(wished):
        return max(NARROWEST, min(_WIDEST, int(wished)))
    try:
        measured = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else _OFF_TERMINAL
    except (OSError, ValueError):
        measured = _OFF_TERMINAL
    return max(NARROWEST, min(_WIDEST, measured or _OFF_TERMINAL))
