"""What this version does not do is refused at once, and what was named and is missing is not passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ('[drill]\ndepth = "pitr"\n', "--wal-archive DIR"),
        ('[audit]\nselect = ["nope"]\n', "there is no rule 'nope'"),
    ],
)
@pytest.mark.parametrize("command", ["drill", "suite"])
def test_a_suite_refuses_at_once_what_it_could_not_carry_out(
    dbops: Callable[..., Any], database: Target, tmp_path: Path, command: str, configuration: str, words: str
) -> None:
    config = tmp_path / "dbops.toml"
    config.write_text(configuration)
    if command == "drill" and "audit" in configuration:
        pytest.skip("a drill has no rules")
    answer = dbops(command, "--config", config, "--database-url", database.conninfo())
    assert answer.code == 2
    assert words in answer.err


def test_a_backup_directory_that_was_named_and_is_missing_is_no_reason_to_look_less_closely(
    dbops: Callable[..., Any], database: Target, tmp_path: Path
) -> None:
    answer = dbops("drill", "--backup-dir", tmp_path / "unmounted", "--database-url", database.conninfo())
    assert answer.code == 3
    assert "there is no backup directory" in answer.err
