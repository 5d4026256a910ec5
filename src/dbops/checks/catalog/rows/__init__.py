"""What the snapshot is made of: one class for each read, one field for each column of its statement, in that order.

To add a read, write `sql/<name>.sql` and a class with `@read("<name>")` in the module here that it belongs to; nothing
else needs to know. A statement that differs on older servers has variants, `sql/<name>.before_15.sql` for servers below
15. Rows are named tuples: as plain as a row, slotted, immutable, and cheap enough for a few hundred thousand of them.
OIDs join rows and go no further: nothing that is printed or fingerprinted holds one.
"""

from dbops.checks.catalog.rows.access import PolicyFunction, Publication, RowPolicy, SettingPreset
from dbops.checks.catalog.rows.activity import IndexActivity, IndexBuild, StatisticsWindow, TableActivity
from dbops.checks.catalog.rows.base import ROW_CLASSES, Row, read
from dbops.checks.catalog.rows.capacity import AgedRelation, DatabaseAge, Horizon, Sequence, VacuumSettings
from dbops.checks.catalog.rows.durability import (
    ArchiveBacklog,
    Archiver,
    ClientPrograms,
    DurabilityOverride,
    DurabilitySettings,
    ReplicationSlot,
    RestoreHistory,
    ServerRelease,
    WalSender,
)
from dbops.checks.catalog.rows.indexes import Collation, Constraint, EqualityFamilies, Index, OperatorClass
from dbops.checks.catalog.rows.isolation import (
    ColumnDefault,
    DefinerFunction,
    LeakingExpression,
    LeakingOperatorClass,
    View,
)
from dbops.checks.catalog.rows.maintenance import TableUpkeep, TableWidths
from dbops.checks.catalog.rows.proof import UnprovenConstraint
from dbops.checks.catalog.rows.queries import (
    ExpectedPlan,
    ExpectedPlanNode,
    LoggedStatement,
    Plan,
    PlanNode,
    QuerySettings,
    SearchPath,
    StatementEvictions,
    StatementStatistics,
    TableScans,
)
from dbops.checks.catalog.rows.relations import Column, DataType, Relation, TableColumns
from dbops.checks.catalog.rows.roles import Membership, Role
from dbops.checks.catalog.rows.samples import SampledColumn
from dbops.checks.catalog.rows.typed import ServerForm
from dbops.checks.catalog.rows.upkeep import CollationDrift, IndexLastScan, IndexSpace, RecentIndex, Standbys

__all__ = [
    "ROW_CLASSES",
    "AgedRelation",
    "ArchiveBacklog",
    "Archiver",
    "ClientPrograms",
    "Collation",
    "CollationDrift",
    "Column",
    "ColumnDefault",
    "Constraint",
    "DataType",
    "DatabaseAge",
    "DefinerFunction",
    "DurabilityOverride",
    "DurabilitySettings",
    "EqualityFamilies",
    "ExpectedPlan",
    "ExpectedPlanNode",
    "Horizon",
    "Index",
    "IndexActivity",
    "IndexBuild",
    "IndexLastScan",
    "IndexSpace",
    "LeakingExpression",
    "LeakingOperatorClass",
    "LoggedStatement",
    "Membership",
    "OperatorClass",
    "Plan",
    "PlanNode",
    "PolicyFunction",
    "Publication",
    "QuerySettings",
    "RecentIndex",
    "Relation",
    "ReplicationSlot",
    "RestoreHistory",
    "Role",
    "Row",
    "RowPolicy",
    "SampledColumn",
    "SearchPath",
    "Sequence",
    "ServerForm",
    "ServerRelease",
    "SettingPreset",
    "Standbys",
    "StatementEvictions",
    "StatementStatistics",
    "StatisticsWindow",
    "TableActivity",
    "TableColumns",
    "TableScans",
    "TableUpkeep",
    "TableWidths",
    "UnprovenConstraint",
    "VacuumSettings",
    "View",
    "WalSender",
    "read",
]
