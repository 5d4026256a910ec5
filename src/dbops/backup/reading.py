"""Read an archive back in full, by several programs at once: each decodes some of the tables, together all of it.

A program decodes on one core, and proving a dump should not take long beside making it. Every entry of the archive is
dealt to exactly one program, the largest tables first; a small dump, or a machine with one core, gets a single program.
What this does not do: judge how the programs ended.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dbops.backup.background import Background, Ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbops.backup.archive import Archiver
    from dbops.connection.process import Completed

# Under this, in bytes, a second program costs more than it saves.
WORTH_ANOTHER = 64 << 20
# The server, and whoever else is on this machine, wants to go on working.
_MOST = 4

# The data of a table has no catalog of its own, hence the 0, and carries the table's oid.
_ENTRY = re.compile(r"(?P<id>\d+); (?:0 (?P<table>\d+) TABLE DATA )?")


def read_whole(
    archiver: Archiver, archive: Path, listing: Path, pages: Mapping[int, int], size: int
) -> list[Completed]:
    """Decode every block of `archive`, `size` bytes with that `listing`; `pages` is how large each table is, by oid.

    Returns how each program ended. Raises what starting one raises, and DeadlineError.
    """
    programs = min(_cores(), _MOST, max(1, size // WORTH_ANOTHER))
    if programs == 1:
        return [archiver.read_whole(archive)]
    hands = []
    for number, hand in enumerate(deal(listing.read_text(encoding="utf-8", errors="replace"), pages, programs)):
        hands.append(archiver.directory / f"read-{number}.list")
        hands[-1].write_text(hand, encoding="ascii")
    return list(_read_beside_each_other(archiver, archive, hands))


def deal(listing: str, pages: Mapping[int, int], programs: int) -> list[str]:
    """Return the entries of a listing, each in exactly one of so many texts for `pg_restore --use-list`."""
    entries = [found for line in listing.splitlines() if (found := _ENTRY.match(line))]
    places = sorted(range(len(entries)), key=lambda place: -pages.get(int(entries[place]["table"] or 0), 0))
    hands: list[list[int]] = [[] for _ in range(programs)]
    weights = [0] * programs
    for place in places:
        lightest = weights.index(min(weights))
        hands[lightest].append(place)
        weights[lightest] += pages.get(int(entries[place]["table"] or 0), 0) + 1
    # In the order of the archive, so that each program reads forward.
    return ["".join(f"{entries[place]['id']};\n" for place in sorted(hand)) for hand in hands if hand]


def _read_beside_each_other(archiver: Archiver, archive: Path, hands: list[Path]) -> Iterator[Completed]:
    ending = Ending("another part of the archive could not be read")
    with ExitStack() as stack:
        others = [
            stack.enter_context(
                Background(lambda hand=hand: archiver.read_whole(archive, hand, on_tick=ending.look), cancel=ending.ask)  # type: ignore[misc]
            )
            for hand in hands[1:]
        ]
        yield archiver.read_whole(archive, hands[0])
        for other in others:
            yield other.result()


def _cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
