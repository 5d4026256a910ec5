"""A report as one JSON document: the wire form of `model.py`, nothing added, nothing left out.

It does not redact: a report is redacted where it is made, and has to say the same here as in the sealed file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dbops.model import Report


def render_json(report: Report, stream: TextIO) -> None:
    """Write exactly one document and a newline, in ASCII where the stream cannot carry more."""
    encoding = (stream.encoding or "ascii").lower().replace("-", "")
    text = json.dumps(report.to_json(), indent=2, ensure_ascii=encoding != "utf8", allow_nan=False)
    stream.write(text + "\n")
