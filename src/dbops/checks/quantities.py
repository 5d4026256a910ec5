"""Spans of time as findings say them; findings are for people, and their fingerprints hold none of it."""

from __future__ import annotations

from dbops.quantities import counted

# What nearly every server is built with. A rule that needs the exact figure asks the server for its own.
PAGE_BYTES = 8192
DAY_SECONDS = 24 * 3600


def days(seconds: int) -> str:
    """Return a span in whole days, in hours where it is less than two of them."""
    if seconds < 2 * DAY_SECONDS:
        return counted(seconds // 3600, "hour")
    return f"{seconds // DAY_SECONDS} days"


def span(seconds: int) -> str:
    """Return a span in its two largest units, as in `3d 4h`; less than a second is `0s`."""
    units = (("d", DAY_SECONDS), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    rest = max(0, seconds)
    for unit, length in units:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0s"
