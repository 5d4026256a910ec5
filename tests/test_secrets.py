from __future__ import annotations

import base64
import shlex
import urllib.parse

import pytest

from dbops import secrets
from dbops.secrets import MASK, holds_secret, redact, remember, remember_url, say_aloud

HOSTILE = "p%40ss@:/ '\"\\w"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_known", ())
    monkeypatch.setattr(secrets, "_aloud", frozenset())


@pytest.mark.parametrize(
    "spelling",
    [
        HOSTILE,
        urllib.parse.quote(HOSTILE),
        urllib.parse.quote(HOSTILE, safe=""),
        urllib.parse.quote_plus(HOSTILE),
        HOSTILE.replace("\\", "\\\\").replace("'", "\\'"),
        HOSTILE.replace("'", "''"),
        HOSTILE.replace("\\", "\\\\").replace(":", "\\:"),
        shlex.quote(HOSTILE),
        repr(HOSTILE)[1:-1],
        base64.b64encode(HOSTILE.encode()).decode(),
        base64.urlsafe_b64encode(HOSTILE.encode()).decode(),
    ],
)
def test_a_remembered_secret_is_hidden_in_every_spelling_it_takes(spelling: str) -> None:
    remember(HOSTILE)
    assert redact(f"<{spelling}>") == f"<{MASK}>"


def test_a_secret_of_any_bytes_is_hidden() -> None:
    remember("p\udcffss")
    assert redact("p\udcffss p%FFss") == f"{MASK} {MASK}"


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    remember("abc")
    remember("abcdef")
    assert redact("abcdef abc") == f"{MASK} {MASK}"


def test_an_empty_or_tiny_secret_does_not_blank_out_the_text() -> None:
    remember("")
    remember("a")
    assert redact("a plain sentence") == "a plain sentence"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:never-told@h/d", f"postgresql://u:{MASK}@h/d"),
        ("postgresql+psycopg://u:p:q@h/d", f"postgresql+psycopg://u:{MASK}@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("host=h password=never-told dbname=d", f"host=h password={MASK} dbname=d"),
        ("password='it\\'s never' dbname=d", f"password={MASK} dbname=d"),
        ("PGPASSWORD=never-told psql", f"PGPASSWORD={MASK} psql"),
        ("?sslpassword=never-told&x=1", f"?sslpassword={MASK}&x=1"),
        ('password = "never told"', f"password = {MASK}"),
        ("the password was not accepted", "the password was not accepted"),
    ],
)
def test_what_looks_like_a_password_is_hidden_without_being_told(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:S3cret-x@h/d",
        "postgresql://u:S3cret-x@h:port/d",
        "postgresql://u:S3cret%2Dx@h/d",
        "postgresql://h/d?user=u&password=S3cret-x&a=b",
        "postgresql://h/d?sslpassword=S3cret%2Dx",
        "postgresql://u:S3cret-x@a,b:7",
    ],
)
def test_the_password_of_a_url_is_remembered_even_when_the_url_is_wrong(url: str) -> None:
    remember_url(url)
    assert redact("S3cret-x") == MASK


def test_a_url_without_a_password_leaves_nothing_to_hide() -> None:
    for url in ("", "postgresql://", "postgresql://u@h/d", "host=h"):
        remember_url(url)
    assert redact("u h d postgresql") == "u h d postgresql"


def test_redaction_is_stable() -> None:
    remember(HOSTILE)
    once = redact(f"postgresql://u:{urllib.parse.quote(HOSTILE, safe='')}@h/d {HOSTILE}")
    assert redact(once) == once


def test_a_text_is_told_to_hold_a_secret_unless_it_is_only_a_plausible_name() -> None:
    remember("postgres")
    remember("S3cret!")
    assert not holds_secret("/var/lib/postgres")
    assert redact("/var/lib/postgres") == f"/var/lib/{MASK}"
    assert holds_secret("it is S3cret!")
    assert holds_secret("postgresql://u:x@h")


def test_a_password_that_is_the_name_of_the_user_is_hidden_only_where_it_is_a_password() -> None:
    remember("app")
    say_aloud("app", "shop")
    assert redact("create index on app.orders (id)") == "create index on app.orders (id)"
    assert redact("postgresql://app:app@h/app password=app") == f"postgresql://app:{MASK}@h/app password={MASK}"


def test_a_password_that_is_no_plausible_name_is_hidden_even_where_a_user_has_it_as_a_name() -> None:
    remember("S3cret!")
    say_aloud("S3cret!")
    assert redact("S3cret!") == MASK
