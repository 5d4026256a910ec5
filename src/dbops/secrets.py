"""Keep secrets out of everything that is written, printed or raised.

`remember()` is told each secret value once, where it enters; `redact()` stands at every sink. The set of known values
is the one deliberate process-wide state of dbops: a redactor that has to be passed along is one forgotten argument
away from a leak. It holds the spellings a secret takes on its way: raw, percent-encoded, base64, quoted by a shell.
What it does not do: guess. A password that dbops was never told is caught only where a URL or a `password=` shows it.
"""

from __future__ import annotations

import base64
import re
import shlex
import urllib.parse

MASK = "***"

# Shorter values would blank out half of every text; libpq accepts them, so the URL patterns below still apply.
_SHORTEST = 3

# Rebound as a whole, never mutated: a reader on another thread sees the old set or the new one.
_known: tuple[str, ...] = ()
# Names that are printed as they are.
_aloud: frozenset[str] = frozenset()

_PLAUSIBLE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,15}")
_URL_PASSWORD = re.compile(r"(?P<head>\b[a-z][a-z0-9+.:-]*://[^\s:/@'\"]*:)[^\s@'\"]*(?=@)", re.IGNORECASE)
_URL_PARAMETER = re.compile(r"[?&](?:ssl)?password=([^&\s]+)", re.IGNORECASE)
_KEYWORD_PASSWORD = re.compile(
    r"(?P<head>\b(?:pgpassword|sslpassword|password|passwd)\s*[=:]\s*)(?:'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|[^\s&'\"]+)",
    re.IGNORECASE,
)


def remember(secret: str) -> None:
    """Add one secret value to those `redact` hides from now on, in all its spellings."""
    global _known  # noqa: PLW0603  (see the module docstring: the one deliberate process-wide state)
    if len(secret) < _SHORTEST:
        return
    raw = secret.encode(errors="surrogateescape")  # a variable may hold any bytes
    spellings = {
        secret,
        urllib.parse.quote(raw),
        urllib.parse.quote(raw, safe=""),
        urllib.parse.quote_plus(raw),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace(":", "\\:"),
        shlex.quote(secret),
        repr(secret)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    }
    # Longest first: a spelling that contains a shorter one must go as a whole.
    _known = tuple(sorted({*_known, *spellings}, key=len, reverse=True))


def say_aloud(*names: str) -> None:
    """Tell the names of a user and a database, which are printed: a password that is one of them is not looked for.

    With app:app@host/app the mask would hide nothing, and the SQL that mends a table of schema `app` would not run.
    """
    global _aloud  # noqa: PLW0603  (as in `remember`)
    _aloud |= {name for name in names if _PLAUSIBLE_NAME.fullmatch(name)}


def redact(text: str) -> str:
    """Return `text` with every remembered secret, and everything that looks like a password, masked."""
    for spelling in _known:
        if spelling not in _aloud:
            text = text.replace(spelling, MASK)
    text = _URL_PASSWORD.sub(rf"\g<head>{MASK}", text)
    return _KEYWORD_PASSWORD.sub(rf"\g<head>{MASK}", text)


def holds_secret(text: str) -> bool:
    """Tell whether `text` shows a remembered secret or a password in a URL or a `password=`.

    A short lower-case secret does not count here: it is as likely the name of a database, a user or a directory
    (`postgres`, `app1`), and this answer makes callers refuse. `redact` hides it all the same.
    """
    if _URL_PASSWORD.search(text) or _KEYWORD_PASSWORD.search(text):
        return True
    return any(spelling in text for spelling in _known if not _PLAUSIBLE_NAME.fullmatch(spelling))


def remember_url(url: str) -> None:
    """Remember the password in a connection string, wherever a URL has one, even one too malformed to be parsed."""
    credentials = url.partition("://")[2].rpartition("@")[0]
    for password in (credentials.partition(":")[2], *_URL_PARAMETER.findall(url)):
        remember(password)
        remember(urllib.parse.unquote(password))
