"""What the application would ask of the copy: declared questions, each with the answer it must give.

The rules, in order:

1. A probe runs as a role without superuser that reads everything, in a transaction that only reads; names are looked up
   in public. `dbops.snapshot_at` holds when the backup's snapshot was taken, so that freshness can be asked against it.
2. It must answer with one row of one column. Numbers are compared as numbers, true and false as such, everything else
   as its text, byte for byte: that is what shows an encryption of the source that no row count shows.
3. No answer reaches the evidence. Where text differs, digests of both are kept, so that a token can be recognised.
4. A probe that cannot be asked is no answer: the copy is then not known to be good.

The first one that holds ends the recovery time. What this does not do: choose the probes.
"""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import psycopg

from dbops.backup.digests import pin_text
from dbops.drill.compare import as_check, finding
from dbops.model import CheckStatus, Scope, rfc3339
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Generator, Sequence

    from dbops.connection.session import Session
    from dbops.drill.copy import Copy
    from dbops.drill.options import Probe
    from dbops.model import Check

NAME = "probes"
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_BOOLEAN = 16
_NUMBERS = frozenset({20, 21, 23, 26, 700, 701, 1700})
_SETTINGS = (
    "select pg_catalog.set_config('search_path', 'public', true), pg_catalog.set_config('dbops.snapshot_at', %s, true)"
)
_SHOWN_OF_DIGEST = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one probe: it holds, or `difference` says in what it does not, or `unknown` why nobody knows."""

    probe: Probe
    difference: str | None = None
    unknown: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the copy gave the answer that it must give."""
        return self.difference is None and self.unknown is None


def ask(copy: Copy, probes: Sequence[Probe], snapshot_at: dt.datetime, deadline: float | None) -> Generator[Outcome]:
    """Yield what becomes of each probe, in order, each asked when its turn comes."""
    with copy.read(deadline) as session:
        pin_text(session)
        session.connection.execute(_SETTINGS, [rfc3339(snapshot_at)])
        for probe in probes:
            yield _ask(session, probe)


def judge(outcomes: Sequence[Outcome]) -> Check:
    """Return the check that all probes make."""
    findings = [finding(NAME, one.probe.name, one.difference) for one in outcomes if one.difference]
    unknown = [f"{one.probe.name}: {one.unknown}" for one in outcomes if one.unknown]
    check = as_check(
        NAME,
        "The copy gives the answers that the application needs",
        findings,
        Scope(checked=len(outcomes) - len(unknown), total=len(outcomes)),
        "declared queries, as a role without superuser: " + ", ".join(_spelled(one.probe) for one in outcomes),
    )
    if not unknown:
        return check
    status = CheckStatus.FAIL if findings else CheckStatus.ERROR
    return check.model_copy(
        update={
            "status": status,
            "reason": f"could not be asked: {'; '.join(unknown)}",
            "remedy": "try the SQL of the probe in psql, on a database restored from the backup",
        }
    )


def _spelled(probe: Probe) -> str:
    """Return a probe without what it asks for: its name, the digest of its SQL, and how the answer is compared."""
    return f"{probe.name} ({probe.op}, sql sha256 {_digest(probe.sql)})"


def _ask(session: Session, probe: Probe) -> Outcome:
    try:
        with session.connection.transaction(force_rollback=True):
            cursor = session.connection.execute(probe.sql.encode())
            result = cursor.pgresult
            if cursor.nextset():
                return Outcome(probe, unknown="it is more than one statement")
    except psycopg.OperationalError:
        raise  # the session is gone, or was cancelled: that is no answer of the copy's
    except psycopg.Error as error:
        # The message may quote a value.
        return Outcome(probe, unknown=f"{type(error).__name__} (SQLSTATE {error.sqlstate})")
    if result is None or (result.ntuples, result.nfields) != (1, 1):
        shape = (
            f"{counted(result.ntuples, 'row')} of {counted(result.nfields, 'column')}"
            if result and result.nfields
            else "no rows"
        )
        return Outcome(probe, unknown=f"it answers with {shape}, not with one value")
    raw = result.get_value(0, 0)
    if raw is None:
        return Outcome(probe, difference="the answer is null")
    return _compare(probe, raw.decode(), result.ftype(0))


def _compare(probe: Probe, answer: str, kind: int) -> Outcome:
    try:
        found, wanted = _pair(probe, answer, kind)
        holds = _OPERATORS[probe.op](found, wanted)
    except InvalidOperation:
        return Outcome(probe, difference="the answer is no number")
    except TypeError as error:
        return Outcome(probe, unknown=str(error))
    if holds:
        return Outcome(probe)
    if isinstance(wanted, str):
        digests = f"sha256 {_digest(answer)} on the copy, {_digest(wanted)} declared"
        return Outcome(probe, difference=f"the answer is not {probe.op} what is declared ({digests})")
    return Outcome(probe, difference=f"the answer is not {probe.op} what is declared")


def _pair(probe: Probe, answer: str, kind: int) -> tuple[object, object]:
    """Return what is compared with what; TypeError where the two are not of a kind."""
    match probe.value:
        case bool():
            if kind != _BOOLEAN or probe.op not in {"=", "!="}:
                raise TypeError("its value is true or false, and it answers with something else or is to be ordered")
            return answer == "t", probe.value
        case int() | float():
            if kind not in _NUMBERS:
                raise TypeError("its value is a number, and it answers with something else")
            return Decimal(answer), Decimal(str(probe.value))
        case str():
            return answer, probe.value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SHOWN_OF_DIGEST]
