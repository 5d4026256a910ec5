"""Durations as people write them: `90s`, `15m`, `1h30m`, `31d`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)


def parse_duration(text: str) -> dt.timedelta:
    """Return what `1h30m` stands for; units w d h m s, largest first. ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip().replace(" ", ""))
    if match is None or not any(match.groups()):
        raise ValueError("is not a duration; write for example 90s, 15m, 1h30m or 31d")
    return dt.timedelta(
        seconds=sum(int(count or 0) * seconds for count, seconds in zip(match.groups(), _UNITS.values(), strict=True))
    )


def spell_duration(duration: dt.timedelta) -> str:
    """Return a duration as `parse_duration` reads it, whole seconds; `0s` for none."""
    rest = int(duration.total_seconds())
    spelled = ""
    for unit, seconds in _UNITS.items():
        if unit == "w":  # 31d reads better than 4w3d
            continue
        count, rest = divmod(rest, seconds)
        spelled += f"{count}{unit}" if count else ""
    return spelled or "0s"


def _from_text(value: Any) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    if not isinstance(value, str):
        # A bare number would be minutes to one reader and seconds to the next.
        raise ValueError('needs a unit: write for example "15m"')  # noqa: TRY004  (pydantic collects ValueError)
    return parse_duration(value)


def _positive(value: Any) -> dt.timedelta:
    duration = _from_text(value)
    if not duration:
        raise ValueError("must be longer than nothing")
    return duration


Duration = Annotated[dt.timedelta, BeforeValidator(_from_text)]
PositiveDuration = Annotated[dt.timedelta, BeforeValidator(_positive)]
