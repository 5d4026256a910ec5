"""The rules' pages, for `docs/checks/` and `--explain`: all from the rules' own docstrings."""

from __future__ import annotations

import difflib
from itertools import groupby

from dbops.checks.rule import LoadedRule, rules
from dbops.errors import UsageError


def pages() -> dict[str, str]:
    """Return the text of every page by file name, the index among them."""
    return {f"{rule.slug}.md": rule.page for rule in rules().values()} | {"README.md": _index()}


def explain(slug: str) -> str:
    """Return the page of one rule; UsageError naming the nearest if there is none."""
    known = rules()
    if slug not in known:
        raise UsageError(f"there is no rule {slug!r}", hint=nearest_rule(slug))
    return known[slug].page


def nearest_rule(slug: str) -> str:
    """Return a hint for a slug that is none."""
    close = difflib.get_close_matches(slug, rules(), n=1)
    return f"did you mean {close[0]}?" if close else f"rules: {', '.join(rules())}"


def _index() -> str:
    lines = ["# Rules", "", "One page each; `dbops audit --explain RULE` prints it.", ""]
    by_family = sorted(rules().values(), key=lambda rule: (rule.family, rule.slug))
    for family, members in groupby(by_family, key=lambda rule: rule.family):
        lines += [f"## {family.replace('_', ' ').capitalize()}", ""]
        lines += [_entry(rule) for rule in members]
        lines.append("")
    return "\n".join(lines)


def _entry(rule: LoadedRule) -> str:
    return f"- [{rule.slug}]({rule.slug}.md) ({rule.rule.severity}): {rule.title}"
