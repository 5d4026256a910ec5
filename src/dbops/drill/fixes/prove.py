"""What the audit's fixes come to, proven where nothing can break: on the restored copy, after everything was compared.

The copy is audited, as its reader; the script that `dbops audit --fix` would write is run there as the restorer; the
copy is audited again. The check says which findings vanish and which come, the file `prove-fixes.json` how long each
statement took, how large each index became, and how declared and slow queries fared before and after. The rules:

1. Only what a catalog can show is audited: rules about activity, upkeep and durability would judge the copy's server.
2. A fix that fails or changes nothing is a warning: it says nothing about the backup.
3. Figures are this machine's. On the copy nobody else works, and every table has just been written: in production it
   takes longer, and waits for locks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from dbops.checks.catalog import ExpectedPlan
from dbops.checks.catalog.read import read_catalog
from dbops.checks.changes import findings_of
from dbops.checks.expected_plans import with_expected_plans
from dbops.checks.fix_script import NEEDED, fix_script, write_fixes
from dbops.checks.rule import rules
from dbops.checks.runner import needed_reads, run_rules, selected_rules
from dbops.checks.statements import highest_parameter
from dbops.checks.workload import observed
from dbops.drill.compare import as_check, finding
from dbops.drill.fixes.apply import Applied, apply
from dbops.drill.fixes.plans import Query, Timed, time_queries
from dbops.errors import ConfigurationError, UnavailableError
from dbops.files import write_new
from dbops.model import Check, CheckStatus, Scope, Severity
from dbops.quantities import counted, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.checks.catalog import Catalog, LoggedStatement
    from dbops.checks.fix_script import FixScript
    from dbops.checks.policy import Policy
    from dbops.drill.copy import Copy
    from dbops.drill.fixes.options import FixOptions
    from dbops.drill.rehearsal import Rehearsal
    from dbops.model import Finding

NAME = "prove-fixes"
FILE = "prove-fixes.json"
_TITLE = "The audit's fixes run on the copy, and mend what they are for"
_FAMILIES = frozenset({"expectations", "indexes", "keys", "tenancy"})
_MORE = frozenset({"slow-query"})
_OF_ACTIVITY = frozenset({"unused-index"})
# So many statements and queries are told in words; the file holds all of them.
_TOLD = 12
_QUERIES = 20


@dataclass(frozen=True, slots=True)
class _Audited:
    """One audit of the copy."""

    catalog: Catalog
    policy: Policy
    checks: tuple[Check, ...]

    @property
    def findings(self) -> dict[str, Finding]:
        """What was found and nobody has accepted, by fingerprint."""
        return {one.fingerprint: one for one in findings_of(self.checks) if one.stands}


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the fixes came to."""

    script: FixScript
    applied: list[Applied]
    vanished: list[Finding]
    remaining: list[Finding]
    new: list[Finding]
    before: list[Timed]
    after: list[Timed]


def prove_fixes(rehearsal: Rehearsal, copy: Copy, options: FixOptions) -> None:
    """Run the fixes on the copy, and add the check and the file that say what came of it.

    Where that cannot be done, the check says why: the drill of the backup has its answer already.
    """
    try:
        _prove(rehearsal, copy, options)
    except (ConfigurationError, UnavailableError) as error:
        rehearsal.add(
            Check(check=NAME, title=_TITLE, status=CheckStatus.ERROR, reason=error.message, remedy=error.hint)
        )


def _prove(rehearsal: Rehearsal, copy: Copy, options: FixOptions) -> None:
    run, deadline = rehearsal.run, rehearsal.deadline
    workload = tuple(one._replace(database=copy.database) for one in options.workload)
    with run.step("prove fixes/audit"):
        first = _audit(copy, options.policy, workload, deadline.left())
        script = fix_script(first.catalog, first.policy, first.checks)
        write_fixes(script, run.directory / "fix.sql")
    queries = list(_queries(first))
    with run.step("prove fixes/queries before"):
        before = time_queries(copy, queries, deadline.left())
    with run.step("prove fixes/apply") as step:
        applied = apply(copy, script.statements)
        step.output = counted(len(applied), "statement")
    with run.step("prove fixes/audit again"):
        second = _audit(copy, options.policy, workload, deadline.left())
    with run.step("prove fixes/queries after"):
        after = time_queries(copy, queries, deadline.left())
    there, now = first.findings, second.findings
    proof = _Proof(
        script=script,
        applied=applied,
        vanished=[one for mark, one in there.items() if mark not in now],
        remaining=[one for mark, one in there.items() if mark in now],
        new=[one for mark, one in now.items() if mark not in there],
        before=before,
        after=after,
    )
    rehearsal.add(_check(proof))
    write_new(run.directory / FILE, json.dumps(_as_json(proof), indent=1).encode() + b"\n")
    for text in _told(proof):
        run.note(text)


def _audit(copy: Copy, policy: Policy, workload: tuple[LoggedStatement, ...], deadline: float | None) -> _Audited:
    chosen = [rule for rule in selected_rules(policy) if rule.slug in _of_catalog()]
    # Ignored, not just left out: an expired waiver is told of unasked, and no fix of the copy's makes it vanish.
    narrowed = replace(policy, select=(), ignore=tuple(rules().keys() - {rule.slug for rule in chosen}))
    wanted = {*needed_reads(chosen), *NEEDED}
    with copy.read(deadline) as session:
        catalog = read_catalog(session, wanted, logged=workload or None)
        if ExpectedPlan in wanted:
            catalog = with_expected_plans(session, catalog, narrowed, allow_superuser=False)
    return _Audited(catalog, narrowed, run_rules(catalog, narrowed) if chosen else ())


def _of_catalog() -> frozenset[str]:
    """Return the rules that judge what a restore brings back."""
    found = {slug for slug, rule in rules().items() if rule.family in _FAMILIES and rule.find}
    return frozenset(found - _OF_ACTIVITY | _MORE)


def _queries(audited: _Audited) -> Iterator[Query]:
    """Yield the declared queries, then the statements that take most time."""
    for one in audited.policy.expected_queries:
        yield Query(one.value.id, one.value.sql, highest_parameter(one.value.sql))
    for seen in observed(audited.catalog)[:_QUERIES]:
        if seen.statement.is_explainable and not seen.statement.is_of_a_tool:
            yield Query(seen.statement.name, seen.statement.text, seen.statement.parameters, seen.user)


def _check(proof: _Proof) -> Check:
    failed = [one for one in proof.applied if one.error]
    findings = [
        *(finding(NAME, one.sql, f"it fails on the copy: {one.error}", Severity.WARNING) for one in failed),
        *(_left(one, "comes with the fixes") for one in proof.new),
    ]
    total = len(proof.vanished) + len(proof.remaining)
    took = sum(one.duration_ms for one in proof.applied)
    built = [index for one in proof.applied for index in one.built]
    check = as_check(
        NAME,
        _TITLE,
        findings,
        Scope(checked=len(proof.vanished), total=total),
        f"{counted(len(proof.applied), 'statement')} run on the copy in {duration(took)},"
        f" {counted(len(built), 'index', 'indexes')} of {size(sum(index.bytes for index in built))} built,"
        " audited before"
        f" and after; {counted(proof.script.left, 'finding is', 'findings are')} left to a person",
    )
    remaining = ", ".join(f"{one.rule} {one.object}" for one in proof.remaining[:_TOLD])
    if not remaining:
        return check
    more = len(proof.remaining) - _TOLD
    reason = f"still found: {remaining}" + (f", and {more} more" if more > 0 else "")
    return check.model_copy(update={"reason": "; ".join(text for text in (check.reason, reason) if text)})


def _left(one: Finding, words: str) -> Finding:
    return finding(NAME, f"{one.rule} {one.object}", f"{words}: {one.detail}", Severity.WARNING)


def _as_json(proof: _Proof) -> dict[str, object]:
    def named(findings: Iterable[Finding]) -> list[dict[str, str]]:
        return [{"rule": one.rule, "object": one.object, "fingerprint": one.fingerprint} for one in findings]

    return {
        "schema": "dbops/prove-fixes/v1",
        "statements": [
            {
                "sql": one.sql,
                "durationMs": one.duration_ms,
                "error": one.error,
                "indexes": [asdict(index) for index in one.built],
            }
            for one in proof.applied
        ],
        "vanished": named(proof.vanished),
        "remaining": named(proof.remaining),
        "new": named(proof.new),
        "queries": [
            {"name": before.name, "before": _timed(before), "after": _timed(after)}
            for before, after in zip(proof.before, proof.after, strict=True)
        ],
    }


def _timed(one: Timed) -> dict[str, object]:
    return {"reads": one.reads, "durationUs": one.duration_us, "unknown": one.unknown}


def _told(proof: _Proof) -> Iterator[str]:
    """Yield what a person wants to know, in sentences."""
    if proof.vanished:
        yield (
            "fixes proven on the copy:"
            f" {counted(len(proof.vanished), 'finding vanishes', 'findings vanish')}: {_some(proof.vanished)}"
        )
    slowest = sorted(proof.applied, key=lambda one: -one.duration_ms)[:_TOLD]
    for one in slowest:
        sizes = ", ".join(f"{index.name} {size(index.bytes)}" for index in one.built)
        yield f"{duration(one.duration_ms)} on the copy{f' ({sizes})' if sizes else ''}: {one.sql}"
    for before, after in zip(proof.before, proof.after, strict=True):
        if before.reads != after.reads:
            yield f"query {before.name}: {_fared(before)} before the fixes, {_fared(after)} after"


def _fared(one: Timed) -> str:
    if one.duration_us is None:
        return f"{one.reads or one.unknown}"
    took = duration(one.duration_us // 1000) if one.duration_us >= 1000 else f"{one.duration_us} µs"
    return f"{one.reads or one.unknown} in {took}"


def _some(findings: Sequence[Finding]) -> str:
    named = [f"{one.rule} {one.object}" for one in findings[:_TOLD]]
    more = len(findings) - len(named)
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])
