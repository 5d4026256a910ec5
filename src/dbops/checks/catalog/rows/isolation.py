"""By what a statement passes by row-level security, and what row-level security keeps from working."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("views")
class View(NamedTuple):
    """A view or a materialised view: the relations that its query names, in `reads`.

    Where `invoker`, they are read with the rights of whoever asks (security_invoker, from 15 on), else with those of
    the owner. A materialised view is filled by its owner. `asks`: it calls current_setting itself; only said of views
    that read with the rights of their owner what has row-level security.
    """

    relation: int
    invoker: bool
    reads: tuple[int, ...]
    asks: bool


@read("definer_functions")
class DefinerFunction(NamedTuple):
    """A function or procedure (`kind` f, p, w for a window function) that runs with its owner's rights.

    `arguments` identify it among those of its name. A trigger function (`trigger`) cannot be called. `settings` are
    what it sets while it runs, as `name=value`, and `items` its ACL as PostgreSQL writes it.
    """

    schema: str
    name: str
    arguments: str
    kind: str
    trigger: bool
    owner: str
    settings: tuple[str, ...]
    items: tuple[str, ...]


@read("column_defaults")
class ColumnDefault(NamedTuple):
    """What a column gets where nobody gives a value, or what a generated one is made of (`expression`).

    Left out are `now()` and its like, and flags: they identify nothing, and there are many of them.
    """

    table: int
    number: int
    expression: str


@read("leaking_operator_classes")
class LeakingOperatorClass(NamedTuple):
    """An operator class none of whose searches within its own type is by a LEAKPROOF function."""

    oid: int


@read("leaking_expressions")
class LeakingExpression(NamedTuple):
    """An index with expressions that call what is not LEAKPROOF: those functions in `calls`.

    `throughout`: every function that its expressions call is among them.
    """

    index_oid: int
    calls: tuple[str, ...]
    throughout: bool
