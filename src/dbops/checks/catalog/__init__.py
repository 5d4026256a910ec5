"""The snapshot that rules look at: `rows/` its parts, `snapshot.py` the whole, `read.py` how it is read."""

from dbops.checks.catalog.rows import (
    Collation,
    Column,
    Constraint,
    DataType,
    EqualityFamilies,
    Index,
    IndexActivity,
    IndexBuild,
    OperatorClass,
    Publication,
    Relation,
    RowPolicy,
    StatisticsWindow,
    TableActivity,
    TableColumns,
    UnprovenConstraint,
)
from dbops.checks.catalog.snapshot import Catalog, ReadFailedError, ReadFailure, Server

__all__ = [
    "Catalog",
    "Collation",
    "Column",
    "Constraint",
    "DataType",
    "EqualityFamilies",
    "Index",
    "IndexActivity",
    "IndexBuild",
    "OperatorClass",
    "Publication",
    "ReadFailedError",
    "ReadFailure",
    "Relation",
    "RowPolicy",
    "Server",
    "StatisticsWindow",
    "TableActivity",
    "TableColumns",
    "UnprovenConstraint",
]
