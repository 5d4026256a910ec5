"""The text of an archive's grants, cut into statements that a role without superuser can run.

pg_dump writes the grant of a third party as `SET SESSION AUTHORIZATION x`, which only a superuser may; `SET ROLE x`,
which a member may, gives the same grantor. Pure functions over bytes, in whatever encoding the archive has. A name that
looks like one of these lines only leads to a statement that fails, and is seen: all of it runs as the restorer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(rb"-- Name: .*; Type: (?:DEFAULT )?ACL; .*")
_AUTHORIZATION = re.compile(rb"SET SESSION AUTHORIZATION (?P<role>.+);")


@dataclass(frozen=True, slots=True)
class RightsText:
    """What to run once, and then one by one."""

    preamble: bytes
    statements: tuple[bytes, ...]


def split_rights(data: bytes) -> RightsText:
    """Return the parts of what `pg_restore --file` wrote for entries that are all grants."""
    parts: list[list[bytes]] = [[]]
    for line in data.split(b"\n"):
        if _HEADER.fullmatch(line):
            parts.append([])
        elif not line.startswith((b"\\restrict", b"\\unrestrict")):
            parts[-1].append(_without_superuser(line))
    preamble, *statements = (b"\n".join(part) for part in parts)
    return RightsText(preamble, tuple(statements))


def _without_superuser(line: bytes) -> bytes:
    if line == b"RESET SESSION AUTHORIZATION;":
        return b"RESET ROLE;"
    matched = _AUTHORIZATION.fullmatch(line)
    return b"SET ROLE " + matched["role"] + b";" if matched else line
