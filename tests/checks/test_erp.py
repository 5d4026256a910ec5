"""The demo ERP and its pack: healthy means silent, and each thing taken away is missed exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.policy import load_pack
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.demo import erp as demo

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.model import Finding

# The tests' own server is set up for speed, and counts no statements of the ERP: that is no news here.
OF_THE_SERVER = tuple(slug for slug, rule in rules().items() if rule.family in {"durability", "queries"})
PACK = f"audit = {{packs = ['erp'], ignore = {list(OF_THE_SERVER)}}}\ntenancy = {{app_roles = ['erp_app']}}"


def audited(catalog: Catalog, policy: Policy) -> list[Finding]:
    return [finding for check in run_rules(catalog, policy) for finding in check.findings]


def broken(erp: Target) -> None:
    with psycopg.connect(erp.conninfo(), password=erp.password, autocommit=True) as connection:
        demo.break_it(connection)


def test_the_healthy_erp_has_no_findings_and_nothing_about_it_is_left_unanswered(
    erp: Target, snapshot: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    checks = run_rules(snapshot(erp), policy_of(PACK))
    assert {check.check: check.status for check in checks if check.status != "pass"} == {}


def test_the_broken_erp_shows_exactly_what_was_planted(
    erp: Target, snapshot: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    broken(erp)
    known = {rule.check for rule in run_rules(snapshot(erp), policy_of(PACK))}
    found = [(finding.rule, finding.object) for finding in audited(snapshot(erp), policy_of(PACK))]
    assert found == [(one.rule, one.object) for one in demo.planted_defects() if one.rule in known]


@pytest.mark.parametrize("expected", load_pack("erp").index, ids=lambda expected: expected.id)
def test_each_index_of_the_pack_is_missed_once_when_it_is_gone(
    expected: Any,
    erp: Target,
    run_sql: Callable[..., Any],
    snapshot: Callable[..., Catalog],
    policy_of: Callable[..., Policy],
) -> None:
    policy = policy_of(PACK)
    [match] = [match for match in match_indexes(snapshot(erp), policy) if match.value.id == expected.id]
    assert match.outcome is Outcome.OK
    assert match.index is not None
    if constraint := snapshot(erp).backed_constraints.get(match.index.oid):
        run_sql(erp, f"alter table {match.object} drop constraint {constraint.name}")
    else:
        run_sql(erp, f"drop index public.{match.index.name}")
    missing = [finding for finding in audited(snapshot(erp), policy) if finding.rule == "expected-index-missing"]
    assert [(finding.object, finding.severity) for finding in missing] == [(match.object, expected.severity)]
    assert f"(expectation {expected.id})" in missing[0].detail


def test_renaming_every_index_changes_no_fingerprint_but_a_decoys(
    erp: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    broken(erp)
    before = audited(snapshot(erp), policy_of(PACK))
    run_sql(
        erp,
        "do $$ declare i record; begin for i in select indexrelid::regclass as name, row_number() over () as n"
        " from pg_index where indexrelid::regclass::text not like 'pg_%' loop"
        " execute format('alter index %s rename to zz_%s', i.name, 10000 - i.n); end loop; end $$",
    )
    after = audited(snapshot(erp), policy_of(PACK))
    decoy = "expected-index-decoy"
    assert {f.fingerprint for f in after if f.rule != "expected-index-missing"} == {
        f.fingerprint for f in before if f.rule not in {decoy, "expected-index-missing"}
    }
    # Without its name the decoy is no decoy; the index it stood in for is missing.
    assert sum(f.rule == "expected-index-missing" for f in after) == 2
