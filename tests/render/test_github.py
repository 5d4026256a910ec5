"""Workflow commands as the runner of GitHub Actions reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.model import Check, CheckStatus, Problem, Severity
from dbops.render.github import github_text, step_summary
from dbops.render.markdown import markdown_text

if TYPE_CHECKING:
    from conftest import MakeFinding, MakeReport
    from dbops.model import Report


class Heard(NamedTuple):
    """A command as the runner understood it."""

    name: str
    properties: dict[str, str]
    message: str


def unescaped(text: str, *, more: tuple[tuple[str, str], ...] = ()) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(code, char)
    return text


def heard(line: str) -> Heard | None:
    """Read a line of a log by the runner's rules: leading blanks do not matter, the next `::` ends the head."""
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    head, _, message = line[2:].partition("::")
    name, _, listed = head.partition(" ")
    pairs = (pair.partition("=") for pair in listed.strip().split(",") if pair)
    properties = {key: unescaped(value, more=(("%3A", ":"), ("%2C", ","))) for key, _, value in pairs}
    return Heard(name, properties, unescaped(message))


def commands(report: Report) -> list[Heard]:
    return [command for line in github_text(report).split("\n") if (command := heard(line))]


def test_a_finding_is_an_annotation_at_the_line_that_declares_it(mixed: Report) -> None:
    placed = [command for command in commands(mixed) if "file" in command.properties]
    assert [
        Heard(
            "error",
            {"file": "ops/dbops.toml", "line": "12", "title": "dbops audit: expected-index-missing"},
            "public.accounts: no index for public.accounts\ndeletes of the parent read the whole table\n"
            "fix:\ncreate index concurrently ix on public.accounts (code);",
        )
    ] == placed


def test_kinds_follow_severity_and_everything_undecided_is_there(mixed: Report) -> None:
    assert [
        ("error", "dbops drill: RTO missed"),
        ("error", "dbops audit: invalid-index could not be checked"),
        ("error", "dbops audit: expected-index-missing"),
        ("error", "dbops audit: fk-without-index"),
        ("error", "dbops audit: fk-without-index"),
        ("notice", "dbops audit: unused-index"),
        ("notice", "dbops audit: 1 check not made"),
    ] == [(command.name, command.properties["title"]) for command in commands(mixed)]


def test_an_accepted_finding_is_no_annotation(mixed: Report) -> None:
    assert [] == [command for command in commands(mixed) if "public.sessions" in command.message]


def test_at_most_ten_of_a_kind_and_the_rest_is_counted(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = [make_finding(f"t{number}", severity=Severity.WARNING) for number in range(13)]
    found += [make_finding(f"e{number}", severity=Severity.ERROR) for number in range(10)]
    report = make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=tuple(found)))
    names = [command.name for command in commands(report)]
    assert (10, 10) == (names.count("error"), names.count("warning"))
    plain = [line for line in github_text(report).splitlines() if heard(line) is None]
    assert ["dbops: 3 more warnings, in the report"] == plain[:-1]


def test_the_last_line_is_the_verdict(mixed: Report) -> None:
    assert github_text(mixed).splitlines()[-1].startswith("dbops suite: FAIL  3 errors")


def test_what_could_not_be_carried_out_is_an_error(make_report: MakeReport) -> None:
    said = commands(make_report(problem=Problem(message="nobody there", hint="start it")))
    title = "dbops audit: could not be carried out"
    assert [Heard("error", {"title": title}, "nobody there\nstart it")] == said


def test_a_name_adds_no_command_and_no_property(nasty: Report) -> None:
    found = commands(nasty)
    assert {"error", "warning", "notice"} >= {command.name for command in found}
    assert [] == [command for command in found if not {"file", "line", "title"} >= command.properties.keys()]
    assert {"3"} == {command.properties["line"] for command in found if "line" in command.properties}
    others = [line for line in github_text(nasty).split("\n") if heard(line) is None]
    assert [] == [line for line in others if "##[" in line]
    assert all(line.startswith("dbops") for line in others if line)


def test_percent_signs_arrive_as_they_were(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = make_finding('public."50%0A,:%25"', location={"file": "a,b:%.toml", "line": 2})
    heard_once = commands(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(found,))))[0]
    assert 'public."50%0A,:%25": no index for public."50%0A,:%25"' == heard_once.message.splitlines()[0]
    assert "a,b:%.toml" == heard_once.properties["file"]


def test_a_long_message_is_cut_before_the_runner_does(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = make_finding(fix="select 1;\n" * 1000)
    said = commands(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(found,))))
    assert 4096 > len(said[0].message)
    assert said[0].message.endswith(" ...")


def test_the_step_summary_is_the_ticket(mixed: Report) -> None:
    assert markdown_text(mixed) == step_summary(mixed)


def test_a_step_summary_stays_below_what_github_shows(make_report: MakeReport, make_finding: MakeFinding) -> None:
    found = tuple(make_finding(f"t{number}", fix="select 1;\n" * 200) for number in range(1500))
    text = step_summary(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=found)))
    assert 1024 * 1024 > len(text.encode())
    assert "and 1,400 more findings, in the report." in text
    assert text.startswith("# dbops audit: FAIL\n")


def test_a_step_summary_of_one_endless_finding_is_the_verdict(
    make_report: MakeReport, make_finding: MakeFinding
) -> None:
    found = make_finding(fix="select 1;\n" * 200_000)
    text = step_summary(make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(found,))))
    assert "# dbops audit: FAIL\n\nToo long to be shown here; see the report.\n" == text
