"""The reads: which statement fills which class of rows, on which server, and what a role needs for it.

A read is found, not listed: every `sql/<name>.sql` that has a class in `rows.py`. The variant for an older server is
chosen by file name, `<name>.before_<major>.sql`. A first line `-- with: scope` puts the audit's scope before the
statement; a line `-- grant: <role>` names the role to grant where reading the catalog is not the matter; a line
`-- extension: <name>` lets the statement name that extension's views without the schema they are in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from dbops.checks.catalog.rows import ROW_CLASSES
from dbops.checks.catalog.rows.base import GATHERED
from dbops.checks.names import literal, quote

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SCOPE = "-- with: scope\n"
_GRANT = re.compile(r"^-- grant: (\w+)$", re.MULTILINE)
_EXTENSION = re.compile(r"^-- extension: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")
_RELATION = re.compile(r"\b(?:from|join)\s+pg_catalog\.(pg_\w+)\b(?!\s*\()")
_BEFORE = re.compile(r"\.before_(\d+)\.sql\Z")


@dataclass(frozen=True, slots=True)
class Read:
    """One statement of the snapshot, and the class its rows become."""

    name: str
    row: type[tuple[object, ...]]

    def statement(self, server_version: int) -> str:
        """Return the SQL for a server, `server_version` as in 150018."""
        text = _variant(self.name, server_version // 10_000)
        if not text.startswith(_SCOPE):
            return text
        return f"with scope as (\n{_text('scope.sql')})\n{text.removeprefix(_SCOPE)}"

    def statements(self, server_version: int) -> tuple[str, ...]:
        """Return the SQL to run for it, in one savepoint; the last statement returns the rows."""
        extension = self.extension(server_version)
        into_schema = (_text("into_schema_of.sql").replace(":'extension'", literal(extension)),) if extension else ()
        return (*into_schema, self.statement(server_version))

    def extension(self, server_version: int) -> str | None:
        """Return the extension whose views the statement reads, None if it reads the catalog."""
        found = _EXTENSION.search(self.statement(server_version))
        return found[1] if found else None

    def remedy(self, server_version: int, user: str) -> str:
        """Return the GRANT that lets `user` make this read."""
        statement = self.statement(server_version)
        if granted := _GRANT.search(statement):
            return f"grant {granted[1]} to {quote(user)};"
        relations = sorted(set(_RELATION.findall(_COMMENT.sub("", statement))))
        return f"grant select on {', '.join(f'pg_catalog.{name}' for name in relations)} to {quote(user)};"


@cache
def reads() -> dict[type[tuple[object, ...]], Read]:
    """Return every read by its class of rows, in the order of their names."""
    return {row: Read(name, row) for name, row in sorted(ROW_CLASSES.items()) if row not in GATHERED}


def notice_busy() -> str:
    """Return the statement to run before the reads: it remembers the relations they must not wait for."""
    return _text("notice_busy.sql")


@cache
def _variant(name: str, major: int) -> str:
    """Return the text of the variant with the lowest bound above `major`, else the one without a bound."""
    bounds = {
        int(found[1]): file.name
        for file in _directory().iterdir()
        if file.name.startswith(f"{name}.") and (found := _BEFORE.search(file.name))
    }
    fitting = [bound for bound in sorted(bounds) if major < bound]
    return _text(bounds[fitting[0]] if fitting else f"{name}.sql")


@cache
def _text(name: str) -> str:
    return _directory().joinpath(name).read_text(encoding="utf-8")


@cache
def _directory() -> Traversable:
    return resources.files("dbops.checks.catalog") / "sql"
