"""The geometry of the charts on HTML pages: series in, coordinates and words out; a template draws them as SVG.

Rules: the scale begins at zero, so that a small change never looks like a large one; a limit far above everything that
was measured is said in words and not drawn, since the curve would lie flat under it; no colour says anything alone, a
point that is bad has another shape, one that was not measured is hollow. What it does not do: leave a point out.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.model import ObjectiveStatus, Severity
from dbops.quantities import counted, duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbops.evidence.trend import Found, Measured, Published, Trend

WIDTH, HEIGHT = 520, 210
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 16, 28
# A limit this many times above the highest point would flatten the curve.
_FAR = 4
# Bars narrower than these many units could not be told apart.
_MOST_BARS = 60
# Beyond these many points only those that say something are marked on the line.
_FEW = 45
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPANS_MS = tuple(
    itertools.chain(
        (1, 2, 5, 10, 20, 50, 100, 200, 500),
        (1000 * seconds for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)),
        (3_600_000 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 120, 240, 720, 2400)),
    )
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point on a curve; `kind` is good, bad or unsure, `text` what a reader sees who points at it."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template needs to draw; `rows` are the figures for who does not see the picture."""

    title: str
    latest: str
    note: str
    rows: tuple[tuple[str, str], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    line: str = ""
    area: str = ""
    marks: tuple[Mark, ...] = ()
    bars: tuple[Bar, ...] = ()
    limit: Tick | None = None

    @property
    def reach(self) -> float:
        """How large a mark is drawn, from its middle: smaller where there are many."""
        return 3.5 if len(self.rows) <= _FEW else 2.5


def charts_of(trend: Trend) -> tuple[Chart, ...]:
    """Return the charts of a history, in the order of interest; none for what has no figures."""
    charts = [objective_chart(*key, series) for key, series in trend.objectives.items()]
    if trend.backups:
        charts.append(size_chart(trend.backups))
    if trend.audits:
        charts.append(findings_chart(trend.audits))
    return tuple(charts)


def objective_chart(identity: str, scenario: str, series: Sequence[Measured]) -> Chart:
    """Return the curve of an objective against its limit; what was not measured is an exposure, and hollow."""
    kinds = {ObjectiveStatus.MET: "good", ObjectiveStatus.MISSED: "bad", ObjectiveStatus.NOT_MEASURED: "unsure"}
    newest = series[-1]
    return curve(
        f"{identity.upper()}: {scenario}",
        [Point(one.at, one.value_ms, kinds[one.status], f"{duration(one.value_ms)}, {one.status}") for one in series],
        scale=SPANS,
        limit=newest.limit_ms,
        note="hollow: exposure on record, not measured"
        if any(one.status is ObjectiveStatus.NOT_MEASURED for one in series)
        else "",
    )


def size_chart(series: Sequence[Published]) -> Chart:
    """Return the curve of the backup's size."""
    points = [Point(one.at, one.bytes, "good", f"{size(one.bytes)} in {duration(one.duration_ms)}") for one in series]
    return curve("Backup size", points, scale=SIZES)


def findings_chart(series: Sequence[Found]) -> Chart:
    """Return a bar for each audit, findings stacked by severity; the newest audits where there are very many."""
    shown = series[-_MOST_BARS:]
    highest = max(sum(one.counts.values()) for one in shown)
    top, y_ticks = COUNTS.axis(highest)
    slot = (WIDTH - LEFT - RIGHT) / len(shown)
    width = min(28.0, slot * 0.72)
    bars: list[Bar] = []
    for place, one in enumerate(shown):
        x = LEFT + slot * (place + 0.5) - width / 2
        base = float(HEIGHT - BOTTOM)
        for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR):
            height = one.counts[severity] / top * (HEIGHT - TOP - BOTTOM)
            base -= height
            if height:
                words = f"{_moment(one.at)}: {one.counts[severity]} {severity}"
                bars.append(Bar(_r(x), _r(base), _r(width), _r(height), severity.value, words))
    places = [(LEFT + slot * (place + 0.5), one.at) for place, one in enumerate(shown)]
    return Chart(
        title="Findings that stand",
        latest=_counts(shown[-1]),
        note=f"the newest {len(shown)} of {len(series)} audits" if len(shown) < len(series) else "",
        rows=tuple((_moment(one.at), _counts(one)) for one in reversed(series)),
        x_ticks=_dates(places),
        y_ticks=y_ticks,
        bars=tuple(bars),
    )


def _counts(found: Found) -> str:
    plural = {Severity.INFO: "info"}
    said = [counted(found.counts[one], one, plural.get(one)) for one in reversed(Severity) if found.counts[one]]
    return ", ".join(said) or "none"


@dataclass(frozen=True, slots=True)
class Point:
    """What a curve goes through; `kind` is that of its mark, `text` what is said of it."""

    at: dt.datetime
    value: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """How a quantity is cut into round steps, and how it is written."""

    step: Callable[[float], int]
    write: Callable[[int], str]

    def axis(self, highest: int) -> tuple[int, tuple[Tick, ...]]:
        """Return the top of the axis and its ticks, four or so, from zero."""
        step = self.step(max(highest, 1) / 4)
        top = step * -(-max(highest, 1) // step)
        values = range(0, top + 1, step)
        return top, tuple(Tick(_y(value, top), self.write(value) if value else "0") for value in values)


def _span_step(wanted: float) -> int:
    return next((span for span in _SPANS_MS if span >= wanted), _SPANS_MS[-1] * -(-int(wanted) // _SPANS_MS[-1]))


def _count_step(wanted: float) -> int:
    steps: Iterator[int] = (one * 10**power for power in range(19) for one in (1, 2, 5))
    return next(step for step in steps if step >= wanted)


def _size_step(wanted: float) -> int:
    return next(1 << power for power in range(60) if 1 << power >= wanted)


def _size(value: int) -> str:
    return size(value).replace(".0 ", " ")


SPANS = Scale(_span_step, lambda value: duration(value).replace(".0 ", " "))
SIZES = Scale(_size_step, _size)
RATES = Scale(_size_step, lambda value: f"{_size(value)}/s")
COUNTS = Scale(_count_step, str)


def curve(title: str, points: Sequence[Point], *, scale: Scale, limit: int | None = None, note: str = "") -> Chart:
    """Return a curve through points, oldest first, of which there is at least one."""
    highest = max(point.value for point in points)
    near = limit is not None and limit <= _FAR * highest
    top, y_ticks = scale.axis(max(highest, limit or 0) if near else highest)
    places = _places([point.at for point in points])
    marks = [
        Mark(_r(x), _y(point.value, top), point.kind, f"{_moment(point.at)}: {point.text}")
        for x, point in zip(places, points, strict=True)
    ]
    line = " ".join(f"{'L' if number else 'M'}{mark.x} {mark.y}" for number, mark in enumerate(marks))
    floor = HEIGHT - BOTTOM
    if len(marks) == 1:  # alone it would float: it stands on a stem
        line = f"M{marks[0].x} {floor} L{marks[0].x} {marks[0].y}"
    area = f"{line} L{marks[-1].x} {floor} L{marks[0].x} {floor} Z" if len(marks) > 1 else ""
    allowed = f" of {scale.write(limit)} allowed" if limit is not None else ""
    notes = [note, "" if near or limit is None else f"limit {scale.write(limit)}, above the scale"]
    return Chart(
        title=title,
        latest=f"{scale.write(points[-1].value)}{allowed}",
        note="; ".join(one for one in notes if one),
        rows=tuple((_moment(point.at), point.text) for point in reversed(points)),
        x_ticks=_dates(list(zip(places, [point.at for point in points], strict=True))),
        y_ticks=y_ticks,
        line=line,
        area=area,
        marks=tuple(m for m in marks if len(marks) <= _FEW or m.kind != "good" or m is marks[-1]),
        limit=Tick(_y(limit, top), f"limit {scale.write(limit)}") if near and limit is not None else None,
    )


def _places(moments: Sequence[dt.datetime]) -> list[float]:
    """Return where moments stand between the sides; one alone, or all in one instant, in the middle."""
    first, last = moments[0], moments[-1]
    span = (last - first).total_seconds()
    if not span:
        return [(LEFT + WIDTH - RIGHT) / 2 for _ in moments]
    # Half a mark of air on either side, so that none is cut off.
    left, right = LEFT + 6, WIDTH - RIGHT - 6
    return [left + (right - left) * (moment - first).total_seconds() / span for moment in moments]


def _dates(places: Sequence[tuple[float, dt.datetime]]) -> tuple[Tick, ...]:
    """Return a few dates for the axis: the ends and what stands nearest to the middle, where there is room."""
    first, last = places[0], places[-1]
    span = last[1] - first[1]
    middle = min(places, key=lambda place: abs(place[0] - (first[0] + last[0]) / 2))
    chosen = [first]
    for place in (middle, last):
        if place[0] - chosen[-1][0] > 90:
            chosen.append(place)
    return tuple(Tick(_r(x), _date(at, span)) for x, at in chosen)


def _date(at: dt.datetime, span: dt.timedelta) -> str:
    if span < dt.timedelta(days=2):
        return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"
    if span < dt.timedelta(days=300):
        return f"{at.day} {_MONTHS[at.month - 1]}"
    return f"{_MONTHS[at.month - 1]} {at.year}"


def _moment(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _y(value: float, top: float) -> float:
    return _r(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM))


def _r(number: float) -> float:
    return round(number, 1)
