"""Numbers as people read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dbops.quantities import counted

SOURCES = Path(__file__).resolve().parents[1] / "src" / "dbops"
# What can be one in a sentence and is followed by what there would be several of.
_COUNT = re.compile(r"^len\(|\.(?:rows|total|drills|checked|calls|bytes)$|^(?:rows|total|foreign|views|number|count)$")
_SEVERAL = re.compile(
    r" (?:[a-z-]+ )?(?:rows|tables|files|records|runs|findings|statements|indexes|entries|drills|errors|columns)\b"
)
# More than one whatever happens, figures of a step that are humanised where they are shown, or no place to import from.
_NEVER_ONE = {
    *("backup/making.py", "backup/retention.py", "backup/verify.py", "backup/toc.py", "drill/amcheck.py"),
    *("checks/rules/maintenance/stale_statistics.py", "checks/rules/maintenance/table_bloat.py"),
    *(
        "checks/rules/queries/seq_scan_heavy_table.py",
        "drill/isolation/report.py",
        "tenancy/pytest_plugin.py",
        "storage/stored.py",
        "files.py",
    ),
}


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 indexes are"), (1, "1 index is"), (2, "2 indexes are"), (1234567, "1,234,567 indexes are")],
)
def test_a_noun_and_its_verb_agree_with_their_number(count: int, said: str) -> None:
    assert said == counted(count, "index is", "indexes are")


def test_no_sentence_counts_things_without_asking_how_many_there_are() -> None:
    wrong = [
        f"{path.relative_to(SOURCES)}:{number.lineno}: {ast.unparse(number.value)}{words.value[:30]}"
        for path in sorted(SOURCES.rglob("*.py"))
        if str(path.relative_to(SOURCES)) not in _NEVER_ONE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        for number, words in zip(node.values, node.values[1:], strict=False)
        if isinstance(number, ast.FormattedValue) and isinstance(words, ast.Constant)
        if _COUNT.search(ast.unparse(number.value)) and _SEVERAL.match(str(words.value))
    ]
    assert [] == wrong
