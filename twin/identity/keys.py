"""Keys and sessions: a public id and a secret of 256 random bits; only the secret's hash is kept.

SHA-256 without salt or stretching is enough: those guard secrets that can be guessed, and 2**256 cannot.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime

from twin.access import Caller, Role

PREFIX = "twin_"
SHAPE = re.compile(r"twin_(?P<id>[a-z2-7]{8})_(?P<secret>[a-z2-7]{52})", re.ASCII)
N_ID_BYTES, N_SECRET_BYTES = 5, 32


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. ``areas`` are codes, none: everywhere; ``hash`` is of the secret, in hexadecimal."""

    id: str
    name: str
    role: Role
    areas: tuple[str, ...]
    purpose: str
    hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        return Caller(f"key:{self.id}", self.role, self.areas, self.purpose)

    def is_expired(self, now: datetime) -> bool:
        """A key ends at ``expires_at``, that moment included."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in on the map. One by a key (``key``) is as good as the key is now; one by a token as the token was then.

    ``hash`` is of the random id that the cookie holds. ``slides``: each use puts the end off.
    """

    hash: str
    key: str
    caller: Caller
    name: str
    expires_at: datetime
    slides: bool


def minted() -> tuple[str, str, str]:
    """A new key: its id, the text that is shown once, and the hash that is kept."""
    key_id, secret = _text(N_ID_BYTES), _text(N_SECRET_BYTES)
    return key_id, f"{PREFIX}{key_id}_{secret}", hashed(secret)


def parted(text: str) -> tuple[str, str] | None:
    """The id and the secret of a key as it was shown; None where the text is none."""
    found = SHAPE.fullmatch(text)
    return (found["id"], found["secret"]) if found else None


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_of(secret: str, kept: str) -> bool:
    """Whether a secret has the hash that is kept; takes as long whether or not."""
    return hmac.compare_digest(hashed(secret), kept)


def new_session_id() -> str:
    return _text(N_SECRET_BYTES)


def csrf_of(session_id: str) -> str:
    """What a page sends along to show that it is ours: only who knows the cookie can make it."""
    return hmac.new(session_id.encode(), b"twin csrf 1", hashlib.sha256).hexdigest()


def _text(n_bytes: int) -> str:
    return b32encode(secrets.token_bytes(n_bytes)).decode().rstrip("=").lower()
