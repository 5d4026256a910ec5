"""`dbops audit --slow-log`: a log that is read is noted, one that is none is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target


def test_a_slow_log_is_read_and_its_statements_are_findings(
    dbops: Callable[..., Any], url_of: Callable[..., str], database: Target, tmp_path: Path
) -> None:
    entry = {
        "timestamp": "2026-11-22 09:10:11.123 UTC",
        "user": "erp_app",
        "dbname": database.database,
        "message": "duration: 1500.250 ms  statement: select * from orders where note = 'secret'",
    }
    log = tmp_path / "postgresql.json"
    log.write_text(3 * (json.dumps(entry) + "\n"), encoding="utf-8")
    answered = dbops("audit", "--database-url", url_of(database), "--select", "slow-query", "--slow-log", log, "--json")
    [check] = answered.report["checks"]
    [finding] = check["findings"]
    assert finding["detail"].startswith("100% of the time in the slow log, 3 executions of 1,500 ms on average")
    assert finding["detail"].endswith("select * from orders where note = $1")
    assert "slow log: 3 entries, 3 executions of 1 statement" in answered.report["notes"]
    assert "secret" not in answered.out


def test_a_file_that_is_no_such_log_is_a_usage_error(
    dbops: Callable[..., Any], url_of: Callable[..., str], database: Target, tmp_path: Path
) -> None:
    log = tmp_path / "postgresql.log"
    log.write_text("2026-11-22 09:10:11.123 UTC [42] LOG:  duration: 1.0 ms  statement: select 1\n", encoding="utf-8")
    answered = dbops("audit", "--database-url", url_of(database), "--slow-log", log)
    assert answered.code == 2
    said = " ".join(answered.err.split())
    assert f"{log} is neither a jsonlog nor a csvlog" in said
    assert "set log_destination to jsonlog (PostgreSQL 15 and later) or csvlog" in said
