"""Lines for people, through rich: colours where they show, wrapped by us, so that nothing is padded, cropped or boxed.

Nothing is ever read as rich's markup: all text is a `Text`. Loading rich takes as long as a small audit's queries, so
only what prints imports this.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from dbops.render.terminal import ASCII, NARROWEST, clean, glyphs_for, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Our own typography where only ASCII gets through: one character each, so that styles keep their places.
_IN_ASCII = str.maketrans({0x2026: ".", 0x2013: "-", 0x2014: "-", 0x2192: ">", 0x2265: ">", 0x2264: "<", 0xD7: "x"})


def console_for(stream: TextIO, *, color: bool = True, environ: Mapping[str, str] | None = None) -> Console:
    """Return a console that interprets nothing: no markup, no highlighting, no emoji, no cropping at 80 columns."""
    environ = os.environ if environ is None else environ
    plain = not color or bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    return Console(
        file=stream,
        width=width_of(stream, environ),
        height=25,
        markup=False,
        highlight=False,
        emoji=False,
        color_system=None if plain else "auto",
        legacy_windows=False,
        _environ=dict(environ),
    )


class Page:
    """A stream of lines for people, wrapped by us, so that nothing is padded, cropped or boxed."""

    def __init__(self, stream: TextIO, *, color: bool = True) -> None:
        self._console = console_for(stream, color=color)
        self._blank = True
        self.glyphs = glyphs_for(stream)

    @property
    def width(self) -> int:
        """Columns that a line may fill."""
        return self._console.width

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print one line as it is; each part is text, or text and style."""
        self._print(Text.assemble(*parts))

    def blank(self) -> None:
        """Print one empty line, never two in a row and never at the top."""
        if not self._blank:
            self._print(Text())
        self._blank = True

    def paragraph(self, *parts: str | tuple[str, str], indent: int = 0, hang: int = 0, lead: str = "") -> None:
        """Print text wrapped to the width: `indent` columns in, further lines `hang` more, each behind `lead`."""
        text = Text.assemble(*parts)
        # A word is never broken, however long: it may be a path or a name that somebody wants to copy.
        longest = max(map(cell_len, text.plain.split()), default=0)
        lines = text.wrap(self._console, max(NARROWEST // 2, self.width - indent - hang - len(lead), longest))
        for number, wrapped in enumerate(lines):
            wrapped.rstrip()
            self._print(Text(" " * (indent + (hang if number else 0)) + lead) + wrapped)

    def sql(self, statement: str, *, indent: int) -> None:
        """Print SQL to be copied: never wrapped, no frame; line breaks and tabs kept, the rest escaped."""
        for line in clean(statement.strip("\n"), keep="\n\t").split("\n"):
            self._print(Text(" " * indent + line, style="cyan"))

    def remedy(self, text: str, *, indent: int) -> None:
        """Print what to do next: prose is wrapped; a line that ends in a semicolon is SQL and stays in one piece."""
        for line in text.splitlines():
            if line.rstrip().endswith(";"):
                self.sql(line, indent=indent)
            else:
                self.paragraph(clean(line), indent=indent)

    def heading(self, title: str) -> None:
        """Print a rule across the page with a title in it."""
        self.blank()
        lead = self.glyphs.rule * 2
        rest = self.glyphs.rule * max(2, min(78, self.width) - len(title) - 4)
        self._print(Text.assemble((f"{lead} ", "dim"), (title, "bold"), (f" {rest}", "dim")))

    def _print(self, text: Text) -> None:
        if self.glyphs is ASCII:
            text.plain = text.plain.translate(_IN_ASCII)
        self._console.print(text, soft_wrap=True)
        self._blank = False
