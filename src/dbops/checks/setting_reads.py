"""How an expression asks for the tenant: the reads of settings in what PostgreSQL wrote, or somebody in a function.

A read is one call of `current_setting` with the name spelled out; it is *safe* if a session that never set the setting,
or whose transaction with it has ended, gets null and no error: the second argument is true, and the empty string that
is left behind becomes null before it is cast. `reduced` puts a mark in the place of each read and of what merely hands
it on (casts, NULLIF with '', a sub-select around it), so that what is left says what happens when there is no tenant.
What it does not do: understand names that are put together, or SQL in general.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "§"
_SPELLINGS = 4096

_TEXT = r"\s*(?:::\s*(?:pg_catalog\.)?text)?\s*"
_READ = re.compile(
    rf"\b(?:pg_catalog\s*\.\s*)?current_setting\s*\(\s*'((?:[^']|'')*)'{_TEXT}(?:,\s*(true|false)\s*)?\)", re.IGNORECASE
)
_NULLIF_BEFORE = re.compile(r"\bnullif\s*\(\s*\Z", re.IGNORECASE)
_EMPTY_AFTER = re.compile(rf"\s*,\s*''{_TEXT}\)", re.IGNORECASE)
_CAST_AFTER = re.compile(r"\s*\)?\s*::\s*(?:pg_catalog\s*\.\s*)?(\w+)")
_CAST_BEFORE = re.compile(r"\bcast\s*\(\s*\Z", re.IGNORECASE)
_TEXT_TYPES = frozenset({"text", "character", "varchar", "name", "citext"})

_TYPE = r"(?:[A-Za-z_][\w.]*|\"[^\"]+\"(?:\.\"?\w+\"?)?)(?: (?:varying|precision))?(?:\(\d+(?:,\d+)?\))?(?:\[\])?"
# A default that is no tenant's: empty, null or negative.
_NO_TENANT = rf"(?:'(?:{{}})?'{_TEXT}(?:::\s*{_TYPE})?|null(?:::\s*{_TYPE})?|\(*'?-\d+'?\)*(?:::\s*{_TYPE}\)*)*)"
# What only hands a read on; applied until nothing changes. The first two are the ways in which '' becomes null.
_HANDED_ON = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bnullif\s*\(\s*{MARK}\s*,\s*''{_TEXT}\)",
        rf"\bcoalesce\s*\(\s*{MARK}\s*,\s*{_NO_TENANT}\s*\)",
        rf"{MARK}\s*::\s*{_TYPE}",
        rf"\bcast\s*\(\s*{MARK}\s+as\s+{_TYPE}\s*\)",
        rf"(?<![\w\"])\(\s*{MARK}\s*\)",
        rf"\(\s*select\s+{MARK}(?:\s+as\s+(?:\"[^\"]*\"|\w+))?\s*\)",
    )
)
_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)
_SELECT = re.compile(r"\(\s*select\b", re.IGNORECASE)


class SettingRead(NamedTuple):
    """One call of `current_setting` at `start` to `end`; `guarded`: the empty string it may give becomes null."""

    setting: str
    missing_ok: bool
    guarded: bool
    cast: bool
    start: int
    end: int

    @property
    def is_safe(self) -> bool:
        """Whether a session without a tenant gets null, not an error."""
        return self.missing_ok and (self.guarded or not self.cast)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text."""

    start: int
    end: int

    def holds(self, position: int) -> bool:
        """Return whether a position is in it."""
        return self.start <= position < self.end


# The policies of many tables are spelled alike: what a text says is worked out once.
@lru_cache(maxsize=_SPELLINGS)
def setting_reads(text: str | None) -> tuple[SettingRead, ...]:
    """Return the reads of settings in an expression or a function's body, in their order."""
    return tuple(_read(text, found) for found in _READ.finditer(text)) if text else ()


def own_reads(text: str | None) -> tuple[SettingRead, ...]:
    """Return the reads that say something about the row at hand: not those by which rows of other tables are found."""
    if not text or _FROM.search(text) is None:
        return setting_reads(text)
    looked_up = [span for span in sub_selects(text) if _FROM.search(text, span.start, span.end)]
    if not looked_up:  # the body of a function
        return ()
    return tuple(read for read in setting_reads(text) if not any(span.holds(read.start) for span in looked_up))


def _read(text: str, found: re.Match[str]) -> SettingRead:
    before, after = text[: found.start()], found.end()
    empty = _EMPTY_AFTER.match(text, after)
    guarded = bool(_NULLIF_BEFORE.search(before) and empty)
    if guarded and empty:
        after = empty.end()
    cast = _CAST_AFTER.match(text, after)
    is_cast = (cast is not None and cast[1].lower() not in _TEXT_TYPES) or bool(_CAST_BEFORE.search(before))
    return SettingRead(
        found[1].replace("''", "'"), (found[2] or "").lower() == "true", guarded, is_cast, found.start(), found.end()
    )


def same_setting(one: str, other: str) -> bool:
    """Return whether two names are of one setting: PostgreSQL does not mind the case."""
    return one.lower() == other.lower()


def reduced(text: str, calls: Iterable[str] = ()) -> str:
    """Return an expression with a mark for each read; `calls` are calls of functions that hand a tenant on."""
    return _reduced(text, tuple(calls))


@lru_cache(maxsize=_SPELLINGS)
def _reduced(text: str, calls: tuple[str, ...]) -> str:
    text = _READ.sub(MARK, text)
    for call in calls:
        text = text.replace(call, MARK)
    before = ""
    while before != text:
        before = text
        for pattern in _HANDED_ON:
            text = pattern.sub(MARK, text)
    return text


def sub_selects(text: str) -> tuple[Span, ...]:
    """Return the sub-selects of an expression, outermost only."""
    found: list[Span] = []
    for match in _SELECT.finditer(text):
        if not any(span.holds(match.start()) for span in found):
            found.append(Span(match.start(), closing(text, match.start()) + 1))
    return tuple(found)


def closing(text: str, opening: int) -> int:
    """Return where the parenthesis at `opening` is closed, the end of the text where it is not; quotes are minded."""
    depth = 0
    for position, character in unquoted(text, opening):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position
    return len(text)


def unquoted(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the characters of a text that are in no literal and no quoted name."""
    quote = ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote  # a doubled quote closes and opens: the same to us
        elif character in "'\"":
            quote = character
        else:
            yield position, character


def per_row(text: str | None, calls: Iterable[str] = ()) -> tuple[Span, ...]:
    """Return the reads and the `calls` outside every sub-select: PostgreSQL makes them again for each row."""
    return _per_row(text, tuple(calls)) if text else ()


@lru_cache(maxsize=_SPELLINGS)
def _per_row(text: str, calls: tuple[str, ...]) -> tuple[Span, ...]:
    inside = sub_selects(text)
    spans = [Span(read.start, read.end) for read in setting_reads(text)]
    spans += [Span(m.start(), m.end()) for call in calls for m in re.finditer(rf"(?<![\w.\"]){re.escape(call)}", text)]
    return tuple(span for span in spans if not any(outer.holds(span.start) for outer in inside))


def made_safe(text: str, setting: str, *, renamed: Iterable[str] = (), calls: Iterable[str] = ()) -> str:
    """Return an expression in which reads of `setting` are safe and made once for a statement, and so are `calls`.

    Reads of a `renamed` setting become reads of `setting`; those of other settings are only made once.
    """
    wrong = {name.lower() for name in (setting, *renamed)}
    again = per_row(text, calls)
    reads = setting_reads(text)
    edits = [_safe(text, read, setting) for read in reads if read.setting.lower() in wrong]
    done = {read.start for read in reads if read.setting.lower() in wrong}
    edits += [(span, text[span.start : span.end]) for span in again if span.start not in done]
    repeated = {span.start for span in again}
    for span, new in sorted(edits, key=lambda edit: -edit[0].start):
        once = any(span.holds(start) for start in repeated)
        text = text[: span.start] + (f"(select {new})" if once else new) + text[span.end :]
    return text


def _safe(text: str, read: SettingRead, setting: str) -> tuple[Span, str]:
    """Return what to put in the place of which part of a text, so that a read gives null where there is no tenant."""
    start, end = read.start, read.end
    before, after = _NULLIF_BEFORE.search(text, 0, start), _EMPTY_AFTER.match(text, end)
    if read.guarded and before and after:
        start, end = before.start(), after.end()
    return Span(start, end), f"nullif(current_setting({literal(setting)}, true), '')"
