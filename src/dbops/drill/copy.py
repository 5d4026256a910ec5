"""A server to restore into, with the roles of the source and an empty database: where an archive is let loose.

Rules, in order:

1. No text of the archive ever runs in a superuser's session. The restorer that runs it is no superuser; what the
   superuser runs is composed here, from names.
2. The restorer owns the database while it loads, and the owner of a database can set what every later session in it
   starts with. Before the superuser enters, everybody else is shown out and such settings are reset, from outside.
3. Temporary rights are given when the schemas exist and taken away before the real ones are restored.
4. The server keeps PostgreSQL's durable defaults (`ahead.py`). The restorer does not wait for each commit; a checkpoint
   at the end brings all of it to disk, and its time counts.

What this does not do: run pg_restore (`passes.py`), or look at what has been restored (`compare.py`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from dbops.connection.refusals import statement_error
from dbops.connection.session import read_only, scratch
from dbops.drill.cast import Cast, identifiers
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.connection.server import ScratchServer
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.model import ExtensionInfo, SourceInfo

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_SETTINGS = "select pg_catalog.current_setting(s.name) from pg_catalog.unnest(%s::text[]) as s (name)"
# Databases that every server has already.
_TAKEN = frozenset({"postgres", "template0", "template1"})


@dataclass(slots=True)
class Copy:
    """The restored copy on its way: its server, its cast, and the name of its database."""

    server: ScratchServer
    cast: Cast
    database: str
    # The superuser's session in the maintenance database, where nothing of the archive ever is.
    outside: psycopg.Connection[tuple[Any, ...]]
    durable: bool = False
    substituted: list[str] = field(default_factory=list)
    without_amcheck: str | None = "it was not asked for"
    bytes: int | None = None
    _inside: psycopg.Connection[tuple[Any, ...]] | None = field(default=None, init=False)

    @property
    def restorer(self) -> Target:
        """Where pg_restore connects to."""
        return self.server.target(self.database, user=self.cast.restorer)

    @property
    def reading(self) -> Target:
        """Where programs connect to that only look."""
        return self.server.target(self.database, user=self.cast.reader)

    @contextlib.contextmanager
    def read(self, deadline: float | None = None) -> Iterator[Session]:
        """Open a session as the reader, who sees every row and may change nothing."""
        with read_only(self.reading, statement_timeout=None, idle_timeout=None, deadline=deadline) as session:
            yield session

    @contextlib.contextmanager
    def as_restorer(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Open a session as the restorer."""
        with scratch(self.server, self.database, user=self.cast.restorer) as connection:
            yield connection

    @contextlib.contextmanager
    def as_superuser(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Open a session of the bootstrap superuser in the copy, for statements composed by dbops only.

        Within such a block it is the same session: nothing of the archive may run before the outermost one ends.
        """
        if self._inside:
            with self._speaking(self.database):
                yield self._inside
            return
        self._disarm()
        with scratch(self.server, self.database) as connection:
            connection.execute("set role none; set search_path = pg_catalog, pg_temp")
            self._inside = connection
            try:
                yield connection
            finally:
                self._inside = None

    @contextlib.contextmanager
    def _speaking(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Turn an error of a session that stays open into ours, where it happens; yield the one outside."""
        try:
            yield self.outside
        except psycopg.Error as error:
            raise statement_error(error, self.server.target(database)) from None

    def _disarm(self) -> None:
        """Take away what code of the archive may have arranged for the next session in this database."""
        database, restorer = sql.Identifier(self.database), sql.Identifier(self.cast.restorer)
        statements = "alter database {0} reset all; alter role {1} reset all; alter role {1} in database {0} reset all"
        with self._speaking() as outside:
            outside.execute(_sql("show_out"), [self.database])
            outside.execute(sql.SQL(statements).format(database, restorer))

    def prepare(self, source: SourceInfo, collate: str, ctype: str) -> None:
        """Make the roles and the empty database, as the source's in encoding and locale where this machine has them."""
        self.server.set_password(self.cast.restorer, self.cast.restorer_password)
        self.server.set_password(self.cast.reader, self.cast.reader_password)
        with self._speaking() as outside:
            settings = outside.execute(_SETTINGS, [list(DURABLE)]).fetchall()
            self.durable = [("on",)] * len(DURABLE) == settings
            self._create_database(source, collate, ctype)
        # From inside, since a role's name is kept in the bytes of whatever encoding it was created under.
        with scratch(self.server, self.database) as connection:
            connection.execute(sql.SQL("; ").join(self.cast.statements(self.server.binaries.major)))
            names = {
                "database": _database(connection),
                "owner": sql.Identifier(self.cast.restorer),
                "readers": identifiers([self.cast.reader, self.cast.restorer]),
            }
            statements = (
                "alter database {database} owner to {owner};"
                " revoke connect, temporary on database {database} from public;"
                " grant connect on database {database} to {readers}"
            )
            connection.execute(sql.SQL(statements).format(**names))

    def _create_database(self, source: SourceInfo, collate: str, ctype: str) -> None:
        create = sql.SQL("create database {} template template0 encoding {}").format(
            sql.Identifier(self.database), sql.Literal(source.encoding)
        )
        try:
            self.outside.execute(create + _locale(source, collate, ctype))
        except (
            psycopg.errors.WrongObjectType,
            psycopg.errors.InvalidParameterValue,
            psycopg.errors.FeatureNotSupported,
        ) as error:
            self.substituted.append(
                f"the order of text: the source's locale {source.locale} (provider {source.provider}) is not available"
                f" here ({error.diag.message_primary}); the copy has C"
            )
            self.outside.execute(create + sql.SQL(" locale 'C'"))

    def create_extensions(self, extensions: Sequence[ExtensionInfo], allowed: frozenset[str]) -> list[str]:
        """Create the extensions of the source, in its versions where they are there; return what is different.

        Raises UnavailableError naming all that are missing or not allowed: without them nothing can be concluded.
        """
        with self.as_superuser() as connection:
            there = dict(connection.execute("select extname, extversion from pg_catalog.pg_extension").fetchall())
            wanted = [one for one in extensions if one.name not in there]
            versions = _available(connection)
            self._refuse(wanted, allowed, versions)
            notes = []
            for one in wanted:
                version = one.version if one.version in versions[one.name] else None
                connection.execute(_create_extension(one, version))
                if version is None and one.version:  # an archive alone does not say which it was
                    notes.append(f"extension {one.name} {one.version} is not installed here, another version is")
            return notes

    def install_amcheck(self) -> None:
        """Let the reader check pages and indexes; to be called before anything of the archive can run."""
        with self.as_superuser() as connection:
            there = connection.execute("select 1 from pg_catalog.pg_extension where extname = 'amcheck'").fetchall()
            if not there and "amcheck" not in _available(connection):
                self.without_amcheck = f"PostgreSQL in {self.server.binaries.directory} has no amcheck"
                return
            if not there:
                connection.execute("create extension amcheck schema pg_catalog")
            functions = sql.SQL(", ").join(
                # The server has quoted them, with their arguments.
                sql.SQL(name)
                for (name,) in connection.execute(_sql("amcheck_functions")).fetchall()
            )
            reader = sql.Identifier(self.cast.reader)
            connection.execute(sql.SQL("grant execute on function {} to {}").format(functions, reader))
            self.without_amcheck = None

    def show_large_objects(self) -> None:
        """Let the restorer, who may change them all, read them where their digest is taken."""
        with self.as_superuser() as connection:
            grant = "grant select on pg_catalog.pg_largeobject to {}"
            connection.execute(sql.SQL(grant).format(sql.Identifier(self.cast.restorer)))

    def _refuse(
        self, wanted: list[ExtensionInfo], allowed: frozenset[str], versions: dict[str, frozenset[str]]
    ) -> None:
        missing = [one.name for one in wanted if one.name not in versions]
        strange = [one.name for one in wanted if one.name not in allowed and one.name in versions]
        if missing:
            raise UnavailableError(
                f"the copy cannot have what the source has: {', '.join(missing)} not installed for PostgreSQL"
                f" {self.server.binaries.major} in {self.server.binaries.directory}",
                hint="install the extensions' packages for that version, or name another server with --target-bindir",
            )
        if strange:
            raise UnavailableError(
                f"extensions that are not PostgreSQL's own have to be allowed by name: {', '.join(strange)}",
                hint="their scripts run as superuser of the scratch server; where you trust them:"
                + "".join(f" --allow-extension {name}" for name in strange),
            )

    def lend_rights(self) -> None:
        """Give every role a temporary foothold: a new owner of an object needs CREATE where the object lives."""
        everybody = identifiers([*self.cast.names, self.cast.restorer])
        with self.as_superuser() as connection:
            statements = [sql.SQL("grant create on database {} to {}").format(_database(connection), everybody)]
            statements += [
                sql.SQL("grant create, usage on schema {} to {}").format(sql.Identifier(name), everybody)
                for name, _ in connection.execute(_sql("schemas")).fetchall()
            ]
            statements += [
                sql.SQL("grant usage on foreign data wrapper {} to {}").format(sql.Identifier(name), everybody)
                for (name,) in connection.execute(_sql("wrappers")).fetchall()
            ]
            statements += [
                self._configuration(*row) for row in connection.execute(_sql("configuration_tables")).fetchall()
            ]
            connection.execute(sql.SQL("; ").join(statements))

    def _configuration(self, schema: str, name: str, kind: str) -> sql.Composed:
        what = "usage, update on sequence" if kind == "S" else "insert, select on table"
        return sql.SQL("grant {} {} to {}").format(
            sql.SQL(what), sql.Identifier(schema, name), sql.Identifier(self.cast.restorer)
        )

    def take_rights_back(self) -> None:
        """Undo `lend_rights`, before the real rights are restored; a schema's own owner keeps his."""
        people = [*self.cast.names, self.cast.restorer]
        with self.as_superuser() as connection:
            statements = [
                sql.SQL("revoke create on database {} from {}").format(
                    _database(connection), identifiers(self.cast.names)
                )
            ]
            statements += [
                sql.SQL("revoke create, usage on schema {} from {}").format(
                    sql.Identifier(name), identifiers(one for one in people if one != owner)
                )
                for name, owner in connection.execute(_sql("schemas")).fetchall()
            ]
            statements += [
                sql.SQL("revoke usage on foreign data wrapper {} from {}").format(
                    sql.Identifier(name), identifiers(people)
                )
                for (name,) in connection.execute(_sql("wrappers")).fetchall()
            ]
            connection.execute(sql.SQL("; ").join(statements))

    def hand_over(self) -> None:
        """Give the database to its owner, so that what depends on that (the schema public, say) is as at the source."""
        owner = self.cast.roles.database_owner
        if owner not in self.cast.names:
            return
        with self.as_superuser() as connection:
            names = {
                "database": _database(connection),
                "owner": sql.Identifier(owner),
                "restorer": sql.Identifier(self.cast.restorer),
            }
            statements = (
                "alter database {database} owner to {owner};"
                " grant connect, create, temporary on database {database} to {restorer}"
            )
            connection.execute(sql.SQL(statements).format(**names))

    def extension_members(self) -> frozenset[str]:
        """Return the names of everything that belongs to an extension."""
        with self.read() as session:
            return frozenset(row[0] for row in session.fetch_all(_sql("members")))

    def checkpoint(self) -> None:
        """Bring everything restored to disk."""
        with self._speaking() as outside:
            outside.execute("checkpoint")

    @contextlib.contextmanager
    def control_table(self, rows: int) -> Iterator[Target]:
        """Have a table of our own, out of the copy's reach, in the maintenance database; gone when the block ends."""
        create = "create table dbops_control as select pg_catalog.md5(n::text) from generate_series(1, {}) as n"
        with self._speaking() as outside:
            outside.execute(sql.SQL(create).format(sql.Literal(rows)))
            try:
                yield self.server.target("postgres")
            finally:
                outside.execute("drop table dbops_control")

    @contextlib.contextmanager
    def control_index(self) -> Iterator[Target]:
        """Have an index that lacks every row of its table, as `control_table` has a table; amcheck is beside it."""
        with self._speaking() as outside:
            outside.execute(_sql("control_index"))
            try:
                yield self.server.target("postgres")
            finally:
                outside.execute(_sql("drop_control_index"))

    def mark_log(self, text: str) -> None:
        """Write a line to the server's log, so that a reader knows when everything before it is there."""
        said = sql.Literal(f"begin raise log '{text}'; end")  # the text is dbops' own hexadecimal token
        with self._speaking() as outside:
            outside.execute(sql.SQL("do language plpgsql {}").format(said))


@contextlib.contextmanager
def open_copy(server: ScratchServer, cast: Cast, database: str) -> Iterator[Copy]:
    """Yield an empty copy of `database` on a server that runs, until the block ends."""
    with scratch(server, "postgres") as outside:
        yield Copy(server, cast, f"{database}_copy" if database in _TAKEN else database, outside)


def _database(connection: psycopg.Connection[tuple[Any, ...]]) -> sql.Identifier:
    """Return the database's name as its own sessions spell it: its encoding may not be that of its name."""
    return sql.Identifier(connection.execute("select pg_catalog.current_database()::text").fetchall()[0][0])


def _sql(name: str) -> bytes:
    return resources.files(__package__ or "dbops.drill").joinpath("sql", f"{name}.sql").read_bytes()


def _locale(source: SourceInfo, collate: str, ctype: str) -> sql.Composed:
    chosen = sql.SQL(" lc_collate {} lc_ctype {}").format(sql.Literal(collate), sql.Literal(ctype))
    match source.provider:
        case "i":
            return chosen + sql.SQL(" locale_provider icu icu_locale {}").format(sql.Literal(source.locale))
        case "b":
            return chosen + sql.SQL(" locale_provider builtin builtin_locale {}").format(sql.Literal(source.locale))
        case _:
            return chosen


def _available(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[str, frozenset[str]]:
    rows = connection.execute(_sql("extension_versions")).fetchall()
    return {name: frozenset(versions) for name, versions in rows}


def _create_extension(one: ExtensionInfo, version: str | None) -> sql.Composed:
    statement = sql.SQL("create extension {} schema {}").format(sql.Identifier(one.name), sql.Identifier(one.schema_))
    return statement + sql.SQL(" version {}").format(sql.Literal(version)) if version else statement
