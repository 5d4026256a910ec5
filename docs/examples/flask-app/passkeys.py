"""The answer of an authenticator, checked: WebAuthn's assertion with an ES256 key, and no more than that.

Enough to sign in to the example and to show what comes before the tenant is known. An application with real users takes
a library that knows every kind of key, attestation and registration.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS_TO_ANSWER = 120
_MOST_OPEN = 10_000
_USER_PRESENT = 0x01
# COSE: an EC2 key, ES256, P-256; then x and y, each 32 bytes behind a marker.
_KEY_START = bytes.fromhex("a5010203262001215820")
_Y_START = bytes.fromhex("225820")
_KEY_LENGTH = len(_KEY_START) + 32 + len(_Y_START) + 32


class RefusedError(ValueError):
    """The answer proves nothing."""


class Challenges:
    """Challenges that were given out: each is good once, for two minutes. Of one process; several share a store."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def give(self) -> str:
        """Return a new challenge."""
        challenge = encode(secrets.token_bytes(32))
        now = time.monotonic()
        with self._lock:
            self._until = {text: until for text, until in self._until.items() if until > now}
            if len(self._until) >= _MOST_OPEN:
                raise RefusedError("too many sign-ins at once")
            self._until[challenge] = now + SECONDS_TO_ANSWER
        return challenge

    def take(self, challenge: str) -> None:
        """Use a challenge up; raise RefusedError for one that was not given out, or is used or too old."""
        with self._lock:
            until = self._until.pop(challenge, 0.0)
        if until <= time.monotonic():
            raise RefusedError("no such challenge")


def encode(data: bytes) -> str:
    """Return base64url without padding, as WebAuthn writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: object) -> bytes:
    """Return the bytes of such a text; raise RefusedError for anything else."""
    if not isinstance(text, str) or not text.isascii():
        raise RefusedError("not base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as problem:
        raise RefusedError("not base64url") from problem


def checked(answer: Mapping[str, object], public_key: bytes, sign_count: int, *, challenge: str, origin: str) -> int:
    """Return the authenticator's new counter; raise RefusedError unless the answer is to this challenge, and signed."""
    client, authenticator = decode(answer.get("clientDataJSON")), decode(answer.get("authenticatorData"))
    _check_client(client, challenge, origin)
    counter = _check_authenticator(authenticator, origin, sign_count)
    try:
        _key(public_key).verify(
            decode(answer.get("signature")), authenticator + hashlib.sha256(client).digest(), ec.ECDSA(SHA256())
        )
    except InvalidSignature as problem:
        raise RefusedError("the signature does not fit") from problem
    return counter


def _check_client(client: bytes, challenge: str, origin: str) -> None:
    try:
        said = json.loads(client)
    except ValueError as problem:
        raise RefusedError("no client data") from problem
    wanted = {"type": "webauthn.get", "challenge": challenge, "origin": origin}
    if not isinstance(said, dict) or any(said.get(name) != value for name, value in wanted.items()):
        raise RefusedError("an answer to something else")


def _check_authenticator(data: bytes, origin: str, sign_count: int) -> int:
    relying_party = origin.rsplit("://", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    if len(data) < 37 or data[:32] != hashlib.sha256(relying_party.encode()).digest():
        raise RefusedError("an answer for somebody else")
    if not data[32] & _USER_PRESENT:
        raise RefusedError("nobody was there")
    counter = int.from_bytes(data[33:37], "big")
    if counter <= sign_count and (counter or sign_count):  # both nil: an authenticator that does not count
        raise RefusedError("the counter went back: a copied key")
    return counter


def _key(cose: bytes) -> ec.EllipticCurvePublicKey:
    x_end = len(_KEY_START) + 32
    if len(cose) != _KEY_LENGTH or not cose.startswith(_KEY_START) or cose[x_end : x_end + 3] != _Y_START:
        raise RefusedError("not an ES256 key")
    point = b"\x04" + cose[len(_KEY_START) : x_end] + cose[x_end + 3 :]
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as problem:
        raise RefusedError("not a point of the curve") from problem
