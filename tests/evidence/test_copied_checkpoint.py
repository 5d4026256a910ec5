"""A checkpoint that was copied off a page, a ticket or a step summary is one that `verify --checkpoint` takes."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from dbops.evidence.answers import Question
from dbops.evidence.examine import examine, load_checkpoint
from dbops.evidence.keys import Trust
from dbops.render.github import step_summary
from dbops.render.html import html_text
from dbops.render.markdown import markdown_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.evidence.keys import Signer
    from dbops.model import Report


@pytest.mark.parametrize("render", [markdown_text, step_summary, html_text])
def test_a_line_copied_off_a_page_shows_that_a_later_night_was_dropped(
    finished: Callable[..., Report], logs: Path, signer: Signer, tmp_path: Path, render: Callable[[Report], str]
) -> None:
    finished()
    lines = (logs / "evidence" / "log.jsonl").read_bytes(), (logs / "evidence" / "checkpoint").read_bytes()
    shown = html.unescape(render(finished(met=False)))
    (line,) = re.findall(r'\{"checkpoint":.*\}', shown)
    (tmp_path / "copied").write_text(line + "\n")
    question = Question(Trust({}).and_key(signer.public), load_checkpoint(tmp_path / "copied"))
    answers = {it.name.value: it.answer.value for it in examine(logs, question).answers}
    assert "yes" == answers["NOT ROLLED BACK"]
    (logs / "evidence" / "log.jsonl").write_bytes(lines[0])
    (logs / "evidence" / "checkpoint").write_bytes(lines[1])
    answers = {it.name.value: it.answer.value for it in examine(logs, question).answers}
    assert "no" == answers["NOT ROLLED BACK"]
