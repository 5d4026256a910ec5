"""Data types of columns: what lies beneath a domain, how far an integer counts, how a type is spelled in DDL.

Built-in types have the same OID on every server; those that rules ask about by name stand here. What this module does
not do: decide whether two types fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import EqualityFamilies, OperatorClass, TableColumns

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog

BIGINT, SMALLINT, INTEGER = 20, 21, 23
TEXT, CHARACTER, VARCHAR = 25, 1042, 1043
REAL, DOUBLE, NUMERIC = 700, 701, 1700
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ = 1082, 1083, 1114, 1184, 1266
_BIT, _VARBIT = 1560, 1562

INTEGER_LIMITS = {SMALLINT: 2**15 - 1, INTEGER: 2**31 - 1, BIGINT: 2**63 - 1}
INTEGER_NAMES = {SMALLINT: "smallint", INTEGER: "integer", BIGINT: "bigint"}
UNLIMITED = -1

# The modifier of a type with a length is that length and 4 bytes, a habit of the header of values.
_HEADER = 4
_WITH_LENGTH = {CHARACTER: "character({})", VARCHAR: "character varying({})"}
_WITH_BITS = {_BIT: "bit({})", _VARBIT: "bit varying({})"}
_WITH_PRECISION = {
    TIME: "time({}) without time zone",
    TIMETZ: "time({}) with time zone",
    TIMESTAMP: "timestamp({}) without time zone",
    TIMESTAMPTZ: "timestamp({}) with time zone",
}


def type_of(catalog: Catalog, table: int, number: int) -> tuple[int, int] | None:
    """Return type and modifier of a column, None for one the snapshot does not have; quick enough for every column."""
    tables = catalog.once("columns by table", lambda: {row.table: row for row in catalog.rows(TableColumns)})
    row = tables.get(table)
    if row is None or number not in row.numbers:
        return None
    position = row.numbers.index(number)
    return row.types[position], row.modifiers[position]


def base_type(catalog: Catalog, data_type: int) -> int:
    """Return the type beneath a domain, however deep; the type itself where it is none."""
    types = catalog.types
    while (found := types.get(data_type)) and found.kind == "d":
        data_type = found.base
    return data_type


def found_as_kept(catalog: Catalog, operator: int, data_type: int) -> bool:
    """Return whether an index on a column, as it is, finds what an equality of a foreign key looks up.

    It does not where the column is converted before it is compared: then no operator class of its own type has the
    operator.
    """
    base = base_type(catalog, data_type)
    families = catalog.once(
        "default families",
        lambda: {
            row.input_type: row.family
            for row in catalog.rows(OperatorClass)
            if row.is_default and row.method == "btree"
        },
    )
    serving = catalog.once(
        "equality families", lambda: {row.operator: row.families for row in catalog.rows(EqualityFamilies)}
    )
    family = families.get(TEXT if base == VARCHAR else base)
    # Enums, arrays and ranges have no operator class of their own, and compare only with themselves.
    return family is None or family in serving.get(operator, ())


def digits(modifier: int) -> tuple[int, int] | None:
    """Return precision and scale of a numeric, None where it is not limited."""
    if modifier == UNLIMITED:
        return None
    scale = (modifier - _HEADER) & 0x7FF
    return (modifier - _HEADER) >> 16, scale - 2048 if scale >= 1024 else scale


def spelled(catalog: Catalog, data_type: int, modifier: int) -> str:
    """Return a type as DDL takes it: `character varying(20)`, `numeric(12,2)`, `public.amount`."""
    if data_type in INTEGER_NAMES:  # the only types that rules ask for though no column may have them
        return INTEGER_NAMES[data_type]
    if modifier == UNLIMITED:
        return "bpchar" if data_type == CHARACTER else catalog.types[data_type].name
    if data_type == NUMERIC and (limits := digits(modifier)):
        return f"numeric({limits[0]},{limits[1]})"
    if data_type in _WITH_LENGTH:
        return _WITH_LENGTH[data_type].format(modifier - _HEADER)
    return (_WITH_BITS | _WITH_PRECISION).get(data_type, catalog.types[data_type].name).format(modifier)
