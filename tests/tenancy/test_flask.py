"""Requests under the guard: the decision table over HTTP, and the ways around it that are none."""

from __future__ import annotations

import gc
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import flask
import pytest
from flask import Blueprint, Flask, Response, g
from flask.views import MethodView
from flask_login import LoginManager, UserMixin, login_user, logout_user

from dbops.errors import ConfigurationError
from dbops.tenancy import OrgContextConflict, OrgContextMissing, tenant_context
from dbops.tenancy.flask import install_tenant_guard, resolve_org_id, tenant_exempt
from dbops.tenancy.postgres import tenant_setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    MakeApp = Callable[..., Flask]

OK = 200


def refused(response: TestResponse) -> tuple[int, str]:
    """Return status and word of a refusal."""
    assert response.mimetype == "application/json"
    return response.status_code, json.loads(response.data)["error"]


def ask(app: Flask, path: str = "/", *, user: str = "", org: str | None = None, **more: Any) -> TestResponse:
    headers = {"X-User": user} if user else {}
    headers |= {} if org is None else {"X-Org-Id": org}
    return app.test_client().open(path, headers=headers | more.pop("headers", {}), **more)


@pytest.mark.parametrize(("user", "org", "expected"), [
    ("one", "1", "1"), ("two", "1", "1"), ("two", "2", "2"), ("objects", "2", "2"), ("home", "1", "1"),
    ("primary", "1", "1"), ("one", None, "1"), ("home", None, "1"), ("primary", None, "2"), ("one", "", "1"),
    ("one", " ", "1"), ("", "7", "7"),
])  # fmt: skip
def test_a_request_gets_the_tenant_that_was_granted(app: Flask, user: str, org: str | None, expected: str) -> None:
    response = ask(app, user=user, org=org)
    assert (response.status_code, response.text) == (OK, expected)


@pytest.mark.parametrize(("user", "org", "expected"), [
    ("", None, (400, "org_id_required")), ("", "", (400, "org_id_required")), ("", " ", (400, "org_id_required")),
    ("two", None, (400, "org_id_required")), ("nowhere", None, (400, "org_id_required")),
    *((user, org, (403, "org_forbidden")) for user, org in (("one", "2"), ("nowhere", "1"), ("two", "3"))),
    *((user, org, (400, "org_id_invalid")) for user in ("", "one", "two") for org in
      ("null", "0", "-1", "1_0", "\uff11".encode().decode("latin-1"), "9" * 10_000, "1 OR 1=1", "x")),
    ("one", "1,1", (400, "org_id_conflict")), ("", "1,", (400, "org_id_conflict")),
])  # fmt: skip
def test_a_request_that_no_grant_covers_is_refused(
    app: Flask, user: str, org: str | None, expected: tuple[int, str]
) -> None:
    assert expected == refused(ask(app, user=user, org=org))


@pytest.mark.parametrize("text", [
    "null", "0", "-1", "1_0", "%EF%BC%91", "%D9%A2", "1%0A", "9" * 10_000, "1%20OR%201%3D1", "1%00", "%00", "+1", "%ff",
])  # fmt: skip
@pytest.mark.parametrize("name", ["org_id", "tenant_id"])
def test_a_malformed_parameter_is_refused_even_where_there_is_a_default(
    make_app: MakeApp, name: str, text: str
) -> None:
    app = make_app(config={"TESTING": True, "STRICT_ORG_BOUNDARIES": "0", "DEFAULT_ORG_ID": "1"})
    for user in ("", "one", "primary"):
        assert refused(ask(app, f"/?{name}={text}", user=user)) == (400, "org_id_invalid")


def test_header_lines_given_twice_are_a_conflict(app: Flask) -> None:
    headers = [("X-User", "two"), ("X-Org-Id", "1"), ("X-Org-Id", "2")]
    assert refused(app.test_client().get("/", headers=headers)) == (400, "org_id_conflict")


@pytest.mark.parametrize(("path", "org"), [
    ("/?org_id=2", "1"), ("/?org_id=1&org_id=1", None), ("/?org_id=&org_id=1", None), ("/?org_id=1&tenant_id=2", None),
    ("/?org_id=1&%6frg_id=1", None), ("/?tenant_id=2", "1"),
])  # fmt: skip
def test_claims_that_differ_or_repeat_are_a_conflict(app: Flask, path: str, org: str | None) -> None:
    for user in ("", "two"):
        assert refused(ask(app, path, user=user, org=org)) == (400, "org_id_conflict")


def test_claims_that_agree_are_one(app: Flask) -> None:
    response = ask(app, "/?org_id=2&tenant_id=2", user="two", org="2", headers={"X-Tenant-Id": "2"})
    assert response.text == "2"


def test_a_foreign_tenant_and_one_that_nobody_has_get_the_same_answer_byte_for_byte(app: Flask) -> None:
    answers = {
        (answer.status, answer.data, str(sorted(answer.headers)))
        for org in ("2", "999", "9223372036854775807")
        for answer in (ask(app, user="one", org=org), ask(app, f"/?org_id={org}", user="one"))
    }
    assert len(answers) == 1


def test_a_refusal_repeats_nothing_of_what_was_claimed(app: Flask) -> None:
    for answer in (ask(app, user="one", org="31337"), ask(app, "/?org_id=<script>31337")):
        assert "31337" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", ["/", "/?org_id=1"])
def test_answers_of_different_tenants_are_not_mixed_up_by_caches(app: Flask, path: str) -> None:
    for user in ("", "one"):
        assert {"X-Org-Id", "X-Tenant-Id"} <= set(ask(app, path, user=user).vary)
    assert ask(app).headers["Cache-Control"] == "no-store"


def test_what_a_view_says_of_caches_stays(app: Flask) -> None:
    app.add_url_rule("/varied", "varied", lambda: ("x", {"Vary": "Accept-Language"}))
    assert {"Accept-Language", "X-Org-Id", "X-Tenant-Id"} == set(ask(app, "/varied", org="1").vary)


@pytest.mark.parametrize("config", [{"TESTING": True}, {"DEBUG": True}, {"TESTING": True, "DEFAULT_ORG_ID": "1"}])
def test_strictness_that_is_said_holds_under_testing_too(make_app: MakeApp, config: dict[str, Any]) -> None:
    app = make_app(config={**config, "STRICT_ORG_BOUNDARIES": "1"})
    assert refused(ask(app)) == (400, "org_id_required")


def test_testing_without_strictness_lets_requests_pass_without_a_tenant(make_app: MakeApp) -> None:
    app = make_app()
    assert refused(ask(app)) == (400, "org_id_required")
    app.config["TESTING"] = True
    assert ask(app).text == "missing"
    assert refused(ask(app, "/must")) == (400, "org_id_required")


@pytest.mark.parametrize(("config", "expected"), [
    ({"TESTING": True}, "7"), ({"DEBUG": True}, "7"), ({"STRICT_ORG_BOUNDARIES": "0", "APP_ENV": "local"}, "7"),
    ({"STRICT_ORG_BOUNDARIES": "0"}, "missing"), ({"STRICT_ORG_BOUNDARIES": "0", "APP_ENV": "production"}, "missing"),
])  # fmt: skip
def test_the_default_is_for_local_and_automated_tests(make_app: MakeApp, config: dict[str, Any], expected: str) -> None:
    app = make_app(config={**config, "DEFAULT_ORG_ID": "7"})
    assert expected == ask(app).text
    assert ask(app, user="two").text == "missing"  # nobody grants a default to somebody else's account
    assert ask(app, "/health").text == "missing"


def test_the_names_are_honoured_in_the_environment(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_ORG_BOUNDARIES", "0")
    monkeypatch.setenv("DEFAULT_ORG_ID", "5")
    assert ask(make_app(config={"TESTING": True})).text == "5"
    monkeypatch.setenv("STRICT_ORG_BOUNDARIES", "1")
    assert refused(ask(make_app(config={"TESTING": True}))) == (400, "org_id_required")


@pytest.mark.parametrize("said", [None, "", "0", False])
def test_strictness_in_the_environment_is_not_overruled(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    monkeypatch.setenv("STRICT_ORG_BOUNDARIES", "1")
    app = make_app(config={"TESTING": True, "STRICT_ORG_BOUNDARIES": said})
    assert refused(ask(app)) == (400, "org_id_required")


@pytest.mark.parametrize("config", [{"STRICT_ORG_BOUNDARIES": "maybe"}, {"DEFAULT_ORG_ID": "x"}])
def test_a_setting_that_means_nothing_fails_when_the_guard_is_installed(
    make_app: MakeApp, config: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(config))):
        make_app(config=config)


def test_an_applications_own_error_pages_do_not_rewrite_a_refusal(app: Flask) -> None:
    for what in (400, 403, Exception):
        app.register_error_handler(what, lambda _problem: ("<h1>sorry</h1>", 200))
    plain = ask(app)
    assert refused(plain) == (400, "org_id_required")
    assert plain.data == ask(app, headers={"Accept": "text/html"}).data
    assert refused(ask(app, user="one", org="2")) == (403, "org_forbidden")


def test_a_view_that_needs_a_tenant_and_has_none_is_a_400(app: Flask) -> None:
    app.add_url_rule("/open", "open", tenant_exempt(lambda: str(resolve_org_id())))
    assert refused(ask(app, "/open", user="one", org="1")) == (400, "org_id_required")


@pytest.mark.parametrize("path", ["/health", "/named"])
def test_exempt_endpoints_have_no_tenant_whatever_is_claimed(app: Flask, path: str) -> None:
    for user, org in [("", None), ("one", "1"), ("one", "2"), ("", "garbage"), ("", "1,2")]:
        response = ask(app, path, user=user, org=org)
        assert (response.status_code, response.text) == (OK, "missing")


LOOK_ALIKES = ["/health/", "/healthz", "/health2", "/named/x", "/api/health", "/health%2f", "/x/../health", "/Health"]


@pytest.mark.parametrize("path", LOOK_ALIKES)
def test_paths_that_look_like_exempt_ones_are_not(app: Flask, path: str) -> None:
    app.add_url_rule("/<path:rest>", "rest", lambda rest: rest)
    app.add_url_rule("/health2", "health2", lambda: "x")
    assert refused(ask(app, path)) == (400, "org_id_required")


def test_an_exempt_view_is_exempt_and_no_other_of_its_blueprint(app: Flask) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/free", "free", tenant_exempt(lambda: str(g.org_id)))
    inner.add_url_rule("/bound", "bound", lambda: str(resolve_org_id()))
    inner.before_request(lambda: None)
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer")
    assert ask(app, "/outer/inner/free").text == "None"
    assert refused(ask(app, "/outer/inner/bound")) == (400, "org_id_required")
    assert ask(app, "/outer/inner/bound", user="one").text == "1"


def test_a_nested_blueprints_endpoint_is_exempt_by_its_whole_name(make_app: MakeApp) -> None:
    app = make_app(exempt_endpoints=("outer.inner.free", "bound"))
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/free", "free", lambda: str(g.org_id))
    inner.add_url_rule("/bound", "bound", lambda: str(g.org_id))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert ask(app, "/free").text == "None"
    assert refused(ask(app, "/bound")) == (400, "org_id_required")


def test_a_class_is_marked_in_its_decorators(app: Flask) -> None:
    class Open(MethodView):
        decorators = [tenant_exempt]  # noqa: RUF012  (as Flask spells it)

        def get(self) -> str:
            return str(g.org_id)

    with pytest.raises(TypeError, match="decorators"):
        tenant_exempt(Open)
    app.add_url_rule("/class", view_func=Open.as_view("class"))
    assert ask(app, "/class").text == "None"


@pytest.mark.parametrize("option", ["exempt_endpoints", "headers", "parameters"])
def test_one_text_is_no_list_of_names(option: str) -> None:
    """Its letters would be the names, and the one that was meant would be read by nobody."""
    with pytest.raises(ConfigurationError, match=option):
        install_tenant_guard(Flask("x"), **{option: "X-Shop"})  # type: ignore[arg-type]


def test_where_no_header_names_a_tenant_answers_vary_by_none(make_app: MakeApp) -> None:
    app = make_app(headers=())
    assert [ask(app).headers.get("Vary"), ask(app, user="one").headers.get("Vary")] == [None, None]
    assert ask(app, "/?org_id=2", user="two", org="1").text == "2"


def test_head_is_guarded_as_get_is(app: Flask) -> None:
    answer = ask(app, method="HEAD")
    assert (answer.status_code, answer.data, answer.mimetype) == (400, b"", "application/json")
    assert ask(app, method="HEAD", user="one").status_code == OK
    assert ask(app, method="HEAD", user="one", org="2").status_code == 403


def test_options_and_unrouted_requests_pass_without_a_tenant(app: Flask) -> None:
    app.add_url_rule("/own", "own", lambda: str(resolve_org_id()), methods=["OPTIONS"], provide_automatic_options=False)
    assert ask(app, method="OPTIONS", org="garbage").status_code == OK
    assert ask(app, "/nowhere", org="garbage").status_code == 404
    assert ask(app, method="DELETE").status_code == 405
    assert refused(ask(app, "/own", method="OPTIONS", user="one", org="1")) == (400, "org_id_required")


def test_a_body_is_no_claim(app: Flask) -> None:
    assert refused(ask(app, method="POST", data={"org_id": "1"})) == (400, "org_id_required")
    assert refused(ask(app, method="POST", json={"org_id": 1})) == (400, "org_id_required")


def test_two_applications_in_a_process_keep_to_themselves(make_app: MakeApp) -> None:
    first, second = make_app(name="first"), make_app(name="second", id_type="slug", headers=("X-Shop",))
    bare = Flask("bare")
    bare.add_url_rule("/", "told", lambda: str(resolve_org_id()))
    nested: list[str] = []

    @first.get("/nested")
    def nested_view() -> str:
        nested.append(ask(second, headers={"X-Shop": "kite"}).text)
        with second.app_context(), pytest.raises(OrgContextMissing):
            resolve_org_id()
        with pytest.raises(ConfigurationError, match="'bare'"):
            ask(bare)
        with first.app_context():  # its own once more: still this request's tenant
            nested.append(str(resolve_org_id()))
        return str(resolve_org_id())

    bare.testing = True
    assert ask(first, "/nested", user="one").text == "1"
    assert nested == ["'kite'", "1"]
    assert refused(ask(second, headers={"X-Shop": "K"})) == (400, "org_id_invalid")
    assert refused(ask(first, headers={"X-Shop": "kite"})) == (400, "org_id_required")


def test_installing_twice_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="already installed"):
        install_tenant_guard(app)
    assert ask(app, user="one").text == "1"


def test_async_views_have_their_requests_tenant(app: Flask) -> None:
    async def view() -> str:
        return str(resolve_org_id())

    app.add_url_rule("/async", "async", view)
    assert ask(app, "/async", user="primary").text == "2"
    assert refused(ask(app, "/async")) == (400, "org_id_required")


def test_who_is_asking_may_be_found_out_asynchronously(make_app: MakeApp) -> None:
    async def identity() -> object:
        return object()

    async def memberships(_user: object) -> list[str]:
        return ["3"]

    assert ask(make_app(identity=identity, memberships=memberships)).text == "3"


@pytest.mark.parametrize("said", [False, None, lambda: False])
def test_somebody_who_is_not_authenticated_is_nobody(make_app: MakeApp, said: object) -> None:
    value = staticmethod(said) if callable(said) else said
    app = make_app(identity=type("User", (), {"org_id": 1, "is_authenticated": value}))
    assert refused(ask(app)) == (400, "org_id_required")


def test_an_abandoned_stream_leaves_the_next_request_nothing(app: Flask) -> None:
    abandoned = ask(app, "/stream", user="one", buffered=False)
    assert next(abandoned.response) == b"1\n"
    assert g.org_id == 1  # what this is about: its context is still on the thread
    assert refused(ask(app)) == (400, "org_id_required")
    assert ask(app, user="primary").text == "2"
    assert refused(ask(app, user="one", org="2")) == (403, "org_forbidden")
    assert next(abandoned.response) == b"1\n"
    abandoned.close()


def test_nothing_that_runs_before_the_guard_sees_the_tenant_of_an_abandoned_stream(make_app: MakeApp) -> None:
    app = make_app()
    seen: list[object] = []
    app.url_value_preprocessor(lambda *_: seen.append(g.get("org_id")))
    app.before_request_funcs[None].insert(0, lambda: seen.append(g.get("org_id")))
    abandoned = ask(app, "/stream", user="one", buffered=False)
    next(abandoned.response)
    seen.clear()
    ask(app, user="primary")
    assert seen == [None, None]
    abandoned.close()


class Account(UserMixin):
    """A user of Flask-Login."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.organizations = [{"ada": 1, "bob": 2}[name]]


def login_app() -> Flask:
    app = Flask("login")
    app.secret_key = "not a secret"
    LoginManager(app).user_loader(Account)
    install_tenant_guard(app)
    app.add_url_rule("/in/<name>", "sign_in", tenant_exempt(lambda name: str(login_user(Account(name)))))
    app.add_url_rule("/out", "sign_out", tenant_exempt(lambda: str(logout_user())))
    app.add_url_rule("/", "told", lambda: str(resolve_org_id()))

    @app.get("/stream")
    def stream() -> Response:
        return Response(flask.stream_with_context(iter(lambda: str(resolve_org_id()), "")))

    return app


def test_whoever_flask_login_has_signed_in_is_asking() -> None:
    app = login_app()
    client = app.test_client()
    assert refused(client.get("/")) == (400, "org_id_required")
    client.get("/in/ada")
    assert client.get("/").text == "1"
    assert refused(client.get("/?org_id=2")) == (403, "org_forbidden")
    client.get("/out")
    assert refused(client.get("/")) == (400, "org_id_required")
    assert client.get("/?org_id=2").text == "2"  # nobody's claim, unverified


def test_the_user_of_an_abandoned_stream_is_not_signed_in_for_the_next_request() -> None:
    app = login_app()
    ada, nobody = app.test_client(), app.test_client()
    ada.get("/in/ada")
    abandoned = ada.get("/stream", buffered=False)
    assert next(abandoned.response) == b"1"
    # Flask-Login keeps its user on g, and g is that of the abandoned stream.
    assert refused(nobody.get("/")) == (400, "org_id_required")
    bob = app.test_client()
    bob.get("/in/bob")
    assert bob.get("/").text == "2"
    abandoned.close()


def test_one_context_around_several_requests_keeps_what_it_said_before_them() -> None:
    app = Flask("outer")
    install_tenant_guard(app)
    app.add_url_rule("/", "told", lambda: str(resolve_org_id()))
    with app.app_context():
        g.user = type("User", (), {"org_id": 3})()
        assert [app.test_client().get("/").text for _ in range(3)] == ["3"] * 3
    with app.app_context():
        assert [app.test_client().get("/").status_code for _ in range(2)] == [400, 400]


def test_nothing_that_a_request_kept_on_g_is_found_by_the_one_after_an_abandoned_stream(make_app: MakeApp) -> None:
    """Not even under names that are the application's own: who is signed in, an open transaction."""
    app = make_app(identity=lambda: g.get("whoever"))
    app.before_request_funcs[None].insert(0, _load_whoever)
    abandoned = ask(app, "/stream", user="one", buffered=False)
    next(abandoned.response)
    assert refused(ask(app)) == (400, "org_id_required")
    assert next(abandoned.response) == b"1\n"
    abandoned.close()


def _load_whoever() -> None:
    if "X-User" in flask.request.headers:  # else whoever it was stays
        g.whoever = type("User", (), {"org_id": 1})()


def test_a_request_within_a_request_of_the_same_application_leaves_the_outer_one_as_it_was(app: Flask) -> None:
    @app.get("/batch")
    def batch() -> str:
        g.kept = "kept"
        inner = ask(app, user="primary").text
        nobody = ask(app).status_code
        return f"{inner} {nobody} {resolve_org_id()} {g.org_id} {g.kept} {g.user.organizations}"

    assert ask(app, "/batch", user="one").text == "2 400 1 1 kept [1]"


def test_clients_that_keep_their_contexts_do_not_lend_them_to_each_other() -> None:
    app = login_app()
    with app.test_client() as ada, app.test_client() as nobody:
        ada.get("/in/ada")
        assert ada.get("/").text == "1"
        assert g.org_id == 1
        assert refused(nobody.get("/")) == (400, "org_id_required")


def test_head_of_a_stream_leaves_the_next_request_nothing(app: Flask) -> None:
    assert ask(app, "/stream", user="one", method="HEAD").status_code == OK
    assert refused(ask(app)) == (400, "org_id_required")
    assert ask(app, user="primary").text == "2"


@pytest.mark.parametrize("order", ["below the route", "above the route"])
def test_a_view_may_be_marked_below_or_above_its_route(app: Flask, order: str) -> None:
    def view() -> str:
        return str(g.org_id)

    if order == "below the route":
        app.get("/marked")(tenant_exempt(view))
    else:
        tenant_exempt(app.get("/marked")(view))
    assert ask(app, "/marked").text == "None"


def test_a_test_that_opens_a_context_around_requests_sees_on_g_what_the_last_one_left(app: Flask) -> None:
    with app.app_context():
        for user, tenant in [("one", 1), ("primary", 2), ("one", 1)]:
            ask(app, user=user)
            assert tenant == g.org_id
            assert g.user.organizations[-1] in {1, 2}
        with pytest.raises(OrgContextMissing):
            resolve_org_id()  # what a request has left on g is no grant for what comes after it
        g.user = None
        assert refused(ask(app)) == (400, "org_id_required")


def test_a_mirror_that_differs_raises(app: Flask) -> None:
    @app.get("/changed")
    def changed() -> str:
        g.org_id = 2
        with pytest.raises(OrgContextConflict):
            resolve_org_id()
        del g.org_id
        return str(resolve_org_id())

    assert ask(app, "/changed", user="one").text == "1"


def test_a_request_keeps_its_tenant_and_an_exempt_one_may_take_one(app: Flask) -> None:
    @app.get("/steal")
    def steal() -> str:
        with tenant_context(1):
            own = resolve_org_id()
        with pytest.raises(OrgContextConflict), tenant_context(2):
            pass
        return str(own)

    @app.get("/hook")
    @tenant_exempt
    def hook() -> str:
        with tenant_context(2):
            return str(resolve_org_id())

    assert ask(app, "/steal", user="two", org="1").text == "1"
    assert ask(app, "/hook").text == "2"


def test_a_context_left_open_by_one_request_is_not_found_by_the_next(app: Flask) -> None:
    kept = []

    @app.get("/leak")
    @tenant_exempt
    def leak() -> str:
        entered = tenant_context(2)
        entered.__enter__()
        kept.append(entered)
        return str(resolve_org_id())

    assert ask(app, "/leak").text == "2"
    assert ask(app, "/health").text == "missing"
    assert ask(app, user="one").text == "1"
    with pytest.raises(OrgContextMissing), app.app_context():
        resolve_org_id()


def test_a_job_around_a_request_lends_it_nothing(app: Flask) -> None:
    with tenant_context(5):
        assert refused(ask(app)) == (400, "org_id_required")
        assert ask(app, user="one").text == "1"
        assert resolve_org_id() == 5
        with app.app_context():
            assert resolve_org_id() == 5


def test_what_a_test_sets_on_g_is_honoured_outside_requests(make_app: MakeApp) -> None:
    app = make_app(config={"TESTING": True, "DEFAULT_ORG_ID": 7})
    with app.app_context():
        assert resolve_org_id() == 7
        g.org_id = 3
        assert resolve_org_id() == 3
    with app.test_request_context():
        g.org_id = "4"
        assert resolve_org_id() == 4
    strict = make_app(config={"DEFAULT_ORG_ID": 7}, name="strict")
    with strict.app_context(), pytest.raises(OrgContextMissing):
        resolve_org_id()


def test_error_handlers_and_teardown_have_the_requests_tenant(app: Flask) -> None:
    seen = []
    app.add_url_rule("/fails", "fails", lambda: {}["x"])
    app.register_error_handler(KeyError, lambda _problem: f"handled for {resolve_org_id()}")
    app.teardown_request(lambda _problem: seen.append(resolve_org_id()))
    assert ask(app, "/fails", user="one").text == "handled for 1"
    assert seen == [1]


def test_memberships_that_cannot_be_read_end_the_request(make_app: MakeApp) -> None:
    for memberships in (lambda _: ["x"], lambda _: "12", lambda _: [None], lambda _: 1 / 0):
        app = make_app(identity=object, memberships=memberships)
        assert ask(app, org="1").status_code == 500


def test_memberships_come_from_the_callable_alone_where_there_is_one(make_app: MakeApp) -> None:
    app = make_app(memberships=lambda _user: [5, "6"])
    assert refused(ask(app, user="one", org="1")) == (403, "org_forbidden")
    assert ask(app, user="one", org="6").text == "6"
    # A primary that is no longer a membership grants nothing.
    assert refused(ask(app, user="primary")) == (400, "org_id_required")


def test_threads_keep_their_requests_apart(app: Flask) -> None:
    wrong: list[str] = []
    barrier = threading.Barrier(4)

    def hammer(user: str, expected: str) -> None:
        barrier.wait()
        wrong.extend(text for _ in range(100) if (text := ask(app, user=user).text) != expected)

    threads = [threading.Thread(target=hammer, args=pair) for pair in [("one", "1"), ("primary", "2")] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_refusal_is_logged_with_its_reason_and_without_the_query(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dbops.tenancy"):
        ask(app, "/?token=canary&org_id=" + "9%0a" * 1000, headers={"Cookie": "session=canary"})
    (record,) = caplog.records
    message = record.getMessage()
    assert "org_id_invalid, parameter org_id, endpoint told" in message
    assert "canary" not in message
    assert "\n" not in message
    assert len(message) < 200


def test_a_claim_that_came_as_far_as_the_database_is_logged_with_its_source(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/bound", "bound", lambda: tenant_setting(allow_unverified=False))
    with caplog.at_level(logging.WARNING, "dbops.tenancy"):
        assert refused(ask(app, "/bound?org_id=7")) == (403, "org_forbidden")
    assert [record.getMessage() for record in caplog.records] == [
        "refused: org_forbidden, parameter org_id, endpoint bound, claimed '7'"
    ]


def test_a_guard_keeps_no_application_alive() -> None:
    import weakref

    app = Flask("short")
    install_tenant_guard(app)
    app.test_client().get("/")
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
