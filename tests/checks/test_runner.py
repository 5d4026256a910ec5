"""What the runner makes of rules: findings with identity, failures apart, waivers applied."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks import runner
from dbops.checks.catalog import Catalog, Index, ReadFailure, Relation, TableActivity
from dbops.checks.rule import Draft, LoadedRule, Rule, RuleSkippedError, rules
from dbops.checks.runner import needed_reads, run_rules, selected_rules
from dbops.errors import UsageError
from dbops.model import Check, CheckStatus
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

TODAY = dt.date(2026, 7, 1)
WAIVER = """
[[audit.waive]]
rule = "a-rule"
object = "public.v*"
reason = "known"
owner = "platform"
expires = {expires}
"""


def a_rule(find: Callable[..., Any], **of_rule: Any) -> LoadedRule:
    rule = Rule(severity=Severity.WARNING, **of_rule)
    sections = {"What it detects": "x", "Why it matters": "It hurts.\n\nMore.", "How to fix": "x"}
    return LoadedRule("a-rule", "family", "A rule", sections, rule, find, None, None)


@pytest.fixture
def run_alone(
    database: Target,
    snapshot: Callable[..., Catalog],
    monkeypatch: pytest.MonkeyPatch,
    policy_of: Callable[..., Policy],
) -> Callable[..., Check]:
    """Run one made-up rule over the catalog of an empty database."""
    catalog = snapshot(database)

    def run(rule: LoadedRule, policy: Policy | None = None, failures: dict[type, ReadFailure] | None = None) -> Check:
        monkeypatch.setattr(runner, "rules", lambda: {rule.slug: rule})
        rows = {kind: rows for kind, rows in catalog._rows.items() if kind not in (failures or {})}
        [check] = run_rules(Catalog(catalog.server, rows, failures), policy or policy_of())
        return check

    return run


def test_a_rule_that_yields_nothing_passes(run_alone: Callable[..., Check]) -> None:
    check = run_alone(a_rule(lambda _catalog, _policy: ()))
    assert (check.check, check.status, check.title, check.findings) == ("a-rule", CheckStatus.PASS, "A rule", ())


def test_a_draft_becomes_a_finding_with_the_rules_severity_and_reason(run_alone: Callable[..., Check]) -> None:
    check = run_alone(a_rule(lambda _catalog, _policy: [Draft(object="public.v", detail="d")]))
    [finding] = check.findings
    assert check.status == CheckStatus.FAIL
    assert (finding.rule, finding.severity, finding.why) == ("a-rule", Severity.WARNING, "It hurts.")
    assert len(finding.fingerprint) == 64


def test_findings_are_sorted_and_their_fingerprints_know_neither_detail_nor_severity(
    run_alone: Callable[..., Check],
) -> None:
    drafts = [Draft(object=f"public.{name}", detail="d", signature=("s",)) for name in "cab"]
    first = run_alone(a_rule(lambda _catalog, _policy: drafts))
    assert [finding.object for finding in first.findings] == ["public.a", "public.b", "public.c"]
    grown = [replace(draft, detail="bigger now", severity=Severity.ERROR) for draft in drafts]
    second = run_alone(a_rule(lambda _catalog, _policy: grown))
    assert [f.fingerprint for f in first.findings] == [f.fingerprint for f in second.findings]


def test_things_alike_in_all_but_their_name_have_fingerprints_of_their_own(run_alone: Callable[..., Check]) -> None:
    drafts = [Draft(object=f"public.{name}", subject="public.t", detail="d") for name in "ab"]
    check = run_alone(a_rule(lambda _catalog, _policy: drafts))
    assert len({finding.fingerprint for finding in check.findings}) == 2


def test_an_exception_in_a_rule_is_an_error_of_that_rule(run_alone: Callable[..., Check]) -> None:
    def find(_catalog: Catalog, _policy: Policy) -> Iterator[Draft]:
        yield Draft(object="public.v", detail="d")
        raise KeyError("column 7")

    check = run_alone(a_rule(find))
    assert (check.status, check.findings) == (CheckStatus.ERROR, ())
    assert check.reason == "the rule failed: KeyError: 'column 7'"


def test_a_rule_that_cannot_tell_is_skipped_with_its_remedy(run_alone: Callable[..., Check]) -> None:
    def find(_catalog: Catalog, _policy: Policy) -> Iterator[Draft]:
        raise RuleSkippedError("no idea", hint="grant something")
        yield

    check = run_alone(a_rule(find))
    assert (check.status, check.reason, check.remedy) == (CheckStatus.SKIP, "no idea", "grant something")


def test_a_rule_whose_read_failed_answers_as_the_read_did(run_alone: Callable[..., Check]) -> None:
    rule = a_rule(lambda _catalog, _policy: (), needs=[Relation, Index])
    skipped = run_alone(rule, failures={Index: ReadFailure("skip", "denied", "grant it")})
    assert (skipped.status, skipped.reason, skipped.remedy) == (CheckStatus.SKIP, "denied", "grant it")
    failed = run_alone(rule, failures={Index: ReadFailure("error", "timed out")})
    assert failed.status == CheckStatus.ERROR


def test_a_rule_that_uses_a_read_it_does_not_name_cannot_take_its_failure_for_emptiness(
    run_alone: Callable[..., Check],
) -> None:
    rule = a_rule(lambda catalog, _policy: [*catalog.rows(Index)])
    check = run_alone(rule, failures={Index: ReadFailure("skip", "denied", "grant it")})
    assert check.status == CheckStatus.SKIP


def test_a_read_that_only_refines_does_not_stop_a_rule_but_is_mentioned(run_alone: Callable[..., Check]) -> None:
    rule = a_rule(lambda catalog, _policy: catalog.rows_if_readable(TableActivity), refines=[TableActivity])
    check = run_alone(rule, failures={TableActivity: ReadFailure("skip", "denied", "grant it")})
    assert (check.status, check.method) == (CheckStatus.PASS, "without what would refine it: denied")


@pytest.mark.parametrize(("expires", "waived", "status"), [("2026-07-01", True, "pass"), ("2026-06-30", False, "fail")])
def test_a_waiver_accepts_a_finding_until_it_expires_and_keeps_it_visible(
    expires: str, status: str, run_alone: Callable[..., Check], policy_of: Callable[..., Policy], *, waived: bool
) -> None:
    drafts = [Draft(object="public.v", detail="d")]
    check = run_alone(a_rule(lambda _catalog, _policy: drafts), policy_of(WAIVER.format(expires=expires), TODAY))
    [finding] = check.findings
    assert (finding.waived is not None, check.status) == (waived, status)


def test_a_waiver_is_for_its_rule_and_its_objects_alone(
    run_alone: Callable[..., Check], policy_of: Callable[..., Policy]
) -> None:
    policy = policy_of(WAIVER.format(expires="2026-12-31"), TODAY)
    drafts = [Draft(object=name, detail="d") for name in ("public.v", "public.w", "other.v")]
    check = run_alone(a_rule(lambda _catalog, _policy: drafts), policy)
    assert [finding.object for finding in check.findings if finding.waived] == ["public.v"]
    assert check.status == CheckStatus.FAIL


@pytest.mark.parametrize(("expires", "runs"), [("2026-07-01", False), ("2026-06-30", True)])
def test_an_expired_waiver_is_told_of_whatever_is_selected(
    expires: str, policy_of: Callable[..., Policy], *, runs: bool
) -> None:
    policy = policy_of('[audit]\nselect = ["duplicate-index"]\n' + WAIVER.format(expires=expires), TODAY)
    asked = ["duplicate-index", *(["waiver-expired"] if runs else [])]
    assert asked == [rule.slug for rule in selected_rules(policy)]
    ignored = replace(policy, ignore=("waiver-expired",))
    assert ["duplicate-index"] == [rule.slug for rule in selected_rules(ignored)]


def test_an_expired_waiver_alone_is_no_rule_to_run(policy_of: Callable[..., Policy]) -> None:
    policy = policy_of(WAIVER.format(expires="2026-06-30"), TODAY)
    with pytest.raises(UsageError, match="no rule is left to run"):
        selected_rules(replace(policy, select=("duplicate-index",), ignore=("duplicate-index",)))


def test_select_and_ignore_choose_rules_and_their_reads(policy_of: Callable[..., Policy]) -> None:
    chosen = selected_rules(
        policy_of('audit = {select = ["duplicate-index", "no-primary-key"], ignore = ["no-primary-key"]}')
    )
    assert [rule.slug for rule in chosen] == ["duplicate-index"]
    assert TableActivity not in needed_reads(chosen)
    everything = selected_rules(policy_of())
    assert [rule.slug for rule in everything] == list(rules())


def test_a_run_of_no_rule_is_a_usage_error_and_no_pass(policy_of: Callable[..., Policy]) -> None:
    with pytest.raises(UsageError, match="no rule is left to run"):
        selected_rules(policy_of('audit = {select = ["duplicate-index"], ignore = ["duplicate-index"]}'))


@pytest.mark.parametrize("where", ["select", "ignore"])
def test_an_unknown_rule_is_a_usage_error_that_names_the_nearest(where: str, policy_of: Callable[..., Policy]) -> None:
    with pytest.raises(UsageError) as caught:
        selected_rules(policy_of(f'audit = {{{where} = ["fk-without-indexes"]}}'))
    assert caught.value.hint == "did you mean fk-without-index?"
