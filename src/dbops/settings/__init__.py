"""What the user has decided: flag > `DBOPS_*` > `DATABASE_URL`, `PG*` > `.env` > `dbops.toml` > default.

`tables.py` and `declared.py` are the shape of `dbops.toml` as contracts.md has it; `sources.py` finds and reads files,
`lines.py` knows which line says what, `load.py` puts it all together. What it does not do: reach anything but files.
"""

from dbops.settings.declared import (
    Expectations,
    ExpectedConstraint,
    ExpectedIndex,
    ExpectedQuery,
    ExpectedRole,
    ExpectedTable,
    WaiverEntry,
)
from dbops.settings.duration import parse_duration, spell_duration
from dbops.settings.load import Settings, load_settings
from dbops.settings.tables import (
    Allowances,
    AuditTable,
    BackupTable,
    DrillTable,
    EvidenceTable,
    Exemption,
    ObjectivesTable,
    Probe,
    TenancyTable,
)

__all__ = [
    "Allowances",
    "AuditTable",
    "BackupTable",
    "DrillTable",
    "EvidenceTable",
    "Exemption",
    "Expectations",
    "ExpectedConstraint",
    "ExpectedIndex",
    "ExpectedQuery",
    "ExpectedRole",
    "ExpectedTable",
    "ObjectivesTable",
    "Probe",
    "Settings",
    "TenancyTable",
    "WaiverEntry",
    "load_settings",
    "parse_duration",
    "spell_duration",
]
