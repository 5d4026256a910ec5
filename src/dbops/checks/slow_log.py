"""Slow statements out of a server's log: read once, line by line, added up by statement, values taken out at once.

Read are jsonlog and csvlog, also gzipped: what `log_min_duration_statement` and its sampling log (`duration: … ms
statement: …`, or `execute <name>: …`), and plans of auto_explain in each of its formats. Memory stays flat however long
the log: a statement is one entry, of the entries only the heaviest are kept, and of a line nothing but its statement.
The rules: nothing of a value is kept, so DETAIL with its parameters is not even looked at; a line that cannot be read
is counted and passed over; what parse and bind took is not an execution; where a server logs an execution both by
threshold and by auto_explain, it counts once. What it does not do: follow a log, or read the plain-text format, where
a line does not say where its statement ends.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import html
import io
import itertools
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from dbops.checks.catalog.rows.queries import LoggedStatement
from dbops.checks.statements import normalise
from dbops.errors import UsageError
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

# Beyond this a line is no statement that anybody would read: it is counted and passed over.
MAX_LINE_CHARACTERS = 16 * 1024 * 1024
# Only so much of a statement is looked at; what generates longer ones repeats itself.
MAX_STATEMENT_CHARACTERS = 64 * 1024
# How many different statements are kept. The others took less time, each, than any of these.
MAX_STATEMENTS = 5_000

_MESSAGE = re.compile(
    r"duration: (?P<ms>\d+(?:\.\d+)?) ms(?:  (?P<kind>statement|plan|(?:execute|parse|bind) [^:]*):\s?(?P<text>.*))?",
    re.DOTALL,
)
_PLAN_BEGINS = re.compile(r"^(?:Query Parameters: |Query Identifier: |\S[^\n]*\(cost=)", re.MULTILINE)
_TEXT_BEGINS = "Query Text: "
_XML_TEXT = re.compile(r"<Query-Text>(.*?)</Query-Text>", re.DOTALL)
_YAML_TEXT = re.compile(r'Query Text: ("(?:[^"\\]|\\.)*")\s*\n')

# Columns of csvlog, which every version from 13 on begins with.
_CSV_USER, _CSV_DATABASE, _CSV_MESSAGE, _CSV_APPLICATION, _CSV_LEAST = 1, 2, 13, 22, 23
_CSV_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_GZIP_MAGIC = b"\x1f\x8b"
_OURS = ("dbops", "pg_dump", "pg_restore")

# Values where nothing else can stand: texts that agree in all else are one statement, and need be taken apart once.
_VALUE = re.compile(r"'(?:[^'\\]++|'')*+'|(?<=[=<>])( ?)-?\d+(?:\.\d+)?\b")
_CACHED_CHARACTERS = 4096
_CACHED_STATEMENTS = 4096
_DECEPTIVE = re.compile(r"\$\w*\$|--|/\*|\\")


@dataclass(frozen=True, slots=True)
class SlowLog:
    """What the logs said: the statements, the heaviest first, and what could not be made use of."""

    statements: tuple[LoggedStatement, ...]
    lines: int
    unreadable: int
    without_text: int
    forgotten: int

    def note(self) -> str:
        """Return a sentence for the report."""
        calls = sum(statement.calls for statement in self.statements)
        said = (
            f"slow log: {counted(self.lines, 'entry', 'entries')}, {counted(calls, 'execution')} of"
            f" {counted(len(self.statements), 'statement')}"
        )
        left = [
            f"{number:,} {what}"
            for number, what in (
                (self.unreadable, "entries could not be read"),
                (self.without_text, "durations came without their statement"),
                (self.forgotten, "statements with little time were left out"),
            )
            if number
        ]
        if not calls:
            left.append("no line holds a duration in English: see log_min_duration_statement and lc_messages")
        return "; ".join((said, *left))


def read_slow_log(paths: Sequence[Path]) -> SlowLog:
    """Return what is in log files together; UsageError for a file that cannot be read or is no jsonlog or csvlog."""
    total = _Tally()
    for path in paths:
        try:
            with _opened(path) as file:
                for entry in _entries(file, total):
                    total.add(entry)
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"--slow-log {path}: {reason}") from error
        except _OtherFormatError:
            raise UsageError(
                f"--slow-log {path} is neither a jsonlog nor a csvlog",
                hint="set log_destination to jsonlog (PostgreSQL 15 and later) or csvlog; the plain text format does"
                " not say where a statement ends",
            ) from None
    return total.result()


class _OtherFormatError(ValueError):
    """The file is a log of another format, or none."""


class _Entry(NamedTuple):
    """What of a log line matters."""

    database: str
    user: str
    application: str
    message: str


# Reading lines


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        source = gzip.GzipFile(fileobj=raw) if packed else raw
        # newline="": csv wants to see the ends of lines inside a field as they are.
        with io.TextIOWrapper(cast("IO[bytes]", source), encoding="utf-8", errors="replace", newline="") as file:
            yield file


def _entries(file: IO[str], total: _Tally) -> Iterator[_Entry]:
    lines = _lines(file, total)
    first = next(lines, "")
    if not first:
        return
    everything = itertools.chain([first], lines)
    if first.lstrip().startswith("{"):
        yield from _of_jsonlog(everything, total)
    else:
        yield from _of_csvlog(everything, total)


def _lines(file: IO[str], total: _Tally) -> Iterator[str]:
    """Yield lines, without those that are too long to be kept in memory."""
    while line := file.readline(MAX_LINE_CHARACTERS):
        if len(line) < MAX_LINE_CHARACTERS or line.endswith("\n"):
            yield line
            continue
        total.unreadable += 1
        while (rest := file.readline(MAX_LINE_CHARACTERS)) and not rest.endswith("\n"):
            pass


def _of_jsonlog(lines: Iterable[str], total: _Tally) -> Iterator[_Entry]:
    for line in lines:
        total.lines += 1
        if "duration: " not in line:
            continue
        try:
            record = json.loads(line)
            values = [record.get(name) or "" for name in ("dbname", "user", "application_name", "message")]
        except (ValueError, AttributeError, RecursionError):
            total.unreadable += 1  # the last line of a log that is being written, for one
            continue
        yield _Entry(*map(str, values))


def _of_csvlog(lines: Iterable[str], total: _Tally) -> Iterator[_Entry]:
    seen = 0
    with _long_fields():
        rows = csv.reader(lines, strict=True)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error:
                total.unreadable += 1
                continue
            if len(row) < _CSV_LEAST or not _CSV_TIME.match(row[0]):
                if not seen:
                    raise _OtherFormatError
                total.unreadable += 1
                continue
            seen += 1
            total.lines += 1
            yield _Entry(row[_CSV_DATABASE], row[_CSV_USER], row[_CSV_APPLICATION], row[_CSV_MESSAGE])
    if not seen:
        raise _OtherFormatError


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field be as long as a line may be; the limit is the csv module's own, for everybody."""
    before = csv.field_size_limit(MAX_LINE_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# What a message says


def _statement_in(kind: str, text: str) -> str | None:
    """Return the statement of a message, None where it holds none, nothing where it is no execution."""
    if kind.startswith(("parse", "bind")):
        return ""
    return _statement_of_plan(text) if kind == "plan" else text


def _statement_of_plan(text: str) -> str | None:
    """Return the statement that auto_explain writes above its plan, whichever format that is in."""
    text = text.lstrip()
    try:
        if text.startswith("{"):
            return str(json.loads(text)["Query Text"])
        if found := _YAML_TEXT.match(text):
            return str(json.loads(found[1], strict=False))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if found := _XML_TEXT.search(text) if text.startswith("<explain") else None:
        return html.unescape(found[1])
    if not text.startswith(_TEXT_BEGINS):
        return None
    plan = _PLAN_BEGINS.search(text, len(_TEXT_BEGINS))
    return text[len(_TEXT_BEGINS) : plan.start() if plan else None]


# Adding up


@dataclass(slots=True)
class _Figures:
    calls: int = 0
    total_us: int = 0
    max_us: int = 0

    def add(self, microseconds: int) -> None:
        self.calls += 1
        self.total_us += microseconds
        self.max_us = max(self.max_us, microseconds)


@dataclass(slots=True)
class _Known:
    """A statement met in the log; an execution may be in it twice, by threshold and by plan."""

    user: str
    text: str
    timed: _Figures = field(default_factory=_Figures)
    planned: _Figures = field(default_factory=_Figures)

    @property
    def figures(self) -> _Figures:
        return max(self.timed, self.planned, key=lambda figures: (figures.calls, figures.total_us))


class _Tally:
    """The sums so far."""

    def __init__(self) -> None:
        self.lines = 0
        self.unreadable = 0
        self._without_text = 0
        self._forgotten = 0
        self._known: dict[tuple[str, str], _Known] = {}
        self._forms: dict[str, tuple[str, str]] = {}

    def add(self, entry: _Entry) -> None:
        message = _MESSAGE.match(entry.message)
        if message is None or entry.application.startswith(_OURS):
            return
        kind = message["kind"] or ""
        statement = _statement_in(kind, message["text"]) if kind else None
        if statement is None or (statement and not statement.strip()):
            self._without_text += 1
        elif statement:
            known = self._find(entry, statement[:MAX_STATEMENT_CHARACTERS])
            figures = known.planned if kind == "plan" else known.timed
            figures.add(round(float(message["ms"]) * 1000))

    def _find(self, entry: _Entry, statement: str) -> _Known:
        fingerprint, text = self._form(statement)
        key = (entry.database, fingerprint)
        if key not in self._known:
            if len(self._known) >= 2 * MAX_STATEMENTS:
                self._forget()
            self._known[key] = _Known(entry.user, text)
        return self._known[key]

    def _form(self, statement: str) -> tuple[str, str]:
        """Return fingerprint and masked text of a statement."""
        if len(statement) > _CACHED_CHARACTERS or _DECEPTIVE.search(statement):
            return _normal(statement)
        if '"' in statement and any("'" in quoted for quoted in statement.split('"')[1::2]):
            return _normal(statement)
        rough = _VALUE.sub(r"\1'", statement)
        form = self._forms.get(rough)
        if form is None:
            if len(self._forms) >= _CACHED_STATEMENTS:
                self._forms.clear()
            form = self._forms[rough] = _normal(statement)
        return form

    def _forget(self) -> None:
        """Leave out the lighter half of what is known."""
        heaviest = heapq.nlargest(MAX_STATEMENTS, self._known.items(), key=lambda one: one[1].figures.total_us)
        self._forgotten += len(self._known) - len(heaviest)
        self._known = dict(heaviest)

    def result(self) -> SlowLog:
        if len(self._known) > MAX_STATEMENTS:
            self._forget()
        rows = [
            LoggedStatement(database, known.user, known.text, figures.calls, figures.total_us, figures.max_us)
            for (database, _), known in self._known.items()
            for figures in [known.figures]
        ]
        rows.sort(key=lambda row: (-row.total_us, row.database, row.query))
        return SlowLog(tuple(rows), self.lines, self.unreadable, self._without_text, self._forgotten)


def _normal(statement: str) -> tuple[str, str]:
    form = normalise.__wrapped__(statement)
    return form.fingerprint, form.text
