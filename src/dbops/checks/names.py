"""Names as PostgreSQL writes them: quoting, canonical names, and new names that are free and fit.

A name that comes out of here can stand in a statement as it is, whatever it holds; the rules are `quote_ident`'s, with
the reserved words of the newest major, so that a canonical name is the same on every server.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

MAX_NAME_BYTES = 63

# What a name begins with and goes on with: letters and all beyond ASCII, as the server's scanner has it. Told by
# what it is not, since Python takes milliseconds to compile a class of so many characters. Blanks and digits beyond
# ASCII are letters too, so what scans for names does it with re.ASCII.
NAME_START = r"[^\x00-@\[-^`{-\x7f]"
NAME_REST = r"[^\x00-#%-/:-@\[-^`{-\x7f]*"
# What the tag of a dollar quote goes on with.
TAG_REST = r"[^\x00-/:-@\[-^`{-\x7f]*"

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
NAME_SPELLING = rf'"(?:[^"]|"")+"|{NAME_START}{NAME_REST}'
_IDENTIFIER = re.compile(NAME_SPELLING)
_QUALIFIED = re.compile(rf"\s*({NAME_SPELLING})(?:\s*\.\s*({NAME_SPELLING}))?\s*", re.ASCII)

# Every word that is not "unreserved" in PostgreSQL 18; `tests/checks/test_names.py` asks the server at hand.
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905
)


def quote(name: str) -> str:
    """Return an identifier, quoted where it has to be."""
    if _PLAIN.match(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Return the canonical name of an object in a schema."""
    return f"{quote(schema)}.{quote(name)}"


def literal(text: str) -> str:
    """Return a string literal that means `text` whatever standard_conforming_strings says."""
    escaped = text.replace("'", "''")
    if "\\" in text:
        return "E'" + escaped.replace("\\", "\\\\") + "'"
    return f"'{escaped}'"


def parse_qualified(text: str, default_schema: str = "public") -> tuple[str, str]:
    """Take `schema.name` or `name` apart as PostgreSQL would; ValueError if it is neither."""
    found = _QUALIFIED.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no name of a table")
    first, second = found.groups()
    return (default_schema, unquote(first)) if second is None else (unquote(first), unquote(second))


def parse_identifier(text: str) -> str | None:
    """Return the name that `text` spells, None if it is no identifier."""
    return unquote(text) if _IDENTIFIER.fullmatch(text) else None


def unquote(spelling: str) -> str:
    """Return the name behind an identifier as typed: unquoted it folds to lower case, ASCII only."""
    if spelling.startswith('"'):
        return spelling[1:-1].replace('""', '"')
    return "".join(letter.lower() if letter.isascii() else letter for letter in spelling)


def fresh_name(prefix: str, parts: tuple[str, ...], taken: Container[str], *, plain: bool, shape: str) -> str:
    """Return a name of at most 63 bytes that is not `taken`, the same each time for the same `shape`.

    The parts name the columns. Where they do not tell the whole shape (`plain` is false), or do not fit, or the name is
    taken, a digest of the shape follows.
    """
    wanted = "_".join((prefix, *parts))
    digest = hashlib.sha256(shape.encode()).hexdigest()
    if plain and len(wanted.encode()) <= MAX_NAME_BYTES and wanted not in taken:
        return wanted
    for length in range(6, 32):
        tail = "_" + digest[:length]
        name = _cut(wanted, MAX_NAME_BYTES - len(tail)) + tail
        if name not in taken:
            return name
    raise AssertionError("26 digests of one shape are all taken")


def _cut(text: str, size: int) -> str:
    """Return the beginning of `text` in at most `size` bytes, whole characters only."""
    return text.encode()[:size].decode(errors="ignore")
