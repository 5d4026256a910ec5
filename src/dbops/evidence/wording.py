"""The last sink before the disk: every free text of a report is redacted and made fit for UTF-8.

Names, digests, enumerations and times are left as they are: a password that happens to be `postgres` must not blank
out the name of the database, nor one that is `pass` the verdict.
"""

from __future__ import annotations

from typing import Any

from dbops.secrets import redact

# What is structure, not prose. A field that is not listed is redacted: forgetting one here costs a word, not a secret.
_STRUCTURE = frozenset(
    {
        *("schema", "command", "runId", "verdict", "startedAt", "finishedAt", "host", "kind", "database", "user"),
        *("serverVersion", "systemIdentifier", "tls", "name", "version", "sha256", "configSha256", "failOn", "status"),
        *("check", "rule", "severity", "fingerprint", "restorability", "id", "path", "since", "new", "resolved"),
        *("expires", "owner", "file", "seal", "reports"),
    }
)


def clean(value: Any) -> Any:
    """Return a JSON value with its prose redacted and no text in it that UTF-8 cannot hold."""
    match value:
        case dict():
            return {_fit(key): _whole(item) if key in _STRUCTURE else clean(item) for key, item in value.items()}
        case list():
            return [clean(item) for item in value]
        case str():
            return redact(_fit(value))
        case _:
            return value


def _whole(value: Any) -> Any:
    match value:
        case dict():
            return {_fit(key): _whole(item) for key, item in value.items()}
        case list():
            return [_whole(item) for item in value]
        case str():
            return _fit(value)
        case _:
            return value


def _fit(text: str) -> str:
    """Spell out half surrogate pairs, as in file names that are not UTF-8: they have no encoding."""
    return text.encode("utf-8", "backslashreplace").decode()
