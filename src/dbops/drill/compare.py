"""The restored copy against what was recorded of its source: rows, sequences, large objects, extensions, catalog.

Each comparison is a check with its scope; a difference is a finding of severity error, since a copy that differs is not
the backup it was taken for. Nothing here writes, and all of it runs as the reader: planning a query on a restored table
runs code of the archive, which as superuser would own the server. What this does not do: read anything itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbops.model import Check, CheckStatus, Finding, Scope, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.backup.counting import Standing
    from dbops.backup.inventory import Fact
    from dbops.drill.ledger import Ledger
    from dbops.model import ExtensionInfo, SequenceState, TableCount

# A report names this many differences of one check; the rest is counted.
_SHOWN = 50
# What no restore with pg_restore brings back, or none without superuser: said in words, not counted as a difference.
_NEVER_RESTORED = frozenset({"event trigger"})


def compare_counts(recorded: Sequence[TableCount], found: Sequence[TableCount]) -> Check:
    """Compare the rows of every table with those counted in the snapshot of the dump."""
    there = {_key(one): one.rows for one in found}
    counted = [one for one in recorded if one.rows is not None]
    findings = [
        _finding("row-counts", f"{one.schema_}.{one.name}", _count_difference(one, there.get(_key(one))))
        for one in counted
        if there.get(_key(one)) != one.rows
    ]
    return _check(
        "row-counts",
        "Every table has the rows it had in the snapshot",
        findings,
        Scope(checked=len(counted), total=len(recorded)),
        "count(*) on both sides",
    )


def _key(one: TableCount) -> tuple[str, str]:
    return one.schema_, one.name


def _count_difference(one: TableCount, rows: int | None) -> str:
    return f"{one.rows} rows at the source, " + ("no such table on the copy" if rows is None else f"{rows} on the copy")


def compare_digests(recorded: Sequence[TableCount], found: Sequence[TableCount]) -> Check:
    """Compare what the rows say, for every table whose digest was taken in the snapshot of the dump.

    A table with another number of rows is left to `compare_counts`: that its rows differ is known.
    """
    there = {_key(one): one for one in found}
    digested = [one for one in recorded if one.digest and (now := there.get(_key(one))) and now.rows == one.rows]
    findings = [
        _finding("row-digests", f"{one.schema_}.{one.name}", _digest_difference(one, there[_key(one)]))
        for one in digested
        if there[_key(one)].digest != one.digest
    ]
    read, rows = sum(one.scope.checked for one in digested if one.scope), sum(one.rows or 0 for one in recorded)
    check = _check(
        "row-digests",
        "The rows say what they said in the snapshot",
        findings,
        Scope(checked=len(digested), total=len(recorded)),
        f"sum of md5 over {read} of {rows} rows on both sides, whatever their order",
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
        _finding("sequences", f"{one.schema_}.{one.name}", _standing_difference(one, standing))
        for one in recorded
        if not _stands_as_recorded(one, standing := found.get((one.schema_, one.name)))
    ]
    return _check(
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


def compare_large_objects(recorded: int, found: int) -> Check:
    """Compare the number of large objects."""
    detail = f"{recorded} at the source, {found} on the copy"
    findings = [] if recorded == found else [_finding("large-objects", "large objects", detail)]
    return _check(
        "large-objects",
        "As many large objects as at the source",
        findings,
        Scope(checked=recorded, total=recorded),
        "number of large objects; not what is in them",
    )


def compare_extensions(recorded: Sequence[ExtensionInfo], found: Sequence[ExtensionInfo]) -> Check:
    """Compare which extensions there are; another version of one is a note of the restore, not a difference."""
    there = {one.name for one in found}
    findings = [
        _finding("extensions", one.name, f"version {one.version} at the source, none on the copy")
        for one in recorded
        if one.name not in there
    ]
    return _check(
        "extensions",
        "Every extension is there",
        findings,
        Scope(checked=len(recorded), total=len(recorded)),
        "names of installed extensions",
    )


def compare_catalog(
    recorded: Sequence[Fact], found: Sequence[Fact], ledger: Ledger, *, same_major: bool, data: bool
) -> tuple[Check, list[str]]:
    """Compare what is in the two databases besides rows; return the check, and what is explained, in words.

    Definitions are compared within one major version; across two, names are (another version spells them differently).
    `data` False: materialized views are expected to be empty, and large objects to be missing.
    """
    before, after = _facts(recorded, data=data), _facts(found, data=data)
    explained: dict[str, int] = {}
    findings = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was == now or (not same_major and was is not None and now is not None):
            continue
        reason = _explanation(key, was, now, ledger)
        if reason:
            explained[reason] = explained.get(reason, 0) + 1
        else:
            findings.append(_finding("catalog", f"{key[0]} {key[1]}", _fact_difference(was, now)))
    check = _check(
        "catalog",
        "The copy has the objects, owners, rights and definitions of its source",
        findings,
        Scope(checked=len(before) - sum(explained.values()), total=len(before)),
        "facts from the catalogs" if same_major else "names from the catalogs: the copy has another major version",
    )
    return check, [f"{number} facts: {reason}" for reason, number in sorted(explained.items())]


def _facts(facts: Iterable[Fact], *, data: bool) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for fact in facts:
        if not data and fact.kind == "large object":
            continue
        value = fact.value if data else fact.value.replace(" unpopulated", "")
        key = (fact.kind, fact.identity)
        found[key] = f"{found[key]}; {value}" if key in found else value
    return found


def _explanation(key: tuple[str, str], was: str | None, now: str | None, ledger: Ledger) -> str | None:
    """Return why a difference is none, or None."""
    kind, identity = key
    if now is None and kind in _NEVER_RESTORED:
        return f"{kind}s are not restored"
    if now is None and kind == "index" and was is not None and was.startswith("invalid "):
        return "invalid indexes are in no dump"
    if any(identity == name or identity.startswith((f"{name}(", f"{name}.")) for name in ledger.names):
        return "objects that only a superuser can restore, and what belongs to them"
    return None


def _fact_difference(was: str | None, now: str | None) -> str:
    if was is None:
        return f"only on the copy: {now}"
    return f"only at the source: {was}" if now is None else f"at the source: {was}; on the copy: {now}"


def check_errors(ledger: Ledger) -> Check:
    """Return the check that nothing went wrong but what can be explained."""
    findings = [
        _finding("restore-errors", one.phase or "restore", one.words() + _at(one.statement)) for one in ledger.genuine
    ]
    explained = len(ledger.superuser_only) + len(ledger.followers)
    return _check(
        "restore-errors",
        "Every statement of the archive ran, or could not for a known reason",
        findings,
        None,
        f"the target server's log; {explained} errors explained, {ledger.noise} without meaning",
    )


def _at(statement: str) -> str:
    """Return the first words of a statement that failed: DDL names objects, and no rows."""
    first = statement.partition("\n")[0][:120]
    return f" (in: {first})" if first else ""


def _finding(rule: str, subject: str, detail: str) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.ERROR,
        object=subject,
        detail=detail,
        why="the restored copy is not what was backed up",
        fingerprint=hashlib.sha256(f"{rule}\0{subject}".encode()).hexdigest()[:16],
    )


def _check(name: str, title: str, findings: list[Finding], scope: Scope | None, method: str) -> Check:
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
