"""The base of every table of `dbops.toml`: how it is validated, and how to find one by its name."""

from __future__ import annotations

import typing
from typing import Annotated, Any, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

if typing.TYPE_CHECKING:
    from collections.abc import Iterable

Name = Annotated[str, StringConstraints(min_length=1)]


def _as_list(value: Any) -> Any:
    """Say "list" where pydantic would say "tuple"; a lone string is not taken for its letters."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list, in brackets")  # noqa: TRY004  (pydantic collects ValueError)
    return value


Names = Annotated[tuple[Name, ...], BeforeValidator(_as_list)]


class Table(BaseModel):
    """One table: immutable, no key that it does not know, and no error that shows a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_table(candidate: object) -> TypeGuard[type[Table]]:
    """Return whether a type is one of our tables."""
    return isinstance(candidate, type) and issubclass(candidate, Table)


def table_at(root: type[Table], where: Iterable[str | int]) -> type[Table] | None:
    """Return the table that stands at `where` below `root`, also as an element of an array; None for anything else."""
    table: type[Table] | None = root
    for key in where:
        if isinstance(key, int):
            continue
        annotation = table.model_fields[key].annotation if table and key in table.model_fields else None
        table = next(filter(is_table, (annotation, *typing.get_args(annotation))), None)
    return table
