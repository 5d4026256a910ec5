"""What a role would have to be granted so that every rule could say all it has to say.

A gap is what a rule has to do without because the server refused it, and for which there is a GRANT (or an ALTER ROLE).
What neither helps with (an extension that is not installed, nothing declared) is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.runner import run_rules, selected_rules
from dbops.model import Check, CheckStatus
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.rule import LoadedRule
    from dbops.model import TargetInfo


@dataclass(frozen=True, slots=True)
class Gap:
    """What one rule lacks: `whole` where it can say nothing at all, why, and the statements that grant it."""

    rule: str
    whole: bool
    reasons: tuple[str, ...]
    grants: tuple[str, ...]


def gaps(catalog: Catalog, policy: Policy) -> tuple[Gap, ...]:
    """Return the gaps of the selected rules, in the order of slugs; rules without one are not among them."""
    checks = {check.check: check for check in run_rules(catalog, policy)}
    found = (_gap(catalog, rule, checks[rule.slug]) for rule in selected_rules(policy))
    return tuple(gap for gap in found if gap)


def as_checks(policy: Policy, found: Sequence[Gap]) -> tuple[Check, ...]:
    """Return a check for each selected rule: a skip where something is missing, with the GRANTs for a remedy."""
    lacking = {gap.rule: gap for gap in found}
    checks: list[Check] = []
    for rule in selected_rules(policy):
        if gap := lacking.get(rule.slug):
            said = {"reason": f"{_extent(gap)}: {'; '.join(gap.reasons)}", "remedy": "\n".join(gap.grants)}
            checks.append(Check(check=rule.slug, status=CheckStatus.SKIP, title=rule.title, **said))
        else:
            checks.append(Check(check=rule.slug, status=CheckStatus.PASS, title=rule.title))
    return tuple(checks)


def as_lines(policy: Policy, found: Sequence[Gap], target: TargetInfo) -> tuple[str, ...]:
    """Return the gaps for people: rule by rule, and at the end every GRANT once."""
    total = len(selected_rules(policy))
    whole = sum(gap.whole for gap in found)
    counts = f"{total - len(found)} can say all they have to say, {len(found) - whole} less, {whole} nothing"
    lines = [f"{target.user} in {target.database}: of {counted(total, 'rule')} {counts}"]
    for gap in found:
        lines += ["", f"{gap.rule}: {_extent(gap)}", *(f"  {reason}" for reason in gap.reasons)]
        lines += [f"  {grant}" for grant in gap.grants]
    if found:
        lines += ["", "All of it, to be run by the owner or a superuser:"]
        lines += [f"  {grant}" for grant in dict.fromkeys(grant for gap in found for grant in gap.grants)]
    return tuple(lines)


def _extent(gap: Gap) -> str:
    return "says nothing" if gap.whole else "says less"


def _gap(catalog: Catalog, rule: LoadedRule, check: Check) -> Gap | None:
    lacking = dict.fromkeys(_lacking(catalog, rule, check))
    if not lacking:
        return None
    grants = dict.fromkeys(line for _, remedy in lacking for line in remedy.splitlines() if _is_grant(line))
    reasons = tuple(dict.fromkeys(reason for reason, _ in lacking))
    return Gap(rule.slug, check.status is CheckStatus.SKIP, reasons, tuple(grants))


def _lacking(catalog: Catalog, rule: LoadedRule, check: Check) -> Iterator[tuple[str, str]]:
    """Yield the reason and the remedy of everything that a grant would help with."""
    failures = [catalog.failure(kind) for kind in (*rule.rule.needs, *rule.rule.refines)]
    answers = [(failure.reason, failure.remedy) for failure in failures if failure]
    for reason, remedy in [*answers, (check.reason, check.remedy)]:
        if reason and remedy and any(map(_is_grant, remedy.splitlines())):
            yield reason, remedy


def _is_grant(line: str) -> bool:
    return line.startswith(("grant ", "alter role "))
