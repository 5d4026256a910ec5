"""What every HTML page shares: the templates, and how a value becomes text in them.

Rules, in order: everything is escaped, whoever it comes from; every character that does not print as itself is written
as an escape, as on a terminal; a page loads nothing and runs nothing, which its own content policy says as well. Jinja
is imported here, when a page is made, and nowhere else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dbops.quantities import counted, duration, size, with_sizes
from dbops.render.terminal import clean

if TYPE_CHECKING:
    import datetime as dt

    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


class Tile(NamedTuple):
    """One figure at the top of a page; `kind` is good, bad, unsure or plain."""

    label: str
    value: str
    words: str
    kind: str


def page(template: str, **values: Any) -> str:
    """Return the page that a template makes of values."""
    return _environment().get_template(template).render(**values).rstrip("\n") + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "size": size,
        "counted": counted,
        "with_sizes": with_sizes,
        "moment": moment,
        "statement": statement,
    }
    return environment


def _shown(value: Any) -> Any:
    """Return a value as text that cannot mislead; what a macro has made is text already."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return "" if value is None else clean(str(value))


def moment(at: dt.datetime) -> str:
    """Return a moment as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def statement(sql: str) -> Markup:
    """Return SQL whose line breaks stay."""
    from markupsafe import escape

    return escape(clean(sql.strip("\n"), keep="\n\t"))
