"""The keys that tokens are verified by, and which algorithms each is good for: what a token says of itself has no say in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from twin.errors import InvalidInput

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
MIN_RSA_BITS = 2048
MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key with its id (empty: none) and the algorithms it is good for."""

    id: str
    key: Any = field(repr=False)
    algorithms: tuple[str, ...]


def read_verifiers(text: bytes, secret: bytes, algorithms: Sequence[str], where: str) -> list[Verifier]:
    """The keys to verify by, from the text of a PEM or JWKS file, or from a shared secret (HS256 and so on).

    Args:
        text: the file's, empty for none. secret: empty for none.
        algorithms: the only ones to take; empty: all that suit the key.
        where: the file as words name it.

    Raises:
        InvalidInput: it is neither or both, too weak, a private key, or suits none of the algorithms.
    """
    if bool(text) == bool(secret):
        raise InvalidInput(
            "令牌的密钥文件与共享密钥应只给一个", "give a key file for tokens or a shared secret, one of them"
        )
    found = [_shared(secret)] if secret else list(_of_file(text, where))
    known = {name for verifier in found for name in verifier.algorithms}
    if strange := [name for name in algorithms if name not in known]:
        raise InvalidInput(
            f"算法 {', '.join(strange)} 不适用于所给的密钥，可用：{', '.join(sorted(known))}",
            f"{', '.join(strange)} does not suit the key; these do: {', '.join(sorted(known))}",
        )
    wanted = set(algorithms) or known
    chosen = [Verifier(v.id, v.key, tuple(a for a in v.algorithms if a in wanted)) for v in found]
    return [v for v in chosen if v.algorithms]


def _shared(secret: bytes) -> Verifier:
    good = tuple(name for name, n in MIN_SECRET_BYTES.items() if len(secret) >= n)
    if not good:
        raise InvalidInput(
            f"令牌的共享密钥太短（{len(secret)} 字节），至少 {min(MIN_SECRET_BYTES.values())} 字节",
            f"the shared secret for tokens has {len(secret)} bytes; at least {min(MIN_SECRET_BYTES.values())} are needed",
        )
    return Verifier("", secret, good)


def _of_file(text: bytes, where: str) -> Iterator[Verifier]:
    if b"PRIVATE KEY" in text:
        raise InvalidInput(
            f"{where} 是私钥。这里只需要公钥；私钥应留在签发令牌的系统中",
            f"{where} is a private key. Only the public one is needed here; leave the private one where tokens are signed",
        )
    try:
        found = list(_of_pem(text) if text.lstrip().startswith(b"-----BEGIN") else _of_jwks(text))
    except InvalidInput:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = []
    if not found:
        raise InvalidInput(
            f"{where} 中没有可用的公钥：应为 PEM 公钥（RSA 至少 {MIN_RSA_BITS} 位、EC 或 Ed25519）或 JWKS 文件",
            f"{where} holds no public key that can be used: a PEM public key (RSA of {MIN_RSA_BITS} bits or more, EC, Ed25519) "
            "or a JWKS file is needed",
        )
    ids = [v.id for v in found]
    if len(found) > 1 and (len(set(ids)) < len(ids) or "" in ids):
        raise InvalidInput(f"{where} 中的每把密钥都应有各自的 kid", f"in {where} every key needs a kid of its own")
    yield from found


def _of_pem(text: bytes) -> Iterator[Verifier]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    is_certificate = b"BEGIN CERTIFICATE" in text
    key = load_pem_x509_certificate(text).public_key() if is_certificate else load_pem_public_key(text)
    if suitable := _suitable(key):
        yield Verifier("", key, suitable)


def _of_jwks(text: bytes) -> Iterator[Verifier]:
    """Of a set, or of one key. Those for encryption, and symmetric ones, are left out: a file is no place for a secret."""
    import jwt

    document = json.loads(text)
    for told in document.get("keys", [document]):
        if told.get("kty") == "oct" or told.get("use", "sig") != "sig":
            continue
        if "d" in told:
            raise InvalidInput(
                "JWKS 中含有私钥（d）。这里只需要公钥",
                "the JWKS holds a private key (d). Only public ones are needed here",
            )
        try:
            key = jwt.PyJWK(told).key
        except jwt.PyJWTError:
            continue
        suitable = tuple(name for name in _suitable(key) if told.get("alg", name) == name)
        if suitable:
            yield Verifier(str(told.get("kid", "")), key, suitable)


def _suitable(key: Any) -> tuple[str, ...]:
    """The algorithms that a public key is good for; none where it is too weak."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        return RSA if key.key_size >= MIN_RSA_BITS else ()
    if isinstance(key, EllipticCurvePublicKey):
        return (CURVES[key.curve.name],) if key.curve.name in CURVES else ()
    return ("EdDSA",) if isinstance(key, Ed25519PublicKey) else ()
