"""What the audit is held against: expectations, waivers, tenancy, which rules run. Values only; no settings file.

`Policy.from_settings` is the one place where configuration becomes a policy: it adds the packs and finds the lines that
findings point to. The rules: a pack applies only when listed; an expectation's location is its own line, a pack's the
line that lists the pack; two expectations never share an id; a declared query is one SELECT. What it does not do: match
anything.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from dbops.checks.statements import normalise
from dbops.errors import ConfigurationError
from dbops.settings import Expectations, ObjectivesTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dbops.checks.baseline import Baseline
    from dbops.model import Location
    from dbops.settings import (
        ExpectedConstraint,
        ExpectedIndex,
        ExpectedQuery,
        ExpectedRole,
        ExpectedTable,
        Settings,
        TenancyTable,
        WaiverEntry,
    )
    from dbops.settings.declared import Expectation

E = TypeVar("E")

# What a declared query may begin with: EXPLAIN plans these and nothing else comes of it.
_QUERIES = frozenset({"select", "with"})


@dataclasses.dataclass(frozen=True, slots=True)
class Declared(Generic[E]):
    """Something a user declared, and where; no location for what came from no file."""

    value: E
    location: Location | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """An objective, and whether somebody has declared it: what is missed then is a promise, not a default."""

    value: dt.timedelta
    declared: bool = False
    location: Location | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a run of the audit is held against.

    `select` and `ignore` hold slugs of rules, `named_in` where each stands; an empty `select` means all. `tenancy` is
    None where none is configured. `today` decides which waivers have expired. What a `baseline` had already is no
    reason to fail.
    """

    expected_indexes: tuple[Declared[ExpectedIndex], ...] = ()
    expected_constraints: tuple[Declared[ExpectedConstraint], ...] = ()
    expected_tables: tuple[Declared[ExpectedTable], ...] = ()
    expected_roles: tuple[Declared[ExpectedRole], ...] = ()
    expected_queries: tuple[Declared[ExpectedQuery], ...] = ()
    packs: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    named_in: Mapping[str, str] = dataclasses.field(default_factory=dict)
    waivers: tuple[Declared[WaiverEntry], ...] = ()
    tenancy: TenancyTable | None = None
    rpo: Goal = Goal(ObjectivesTable().rpo)
    drill_every: Goal = Goal(ObjectivesTable().drill_every)
    baseline: Baseline | None = None
    today: dt.date = dataclasses.field(default_factory=lambda: dt.datetime.now(dt.UTC).date())

    @classmethod
    def from_settings(cls, settings: Settings, *, today: dt.date | None = None) -> Policy:
        """Return the policy that a configuration describes; ConfigurationError for an unknown pack or a shared id."""
        packs = {name: load_pack(name, _named_in(settings, "packs")) for name in dict.fromkeys(settings.audit.packs)}
        packs_line = settings.locate_key("audit.packs")
        expected: dict[str, tuple[Declared[Any], ...]] = {
            kind: (
                *(
                    Declared(value, settings.locate(f"expect.{kind}", i))
                    for i, value in enumerate(getattr(settings.expect, kind))
                ),
                *(Declared(value, packs_line) for pack in packs.values() for value in getattr(pack, kind)),
            )
            for kind in Expectations.model_fields
        }
        _check_unique_ids(one for kind in expected.values() for one in kind)
        _check_queries(expected["query"])
        policy = cls(
            expected_indexes=expected["index"],
            expected_constraints=expected["constraint"],
            expected_tables=expected["table"],
            expected_roles=expected["role"],
            expected_queries=expected["query"],
            packs=tuple(packs),
            select=settings.audit.select,
            ignore=settings.audit.ignore,
            named_in={name: _named_in(settings, name) for name in ("select", "ignore")},
            waivers=tuple(
                Declared(value, settings.locate("audit.waive", i)) for i, value in enumerate(settings.audit.waive)
            ),
            tenancy=settings.tenancy,
            rpo=_goal(settings, "rpo"),
            drill_every=_goal(settings, "drill_every"),
        )
        return dataclasses.replace(policy, today=today) if today else policy

    @property
    def expired_waivers(self) -> tuple[Declared[WaiverEntry], ...]:
        """The waivers that accept nothing any more."""
        return tuple(declared for declared in self.waivers if declared.value.expired(self.today))

    @property
    def expects_anything(self) -> bool:
        """Whether anything at all is declared about the database."""
        return any(
            (
                self.expected_indexes,
                self.expected_constraints,
                self.expected_tables,
                self.expected_roles,
                self.expected_queries,
            )
        )


def _goal(settings: Settings, name: str) -> Goal:
    objectives = settings.objectives
    declared = name in objectives.model_fields_set
    return Goal(getattr(objectives, name), declared, settings.locate_key(f"objectives.{name}"))


def _named_in(settings: Settings, name: str) -> str:
    """Return where a list of names of `[audit]` stands, as the beginning of a complaint about one of them."""
    origin = settings.origin(f"audit.{name}")
    return f"{origin}: " if origin.startswith("-") else f"{origin}: audit.{name}: "


def pack_names() -> tuple[str, ...]:
    """Return the built-in packs."""
    return tuple(sorted(name.removesuffix(".toml") for name in _pack_files()))


def load_pack(name: str, named_in: str = "") -> Expectations:
    """Return what a built-in pack expects; ConfigurationError naming the nearest if there is none of that name."""
    file = _pack_files().get(f"{name}.toml")
    if file is None:
        close = difflib.get_close_matches(name, pack_names(), n=1)
        raise ConfigurationError(
            f"{named_in}there is no pack {name!r}",
            hint=f"did you mean {close[0]}?" if close else f"built in: {', '.join(pack_names())}",
        )
    return parse_expectations(file, f"the pack {name!r}")


def parse_expectations(text: str, source: str) -> Expectations:
    """Return the `[expect]` of a TOML text; ConfigurationError naming `source` if it is not valid."""
    try:
        document: Mapping[str, Any] = tomllib.loads(text)
        return Expectations.model_validate(document.get("expect", {}))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{source} is not valid: {error}") from error


def _pack_files() -> dict[str, str]:
    directory = resources.files("dbops.checks") / "packs"
    return {file.name: file.read_text(encoding="utf-8") for file in directory.iterdir() if file.name.endswith(".toml")}


def _check_unique_ids(declared: Iterable[Declared[Expectation]]) -> None:
    seen: dict[str, Location | None] = {}
    for one in declared:
        name = one.value.id
        if name in seen:
            places = " and ".join(_places(seen[name], one.location)) or "in two packs"
            raise ConfigurationError(
                f"two expectations have the id {name!r}: {places}",
                hint="give each an id of its own; a pack brings its own",
            )
        seen[name] = one.location


def _places(*locations: Location | None) -> Iterator[str]:
    yield from (f"{location.file}:{location.line}" for location in locations if location)


def _check_queries(declared: Iterable[Declared[ExpectedQuery]]) -> None:
    """Raise ConfigurationError for a declared statement that is not one query: those alone are given to the server."""
    for one in declared:
        statement = normalise(one.value.sql)
        if statement.keyword in _QUERIES and statement.is_single:
            continue
        place = next(_places(one.location), "settings")
        what = (
            "several statements" if not statement.is_single else f"a statement that begins with {statement.keyword!r}"
        )
        raise ConfigurationError(
            f"{place}: the expectation {one.value.id!r} gives {what}",
            hint="give one SELECT (or WITH … SELECT): its plan is asked for, and nothing is run",
        )
