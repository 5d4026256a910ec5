"""What a rule is: a module with a docstring, a `RULE` and a pure function, found by being there.

A rule's slug is its file name, its page the module's docstring: a title line, then the sections `SECTIONS`. `find` gets
the snapshot and the policy and yields a `Draft` for each thing that is wrong; it may raise `RuleSkippedError` when it
cannot tell, and reads no clock, no file and no server. A rule about the results of others has `review` in
its place, which gets their checks.
Registration is discovery (`rules()`): nothing is listed anywhere.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dbops.errors import DbopsError

if TYPE_CHECKING:
    from types import ModuleType

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix
    from dbops.model import Check, Location, Scope
    from dbops.severity import Severity

SECTIONS = ("What it detects", "Why it matters", "How to fix", "What it does not see")

_RULES_PACKAGE = "dbops.checks.rules"


class RuleSkippedError(DbopsError):
    """A rule cannot say anything here: why, and what to do about it (`hint`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule module says of itself beside its page.

    `needs` are the reads without which it can say nothing: one of them failing makes it a skip or an error. `refines`
    are reads that make it say more; without them it still runs. `severity` is that of a finding that names none. Where
    `unasked` says so of a policy, it runs whatever was selected; what is ignored never runs.
    """

    severity: Severity
    needs: Sequence[type[tuple[Any, ...]]] = ()
    refines: Sequence[type[tuple[Any, ...]]] = ()
    unasked: Callable[[Policy], bool] = lambda _: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A finding as its rule knows it; the runner adds slug, fingerprint and waiver.

    `object` is the canonical quoted name of what is wrong. The fingerprint is taken of the rule, `subject` (`object`
    where not given) and `signature`, so neither may hold what a rename or growth changes: an index goes by its table
    and structure. `why` is the page's word where not given, `expectation` the id of the declaration that is not met.
    """

    object: str
    detail: str
    signature: tuple[str, ...] = ()
    subject: str | None = None
    severity: Severity | None = None
    why: str | None = None
    verify: str | None = None
    fix: Fix | None = None
    location: Location | None = None
    expectation: str | None = None


Find = Callable[["Catalog", "Policy"], Iterable[Draft]]
Review = Callable[["Sequence[Check]", "Policy"], Iterable[Draft]]
Count = Callable[["Catalog", "Policy"], "Scope | None"]


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule as discovered: its identity, its page and its functions (`find`, or `review`; `scope` is optional)."""

    slug: str
    family: str
    title: str
    sections: dict[str, str]
    rule: Rule
    find: Find | None
    review: Review | None
    scope: Count | None

    @property
    def why(self) -> str:
        """Why its findings matter, in one paragraph: the first of that section."""
        return " ".join(self.sections["Why it matters"].split("\n\n", 1)[0].split())

    @property
    def page(self) -> str:
        """The rule's page in Markdown."""
        body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in self.sections.items())
        return f"# {self.title}\n\n`{self.slug}`, {self.rule.severity} unless a finding says otherwise\n\n{body}\n"


@cache
def rules() -> dict[str, LoadedRule]:
    """Return every rule by slug, in the order of slugs."""
    package = importlib.import_module(_RULES_PACKAGE)
    found = [
        load_rule(importlib.import_module(module.name))
        for module in pkgutil.walk_packages(package.__path__, f"{_RULES_PACKAGE}.")
        if not module.ispkg
    ]
    return {rule.slug: rule for rule in sorted(found, key=lambda rule: rule.slug)}


def load_rule(module: ModuleType) -> LoadedRule:
    """Return the rule a module defines; a module that does not define one as agreed is a bug."""
    title, sections = _parse_page(inspect.getdoc(module) or "", module.__name__)
    *_, family, name = module.__name__.split(".")
    find, review = getattr(module, "find", None), getattr(module, "review", None)
    if (find is None) == (review is None):
        raise AssertionError(f"{module.__name__} needs either find or review")
    return LoadedRule(
        slug=name.replace("_", "-"),
        family=family,
        title=title,
        sections=sections,
        rule=module.RULE,
        find=find,
        review=review,
        scope=getattr(module, "scope", None),
    )


def _parse_page(page: str, name: str) -> tuple[str, dict[str, str]]:
    title, *parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    sections = {heading.strip(): text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    if tuple(sections) != SECTIONS or not title.strip() or not all(sections.values()):
        raise AssertionError(f"the docstring of {name} needs a title and the sections {', '.join(SECTIONS)}")
    return title.strip().rstrip("."), sections
