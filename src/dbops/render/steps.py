"""The steps of a run with their times, and the recovery objectives that were measured against limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.model import ObjectiveStatus, Verdict
from dbops.quantities import duration, with_sizes
from dbops.render.facts import surroundings
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.model import Objective, Step
    from dbops.render.console import Page

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
# What a step says is shown up to this many characters.
_FEW_WORDS = 60


class _Row(NamedTuple):
    """A line: a step, or the heading of the parts that follow it."""

    depth: int
    label: str
    status: Verdict
    duration_ms: int
    words: str = ""


def print_steps(page: Page, steps: Sequence[Step]) -> None:
    """Print a line for each step; the parts of a phase ("restore/data") stand indented under it."""
    page.blank()
    rows = list(_rows(steps))
    width = max((2 * row.depth + len(row.label) for row in rows), default=0)
    for row in rows:
        sign = {Verdict.PASS: page.glyphs.passed, Verdict.FAIL: page.glyphs.failed}.get(row.status, page.glyphs.unsure)
        indent = "  " * row.depth
        label = row.label.ljust(width - len(indent))
        fits = width + 15 + len(row.words) <= page.width
        page.line(
            f"  {indent}",
            (f"{sign} ", _STYLES[row.status]),
            f"{label}  {duration(row.duration_ms):>9}",
            (row.words if fits else "", "dim"),
        )


def _rows(steps: Sequence[Step]) -> Iterator[_Row]:
    """Yield the lines; a phase that is no step of its own gets one, with the time of its parts."""
    headed = {step.name for step in steps}
    for step in steps:
        phase, _, part = step.name.rpartition("/")
        if phase and phase not in headed:
            headed.add(phase)
            parts = [one for one in steps if one.name.startswith(f"{phase}/")]
            worst = max((one.status for one in parts), key=[Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL].index)
            yield _Row(phase.count("/"), clean(phase), worst, sum(one.duration_ms for one in parts))
        yield _Row(step.name.count("/"), clean(part), step.status, step.duration_ms, _words(step))


def _words(step: Step) -> str:
    """Return how a step's program ended, if not well, and the few words it left; not the path of its output."""
    exit_code = f"  exit {step.exit_code}" if step.exit_code else ""
    words = clean(step.output or "")
    if not words or len(words) > _FEW_WORDS or "/" in words:
        return exit_code
    return exit_code + "  " + with_sizes(words)


def print_objectives(page: Page, objectives: Sequence[Objective]) -> None:
    """Print each objective: what was reached, of what is allowed, and how that is known."""
    page.blank()
    signs = {
        ObjectiveStatus.MET: (page.glyphs.passed, "green"),
        ObjectiveStatus.MISSED: (page.glyphs.failed, "red"),
        ObjectiveStatus.NOT_MEASURED: (page.glyphs.skipped, "yellow"),
    }
    for objective in sorted(objectives, key=lambda one: one.id, reverse=True):
        sign, style = signs[objective.status]
        reached = f"{duration(objective.value_ms)} of " if objective.value_ms is not None else ""
        page.paragraph(
            (f"{sign} ", style),
            (f"{objective.id.upper()} {objective.status}", f"bold {style}"),
            f": {reached}{duration(objective.limit_ms)} allowed, {clean(objective.scenario)}",
            indent=2,
            hang=2,
        )
        for text in (objective.method, *surroundings(objective)):
            page.paragraph((clean(text), "dim"), indent=4)
