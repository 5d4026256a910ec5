"""How firmly the policies of a table hold a role to its tenant, for each thing that it can do with rows.

The rules, in order. PostgreSQL notes on which columns a policy depends, and that decides: a policy that depends on
neither the tenant column, nor the whole row, nor another tenant table, cannot hold anybody to a tenant. What its texts
are asked is less: which of its two expressions names the column, whether one is true whatever the row, and whether a
session without a tenant is let in (`Hold`). `AND` holds as firmly as its firmest part, `OR` lets in what one part lets
in. For one role, everything is open that its weakest permissive policy opens, unless a restrictive one holds it. Only
policies that apply to a role count, and only what it was granted.
What it does not do: understand what a policy compares the tenant column with, or follow functions.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.access import (
    DELETE,
    INSERT,
    PUBLIC,
    SELECT,
    UPDATE,
    app_roles,
    applies,
    identities,
    privileges,
)
from dbops.checks.access import NEEDED as ACCESS
from dbops.checks.catalog import PolicyFunction, Relation, RowPolicy
from dbops.checks.holds import Hold, hold_in, lets_in, lets_past, token
from dbops.checks.names import qualified, quote
from dbops.checks.setting_reads import MARK, own_reads, reduced, same_setting, setting_reads
from dbops.checks.tenants import NEEDED as TENANTS
from dbops.checks.tenants import tenancy_of, tenant_column, tenant_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbops.checks.catalog import Catalog, Column
    from dbops.checks.policy import Policy
    from dbops.settings import TenancyTable

# The reads that the functions here want.
NEEDED = tuple(dict.fromkeys((*TENANTS, *ACCESS, PolicyFunction)))


class Side(enum.Enum):
    """What a policy is asked: which rows may be read, changed, removed; which may be written."""

    READ = (SELECT, "r")
    CHANGE = (UPDATE, "w")
    REMOVE = (DELETE, "d")
    ADD = (INSERT, "a")
    REWRITE = (UPDATE, "w ")  # the row as it is after UPDATE

    @property
    def privilege(self) -> str:
        """The letter of the privilege that comes first."""
        return self.value[0]

    @property
    def command(self) -> str:
        """The command that a policy is for."""
        return self.value[1].strip()

    @property
    def writes(self) -> bool:
        """Whether the new row is judged, not the old one."""
        return self in {Side.ADD, Side.REWRITE}


OLD_ROWS = (Side.READ, Side.CHANGE, Side.REMOVE)


class Judged(NamedTuple):
    """A table with tenants' rows and its policies; `column` is that of this very relation."""

    table: Relation
    column: Column | None
    policies: tuple[RowPolicy, ...]

    @property
    def name(self) -> str:
        """The canonical name."""
        return qualified(self.table.schema, self.table.name)

    def tied(self, row: RowPolicy) -> bool:
        """Return whether a policy depends on the tenant column."""
        return self.column is not None and self.column.number in row.columns


class Opening(NamedTuple):
    """A policy that does not hold a role to its tenant on one side, nor does any other."""

    policy: RowPolicy
    side: Side
    hold: Hold

    @property
    def is_wide(self) -> bool:
        """Whether every session gets through, not only one without a tenant."""
        return self.hold <= Hold.IGNORES


def policies_of(catalog: Catalog, table: int) -> tuple[RowPolicy, ...]:
    """Return the policies of a table, ordered by name."""
    return catalog.once("policies by table", lambda: _by_table(catalog)).get(table, ())


def _by_table(catalog: Catalog) -> dict[int, tuple[RowPolicy, ...]]:
    found: dict[int, list[RowPolicy]] = defaultdict(list)
    for row in catalog.rows(RowPolicy):
        found[row.table].append(row)
    return {table: tuple(rows) for table, rows in found.items()}


def judged_tables(catalog: Catalog, policy: Policy) -> Iterator[Judged]:
    """Yield the tables with tenants' rows and policies, partitions too; RuleSkippedError where tenants are no matter.

    Policies are judged whether they count or not: what is wrong with them is to be known before they are switched on.
    """
    tenancy = tenancy_of(catalog, policy)
    for relation in catalog.rows(Relation):
        policies = policies_of(catalog, relation.oid)
        if policies and tenant_table(catalog, policy, relation.oid):
            yield Judged(relation, tenant_column(catalog, tenancy, relation.oid), policies)


def spelled_policies(policies: Iterable[RowPolicy]) -> str:
    """Return the names of policies, each once, in one order."""
    names = sorted({quote(row.name) for row in policies})
    return f"{'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"


# Roles


def audience(catalog: Catalog, policy: Policy, judged: Judged) -> tuple[str, ...]:
    """Return the roles to judge a table for: the application's, else all that its policies name.

    A role that row-level security does not apply to is no way in that a policy opens; but the application's own roles
    shall obey, so what the policies would do to them is said before they do.
    """
    if app_roles(catalog, policy):
        return tuple(one.role.name for one in identities(catalog, policy) if not one.way or not one.is_above_policies)
    named = {name for row in judged.policies for name in row.roles}
    return tuple(sorted(named | {PUBLIC}))


def open_to_readers(catalog: Catalog, policy: Policy, judged: Judged, hold: Hold) -> tuple[RowPolicy, ...]:
    """Return the policies of one (lack of) hold by which rows are open, where reading is; ordered by name."""
    found = [one for one in openings(catalog, policy, judged) if one.is_wide and one.side in OLD_ROWS]
    if not any(one.side is Side.READ for one in found):
        return ()
    return tuple(sorted({one.policy for one in found if one.hold is hold}))


def blind_writes(catalog: Catalog, policy: Policy, judged: Judged) -> tuple[Opening, ...]:
    """Return what lets rows be changed or removed that cannot be read."""
    found = [one for one in openings(catalog, policy, judged) if one.is_wide and one.side in OLD_ROWS]
    return () if any(one.side is Side.READ for one in found) else tuple(found)


def open_to_writers(catalog: Catalog, policy: Policy, judged: Judged) -> tuple[Opening, ...]:
    """Return what lets rows of another tenant be written, by policies that are not open to old rows as well."""
    found = [one for one in openings(catalog, policy, judged) if one.is_wide]
    elsewhere = {one.policy for one in found if one.side in OLD_ROWS}
    return tuple(one for one in found if one.side.writes and one.policy not in elsewhere)


def openings(catalog: Catalog, policy: Policy, judged: Judged) -> tuple[Opening, ...]:
    """Return the policies by which some role is not held to its tenant, with the side where that is so."""
    key = ("openings", judged.table.oid, tenancy_of(catalog, policy))
    return catalog.once(key, lambda: tuple(dict.fromkeys(_openings(catalog, policy, judged))))


def _openings(catalog: Catalog, policy: Policy, judged: Judged) -> Iterator[Opening]:
    for role in audience(catalog, policy, judged):
        own = [row for row in judged.policies if applies(catalog, row, role)]
        for side in _sides(catalog, policy, judged, role):
            yield from _open(catalog, policy, judged, own, side)


def _open(catalog: Catalog, policy: Policy, judged: Judged, own: Sequence[RowPolicy], side: Side) -> Iterator[Opening]:
    """Yield what leaves one side open: the policies to blame, none where it is held or where nothing is allowed."""
    asked = [(row, text) for row in own if (text := expression(row, side)) is not None]
    holds = [(row, hold_of(catalog, policy, judged, row, text)) for row, text in asked]
    permissive = [hold for row, hold in holds if row.permissive]
    if not permissive:
        return
    firm = max([min(permissive), *(hold for row, hold in holds if not row.permissive)])
    for row, hold in holds:
        if firm < Hold.BINDS and hold < Hold.BINDS and (hold == firm or (row.permissive and firm < Hold.FAILS_OPEN)):
            yield Opening(row, side, hold)


def ways_past(catalog: Catalog, policy: Policy, judged: Judged) -> tuple[RowPolicy, ...]:
    """Return the policies in which OR lets another condition stand for the tenant's, where nothing else holds."""
    found: set[RowPolicy] = set()
    if not any(
        " OR " in text for row in judged.policies for text in (row.using_expression, row.check_expression) if text
    ):
        return ()  # as with most tables, and looking closer costs
    for role in audience(catalog, policy, judged):
        own = [row for row in judged.policies if applies(catalog, row, role)]
        for side in _sides(catalog, policy, judged, role):
            past = {row: _is_past(catalog, policy, judged, row, side) for row in own if expression(row, side)}
            if all(is_past for row, is_past in past.items() if not row.permissive):
                found.update(row for row, is_past in past.items() if is_past and row.permissive)
    return tuple(sorted(found))


def _is_past(catalog: Catalog, policy: Policy, judged: Judged, row: RowPolicy, side: Side) -> bool:
    """Return whether a policy lets others past on one side; of a restrictive one, whether it does not hold."""
    text = expression(row, side)
    if text is None or judged.column is None:
        return False
    if not row.permissive and hold_of(catalog, policy, judged, row, text) < Hold.BINDS:
        return True
    return lets_past(*_with_ties(catalog, policy, judged, judged.column, row, text))


def _sides(catalog: Catalog, policy: Policy, judged: Judged, role: str) -> tuple[Side, ...]:
    """Return what a role may do with a table; everything where nobody knows what it was granted."""
    if not app_roles(catalog, policy):  # roles of policies stand in for the application's
        return tuple(Side)
    granted = privileges(catalog, role, judged.table)
    return tuple(side for side in Side if side.privilege in granted)


def expression(row: RowPolicy, side: Side) -> str | None:
    """Return what a policy says on one side, None where it says nothing there."""
    if row.command not in {"*", side.command}:
        return None
    if side.writes and row.check_expression is not None:
        return row.check_expression
    return row.using_expression


# Expressions


def hold_of(catalog: Catalog, policy: Policy, judged: Judged, row: RowPolicy, text: str) -> Hold:
    """Return how firmly one expression of a policy holds."""
    if judged.column is None:  # told by another table: only what lets everybody in is known to be wrong
        return Hold.ALWAYS_TRUE if hold_in(reduced(text), "") is Hold.ALWAYS_TRUE else Hold.BINDS
    return hold_in(*_with_ties(catalog, policy, judged, judged.column, row, text))


def _with_ties(  # noqa: PLR0913, PLR0917  (a text, and all that says what it means)
    catalog: Catalog, policy: Policy, judged: Judged, column: Column, row: RowPolicy, text: str
) -> tuple[str, str]:
    """Return an expression reduced, and the pattern of what ties it to a tenant, empty where nothing does."""
    helpers = helpers_of(catalog, row)
    open_calls = [helper.call for helper in helpers if lets_in(helper.source)]
    calls = [helper.call for helper in helpers if helper.call not in open_calls]
    for call in open_calls:
        text = text.replace(call, f"coalesce({MARK}, {call})")
    elsewhere = any(tenant_table(catalog, policy, relation) for relation in row.relations)
    tied = judged.tied(row) or ".*" in text or elsewhere
    ties = [token(quote(column.name)), r"\.\*", *([r"\bSELECT\b"] if elsewhere else [])]
    return reduced(text, calls), "|".join(ties) if tied else ""


# Functions


def helpers_of(catalog: Catalog, row: RowPolicy) -> tuple[PolicyFunction, ...]:
    """Return the functions without arguments by which a policy reads a setting."""
    known = functions(catalog)
    called = (known[oid] for oid in row.functions if oid in known)
    return tuple(one for one in called if not one.arguments and setting_reads(one.source))


def calls_of(catalog: Catalog, row: RowPolicy) -> tuple[str, ...]:
    """Return the calls in a policy that are made again for each row unless a sub-select is around them."""
    known = functions(catalog)
    called = (known[oid] for oid in row.functions if oid in known)
    return tuple(
        one.call for one in called if not one.arguments and (one.volatility != "i" or setting_reads(one.source))
    )


def functions(catalog: Catalog) -> Mapping[int, PolicyFunction]:
    """Return the functions that policies call or that read settings, by OID."""
    return catalog.once("policy functions", lambda: {one.oid: one for one in catalog.rows(PolicyFunction)})


def settings_read(catalog: Catalog, row: RowPolicy) -> tuple[str, ...]:
    """Return the settings that a policy compares the row with, itself or by its functions, in one order."""
    texts = [row.using_expression, row.check_expression, *(one.source for one in helpers_of(catalog, row))]
    return tuple(sorted({read.setting for text in texts for read in own_reads(text)}))


def misread(catalog: Catalog, tenancy: TenancyTable, row: RowPolicy) -> tuple[str, ...]:
    """Return the settings that a policy reads in the place of the tenant's, none where it reads that one or none."""
    read = settings_read(catalog, row)
    return () if any(same_setting(name, tenancy.setting) for name in read) else read
