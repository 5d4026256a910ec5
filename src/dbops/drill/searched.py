"""In which B-trees of the copy each row of the table is looked for.

That takes a sort of the table for every index, several times what looking at all pages does. Rules, in order:

1. As long as there is little to read, all of them; and always all where the settings say so.
2. Else a tenth, by what has to be read, one at least: in an order that the id of the run decides, so that every drill
   takes others, and who has the report can tell that nobody picked them.

What this does not do: look into one (`amcheck.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

IndexRows = Literal["auto", "all"]

# Bytes of tables and indexes up to which `auto` is all: about a second.
ALL_UP_TO = 256 << 20
_SHARE = 10


@dataclass(frozen=True, slots=True)
class BTree:
    """An index, and how many bytes have to be read to look for every row in it."""

    schema: str
    name: str
    bytes: int

    @property
    def pattern(self) -> str:
        """What pg_amcheck calls this one and no other."""
        quoted = (part.replace('"', '""') for part in (self.schema, self.name))
        return ".".join(f'"{part}"' for part in quoted)


def choose(there: Sequence[BTree], mode: IndexRows, run_id: str) -> list[BTree]:
    """Return the indexes to look into, in the order of `there`."""
    total = sum(one.bytes for one in there)
    if mode == "all" or total <= ALL_UP_TO:
        return list(there)
    chosen: set[BTree] = set()
    read = 0
    for one in sorted(there, key=lambda one: hashlib.sha256(f"{run_id}\0{one.pattern}".encode()).digest()):
        if chosen and (read + one.bytes) * _SHARE > total:
            continue
        chosen.add(one)
        read += one.bytes
    return [one for one in there if one in chosen]
