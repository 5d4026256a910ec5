"""Which line of a TOML file says what; tomllib knows, but does not tell.

Works on a text that tomllib has already accepted, so it needs no errors of its own.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A dotted name, with positions in arrays: ("expect", "index", 2, "columns").
Where = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""+'
    r"|'''.*?'''+"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)


def lines_of(text: str) -> Mapping[Where, int]:
    """Return the 1-based line of every key and table header; an array of tables counts its headers from 0."""
    found: dict[Where, int] = {}
    table: Where = ()
    counts: dict[Where, int] = {}
    for line, statement in _statements(text):
        if statement.startswith("[["):
            name = _in_arrays(_names(statement[2:-2]), counts, last=False)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            found.setdefault(name, line)
            found[table] = line
        elif statement.startswith("["):
            table = _in_arrays(_names(statement[1:-1]), counts, last=True)
            found[table] = line
        else:
            key = table
            for part in _names(_key_of(statement)):
                key = (*key, part)
                found.setdefault(key, line)
    return found


def nearest_line(lines: Mapping[Where, int], where: Where) -> int | None:
    """Return the line of `where`, or of the innermost thing around it that has a line."""
    for length in range(len(where), 0, -1):
        if where[:length] in lines:
            return lines[where[:length]]
    return None


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header and each key with its value, with the line it begins on; comments are left out."""
    line, begun, depth, statement = 1, 1, 0, ""
    for match in _TOKEN.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" and depth == 0:
            if statement.strip():
                yield begun, statement.strip()
            statement = ""
        elif not piece.startswith("#"):
            if not statement.strip():
                begun = line
            statement += piece
            depth += (piece in "[{") - (piece in "]}")
        line += piece.count("\n")


def _key_of(statement: str) -> str:
    """Return what stands before the "=" that is not inside quotes."""
    key = ""
    for match in _TOKEN.finditer(statement):
        before, equals, _ = match[0].partition("=") if match[0][0] not in "\"'" else (match[0], "", "")
        key += before
        if equals:
            break
    return key


def _names(dotted: str) -> Where:
    """Return the parts of a dotted key, unquoted as TOML does it."""
    parts: list[str | int] = []
    inner: Any = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        [(name, inner)] = inner.items()
        parts.append(name)
    return tuple(parts)


def _in_arrays(names: Where, counts: Mapping[Where, int], *, last: bool) -> Where:
    """Return `names` with the running position put in after each array of tables (the last: if `last`)."""
    path: Where = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if path in counts and (last or position < len(names) - 1):
            path = (*path, counts[path])
    return path
