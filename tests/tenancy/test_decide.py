"""The decision table, every combination of it, and what counts as a claim."""

from __future__ import annotations

import itertools
import uuid

import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from dbops.errors import ConfigurationError
from dbops.tenancy.claims import PARAMETERS, Claim, Claimed, ClaimNames, Reason, Refusal, settle
from dbops.tenancy.context import NO_TENANT, Tenant
from dbops.tenancy.decide import Identity, Terms, decide
from dbops.tenancy.environment import Boundaries, is_local, strictness
from dbops.tenancy.parse import NotAnId, reader

INTS = reader("int")
NAMES = ClaimNames()
UUID = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"

MALFORMED = [
    *(
        "null",
        "0",
        "-1",
        "+1",
        "1_0",
        "\uff11",
        "\u0662",
        "\u00b2",
        "1\n",
        "\n1",
        "1\r\n",
        "9" * 10_000,
        "1 OR 1=1",
        "1;2",
    ),
    *("1\0", "\0", "01", "1.0", "1e3", "0x1", " 1", "1 ", "\u00a0", "\ufffd", "True", str(2**63), "1'", "\u0967"),
]


def claims(**texts: str) -> list[Claim]:
    return [Claim(source, text) for source, text in texts.items()]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: ascii(text[:12]))
def test_what_is_no_id_is_refused_and_never_a_fallback(text: str) -> None:
    refusal = settle(claims(header=text), INTS)
    assert Refusal(Reason.INVALID, Claim("header", text)) == refusal
    for identity, strict in itertools.product([None, Identity(frozenset({1}), 1)], [True, False]):
        assert refusal == decide(refusal, identity, Terms(strict, default=None if strict else 1))


@pytest.mark.parametrize("text", ["", " ", "\t", "   "])
def test_a_blank_claim_is_none(text: str) -> None:
    assert settle(claims(header=text, parameter=text), INTS) is None


def test_every_id_that_a_bigint_holds_is_read_in_its_only_spelling() -> None:
    for number in [1, 9, 10, 2**31, 2**63 - 1, *(10**power for power in range(19))]:
        assert INTS.read(str(number)) == number
        assert INTS.take(number) == number


@pytest.mark.parametrize(("id_type", "text", "expected"), [
    ("uuid", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", uuid.UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")),
    ("slug", "northwind-bikes", "northwind-bikes"),
    ("slug", "7", "7"),
    (lambda text: int(text, 16), "ff", 255),
])  # fmt: skip
def test_ids_of_other_types_are_read(id_type: object, text: str, expected: object) -> None:
    assert reader(id_type).read(text) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("id_type", "text"), [
    *(("uuid", text) for text in ("1", UUID.replace("-", ""), f"{{{UUID}}}", f"{UUID}\n", f"urn:uuid:{UUID}")),
    *(("slug", text) for text in ("null", "undefined", "-a", "a-", "a_b", "A", "a b", "a\n", "é", "a" * 65, "../a")),
    (int, "x"), (lambda _: None, "1"), (lambda _: True, "1"), (lambda _: "", "1"), (lambda text: text, "a\0"),
    (lambda text: text, "é"), (lambda text: text, "a" * 65),
])  # fmt: skip
def test_texts_that_are_no_id_of_another_type_are_refused(id_type: object, text: str) -> None:
    with pytest.raises(NotAnId):
        reader(id_type).read(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [True, False, 0, -1, 2**63, 1.0, None, [1], uuid.uuid4(), "", " 1", object()])
def test_a_membership_that_is_no_id_grants_nothing(value: object) -> None:
    with pytest.raises(NotAnId):
        INTS.take(value)


def test_of_a_row_of_memberships_the_organisation_counts_and_not_the_rows_own_id() -> None:
    membership = type("Membership", (), {"id": 7, "org_id": 3})()
    organisation = type("Organisation", (), {"id": "5"})()
    assert [INTS.take(membership), INTS.take(organisation)] == [3, 5]


def test_an_unknown_type_of_ids_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="'bigint'"):
        reader("bigint")


@pytest.mark.parametrize(("environ", "query", "expected"), [
    ({}, b"", []),
    ({"HTTP_X_ORG_ID": "1"}, b"", [("header X-Org-Id", "1")]),
    ({"HTTP_X_TENANT_ID": "1"}, b"page=2", [("header X-Tenant-Id", "1")]),
    ({"HTTP_X_ORG_ID": "1,2"}, b"", [("header X-Org-Id", "1"), ("header X-Org-Id", "2")]),
    ({}, b"org_id=1&tenant_id=2", [("parameter org_id", "1"), ("parameter tenant_id", "2")]),
    ({}, b"org_id=1&org_id=1", [("parameter org_id", "1"), ("parameter org_id", "1")]),
    ({}, b"%6frg_id=1", [("parameter org_id", "1")]),
    ({}, b"org%5Fid=%D9%A2", [("parameter org_id", "\u0662")]),
    ({}, b"org_id=%ff", [("parameter org_id", "\ufffd")]),
    ({}, b"org_id=%00", [("parameter org_id", "\0")]),
    ({}, b"org_id=+1", [("parameter org_id", " 1")]),
    ({}, b"org_id", [("parameter org_id", "")]),
    ({}, b"ORG_ID=1&org_id%5B%5D=2&xorg_id=3&org_id.x=4&org-id=5", []),
    ({"HTTP_ORG_ID": "1", "X_ORG_ID": "2", "HTTP_COOKIE": "org_id=3", "PATH_INFO": "/org_id=4"}, b"", []),
    ({}, b"a=1;org_id=2", []),
])  # fmt: skip
def test_claims_are_found_where_the_application_would_read_them(
    environ: dict[str, str], query: bytes, expected: list[tuple[str, str]]
) -> None:
    assert [Claim(*pair) for pair in expected] == NAMES.find(environ, query)


PIECES = ["org_id", "%6frg_id", "tenant_id", "&", "=", "1", "%31", "+", "%00", "%", "\u0662", ";", "#"]


def test_a_query_string_is_read_as_the_application_reads_it() -> None:
    for pieces in itertools.product(PIECES, repeat=4):
        query = "".join(pieces).encode()
        read = Request({**create_environ(), "QUERY_STRING": query.decode("latin-1")}).args
        expected = sorted((name, text) for name in PARAMETERS for text in read.getlist(name))
        found = sorted((claim.source.removeprefix("parameter "), claim.text) for claim in NAMES.find({}, query))
        assert expected == found, query


@pytest.mark.parametrize("texts", list(itertools.product(["", "1", "2", "x"], repeat=2)))
def test_one_name_given_twice_is_a_conflict_whatever_it_says(texts: tuple[str, str]) -> None:
    found = settle([Claim("header X-Org-Id", text) for text in texts], INTS)
    assert isinstance(found, Refusal)
    assert found.reason == Reason.CONFLICT


@pytest.mark.parametrize("texts", list(itertools.product(["", "1", "2", "x"], repeat=4)))
def test_claims_under_four_names_agree_or_are_refused(texts: tuple[str, ...]) -> None:
    said = {text for text in texts if text}
    found = settle([Claim(f"name {position}", text) for position, text in enumerate(texts)], INTS)
    if "x" in said:
        assert (isinstance(found, Refusal) and found.reason) == Reason.INVALID
    elif len(said) == 2:
        assert (isinstance(found, Refusal) and found.reason) == Reason.CONFLICT
    else:
        assert {int(text) for text in said} == ({found.org_id} if isinstance(found, Claimed) else set())


CLAIMS = [None, 1, 2, 999]
PEOPLE = [
    None,
    *(Identity(frozenset(memberships), primary) for memberships in [(), (1,), (1, 2)] for primary in [None, 1, 2, 999]),
]
TERMS = [Terms(strict=True), Terms(strict=False), *(Terms(strict=False, default=default) for default in (1, 2, 999))]


def expected(claim: int | None, identity: Identity | None, terms: Terms) -> tuple[object, bool] | Reason:
    """Say the table once more, the other way round: by what may come out."""
    if claim is not None and identity is not None:
        return (claim, True) if claim in identity.memberships else Reason.FORBIDDEN
    if claim is not None:
        return (claim, False)
    if identity is not None:
        own = identity.memberships
        if identity.primary in own:
            return (identity.primary, True)
        if len(own) == 1:
            return (*own, True)
    if terms.default is not None and (identity is None or terms.default in identity.memberships):
        return (terms.default, True)
    return Reason.REQUIRED if terms.strict else (None, False)


@pytest.mark.parametrize(("claim", "identity", "terms"), list(itertools.product(CLAIMS, PEOPLE, TERMS)))
def test_the_decision_table_holds_in_every_row(claim: int | None, identity: Identity | None, terms: Terms) -> None:
    claimed = None if claim is None else Claimed(claim, Claim("header", str(claim)))
    found = decide(claimed, identity, terms)
    told = found.reason if isinstance(found, Refusal) else (found.org_id, found.verified)
    assert expected(claim, identity, terms) == told
    if identity is not None and isinstance(found, Tenant) and found.org_id is not None:
        assert found.org_id in identity.memberships


def test_strictness_never_meets_a_default() -> None:
    assert Refusal(Reason.REQUIRED) == decide(None, None, Terms(strict=True, default=1))
    assert Refusal(Reason.REQUIRED) == decide(None, Identity(frozenset({1, 2})), Terms(strict=True, default=1))


@pytest.mark.parametrize(("value", "meaning"), [
    *((word, True) for word in ("1", "true", "TRUE", " yes ", "on", True, 1)),
    *((word, False) for word in ("0", "false", "No", "off", False, 0)),
    (None, None), ("", None), (" ", None),
])  # fmt: skip
def test_strictness_is_said_in_words(value: object, meaning: bool | None) -> None:
    assert meaning is strictness(value)


@pytest.mark.parametrize("value", ["maybe", "2", "-1", "tru", "None", "null", 2, "\uff11"])
def test_strictness_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="STRICT_ORG_BOUNDARIES"):
        strictness(value)


@pytest.mark.parametrize("value", ["x", "0", -1, "1 ", "1,2", True])
def test_a_default_that_is_no_id_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="DEFAULT_ORG_ID"):
        Boundaries({"DEFAULT_ORG_ID": value}, INTS)


@pytest.mark.parametrize(("named", "local"), [
    ({}, False), ({"APP_ENV": "local"}, True), ({"FLASK_ENV": "Development"}, True), ({"ENVIRONMENT": "test"}, True),
    ({"APP_ENV": "production"}, False), ({"APP_ENV": "local", "FLASK_ENV": "production"}, False),
    ({"APP_ENV": "staging"}, False), ({"APP_ENV": "localhost"}, False),
])  # fmt: skip
def test_an_environment_is_local_when_all_that_name_it_say_so(named: dict[str, str], local: bool) -> None:
    assert local is is_local(named)


@pytest.mark.parametrize(
    ("strict", "trying", "local"), list(itertools.product([None, "0", "1"], [False, True], [False, True]))
)
def test_a_default_applies_only_without_strictness_and_only_where_nobodys_data_is(
    strict: str | None, trying: bool, local: bool
) -> None:
    values = {"STRICT_ORG_BOUNDARIES": strict, "DEFAULT_ORG_ID": "7", "APP_ENV": "local" if local else "production"}
    terms = Boundaries(values, INTS).terms(trying=trying)
    is_strict = strict == "1" or (strict is None and not trying)
    assert Terms(is_strict, 7 if not is_strict and (trying or local) else None) == terms
    asked = decide(None, None, terms)
    if is_strict:
        assert Refusal(Reason.REQUIRED) == asked
    else:
        assert asked == (Tenant(7, verified=True, source="DEFAULT_ORG_ID") if trying or local else NO_TENANT)
