"""`STRICT_ORG_BOUNDARIES` and `DEFAULT_ORG_ID`: what their values mean, and where a default may apply.

The rules:

1. `STRICT_ORG_BOUNDARIES` is true (1, true, yes, on), false (0, false, no, off) or unset (empty counts as that);
   anything else is an error when the guard is installed, not a guess.
2. Unset means strict, except under testing and debug. Said, it holds under testing too.
3. `DEFAULT_ORG_ID` applies with strictness off and only under testing, debug or in a local environment. An
   environment is local when every variable that names one (`APP_ENV`, `ENVIRONMENT`, `FLASK_ENV`) says so.

What it does not do: read `os.environ` by itself; it is given values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbops.errors import ConfigurationError
from dbops.tenancy.decide import Terms
from dbops.tenancy.parse import NotAnId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.tenancy.context import OrgId
    from dbops.tenancy.parse import Reader

STRICT = "STRICT_ORG_BOUNDARIES"
DEFAULT = "DEFAULT_ORG_ID"
ENVIRONMENTS = ("APP_ENV", "ENVIRONMENT", "FLASK_ENV")

_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_LOCAL = frozenset({"local", "dev", "development", "test", "testing"})


class Boundaries:
    """What was configured, read once: how strict, which default, whether the environment is a local one."""

    def __init__(self, values: Mapping[str, Any], reader: Reader) -> None:
        self.strict = strictness(values.get(STRICT))
        self.default = default_org_id(values.get(DEFAULT), reader)
        self.local = is_local(values)
        # Four answers, made here: a request picks one.
        self._terms = {trying: self._made(trying=trying) for trying in (False, True)}

    def terms(self, *, trying: bool) -> Terms:
        """Return what holds for a request; `trying` while the application is under test or being debugged."""
        return self._terms[trying]

    def _made(self, *, trying: bool) -> Terms:
        strict = not trying if self.strict is None else self.strict
        return Terms(strict, self.default if not strict and (trying or self.local) else None)


def strictness(value: Any) -> bool | None:
    """Return what a value of STRICT_ORG_BOUNDARIES says, None when it says nothing."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if not word:
        return None
    if word not in _WORDS:
        raise ConfigurationError(
            f"{STRICT} is {str(value)[:40]!r}, which is neither true nor false", hint="use 1 or 0, or leave it unset"
        )
    return _WORDS[word]


def default_org_id(value: Any, reader: Reader) -> OrgId | None:
    """Return the default tenant, None when there is none."""
    if value is None or not str(value).strip():
        return None
    try:
        return reader.take(value)
    except NotAnId as problem:
        raise ConfigurationError(
            f"{DEFAULT} is {str(value)[:40]!r}, which is no tenant id", hint="leave it unset where requests say theirs"
        ) from problem


def is_local(values: Mapping[str, Any]) -> bool:
    """Say whether what names the environment says that it is a local one, and nothing says otherwise."""
    named = [str(values[name]).strip().lower() for name in ENVIRONMENTS if values.get(name)]
    return bool(named) and all(name in _LOCAL for name in named)
