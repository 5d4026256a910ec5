"""From the findings of an audit to one plan of statements that cannot contradict each other: what `--fix` writes.

Every finding prints its own fix, as though it were the only one. Put together, they may make one index twice, drop what
another one needs, or build what the next audit would call superfluous. The rules, in order of authority: a declared
expectation is met; what is broken or missing is mended; what is superfluous goes; what is bloated is built anew. So

1. an index that two fixes make is made once, and one that another new index covers is not made;
2. a statement that a graver fix makes needless is left out; a fix that a graver one forbids is left out as a whole, and
   named as left for the next audit;
3. an index that becomes the beginning of a new one is dropped with the rest;
4. new names are given out once;
5. leftovers go first, then indexes are made and mended, built anew, dropped; what renames an index comes after that,
   and whatever is not about indexes last.

Applied to the database it was made from, the next audit finds none of it, and nothing new. Statements that concern the
whole server are no part of it. What this module does not do: write the script (`fix_script.py`), or run anything.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbops.checks.ddl import Name, Statement, Verb, first_words, read, split
from dbops.checks.names import fresh_name
from dbops.checks.outlook import Outlook
from dbops.checks.remediation import drop_index
from dbops.checks.rule import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.checks.catalog import Catalog, Index
    from dbops.checks.outlook import Product
    from dbops.checks.policy import Policy
    from dbops.model import Check, Finding

# What the script may begin a statement with. ALTER SYSTEM, extensions, and functions that do something to the server or
# to other sessions, are a person's to run.
_VERBS = frozenset(
    {"alter", "analyze", "begin", "comment", "commit", "create", "drop", "grant", "reindex", "revoke", "vacuum"}
)
_AUTHORITY = {
    "duplicate-index": 2,
    "redundant-index": 3,
    "unused-index": 4,
    "collation-version-drift": 5,
    "index-bloat": 6,
}
_EXPECTATIONS, _MENDING = 0, 1
# A role belongs to the whole cluster, and takes a superuser to make where it has BYPASSRLS.
_NEW_ROLE = ("create", "role")


class Phase(enum.IntEnum):
    """When in the script a fix is due."""

    LEFTOVERS = 1
    BUILD = 2
    REBUILD = 3
    DROP = 4
    PROMOTE = 5
    OTHER = 6


@dataclass(frozen=True, slots=True)
class Step:
    """What one fix still has to do: its statements, those that undo them, and why it is there.

    `finding` is None where nothing was found but will be, once the steps before have been taken.
    """

    statements: tuple[Statement, ...]
    undo: tuple[str, ...]
    why: str
    finding: Finding | None = None
    locks: str | None = None
    late: bool = False  # it speaks of an index by the name that a step of the building phase gives it

    @property
    def authority(self) -> int:
        """Whose word counts: the lowest."""
        if self.finding is None:
            return max(_AUTHORITY.values())
        rule = rules().get(self.finding.rule)
        if rule and rule.family == "expectations":
            return _EXPECTATIONS
        return _AUTHORITY.get(self.finding.rule, _MENDING)


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that the script does not mend, and why."""

    finding: Finding
    why: str


@dataclass(slots=True)
class Plan:
    """What the script does, in order; which findings another step sees to; and which are left."""

    steps: list[Step] = field(default_factory=list)
    seen_to: list[Left] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    @property
    def mended(self) -> int:
        """How many findings it mends."""
        return len(self.seen_to) + sum(step.finding is not None for step in self.steps)


def plan(catalog: Catalog, policy: Policy, checks: Iterable[Check]) -> Plan:
    """Return what mends the findings of an audit of this very catalog, waived ones aside."""
    made = Plan()
    steps: list[Step] = []
    for finding in (finding for check in checks for finding in check.findings):
        if why := _not_for_a_script(finding):
            made.left.append(Left(finding, why))
        else:
            steps.append(_step(finding))
    steps.sort(key=lambda step: step.authority)  # stable: within one authority the order of the report
    outlook = Outlook(catalog, policy)
    for step in [*_without_needless_builds(catalog, steps, outlook, made)]:
        _admit(step, outlook, made)
    made.steps += _follow_ups(catalog, outlook)
    _give_names(catalog, made)
    made.steps.sort(key=lambda step: _phase(catalog, step))
    return made


def _not_for_a_script(finding: Finding) -> str | None:
    if finding.waived:
        return f"waived until {finding.waived.expires}: {finding.waived.reason}"
    words = [first_words(statement) for statement in split(finding.fix or "")]
    if not words:
        return f"no statement mends it; what does: dbops audit --explain {finding.rule}"
    beyond = _NEW_ROLE in words or any(second in {"system", "extension"} for _, second in words)
    if beyond or any(first not in _VERBS for first, _ in words):
        return "its statements concern more than this database; they are in the report, to be run by hand"
    return None


def _step(finding: Finding) -> Step:
    return Step(
        statements=tuple(read(text) for text in split(finding.fix or "")),
        undo=split(finding.undo or ""),
        why=finding.detail,
        finding=finding,
        locks=finding.locks,
    )


# One index once


def _without_needless_builds(catalog: Catalog, steps: Sequence[Step], outlook: Outlook, made: Plan) -> Iterator[Step]:
    """Yield the steps, without those that only make an index whose work another step's index does.

    Where such an index is there already, but unusable, it is dropped instead.
    """
    made_by = [tuple(outlook.products(step.statements)) for step in steps]
    products = [next(iter(made), None) for made in made_by]
    # The longest first: what makes another needless must not turn out to be needless itself.
    order = sorted(range(len(steps)), key=lambda i: (-_keys(products[i]), -i))
    better: dict[int, Product] = {}
    for i in order:
        others = (other for j in range(len(steps)) if j != i and j not in better for other in made_by[j])
        found = next((other for other in others if _makes_needless(outlook, steps[i], products[i], other)), None)
        if found is not None:
            better[i] = found
    for i, step in enumerate(steps):
        product, other = products[i], better.get(i)
        if product is None or other is None or step.finding is None:
            rest = [one for j in range(len(steps)) if j != i and j not in better for one in made_by[j]]
            yield _slimmed(outlook, step, rest)
        elif superfluous := product.there or _dropped(outlook, step):
            why = f"{step.why}; {other.name} will do the same, so it is dropped"
            yield _drop(catalog, superfluous, why, step.finding)
        else:
            made.seen_to.append(Left(step.finding, f"{other.name} will do the same"))


def _slimmed(outlook: Outlook, step: Step, others: Sequence[Product]) -> Step:
    """Return a step that does more than make indexes without those of them that a longer one makes needless."""
    if all(statement.verb is not Verb.OTHER for statement in step.statements):
        return step
    needless = {
        made.name
        for made in outlook.products(step.statements)
        if made.there is None
        and any(
            other.table == made.table and _keys(other) > _keys(made) and outlook.does_the_work_of(other, made)
            for other in others
        )
    }
    if not needless:
        return step
    return replace(
        step,
        statements=tuple(one for one in step.statements if one.verb is Verb.OTHER or one.index not in needless),
        undo=tuple(text for text in step.undo if read(text).verb is Verb.OTHER or read(text).index not in needless),
    )


def _dropped(outlook: Outlook, step: Step) -> Index | None:
    """Return the decoy that a step drops: it goes, whoever makes the index that it stood in for."""
    return next((outlook.is_there(one) for one in step.statements if one.verb is Verb.DROP), None)


def _keys(product: Product | None) -> int:
    return len(product.structure.keys) if product else 0


def _makes_needless(outlook: Outlook, step: Step, product: Product | None, other: Product | None) -> bool:
    """Return whether the index `other` does all that the index which a step makes would do."""
    if product is None or other is None or product.table != other.table or (product.there and product == other):
        return False
    if any(statement.verb in {Verb.PROMOTE, Verb.OTHER} for statement in step.statements):
        return False  # it does more than make an index
    if product.there and not outlook.may_go_unusable(product.there):
        return False
    if outlook.same(other, product):
        return True
    if step.finding and step.finding.rule == "fk-without-index" and product.there is None:
        return outlook.covers_columns_of(other, product)
    declared = step.authority == _EXPECTATIONS or outlook.is_awaited(product)
    free = not declared or _keys(other) == _keys(product) or outlook.longer_will_do(product)
    return free and outlook.does_the_work_of(other, product)


def _drop(catalog: Catalog, index: Index, why: str, finding: Finding | None = None) -> Step:
    fix = drop_index(catalog, index)
    return Step(tuple(map(read, split(fix.sql))), split(fix.undo or ""), why, finding, fix.locks)


# One step after the other


def _admit(step: Step, outlook: Outlook, made: Plan) -> None:
    """Take a step into the plan, without what is done already, unless one before it forbids it."""
    named = tuple(outlook.as_named_by_then(statement) for statement in step.statements)
    step = replace(step, statements=named, late=named != step.statements)
    if why := next(filter(None, (outlook.forbids(statement) for statement in step.statements)), None):
        if step.finding:
            made.left.append(Left(step.finding, f"{why}; audit again when this script has run"))
        return
    again = any(step.statements == other.statements for other in made.steps)
    due = () if again else tuple(statement for statement in step.statements if not outlook.done(statement))
    outlook.take(due, needed=step.authority <= _MENDING)
    if due:
        made.steps.append(replace(step, statements=due))
    elif step.finding:
        made.seen_to.append(Left(step.finding, "a step for another finding does it too"))


def _follow_ups(catalog: Catalog, outlook: Outlook) -> Iterator[Step]:
    """Yield what drops the indexes whose work the new ones do: the next audit would find them."""
    for index, new in outlook.outdone():
        yield _drop(catalog, index, f"{catalog.index_name(index)} does nothing that {new} will not do")


# Names and order


def _give_names(catalog: Catalog, made: Plan) -> None:
    """Give another name to each new index whose name an earlier step has given out."""
    given: set[Name] = set()
    for number, step in enumerate(made.steps):
        new = [s.index for s in step.statements if s.verb is Verb.CREATE and s.index]
        renamed = {}
        for name in new:
            if name in given:
                taken = catalog.taken_names(name.schema) | {one.name for one in (*given, *new)}
                renamed[name.name] = fresh_name(name.name, (), taken, plain=False, shape=f"{number} {name}")
        if renamed:
            made.steps[number] = step = replace(  # noqa: PLW2901
                step,
                statements=tuple(statement.with_names(renamed) for statement in step.statements),
                undo=tuple(read(text).with_names(renamed).text for text in step.undo),
            )
        given.update(s.index for s in step.statements if s.verb is Verb.CREATE and s.index)


def _phase(catalog: Catalog, step: Step) -> Phase:
    verbs = {statement.verb for statement in step.statements}
    if verbs == {Verb.DROP}:
        touched = _touched(catalog, step)
        return (
            Phase.LEFTOVERS if touched and not step.late and not any(index.usable for index in touched) else Phase.DROP
        )
    if verbs & {Verb.CREATE, Verb.ATTACH, Verb.RENAME}:
        return Phase.BUILD
    if verbs == {Verb.REBUILD} and step.authority <= _MENDING:
        return Phase.BUILD
    if Verb.REBUILD in verbs:
        return Phase.REBUILD
    return Phase.PROMOTE if Verb.PROMOTE in verbs else Phase.OTHER


def _touched(catalog: Catalog, step: Step) -> list[Index]:
    by_name = {catalog.index_name(index): index for index in catalog.indexes.values()}
    names = [str(name) for statement in step.statements for name in statement.touched]
    return [by_name[name] for name in names if name in by_name]
