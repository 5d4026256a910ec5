"""How firmly the text of a policy's expression holds a row to a tenant: what is true whatever the row, what lets in.

A text comes reduced (`setting_reads.py`), with the pattern of what ties it to a tenant. The rules, in order: `OR` lets
in what one of its parts lets in, `AND` holds as firmly as its firmest part; what is true by itself holds nobody; what
has no tie holds nobody, unless it asks whether there is a tenant, which then lets in who has none; a tie with a default
in the place of a missing tenant lets in as well. A condition of another kind that
OR joins to a tie is taken for a way in on purpose: the whole holds, and `lets_past` tells of it. What it does not do:
understand SQL beyond that.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from dbops.checks.setting_reads import MARK, closing, reduced, unquoted

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hold(enum.IntEnum):
    """How firmly an expression holds a row to the tenant of the session, the weakest first."""

    ALWAYS_TRUE = 0
    IGNORES = 1  # it says nothing about tenants
    FAILS_OPEN = 2  # it says something, and lets a session without a tenant in
    BINDS = 3


_WHOLE = r'(?:true|\(?(?P<one>\w+|"[^"]+")\)? = \(?(?P=one)\)?|NOT \(?false\)?)'
_NO_TENANT = re.compile(rf"{MARK} (?:IS NULL|= ''(?:::text)?)(?!\)? THEN false)", re.IGNORECASE)
_WITH_DEFAULT = re.compile(rf"\bcoalesce\(\s*{MARK}\s*,", re.IGNORECASE)
_WORD = re.compile(r"\s(AND|OR)\s", re.IGNORECASE)


def token(name: str) -> str:
    """Return the pattern of a column's name in an expression, the name being quoted as it has to be."""
    return rf'(?<![\w"]){re.escape(name)}(?![\w"])'


@lru_cache(maxsize=4096)
def hold_in(text: str, tokens: str) -> Hold:
    """Return how firmly a reduced expression holds, `tokens` being what ties it to a tenant."""
    text = _bare(text)
    for word in ("OR", "AND"):
        parts = _parts(text, word)
        if len(parts) > 1:
            return _combined(word, [hold_in(part, tokens) for part in parts])
    if re.fullmatch(_WHOLE, text) or (tokens and re.fullmatch(rf"(?:{tokens}) IS NOT NULL", text)):
        return Hold.ALWAYS_TRUE
    if not tokens or not re.search(tokens, text):
        return Hold.FAILS_OPEN if tokens and _NO_TENANT.search(text) else Hold.IGNORES
    open_case = "CASE" in text and _NO_TENANT.search(text)
    return Hold.FAILS_OPEN if open_case or _WITH_DEFAULT.search(text) else Hold.BINDS


@lru_cache(maxsize=4096)
def lets_past(text: str, tokens: str) -> bool:
    """Return whether OR puts a condition that says nothing of tenants in the place of one that holds."""
    text = _bare(text)
    beside = _parts(text, "OR")
    if len(beside) > 1:
        return any(hold_in(part, tokens) is Hold.IGNORES or lets_past(part, tokens) for part in beside)
    both = _parts(text, "AND")
    return len(both) > 1 and all(hold_in(part, tokens) < Hold.BINDS or lets_past(part, tokens) for part in both)


def _combined(word: str, holds: Sequence[Hold]) -> Hold:
    if word == "AND":
        return max(holds)
    if Hold.ALWAYS_TRUE in holds:
        return Hold.ALWAYS_TRUE
    return Hold.FAILS_OPEN if Hold.FAILS_OPEN in holds else max(holds)


def _bare(text: str) -> str:
    """Return an expression without the parentheses around it."""
    text = text.strip()
    while text.startswith("(") and closing(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _parts(text: str, word: str) -> list[str]:
    """Return an expression cut at a word of its own level; whole where it has none, or is a CASE."""
    if text.upper().startswith("CASE "):
        return [text]
    cuts: list[tuple[int, int]] = []
    depth = 0
    for position, character in unquoted(text):
        depth += (character == "(") - (character == ")")
        found = _WORD.match(text, position) if depth == 0 and character == " " else None
        if found and found[1].upper() == word:
            cuts.append(found.span())
    starts = [0, *(end for _, end in cuts)]
    return [text[start:end] for start, end in zip(starts, [*(start for start, _ in cuts), len(text)], strict=True)]


def lets_in(source: str) -> bool:
    """Return whether a function gives a session without a tenant another value than null."""
    return bool(_WITH_DEFAULT.search(reduced(source)))
