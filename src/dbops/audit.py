"""The audit: one read-only look at a database's catalog, held against what was declared and what goes wrong.

Costs a handful of round trips whatever the number of rules: the session, the snapshot, the plans of the statements in
it, no more. Slow logs are read before the session begins; the rules run after it has ended. What it does not
do: decide the verdict (evidence), choose the rules (policy), or print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog.read import read_catalog
from dbops.checks.names import qualified
from dbops.checks.rule import rules
from dbops.checks.runner import needed_reads, run_rules, selected_rules
from dbops.checks.slow_log import read_slow_log
from dbops.connection.session import read_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dbops.checks.catalog import Catalog, LoggedStatement
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.evidence.run import Run

STATEMENT_TIMEOUT_SECONDS = 15.0


def audit(  # noqa: PLR0913  (each is a limit or an input of its own)
    target: Target,
    policy: Policy,
    run: Run,
    *,
    statement_timeout: float = STATEMENT_TIMEOUT_SECONDS,
    deadline: float | None = None,
    slow_log: Sequence[Path] = (),
) -> None:
    """Audit `target` against `policy` and record everything in `run`; timeouts in seconds, `deadline` for all of it.

    `slow_log` are log files of its server. Raises UsageError for an unknown rule or a file that is no such log, before
    anything is opened, and what the session raises.
    """
    chosen = selected_rules(policy)
    logged = _logged(slow_log, run) if slow_log else None
    with run.step("catalog"), read_only(target, statement_timeout=statement_timeout, deadline=deadline) as session:
        run.target = session.info()
        catalog = read_catalog(session, needed_reads(chosen), logged=logged)
    audit_catalog(catalog, policy, run)


def _logged(slow_log: Sequence[Path], run: Run) -> tuple[LoggedStatement, ...]:
    """Return the statements in slow logs, and note what could not be read of them."""
    with run.step("slow log"):
        log = read_slow_log(slow_log)
    run.note(log.note())
    return log.statements


def audit_catalog(catalog: Catalog, policy: Policy, run: Run) -> None:
    """Hold a snapshot against `policy`, wherever it comes from, and record the results in `run`."""
    with run.step("rules"):
        run.add_checks(*run_rules(catalog, policy))
    if catalog.server.is_superuser:
        run.note(
            "the session is a superuser's: nothing was hidden from it, and a role with CONNECT would do"
            " (pg_monitor adds statistics)"
        )
    if catalog.busy:
        busy = ", ".join(qualified(schema, name) for schema, name in catalog.busy)
        run.not_tested(f"relations that another session has locked against readers, or waits to: {busy}")
    if unselected := sorted(rules().keys() - {rule.slug for rule in selected_rules(policy)}):
        run.not_tested(f"rules that were not run: {', '.join(unselected)}")
