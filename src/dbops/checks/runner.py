"""Run the rules over a snapshot: drafts become findings, failures become answers, waivers are applied.

The rules, in order: an unknown slug is a usage error, as is a run of no rule; a rule whose read failed is a skip or an
error, never a pass; an exception inside a rule makes that one an error, and the others run; every finding is
fingerprinted, and marked where a waiver accepts it or a baseline had it, which a waiver that has expired does not, and
that is told of whatever was selected; rules about results (`review`) come last. Findings are sorted and hold no OID, so
that two databases of one structure give one report. What it does not do: judge the run (that is evidence's), or print.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dbops.checks.catalog import ReadFailedError, ReadFailure
from dbops.checks.catalog.reads import reads
from dbops.checks.pages import nearest_rule
from dbops.checks.rule import Draft, LoadedRule, RuleSkippedError, rules
from dbops.errors import UsageError
from dbops.model import Check, CheckStatus, Finding, Waiver
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

    Clock = Callable[[], float]


def selected_rules(policy: Policy) -> tuple[LoadedRule, ...]:
    """Return the rules a policy runs, in the order of slugs, those included that run unasked.

    UsageError for a slug that is none, or none to run.
    """
    known = rules()
    for name, slugs in (("select", policy.select), ("ignore", policy.ignore)):
        if wrong := next((slug for slug in slugs if slug not in known), None):
            message = f"{policy.named_in.get(name, '')}there is no rule {wrong!r}"
            raise UsageError(message, hint=nearest_rule(wrong))
    allowed = {slug: rule for slug, rule in known.items() if slug not in policy.ignore}
    selected = policy.select or known
    if not any(slug in selected for slug in allowed):
        message = "no rule is left to run: every one that is selected is ignored as well"
        raise UsageError(message, hint="leave it out of --ignore and of [audit] ignore, or select another")
    return tuple(rule for slug, rule in allowed.items() if slug in selected or rule.rule.unasked(policy))


def needed_reads(chosen: Iterable[LoadedRule]) -> dict[type[tuple[object, ...]], int]:
    """Return the reads that some of the rules need or can use, and how many do; those of the most rules first."""
    asked = Counter(kind for rule in chosen for kind in _asked_by(rule))
    return dict(sorted(asked.items(), key=lambda entry: (-entry[1], entry[0].__name__)))


def run_arriving(
    catalog: Catalog,
    policy: Policy,
    wanted: Iterable[type[tuple[object, ...]]],
    *,
    between: Callable[[], object] = lambda: None,
    clock: Clock = time.monotonic,
) -> dict[str, Check]:
    """Return, by slug, the results of the rules for which the reads of a server are enough, each run as soon as it can.

    `wanted` are the reads in the order in which they arrive; `between` is called after each rule, so that the server
    need not wait longer than for one.
    """
    place = {kind: number for number, kind in enumerate(wanted)}
    served = [rule for rule in selected_rules(policy) if rule.find and _asked_by(rule) <= reads().keys()]
    served.sort(key=lambda rule: max((place[kind] for kind in _asked_by(rule)), default=0))
    answered: dict[str, Check] = {}
    for rule in served:
        answered[rule.slug] = _timed(rule, policy, catalog, clock)
        between()
    return answered


def run_rules(
    catalog: Catalog, policy: Policy, *, done: Mapping[str, Check] | None = None, clock: Clock = time.monotonic
) -> tuple[Check, ...]:
    """Return the result of every selected rule, in the order of slugs; those in `done` are not run again."""
    chosen = selected_rules(policy)
    done = dict(done or {})
    done |= {rule.slug: _timed(rule, policy, catalog, clock) for rule in chosen if rule.find and rule.slug not in done}
    checks = tuple(done.values())
    reviewed = {rule.slug: _check(rule, policy, rule.review(checks, policy)) for rule in chosen if rule.review}
    return tuple((done | reviewed)[rule.slug] for rule in chosen)


def _asked_by(rule: LoadedRule) -> set[type[tuple[object, ...]]]:
    return {*rule.rule.needs, *rule.rule.refines}


def _timed(rule: LoadedRule, policy: Policy, catalog: Catalog, clock: Clock) -> Check:
    for kind in _asked_by(rule):  # the wait for the server is not the rule's time, nor a lost connection its failure
        catalog.wait_for(kind)
    started = clock()
    check = _checked(rule, policy, catalog)
    return check.model_copy(update={"duration_ms": round((clock() - started) * 1000)})


def _checked(rule: LoadedRule, policy: Policy, catalog: Catalog) -> Check:
    for kind in rule.rule.needs:
        if failure := catalog.failure(kind):
            return _unanswered(rule, failure)
    drafts: list[Draft] = []
    partly: RuleSkippedError | None = None
    try:
        try:
            for draft in rule.find(catalog, policy) if rule.find else ():
                drafts.append(draft)  # noqa: PERF402  (one by one: a rule may find things before it gives up)
        except RuleSkippedError as skipped:
            if not drafts:
                return _unanswered(rule, ReadFailure("skip", skipped.message, skipped.hint))
            partly = skipped  # what was found stands; what could not be looked at is said beside it
        scope = rule.scope(catalog, policy) if rule.scope else None
    except ReadFailedError as failed:
        return _unanswered(rule, failed.failure)
    except Exception as error:  # noqa: BLE001  (a bug in one rule must neither end the run nor look like a pass)
        reason = f"the rule failed: {type(error).__name__}: {redact(str(error))}"
        return _unanswered(rule, ReadFailure("error", reason, "report this with the catalog that showed it"))
    update: dict[str, object] = {"scope": scope, "method": _method(rule, catalog)}
    if partly:
        update |= {"reason": partly.message, "remedy": partly.hint}
    return _check(rule, policy, drafts).model_copy(update=update)


def _check(rule: LoadedRule, policy: Policy, drafts: Iterable[Draft]) -> Check:
    findings = _findings(rule, policy, drafts)
    fails = any(finding.stands for finding in findings)
    status = CheckStatus.FAIL if fails else CheckStatus.PASS
    return Check(check=rule.slug, status=status, title=rule.title, findings=findings)


def _unanswered(rule: LoadedRule, failure: ReadFailure) -> Check:
    status = CheckStatus(failure.status)
    return Check(check=rule.slug, status=status, title=rule.title, reason=failure.reason, remedy=failure.remedy)


def _method(rule: LoadedRule, catalog: Catalog) -> str | None:
    """Say what the answer had to do without."""
    missing = [failure.reason for kind in rule.rule.refines if (failure := catalog.failure(kind))]
    return f"without what would refine it: {'; '.join(missing)}" if missing else None


def _findings(rule: LoadedRule, policy: Policy, drafts: Iterable[Draft]) -> tuple[Finding, ...]:
    """Return findings in one order; things alike in all but their name are told apart by counting them."""
    seen: Counter[tuple[str, ...]] = Counter()
    findings: list[Finding] = []
    for draft in sorted(drafts, key=lambda draft: (draft.object, draft.signature, draft.detail)):
        identity = (draft.subject or draft.object, *draft.signature)
        seen[identity] += 1
        if seen[identity] > 1:
            draft = replace(draft, signature=(*draft.signature, str(seen[identity])))  # noqa: PLW2901
        findings.append(_finding(rule, policy, draft))
    return tuple(findings)


def _finding(rule: LoadedRule, policy: Policy, draft: Draft) -> Finding:
    fix = draft.fix
    mark = fingerprint(rule.slug, draft)
    baseline = policy.baseline if policy.baseline and mark in policy.baseline.fingerprints else None
    return Finding(
        rule=rule.slug,
        severity=draft.severity or rule.rule.severity,
        object=draft.object,
        detail=draft.detail,
        why=draft.why or rule.why,
        verify=draft.verify,
        fix=fix.sql if fix else None,
        undo=fix.undo if fix else None,
        locks=fix.locks if fix else None,
        waived=_waiver(rule.slug, policy, draft),
        location=draft.location,
        fingerprint=mark,
        expectation=draft.expectation,
        baseline=baseline.run_id if baseline else None,
    )


def fingerprint(slug: str, draft: Draft) -> str:
    """Return what a finding is known by from run to run: SHA-256 of rule, canonical object and structural signature."""
    identity = [slug, draft.subject or draft.object, *draft.signature]
    return hashlib.sha256(json.dumps(identity, separators=(",", ":")).encode()).hexdigest()


def _waiver(slug: str, policy: Policy, draft: Draft) -> Waiver | None:
    """Return the waiver that accepts a finding today, the first that fits."""
    for declared in policy.waivers:
        entry = declared.value
        if not entry.expired(policy.today) and matches(entry.rule, entry.object, slug, draft.object):
            return Waiver(reason=entry.reason, owner=entry.owner, expires=entry.expires)
    return None


def matches(waived_rule: str, waived_object: str, rule: str, obj: str) -> bool:
    """Return whether a waiver speaks of a finding; its object is a glob over the canonical name."""
    return waived_rule == rule and fnmatchcase(obj, waived_object)
