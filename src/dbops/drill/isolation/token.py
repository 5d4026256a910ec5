"""The token that write probes demand: a random word that dbops writes into a copy it has made, and into nothing else.

Whoever holds a connection to another database has no token in it, and is refused before anything is tried. The token
stands in a schema of its own, which also takes the throw-away tables of the self-check, and comes with a role that has
no rights but those. What this does not do: protect the copy; that is a server of dbops' own.
"""

from __future__ import annotations

import secrets as random_tokens
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from psycopg import Connection

_SET_ROLE_BY_OPTION = 160000  # since 16, membership says whether SET ROLE is allowed


@dataclass(frozen=True, slots=True)
class Token:
    """A word, the schema it stands in, and the self-check's role; all random."""

    schema: str = field(default_factory=lambda: f"dbops_{random_tokens.token_hex(8)}")
    role: str = field(default_factory=lambda: f"dbops_probe_{random_tokens.token_hex(4)}")
    word: str = field(default_factory=lambda: random_tokens.token_hex(32), repr=False)

    def write(self, connection: Connection[Any], restorer: str) -> None:
        """Write the token, as superuser of a server that dbops started, for the restorer to find."""
        names = self._names | {"restorer": sql.Identifier(restorer), "word": sql.Literal(self.word)}
        membership = " with inherit false, set true" if connection.info.server_version >= _SET_ROLE_BY_OPTION else ""
        for statement in (
            "create role {role} nologin",
            f"grant {{role}} to {{restorer}}{membership}",
            "create schema {schema} authorization {restorer}",
            "create table {token} (word text not null)",
            "alter table {token} owner to {restorer}",
            "insert into {token} (word) values ({word})",
        ):
            connection.execute(sql.SQL(statement).format(**names))

    def remove(self, connection: Connection[Any]) -> None:
        """Take the token away again."""
        for statement in ("drop schema {schema} cascade", "drop role {role}"):
            connection.execute(sql.SQL(statement).format(**self._names))

    def demand(self, connection: Connection[Any]) -> None:
        """Raise UnavailableError unless the database of this connection holds the token."""
        try:
            rows = connection.execute(sql.SQL("select word from {token}").format(**self._names)).fetchall()
        except psycopg.Error:
            rows = []
        if [tuple(row) for row in rows] != [(self.word,)]:
            raise UnavailableError(
                "this database holds no token of this drill, so nothing that writes is tried on it",
                hint="isolation is proven on a restored copy: dbops drill; on a live database: dbops tenant probe",
            )

    @property
    def _names(self) -> dict[str, sql.Composable]:
        return {
            "schema": sql.Identifier(self.schema),
            "role": sql.Identifier(self.role),
            "token": sql.Identifier(self.schema, "token"),
        }
