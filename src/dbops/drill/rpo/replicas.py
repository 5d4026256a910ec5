"""Replicas as copies: what they are behind, and whether anything keeps them from falling behind.

A replica survives the loss of a host and nothing an operator does. A synchronous one bounds the loss at 0, since no
commit is reported before it is there; nothing bounds an asynchronous one. One whose slot waits for it is broken, which
is not the same as not being there. What this does not do: connect to a replica.
"""

from __future__ import annotations

import datetime as dt
from importlib import resources
from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, SurvivingCopy

if TYPE_CHECKING:
    from dbops.connection.session import Session

_SYNCHRONOUS = frozenset({"sync", "quorum"})
# With these a commit is reported only when a synchronous replica has it.
_WAITS = frozenset({"on", "remote_apply", "remote_write"})
_HINT = "name it in synchronous_standby_names, or rely on a WAL archive with archive_timeout"


def of_replicas(session: Session) -> list[SurvivingCopy]:
    """Return every replica that the session's role is shown; a role outside pg_monitor is shown no positions."""
    text = resources.files(__package__ or "dbops.drill.rpo").joinpath("sql", "replicas.sql").read_bytes()
    waits = session.fetch_all("select pg_catalog.current_setting('synchronous_commit')")[0][0] in _WAITS
    return [_copy(*row, waits=waits) for row in session.fetch_all(text)]


def _copy(  # noqa: PLR0913, PLR0917  (the columns of a row)
    name: str, state: str | None, sync: str | None, flushed: str | None, written: str, lag: float | None, *, waits: bool
) -> SurvivingCopy:
    inputs = {"state": state, "sync_state": sync, "flushed": flushed, "written": written}
    if state == "gone":
        return SurvivingCopy(
            kind=Kind.REPLICA,
            name=f"replica of slot {name}",
            method="pg_replication_slots",
            broken="nobody reads its replication slot: the replica is not connected",
            remedy=f"bring the replica of slot {name} back, or drop the slot",
            inputs=inputs,
        )
    if state is None or flushed is None:
        return _doubted(name, "its state is not shown to this role: grant pg_monitor to it", inputs)
    if state != "streaming":
        return _doubted(name, f"it is not streaming yet ({state})", inputs)
    now = dt.timedelta(0) if flushed == written else dt.timedelta(seconds=lag or 0.0)
    synchronous = sync in _SYNCHRONOUS and waits
    return SurvivingCopy(
        kind=Kind.REPLICA,
        name=f"replica {name}",
        method="pg_stat_replication; synchronous: no commit is reported before it is there",
        now=now if not synchronous else dt.timedelta(0),
        worst=dt.timedelta(0) if synchronous else None,
        bound=dt.timedelta(0) if synchronous else None,
        doubt=None if synchronous else "asynchronous: nothing bounds how far it falls behind",
        remedy=_HINT,
        inputs=inputs,
    )


def _doubted(name: str, why: str, inputs: dict[str, str | None]) -> SurvivingCopy:
    return SurvivingCopy(
        kind=Kind.REPLICA,
        name=f"replica {name}",
        method="pg_stat_replication",
        doubt=why,
        inputs=inputs,
    )
