"""The restored copy against what was recorded of its source: rows, sequences, large objects, extensions.

Each comparison is a check with its scope; a difference is a finding of severity error, since a copy that differs is not
the backup it was taken for. Nothing here writes, and all of it runs as the reader: planning a query on a restored table
runs code of the archive, which as superuser would own the server. What this does not do: read anything itself, or
compare the catalogs (`restore_differs.py`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbops.model import Check, CheckStatus, Finding, Scope, Severity
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.backup.counting import Standing
    from dbops.backup.large_objects import LargeObjects
    from dbops.drill.ledger import Ledger
    from dbops.model import ExtensionInfo, SequenceState, TableCount

# A report names this many differences of one check; the rest is counted.
_SHOWN = 50


def compare_counts(recorded: Sequence[TableCount], found: Sequence[TableCount]) -> Check:
    """Compare the rows of every table with those counted in the snapshot of the dump."""
    there = {_key(one): one.rows for one in found}
    with_counts = [one for one in recorded if one.rows is not None]
    findings = [
        finding("row-counts", f"{one.schema_}.{one.name}", _count_difference(one, there.get(_key(one))))
        for one in with_counts
        if there.get(_key(one)) != one.rows
    ]
    return as_check(
        "row-counts",
        "Every table has the rows it had in the snapshot",
        findings,
        Scope(checked=len(with_counts), total=len(recorded)),
        "count(*) on both sides",
    )


def _key(one: TableCount) -> tuple[str, str]:
    return one.schema_, one.name


def _count_difference(one: TableCount, rows: int | None) -> str:
    return f"{counted(one.rows or 0, 'row')} at the source, " + (
        "no such table on the copy" if rows is None else f"{rows} on the copy"
    )


def compare_digests(recorded: Sequence[TableCount], found: Sequence[TableCount]) -> Check:
    """Compare what the rows say, for every table whose digest was taken in the snapshot of the dump.

    A table with another number of rows is left to `compare_counts`: that its rows differ is known.
    """
    there = {_key(one): one for one in found}
    digested = [one for one in recorded if one.digest and (now := there.get(_key(one))) and now.rows == one.rows]
    findings = [
        finding("row-digests", f"{one.schema_}.{one.name}", _digest_difference(one, there[_key(one)]))
        for one in digested
        if there[_key(one)].digest != one.digest
    ]
    read, rows = sum(one.scope.checked for one in digested if one.scope), sum(one.rows or 0 for one in recorded)
    check = as_check(
        "row-digests",
        "The rows say what they said in the snapshot",
        findings,
        Scope(checked=len(digested), total=len(recorded)),
        f"sum of hashes of {read:,} of {counted(rows, 'row')} on both sides, whatever their order",
    )
    if recorded and not digested:
        why = "no table of the backup has a digest" if not any(one.digest for one in recorded) else "no table is alike"
        return check.model_copy(update={"status": CheckStatus.SKIP, "reason": why})
    return check


def _digest_difference(one: TableCount, found: TableCount) -> str:
    if found.digest is None:
        return "on the copy the table has no primary key to choose the same rows by"
    return f"as many rows as at the source ({one.rows}), and other values in them"


def compare_sequences(recorded: Sequence[SequenceState], found: dict[tuple[str, str], Standing]) -> Check:
    """Compare where every sequence stands; one that moved during the dump may stand anywhere in between."""
    findings = [
        finding("sequences", f"{one.schema_}.{one.name}", _standing_difference(one, standing))
        for one in recorded
        if not _stands_as_recorded(one, standing := found.get((one.schema_, one.name)))
    ]
    return as_check(
        "sequences",
        "Every sequence stands where it stood",
        findings,
        Scope(checked=len(recorded), total=len(recorded)),
        "last_value and is_called, read before and after the dump",
    )


def _stands_as_recorded(one: SequenceState, found: Standing | None) -> bool:
    if found is None or one.last_value is None:
        return False
    if one.moved_to is None:
        return (found.last_value, found.is_called) == (one.last_value, one.is_called)
    low, high = sorted((one.last_value, one.moved_to))
    return low <= found.last_value <= high


def _standing_difference(one: SequenceState, found: Standing | None) -> str:
    if found is None:
        return f"at {one.last_value} at the source, no such sequence on the copy"
    return f"at {one.last_value} at the source, at {found.last_value} on the copy"


def compare_large_objects(recorded: LargeObjects, found: LargeObjects) -> Check:
    """Compare how many large objects there are, and what is in them where that was read in the snapshot."""
    detail = None
    if recorded.count != found.count:
        detail = f"{recorded.count} at the source, {found.count} on the copy"
    elif recorded.digest != found.digest:
        detail = f"as many as at the source ({recorded.count}), and other bytes or sizes in them"
    return as_check(
        "large-objects",
        "As many large objects as at the source, and the same bytes in them",
        [finding("large-objects", "large objects", detail)] if detail else [],
        Scope(checked=found.checked, total=recorded.count),
        "number, and sum of md5 over their pages and sizes"
        if recorded.digest
        else "number of large objects; not what is in them",
    )


def compare_materialized_views(recorded: Sequence[TableCount], found: Sequence[TableCount]) -> Check:
    """Compare the rows of materialized views with those of the snapshot.

    A warning, not an error: a restore computes them anew, and the source's may have been older than its tables.
    """
    there = {_key(one): one for one in found}
    findings = [
        finding("materialized-views", f"{one.schema_}.{one.name}", difference, Severity.WARNING)
        for one in recorded
        if (difference := _view_difference(one, there.get(_key(one))))
    ]
    return as_check(
        "materialized-views",
        "Materialized views, computed anew, hold what they held",
        findings,
        Scope(checked=len([one for one in recorded if _key(one) in there]), total=len(recorded)),
        "count(*) and the sum of hashes of their rows, after a refresh on the copy",
    )


def _view_difference(one: TableCount, found: TableCount | None) -> str | None:
    if found is None:
        return f"{counted(one.rows or 0, 'row')} at the source, not populated on the copy"
    if one.rows != found.rows:
        rows = counted(one.rows or 0, "row")
        return f"{rows} at the source, {found.rows or 0:,} on the copy; was it due for a refresh?"
    if one.digest != found.digest:
        return f"as many rows as at the source ({one.rows}), and other values; was it due for a refresh?"
    return None


def compare_extensions(recorded: Sequence[ExtensionInfo], found: Sequence[ExtensionInfo]) -> Check:
    """Compare which extensions there are; another version of one is a note of the restore, not a difference."""
    there = {one.name for one in found}
    findings = [
        finding("extensions", one.name, f"version {one.version} at the source, none on the copy")
        for one in recorded
        if one.name not in there
    ]
    return as_check(
        "extensions",
        "Every extension is there",
        findings,
        Scope(checked=len(recorded), total=len(recorded)),
        "names of installed extensions",
    )


def check_errors(ledger: Ledger) -> Check:
    """Return the check that nothing went wrong but what can be explained."""
    findings = [
        finding("restore-errors", one.phase or "restore", one.words() + _at(one.statement)) for one in ledger.genuine
    ]
    explained = len(ledger.superuser_only) + len(ledger.followers) + len(ledger.rights)
    return as_check(
        "restore-errors",
        "Every statement of the archive ran, or could not for a known reason",
        findings,
        None,
        f"the target server's log; {counted(explained, 'error')} explained, {ledger.noise} without meaning",
    )


def check_plain(ledger: Ledger, views: int) -> Check:
    """Return the check that materialized views come back the way any pg_restore refreshes them; else a warning."""
    findings = [
        finding("plain-restore", _view_of(one.statement), one.words(), Severity.WARNING).model_copy(
            update={
                "why": "a plain pg_restore of this backup ends with an error and leaves it empty",
                "fix": "-- restore without its data, then: pg_restore --use-list=... --enable-row-security; or give the"
                " view's owner BYPASSRLS",
            }
        )
        for one in ledger.plain
    ]
    return as_check(
        "plain-restore",
        "A plain pg_restore computes every materialized view",
        findings,
        Scope(checked=views, total=views),
        "refreshed with row-level security off, as pg_restore does, and with it on where that failed",
    )


def _view_of(statement: str) -> str:
    return statement.removeprefix("REFRESH MATERIALIZED VIEW ").rstrip(";\n ") or "materialized views"


def _at(statement: str) -> str:
    """Return the first words of a statement that failed: DDL names objects, and no rows."""
    first = statement.partition("\n")[0][:120]
    return f" (in: {first})" if first else ""


def finding(rule: str, subject: str, detail: str, severity: Severity = Severity.ERROR) -> Finding:
    """Return a difference."""
    return Finding(
        rule=rule,
        severity=severity,
        object=subject,
        detail=detail,
        why="the restored copy is not what was backed up",
        fingerprint=hashlib.sha256(f"{rule}\0{subject}".encode()).hexdigest()[:16],
    )


def as_check(name: str, title: str, findings: list[Finding], scope: Scope | None, method: str) -> Check:
    """Return the check that differences make: it passes where there are none."""
    more = len(findings) - _SHOWN
    return Check(
        check=name,
        title=title,
        status=CheckStatus.FAIL if findings else CheckStatus.PASS,
        reason=f"{len(findings)} differences, the first {_SHOWN} are listed" if more > 0 else None,
        method=method,
        scope=scope,
        findings=tuple(findings[:_SHOWN]),
    )
