"""What an archive holds, by its table of contents, and in which pass of a restore each entry belongs.

A restore without superuser has an order of its own: schemas first, so that every role can be given a temporary foothold
in them; then everything but rights; then the rights; materialized views last, when their owners may read again. What a
role without superuser cannot bring back is left out by kind, and said. What this does not do: run anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Kinds of more than one word, so that "TABLE DATA public t owner" is not taken for a table in a schema "DATA".
_LONG_KINDS = (
    "ACCESS METHOD", "ACL LANGUAGE", "BLOB COMMENTS", "BLOB METADATA", "CHECK CONSTRAINT", "DATABASE PROPERTIES",
    "DEFAULT ACL", "EVENT TRIGGER", "FK CONSTRAINT", "FOREIGN DATA WRAPPER", "FOREIGN SERVER", "FOREIGN TABLE",
    "INDEX ATTACH", "MATERIALIZED VIEW DATA", "MATERIALIZED VIEW", "OPERATOR CLASS", "OPERATOR FAMILY",
    "PROCEDURAL LANGUAGE", "PUBLICATION TABLES IN SCHEMA", "PUBLICATION TABLE", "ROW SECURITY", "SECURITY LABEL",
    "SEQUENCE OWNED BY", "SEQUENCE SET", "SHELL TYPE", "STATISTICS DATA", "SUBSCRIPTION TABLE", "TABLE ATTACH",
    "TABLE DATA", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE",
    "USER MAPPING",
)  # fmt: skip
# These begin like a kind of one word that has a catalog of its own, and have none themselves: a table in a schema named
# "DATA" is told from the data of a table by that.
_WITHOUT_CATALOG = frozenset(
    {"INDEX ATTACH", "MATERIALIZED VIEW DATA", "SEQUENCE OWNED BY", "SEQUENCE SET", "TABLE DATA", "STATISTICS DATA"}
)

# Not restored, and why it matters to a reader. Extensions are none of these: dbops creates them itself.
_LEFT_OUT = {
    "EVENT TRIGGER": "event triggers (they would run as whoever connects, superusers included)",
    "SUBSCRIPTION": "subscriptions (the copy would connect to their publisher)",
    "SUBSCRIPTION TABLE": "tables of subscriptions",
    "USER MAPPING": "user mappings (they hold credentials of other servers)",
    "ACCESS METHOD": "access methods (superuser only)",
    "PROCEDURAL LANGUAGE": "procedural languages (superuser only)",
    "ACL LANGUAGE": "rights on languages",
    "SECURITY LABEL": "security labels",
    "DATABASE": "properties of the database itself",
    "DATABASE PROPERTIES": "properties of the database itself",
}
# Comments on, and rights to, something that is not restored: "- EVENT TRIGGER name owner" after the kind.
_FOLLOWERS = re.compile(r"- (?P<of>EXTENSION|EVENT TRIGGER|SUBSCRIPTION|ACCESS METHOD|LANGUAGE|DATABASE) ")
# What a superuser restores all the same; the rest would act on dbops' own sessions, or reach out.
_MIGHTY = re.compile(r"ACCESS METHOD |PROCEDURAL LANGUAGE |ACL LANGUAGE |(?:ACL|COMMENT) - (?:LANGUAGE|ACCESS METHOD) ")
_RIGHTS = frozenset({"ACL", "DEFAULT ACL"})
_LINE = re.compile(r"(?P<id>\d+); (?P<catalog>\d+) (?P<oid>\d+) (?P<rest>.+)")
_HEADER = re.compile(r"; +(?P<key>[^:]+): (?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what `pg_restore` calls it, its kind, and the rest of its line (schema, name and owner, unquoted)."""

    dump_id: int
    kind: str
    label: str

    @property
    def left_out(self) -> str | None:
        """Why it is not restored; None when it is, or when dbops sees to it in another way."""
        if self.kind in {"COMMENT", "ACL"} and (found := _FOLLOWERS.match(self.label)):
            return None if found["of"] == "EXTENSION" else f"comments on and rights to {found['of'].lower()}s"
        return _LEFT_OUT.get(self.kind)

    @property
    def of_extension(self) -> bool:
        """Whether it makes or describes an extension, which dbops does itself."""
        return self.kind == "EXTENSION" or (self.kind in {"COMMENT", "ACL"} and self.label.startswith("- EXTENSION "))


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries of an archive in its order, and what its header says; `mighty`: a superuser restores them."""

    header: dict[str, str]
    entries: tuple[Entry, ...]
    mighty: bool = False

    @property
    def parallel(self) -> bool:
        """Whether several workers can read it at once; a tar file is read from its beginning."""
        return self.header.get("Format") != "TAR"

    def schemas(self) -> list[Entry]:
        """First pass: the schemas."""
        return self._those(lambda one: one.kind == "SCHEMA")

    def main(self) -> list[Entry]:
        """Second pass: everything that is in no other."""
        others = _RIGHTS | {"SCHEMA", "MATERIALIZED VIEW DATA"}
        return self._those(lambda one: one.kind not in others)

    def rights(self) -> list[Entry]:
        """Third pass: grants and default privileges."""
        return self._those(lambda one: one.kind in _RIGHTS)

    def materialized_views(self) -> list[Entry]:
        """Last pass: what has to be computed, with row-level security on."""
        return self._those(lambda one: one.kind == "MATERIALIZED VIEW DATA")

    def left_out(self) -> dict[str, int]:
        """Return what is not restored, and how much of it there is."""
        found: dict[str, int] = {}
        for entry in self.entries:
            if reason := self._reason(entry):
                found[reason] = found.get(reason, 0) + 1
        return found

    def count(self, kind: str) -> int:
        """Return the number of entries of a kind."""
        return sum(entry.kind == kind for entry in self.entries)

    def _those(self, wanted: Callable[[Entry], bool]) -> list[Entry]:
        return [entry for entry in self.entries if self._is_restored(entry) and wanted(entry)]

    def _is_restored(self, entry: Entry) -> bool:
        return self._reason(entry) is None and not entry.of_extension

    def _reason(self, entry: Entry) -> str | None:
        """Return why an entry is not restored; None when it is, or when dbops sees to it in another way."""
        return None if self.mighty and _MIGHTY.match(f"{entry.kind} {entry.label}") else entry.left_out


def parse_listing(text: str) -> Contents:
    """Return what `pg_restore --list` printed. Raises ValueError for a line that is no entry."""
    header: dict[str, str] = {}
    entries = []
    for line in text.splitlines():
        if line.startswith(";"):
            matched = _HEADER.match(line)
            if matched:
                header[matched["key"]] = matched["value"]
        elif line.strip():
            entries.append(_entry(line))
    return Contents(header, tuple(entries))


def use_list(entries: Iterable[Entry]) -> str:
    """Return the text of a file for `pg_restore --use-list`."""
    return "".join(f"{entry.dump_id};\n" for entry in entries)


def _entry(line: str) -> Entry:
    matched = _LINE.fullmatch(line)
    if not matched:
        raise ValueError(f"not an entry of a table of contents: {line!r}")
    rest, catalog = matched["rest"], int(matched["catalog"])
    for kind in _LONG_KINDS:
        if rest.startswith(f"{kind} ") and not (kind in _WITHOUT_CATALOG and catalog):
            return Entry(int(matched["id"]), kind, rest.removeprefix(f"{kind} "))
    kind, _, label = rest.partition(" ")
    return Entry(int(matched["id"]), kind, label)
