"""What is to be had without a recovery: the server's replicas, whether it archives, the repositories that are named.

How far an archive that is not named would bring it back is not to be had from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import psycopg

from dbops.drill.rpo.barman import Barman, of_barman
from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.directory import of_directory
from dbops.drill.rpo.pgbackrest import PgBackRest, of_pgbackrest
from dbops.drill.rpo.replicas import of_replicas
from dbops.drill.rpo.repository import Position
from dbops.drill.rpo.wal import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbops.connection.session import Session


@dataclass(frozen=True, slots=True)
class Repositories:
    """The repositories and the archive that are named, and where programs are looked for."""

    environ: Mapping[str, str]
    pgbackrest: PgBackRest | None = None
    barman: Barman | None = None
    wal_archive: Path | None = None


def copies_of(session: Session, named: Repositories | None = None) -> tuple[SurvivingCopy, ...] | None:
    """Return the copies that the server speaks of, and the repositories that are named; dumps are elsewhere.

    None on a standby: what survives its primary, it does not know.
    """
    if session.facts.in_recovery:
        return None
    found = list(_repositories(session, named)) if named else []
    return (*(found or _unseen_archive(session)), *of_replicas(session))


def _repositories(session: Session, named: Repositories) -> Iterator[SurvivingCopy]:
    if named.pgbackrest:
        yield of_pgbackrest(named.pgbackrest, Position.of(session), named.environ)
    if named.barman:
        yield of_barman(named.barman, Position.of(session), named.environ)
    if named.wal_archive:
        yield of_directory(named.wal_archive, Position.of(session), _waiting(session))


def _waiting(session: Session) -> int | None:
    """Return how many finished segments are not archived, None where this role is not told."""
    text = resources.files(__package__ or "dbops.drill.rpo").joinpath("sql", "waiting.sql").read_bytes()
    try:
        with session.connection.transaction():
            return int(session.fetch_all(text)[0][0])
    except psycopg.errors.InsufficientPrivilege:
        return None


def _unseen_archive(session: Session) -> list[SurvivingCopy]:
    mode = session.fetch_all("select pg_catalog.current_setting('archive_mode')")[0][0]
    if mode == "off":
        return []
    return [
        SurvivingCopy(
            kind=Kind.WAL,
            name=NAME,
            method="not looked at",
            doubt="the source archives WAL; how far that brings it back, dbops drill --depth pitr measures",
            inputs={"archive_mode": mode},
        )
    ]
