"""Every error dbops raises on purpose, and the exit code each one becomes.

A message says what was looked for and where; a hint says what to type next. Neither may hold a secret: callers redact
text of foreign origin (libpq, programs) before it gets here. Exit codes are stable API; the README lists them.
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar


class ExitCode(enum.IntEnum):
    """What a process of dbops answers to its caller."""

    PASS = 0
    FAIL = 1  # the answer is no: findings, an objective missed, damage found
    USAGE = 2  # the command line or the configuration is wrong
    UNABLE = 3  # could not be carried out, or inconclusive
    EVIDENCE_BROKEN = 4
    EVIDENCE_NOT_KEPT = 5
    BUG = 70
    LOCKED = 75


# Several at once: the gravest speaks. Evidence first, since a verdict counts only when its record is durable.
PRECEDENCE = (
    ExitCode.EVIDENCE_NOT_KEPT,
    ExitCode.EVIDENCE_BROKEN,
    ExitCode.FAIL,
    ExitCode.UNABLE,
    ExitCode.PASS,
)


class DbopsError(Exception):
    """Base of all deliberate errors: `message` for what happened, `hint` for what to type next.

    `report` is set by an evidence run that this error ended: the sealed report of the failure.
    """

    exit_code: ClassVar[int] = ExitCode.UNABLE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.report: Any = None


class UsageError(DbopsError):
    """The command line asks for something that does not exist or does not go together."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """A configuration file or variable is unreadable, unknown or out of range."""


class NoTargetError(UsageError):
    """No database is named anywhere: not a mistake to a command that can do without one."""


class UnavailableError(DbopsError):
    """Something outside dbops that the job needs is not there; the job could not be carried out."""


class ConnectionFailedError(UnavailableError):
    """PostgreSQL could not be reached, or refused the session."""


class PrivilegeError(UnavailableError):
    """The role lacks a privilege; the hint holds the GRANT."""


class ProgramMissingError(UnavailableError):
    """A client or server program is not installed, or too old for the server."""


class ProgramFailedError(UnavailableError):
    """A program ran and failed; the message quotes its own words, redacted."""


class DeadlineError(UnavailableError):
    """A wall-clock deadline passed; what was running has been ended."""


class TimeLimitError(DeadlineError):
    """The time limit of the whole command passed: nothing more of it is begun."""


class DamageError(DbopsError):
    """A backup or archive is not what its checksum or manifest says."""

    exit_code = ExitCode.FAIL


class EvidenceBrokenError(DbopsError):
    """Kept evidence does not verify."""

    exit_code = ExitCode.EVIDENCE_BROKEN


class EvidenceNotKeptError(DbopsError):
    """Evidence could not be made durable: unsafe, full or unwritable log directory."""

    exit_code = ExitCode.EVIDENCE_NOT_KEPT


class LockedError(DbopsError):
    """Another run holds the lock; the message names the holder."""

    exit_code = ExitCode.LOCKED


class StoppedError(DbopsError):
    """A signal ended the run; everything it had started has been cleaned up."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}", hint="nothing was left behind; run the command again")
        self.signal_number = signal_number
