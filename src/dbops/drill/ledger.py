"""What went wrong while an archive was restored, by the log of the server it was restored into.

Each error is one JSON object there, with its SQLSTATE and statement, however many workers ran. Every one is put into a
class, and what is in none of the explained ones fails the drill. Rules, in order:

1. Superuser only: a known refusal of something only a superuser can create. Not restored, and said so.
2. Follower: about an object that rule 1 has kept from existing.
3. Rights to what belongs to an extension or to PostgreSQL itself, or to a member that another version of the extension
   has with other arguments. They are the superuser's to give; not restored, and said so.
4. Noise: a right that could not be changed on what belongs to an extension or to PostgreSQL itself; a parameter that a
   newer pg_restore sets and an older server does not know.
5. Plain: a materialized view that could not be refreshed the way any pg_restore does it, and could in another.
6. Of the target: it lacks something (a locale, ICU, a dictionary's file) or ran out of something (disk, memory, locks),
   and what follows from that. It says nothing about the backup: where nothing else is wrong, the drill is inconclusive.
7. Everything else is genuine: this backup does not restore.

A line of pg_restore that has no partner in the log is genuine as well, and so is a program that failed without one.
Evidence holds no rows: messages are kept, details and contexts (which quote them) are not.
"""

from __future__ import annotations

import json
import re
import secrets as random_tokens
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbops.errors import DeadlineError, UnavailableError
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from dbops.drill.copy import Copy
    from dbops.drill.passes import Said

_SEVERITIES = frozenset({"ERROR", "FATAL", "PANIC"})
_MARK_SECONDS = 10.0
_POLL_SECONDS = 0.005
# More than these are counted, not kept: code in an archive can raise errors in a loop.
_MOST = 1000

_SUPERUSER_ONLY = tuple(
    re.compile(pattern)
    for pattern in (
        r"only superuser can define a leakproof function",
        r"permission denied for language ",
        r"must be superuser to create (?:an operator class|an operator family|a base type|an access method)",
        r"must be superuser to alter an operator family",
        r"must be superuser to create text search (?:templates|parsers)",
        r"must be superuser to create FOR ALL TABLES publication",
        r"must be superuser to (?:create FOR TABLES IN SCHEMA publication|add or set schemas)",
        r"must be superuser to specify a support function",
        r"must be superuser to create a cast WITHOUT FUNCTION",
        r"must be owner of type .+ or type ",
        r"must be superuser to create custom procedural language",
        r"permission denied to create (?:foreign-data wrapper|access method|event trigger) ",
        r"permission denied to create subscription",
        r"permission denied to change owner of (?:foreign-data wrapper|event trigger) ",
        r'permission denied to set parameter "',
    )
)
# Another state, since it is about a word: what was made with a method of a superuser's is a heap here.
_NO_METHOD = re.compile(r'invalid value for parameter "default_table_access_method": "(?P<name>[^"]+)"')
_NAME = r'(?:"(?:[^"]|"")+"|[^\s(".;]+)'
_RIGHTS_TO = re.compile(
    rf"^\s*(?:GRANT|REVOKE) .+? ON (?P<what>(?:(?:[A-Z]+ )+)?(?:(?P<schema>{_NAME})\.)?(?P<name>{_NAME}))"
)
_OF_POSTGRESQL = frozenset({"pg_catalog", "information_schema"})
_CREATED = re.compile(
    r"^\s*CREATE (?:OR REPLACE |CONSTRAINT |UNIQUE |TRUSTED |DEFAULT )*"
    r"(?P<kind>FUNCTION|PROCEDURE|OPERATOR CLASS|OPERATOR FAMILY|TYPE|TEXT SEARCH \w+|PUBLICATION|FOREIGN DATA WRAPPER"
    r"|ACCESS METHOD|LANGUAGE)\s+(?P<name>(?:\"(?:[^\"]|\"\")+\"|[^\s(\".]+)(?:\.(?:\"(?:[^\"]|\"\")+\"|[^\s(\".]+))?)"
)
_RIGHTS_STATES = frozenset({"42501", "42883", "42P01", "42704"})
_NOT_THERE = frozenset({"42704", "42883", "42P01", "3F000"})
# dbops itself ends lingering sessions between the passes, before a superuser enters.
_SHOWN_OUT = "57P01"
_NOISE = (
    re.compile(r'unrecognized configuration parameter "transaction_timeout"'),
    re.compile(r"no privileges (?:were granted|could be revoked)"),
)
# Of the server that was restored into, with their states: it was not built, installed or configured for this.
_LACKING = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:22023|42704) could not create locale ",
        r"(?:22023|XX000|58P01) could not open collator for locale ",
        r"22023 ICU locale ",
        r"0A000 ICU is not supported in this build",
        r"0A000 compression method lz4 not supported",
        r"(?:0A000|58P01) (?:extension .* is not available|could not open extension control file )",
        r"58P01 could not access file ",
        r"(?:F0000|58P01) could not open (?:dictionary|stop-word|affix|thesaurus|synonym|\S*) ?file ",
    )
)
# Class 53: no disk, no memory, no locks, no connections.
_STARVED = "53"
# Not a state of PostgreSQL's: a process of it was killed from outside, by the kernel for want of memory, say.
_OF_KILLED = "KILL9"
# After one of these the server is not what it was: what else went wrong may have gone wrong for that.
_BRINGS_DOWN = frozenset({_OF_KILLED, "53100"})
_REFRESH = "REFRESH MATERIALIZED VIEW "
_KILLED = re.compile(r"server process \(PID \d+\) was terminated by signal 9\b")
_MADE = re.compile(
    r"^\s*CREATE (?:OR REPLACE |UNIQUE |UNLOGGED |FOREIGN )*(?:\w+ )*?"
    r"(?:TABLE|VIEW|INDEX|SEQUENCE|COLLATION|TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|DICTIONARY|CONFIGURATION)\s+"
    r"(?P<name>(?:\"(?:[^\"]|\"\")+\"|[^\s(\".]+)(?:\.(?:\"(?:[^\"]|\"\")+\"|[^\s(\".;]+))?)"
)
_IN_STDERR = re.compile(r"(?:ERROR|FATAL|PANIC): +(.*)")


@dataclass(frozen=True, slots=True)
class Failure:
    """One error: its SQLSTATE, its message, the beginning of the statement and the phase it belongs to."""

    state: str
    message: str
    statement: str
    phase: str

    def words(self) -> str:
        """Return it in one line, without what a message quotes of a value."""
        message = self.message
        if self.state.startswith("22"):
            # "invalid input syntax for type integer: "x"": what follows the colon may be somebody's data.
            message = message.partition(":")[0]
        return redact(f"{self.state} {message}")


_TOO_MANY = Failure("-----", f"there are more than {_MOST} errors; the rest was not looked at", "", "")


@dataclass(slots=True)
class Ledger:
    """All that went wrong, by class; `names` are the objects that only a superuser could have created."""

    genuine: list[Failure] = field(default_factory=list)
    superuser_only: list[Failure] = field(default_factory=list)
    followers: list[Failure] = field(default_factory=list)
    rights: list[Failure] = field(default_factory=list)
    plain: list[Failure] = field(default_factory=list)
    of_target: list[Failure] = field(default_factory=list)
    noise: int = 0
    names: set[str] = field(default_factory=set)

    def refuse_to_judge(self) -> None:
        """Raise UnavailableError where the target is to blame: it came down, or else nothing but it is wrong."""
        down = any(one.state in _BRINGS_DOWN for one in self.of_target)
        if down or (self.of_target and not self.genuine):
            said = list(dict.fromkeys(one.words() for one in self.of_target))
            more = f" (and {len(said) - 3} more)" if len(said) > 3 else ""
            raise UnavailableError(
                f"the server that was restored into could not take the archive: {'; '.join(said[:3])}{more}",
                hint="this says nothing about the backup: give the server what it lacks (locales, dictionaries, disk,"
                " memory), or name another one with --target-bindir",
            )

    def not_restored(self) -> list[str]:
        """Return what is missing on the copy for want of a superuser, in words."""
        found = {f"{_subject(one)}: {one.message} (superuser only)" for one in self.superuser_only}
        found |= {f"rights to {named['what']}" for one in self.rights if (named := _RIGHTS_TO.match(one.statement))}
        return sorted(found)


def log_position(copy: Copy) -> int:
    """Return how far the log of the copy's server has got, in bytes: what stands before is none of the archive's."""
    _, position = _read_until(copy.server.log_path, 0, _mark(copy))
    return position


def read_ledger(copy: Copy, said: Sequence[Said], *, since: int) -> Ledger:
    """Return what the log of the copy's server holds from a position on, judged together with what pg_restore said.

    Raises DeadlineError when the log does not come to rest.
    """
    failures, _ = _read_until(copy.server.log_path, since, _mark(copy))
    return judge(failures, said, copy.extension_members())


def _mark(copy: Copy) -> str:
    mark = f"dbops-mark-{random_tokens.token_hex(8)}"
    copy.mark_log(mark)
    return mark


def judge(failures: Iterable[Failure], said: Sequence[Said], members: Collection[str] = ()) -> Ledger:
    """Put every failure into its class; see the module for the rules.

    `members` are the names of what belongs to extensions of the copy.
    """
    ledger = Ledger()
    messages = set()
    followers: list[Failure] = []
    trials = {one.phase for one in said if one.trial}
    for one in failures:
        if one.state == _SHOWN_OUT:
            # Not among the messages: a line of pg_restore that says the same stays without a partner.
            ledger.noise += 1
            continue
        messages.add(one.message)
        if any(pattern.match(one.message) for pattern in _NOISE):
            ledger.noise += 1
        elif one.phase in trials and one.statement.startswith(_REFRESH):
            ledger.plain.append(one)
        elif _is_of_target(one):
            ledger.of_target.append(one)
        elif _is_superuser_only(one):
            ledger.superuser_only.append(one)
            ledger.names.update(_names(one))
        elif _is_right_of_others(one, members):
            ledger.rights.append(one)
        else:
            (followers if one.state in _NOT_THERE else ledger.genuine).append(one)
    lost: list[Failure] = []
    for one in followers:
        follows = any(name in one.message or name in one.statement for name in ledger.names)
        (ledger.followers if follows else lost).append(one)
    ledger.genuine += _without_consequences(lost, ledger.of_target)
    ledger.genuine += _unpaired(said, messages)
    return ledger


def _is_superuser_only(one: Failure) -> bool:
    if one.state == "22023":
        return _NO_METHOD.match(one.message) is not None
    return one.state == "42501" and any(pattern.match(one.message) for pattern in _SUPERUSER_ONLY)


def _is_right_of_others(one: Failure, members: Collection[str]) -> bool:
    """Tell whether a grant or revoke is about what belongs to PostgreSQL or to an extension of the copy."""
    if one.state not in _RIGHTS_STATES:
        return False
    found = _RIGHTS_TO.match(one.statement)
    return found is not None and (found["schema"] in _OF_POSTGRESQL or _unquoted(found["name"]) in members)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _is_of_target(one: Failure) -> bool:
    words = f"{one.state} {one.message}"
    return one.state.startswith(_STARVED) or one.state == _OF_KILLED or any(look.match(words) for look in _LACKING)


def _without_consequences(lost: list[Failure], of_target: list[Failure]) -> list[Failure]:
    """Move what follows from the target's own failures to those, and return the rest.

    What was to be made and was not is missed by others, which are missed in their turn. This only ever keeps a drill
    from a verdict; it never makes one pass.
    """
    missing = {name for one in of_target for name in _made(one)}
    while caught := [one for one in lost if any(name in one.message or name in one.statement for name in missing)]:
        of_target += caught
        missing |= {name for one in caught for name in _made(one)}
        lost = [one for one in lost if one not in caught]
    return lost


def _made(one: Failure) -> Iterator[str]:
    made = _MADE.match(one.statement)
    if made:
        yield made["name"]


def _unpaired(said: Sequence[Said], messages: set[str]) -> Iterator[Failure]:
    """Yield what pg_restore complained of and the server did not."""
    for one in said:
        if one.trial:
            continue
        found = [line for line in one.errors if not _is_paired(line, messages)]
        for line in found:
            yield Failure("-----", f"pg_restore: {line}", "", one.phase)
        if one.exit_code not in {0, 1}:
            yield Failure("-----", f"pg_restore ended with {one.exit_code}", "", one.phase)
        elif one.exit_code == 1 and not one.errors and not messages:
            yield Failure("-----", "pg_restore failed without saying why", "", one.phase)


def _is_paired(line: str, messages: set[str]) -> bool:
    found = _IN_STDERR.search(line)
    # A message of several lines stands in the log as a whole, in stderr cut at its first line break.
    return found is not None and any(message.split("\n")[0] == found[1] for message in messages)


def _names(one: Failure) -> Iterator[str]:
    created = _CREATED.match(one.statement)
    if created:
        yield created["name"]


def _subject(one: Failure) -> str:
    created = _CREATED.match(one.statement)
    return f"{created['kind'].lower()} {created['name']}" if created else one.statement.partition("\n")[0][:80]


def _read_until(path: Path, position: int, mark: str) -> tuple[list[Failure], int]:
    """Return the errors that a log holds from `position` up to the line with `mark`, and where that line ends."""
    failures: list[Failure] = []
    end = time.monotonic() + _MARK_SECONDS
    with path.open("rb") as log:
        log.seek(position)
        pending = b""
        while True:
            pending += log.readline()
            if not pending.endswith(b"\n"):
                if time.monotonic() > end:
                    raise DeadlineError(f"the scratch server's log did not come to rest within {_MARK_SECONDS:g} s")
                time.sleep(_POLL_SECONDS)
                continue
            entry = json.loads(pending.decode(errors="replace"))
            pending = b""
            if entry.get("message") == mark and entry.get("error_severity") == "LOG":
                return failures, log.tell()
            if _KILLED.match(str(entry.get("message"))):
                failures.append(Failure(_OF_KILLED, str(entry["message"]), "", ""))
            elif entry.get("error_severity") in _SEVERITIES and len(failures) <= _MOST:
                failures.append(_failure(entry) if len(failures) < _MOST else _TOO_MANY)


def _failure(entry: dict[str, Any]) -> Failure:
    return Failure(
        state=str(entry.get("state_code", "")),
        message=str(entry.get("message", "")),
        statement=_without_comments(str(entry.get("statement", ""))),
        phase=str(entry.get("application_name", "")).removeprefix("dbops "),
    )


def _without_comments(statement: str) -> str:
    """Return a statement without the comment block that pg_dump puts before it."""
    lines = statement.split("\n")
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        lines.pop(0)
    return "\n".join(lines)
