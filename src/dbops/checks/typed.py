"""Whether an expression that somebody typed is the one that a server prints.

Both are brought to one form (`expressions.py`), which settles nearly everything. Where it does not, a server's own form
of what was typed counts as well, if one was asked (`exact.py`); the snapshot then holds it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from dbops.checks.catalog import ServerForm
from dbops.checks.expressions import canonical, may_be_equal

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Relation


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
    wanted = {canonical(typed)}
    form = server_form(catalog, table, use, typed)
    if form and form.printed is not None:
        wanted.add(canonical(form.printed))
    return canonical(there) in wanted


def may_be_same(catalog: Catalog, table: Relation, use: Use, typed: str, there: str) -> bool:
    """Return whether only a server could tell that the two differ."""
    return is_same(catalog, table, use, typed, there) or may_be_equal(typed, there)
