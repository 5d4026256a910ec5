"""Reports to render: one of each kind of answer, and names chosen to do harm."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import pytest

from dbops.evidence.judge import judge
from dbops.model import (
    Artifact,
    Changes,
    Check,
    CheckStatus,
    Finding,
    Location,
    Objective,
    ObjectiveStatus,
    Problem,
    Report,
    Severity,
    Step,
    TargetInfo,
    Tool,
    Verdict,
    Waiver,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeReport = Callable[..., Report]
    MakeFinding = Callable[..., Finding]

STARTED = dt.datetime(2026, 3, 1, 2, 0, tzinfo=dt.UTC)
FINISHED = STARTED + dt.timedelta(seconds=90)

HOSTILE = {
    "line-break": "evil\nname",
    "carriage-return": "evil\r\n::stop-commands::x",
    "cdata-end": "]]><failure/>",
    "command": "::error file=/etc/passwd::x",
    "old-command": "##[error]x",
    "encoded": "%0A::warning::x%25",
    "properties": "a,b:c=d,title=e",
    "escapes": "\x1b[31mred\x1b[0m\x07\x00\x08",
    "backticks": "```sql\n``` `a` ````",
    "pipes": "a|b\\|c",
    "html": "<script>alert(1)</script><!-- &lt; -->",
    "link": "[click](https://evil.example) ![x](https://evil.example)",
    "placeholder": "{0} {{1}}",
    "forge": "@admin #1 https://evil.example www.evil.example :boom: GH-1 deadbeefcafe",
    "heading": "# owned",
    "rule": "---",
    "bidi": "a\u202egnp.exe\u200b\ufeff",
    "astral": "\U0001f600 \U0001d54f \u00e9",
    "noncharacter": "\ufffe\uffff",
    "quotes": 'it\'s "quoted" \\ back',
    "label": 'a"} 1\ndbops_fake{x="y"} 2',
}
SURROGATE = "lone \ud800 and \udcff"


def finding_of(name: str = "public.orders", **values: object) -> Finding:
    given = {
        "rule": "fk-without-index",
        "severity": Severity.ERROR,
        "object": name,
        "detail": f"no index for {name}",
        "why": "deletes of the parent read the whole table",
        "fingerprint": hashlib.sha256(name.encode(errors="replace")).hexdigest(),
    }
    return Finding.model_validate({**given, **values})


def report_of(*checks: Check, **values: object) -> Report:
    given = {
        "command": "audit",
        "run_id": "20260301T020000Z-abcdef",
        "verdict": Verdict.PASS,
        "exit_code": 0,
        "started_at": STARTED,
        "finished_at": FINISHED,
        "duration_ms": 90_000,
        "host": "runner",
        "target": TargetInfo(host="db", port=5432, database="erp", user="auditor", server_version="15.18 (Debian)"),
        "tools": (Tool(name="dbops", version="9.8.7"),),
        "checks": checks,
    }
    return judge(Report.model_validate({**given, **values}))


def nasty_report(name: str) -> Report:
    """A report with `name` wherever a text can come from a database, a file name or a program."""
    waiver = Waiver(reason=name, owner=name, expires=dt.date(2027, 1, 1))
    sql = f'drop index concurrently "{name}";'
    statements = {"verify": sql, "fix": sql, "undo": sql, "locks": name, "location": Location(file=name, line=3)}
    standing = finding_of(name, detail=name, why=name, **statements)
    expected = finding_of(f"{name} 2", rule="expected-index-missing", detail=name, why=name, expectation=name)
    accepted = finding_of(f"{name} 3", waived=waiver, **statements)
    part = report_of(
        Check(check="fk-without-index", status=CheckStatus.FAIL, title=name, findings=(standing, accepted)),
        Check(check="expected-index-missing", status=CheckStatus.FAIL, findings=(expected,)),
        Check(check="slow-query", status=CheckStatus.SKIP, reason=name, remedy=name),
        Check(check="invalid-index", status=CheckStatus.ERROR, reason=name),
        Check(check="restore-errors", status=CheckStatus.FAIL, reason=name),
        target=TargetInfo(host=name, port=5432, database=name, user=name, server_version=name, tls=name),
        steps=(Step(name=name, status=Verdict.FAIL, started_at=STARTED, duration_ms=1, exit_code=1, output=name),),
        objectives=tuple(
            Objective(id="rto", scenario=f"{name} {status}", status=status, value_ms=1, limit_ms=2, method=name)
            for status in ObjectiveStatus
        ),
        artifacts=(Artifact(path=name, sha256="0" * 64, bytes=1),),
        not_tested=(name,),
        notes=(name,),
        host=name,
        problem=Problem(message=name, hint=name),
        changes=Changes(since=name, new=(standing.fingerprint,)),
    )
    return report_of(command="suite", reports=(part,), not_tested=(name,), objectives=part.objectives)


@pytest.fixture
def make_report() -> MakeReport:
    """Return a judged report of an audit with these checks."""
    return report_of


@pytest.fixture
def make_finding() -> MakeFinding:
    """Return a finding about an object."""
    return finding_of


@pytest.fixture(params=[*HOSTILE, "surrogate"])
def name(request: pytest.FixtureRequest) -> str:
    """A name that does harm where it is not escaped."""
    return HOSTILE.get(request.param, SURROGATE)


@pytest.fixture
def nasty(name: str) -> Report:
    """Return a suite's report that holds such a name everywhere."""
    return nasty_report(name)


@pytest.fixture
def tame() -> Report:
    """Return the same report with a name that does no harm."""
    return nasty_report("public.orders")


@pytest.fixture
def mixed() -> Report:
    """Return a suite's report with one of each kind of answer."""
    audit = report_of(
        Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(finding_of(), finding_of("public.items"))),
        Check(
            check="expected-index-missing",
            status=CheckStatus.FAIL,
            title="A declared index is not there",
            findings=(
                finding_of(
                    "public.accounts",
                    rule="expected-index-missing",
                    expectation="account-code",
                    location=Location(file="ops/dbops.toml", line=12),
                    verify="select 1;",
                    fix="create index concurrently ix on public.accounts (code);",
                    undo="drop index concurrently public.ix;",
                    locks="share update exclusive",
                ),
                finding_of(
                    "public.sessions",
                    rule="expected-index-missing",
                    waived=Waiver(reason="small table", owner="dba", expires=dt.date(2027, 1, 1)),
                ),
            ),
        ),
        Check(
            check="unused-index", status=CheckStatus.FAIL, findings=(finding_of(severity="info", rule="unused-index"),)
        ),
        Check(check="no-primary-key", status=CheckStatus.PASS),
        Check(
            check="slow-query", status=CheckStatus.SKIP, reason="no pg_stat_statements", remedy="create extension ..."
        ),
        Check(check="invalid-index", status=CheckStatus.ERROR, reason="statement timeout"),
        changes=Changes(since="20260228T020000Z-abcdef", new=(finding_of().fingerprint,), unchanged=3),
    )
    drill = report_of(
        command="drill",
        restorability=Verdict.PASS,
        objectives=(
            Objective(
                id="rto",
                scenario="restore",
                status=ObjectiveStatus.MISSED,
                value_ms=5_400_000,
                limit_ms=3_600_000,
                method="timed",
            ),
            Objective(
                id="rpo", scenario="dumps", status=ObjectiveStatus.NOT_MEASURED, limit_ms=900_000, method="no archive"
            ),
        ),
        artifacts=(Artifact(path="run/contents.list", sha256="0" * 64, bytes=2048),),
        not_tested=("large objects",),
    )
    return report_of(
        command="suite",
        reports=(drill, audit),
        objectives=drill.objectives,
        not_tested=drill.not_tested,
        restorability=Verdict.PASS,
    )
