from __future__ import annotations

import datetime as dt
import inspect
import json
from typing import Any

import pytest
from pydantic import ValidationError

from dbops import model
from dbops.model import (
    Check,
    CheckStatus,
    Document,
    Finding,
    Report,
    Step,
    TableCount,
    TargetInfo,
    Verdict,
    Waiver,
    rfc3339,
    utc_now,
)
from dbops.severity import Severity

DOCUMENTS = [kind for _, kind in inspect.getmembers(model, inspect.isclass) if issubclass(kind, Document)]
MOMENT = dt.datetime(2026, 3, 29, 1, 30, 0, 123000, tzinfo=dt.UTC)


def finding(**values: Any) -> Finding:
    given = {"rule": "r", "severity": "error", "object": "o", "detail": "d", "why": "w", "fingerprint": "f", **values}
    return Finding(**given)


def report(**values: Any) -> Report:
    given: dict[str, Any] = {
        "command": "audit", "run_id": "20260329T013000Z-abcdef", "verdict": Verdict.PASS, "exit_code": 0,
        "started_at": MOMENT, "finished_at": MOMENT, "duration_ms": 0, "host": "h", **values,
    }  # fmt: skip
    return Report(**given)


def test_a_report_survives_the_way_to_json_and_back() -> None:
    waiver = Waiver(reason="r", owner="o", expires=dt.date(2026, 12, 31))
    original = report(
        target=TargetInfo(host="h", port=5432, database="d", user="u"),
        steps=[Step(name="s", status=Verdict.PASS, started_at=MOMENT, duration_ms=7)],
        checks=[Check(check="r", status=CheckStatus.FAIL, findings=(finding(waived=waiver),))],
        reports=[report(command="drill")],
    )
    assert Report.model_validate_json(json.dumps(original.to_json())) == original


def test_names_are_camel_case_on_the_wire_and_schema_is_bare() -> None:
    wire = report().to_json()
    assert wire["schema"] == "dbops/report/v1"
    assert {"runId", "startedAt", "finishedAt", "durationMs", "configSha256", "notTested"} <= wire.keys()
    assert not any("_" in name for name in wire)
    assert TableCount(schema_="public", name="t", rows=1, method="count").to_json()["schema"] == "public"


def test_readers_of_history_ignore_fields_they_do_not_know() -> None:
    assert Report.model_validate({**report().to_json(), "addedLater": [1]}) == report()


def test_another_major_schema_is_not_taken_for_ours() -> None:
    with pytest.raises(ValidationError):
        Report.model_validate({**report().to_json(), "schema": "dbops/report/v2"})


def test_validation_errors_do_not_show_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        TargetInfo(host="h", port="Canary-33", database="d", user="u")  # type: ignore[arg-type]
    assert "Canary-33" not in str(caught.value)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_document_is_frozen_documented_and_free_of_floats(kind: type[Document]) -> None:
    assert kind.__doc__
    assert kind.model_config["frozen"] is True
    schema = json.dumps(kind.model_json_schema(by_alias=True))
    assert '"number"' not in schema


def test_moments_are_utc_with_milliseconds_and_survive_a_round_trip() -> None:
    berlin = dt.timezone(dt.timedelta(hours=2))
    assert rfc3339(MOMENT) == "2026-03-29T01:30:00.123Z"
    assert rfc3339(MOMENT.astimezone(berlin)) == rfc3339(MOMENT)
    now = utc_now()
    assert dt.datetime.fromisoformat(rfc3339(now)) == now


def test_severities_are_ordered() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == [Severity.INFO, Severity.WARNING, Severity.ERROR]
