"""Bearer tokens (JWT) of an intranet's single sign-on: signature, times, issuer, audience, and the claims that say the role.

Only algorithms that suit the configured key are taken: never what a token says of itself, never ``none``. Offline: no key is fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twin.access import ROLES, Caller, Role
from twin.errors import Unauthenticated
from twin.identity.chain import plain
from twin.identity.verifiers import Verifier
from twin.kept import Kept

LONGEST_TOKEN = 8192
N_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Claims:
    """Names of the claims; a dot goes into a nested one (``realm_access.roles``)."""

    role: str = "role"
    areas: str = "areas"
    subject: str = "sub"
    purpose: str = "purpose"


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token says: who, his name, until when."""

    caller: Caller
    name: str
    expires_at: datetime
    not_before: datetime


class Tokens:
    """Verifies tokens; one that was right is not looked at again until it ends.

    Args:
        verifiers: keys, at least one.
        issuer: what ``iss`` must be. audience: what must be in ``aud``.
        leeway_s: by how much clocks may differ.
        clock: the present moment.
    """

    def __init__(
        self, verifiers: Sequence[Verifier], issuer: str, audience: str, leeway_s: float, claims: Claims,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._verifiers, self._issuer, self._audience = tuple(verifiers), issuer, audience
        self._leeway_s, self._claims, self._clock = leeway_s, claims, clock
        self._kept: Kept[Bearer] = Kept(N_KEPT)

    def bearer(self, token: str) -> Bearer:
        """Who a token speaks for.

        Raises:
            Unauthenticated: it is wrong in any way; the words hold nothing of the token itself.
        """
        found = self._kept.get(hashlib.sha256(token.encode()).digest(), lambda: self._verified(token))
        now = self._clock().timestamp()
        if now >= found.expires_at.timestamp() + self._leeway_s:
            raise ended()
        if now < found.not_before.timestamp() - self._leeway_s:
            raise refused("令牌尚未生效", "the token is not valid yet")
        return found

    def _verified(self, token: str) -> Bearer:
        import jwt

        if len(token) > LONGEST_TOKEN:
            raise refused(
                f"令牌过长，最多 {LONGEST_TOKEN} 个字符", f"the token is longer than {LONGEST_TOKEN} characters"
            )
        options: Any = {
            "require": ["exp", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False,
            "enforce_minimum_key_length": True,
        }  # fmt: skip
        try:
            chosen = self._chosen(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token, chosen.key, algorithms=list(chosen.algorithms), issuer=self._issuer, audience=self._audience,
                options=options,
            )  # fmt: skip
        except jwt.InvalidAudienceError:
            raise refused(
                f"令牌不是发给本系统的（应为 aud = {self._audience}）",
                f"the token is for another audience; aud must hold {self._audience!r}",
            ) from None
        except jwt.InvalidIssuerError:
            raise refused(
                f"令牌的签发者不对（应为 iss = {self._issuer}）",
                f"the token is of another issuer; iss must be {self._issuer!r}",
            ) from None
        except jwt.MissingRequiredClaimError as missing:
            raise refused(f"令牌缺少 {missing.claim}", f"the token lacks {missing.claim}") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise refused(
                "令牌无效：格式、算法或签名不对", "the token is not valid: its form, algorithm or signature is wrong"
            ) from None
        return self._read(claims)

    def _chosen(self, header: Mapping[str, Any]) -> Verifier:
        """The key that the token names, or the only one."""
        named = header.get("kid")
        of_name = [v for v in self._verifiers if v.id and v.id == named]
        if of_name:
            return of_name[0]
        if len(self._verifiers) == 1 and (named is None or not self._verifiers[0].id):
            return self._verifiers[0]
        raise refused(
            "令牌所用的密钥（kid）不在本系统的密钥文件中", "the token's key (kid) is not in the key file of this server"
        )

    def _read(self, claims: Mapping[str, Any]) -> Bearer:
        subject = claim(claims, self._claims.subject)
        if not isinstance(subject, str) or not subject:
            raise refused(f"令牌缺少 {self._claims.subject}", f"the token lacks {self._claims.subject}")
        areas = claim(claims, self._claims.areas)
        purpose = claim(claims, self._claims.purpose)
        name = next((claims[n] for n in ("name", "preferred_username") if isinstance(claims.get(n), str)), subject)
        caller = Caller(
            f"sub:{plain(subject, 200)}", self._role(claims),
            () if areas is None and self._claims.areas not in claims else self._areas(areas),
            plain(purpose, 200) if isinstance(purpose, str) else "",
        )  # fmt: skip
        return Bearer(caller, plain(name, 200), moment(claims, "exp"), moment(claims, "nbf"))

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The highest of ours among those it names."""
        said = claim(claims, self._claims.role)
        named = said if isinstance(said, list) else [said]
        for role in reversed(ROLES):
            if role in named:
                return role
        known = ", ".join(ROLES)
        raise refused(
            f"令牌的 {self._claims.role} 中没有本系统的角色，应为其中之一：{known}",
            f"the token's {self._claims.role} names no role of this system, which are: {known}",
        )

    def _areas(self, said: Any) -> tuple[str, ...]:
        """Codes in a list, or one text with commas or blanks. A scope that cannot be read is never taken for everywhere."""
        codes = said.replace(",", " ").split() if isinstance(said, str) else said
        if not isinstance(codes, list) or not codes or not all(isinstance(c, str) and c for c in codes):
            raise refused(
                f"令牌的 {self._claims.areas} 应为区域代码的列表",
                f"the token's {self._claims.areas} must be a list of codes of areas",
            )
        return tuple(dict.fromkeys(codes))


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, else by the parts of its name; None where it is not there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def moment(claims: Mapping[str, Any], name: str) -> datetime:
    """A NumericDate; the beginning of time where there is none."""
    seconds = claims.get(name, 0)
    try:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise refused(f"令牌的 {name} 不是时间", f"the token's {name} is no time") from None


def ended() -> Unauthenticated:
    return refused("令牌已过期，请重新登录", "the token has expired: sign in again")


def refused(zh: str, en: str) -> Unauthenticated:
    return Unauthenticated(zh, en)
