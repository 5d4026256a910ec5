"""What goes wrong with tenants, each with the way out.

Messages never hold a claimed id: they may end in a page that somebody else reads.
"""

from __future__ import annotations

from dbops.errors import DbopsError, UnavailableError


class OrgContextMissing(DbopsError):  # noqa: N818  (the name that applications catch)
    """Code asks whose data it may touch, and nobody has said: an answer would be a guess."""


class OrgContextConflict(DbopsError):  # noqa: N818  (as above)
    """Two places name different tenants for the same piece of work."""


class UnverifiedTenant(DbopsError):  # noqa: N818  (as above)
    """The tenant is a claim that no membership grants, and the database is not to be bound to a mere claim."""


class TenantBindingError(DbopsError):
    """The connection is in a state in which a tenant cannot be bound to the transaction."""


class ExtraMissingError(UnavailableError, ImportError):
    """A package that an optional part stands on is not installed."""


def extra_missing(module: str, package: str, extra: str) -> ExtraMissingError:
    """Return the error for a missing extra, with what to install."""
    return ExtraMissingError(
        f"{module} needs {package}, which is not installed", hint=f'install it with: pip install "dbops[{extra}]"'
    )
