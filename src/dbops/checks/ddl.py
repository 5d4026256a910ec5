"""The statements of a fix taken apart: what each of them does to which index.

Rules print their fixes as SQL that runs as printed; a script of many fixes has to know which of them make, take, rename
or need the same index. `split` cuts a text into statements, `read` says what one does to indexes, as far as the forms
go that `remediation.py` writes; everything else is `Verb.OTHER` and passes through untouched. What this module does not
do: check SQL, or understand what a person may write.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.names import NAME_REST, NAME_START, TAG_REST, qualified, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TOKEN = re.compile(
    rf"""
      (?P<space>\s+|--[^\n]*)
    | (?P<dollar>\$(?P<tag>(?:{NAME_START}{TAG_REST})?)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    | (?P<name>{NAME_START}{NAME_REST})
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_OPEN, _CLOSE = frozenset("(["), frozenset(")]")


class Name(NamedTuple):
    """A schema and what is called so in it."""

    schema: str
    name: str

    def __str__(self) -> str:
        """Return the canonical name."""
        return qualified(self.schema, self.name)


class Verb(enum.Enum):
    """What a statement does to an index."""

    CREATE = "create"
    DROP = "drop"
    REBUILD = "rebuild"
    ATTACH = "attach"
    RENAME = "rename"
    PROMOTE = "promote"  # ADD PRIMARY KEY USING INDEX and the like: the index takes the constraint's name
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Structure:
    """What CREATE INDEX makes, without name and storage: enough to tell whether one index does another's work."""

    unique: bool
    method: str
    keys: tuple[str, ...]
    include: tuple[str, ...]
    where: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its `text` without the semicolon, and what it does to `index` (of `table`, where it says so).

    `other` is the part that is attached, or the new name. `spans` are the places of index names in the text.
    """

    text: str
    verb: Verb = Verb.OTHER
    index: Name | None = None
    table: Name | None = None
    other: Name | None = None
    structure: Structure | None = None
    concurrently: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def touched(self) -> tuple[Name, ...]:
        """The indexes it speaks of."""
        return tuple(name for name in (self.index, self.other) if name)

    def with_names(self, names: Mapping[str, str]) -> Statement:
        """Return the statement with indexes called otherwise, `names` being the new by the old."""
        text = self.text
        for start, end in sorted(self.spans, reverse=True):
            old = unquote(text[start:end])
            text = text[:start] + quote(names.get(old, old)) + text[end:]
        return read(text)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def split(sql: str) -> tuple[str, ...]:
    """Return the statements of a text, without semicolons; comments stay with the statement that follows."""
    statements: list[str] = []
    begin = 0
    for token in _tokens(sql):
        if token.text == ";" and token.kind == "mark":
            statements.append(sql[begin : token.start].strip())
            begin = token.end
    rest = sql[begin:].strip()
    return tuple(text for text in (*statements, rest) if any(t.kind != "space" for t in _tokens(text)))


def first_words(text: str) -> tuple[str, str]:
    """Return the two words that a statement begins with, in lower case; nothing where there are fewer."""
    words = [token.text.lower() for token in _tokens(text) if token.kind != "space"]
    first, second, *_ = (*words, "", "")
    return first, second


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        yield _Token(found.lastgroup or "", found[0], found.start(), found.end())


def read(text: str) -> Statement:
    """Return what one statement does."""
    reader = _Reader([token for token in _tokens(text) if token.kind != "space"], text)
    for form in (_create, _drop, _rebuild, _alter_index, _promote):
        reader.rewind()
        if found := form(reader):
            return found
    return Statement(text)


class _Reader:
    """Takes words and names off the front of a statement."""

    def __init__(self, tokens: Sequence[_Token], text: str) -> None:
        self.text = text
        self._tokens = tokens
        self._next = 0
        self.spans: list[tuple[int, int]] = []

    def rewind(self) -> None:
        self._next = 0
        self.spans = []

    def take(self, *words: str) -> bool:
        """Pass over `words` if they come next; all of them or none."""
        ahead = [token.text.lower() for token in self._tokens[self._next : self._next + len(words)]]
        if ahead != list(words):
            return False
        self._next += len(words)
        return True

    def name(self, schema: str | None = None, *, of_index: bool = False) -> Name | None:
        """Take a qualified name, or, where a `schema` is given, one without."""
        first = self._identifier(of_index and schema is not None)
        if first is None:
            return None
        if schema is not None:
            return Name(schema, first)
        if not self.take("."):
            return None
        second = self._identifier(of_index)
        return None if second is None else Name(first, second)

    def _identifier(self, of_index: bool) -> str | None:  # noqa: FBT001  (private, one caller)
        if self._next >= len(self._tokens) or self._tokens[self._next].kind not in {"name", "quoted"}:
            return None
        token = self._tokens[self._next]
        self._next += 1
        if of_index:
            self.spans.append((token.start, token.end))
        return unquote(token.text)

    def list(self) -> tuple[str, ...]:
        """Take what stands in parentheses, cut at the commas of its own level."""
        if not self.take("("):
            return ()
        items: list[str] = []
        begin = self._tokens[self._next].start
        depth = 1
        while depth and self._next < len(self._tokens):
            token = self._tokens[self._next]
            self._next += 1
            depth += (token.text in _OPEN) - (token.text in _CLOSE)
            if depth == 0 or (depth == 1 and token.text == ","):
                items.append(self.text[begin : token.start].strip())
                begin = token.end
        return tuple(items)

    def word(self) -> str:
        """Take one token."""
        self._next += 1
        return self._tokens[self._next - 1].text if self._next <= len(self._tokens) else ""

    def rest(self) -> str:
        """Return what is left."""
        return self.text[self._tokens[self._next].start :].strip() if self._next < len(self._tokens) else ""


def _create(reader: _Reader) -> Statement | None:
    if not reader.take("create"):
        return None
    unique = reader.take("unique")
    if not reader.take("index"):
        return None
    concurrently = reader.take("concurrently")
    index = reader.name("", of_index=True)
    if index is None or not reader.take("on"):
        return None
    reader.take("only")
    table = reader.name()
    if table is None:
        return None
    return Statement(
        reader.text,
        Verb.CREATE,
        index._replace(schema=table.schema),
        table,
        structure=_structure(reader, unique=unique),
        concurrently=concurrently,
        spans=tuple(reader.spans),
    )


def _structure(reader: _Reader, *, unique: bool) -> Structure:
    method = unquote(reader.word()) if reader.take("using") else "btree"
    keys = reader.list()
    include = reader.list() if reader.take("include") else ()
    if reader.take("nulls", "not", "distinct"):
        keys = (*keys, "nulls not distinct")  # what is compared here is never unique; it only has to differ
    if reader.take("with"):
        reader.list()
    if reader.take("tablespace"):
        reader.word()
    return Structure(unique, method, keys, include, reader.rest() if reader.take("where") else None)


def _drop(reader: _Reader) -> Statement | None:
    return _whole_index(reader, "drop", Verb.DROP)


def _rebuild(reader: _Reader) -> Statement | None:
    return _whole_index(reader, "reindex", Verb.REBUILD)


def _whole_index(reader: _Reader, word: str, verb: Verb) -> Statement | None:
    if not reader.take(word, "index"):
        return None
    concurrently = reader.take("concurrently")
    index = reader.name(of_index=True)
    return index and Statement(reader.text, verb, index, concurrently=concurrently, spans=tuple(reader.spans))


def _alter_index(reader: _Reader) -> Statement | None:
    if not reader.take("alter", "index"):
        return None
    index = reader.name(of_index=True)
    if index and reader.take("attach", "partition"):
        part = reader.name(of_index=True)
        return Statement(reader.text, Verb.ATTACH, index, other=part, spans=tuple(reader.spans))
    if index and reader.take("rename", "to"):
        new = reader.name(index.schema, of_index=True)
        return Statement(reader.text, Verb.RENAME, index, other=new, spans=tuple(reader.spans))
    return None


def _promote(reader: _Reader) -> Statement | None:
    if not reader.take("alter", "table"):
        return None
    table = reader.name()
    if table is None or not reader.take("add"):
        return None
    constraint = reader.name(table.schema, of_index=True) if reader.take("constraint") else None
    if not (reader.take("primary", "key") or reader.take("unique")) or not reader.take("using", "index"):
        return None
    index = reader.name(table.schema, of_index=True)
    return Statement(reader.text, Verb.PROMOTE, index, table, other=constraint, spans=tuple(reader.spans))
