"""A policy is what the configuration and the packs say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbops.checks.policy import Policy, load_pack, pack_names, parse_expectations
from dbops.errors import ConfigurationError
from dbops.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE = """
[audit]
packs = ["erp"]

[[expect.index]]
id = "{id}"
table = "visit"
columns = ["at"]
"""


def test_packs_apply_only_when_listed(policy_of: Callable[..., Policy]) -> None:
    assert policy_of().expected_indexes == ()
    assert len(policy_of('audit = {packs = ["erp"]}').expected_indexes) == 12


def test_an_expectation_points_to_its_own_line_and_a_packs_to_the_line_that_lists_it(tmp_path: Path) -> None:
    (tmp_path / "dbops.toml").write_text(ONE.format(id="at"))
    policy = Policy.from_settings(load_settings({}, cwd=tmp_path, environ={}))
    places = {one.value.id: one.location for one in policy.expected_indexes}
    assert (places["at"].file, places["at"].line) == ("dbops.toml", 5)
    assert (places["order-number"].file, places["order-number"].line) == ("dbops.toml", 3)


def test_two_expectations_with_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "dbops.toml").write_text(ONE.format(id="order-number"))
    settings = load_settings({}, cwd=tmp_path, environ={})
    with pytest.raises(ConfigurationError, match=r"'order-number': dbops\.toml:5 and dbops\.toml:3"):
        Policy.from_settings(settings)


def test_an_unknown_pack_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_pack("erb")
    assert caught.value.hint == "did you mean erp?"


@pytest.mark.parametrize("text", ["[[expect.index]]\nid = 1", "[[expect.index]", '[[expect.index]]\nid = "a"'])
def test_an_invalid_list_of_expectations_names_its_source(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the pack 'x' is not valid"):
        parse_expectations(text, "the pack 'x'")


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_says_why_and_names_each_index(name: str) -> None:
    pack = load_pack(name)
    assert [one.id for one in pack.index if not (one.reason and one.group and one.name)] == []
    assert len({one.id for one in pack.index}) == len(pack.index)


def test_two_expectations_of_different_kinds_share_no_id_either(tmp_path: Path) -> None:
    (tmp_path / "dbops.toml").write_text(
        'audit = {packs = ["erp"]}\n[[expect.role]]\nid = "order-number"\nrole = "app"\nowns = false\n'
    )
    settings = load_settings({}, cwd=tmp_path, environ={})
    with pytest.raises(ConfigurationError, match=r"'order-number': dbops\.toml:1 and dbops\.toml:2"):
        Policy.from_settings(settings)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("delete from visit", "begins with 'delete'"),
        ("explain select 1", "begins with 'explain'"),
        ("select 1; drop table visit", "several statements"),
        ("-- select", "begins with ''"),
    ],
)
def test_a_declared_statement_that_is_no_query_is_refused_with_its_place(sql: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "dbops.toml").write_text(
        f'\n[[expect.query]]\nid = "q"\nsql = "{sql}"\nuses_index = "i"\n', encoding="utf-8"
    )
    settings = load_settings({}, cwd=tmp_path, environ={})
    with pytest.raises(ConfigurationError) as caught:
        Policy.from_settings(settings)
    assert caught.value.message.startswith("dbops.toml:2: the expectation 'q' gives ")
    assert said in caught.value.message
