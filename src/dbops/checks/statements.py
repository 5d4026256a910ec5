"""Statements as applications send them, brought to the one form in which they are counted, kept and explained.

`normalise` takes the values out: every literal becomes a parameter, `$1`, `$2`, in the order they stand, as
pg_stat_statements does; comments go, since they hold request ids and names of people; lists of values shrink to one.
Only that text leaves this process. The fingerprint is of the words, not of the spaces, so that one statement has one
fingerprint whether it comes from the statistics or from a log. The rules: what cannot be told from a literal is one (an
unclosed quote hides the rest); numbers stay where a parameter would mean something else (`order by 2`, `numeric(10,
2)`). What it does not do: parse SQL, or know what a name refers to.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from dbops.checks.names import NAME_REST, NAME_START, TAG_REST

# A statement of these kinds can be explained: it is planned, and without ANALYZE never carried out.
EXPLAINABLE = frozenset({"select", "with", "insert", "update", "delete", "merge", "values", "table"})

_TOKEN = re.compile(
    rf"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<dollar>\$(?P<tag>(?:{NAME_START}{TAG_REST})?)\$(?:.*?\$(?P=tag)\$|.*))
    | (?P<parameter>\$\d+)
    | (?P<quoted>(?:[uU]&)?"(?:[^"]++|"")*+(?:"|\Z))
    | (?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+(?:'|\Z))
    | (?P<text>(?:[bBxXnN]|[uU]&)?'(?:[^']++|'')*+(?:'|\Z))
    | (?P<name>{NAME_START}{NAME_REST})
    | (?P<number>0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<cast>::)
    | (?P<operator>[-+*/<>=~!@\#%^&|`?]+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_LITERALS = frozenset({"dollar", "parameter", "escaped", "text", "number"})
# A minus after one of these belongs to the number that follows.
_BEFORE_OPERAND = frozenset(
    """
    all and any between by case else from ilike in is like limit not offset on or returning select set then values when
    where
    """.split()  # noqa: SIM905
)
_WITH_PRECISION = frozenset(
    """
    bit bpchar char character decimal float interval numeric time timestamp timestamptz timetz varchar varying
    """.split()  # noqa: SIM905
)
_MOMENTS = frozenset({"interval", "date", "time", "timestamp", "timestamptz", "timetz"})
_ZONED = ("timestamp", "with", "time", "zone")
_OPEN, _CLOSED = frozenset("(["), frozenset(")]")


class Token(NamedTuple):
    """A word of a statement; `spaced` says whether something separated it from the one before."""

    kind: str
    text: str
    spaced: bool

    @property
    def word(self) -> str:
        """Itself where it is an unquoted name, in lower case; nothing otherwise."""
        return self.text if self.kind == "name" else ""


@dataclass(frozen=True)
class Statement:
    """A statement in its one form: `text` without values, with `parameters` many `$n` in place of them."""

    tokens: tuple[Token, ...]
    parameters: int

    @cached_property
    def text(self) -> str:
        """The statement as it is kept and printed."""
        return "".join(f" {token.text}" if token.spaced else token.text for token in self.tokens).lstrip()

    @cached_property
    def fingerprint(self) -> str:
        """What the statement is known by: SHA-256 of its words."""
        return hashlib.sha256("\n".join(token.text for token in self.tokens).encode()).hexdigest()

    @property
    def name(self) -> str:
        """How findings call it."""
        return f"statement {self.fingerprint[:12]}"

    @property
    def keyword(self) -> str:
        """The word it begins with."""
        return next((token.word for token in self.tokens if token.text != "("), "")

    @property
    def is_single(self) -> bool:
        """Whether it is one statement; a log keeps together what came together."""
        return not any(token.text == ";" for token in self.tokens)

    @property
    def is_explainable(self) -> bool:
        """Whether EXPLAIN takes it, and only plans it."""
        return self.keyword in EXPLAINABLE and self.is_single

    @property
    def is_of_a_tool(self) -> bool:
        """Whether it asks the system catalogs, as dbops, pg_dump, psql and monitoring do, and applications do not."""
        words = [token.word for token in self.tokens]
        return any(
            (word in {"pg_catalog", "information_schema"} and self.tokens[i + 1].text == ".")
            or (word in {"from", "join"} and words[i + 1].startswith("pg_"))
            for i, word in enumerate(words[:-1])
        )


@lru_cache(maxsize=512)
def normalise(text: str) -> Statement:
    """Return the one form of a statement; of what is already in it, the same."""
    tokens = _without_end(_tokens(text))
    tokens = [token._replace(kind="value") if _is_value(tokens, i) else token for i, token in enumerate(tokens)]
    tokens = _typed_last(_shortened(_signed(tokens)))
    numbers: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if token.kind == "value":
            # A parameter that recurs stays one; a literal is a value of its own each time.
            known = token.text if re.fullmatch(r"\$\d+", token.text) else f"literal {i}"
            tokens[i] = token._replace(text=f"${numbers.setdefault(known, len(numbers) + 1)}")
    return Statement(tuple(tokens), len(numbers))


def highest_parameter(text: str) -> int:
    """Return the number of the last parameter in a statement as it was typed, 0 where it has none."""
    return max((int(token.text[1:]) for token in _tokens(text) if token.kind == "parameter"), default=0)


def clipped(text: str, length: int = 300) -> str:
    """Return a statement as a finding quotes it, its end left out where it is long."""
    return text if len(text) <= length else text[: length - 2].rstrip() + " …"


# Taking apart


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    position, spaced = 0, False
    while match := _TOKEN.match(text, position):
        kind, word, position = match.lastgroup or "", match[0], match.end()
        if kind == "comment":
            position = _comment_end(text, position)
        if kind in {"space", "comment"}:
            spaced = True
            continue
        if kind == "operator":
            word = _operator(word)
            position = match.start() + len(word)
        found.append(Token("dollar" if kind == "tag" else kind, _folded(kind, word), spaced))
        spaced = False
    return found


def _comment_end(text: str, position: int) -> int:
    """Return where a comment ends that began before `position`; comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _operator(run: str) -> str:
    """Return the first operator of a run of signs: a comment ends it, and a sign of a number is none of it."""
    for edge in ("--", "/*"):
        before = run.find(edge)
        run = run[:before] if before > 0 else run
    if len(run) > 1 and not set(run) & set("~!@#%^&|`?"):
        return run.rstrip("+-") or run[0]
    return run


def _folded(kind: str, word: str) -> str:
    """Return an unquoted name in lower case, as the server takes it; ASCII only."""
    if kind != "name":
        return word
    return word.lower() if word.isascii() else "".join(c.lower() if c.isascii() else c for c in word)


def _without_end(tokens: list[Token]) -> list[Token]:
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    return tokens


# Telling values from words


def _is_value(tokens: list[Token], i: int) -> bool:
    token = tokens[i]
    if token.kind not in _LITERALS:
        return False
    return token.kind != "number" or not (_is_ordinal(tokens, i) or _is_precision(tokens, i))


def _is_ordinal(tokens: list[Token], i: int) -> bool:
    """Return whether a number names a column of the result: `order by 1, 2 desc`."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if after is not None and after.kind != "name" and after.text not in {",", ")", ";"}:
        return False
    depth = 0
    for token in reversed(tokens[:i]):
        if token.text in _CLOSED:
            depth += 1
        elif token.text in _OPEN:
            depth -= 1
        if depth < 0:
            return False
        if depth == 0 and token.word:
            if token.word in {"asc", "desc", "nulls", "first", "last"}:
                continue
            return token.word == "by" and (tokens[i - 1].word == "by" or tokens[i - 1].text == ",")
        if depth == 0 and token.kind not in {"number", "mark"}:
            return False
    return False


def _is_precision(tokens: list[Token], i: int) -> bool:
    """Return whether a number belongs to a type: `numeric(10, 2)`."""
    at = i - 1
    while at > 0 and (tokens[at].text == "," or tokens[at].kind == "number"):
        at -= 1
    return at > 0 and tokens[at].text == "(" and tokens[at - 1].word in _WITH_PRECISION


# Bringing values to one form


def _signed(tokens: list[Token]) -> list[Token]:
    """Return tokens with the sign of a number made part of it."""
    kept: list[Token] = []
    for token in tokens:
        sign = kept[-1] if kept else None
        if token.kind == "value" and token.text[:1].isdigit() and sign and sign.text in {"-", "+"}:
            before = kept[-2] if len(kept) > 1 else None
            if (
                before is None
                or before.kind == "operator"
                or before.text in {"(", "[", ","}
                or (before.word in _BEFORE_OPERAND)
            ):
                kept[-1] = Token("value", sign.text + token.text, sign.spaced)
                continue
        kept.append(token)
    return kept


def _shortened(tokens: list[Token]) -> list[Token]:
    """Return tokens with `in (…)`, `array[…]` and the rows of VALUES cut to their first, where all are values."""
    kept: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        kept.append(token)
        i += 1
        before = kept[-2] if len(kept) > 1 else None
        if token.text in _OPEN and before and before.word in {"in", "array"} and (end := _list_end(tokens, i)):
            kept += [tokens[i], tokens[end]._replace(spaced=False)]
            i = end + 1
        elif token.text == ")":
            i = _past_alike_rows(tokens, kept, i)
    return kept


def _list_end(tokens: list[Token], start: int) -> int | None:
    """Return where a list of nothing but values, which begins at `start`, is closed."""
    for i in range(start, len(tokens) - 1, 2):
        if tokens[i].kind != "value":
            return None
        if tokens[i + 1].text in _CLOSED:
            return i + 1
        if tokens[i + 1].text != ",":
            return None
    return None


def _past_alike_rows(tokens: list[Token], kept: list[Token], i: int) -> int:
    """Return where the rows of VALUES that look like the one just closed come to their end."""
    row = _last_row(kept)
    if not row:
        return i
    shape = [_shape(token) for token in row]
    while i < len(tokens) and tokens[i].text == ",":
        following = tokens[i + 1 : i + 1 + len(row)]
        if [_shape(token) for token in following] != shape:
            break
        i += 1 + len(row)
    return i


def _shape(token: Token) -> str:
    return "a value" if token.kind == "value" else token.text


def _last_row(kept: list[Token]) -> list[Token]:
    """Return the row of VALUES that ends here, nothing if this is none; only the first of several is asked for."""
    depth = 0
    for i in range(len(kept) - 1, -1, -1):
        if kept[i].text == ")":
            depth += 1
        elif kept[i].text == "(":
            depth -= 1
            if depth == 0:
                return kept[i:] if i and kept[i - 1].word == "values" else []
    return []


def _typed_last(tokens: list[Token]) -> list[Token]:
    """Return tokens with `interval '1 day'` as `$1::interval`: a type before a parameter is no SQL."""
    kept: list[Token] = []
    for token in tokens:
        names = _type_before(kept) if token.kind == "value" else []
        if not names:
            kept.append(token)
            continue
        del kept[-len(names) :]
        kept.append(token._replace(spaced=names[0].spaced))
        kept.append(Token("cast", "::", spaced=False))
        kept += [names[0]._replace(spaced=False), *names[1:]]
    return kept


def _type_before(kept: list[Token]) -> list[Token]:
    """Return the words of the type that the tokens end with, if they end with one that takes a literal."""
    if tuple(token.word for token in kept[-4:]) == _ZONED:
        return kept[-4:]
    return kept[-1:] if kept and kept[-1].word in _MOMENTS else []
