"""The house keeps its own rules: layers are import-linter's, what it cannot see is here."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from dbops.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "dbops").rglob("*.py"))
HEAVY = ["psycopg", "pydantic_settings", "jinja2", "cryptography"]
TOP_LEVEL = {
    *(".ci", ".git", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md"),
    *("SECURITY.md", "docs", "logs", "pyproject.toml", "requirements.lock", "scripts", "src", "tests"),
}


def calls(tree: ast.AST, dotted: str) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) == dotted for node in ast.walk(tree))


def test_only_the_session_module_connects_to_postgresql() -> None:
    connecting = {
        str(path.relative_to(ROOT / "src" / "dbops"))
        for path in SOURCES
        if any(calls(ast.parse(path.read_text()), name) for name in ("psycopg.connect", "psycopg.Connection.connect"))
    }
    assert connecting == {"connection/session.py"}


def imported(tree: ast.AST) -> set[str]:
    """Return the names of the modules that a module imports anywhere, in functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""}
    return names


def test_only_the_process_runner_starts_programs() -> None:
    starting = {
        str(path.relative_to(ROOT / "src" / "dbops"))
        for path in SOURCES
        if "subprocess" in imported(ast.parse(path.read_text()))
    }
    assert starting == {"connection/process.py"}


def test_help_imports_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys\n"
        "from dbops.__main__ import main\n"
        "sys.argv = ['dbops', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_generated_docs_are_what_the_source_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/gen_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_top_level_holds_only_what_the_design_names() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split("/")[0] for line in tracked.splitlines()} <= TOP_LEVEL


def test_the_readme_documents_every_exit_code() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)}
    assert {int(code) for code in ExitCode} <= documented


def test_the_pins_name_no_index() -> None:
    pins = (ROOT / "requirements.lock").read_text()
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", pins) == []


def test_a_configuration_beside_the_temporary_files_reaches_no_test(tmp_path: Path) -> None:
    (tmp_path / "dbops.toml").write_text("broken [")
    words = ["-q", "-p", "no:cacheprovider", "tests/cli/test_jobs.py", "-k", "without_a_configuration"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, f"--basetemp={tmp_path / 'tests'}"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
