"""Write the generated documentation, or check with --check that the committed pages are fresh.

Generated: docs/cli.md (from the commands), docs/checks/ (one page per rule, from its docstring), docs/schema/ (JSON
Schemas of the kept documents) and the jobs in docs/deploy/ (as `dbops init` prints them). Everything here is derived;
edit the source it comes from.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def cli_page() -> dict[str, str]:
    """Return docs/cli.md, from Typer's own documentation generator."""
    from typer.cli import app as typer_app

    result = CliRunner().invoke(
        typer_app, ["dbops.cli.app", "utils", "docs", "--name", "dbops", "--title", "Commands"], env={"COLUMNS": "100"}
    )
    if result.exit_code != 0:
        raise SystemExit(f"typer could not document the commands: {result.output}")
    return {"cli.md": result.output.strip() + "\n"}


def schema_pages() -> dict[str, str]:
    """Return docs/schema/*.json."""
    from dbops.drill.isolation.document import IsolationEvidence
    from dbops.evidence.schema import schemas
    from dbops.settings import Settings

    documents = schemas() | {
        "configuration-v1": Settings.model_json_schema(),
        "isolation-v1": IsolationEvidence.model_json_schema(by_alias=True),
    }
    return {f"schema/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in documents.items()}


def check_pages() -> dict[str, str]:
    """Return docs/checks/*.md with their index, from the rules' docstrings."""
    from dbops.checks.pages import pages

    return {f"checks/{name}": text for name, text in pages().items()}


def job_files() -> dict[str, str]:
    """Return the jobs of docs/deploy, from the templates that `dbops init` fills."""
    from dbops.render.jobs import Ci, action, ci_job, cron_job, example, systemd_units

    plan = example()
    jobs = {
        "github/dbops.yml": ci_job(Ci.GITHUB, plan),
        "github-action/action.yml": action(),
        "gitlab/dbops.gitlab-ci.yml": ci_job(Ci.GITLAB, plan),
        "kubernetes/cronjob.yaml": cron_job(plan),
    }
    jobs |= {f"systemd/{name}": text for name, text in systemd_units(plan).items()}
    return {f"deploy/{name}": text for name, text in jobs.items()}


def main() -> int:
    """Write the pages; with --check write nothing and return 1 if any differs from what is committed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    wanted = cli_page() | schema_pages() | check_pages() | job_files()
    generated = {"cli.md", *(str(p.relative_to(DOCS)) for d in ("checks", "schema") for p in (DOCS / d).glob("*.*"))}
    stale = [n for n, text in wanted.items() if not (DOCS / n).exists() or (DOCS / n).read_text() != text]
    orphaned = sorted(generated - wanted.keys())
    if check:
        for name in [*stale, *orphaned]:
            print(f"docs/{name} is not what the source says; run `make docs`", file=sys.stderr)
        return 1 if stale or orphaned else 0
    for name in stale:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(wanted[name])
    for name in orphaned:
        (DOCS / name).unlink()
    print(f"{len(stale)} written, {len(orphaned)} removed, {len(wanted)} in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
