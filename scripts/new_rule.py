"""Write the two stubs of a new rule: `python scripts/new_rule.py fk-type-mismatch --family keys`.

One is its module, which is found by being there, the other its cases. It is a rule once its docstring has words, its
`find` yields, and its cases hold (the tests say what is missing). Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "src" / "dbops" / "checks" / "rules"
CASES = ROOT / "tests" / "checks" / "cases"

_RULE = '''"""{title}.

## What it detects

## Why it matters

## How to fix

## What it does not see
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import Relation
from dbops.checks.names import qualified
from dbops.checks.rule import Draft, Rule
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[Relation])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each thing that is wrong."""
    for relation in catalog.rows(Relation):
        yield Draft(object=qualified(relation.schema, relation.name), detail="")
'''

_CASES = """-- case: it is wrong
-- finds: public.visit
create table visit (id bigint primary key);

-- case: it is right
-- finds: 0
create table visit (id bigint primary key);

-- case (near miss): it looks wrong
-- finds: 0
create table visit (id bigint primary key);
"""


def main() -> int:
    """Write the stubs; 2 if the name is not one or the rule is there already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slug", help="what is wrong, in words: fk-type-mismatch")
    parser.add_argument("--family", required=True, help="a directory of src/dbops/checks/rules")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to write to")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", arguments.slug):
        return _refused(f"{arguments.slug!r} is no slug: words in lower case, joined by hyphens")
    family = arguments.root / RULES.relative_to(ROOT) / arguments.family
    if not family.is_dir():
        families = ", ".join(sorted(path.name for path in family.parent.glob("[a-z]*") if path.is_dir()))
        return _refused(f"there is no family {arguments.family!r}; there are: {families}")
    stubs = {
        family / f"{arguments.slug.replace('-', '_')}.py": _RULE.format(title=_title(arguments.slug)),
        arguments.root / CASES.relative_to(ROOT) / f"{arguments.slug}.sql": _CASES,
    }
    if there := [path for path in stubs if path.exists()]:
        return _refused(f"{there[0]} is there already")
    for path, text in stubs.items():
        path.write_text(text)
        print(path.relative_to(arguments.root))
    return 0


def _title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def _refused(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
