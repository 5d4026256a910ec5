"""Whether an expression that somebody typed is the one that a server prints.

Both are brought to one form (`expressions.py`), which settles nearly everything. Where it does not, a server's own form
of what was typed counts as well, if one was asked (`exact.py`); the snapshot then holds it.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from dbops.checks.catalog import ServerForm
from dbops.checks.expressions import canonical, may_be_equal

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Relation


_WORDS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w$]+|[^\w\s]""")


class Use(enum.StrEnum):
    """What an expression is for, which decides how a server prints it."""

    PREDICATE = "predicate"
    KEY = "key"
    CHECK = "check"
    EXCLUDE = "exclude"


def server_form(catalog: Catalog, table: Relation, use: Use, typed: str) -> ServerForm | None:
    """Return what a throw-away server made of an expression, None where none was asked."""
    forms = catalog.once(
        "server forms", lambda: {(f.schema, f.table, f.use, f.typed): f for f in catalog.rows_if_readable(ServerForm)}
    )
    return forms.get((table.schema, table.name, use.value, typed))


def is_same(catalog: Catalog, table: Relation, use: Use, typed: str, there: str) -> bool:
    """Return whether what was typed means what the server prints."""
    wanted = {_one_form(use, typed)}
    form = server_form(catalog, table, use, typed)
    if form and form.printed is not None:
        wanted.add(_one_form(use, form.printed))
    return _one_form(use, there) in wanted


def _one_form(use: Use, text: str) -> str:
    """Return the one form of a text; of an exclusion the predicate is an expression, the rest words."""
    if use is not Use.EXCLUDE:
        return canonical(text)
    elements, where, predicate = _at_where(text)
    return f"{canonical(elements)} {where} {canonical(predicate) if where else ''}"


def _at_where(text: str) -> tuple[str, str, str]:
    """Return what stands before the WHERE of an exclusion, that word, and what follows."""
    depth = 0
    for token in _WORDS.finditer(text):
        depth += (token[0] in "([") - (token[0] in ")]")
        if depth == 0 and token[0].lower() == "where":
            return text[: token.start()], "where", text[token.end() :]
    return text, "", ""


def may_be_same(catalog: Catalog, table: Relation, use: Use, typed: str, there: str) -> bool:
    """Return whether only a server could tell that the two differ."""
    return is_same(catalog, table, use, typed, there) or may_be_equal(typed, there)
