"""Read a connection string in any spelling people paste: a libpq URL or keyword string, SQLAlchemy, JDBC, Prisma.

Parsed here rather than by libpq, because libpq quotes a malformed string in its error, password included. The rules:

1. What looks like a password is remembered for redaction before anything can fail.
2. No error of this module quotes any part of the string but the name of a parameter.
3. A parameter of another driver is dropped; a parameter nobody knows is refused, since a dropped `sslmod=verify-full`
   would be a connection without TLS.

What it does not do: fill in defaults or read the environment (`target.py`), or judge the values (libpq).
"""

from __future__ import annotations

import difflib
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.errors import UsageError
from dbops.secrets import remember, remember_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_PORT = "5432"

# Every libpq parameter, with the variable that libpq reads it from; None where it has no variable.
KEYWORDS: Mapping[str, str | None] = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "fallback_application_name": None,
    "client_encoding": "PGCLIENTENCODING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "keepalives": None,
    "keepalives_idle": None,
    "keepalives_interval": None,
    "keepalives_count": None,
    "tcp_user_timeout": None,
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslcompression": "PGSSLCOMPRESSION",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslpassword": None,
    "sslcertmode": "PGSSLCERTMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslcrldir": "PGSSLCRLDIR",
    "sslsni": "PGSSLSNI",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "min_protocol_version": "PGMINPROTOCOLVERSION",
    "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "requirepeer": "PGREQUIREPEER",
    "require_auth": "PGREQUIREAUTH",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "gssdelegation": "PGGSSDELEGATION",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "oauth_issuer": None,
    "oauth_client_id": None,
    "oauth_client_secret": None,
    "oauth_scope": None,
    "scram_client_key": None,
    "scram_server_key": None,
}
SECRET_KEYWORDS = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})

# Parameters that other drivers and poolers take in the same place and that say nothing about where the database is.
_FOREIGN: Mapping[str, frozenset[str]] = {
    driver: frozenset(words.split())
    for driver, words in {
        "Prisma": "schema pgbouncer connection_limit pool_timeout socket_timeout statement_cache_size sslaccept"
        " sslidentity single_use_connections",
        "asyncpg": "prepared_statement_cache_size prepared_statement_name_func async_fallback command_timeout timeout"
        " min_size max_size max_cached_statement_lifetime max_cacheable_statement_size",
        "Django": "conn_max_age conn_health_checks",
        "Rails": "pool encoding reaping_frequency prepared_statements checkout_timeout idle_timeout",
        "node": "uselibpqcompat supa workaround",
        "Go": "pool_max_conns pool_min_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter"
        " pool_max_conn_idle_time pool_health_check_period default_query_exec_mode statement_cache_capacity"
        " description_cache_capacity binary_parameters statement_cache_mode prefer_simple_protocol search_path",
        "JDBC": "sslfactory sslfactoryarg sslhostnameverifier sslpasswordcallback sslResponseTimeout",
    }.items()
}
_DROPPED = frozenset().union(*_FOREIGN.values())
_JDBC_NAMES: Mapping[str, str] = {
    "ApplicationName": "application_name",
    "connectTimeout": "connect_timeout",
    "databaseName": "dbname",
    "serverName": "host",
    "portNumber": "port",
}
_DRIVER = re.compile(r"\A(?:postgresql|postgres)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_JDBC = re.compile(r"\Ajdbc:postgresql:", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"\A(?:jdbc:)?[a-z][a-z0-9+.:-]*://", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE_NAME = re.compile(r"\A[A-Za-z_]{1,40}\Z")

_FORM = "write postgresql://user@host:5432/database, with the password in PGPASSWORD or a passfile"
_ENCODE = "percent-encode the special characters of user and password, writing @ as %40, / as %2F, : as %3A, % as %25"


@dataclass(frozen=True, slots=True)
class Dsn:
    """A connection string taken apart: libpq parameters, and apart from them those that are secret."""

    parameters: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_dsn(text: str, *, origin: str) -> Dsn:
    """Return the libpq parameters of `text`; raise UsageError naming `origin` and the part that is wrong."""
    text = text.strip()
    if not text:
        raise UsageError(f"{origin} is empty", hint="is the variable it is taken from set? " + _FORM)
    remember_url(text)
    if "\0" in text:
        raise _malformed(origin, "it holds a NUL byte")
    if not is_utf8(text):
        raise _malformed(origin, "it holds bytes that are not UTF-8")
    if jdbc := _JDBC.match(text):
        pairs = _jdbc_pairs(text[jdbc.end() :], origin)
    elif driver := _DRIVER.match(text):
        pairs = _url_pairs(text[driver.end() :], origin)
    elif _OTHER_SCHEME.match(text):
        raise _malformed(origin, "its scheme is not postgresql://", hint=_FORM)
    else:
        pairs = _keyword_pairs(text, origin)
    return split_secrets(_known_only(pairs, origin))


def split_secrets(parameters: Mapping[str, str]) -> Dsn:
    """Return `parameters` with the secret ones apart and remembered for redaction; empty values count as absent."""
    secrets = {key: value for key, value in parameters.items() if key in SECRET_KEYWORDS and value}
    for secret in secrets.values():
        remember(secret)
    public = {key: value for key, value in parameters.items() if key not in SECRET_KEYWORDS and value}
    return Dsn(public, secrets)


def is_utf8(text: str) -> bool:
    """Return whether `text`, which may come from a variable or an argument, was bytes of UTF-8 there."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_port(text: str) -> bool:
    """Return whether `text` is a port number."""
    return re.fullmatch("[0-9]{1,5}", text) is not None and 1 <= int(text) <= 65535


def nearest(name: str, choices: Mapping[str, object] | frozenset[str]) -> str:
    """Return " (did you mean …?)" with the choice most like `name`, or nothing."""
    close = difflib.get_close_matches(name, list(choices), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _malformed(origin: str, what: str, *, hint: str = _ENCODE) -> UsageError:
    return UsageError(f"{origin} is not a usable connection string: {what}", hint=hint)


def _known_only(pairs: Iterator[tuple[str, str]], origin: str) -> dict[str, str]:
    """Return the pairs libpq takes, as its keywords; drop those of other drivers, refuse those nobody knows."""
    known: dict[str, str] = {}
    for raw_key, value in pairs:
        key = _JDBC_NAMES.get(raw_key, raw_key)
        if key == "ssl":
            known.setdefault("sslmode", {"true": "require", "1": "require"}.get(value.lower(), value))
        elif key == "database":
            known["dbname"] = value
        elif key == "username":
            known["user"] = value
        elif key in KEYWORDS:
            known[key] = value
        elif key not in _DROPPED:
            raise _unknown(key, origin)
    if known.get("sslmode") == "no-verify":  # node's name for it
        known["sslmode"] = "require"
    if known.get("sslmode") in ("false", "0"):
        del known["sslmode"]
    return known


def _unknown(key: str, origin: str) -> UsageError:
    # A fragment of a password that was cut at a stray "?" or "&" can stand here: name it only if it is a plain word.
    name = f" {key!r}{nearest(key, KEYWORDS)}" if _SAFE_NAME.match(key) and nearest(key, KEYWORDS) else ""
    return _malformed(origin, f"it has a parameter that libpq does not know{name}", hint=f"{_ENCODE}; or remove it")


def _decode(text: str, part: str, origin: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise _malformed(origin, f"the {part} has a '%' that two hexadecimal digits do not follow")
    try:
        decoded = urllib.parse.unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _malformed(origin, f"the {part}, percent-decoded, is not UTF-8") from None
    if "\0" in decoded:
        raise _malformed(origin, f"the {part} holds a NUL byte")
    return decoded


def _url_pairs(rest: str, origin: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a URL, given what follows its `//`."""
    before_query, _, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    if "@" in path:
        raise _malformed(origin, "there is an '@' after the first '/'")
    credentials, at, hosts = authority.rpartition("@")
    if at:
        user, colon, password = credentials.partition(":")
        yield "user", _decode(user, "user", origin)
        if colon:
            yield "password", _decode(password, "password", origin)
    yield from _host_pairs(hosts, origin)
    yield "dbname", _decode(path, "database", origin)
    yield from _query_pairs(query, origin)


def _host_pairs(hosts: str, origin: str) -> Iterator[tuple[str, str]]:
    """Yield host and port of `a:1,[::1]:2,c`, as the comma lists libpq takes."""
    if not hosts:
        return
    names: list[str] = []
    ports: list[str] = []
    for one in hosts.split(","):
        if one.startswith("["):
            name, bracket, port = one[1:].partition("]")
            if not bracket or (port and not port.startswith(":")):
                raise _malformed(origin, "the host starts with '[' but is not an IPv6 address in brackets", hint=_FORM)
            port = port[1:]
        else:
            name, _, port = one.partition(":")
        if port and not is_port(port):
            raise _malformed(origin, "the port is not a number from 1 to 65535")
        names.append(_decode(name, "host", origin))
        ports.append(port)
    yield "host", ",".join(names) if any(names) else ""
    if any(ports):
        yield "port", ",".join(port or DEFAULT_PORT for port in ports)


def _query_pairs(query: str, origin: str) -> Iterator[tuple[str, str]]:
    for item in filter(None, query.split("&")):
        key, equals, value = item.partition("=")
        if not equals:
            raise _malformed(origin, "a parameter after the '?' has no '='")
        yield _decode(key, "name of a parameter", origin), _decode(value, "value of a parameter", origin)


def _jdbc_pairs(rest: str, origin: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a JDBC URL; those of its many that libpq does not know are dropped."""
    url = rest.removeprefix("//") if rest.startswith("//") else "/" + rest.removeprefix("/")
    for key, value in _url_pairs(url, origin):
        name = _JDBC_NAMES.get(key, key)
        if name in KEYWORDS or (name.startswith("ssl") and name not in _FOREIGN["JDBC"]):
            yield name, value


def _keyword_pairs(text: str, origin: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of `host=a password='it''s'`, by libpq's grammar."""
    rest = text
    while rest := rest.lstrip():
        match = re.match(r"(?P<key>[^\s=]+)\s*=\s*", rest)
        if not match:
            raise _malformed(origin, "it is neither a URL nor a list of keyword=value", hint=_FORM)
        value, rest = _keyword_value(rest[match.end() :], origin)
        yield match["key"], value


def _keyword_value(rest: str, origin: str) -> tuple[str, str]:
    quoted = re.match(r"'(?P<value>(?:[^'\\]|\\.)*)'(?:\s+|\Z)", rest, re.DOTALL)
    if quoted is None and rest.startswith("'"):
        raise _malformed(origin, "a quoted value does not end", hint="inside quotes write \\' for ' and \\\\ for \\")
    match = quoted or re.match(r"(?P<value>(?:[^\s\\]|\\.)*)", rest, re.DOTALL)
    value = match["value"] if match else ""
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL), rest[match.end() if match else 0 :]
