"""What a run that could not be carried out says: the problem in its report, and a report where there was no run."""

from __future__ import annotations

import secrets
import socket

from dbops import __version__
from dbops.errors import DbopsError, ExitCode, StoppedError
from dbops.evidence.judge import judge
from dbops.model import Problem, Report, Tool, Verdict, utc_now
from dbops.secrets import redact


def problem_of(error: BaseException | None) -> Problem | None:
    """Return an error as the problem of a report, redacted; what dbops did not raise itself is called internal."""
    match error:
        case None:
            return None
        case DbopsError():
            return Problem(message=redact(error.message), hint=redact(error.hint) if error.hint else None)
        case KeyboardInterrupt():
            return problem_of(StoppedError(2))
        case _:
            return Problem(
                message=redact(f"internal error: {type(error).__name__}: {error}"),
                hint="this is a defect of dbops: please report it with what DBOPS_DEBUG=1 prints",
            )


def report_without_run(command: str, error: BaseException | None = None) -> Report:
    """Return the report of a command that only looked, or ended before it could become a run: nothing of it is kept."""
    now = utc_now()
    draft = Report(
        command=command,
        run_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        verdict=Verdict.INCONCLUSIVE,
        exit_code=int(ExitCode.UNABLE),
        started_at=now,
        finished_at=now,
        duration_ms=0,
        host=socket.gethostname(),
        tools=(Tool(name="dbops", version=__version__),),
        problem=problem_of(error),
    )
    return judge(draft, error)
