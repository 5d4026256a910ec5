"""`restore-differs`: everything in a database besides its rows, on the copy as recorded of its source.

The rules, in order:

1. Facts are compared as a map of (kind, identity): what is missing, what is only on the copy, what is otherwise.
2. What no restore brings back, or none without superuser, is explained and told as not tested, never counted as equal.
3. A kind that the dbops which made the backup did not record yet is not compared: its absence says nothing.
4. Across two majors names are compared only, since another version spells definitions and rights differently.

What this does not do: read the facts (`backup.inventory`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dbops.drill.compare import as_check, finding
from dbops.model import Scope
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.backup.inventory import Fact
    from dbops.drill.ledger import Ledger
    from dbops.model import Check

RULE = "restore-differs"
# What no restore with pg_restore brings back, or none without superuser: said in words, not counted as a difference.
_NEVER_RESTORED = {
    "event trigger": "event triggers are not restored",
    "foreign key trigger": "that triggers of foreign keys were disabled is in no dump: the copy checks them",
    "access method of table": "tables of another access method become heap tables without superuser",
}
_VERSION = "inventory"
# Kinds since version 2 of the inventory.
_LATER = frozenset(
    {
        "access method of table", "cast", "collation", "column storage", "comment", "conversion",
        "foreign key trigger", "foreign table options", "large object acl", "large object comment", "operator",
        "operator class", "operator family", "publication contents", "server", "server options",
        "text search configuration", "text search dictionary",
    }
)  # fmt: skip


def compare_catalog(
    recorded: Sequence[Fact], found: Sequence[Fact], ledger: Ledger, *, same_major: bool, data: bool
) -> tuple[Check, list[str]]:
    """Compare what is in the two databases besides rows; return the check, and what is explained, in words.

    Definitions are compared within one major version; across two, names are (another version spells them differently).
    `data` False: materialized views are expected to be empty, and large objects to be missing.
    """
    known = _kinds_left_out(recorded)
    before, after = _facts(recorded, known, data=data), _facts(found, known, data=data)
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
            findings.append(finding(RULE, f"{key[0]} {key[1]}", _fact_difference(was, now)))
    check = as_check(
        RULE,
        "The copy has the objects, owners, rights and definitions of its source",
        findings,
        Scope(checked=len(before) - sum(explained.values()), total=len(before)),
        _method(before, same_major=same_major),
    )
    return check, [f"{counted(number, 'fact')}: {reason}" for reason, number in sorted(explained.items())]


def _kinds_left_out(recorded: Sequence[Fact]) -> frozenset[str]:
    return frozenset({_VERSION}) if any(fact.kind == _VERSION for fact in recorded) else _LATER | {_VERSION}


def _method(facts: Iterable[tuple[str, str]], *, same_major: bool) -> str:
    kinds = Counter(kind for kind, _ in facts)
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    if same_major:
        return f"facts from the catalogs: {counts or 'none'}"
    return f"names from the catalogs, since the copy has another major version: {counts or 'none'}"


def _facts(facts: Iterable[Fact], left_out: frozenset[str], *, data: bool) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for fact in facts:
        if fact.kind in left_out or (not data and fact.kind.startswith("large object")):
            continue
        value = fact.value if data else fact.value.replace(" unpopulated", "")
        key = (fact.kind, fact.identity)
        found[key] = f"{found[key]}; {value}" if key in found else value
    return found


def _explanation(key: tuple[str, str], was: str | None, now: str | None, ledger: Ledger) -> str | None:
    """Return why a difference is none, or None."""
    kind, identity = key
    if now is None and kind in _NEVER_RESTORED:
        return _NEVER_RESTORED[kind]
    if now is None and kind == "index" and was is not None and was.startswith("invalid "):
        return "invalid indexes are in no dump"
    if now is None and kind == "cast" and _refused_cast(identity, ledger):
        return "casts between types that only a superuser owns"
    if any(identity == name or identity.startswith((f"{name}(", f"{name}.", f"{name} ")) for name in ledger.names):
        return "objects that only a superuser can restore, and what belongs to them"
    return None


def _refused_cast(identity: str, ledger: Ledger) -> bool:
    """Tell whether the ledger knows why a cast is missing; pg_dump leaves pg_catalog away."""
    wanted = f"CREATE CAST {identity.replace('pg_catalog.', '')}"
    return any(one.statement.startswith(wanted) for one in ledger.superuser_only)


def _fact_difference(was: str | None, now: str | None) -> str:
    if was is None:
        return f"only on the copy: {now}"
    return f"missing on the copy: {was}" if now is None else f"changed: {was} at the source, {now} on the copy"
