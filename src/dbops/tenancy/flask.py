"""The request guard for Flask (extra `flask`): every request has a tenant that was granted, or is refused.

`install_tenant_guard(app)` once, after whatever finds out who is signed in; `resolve_org_id()` in application code;
`@tenant_exempt` on the few views that are for nobody in particular. The rules, in order:

1. First thing in a request, what another one may have left on `flask.g` is put back: a stream that was never read to
   its end leaves its context on the thread, and Flask gives that context's `g` to the next request there.
2. OPTIONS, unrouted requests and exempt endpoints pass without a tenant. Exempt is an endpoint, never a path.
3. Everything else is decided by `decide.py`: `g.org_id` is filled, or the answer is a refusal that no error handler of
   the application sees.
4. The decision is kept on the request. `g.org_id` mirrors it; where the two differ, asking raises.

What it does not do: sign anybody in, or reach a database (`postgres.py` and `sqlalchemy.py` do). Functions that run
before a request and were registered before the guard run without a tenant.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any, TypeVar

from dbops.errors import ConfigurationError
from dbops.tenancy import context
from dbops.tenancy.claims import HEADERS, PARAMETERS, Claim, ClaimNames, Reason, Refusal, settle
from dbops.tenancy.context import NO_TENANT, Enclosing, Tenant
from dbops.tenancy.decide import decide
from dbops.tenancy.environment import DEFAULT, ENVIRONMENTS, STRICT, Boundaries, strictness
from dbops.tenancy.parse import reader
from dbops.tenancy.people import People, taken
from dbops.tenancy.problems import OrgContextConflict, OrgContextMissing, UnverifiedTenant, extra_missing

try:
    from flask import (
        current_app,
        g,
        has_app_context,
        has_request_context,
        request,
        request_started,
    )
except ModuleNotFoundError as missing:
    raise extra_missing("the request guard", "Flask", "flask") from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flask import Flask, Request, Response

    from dbops.tenancy.context import OrgId
    from dbops.tenancy.parse import IdType, Reader

    View = TypeVar("View", bound=Callable[..., Any])

_log = logging.getLogger("dbops.tenancy")

_GUARD = "dbops_tenant_guard"
_RECORD = "_dbops_tenant_record"
_BEFORE = "_dbops_before_requests"
_EXEMPT = "_dbops_tenant_exempt"
_LOGGED = 32

_STATUS = {Reason.FORBIDDEN: 403}
_MESSAGES = {
    Reason.CONFLICT: "the request names its organisation more than once",
    Reason.INVALID: "the request names its organisation by something that is no id",
    Reason.FORBIDDEN: "this organisation is not one of yours",
    Reason.REQUIRED: "the request must say which organisation it is for",
}
_BODIES = {
    reason: json.dumps({"error": reason.value, "message": message}, separators=(",", ":")).encode() + b"\n"
    for reason, message in _MESSAGES.items()
}


class _Record:
    """What was decided for one request; kept on the request, so that no other one finds it."""

    __slots__ = ("app", "found", "is_guarded", "is_over", "told")

    def __init__(self, app: Flask, found: dict[str, Any] | None) -> None:
        self.app = app
        self.found = found  # what an unfinished request had on `flask.g` when this one began there
        self.is_guarded = False
        self.is_over = False
        self.told = Enclosing(self, NO_TENANT)


def install_tenant_guard(  # noqa: PLR0913  (each is one decision of the application)
    app: Flask,
    *,
    identity: Callable[[], Any] | None = None,
    memberships: Callable[[Any], Iterable[Any]] | None = None,
    id_type: IdType = "int",
    exempt_endpoints: Iterable[str] = (),
    headers: Sequence[str] = HEADERS,
    parameters: Sequence[str] = PARAMETERS,
) -> None:
    """Make every request of `app` carry a tenant.

    `identity()` returns who is signed in or None (default: Flask-Login's `current_user`, else `g.user`).
    `memberships(user)` returns the tenants that user may act for, as ids or as objects with an `id` (default: the
    user's `organizations` and `org_id`); a user's `org_id` is the one they mean when they name none. A callable
    `id_type` takes the text of a claim and returns the id, or raises ValueError.
    STRICT_ORG_BOUNDARIES and DEFAULT_ORG_ID are read here, from the application's configuration, else the environment.
    """
    if _GUARD in app.extensions:
        raise ConfigurationError(
            f"the tenant guard is already installed on {app.name!r}", hint="call install_tenant_guard once"
        )
    for name, several in (("exempt_endpoints", exempt_endpoints), ("headers", headers), ("parameters", parameters)):
        if isinstance(several, str):
            raise ConfigurationError(f"{name} is one text", hint=f"write ({several!r},)")
    ids = reader(id_type)
    guard = _Guard(
        ids=ids,
        boundaries=Boundaries(_configured(app), ids),
        people=People(ids, app.ensure_sync(identity or _signed_in), memberships and app.ensure_sync(memberships)),
        names=ClaimNames(headers, parameters),
        exempt=frozenset(exempt_endpoints),
    )
    app.before_request(guard.before_request)
    app.after_request(guard.after_request)
    app.register_error_handler(OrgContextMissing, guard.missing)
    app.register_error_handler(UnverifiedTenant, guard.unverified)
    # Sent before anything of the application runs, Blueprint or not, whatever was registered first.
    request_started.connect(_begin, app, weak=False)
    # The first of these is the last to run.
    app.teardown_request_funcs.setdefault(None, []).insert(0, _end)
    app.extensions[_GUARD] = guard
    context.enclosed_by(_enclosing)


def resolve_org_id() -> OrgId:
    """Return the tenant of the running request, or of what else is running; raise rather than guess.

    Where there is no request, a `tenant_context` counts, then a `g.org_id` that the application itself has set, then
    DEFAULT_ORG_ID where that applies.
    """
    try:
        return context.resolve_org_id()
    except OrgContextMissing as problem:
        if has_app_context() and _GUARD not in current_app.extensions:
            raise ConfigurationError(
                f"no tenant guard is installed on {current_app.name!r}",
                hint="call install_tenant_guard(app) at start-up",
            ) from problem
        raise


def tenant_exempt(view: View) -> View:
    """Mark a view that is for no tenant in particular: within it there is none, not even the default."""
    if isinstance(view, type):
        raise TypeError(
            "it is the view made of a class that is marked: put tenant_exempt into the class's `decorators`"
        )
    setattr(view, _EXEMPT, True)
    return view


class _Guard:
    """What is installed on one application."""

    def __init__(
        self, *, ids: Reader, boundaries: Boundaries, people: People, names: ClaimNames, exempt: frozenset[str]
    ) -> None:
        self.ids = ids
        self._boundaries = boundaries
        self._people = people
        self._names = names
        self._exempt = exempt
        self._vary = ", ".join(names.headers)

    def before_request(self) -> Response | None:
        """Decide for this request: its tenant is set, or the refusal is returned."""
        asked: Request = _itself(request)
        record = vars(asked).get(_RECORD)
        app: Flask = _itself(current_app)
        if record is None or record.app is not app:  # dispatched past full_dispatch_request, as only tests do
            record = _begin(app)
        if self._passes(app, asked):
            return None
        record.is_guarded = True
        claimed = settle(self._names.find(asked.environ, asked.query_string), self.ids)
        # A refused claim needs no user: nobody's memberships are read for it.
        identity = None if isinstance(claimed, Refusal) else self._people.asking()
        decision = decide(claimed, identity, self._boundaries.terms(trying=_is_trying(app)))
        if isinstance(decision, Refusal):
            _log_refusal(decision, asked.endpoint)
            return self.refusal(decision.reason)
        record.told = Enclosing(record, decision)
        g.org_id = decision.org_id
        return None

    def _passes(self, app: Flask, asked: Request) -> bool:
        if asked.url_rule is None or asked.method == "OPTIONS":
            return True
        endpoint = asked.endpoint or ""
        return endpoint in self._exempt or getattr(app.view_functions.get(endpoint), _EXEMPT, False) is True

    def after_request(self, response: Response) -> Response:
        """Tell caches that another tenant gets another answer."""
        record = vars(_itself(request)).get(_RECORD)
        if record is None or not record.is_guarded or not self._vary:
            return response
        if any(name.lower() == "vary" for name, _ in response.headers):
            response.vary.update(self._vary.split(", "))
        else:
            response.headers.add("Vary", self._vary)
        return response

    def refusal(self, reason: Reason) -> Response:
        """Return the answer to a refused request; the same bytes, whatever was claimed."""
        response: Response = current_app.response_class(
            _BODIES[reason], status=_STATUS.get(reason, 400), mimetype="application/json"
        )
        response.headers["Cache-Control"] = "no-store"
        if self._vary:
            response.headers["Vary"] = self._vary
        return response

    def missing(self, _problem: Exception) -> Response:
        """Answer a request whose view asked for a tenant that it does not have."""
        _log_refusal(Refusal(Reason.REQUIRED), request.endpoint)
        return self.refusal(Reason.REQUIRED)

    def unverified(self, _problem: Exception) -> Response:
        """Answer a request whose claim nobody has granted, and that came as far as the database."""
        claimed = context.current()
        claim = None if claimed.org_id is None else Claim(claimed.source, str(claimed.org_id))
        _log_refusal(Refusal(Reason.FORBIDDEN, claim), request.endpoint)
        return self.refusal(Reason.FORBIDDEN)


def _begin(app: Flask, **_: Any) -> _Record:
    """Begin a request: nothing is decided, and nothing is left of another request."""
    shared: dict[str, Any] = vars(_itself(g))
    previous: _Record | None = shared.get(_RECORD)
    record = _Record(app, None if previous is None or previous.is_over else dict(shared))
    setattr(_itself(request), _RECORD, record)
    # `g` is new, or somebody opened it around several requests, or another request left it or is waiting for this one.
    # What it held before its first request, it holds again: who is signed in, connections, all that is kept there.
    before = shared.setdefault(_BEFORE, dict(shared))
    if previous is not None:
        shared.clear()
        shared.update(before)
        shared[_BEFORE] = before
    shared["org_id"] = None
    shared[_RECORD] = record
    return record


def _end(_problem: BaseException | None) -> None:
    """End a request; one that is not over and on whose `g` this one ran finds it as it was."""
    record: _Record | None = vars(_itself(request)).get(_RECORD)
    if record is None:
        return
    record.is_over = True
    shared: dict[str, Any] = vars(_itself(g))
    found = record.found
    if found is not None and shared.get(_RECORD) is record:
        shared.clear()
        shared.update(found)


def _enclosing() -> Enclosing | None:
    """Tell the core what request is running here; None where Flask knows nothing of a tenant."""
    if not has_app_context():
        return None
    app: Flask = _itself(current_app)
    guard = app.extensions.get(_GUARD)
    if has_request_context():
        record = vars(_itself(request)).get(_RECORD)
        if record is not None:
            return _of_request(record, app)
    return None if guard is None else _outside_requests(app, guard)


def _of_request(record: _Record, app: Flask) -> Enclosing:
    if record.app is not app:  # another application's context within this request: its tenants are not ours
        return Enclosing(record, NO_TENANT)
    mirrored = g.get("org_id")
    if mirrored is not None and mirrored != record.told.tenant.org_id:
        raise OrgContextConflict(
            "g.org_id is not what the guard has decided for this request",
            hint="leave g.org_id alone; work for another tenant belongs in an endpoint marked @tenant_exempt",
        )
    return record.told


def _outside_requests(app: Flask, guard: _Guard) -> Enclosing:
    """Answer for an application context alone, and for a test's request context that nobody dispatched."""
    own = g.get("org_id")
    if own is not None and _RECORD not in g:  # else a request that is over has left it
        return Enclosing(None, Tenant(taken(guard.ids, own, "g.org_id"), verified=True, source="g.org_id"))
    default = guard._boundaries.terms(trying=_is_trying(app)).default  # noqa: SLF001  (the guard's own module)
    if default is not None:
        return Enclosing(None, Tenant(default, verified=True, source=DEFAULT))
    return Enclosing(None, NO_TENANT)


def _signed_in() -> Any:
    if hasattr(current_app, "login_manager"):
        from flask_login import current_user

        return _itself(current_user)
    return g.get("user")


def _itself(proxy: Any) -> Any:
    """Return what one of Flask's proxies stands for."""
    return proxy._get_current_object()  # noqa: SLF001  (Werkzeug's documented way)


def _is_trying(app: Flask) -> bool:
    return bool(app.config["TESTING"] or app.config["DEBUG"])


def _configured(app: Flask) -> dict[str, Any]:
    """Return the settings by name: the application's where it says something, else the environment's.

    Strictness is asked for by whoever asks for it: an operator's environment is not overruled by a default in code.
    """
    values = {name: _said(app.config.get(name), os.environ.get(name)) for name in (STRICT, DEFAULT, *ENVIRONMENTS)}
    demanded = [strictness(value) for value in (app.config.get(STRICT), os.environ.get(STRICT))]
    return {**values, STRICT: True} if True in demanded else values


def _said(*values: Any) -> Any:
    return next((value for value in values if value is not None and str(value).strip()), None)


def _log_refusal(refusal: Refusal, endpoint: str | None) -> None:
    """Log why, where and the beginning of what was claimed: escaped, and never the query string or a cookie."""
    claim = refusal.claim
    source, text = ("no claim", "") if claim is None else (claim.source, claim.text[:_LOGGED])
    _log.warning("refused: %s, %s, endpoint %s, claimed %r", refusal.reason.value, source, endpoint, text)
