"""Tell a watcher that a run starts and how it ended: one short request each, by the conventions of healthchecks.io.

Rules, in order: `URL/start` before, `URL` after a pass, `URL/EXIT-CODE` after anything else; one limit for the whole
exchange, name lookup included; whatever goes wrong is returned as a sentence and changes nothing else. A watcher that
hears nothing raises the alarm, which is the point: a job that never ran cannot say so. What it does not do: retry, or
follow a redirection to somewhere else.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

# A run waits for this long, and no longer, for somebody else's server.
LIMIT_SECONDS = 5.0
# What watchers keep of a body.
_MOST_BYTES = 10_000
_SUCCESS = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)


def tell_start(url: str, body: str) -> str | None:
    """Say that a run begins; return what went wrong, None when the watcher has heard it."""
    return _post(_below(url, "start"), body)


def tell_end(url: str, exit_code: int, body: str) -> str | None:
    """Say how a run ended; return what went wrong, None when the watcher has heard it."""
    return _post(_below(url, str(exit_code)) if exit_code else url, body)


def _below(url: str, name: str) -> str:
    """Return a URL with one more part in its path, whatever query it has."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def _post(url: str, body: str) -> str | None:
    """Send a body within the limit. A thread does it: no timeout of a socket covers a name lookup, or a slow drip."""
    outcome: list[str | None] = []
    data = body.encode("utf-8", "backslashreplace")
    # The end of a text says how it ended.
    sender = threading.Thread(target=lambda: outcome.append(_send(url, data[-_MOST_BYTES:])), daemon=True)
    sender.start()
    sender.join(LIMIT_SECONDS)
    return outcome[0] if outcome else f"no answer within {LIMIT_SECONDS:.0f} s"


def _send(url: str, data: bytes) -> str | None:
    import http.client
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """Follows nothing: a redirection becomes an answer that is no success."""

        def redirect_request(self, *_: object) -> None:
            return None

    request = Request(url, data=data, headers={"User-Agent": "dbops", "Content-Type": "text/plain; charset=utf-8"})  # noqa: S310  (the scheme was checked in the settings)
    try:
        with build_opener(Stay).open(request, timeout=LIMIT_SECONDS) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
        error.close()
    except URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None if status in _SUCCESS else f"it answered {status}"
