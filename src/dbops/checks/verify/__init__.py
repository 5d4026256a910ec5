"""Read-only statements by which a person sees for themselves what a finding says; each is a file beside this module.

They ask the catalog as it is, so that a finding can be doubted. `:'object'` stands for the canonical name, as in psql.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from dbops.checks.names import literal


def statement(name: str, canonical_name: str) -> str:
    """Return the statement `name` about one object, ready to run."""
    return _template(name).replace(":'object'", literal(canonical_name))


@cache
def _template(name: str) -> str:
    return (resources.files(__name__) / f"{name}.sql").read_text(encoding="utf-8").strip()
