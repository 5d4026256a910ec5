"""The history of backups as one HTML page: size and rate over time, and what later runs have said about each backup.

Curves are drawn per database of a cluster. A backup that nobody has looked at since it was made is hollow on them, one
that was found damaged is marked. What it does not do: read a dump, or hide an unusable one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.model import Verdict
from dbops.quantities import counted, duration, size
from dbops.render.backups import looked
from dbops.render.charts import RATES, SIZES, Chart, Point, curve
from dbops.render.pages import Tile, page

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from dbops.backup.history import Entry
    from dbops.storage.attested import Attestation

_KINDS = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "unsure"}


class Row(NamedTuple):
    """A backup as a line of the table."""

    entry: Entry
    took: str
    verified: str
    verified_kind: str
    drilled: str
    drilled_kind: str


def backup_page(entries: Sequence[Entry], unusable: Sequence[str], where: str, now: dt.datetime) -> str:
    """Return the page of the backups in a directory; entries come newest first."""
    return page(
        "backups.html.j2",
        where=where,
        written=now,
        tiles=tuple(_tiles(entries, unusable, now)),
        charts=tuple(_charts(entries)),
        rows=tuple(map(_row, entries)),
        unusable=tuple(unusable),
    )


def _tiles(entries: Sequence[Entry], unusable: Sequence[str], now: dt.datetime) -> Iterator[Tile]:
    yield Tile("Backups", str(len(entries)), size(sum(one.bytes for one in entries)), "plain")
    if entries:
        yield Tile("Newest", _span(entries[0].age(now)), f"old, of {entries[0].database}", "plain")
    bad = sum(_is(one.standing.verified, Verdict.FAIL) for one in entries)
    verified = sum(_is(one.standing.verified, Verdict.PASS) for one in entries)
    yield Tile("Damaged", str(bad), f"{verified} verified since they were made", "bad" if bad else "good")
    whole = sum(_is(one.standing.drilled, Verdict.PASS) for one in entries)
    failed = sum(_is(one.standing.drilled, Verdict.FAIL) for one in entries)
    words = f"{failed} that failed" if failed else "came back whole in a drill"
    yield Tile("Drilled", str(whole), words, "bad" if failed else "good" if whole else "unsure")
    if unusable:
        yield Tile("Unusable", str(len(unusable)), counted(len(unusable), "entry", "entries"), "bad")


def _is(said: Attestation | None, verdict: Verdict) -> bool:
    return said is not None and said.outcome is verdict


def _charts(entries: Sequence[Entry]) -> Iterator[tuple[str, tuple[Chart, ...]]]:
    """Yield the curves of each database; two clusters may have one of the same name."""
    series: dict[tuple[str, str], list[Entry]] = {}
    for one in reversed(entries):
        series.setdefault((one.database, one.stored.manifest.source.system_identifier), []).append(one)
    for (database, cluster), ones in sorted(series.items()):
        same = sum(name == database for name, _ in series) > 1
        yield f"{database} ({cluster})" if same else database, tuple(_curves(ones))


def _curves(ones: Sequence[Entry]) -> Iterator[Chart]:
    sizes = [Point(one.snapshot_at, one.bytes, _kind(one.standing.verified), _said(one)) for one in ones]
    hollow = any(point.kind == "unsure" for point in sizes)
    yield curve("Size", sizes, scale=SIZES, note="hollow: not verified since it was made" if hollow else "")
    rates = [(one, one.rate) for one in ones]
    known = [Point(one.snapshot_at, rate, "good", f"{size(rate)}/s") for one, rate in rates if rate is not None]
    if known:
        unknown = len(ones) - len(known)
        yield curve("Rate", known, scale=RATES, note=f"not recorded for {unknown}" if unknown else "")


def _said(one: Entry) -> str:
    change = f", {one.change:+d} %" if one.change is not None else ""
    return f"{size(one.bytes)}{change}, checksums {looked(one.standing.verified)}"


def _kind(said: Attestation | None) -> str:
    return "unsure" if said is None else _KINDS[said.outcome]


def _row(one: Entry) -> Row:
    verified, drilled = one.standing.verified, one.standing.drilled
    return Row(
        one,
        _span(one.duration),
        looked(verified),
        _kind(verified),
        looked(drilled),
        _kind(drilled),
    )


def _span(span: dt.timedelta) -> str:
    return duration(round(span.total_seconds() * 1000))
