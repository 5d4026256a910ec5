"""What a role's sessions start with at the source: ALTER ROLE … SET, ALTER DATABASE … SET.

On the copy roles cannot log in, and their stored settings are not brought back; but a setting that names a tenant
decides what a session sees that has never named one. Only settings of an extension's or an application's own kind
(`app.org_id`) and `search_path` are taken; others say nothing about whose rows are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.backup.roles import RoleSettings


def presets_of(role: str, database: str, stored: Iterable[RoleSettings]) -> dict[str, str]:
    """Return the settings of a session of `role` in `database`; the most special place wins, as in PostgreSQL."""
    fitting = [one for one in stored if one.role in {None, role} and one.database in {None, database}]
    fitting.sort(key=lambda one: (one.role is not None, one.database is not None))
    found: dict[str, str] = {}
    for one in fitting:
        for setting in one.settings:
            name, _, value = setting.partition("=")
            if "." in name or name == "search_path":
                found[name] = value
    return found
