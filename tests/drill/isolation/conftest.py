"""Databases with planted leaks, probed by a restorer without superuser as on a restored copy."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from dbops.connection.deadline import Deadline
from dbops.connection.session import scratch
from dbops.drill.isolation.options import IsolationOptions
from dbops.drill.isolation.prove import HOW, check_detector, probe_role
from dbops.drill.isolation.report import Proof
from dbops.drill.isolation.stage import Actor
from dbops.drill.isolation.token import Token
from dbops.drill.isolation.verdicts import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.drill.isolation.verdicts import Verdict

RESTORER, OWNER, APP = "iso_restorer", "iso_owner", "iso_app"
OPTIONS = IsolationOptions(columns=("org_id",), app_roles=(APP,))

# A healthy table; `{policies}` and what follows it can be replaced.
TENANT = "(select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint)"
DOCS = """
set role iso_owner;
create table public.docs (org_id bigint not null, id bigint generated always as identity primary key, note text,
    constraint docs_note_key unique (org_id, note));
insert into public.docs (org_id, note) select i % 3 + 1, 'n' || i from generate_series(1, 30) as i;
alter table public.docs enable row level security;
alter table public.docs force row level security;
grant select, insert, update, delete on public.docs to iso_app;
reset role;
"""
HEALTHY = f"create policy own on public.docs using (org_id = {TENANT}) with check (org_id = {TENANT});"


@dataclass(frozen=True)
class Probed:
    """What the probes came to, by object."""

    proof: Proof

    def verdict(self, name: str = "public.docs") -> Verdict:
        return next(one for one in self.proof.verdicts if one.object == name)

    def outcomes(self) -> dict[str, Outcome]:
        return {one.object: one.outcome for one in self.proof.verdicts}

    def leaks(self, name: str = "public.docs") -> set[str]:
        return {one.probe for one in self.verdict(name).those(Outcome.LEAK)}


def make_roles(server: ScratchServer) -> None:
    """Make a restorer like a drill's: no superuser, BYPASSRLS, a member of the owner and of the application."""
    with scratch(server, "postgres") as connection:
        known = {name for (name,) in connection.execute("select rolname::text from pg_roles").fetchall()}
        for name, attributes in ((OWNER, "nologin"), (APP, "nologin"), (RESTORER, "login bypassrls")):
            if name not in known:
                connection.execute(sql.SQL(f"create role {{}} {attributes}").format(sql.Identifier(name)))
        connection.execute(f"grant {OWNER}, {APP} to {RESTORER}".encode())
        connection.execute(f"grant set on parameter session_replication_role to {RESTORER}".encode())


def plant(server: ScratchServer, target: Target, *statements: str) -> Target:
    """Run statements as superuser."""
    with scratch(server, target.database) as connection:
        connection.execute(f"grant all on schema public to {OWNER}; grant usage on schema public to {APP}".encode())
        for statement in statements:
            connection.execute(statement.encode())
    return target


@contextlib.contextmanager
def marked(server: ScratchServer, target: Target) -> Iterator[Token]:
    """Write a token into a database, gone after the block: its role belongs to the whole cluster."""
    token = Token()
    with scratch(server, target.database) as connection:
        token.write(connection, RESTORER)
    try:
        yield token
    finally:
        with scratch(server, target.database) as connection:
            token.remove(connection)


def probe_in(
    server: ScratchServer,
    target: Target,
    options: IsolationOptions = OPTIONS,
    *,
    role: str = APP,
    presets: Mapping[str, str] | None = None,
) -> Probed:
    """Probe a database as one app role, after the self-check."""
    proof = Proof(HOW)
    with marked(server, target) as token:
        with scratch(server, target.database, user=RESTORER) as connection:
            assert check_detector(connection, token, options) is None
        actor = Actor(role, options.setting, None, presets or {})
        with scratch(server, target.database, user=RESTORER) as connection:
            probe_role(connection, token, options, actor, proof, deadline=Deadline.after(120))
    return Probed(proof)


@pytest.fixture
def planted(database: Target, server: ScratchServer) -> Callable[..., Target]:
    """Make a database with what is given."""
    make_roles(server)
    return partial(plant, server, database)


@pytest.fixture
def probe(server: ScratchServer) -> Callable[..., Probed]:
    """Probe a database of the session's server."""
    return partial(probe_in, server)
