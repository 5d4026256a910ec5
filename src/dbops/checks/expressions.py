"""SQL expressions as a person types them and as the server prints them, brought to one form to be compared.

`status <> 'closed'` comes back as `(status <> 'closed'::text)`, `in (…)` as `= ANY (ARRAY[…])`, `between` as two
comparisons. `parse` understands what predicates and index keys are made of, and `canonical` writes it without what the
server adds: parentheses, casts of literals, casts among the text types, the order of AND and OR. Text that it does not
understand is compared word by word. What it does not do: know types (`'2026-01-01'` and the timestamp the server makes
of it differ here), or prove that one predicate implies another beyond `holds_where_not_null`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.checks.names import NAME_REST, NAME_START, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# A node is its kind and its parts: ("op", "=", left, right), ("column", "status"), ("text", "closed") …
Node = tuple["str | Node", ...]

_TOKEN = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<text>[eE]?'(?:[^'\\]|''|\\.)*')
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    | (?P<name>"(?:[^"]|"")+"|{NAME_START}{NAME_REST})
    | (?P<mark>::|[()\[\],.;:])
    | (?P<operator>[-+*/<>=~!@\#%^&|`?]+)
    """,
    re.VERBOSE | re.ASCII,
)
_TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "char", "character", "name", "text[]", "varchar[]"})
_NUMBER_TYPES = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_TYPE_NAMES = {
    "character varying": "varchar",
    "character varying[]": "varchar[]",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "decimal": "numeric",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
}
# Types of several words: what may follow the first one.
_TYPE_WORDS = {
    "character": ("varying",),
    "double": ("precision",),
    "timestamp": ("with", "without", "time", "zone"),
    "time": ("with", "without", "time", "zone"),
    "bit": ("varying",),
}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_LIKE = {"like": "~~", "ilike": "~~*"}
_TESTS = frozenset({"true", "false", "unknown"})
# What looks like a column and need not be one of the table.
_NO_COLUMNS = frozenset(
    """
    current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime
    localtimestamp session_user system_user user cmax cmin ctid tableoid xmax xmin nfc nfd nfkc nfkd
    """.split()  # noqa: SIM905
)
# How tightly operators bind; those not listed stand at the level of "other".
_OTHER = 4
_BINDING = {"<": 3, ">": 3, "=": 3, "<=": 3, ">=": 3, "<>": 3, "!=": 3, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "^": 7}
_TIGHTEST = 8


class NotUnderstoodError(ValueError):
    """The text is no expression of the kind that is understood here."""


def canonical(text: str) -> str:
    """Return the one form of an expression; equal forms mean the same, different ones may."""
    try:
        return repr(parse(text))
    except NotUnderstoodError:
        return " ".join(_fold(kind, word) for kind, word in _tokens(text, strict=False))


def is_understood(text: str) -> bool:
    """Return whether the text is an expression of the kind that is understood here."""
    try:
        parse(text)
    except NotUnderstoodError:
        return False
    return True


def is_enclosed(text: str) -> bool:
    """Return whether one pair of parentheses stands around the whole of a text, as in `(a + b)` but not `(a) + (b)`."""
    depth = 0
    tokens = _tokens(text, strict=False)
    for left, (kind, word) in zip(range(len(tokens) - 1, -1, -1), tokens, strict=True):
        if kind == "mark":
            depth += (word == "(") - (word == ")")
        if depth <= 0:
            return left == 0 and len(tokens) > 1
    return False


def columns_of(text: str) -> frozenset[str]:
    """Return the names of the columns in an expression, none where it is not understood.

    Words that stand for a value of the session, columns of the system and forms of `normalize` are none.
    """
    try:
        return frozenset(_columns(parse(text))) - _NO_COLUMNS
    except NotUnderstoodError:
        return frozenset()


def _columns(node: Node) -> Iterator[str]:
    if node[0] == "column":
        yield str(node[1])
    named = node[:2] == ("op", "=>")  # what stands before it is the name of an argument
    for part in node[3 if named else 1 :]:
        if isinstance(part, tuple):
            yield from _columns(part)


def may_be_equal(one: str, other: str) -> bool:
    """Return whether two expressions of different form may mean the same to a server.

    They may unless both are understood and differ in more than what a server rewrites: how literals are spelled, what
    is cast, and by which name a function is called.
    """
    try:
        return _skeleton(parse(one)) == _skeleton(parse(other))
    except NotUnderstoodError:
        return True


def _skeleton(node: Node) -> Node:
    """Return a tree without what a server may spell in another way."""
    if _is_literal(node):
        return ("literal",)
    parts = tuple(_skeleton(part) if isinstance(part, tuple) else part for part in node[1:])
    match node[0]:
        case "cast":
            return _skeleton(node[2]) if isinstance(node[2], tuple) else node
        case "call":
            return ("call", *parts[1:])
        case "and" | "or" | "in" | "not in":
            return (node[0], *sorted(set(parts), key=repr))
        case "op" if node[1] in _MIRRORED:
            return min((node[0], *parts), (node[0], _MIRRORED[str(node[1])], *reversed(parts[1:])), key=repr)
    return (node[0], *parts)


def holds_where_not_null(predicate: str, columns: Collection[str]) -> bool:
    """Return whether a predicate is true of every row in which all `columns` have a value."""
    try:
        return _holds(parse(predicate), columns)
    except NotUnderstoodError:
        return False


def _holds(node: Node, columns: Collection[str]) -> bool:
    match node:
        case ("and", *arms):
            return all(_holds(arm, columns) for arm in arms if isinstance(arm, tuple))
        case ("or", *arms):
            return any(_holds(arm, columns) for arm in arms if isinstance(arm, tuple))
        case ("is not null", ("column", name)):
            return name in columns
    return node == ("true",)


def parse(text: str) -> Node:
    """Return an expression as a tree in its one form; NotUnderstoodError if it is of another kind."""
    parser = _Parser(_tokens(text, strict=True))
    tree = parser.disjunction()
    parser.expect_end()
    return tree


def _tokens(text: str, *, strict: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            if strict:
                raise NotUnderstoodError(f"at {text[position : position + 10]!r}")
            found.append(("other", text[position]))
            position += 1
            continue
        word = _operator(match[0]) if match.lastgroup == "operator" else match[0]
        position += len(word)
        if match.lastgroup and match.lastgroup != "space":
            found.append((match.lastgroup, word))
    return found


def _operator(run: str) -> str:
    """Return the first operator of a run of signs: `=-` ends before the minus, which belongs to the number."""
    if not set(run) & set("~!@#%^&|`?"):
        return run.rstrip("+-") or run[0]
    return run


def _fold(kind: str, word: str) -> str:
    return unquote(word) if kind == "name" else word


class _Parser:
    """Recursive descent, PostgreSQL's precedence; each method returns a tree in its one form."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    # What comes next

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else ("end", "")

    def _word(self, ahead: int = 0) -> str:
        """Return the next word in lower case if it is an unquoted name."""
        kind, word = self._peek(ahead)
        return word.lower() if kind == "name" and not word.startswith('"') else ""

    def _take_word(self, *words: str) -> bool:
        """Take `words` if all of them come next, in this order."""
        if any(self._word(i) != word for i, word in enumerate(words)):
            return False
        self._at += len(words)
        return True

    def _take(self, mark: str) -> bool:
        if self._peek() != ("mark", mark):
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise NotUnderstoodError(f"{mark} expected before {self._peek()[1]!r}")

    def expect_end(self) -> None:
        """Raise NotUnderstoodError unless everything has been read."""
        if self._peek()[0] != "end":
            raise NotUnderstoodError(f"at {self._peek()[1]!r}")

    # Logic

    def disjunction(self) -> Node:
        return self._joined("or", self._conjunction)

    def _conjunction(self) -> Node:
        return self._joined("and", self._negation)

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        arms = [part()]
        while self._take_word(word):
            arms.append(part())
        return _join(word, arms)

    def _negation(self) -> Node:
        return _negate(self._negation()) if self._take_word("not") else self._test()

    def _test(self) -> Node:
        node = self._comparison()
        while self._take_word("is"):
            negated = self._take_word("not")
            if self._take_word("null"):
                node = ("is not null" if negated else "is null", node)
            elif self._word() in _TESTS:
                test: Node = ("is", self._word(), node)
                self._at += 1
                node = _negate(test) if negated else test
            elif self._take_word("distinct", "from"):
                distinct: Node = ("distinct", *sorted((node, self._comparison()), key=repr))
                node = _negate(distinct) if negated else distinct
            else:
                raise NotUnderstoodError(f"at is {self._peek()[1]!r}")
        return node

    # Comparison and arithmetic

    def _comparison(self) -> Node:
        left = self._binary(_BINDING["="])
        if self._word() == "not" and self._word(1) in {"in", "between", *_LIKE}:
            self._at += 1
            return self._membership(left, negated=True)
        return self._membership(left, negated=False)

    def _membership(self, left: Node, *, negated: bool) -> Node:
        if self._take_word("in"):
            self._expect("(")
            return _member(left, self._list(")"), negated=negated)
        if self._take_word("between"):
            self._take_word("asymmetric")
            low = self._binary(_OTHER)
            if not self._take_word("and"):
                raise NotUnderstoodError("between without and")
            return _between(left, low, self._binary(_OTHER), negated=negated)
        for word, operator in _LIKE.items():
            if self._take_word(word):
                return ("op", f"!{operator}" if negated else operator, left, self._binary(_OTHER))
        return left

    def _binary(self, level: int) -> Node:
        left = self._unary()
        while True:
            kind, operator = self._peek()
            binding = _BINDING.get(operator, _OTHER)
            if kind != "operator" or binding < level:
                return left
            self._at += 1
            operator = "<>" if operator == "!=" else operator
            quantifier = self._word()
            if quantifier in {"any", "all", "some"} and self._peek(1) == ("mark", "("):
                left = self._quantified(left, operator, quantifier)
            else:
                left = _compare(operator, left, self._binary(binding + 1))

    def _quantified(self, left: Node, operator: str, quantifier: str) -> Node:
        """Read `= any (array)` and `<> all (array)`, which is how the server prints IN and NOT IN."""
        self._at += 2
        array = self.disjunction()
        self._expect(")")
        if array[0] == "array" and (operator, quantifier) in {("=", "any"), ("=", "some"), ("<>", "all")}:
            return _member(left, [item for item in array[1:] if isinstance(item, tuple)], negated=operator == "<>")
        return ("quantified", operator, "any" if quantifier == "some" else quantifier, left, array)

    def _unary(self) -> Node:
        kind, operator = self._peek()
        if kind == "operator" and operator in {"-", "+"}:
            self._at += 1
            operand = self._unary()
            if operand[0] == "number":
                return ("number", f"-{operand[1]}") if operator == "-" else operand
            return ("prefix", operator, operand)
        return self._suffixed(self._primary())

    def _suffixed(self, node: Node) -> Node:
        while True:
            if self._take("::"):
                node = _cast(node, self._type())
            elif self._take("["):
                node = ("element", node, self.disjunction())
                self._expect("]")
            elif self._take_word("collate"):
                node = ("collate", node, *self._dotted())
            elif self._take_word("at", "time", "zone"):
                # Printed as a call on some servers and as words on others.
                node = ("call", "timezone", self._unary(), node)
            else:
                return node

    # The smallest parts

    def _primary(self) -> Node:
        kind, word = self._peek()
        if self._take("("):
            node = self.disjunction()
            self._expect(")")
            return node
        self._at += 1
        if kind == "number":
            return ("number", word)
        if kind == "text":
            return ("text", _unquote_text(word))
        if kind != "name":
            raise NotUnderstoodError(f"at {word!r}")
        self._at -= 1
        return self._named()

    def _named(self) -> Node:
        word = self._word()
        if word in {"true", "false", "null"}:
            self._at += 1
            return (word,)
        if word == "array" and self._peek(1) == ("mark", "["):
            self._at += 2
            return ("array", *self._list("]"))
        if word == "cast" and self._peek(1) == ("mark", "("):
            return self._cast_call()
        if word in {"case", "row", "exists", "select", "interval", "extract", "array"}:
            raise NotUnderstoodError(f"at {word!r}")
        name = self._dotted()
        if self._take("("):
            called = name[1:] if name[0] == "pg_catalog" else name
            return ("call", ".".join(called), *self._list(")"))
        return ("column", name[-1])

    def _cast_call(self) -> Node:
        self._at += 2
        node = self.disjunction()
        if not self._take_word("as"):
            raise NotUnderstoodError("cast without as")
        node = _cast(node, self._type())
        self._expect(")")
        return node

    def _list(self, end: str) -> list[Node]:
        items: list[Node] = []
        if self._take(end):
            return items
        items.append(self.disjunction())
        while self._take(","):
            items.append(self.disjunction())
        self._expect(end)
        return items

    def _dotted(self) -> tuple[str, ...]:
        parts = [self._name()]
        while self._take("."):
            parts.append(self._name())
        return tuple(parts)

    def _name(self) -> str:
        kind, word = self._peek()
        if kind != "name":
            raise NotUnderstoodError(f"a name expected before {word!r}")
        self._at += 1
        return unquote(word)

    def _type(self) -> str:
        """Return a type's name, without its length: a cast to varchar(20) is told from one to varchar nowhere here."""
        name = self._dotted()
        words = [".".join(name[1:] if name[0] == "pg_catalog" else name)]
        while self._word() in _TYPE_WORDS.get(words[0], ()):
            words.append(self._name())
        if self._take("("):
            self._list(")")
        while self._word() in _TYPE_WORDS.get(words[0], ()):
            words.append(self._name())
        spelled = " ".join(words)
        while self._take("["):
            self._expect("]")
            spelled += "[]"
        return _TYPE_NAMES.get(spelled, spelled)


def _unquote_text(word: str) -> str:
    if word[0] in "eE":
        return re.sub(r"\\(.)", r"\1", word[2:-1]).replace("''", "'")
    return word[1:-1].replace("''", "'")


def _join(word: str, arms: list[Node]) -> Node:
    """Return AND or OR with nested ones of the same kind taken in, in one order, each arm once."""
    flat: set[Node] = set()
    for arm in arms:
        if arm[0] == word:
            flat.update(part for part in arm[1:] if isinstance(part, tuple))
        else:
            flat.add(arm)
    return flat.pop() if len(flat) == 1 else (word, *sorted(flat, key=repr))


def _negate(node: Node) -> Node:
    match node:
        case ("not", tuple() as inner):
            return inner
        case ("is null", tuple() as inner):
            return ("is not null", inner)
        case ("is not null", tuple() as inner):
            return ("is null", inner)
    return ("not", node)


def _compare(operator: str, left: Node, right: Node) -> Node:
    """Return a comparison with its literal, if any, on the right; `= true` and the like are the column itself."""
    mirrored = _MIRRORED.get(operator)
    swap = _is_literal(left) and not _is_literal(right)
    if operator in {"=", "<>"} and _is_literal(left) == _is_literal(right):
        swap = repr(right) < repr(left)
    if mirrored and swap:
        operator, left, right = mirrored, right, left
    if right in {("true",), ("false",)} and operator in {"=", "<>"}:
        return left if (operator == "=") == (right == ("true",)) else _negate(left)
    return ("op", operator, left, right)


def _between(value: Node, low: Node, high: Node, *, negated: bool) -> Node:
    """Return the two comparisons that the server makes of BETWEEN."""
    if negated:
        return _join("or", [_compare("<", value, low), _compare(">", value, high)])
    return _join("and", [_compare(">=", value, low), _compare("<=", value, high)])


def _member(left: Node, items: list[Node], *, negated: bool) -> Node:
    distinct = sorted(set(items), key=repr)
    if len(distinct) == 1:
        return _compare("<>" if negated else "=", left, distinct[0])
    return ("not in" if negated else "in", left, *distinct)


def _cast(node: Node, type_name: str) -> Node:
    """Return a cast, or what it is of where the cast says nothing: of a literal, or among the text types."""
    if node[0] == "text" and type_name in _NUMBER_TYPES:
        return ("number", node[1])
    if node[0] == "text" and type_name == "boolean":
        return ("true",) if str(node[1]).lower() in {"t", "true"} else ("false",)
    if node[0] == "text" and type_name.endswith("[]"):
        return _array_literal(str(node[1]))
    if _is_literal(node) or node[0] == "array" or type_name in _TEXT_TYPES:
        return node
    return ("cast", type_name, node)


def _array_literal(text: str) -> Node:
    inner = text[1:-1]
    if not (text.startswith("{") and text.endswith("}")) or any(mark in inner for mark in '{}"\\'):
        raise NotUnderstoodError(f"the array {text!r}")
    return ("array", *(("text", item.strip()) for item in inner.split(",") if item))


def _is_literal(node: Node) -> bool:
    return node[0] in {"text", "number", "true", "false", "null"}
