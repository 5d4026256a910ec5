"""Every rule says what its cases say it must, and has the cases that a rule must have.

A file `cases/<slug>.sql` holds cases; each begins with `-- case: …` (`-- case (near miss): …`) and may say: `-- finds:`
the objects (comma-separated), how many findings, `0`, or `skip`; `-- says:` and `-- silent:` what the detail of each
finding must and must not hold, `-- fix:` what its fix must; `-- unfixed:` the objects that have none; `-- severity:`;
`-- server:` the least major; `-- today:`; and `-- policy:` one line of `dbops.toml`. What no transaction can plant,
such as the server's counters, is put in place of what was read by `-- rows: <read> [[…], …]`, in JSON; a name stands
for the OID of a table or an index. The rest is SQL, run in a transaction that is rolled back.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest

from dbops.checks.catalog import Catalog, Index, Relation
from dbops.checks.catalog.rows import ROW_CLASSES
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from dbops.checks.policy import Policy
    from dbops.connection.server import ScratchServer
    from dbops.model import Check

CASES = Path(__file__).parent / "cases"

_CASE = re.compile(r"^-- case(?P<near> \(near miss\))?: (?P<title>.+)$", re.MULTILINE)
_HEADER = re.compile(r"^-- (finds|says|silent|fix|unfixed|severity|server|today|policy|rows): ?(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    slug: str
    title: str
    near_miss: bool
    finds: str
    headers: tuple[tuple[str, str], ...]
    sql: str

    @property
    def fires(self) -> bool:
        return self.finds not in {"0", "skip"}

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for header, value in self.headers if header == name)

    def one(self, name: str, default: str = "") -> str:
        return next(iter(self.all(name)), default)

    @property
    def policy(self) -> str:
        return "\n".join(self.all("policy"))

    def skip_before(self, major: int) -> None:
        """Skip the test where the server is too old for the case."""
        if major < int(self.one("server", "0")):
            pytest.skip(f"needs PostgreSQL {self.one('server')}")

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Run the statements of the case."""
        self.skip_before(connection.info.server_version // 10_000)
        connection.execute(self.sql.encode())


def cases_of(slug: str) -> list[Case]:
    """Return the cases of one rule, none if it has no file."""
    path = CASES / f"{slug}.sql"
    if not path.exists():
        return []
    text = path.read_text()
    starts = [*_CASE.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return [_case(slug, start, text[start.end() : end]) for start, end in zip(starts, ends, strict=True)]


def _case(slug: str, start: re.Match[str], body: str) -> Case:
    headers = tuple(_HEADER.findall(body))
    [finds] = [value for name, value in headers if name == "finds"]
    return Case(slug, start["title"], bool(start["near"]), finds, headers, _HEADER.sub("", body).strip())


def all_cases() -> list[Case]:
    """Return the cases of every file, whatever rules there are."""
    return [case for path in sorted(CASES.glob("*.sql")) for case in cases_of(path.stem)]


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.slug}: {case.title}")
def test_a_rule_finds_what_its_case_says(
    case: Case, server: ScratchServer, snapshot_after: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    case.skip_before(server.binaries.major)
    today = case.one("today")
    policy = policy_of(case.policy, dt.date.fromisoformat(today) if today else None)
    catalog = with_rows(snapshot_after(case.sql, policy), case.all("rows"))
    checks = {check.check: check for check in run_rules(catalog, policy)}
    assert {check.check: check.reason for check in checks.values() if check.status is CheckStatus.ERROR} == {}
    check = checks[case.slug]
    assert case.finds == found(case, check)
    for finding in check.findings:
        assert [text for text in case.all("says") if text not in finding.detail] == [], finding.detail
        assert [text for text in case.all("silent") if text in finding.detail] == [], finding.detail
        assert [text for text in case.all("fix") if text not in (finding.fix or "")] == [], finding.fix
        assert case.one("severity", finding.severity) == finding.severity
    if unfixed := case.one("unfixed"):
        assert unfixed == ", ".join(finding.object for finding in check.findings if finding.fix is None)


def with_rows(catalog: Catalog, headers: tuple[str, ...]) -> Catalog:
    """Return the catalog with other rows for the reads that the headers name."""
    oids = {relation.name: relation.oid for relation in catalog.rows(Relation)}
    oids |= {index.name: index.oid for index in catalog.rows(Index)}
    replaced = dict(catalog._rows)
    for header in headers:
        name, _, rows = header.partition(" ")
        kind = ROW_CLASSES[name]
        is_number = [hint is int for hint in get_type_hints(kind).values()]
        replaced[kind] = tuple(
            kind(*(oids[v] if number and isinstance(v, str) else v for v, number in zip(row, is_number, strict=True)))
            for row in json.loads(rows)
        )
    return Catalog(catalog.server, replaced, catalog._failures)


def found(case: Case, check: Check) -> str:
    """Return what a check found, in the words of the case."""
    if check.status is CheckStatus.SKIP:
        return "skip"
    if case.finds.isdigit():
        return str(len(check.findings))
    return ", ".join(finding.object for finding in check.findings)


@pytest.mark.parametrize("slug", rules())
def test_every_rule_has_a_firing_a_silent_and_a_near_miss_case(slug: str) -> None:
    cases = cases_of(slug)
    kinds = {
        "fires": any(case.fires for case in cases),
        "silent": any(not case.fires and not case.near_miss for case in cases),
        "near miss": any(case.near_miss for case in cases),
    }
    assert kinds == {"fires": True, "silent": True, "near miss": True}


def test_every_case_file_belongs_to_a_rule() -> None:
    assert sorted({path.stem for path in CASES.glob("*.sql")} - rules().keys()) == []
