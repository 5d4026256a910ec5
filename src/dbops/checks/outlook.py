"""The indexes of a database as they will be when some statements have been run: what is made, gone, needed by then.

`take` notes what a statement does; `forbids` and `done` say whether another one may and need still be run after it;
`outdone` which of the old indexes the new ones make superfluous. Old and new are compared by the words of CREATE INDEX,
which is enough here: both are spelled by `structure.py`, and what it leaves out is the default. What this module does
not do: decide which statement has precedence.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.ddl import Name, Structure, Verb
from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.expressions import canonical
from dbops.checks.structure import needed_for_itself, shape
from dbops.checks.surplus import awaited_indexes, expected_to_stay, with_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog, Index
    from dbops.checks.ddl import Statement
    from dbops.checks.expectations import Match
    from dbops.checks.policy import Policy

_ORDER = re.compile(r"(?: desc)?(?: nulls (?:first|last))?\Z")


class Product(NamedTuple):
    """The index that some statements make, or make usable: then `there` is that one."""

    name: Name
    table: Name
    structure: Structure
    there: Index | None = None


class Outlook:
    """What the statements taken so far leave of the indexes of a catalog."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._by_name = {
            Name(catalog.relations[index.table].schema, index.name): index for index in catalog.indexes.values()
        }
        self._texts: set[str] = set()
        self._gone: set[Name] = set()
        self._renamed: dict[Name, Name] = {}  # indexes of the catalog, by the name they had
        self._given: set[Name] = set()
        self._promoted: set[Name] = set()
        self._needed: set[Name] = set()
        self._new: list[Product] = []

    def product(self, statements: Sequence[Statement]) -> Product | None:
        """Return what the statements of one fix make, the first where it is several."""
        return next(self.products(statements), None)

    def products(self, statements: Sequence[Statement]) -> Iterator[Product]:
        """Yield each index that the statements of one fix make; what others are parts of comes without its parts."""
        parts = {statement.other for statement in statements if statement.verb is Verb.ATTACH}
        for statement in statements:
            if statement.verb is Verb.CREATE and statement.index not in parts:
                if statement.index and statement.table and statement.structure:
                    yield Product(statement.index, statement.table, statement.structure)
            elif statement.verb in {Verb.REBUILD, Verb.ATTACH} and statement.index not in parts:
                index = self._by_name.get(statement.index) if statement.index else None
                if index and not index.usable:
                    yield self._renewed(index)

    def _renewed(self, index: Index) -> Product:
        table = self._catalog.relations[index.table]
        name = Name(table.schema, index.name)
        return Product(name, Name(table.schema, table.name), self._structure(index), index)

    # Statement after statement

    def take(self, statements: Sequence[Statement], *, needed: bool) -> None:
        """Note statements as part of the plan; `needed`: an index that they mend has to stay."""
        for statement in statements:
            self._take(statement, needed=needed)
        for made in dict.fromkeys(self.products(statements)) if needed else ():
            self._new += self._on_every_partition(made)

    def _on_every_partition(self, product: Product) -> Iterator[Product]:
        """Yield a new index, and the parts of it that the partitions of its table get."""
        yield product
        relation = self._catalog.relation_named(*product.table)
        for partition in self._catalog.partitions.get(relation.oid, ()) if relation else ():
            table = Name(partition.schema, partition.name)
            yield from self._on_every_partition(product._replace(table=table))

    def _take(self, statement: Statement, *, needed: bool) -> None:
        self._texts.add(statement.text)
        touched = {name for name in (statement.index, statement.other) if name}
        match statement.verb:
            case Verb.DROP:
                self._gone |= self._with_parts(statement.index)
            case Verb.REBUILD | Verb.ATTACH if needed:
                self._needed |= touched
            case Verb.RENAME:
                self._rename(statement)
            case Verb.PROMOTE:
                self._promoted |= touched
            case _:
                pass

    def _rename(self, statement: Statement) -> None:
        self._given |= {statement.other} if statement.other else set()
        if statement.index and statement.other and statement.index in self._by_name:
            self._renamed[statement.index] = statement.other
            self._by_name[statement.other] = self._by_name.pop(statement.index)._replace(name=statement.other.name)

    def as_named_by_then(self, statement: Statement) -> Statement:
        """Return a statement with the names that the indexes of the catalog have got meanwhile."""
        if self.done(statement):
            return statement
        names = {old.name: self._renamed[old].name for old in statement.touched if old in self._renamed}
        return statement.with_names(names) if names else statement

    def _with_parts(self, name: Name | None) -> set[Name]:
        index = self._by_name.get(name) if name else None
        if index is None:
            return {name} if name else set()
        return {Name(self._catalog.relations[i.table].schema, i.name) for i in with_parts(self._catalog, index)}

    def done(self, statement: Statement) -> bool:
        """Return whether nothing is left for a statement to do: it has been run, or its index is gone."""
        if statement.verb is Verb.OTHER:  # BEGIN is said more than once
            return False
        if statement.text in self._texts:
            return True
        return statement.verb in {Verb.DROP, Verb.REBUILD} and statement.index in self._gone

    def forbids(self, statement: Statement) -> str | None:
        """Return why a statement must not be run after those taken so far, None if it may be."""
        if self.done(statement):
            return None
        if promoted := next((name for name in statement.touched if name in self._promoted), None):
            return f"another step makes {promoted} a constraint"
        if statement.verb is Verb.RENAME and statement.other in self._given:
            return f"another step gives the name {statement.other} away"
        if statement.verb in {Verb.DROP, Verb.RENAME, Verb.PROMOTE}:
            used = self._with_parts(statement.index) & self._needed
            if used:
                return f"another step needs {min(used)}"
        if statement.verb in {Verb.ATTACH, Verb.RENAME, Verb.PROMOTE}:
            gone = next((name for name in statement.touched if name in self._gone), None)
            if gone:
                return f"another step drops {gone}"
        return None

    # One structure and another

    def same(self, one: Product, other: Product) -> bool:
        """Return whether two new indexes are the same, whatever they are called."""
        return _normal(one.structure) == _normal(other.structure)

    def is_there(self, statement: Statement) -> Index | None:
        """Return the index of the catalog that a statement speaks of."""
        return self._by_name.get(statement.index) if statement.index else None

    def covers_columns_of(self, cover: Product, wanted: Product) -> bool:
        """Return whether an index begins with the keys of another in any order, as a foreign key wants it."""
        a, b = cover.structure, wanted.structure
        if a.where or a.method != b.method:
            return False
        lead = [_ORDER.sub("", key) for key in a.keys[: len(b.keys)]]
        return len(lead) == len(b.keys) and set(lead) == set(b.keys)

    def does_the_work_of(self, kept: Product, dropped: Product) -> bool:
        """Return whether one new index makes another unnecessary."""
        return _does_the_work(kept.structure, dropped.structure)

    def is_awaited(self, product: Product) -> bool:
        """Return whether a declared expectation waits for an index to become usable."""
        return product.there is not None and product.there.oid in awaited_indexes(self._catalog, self._policy)

    def longer_will_do(self, product: Product) -> bool:
        """Return whether an index is declared, and wherever it is, with `match = "prefix"`."""
        declared = [m.value for m in match_indexes(self._catalog, self._policy) if self._is_made_for(product, m)]
        return bool(declared) and all(value.match == "prefix" and not value.unique for value in declared)

    def _is_made_for(self, product: Product, match: Match) -> bool:
        """Return whether a finding of this expectation has led to this index."""
        if product.there or match.wanted is None:
            return bool(product.there and match.index and match.index.oid == product.there.oid)
        return (
            match.outcome in {Outcome.MISSING, Outcome.DECOY}
            and Name(match.wanted.table.schema, match.wanted.table.name) == product.table
            and match.wanted.shape(self._catalog).keys == product.structure.keys
        )

    def _structure(self, index: Index) -> Structure:
        spelled = shape(self._catalog, index)
        keys = (*spelled.keys, "nulls not distinct") if spelled.nulls_not_distinct else spelled.keys
        return Structure(spelled.unique, spelled.method, keys, spelled.include, spelled.where)

    def outdone(self) -> Iterator[tuple[Index, Name]]:
        """Yield the old indexes that will be superfluous, with the new one that does their work; note them as gone."""
        new: dict[Name, list[Product]] = {}
        for product in self._new:
            new.setdefault(product.table, []).append(product)
        for name, index in [*self._by_name.items()]:
            relation = self._catalog.relations[index.table]
            of_this_table = new.get(Name(relation.schema, relation.name), ())
            if not of_this_table or not self._is_free(name, index):
                continue
            own = self._structure(index)
            better = [one for one in of_this_table if _does_the_work(one.structure, own)]
            found = next((one for one in better if not self._is_expected(index, one)), None)
            if found:
                self._gone |= self._with_parts(name)
                yield index, found.name

    def _is_free(self, name: Name, index: Index) -> bool:
        """Return whether an index is there, stays so far, and no step and no duty needs it."""
        taken = self._gone | self._needed | self._promoted
        return index.usable and name not in taken and self.may_go_unusable(index)

    def _is_expected(self, index: Index, successor: Product) -> bool:
        """Return whether an expectation would be broken, were an index to give way to a new one that begins like it."""
        gone = [self._by_name[name].oid for name in self._gone if name in self._by_name]
        keys = len(successor.structure.keys)
        return expected_to_stay(self._catalog, self._policy, index, gone, successor_keys=keys)

    def may_go_unusable(self, index: Index) -> bool:
        """Return whether nothing would be lost with an index that does not work, but what another one does too."""
        return not (index.is_unique or index.opclass_settings or needed_for_itself(self._catalog, index))


def _normal(structure: Structure) -> Structure:
    """Return a structure with expressions and predicate in the one form in which a person's and the server's meet."""
    where = canonical(structure.where) if structure.where else None
    return replace(structure, keys=tuple(map(_normal_key, structure.keys)), where=where)


def _normal_key(key: str) -> str:
    if not key.startswith("("):
        return key
    end = key.rindex(")")
    return f"({canonical(key[1:end])}){key[end + 1 :]}"


def _does_the_work(kept: Structure, dropped: Structure) -> bool:
    """Return whether an index makes another, which is not unique, unnecessary; the words of `structure.py` decide."""
    if dropped.unique or kept.method != dropped.method:
        return False
    kept, dropped = _normal(kept), _normal(dropped)
    if kept.where != dropped.where or (kept.method != "btree" and len(kept.keys) != len(dropped.keys)):
        return False
    carried = {*kept.include, *(_ORDER.sub("", key) for key in kept.keys)}
    return kept.keys[: len(dropped.keys)] == dropped.keys and set(dropped.include) <= carried
