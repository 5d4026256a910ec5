"""In which B-trees rows are looked for: all while that is little, else others in each drill."""

from __future__ import annotations

from dbops.drill.searched import ALL_UP_TO, BTree, choose

LARGE = [BTree("s", f"i{number}", (number + 1) * ALL_UP_TO) for number in range(20)]
SMALL = [BTree("s", f"i{number}", ALL_UP_TO // 20) for number in range(20)]


def test_little_is_searched_whole() -> None:
    assert SMALL == choose(SMALL, "auto", "run")
    assert [] == choose([], "auto", "run")


def test_much_is_searched_whole_where_that_is_asked_for() -> None:
    assert LARGE == choose(LARGE, "all", "run")


def test_of_much_at_most_a_tenth_is_read_by_one_drill() -> None:
    total = sum(one.bytes for one in LARGE)
    for number in range(50):
        chosen = choose(LARGE, "auto", f"run-{number}")
        assert chosen
        assert len(chosen) == 1 or sum(one.bytes for one in chosen) <= total / 10


def test_one_that_is_more_than_a_tenth_comes_round_too() -> None:
    several = [BTree("s", name, size) for name, size in (("huge", 90 << 30), ("small", 1 << 30))]
    assert {("huge",), ("small",)} == {
        tuple(one.name for one in choose(several, "auto", f"run-{number}")) for number in range(30)
    }


def test_every_index_comes_round() -> None:
    assert set(LARGE) == {one for number in range(200) for one in choose(LARGE, "auto", f"run-{number}")}


def test_the_run_decides_and_nobody_else() -> None:
    assert choose(LARGE, "auto", "run") == choose(LARGE, "auto", "run")


def test_a_pattern_means_one_index_whatever_its_name() -> None:
    assert '"S.x"."a""*b"' == BTree("S.x", 'a"*b', 1).pattern
