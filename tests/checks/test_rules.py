"""Rules are found, have a page, and are told apart from what is no rule."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from dbops.checks import rules as rules_package
from dbops.checks.pages import explain, pages
from dbops.checks.rule import SECTIONS, Rule, load_rule, rules
from dbops.errors import UsageError
from dbops.severity import Severity

FILES = sorted(path for path in Path(rules_package.__path__[0]).rglob("*.py") if path.name != "__init__.py")
PAGE = "A thing is wrong.\n\n" + "\n\n".join(f"## {section}\n\nWords." for section in SECTIONS)


def test_every_rule_file_is_a_rule_by_its_own_name() -> None:
    assert sorted(rules()) == sorted(path.stem.replace("_", "-") for path in FILES)
    assert {rule.family for rule in rules().values()} == {path.parent.name for path in FILES}


def test_every_rule_has_a_page_with_all_sections_and_is_in_the_index() -> None:
    written = pages()
    assert set(written) == {"README.md", *(f"{slug}.md" for slug in rules())}
    for slug, rule in rules().items():
        assert f"# {rule.title}\n" in written[f"{slug}.md"]
        assert [section for section in SECTIONS if f"## {section}\n" not in written[f"{slug}.md"]] == []
        assert f"[{slug}]({slug}.md)" in written["README.md"]


def test_explaining_an_unknown_rule_names_the_nearest() -> None:
    assert explain("duplicate-index").startswith("# Two indexes of a table are the same")
    with pytest.raises(UsageError) as caught:
        explain("duplicated-index")
    assert caught.value.hint == "did you mean duplicate-index?"


def module(page: str, **members: object) -> types.ModuleType:
    made = types.ModuleType("dbops.checks.rules.family.a_thing_is_wrong", page)
    vars(made).update(members)
    return made


def test_a_module_with_page_and_function_is_a_rule() -> None:
    loaded = load_rule(module(PAGE, RULE=Rule(severity=Severity.INFO), find=lambda _catalog, _policy: ()))
    assert (loaded.slug, loaded.family, loaded.title, loaded.why) == (
        "a-thing-is-wrong",
        "family",
        "A thing is wrong",
        "Words.",
    )


@pytest.mark.parametrize(
    ("page", "members"),
    [
        (PAGE, {}),
        (PAGE, {"find": len, "review": len}),
        (PAGE.replace("## How to fix", "## How to mend"), {"find": len}),
        (PAGE.replace("Words.", ""), {"find": len}),
        ("", {"find": len}),
    ],
)
def test_a_module_that_is_half_a_rule_is_a_bug(page: str, members: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        load_rule(module(page, RULE=Rule(severity=Severity.INFO), **members))
