"""The `Catalog`: everything the rules may look at, from one moment of one database.

Rows come by class (`catalog.rows(Index)`); what many rules ask for is indexed once, on first use. A read that failed
raises `ReadFailedError` where its rows are asked for, so that a rule cannot take "not readable" for "not there"; the
runner makes a skip or an error of it. While reads are still arriving, who asks for one waits for it, so that rules can
run while the server works. A catalog can be kept as JSON and read back: the rules find the same.
What it does not do: reach a server (`read.py`).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from dbops.checks.catalog.rows import (
    ROW_CLASSES,
    Collation,
    Column,
    Constraint,
    DataType,
    Index,
    OperatorClass,
    Relation,
    Row,
    TableColumns,
)
from dbops.checks.catalog.rows.relations import BusyRelation
from dbops.checks.names import qualified
from dbops.errors import DbopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CATALOG_SCHEMA: Literal["dbops/catalog/v1"] = "dbops/catalog/v1"

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """What a rule may want to know of the server beside the catalog; `version` as in 150018."""

    version: int
    database: str
    user: str
    is_superuser: bool
    in_recovery: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ReadFailure:
    """Why a read has no rows: a privilege (`skip`, with the GRANT in `remedy`) or anything else (`error`)."""

    status: Literal["skip", "error"]
    reason: str
    remedy: str | None = None


class ReadFailedError(DbopsError):
    """A rule asked for rows that could not be read, or that nobody asked the server for."""

    def __init__(self, read: str, failure: ReadFailure) -> None:
        super().__init__(f"{read}: {failure.reason}", hint=failure.remedy)
        self.failure = failure


# A read, and its rows or why there are none.
Arrival = tuple[type[tuple[object, ...]], "tuple[Any, ...] | ReadFailure"]


class Catalog:
    """A snapshot: rows by class, and the failures of those that could not be read; `arriving` are those to come."""

    def __init__(
        self,
        server: Server,
        rows: Mapping[type[tuple[object, ...]], tuple[Any, ...]],
        failures: Mapping[type[tuple[object, ...]], ReadFailure] | None = None,
        arriving: Iterable[Arrival] = (),
    ) -> None:
        self.server = server
        self._rows = dict(rows)
        self._failures = dict(failures or {})
        self._arriving = iter(arriving)
        self._derived: dict[object, Any] = {}

    def wait_for(self, kind: type[tuple[object, ...]] | None = None) -> None:
        """Wait until a read has arrived, or, where none is named, until all have; raises what the connection raises."""
        while kind is None or (kind not in self._rows and kind not in self._failures):
            arrived = next(self._arriving, None)
            if arrived is None:
                return
            read, answer = arrived
            if isinstance(answer, ReadFailure):
                self._failures[read] = answer
            else:
                self._rows[read] = answer

    def extended(
        self,
        rows: Mapping[type[tuple[object, ...]], tuple[Any, ...]],
        failures: Mapping[type[tuple[object, ...]], ReadFailure] | None = None,
    ) -> Catalog:
        """Return the snapshot with more in it."""
        self.wait_for()
        return Catalog(self.server, self._rows | dict(rows), self._failures | dict(failures or {}))

    def rows(self, kind: type[Row]) -> tuple[Row, ...]:
        """Return every row of one read, in the order of its statement; ReadFailedError if there are none to be had."""
        self.wait_for(kind)
        if kind not in self._rows:
            raise ReadFailedError(_name_of(kind), self.failure(kind) or ReadFailure("error", "was not read"))
        return cast("tuple[Row, ...]", self._rows[kind])

    def rows_if_readable(self, kind: type[Row]) -> tuple[Row, ...]:
        """Return the rows of a read that only refines an answer, none where it failed."""
        self.wait_for(kind)
        return cast("tuple[Row, ...]", self._rows.get(kind, ()))

    def failure(self, kind: type[tuple[object, ...]]) -> ReadFailure | None:
        """Return why a read failed, None if it did not."""
        self.wait_for(kind)
        return self._failures.get(kind)

    def once(self, key: object, compute: Callable[[], T]) -> T:
        """Return `compute()`, computed at most once for this catalog: for what several rules derive alike."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    # Relations and their parts

    @cached_property
    def relations(self) -> dict[int, Relation]:
        """All relations by OID, ordered by schema and name."""
        return {relation.oid: relation for relation in self.rows(Relation)}

    @cached_property
    def _relations_by_name(self) -> dict[tuple[str, str], Relation]:
        return {(relation.schema, relation.name): relation for relation in self.rows(Relation)}

    def relation_named(self, schema: str, name: str) -> Relation | None:
        """Return the relation of that name, None if there is none in scope."""
        return self._relations_by_name.get((schema, name))

    @cached_property
    def busy(self) -> dict[tuple[str, str], BusyRelation]:
        """The relations left out because another session has locked them against readers, by schema and name."""
        return {(row.schema, row.name): row for row in self.rows_if_readable(BusyRelation)}

    def name_of(self, table: int) -> str:
        """Return the canonical name of a relation, a neutral text for one outside the scope."""
        left_out = {row.oid: row for row in self.busy.values()}
        relation = self.relations.get(table) or left_out.get(table)
        return qualified(relation.schema, relation.name) if relation else "a table outside the audit's scope"

    @cached_property
    def _columns(self) -> dict[int, TableColumns]:
        return {columns.table: columns for columns in self.rows(TableColumns)}

    def columns(self, table: int) -> dict[int, Column]:
        """Return the columns of a relation by number; built on demand, since few tables are asked about."""
        arrays = self._columns.get(table)
        if arrays is None:
            return {}
        return {
            number: Column(
                number,
                arrays.names[i],
                arrays.types[i],
                arrays.modifiers[i],
                arrays.collations[i],
                bool(arrays.not_null[i]),
                bool(arrays.has_default[i]),
                arrays.identity[i],
                arrays.generated[i],
            )
            for i, number in enumerate(arrays.numbers)
        }

    def column_named(self, table: int, name: str) -> Column | None:
        """Return the column of that name."""
        arrays = self._columns.get(table)
        if arrays is None or name not in arrays.names:
            return None
        return next((column for column in self.columns(table).values() if column.name == name), None)

    def column_names(self, table: int, numbers: Iterable[int]) -> tuple[str, ...]:
        """Return the names of columns by number."""
        arrays = self._columns[table]
        names = dict(zip(arrays.numbers, arrays.names, strict=True))
        return tuple(names[number] for number in numbers)

    @cached_property
    def types(self) -> dict[int, DataType]:
        """Data types of columns by OID."""
        return {data_type.oid: data_type for data_type in self.rows(DataType)}

    @cached_property
    def partitions(self) -> dict[int, tuple[Relation, ...]]:
        """The direct partitions of each partitioned table, by its OID."""
        return _grouped((relation.parent, relation) for relation in self.rows(Relation) if relation.parent)

    def leaves(self, table: int) -> tuple[Relation, ...]:
        """Return the partitions that store rows, at any depth; the table itself where it is not partitioned."""
        relation = self.relations[table]
        if not relation.is_partitioned:
            return (relation,)
        return tuple(leaf for child in self.partitions.get(table, ()) for leaf in self.leaves(child.oid))

    # Indexes and constraints

    @cached_property
    def indexes(self) -> dict[int, Index]:
        """All indexes by OID."""
        return {index.oid: index for index in self.rows(Index)}

    @cached_property
    def _indexes_by_table(self) -> dict[int, tuple[Index, ...]]:
        return _grouped((index.table, index) for index in self.rows(Index))

    def indexes_of(self, table: int) -> tuple[Index, ...]:
        """Return the indexes of a table, ordered by name."""
        return self._indexes_by_table.get(table, ())

    @cached_property
    def index_parts(self) -> dict[int, tuple[Index, ...]]:
        """The indexes attached to each partitioned index, by its OID."""
        return _grouped((index.parent, index) for index in self.rows(Index) if index.parent)

    def index_name(self, index: Index) -> str:
        """Return the canonical name of an index, which lives in its table's schema."""
        return qualified(self.relations[index.table].schema, index.name)

    @cached_property
    def _constraints_by_table(self) -> dict[int, tuple[Constraint, ...]]:
        return _grouped((constraint.table, constraint) for constraint in self.rows(Constraint))

    def constraints_of(self, table: int) -> tuple[Constraint, ...]:
        """Return the constraints of a table, ordered by name."""
        return self._constraints_by_table.get(table, ())

    @cached_property
    def backed_constraints(self) -> dict[int, Constraint]:
        """The primary key, unique or exclusion constraint behind which an index stands, by the index's OID."""
        return {c.index_oid: c for c in self.rows(Constraint) if c.index_oid and c.type in {"p", "u", "x"}}

    @cached_property
    def referenced_indexes(self) -> frozenset[int]:
        """The indexes that some foreign key relies on, by OID."""
        return frozenset(c.index_oid for c in self.rows(Constraint) if c.index_oid and c.type == "f")

    @cached_property
    def operator_classes(self) -> dict[int, OperatorClass]:
        """Operator classes by OID."""
        return {opclass.oid: opclass for opclass in self.rows(OperatorClass)}

    @cached_property
    def collations(self) -> dict[int, Collation]:
        """Collations by OID."""
        return {collation.oid: collation for collation in self.rows(Collation)}

    def taken_names(self, schema: str) -> frozenset[str]:
        """Return the names in a schema that a new index cannot have."""
        return self.once("taken names", self._names_by_schema).get(schema, frozenset())

    def _names_by_schema(self) -> dict[str, frozenset[str]]:
        names: dict[str, set[str]] = defaultdict(set)
        for relation in self.rows(Relation):
            names[relation.schema].add(relation.name)
        for index in self.rows(Index):
            names[self.relations[index.table].schema].add(index.name)
        return {schema: frozenset(taken) for schema, taken in names.items()}

    # Kept and read back

    def to_json(self) -> dict[str, Any]:
        """Return the catalog as JSON types, read by read: rows as arrays, in the order of their class's fields."""
        self.wait_for()
        reads = {_name_of(kind): [list(row) for row in rows] for kind, rows in self._rows.items()}
        failures = {_name_of(kind): dataclasses.asdict(failure) for kind, failure in self._failures.items()}
        return {
            "schema": CATALOG_SCHEMA,
            "server": dataclasses.asdict(self.server),
            "reads": dict(sorted(reads.items())),
            "failures": dict(sorted(failures.items())),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Catalog:
        """Return the catalog that `to_json` made; UsageError if it is none, or has reads unknown to this version."""
        if document.get("schema") != CATALOG_SCHEMA:
            raise UsageError(f"this is not a saved catalog: its schema is not {CATALOG_SCHEMA!r}")
        try:
            return cls(
                Server(**document["server"]),
                {ROW_CLASSES[name]: _rows(ROW_CLASSES[name], rows) for name, rows in document["reads"].items()},
                {ROW_CLASSES[name]: ReadFailure(**failure) for name, failure in document["failures"].items()},
            )
        except (KeyError, TypeError) as error:
            raise UsageError(
                f"this saved catalog does not fit this version of dbops: {error}",
                hint="save it again with this version",
            ) from error


def _rows(kind: type[tuple[object, ...]], rows: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """Return rows of a document as instances of their class; TypeError for a value that its field cannot have."""
    made = tuple(kind._make(tuple(v) if isinstance(v, list) else v for v in row) for row in rows)  # type: ignore[attr-defined]
    for (name, hint), values in zip(get_type_hints(kind).items(), zip(*made, strict=True), strict=False):
        elements = get_args(hint)[:1] if get_origin(hint) is tuple else ()
        allowed = {tuple} if elements else set(get_args(hint) or (hint,))
        found = set(map(type, values)) - allowed
        if elements and not found:
            found = {type(element) for value in values for element in value} - set(elements)
        if found - ({int} if hint is float else set()):
            raise TypeError(f"{_name_of(kind)} has a wrong value of {name}")
    return made


def _name_of(kind: type[tuple[object, ...]]) -> str:
    return next(name for name, row in ROW_CLASSES.items() if row is kind)


def _grouped(pairs: Iterable[tuple[int | None, T]]) -> dict[int, tuple[T, ...]]:
    groups: dict[int, list[T]] = defaultdict(list)
    for key, value in pairs:
        if key is not None:
            groups[key].append(value)
    return {key: tuple(values) for key, values in groups.items()}
