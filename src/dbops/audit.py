"""The audit: one read-only look at a database's catalog, held against what was declared and what goes wrong.

Costs a handful of round trips whatever the number of rules: the session, the snapshot, the plans of the statements in
it and of declared queries, no more. Slow logs are read before the session begins; what surrounds the database
(programs, kept drills) after it, and so are declared expressions that only a throw-away server can settle; then the
rules run. A catalog that was saved gives the same answers without a server. What it does not do: decide the verdict
(evidence), choose the rules (policy), or print.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dbops.checks.catalog import ExpectedPlan, ServerForm
from dbops.checks.catalog.pipeline import take_in
from dbops.checks.catalog.read import begin_catalog, read_catalog, with_plans, without_cycle_collection
from dbops.checks.catalog.saved import KIND, save_catalog
from dbops.checks.changes import answered_rules, changes_since, findings_of, previous_audit
from dbops.checks.declarations import AGAIN
from dbops.checks.exact import ask_server, open_questions
from dbops.checks.expected_plans import with_expected_plans
from dbops.checks.names import qualified
from dbops.checks.privileges import gaps
from dbops.checks.rule import rules
from dbops.checks.runner import needed_reads, run_arriving, run_rules, selected_rules
from dbops.checks.surroundings import looking_around, with_surroundings
from dbops.connection.session import read_only
from dbops.evidence.history import previous_reports
from dbops.model import Check, CheckStatus, TargetInfo, rfc3339, utc_now
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbops.checks.catalog import Catalog, LoggedStatement
    from dbops.checks.catalog.saved import SavedCatalog
    from dbops.checks.policy import Policy
    from dbops.checks.privileges import Gap
    from dbops.checks.surroundings import Surroundings
    from dbops.connection.target import Target
    from dbops.evidence.run import Run
    from dbops.model import Report

STATEMENT_TIMEOUT_SECONDS = 15.0
# One statement may take this part of a longer limit: of the usual two minutes those 15 seconds.
_STATEMENTS_SHARE = 1 / 8
# The check that is there only where relations had to be left out.
LEFT_OUT = "relations-locked"
# The rule that fails for a waiver whose day has passed.
_EXPIRED = "waiver-expired"
# So many resolved findings are named; the rest is counted.
_MOST_NAMED = 12


def audit(  # noqa: PLR0913  (each is a limit or an input of its own)
    target: Target,
    policy: Policy,
    run: Run,
    *,
    statement_timeout: float | None = None,
    deadline: float | None = None,
    slow_log: Sequence[Path] = (),
    around: Surroundings | None = None,
    save_to: Path | None = None,
    fix_to: Path | None = None,
    allow_superuser: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> None:
    """Audit `target` against `policy` and record everything in `run`; timeouts in seconds, `deadline` for all of it.

    Without a `statement_timeout` a statement may take 15 seconds, or an eighth of the `deadline` if that is longer.
    `slow_log` are log files of its server; without `around` the rules about what surrounds the database are skipped;
    `save_to` keeps everything that was read, for every rule, in a file; `fix_to` is where the script goes that mends
    what was found; `allow_superuser` lets declared queries be explained in a superuser's session; `meanwhile` is called
    while the server works. Raises UsageError for an unknown rule or a file that is no such log, before anything is
    opened, ConfigurationError for a declared expression or query that a server cannot parse, and what the session
    raises.
    """
    chosen = selected_rules(policy) if save_to is None else (*selected_rules(policy), *rules().values())
    wanted = needed_reads(chosen)
    if fix_to:
        from dbops.checks.fix_script import NEEDED

        wanted |= dict.fromkeys(NEEDED - wanted.keys(), 0)
    logged = _logged(slow_log, run) if slow_log else None
    with (
        looking_around(around, wanted),
        run.step("catalog"),
        read_only(target, statement_timeout=statement_timeout or _patience(deadline), deadline=deadline) as session,
    ):
        run.target = session.info()
        arriving = begin_catalog(session, wanted, logged=logged, meanwhile=meanwhile)
        with without_cycle_collection():
            answered = run_arriving(arriving, policy, wanted, between=partial(take_in, session.connection.pgconn))
        catalog = with_plans(session, arriving, wanted)
        if ExpectedPlan in wanted:
            catalog = with_expected_plans(session, catalog, policy, allow_superuser=allow_superuser)
    if around:
        with run.step("surroundings"):
            catalog = with_surroundings(catalog, around, run.target, now=run.clock.now(), wanted=wanted)
        if ServerForm in wanted:
            catalog = _with_server_forms(catalog, policy, around, run)
    if save_to:
        save_catalog(save_to, catalog, run.target, run.clock.now())
        run.note(f"everything that was read is saved in {save_to}; dbops audit --catalog {save_to} judges it again")
    checks = audit_catalog(catalog, policy, run, answered=answered, fix_to=fix_to)
    _tell_changes(run, run.target, checks, partly=bool(catalog.busy))


def _patience(deadline: float | None) -> float:
    """Return how long one statement may take: longer for who has given the whole longer."""
    return max(STATEMENT_TIMEOUT_SECONDS, (deadline or 0.0) * _STATEMENTS_SHARE)


def _with_server_forms(catalog: Catalog, policy: Policy, around: Surroundings, run: Run) -> Catalog:
    """Return the snapshot with what a throw-away server makes of declared expressions, where it needs to be asked."""
    questions = open_questions(catalog, policy)
    if not questions:
        return catalog
    with run.step("expressions") as step:
        asked = ask_server(catalog, questions, environ=around.environ, bindir=around.server_bindir)
        step.output = asked.said
    return asked.catalog


def replay(saved: SavedCatalog, policy: Policy, run: Run, *, fix_to: Path | None = None) -> None:
    """Hold a saved catalog against `policy`. The run is of the file: it counts as no audit of the database."""
    target = saved.target
    run.target = target.model_copy(update={"kind": KIND, "system_identifier": None})
    cluster = f" (cluster {target.system_identifier})" if target.system_identifier else ""
    run.note(
        f"this is what was read of the database{cluster} at {rfc3339(saved.saved_at)}, out of a file"
        f" (sha256 {saved.sha256}); the database itself was not asked"
    )
    audit_catalog(saved.catalog, policy, run, fix_to=fix_to)


def missing_privileges(
    target: Target, policy: Policy, *, deadline: float | None = None, around: Surroundings | None = None
) -> tuple[TargetInfo, tuple[Gap, ...]]:
    """Return what the role of `target` may not see, for each selected rule that would want to; nothing is recorded."""
    wanted = needed_reads(selected_rules(policy))
    with read_only(target, statement_timeout=_patience(deadline), deadline=deadline) as session:
        info = session.info()
        catalog = read_catalog(session, wanted)
    if around:
        catalog = with_surroundings(catalog, around, info, now=utc_now(), wanted=wanted)
    return info, gaps(catalog, policy)


def _logged(slow_log: Sequence[Path], run: Run) -> tuple[LoggedStatement, ...]:
    """Return the statements in slow logs, and note what could not be read of them."""
    from dbops.checks.slow_log import read_slow_log

    with run.step("slow log"):
        log = read_slow_log(slow_log)
    run.note(log.note())
    return log.statements


def audit_catalog(
    catalog: Catalog,
    policy: Policy,
    run: Run,
    *,
    answered: Mapping[str, Check] | None = None,
    fix_to: Path | None = None,
) -> tuple[Check, ...]:
    """Hold a snapshot against `policy`, wherever it comes from; record the results in `run`, and return them.

    `answered` are rules that were run already, while the snapshot arrived.
    """
    with run.step("rules"), without_cycle_collection():
        checks = run_rules(catalog, policy, done=answered)
        run.add_checks(*checks, *_left_out(catalog))
    if catalog.server.is_superuser:
        run.note(
            "the session is a superuser's: nothing was hidden from it, and a role with CONNECT would do"
            " (pg_monitor adds statistics)"
        )
    if unselected := sorted(rules().keys() - {rule.slug for rule in selected_rules(policy)}):
        run.not_tested(f"rules that were not run: {', '.join(unselected)}")
    _tell_baseline(run, policy, checks)
    _tell_expired(run, policy, checks)
    if fix_to:
        _write_fixes(fix_to, catalog, policy, checks, run)
    return checks


def _left_out(catalog: Catalog) -> Iterator[Check]:
    """Yield what no rule looked at as a check of its own: `--strict` does not pass over it."""
    if catalog.busy:
        busy = ", ".join(qualified(schema, name) for schema, name in catalog.busy)
        yield Check(
            check=LEFT_OUT,
            status=CheckStatus.SKIP,
            title="Every relation is looked at",
            reason=f"no rule looked at {busy}: another session has locked it against readers, or waits to",
            remedy=AGAIN,
        )


def _write_fixes(path: Path, catalog: Catalog, policy: Policy, checks: Sequence[Check], run: Run) -> None:
    """Write the script that mends what was found; the run keeps it too, as the archive of what it drops."""
    from dbops.checks.fix_script import fix_script, write_fixes

    with run.step("fixes"):
        script = fix_script(catalog, policy, checks)
        undo = write_fixes(script, path)
        write_fixes(script, run.directory / "fix.sql")
    left = f", leaves {script.left} and says why" if script.left else ""
    run.note(
        f"{path} mends {script.mended} of {counted(script.mended + script.left, 'finding')}{left}; {undo} undoes it"
    )


def _tell_baseline(run: Run, policy: Policy, checks: Sequence[Check]) -> None:
    if policy.baseline is None:
        return
    gone = policy.baseline.fingerprints - {finding.fingerprint for finding in findings_of(checks)}
    rest = f"; {len(gone)} of its findings were not found again, so a new baseline would hold less" if gone else ""
    run.note(f"what the run {policy.baseline.run_id} had found already is known, and fails nothing{rest}")


def _tell_expired(run: Run, policy: Policy, checks: Sequence[Check]) -> None:
    """Record the waivers that have expired where the rule that fails for them is ignored."""
    if policy.expired_waivers and _EXPIRED not in {check.check for check in checks}:
        names = ", ".join(f"{one.value.rule} {one.value.object}" for one in policy.expired_waivers)
        run.note(f"accepted no longer, though {_EXPIRED} is ignored: the waivers of {names} have expired")


def _tell_changes(run: Run, target: TargetInfo, checks: Sequence[Check], *, partly: bool) -> None:
    """Record what changed since the previous audit of this database that is kept beside this one."""
    if target.system_identifier is None:
        run.note("what changed since the last audit is not told: the server does not say which cluster it is")
        return
    kept = previous_reports(run.report_path.parent, target.system_identifier, target.database)
    previous = previous_audit(kept, target.kind)
    if previous is None:
        return
    run.changes = changes_since(previous, checks, partly=partly)
    asked = answered_rules(previous)
    if unasked := sum(finding.rule not in asked for finding in findings_of(checks)):
        run.note(
            f"neither new nor old are {unasked} of the findings: the run {previous.run_id} did not answer their rules"
        )
    if run.changes.resolved:
        run.note(f"resolved since {previous.run_id}: {_named(previous, run.changes.resolved)}")


def _named(previous: Report, fingerprints: Sequence[str]) -> str:
    found = {finding.fingerprint: finding for finding in findings_of(previous.checks)}
    names = [f"{found[mark].rule} {found[mark].object}" for mark in fingerprints[:_MOST_NAMED]]
    rest = len(fingerprints) - len(names)
    return ", ".join([*names, *([f"and {rest} more"] if rest else [])])
