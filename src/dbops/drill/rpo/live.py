"""What a server that is reached says of its own copies: its replicas, and whether it archives.

How far an archive would bring it back is not to be had from here; that is measured by a drill (`wal.py`). What this
does not do: look into an archive or a repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.replicas import of_replicas
from dbops.drill.rpo.wal import NAME

if TYPE_CHECKING:
    from dbops.connection.session import Session


def copies_of(session: Session) -> tuple[SurvivingCopy, ...]:
    """Return the copies that the server speaks of; its dumps are elsewhere."""
    if session.facts.in_recovery:
        return ()
    return (*_archive(session), *of_replicas(session))


def _archive(session: Session) -> list[SurvivingCopy]:
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
