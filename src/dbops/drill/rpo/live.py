"""What is to be had without a recovery: the server's replicas, whether it archives, and a repository that is named.

How far a plain archive would bring it back is not to be had from here; that is measured by a drill (`wal.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.pgbackrest import PgBackRest, of_pgbackrest
from dbops.drill.rpo.replicas import of_replicas
from dbops.drill.rpo.repository import Position
from dbops.drill.rpo.wal import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.connection.session import Session


def copies_of(
    session: Session, environ: Mapping[str, str], pgbackrest: PgBackRest | None = None
) -> tuple[SurvivingCopy, ...]:
    """Return the copies that the server speaks of, and the repository that is named; dumps are elsewhere."""
    if session.facts.in_recovery:
        return ()
    if pgbackrest:
        repository = of_pgbackrest(pgbackrest, Position.of(session), environ)
        return (repository, *of_replicas(session))
    return (*_unseen_archive(session), *of_replicas(session))


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
