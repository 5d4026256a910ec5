"""Numbers as people read them, wherever they are said: durations, sizes, counted nouns."""

from __future__ import annotations

import re

_KIBI = 1024
_BYTES = re.compile(r"\b(\d+) bytes\b")


def duration(milliseconds: int) -> str:
    """Return a span of milliseconds in the two largest units that say something."""
    seconds = milliseconds / 1000
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def size(count: int) -> str:
    """Return a number of bytes in binary units."""
    if count < _KIBI:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= _KIBI
        if value < _KIBI * 0.9995:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} TiB"


def with_sizes(text: str) -> str:
    """Return a text with its "1412888 bytes" in binary units."""
    return _BYTES.sub(lambda found: size(int(found[1])), text)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return "1 finding", "2,000 findings"; the verb may come with the noun: ("table is", "tables are")."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
