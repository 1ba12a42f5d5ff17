"""Whether access is controlled, and who a key, a token or a session speaks for. Keys are kept in memory for half a second at most."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from twin.access import ANONYMOUS, OPEN, Caller
from twin.errors import TwinError, Unauthenticated
from twin.identity.chain import Entry
from twin.identity.keys import PREFIX, Key, Session, csrf_of, hashed, is_of, new_session_id, parted
from twin.identity.ledger import Ledger
from twin.identity.tokens import Tokens, ended

LOOK_EVERY_S = 0.5
"""For so long a key that was revoked elsewhere may still be taken."""
SESSION_FOR = timedelta(hours=12)
"""Or less: no session outlasts the key or the token that opened it."""
PUT_OFF_AFTER = timedelta(minutes=10)
"""A session that slides is written anew no more often."""
N_SESSIONS = 4096
NO_HASH = "0" * 64

Via = Literal["open", "nothing", "key", "token", "session"]


class AccessStore(Protocol):
    """Where keys, sessions and the audit are kept, for all workers. Each method is one transaction; all raise Unavailable."""

    def version(self) -> int:
        """Changes whenever a key or a session that somebody may remember has changed or ended."""
        ...

    def secret(self) -> bytes:
        """What only the servers of this twin know, the same for all of them and for good."""
        ...

    def all_keys(self) -> list[Key]:
        """Every key that ever was, revoked ones too."""
        ...

    def session(self, session_hash: str) -> Session | None: ...

    def add_session(self, session: Session, now: datetime) -> None:
        """Keep a session; those that ended before ``now`` go."""
        ...

    def put_off(self, session_hash: str, until: datetime) -> None: ...

    def drop_session(self, session_hash: str) -> None: ...

    def close(self) -> None: ...

    def append(self, entries: Sequence[Entry]) -> object:
        """Add entries to the audit's chain; all are on the disk when it returns, or none is there."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """Who somebody turned out to be, by what he showed. ``csrf`` is empty unless it was a session."""

    caller: Caller
    via: Via
    name: str = ""
    csrf: str = ""
    expires_at: datetime | None = None


OPEN_TO_ALL = Shown(OPEN, "open")
NOTHING_SHOWN = Shown(ANONYMOUS, "nothing")


class Access:
    """Who may come in.

    Controlled as soon as tokens are configured or one key was ever made: revoking the last one opens nothing.

    Args:
        store: keys, sessions, audit.
        tokens: verifies the single sign-on's; None: there is none.
        clock: the present moment, timezone-aware.
        told_open: nobody is asked who he is, whatever keys there are.
        ticks: seconds that only ever grow.
    """

    def __init__(
        self, store: AccessStore, clock: Callable[[], datetime], tokens: Tokens | None = None, *, told_open: bool = False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.store, self.tokens, self.told_open = store, tokens, told_open
        self.clock, self._ticks = clock, ticks
        self.ledger = Ledger(store.append)
        self._version: int | None = None
        self._keys: dict[str, Key] = {}
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._looked_at = float("-inf")
        self._failed_at = float("-inf")
        self._failure: TwinError | None = None

    def close(self) -> None:
        self.ledger.close()
        self.store.close()

    @property
    def is_controlled(self) -> bool:
        """As of the last look."""
        return not self.told_open and (self.tokens is not None or bool(self._keys))

    @property
    def is_fresh(self) -> bool:
        """Whether what is in memory may be trusted without a look."""
        return self.told_open or self._ticks() - self._looked_at < LOOK_EVERY_S

    def look(self) -> None:
        """See whether keys or sessions have changed; asks the store.

        Raises:
            Unavailable: it cannot be asked; for a moment it is not asked again.
        """
        if self.is_fresh:
            return
        now = self._ticks()
        if self._failure is not None and now - self._failed_at < LOOK_EVERY_S:
            raise self._failure
        try:
            version = self.store.version()
            if version != self._version:
                keys = {key.id: key for key in self.store.all_keys()}
                self._version, self._keys, self._sessions = version, keys, OrderedDict()
        except TwinError as failure:
            self._failed_at, self._failure = self._ticks(), failure
            raise
        self._looked_at, self._failure = now, None

    def by_bearer(self, text: str) -> Shown:
        """Of ``Authorization: Bearer``: a key or a token. Needs a fresh look.

        Raises:
            Unauthenticated: it is neither, or not good any more.
        """
        if text.startswith(PREFIX):
            return self.by_key(text)
        if self.tokens is None:
            raise Unauthenticated(
                "本系统未配置单点登录令牌，请使用以 twin_ 开头的密钥",
                "no tokens of a single sign-on are configured here: show a key, which begins with twin_",
            )
        bearer = self.tokens.bearer(text)
        return Shown(bearer.caller, "token", bearer.name, expires_at=bearer.expires_at)

    def by_key(self, text: str) -> Shown:
        """Of a key as it was shown once. Needs a fresh look.

        Raises:
            Unauthenticated: there is no such key, or it is not good any more.
        """
        key_id, secret = parted(text) or ("", "")
        key = self._keys.get(key_id)
        if not is_of(secret, key.hash if key else NO_HASH) or key is None:
            raise Unauthenticated(
                "密钥无效：没有这把密钥，或抄写有误。请向管理员索取（twin keys create）",
                "the key is not valid: there is none like it, or it was not copied whole. Ask the administrator for one (twin keys create)",
            )
        self._refuse_ended(key)
        return Shown(key.caller, "key", key.name, expires_at=key.expires_at)

    def _refuse_ended(self, key: Key) -> None:
        if key.revoked_at is not None:
            raise Unauthenticated(f"密钥 {key.id} 已撤销", f"the key {key.id} has been revoked")
        if key.is_expired(self.clock()):
            raise Unauthenticated(
                f"密钥 {key.id} 已过期，请向管理员索取新的", f"the key {key.id} has expired: ask for a new one"
            )

    def knows(self, session_id: str) -> bool:
        """Whether ``by_session`` can answer without asking the store."""
        session = self._sessions.get(hashed(session_id))
        now = self.clock()
        return session is not None and now < session.expires_at and not _is_due(session, now)

    def by_session(self, session_id: str) -> Shown:
        """Of the cookie; puts the session's end off. Needs a fresh look, and may ask the store.

        Raises:
            Unauthenticated: there is no such session, or it is over, or its key is. Unavailable: the store.
        """
        now, session_hash = self.clock(), hashed(session_id)
        remembered = self._sessions  # a look replaces it: what was read before is then not remembered after
        session = remembered.get(session_hash)
        if session is None or now >= session.expires_at or _is_due(session, now):
            session = self.store.session(session_hash)
        if session is None or now >= session.expires_at:
            raise _signed_out()
        if _is_due(session, now):
            session = replace(session, expires_at=now + SESSION_FOR)
            self.store.put_off(session_hash, session.expires_at)
        shown = self._of(session, session_id)
        remembered[session_hash] = session
        while len(remembered) > N_SESSIONS:
            remembered.popitem(last=False)
        return shown

    def _of(self, session: Session, session_id: str) -> Shown:
        csrf = csrf_of(session_id)
        if not session.key:
            if self.tokens is None:
                raise _signed_out()
            return Shown(session.caller, "session", session.name, csrf, session.expires_at)
        key = self._keys.get(session.key)
        if key is None:
            raise _signed_out()
        self._refuse_ended(key)
        until = min(session.expires_at, key.expires_at or session.expires_at)
        return Shown(key.caller, "session", key.name, csrf, until)

    def sign_in(self, text: str) -> tuple[str, Shown]:
        """A new session by a key or a token: its id, for the cookie, and who it is. Asks the store.

        A session by a key slides and is worth what the key is worth at the time; one by a token, whose role nobody looks at
        again, is over with the token (clocks that differ give it no more), at the latest after twelve hours.

        Raises:
            Unauthenticated: as by_bearer, or the token has ended by our clock. Unavailable: the store.
        """
        self.look()
        shown = self.by_bearer(text)
        key = shown.caller.id.removeprefix("key:") if shown.via == "key" else ""
        session_id, now = new_session_id(), self.clock()
        until = now + SESSION_FOR
        if not key and shown.expires_at is not None:
            until = min(until, shown.expires_at)
            if until <= now:
                raise ended()
        session = Session(hashed(session_id), key, shown.caller, shown.name, until, slides=bool(key))
        self.store.add_session(session, now)
        return session_id, self._of(session, session_id)

    def sign_out(self, session_id: str) -> None:
        """End a session, on every worker. Asks the store."""
        session_hash = hashed(session_id)
        self.store.drop_session(session_hash)
        self._sessions.pop(session_hash, None)


def _is_due(session: Session, now: datetime) -> bool:
    return session.slides and now + SESSION_FOR - session.expires_at > PUT_OFF_AFTER


def _signed_out() -> Unauthenticated:
    return Unauthenticated(
        "登录已过期或已退出，请重新登录", "you have been signed out, or for too long not here: sign in again"
    )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def must_refuse(host: str, is_controlled: bool, open_flag: bool) -> bool:
    """Whether a server must not start: others could reach it, nobody would be asked, and nobody said that this is meant."""
    return not (is_controlled or open_flag or is_loopback(host))
