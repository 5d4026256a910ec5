"""The base of every table of `dbops.toml`: immutable, and strict about the names of its keys."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

UNKNOWN_KEY = "unknown_key"

Name = Annotated[str, StringConstraints(min_length=1)]


def _as_list(value: Any) -> Any:
    """Say "list" where pydantic would say "tuple"; a lone string is not taken for its letters."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list, in brackets")  # noqa: TRY004  (pydantic collects ValueError)
    return value


Names = Annotated[tuple[Name, ...], BeforeValidator(_as_list)]


class Table(BaseModel):
    """One table; an unknown key is an error that names the nearest known one, and no error shows a value."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _know_all_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                known = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(cls.model_fields))}"
                raise PydanticCustomError(UNKNOWN_KEY, "unknown key; {known}", {"key": key, "known": known})
        return values
