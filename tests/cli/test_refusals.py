"""What this version does not do is refused at once, and what was named and is missing is not passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Dbops
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


@pytest.mark.parametrize(
    ("configuration", "complaint"),
    [
        ('[audit]\npacks = ["erb"]\n', "dbops.toml:2: audit.packs: there is no pack 'erb'"),
        (
            '[audit]\n\nselect = [\n  "no-primary-key",\n  "nope",\n]\n',
            "dbops.toml:3: audit.select: there is no rule 'nope'",
        ),
        ('[audit]\nignore = ["nope"]\n', "dbops.toml:2: audit.ignore: there is no rule 'nope'"),
    ],
)
@pytest.mark.parametrize("command", ["audit", "suite"])
def test_a_name_in_the_configuration_that_is_none_is_refused_with_its_file_and_line(
    dbops: Dbops, bare_environment: Path, command: str, configuration: str, complaint: str
) -> None:
    (bare_environment / "dbops.toml").write_text(configuration)
    answer = dbops(command, "--database-url", "postgresql://nobody@/nothing")
    assert (2, "") == (answer.code, answer.out)
    assert complaint in answer.err


def test_a_name_on_the_command_line_that_is_none_is_refused_with_its_option_not_with_a_file(
    dbops: Dbops, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_environment / "dbops.toml").write_text('[audit]\nselect = ["no-primary-key"]\n')
    url = ("--database-url", "postgresql://nobody@/nothing")
    assert "--select: there is no rule 'nope'" in dbops("audit", *url, "--select", "nope").err
    assert "--packs: there is no pack 'erb'" in dbops("audit", *url, "--packs", "erb").err
    monkeypatch.setenv("DBOPS_AUDIT_IGNORE", "nope")
    assert "DBOPS_AUDIT_IGNORE: audit.ignore: there is no rule 'nope'" in dbops("audit", *url).err
