"""What is to be proven, as values: how a row says whose it is, and who asks.

`IsolationOptions.from_settings` is the one place where configuration becomes that. Waivers are the audit's: those whose
rule is `tenant-isolation` speak of what is proven here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dbops.checks.names import parse_identifier, parse_qualified
from dbops.model import Waiver

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dbops.settings import Settings

RULE = "tenant-isolation"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What somebody accepts for a while: findings on objects that match the glob `object`."""

    object: str
    waiver: Waiver


@dataclass(frozen=True, slots=True)
class IsolationOptions:
    """`columns` tell whose a row is, `setting` tells for whom a session asks, `app_roles` are who must not see more.

    `tables` hold tenants' rows though none of `columns` says whose; `exempt` are tables without tenants, and why.
    `today` decides which waivers have run out.
    """

    columns: Sequence[str] = ("org_id",)
    setting: str = "app.org_id"
    id_type: str = "int"
    app_roles: Sequence[str] = ()
    tables: Sequence[tuple[str, str]] = ()
    exempt: Mapping[tuple[str, str], str] = field(default_factory=dict)
    accepted: Sequence[Accepted] = ()
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())

    @classmethod
    def from_settings(cls, settings: Settings) -> IsolationOptions | None:
        """Return what a configuration asks to have proven; None where it has no `[tenancy]`."""
        tenancy = settings.tenancy
        if tenancy is None:
            return None
        return cls(
            columns=tenancy.columns,
            setting=tenancy.setting,
            id_type=tenancy.id_type,
            app_roles=tenancy.app_roles,
            tables=[_name(one) for one in tenancy.tables],
            exempt={_name(one.table): one.reason for one in tenancy.exempt},
            accepted=[
                Accepted(one.object, Waiver(reason=one.reason, owner=one.owner, expires=one.expires))
                for one in settings.audit.waive
                if one.rule == RULE
            ],
        )

    def roles_among(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the app roles, each once, as the server calls them: read as SQL would, else to the letter."""
        spelled = ((text, parse_identifier(text) or text) for text in self.app_roles)
        return tuple(dict.fromkeys(name if name in names else text for text, name in spelled))

    def waiver_of(self, name: str) -> Waiver | None:
        """Return the waiver that accepts a finding on an object today, the first that fits."""
        fitting = (one.waiver for one in self.accepted if fnmatchcase(name, one.object))
        return next((waiver for waiver in fitting if self.today <= waiver.expires), None)


def _name(text: str) -> tuple[str, str]:
    """Return schema and table; what is no name of a table is exempt from nothing."""
    try:
        return parse_qualified(text)
    except ValueError:
        return ("", text)
