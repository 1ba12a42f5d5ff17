"""Tokens of a single sign-on: which are taken, which are not, and which keys a server takes to verify them by."""

from __future__ import annotations

import base64
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.api.guarded import START, Guarded
from twin.access import ROLES
from twin.errors import InvalidInput, Unauthenticated
from twin.identity import Claims, Tokens, Verifier, read_verifiers
from twin.opening import open_tokens
from twin.settings import Settings

ISSUER, AUDIENCE, LEEWAY_S = "https://sso.example", "twin", 30
SECRET = "0123456789abcdef" * 4
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: Any, **more: str) -> dict[str, Any]:
    kind = {"RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm, "ED": jwt.algorithms.OKPAlgorithm}
    name = (
        "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED"
    )
    return {**json.loads(kind[name].to_jwk(key.public_key())), **more}


NULL = object()
"""A claim that is there and null; None: it is not there."""


def token(key: Any = RSA, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    told = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "li",
        "role": "planner",
        "exp": START + timedelta(minutes=5),
    } | claims
    sent = {k: None if v is NULL else v for k, v in told.items() if v is not None}
    return jwt.encode(sent, key, algorithm, headers=headers)


def tokens(world: Guarded, verifiers: list[Verifier] | None = None, **claims: str) -> Tokens:
    found = verifiers or read_verifiers(pem(RSA), b"", (), "key.pem")
    return Tokens(found, ISSUER, AUDIENCE, LEEWAY_S, Claims(**claims), lambda: world.clock.now)


@pytest.mark.parametrize(
    ("signer", "algorithm", "text", "secret"),
    [
        (RSA, "RS256", pem(RSA), b""),
        (RSA, "PS512", pem(RSA), b""),
        (EC, "ES256", pem(EC), b""),
        (ED, "EdDSA", pem(ED), b""),
        (RSA, "RS256", json.dumps({"keys": [jwk(RSA)]}).encode(), b""),
        (RSA, "RS256", json.dumps(jwk(RSA)).encode(), b""),
        (SECRET, "HS256", b"", SECRET.encode()),
        (SECRET, "HS512", b"", SECRET.encode()),
    ],
    ids=["RSA", "RSA-PSS", "EC", "Ed25519", "JWKS", "one JWK", "shared secret", "shared secret, HS512"],
)
def test_a_right_token_says_who_and_what_role(
    world: Guarded, signer: Any, algorithm: str, text: bytes, secret: bytes
) -> None:
    taken = tokens(world, read_verifiers(text, secret, (), "file"))
    given = token(signer, algorithm, areas=["310112"], purpose="值班", name="李四")
    headers = {"authorization": f"Bearer {given}"}
    client = world.client(world.access(taken))
    told = client.get("/who", headers=headers).json()
    assert told == {"id": "sub:li", "role": "planner", "areas": ["310112"], "purpose": "值班", "open": False}
    assert client.get("/session", headers=headers).json()["name"] == "李四"


def test_where_tokens_are_configured_access_is_controlled_without_any_key(world: Guarded) -> None:
    assert world.client(world.access(tokens(world))).get("/who").json()["role"] == "public"


def unsigned(**claims: Any) -> str:
    return token("", "none", **claims)


def confused() -> str:
    """Signed by HMAC with the public key as its secret, as CVE-2015-9235 has it."""
    import hashlib
    import hmac

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "li", "role": "admin", "exp": START.timestamp() + 300}
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    digest = hmac.new(pem(RSA), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


def promoted() -> str:
    """A right token whose claims were changed afterwards."""
    head, body, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps({**claims, "role": "admin"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def nested(n: int) -> str:
    return base64.urlsafe_b64encode(b"[" * n).decode() + ".e30.x"


WRONG = {
    "not signed": unsigned,
    "not signed, in capitals": lambda: unsigned().replace(unsigned().split(".")[0], base64.urlsafe_b64encode(b'{"alg":"NONE"}').rstrip(b"=").decode()),
    "algorithm confused": confused,
    "changed afterwards": promoted,
    "another key": lambda: token(OTHER_RSA),
    "another kind of key": lambda: token(EC, "ES256"),
    "a key of its own in the header": lambda: token(OTHER_RSA, headers={"jwk": jwk(OTHER_RSA)}),
    "a key from elsewhere": lambda: token(OTHER_RSA, headers={"jku": "http://127.0.0.1:9/keys"}),
    "an unknown critical header": lambda: token(headers={"crit": ["b64"], "b64": False}),
    "another issuer": lambda: token(iss="https://elsewhere.example"),
    "no issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="payroll"),
    "no audience": lambda: token(aud=None),
    "no end": lambda: token(exp=None),
    "an end that is no time": lambda: token(exp="soon"),
    "an endless end": lambda: token(exp=1e300),
    "nobody": lambda: token(sub=None),
    "an empty name": lambda: token(sub=""),
    "no role": lambda: token(role=None),
    "another role": lambda: token(role="root"),
    "a role in capitals": lambda: token(role="ADMIN"),
    "areas that are none": lambda: token(areas=[]),
    "areas that are null": lambda: token(areas=NULL),
    "areas that are numbers": lambda: token(areas=[310112]),
    "areas that are empty words": lambda: token(areas=" , "),
    "areas as an object": lambda: token(areas={"310112": True}),
    "cut": lambda: token()[:-10],
    "without a signature": lambda: token().rpartition(".")[0] + ".",
    "rubbish": lambda: "aaaa.bbbb.cccc",
    "dots": lambda: "..",
    "deep": lambda: nested(3000),
    "too long": lambda: token(purpose="x" * 9000),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token_is_refused_and_never_told_on(
    world: Guarded, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.client(world.access(tokens(world)))
    given = WRONG[name]()
    with caplog.at_level(logging.DEBUG):
        answer = client.get("/who", headers={"authorization": f"Bearer {given}"})
        signed_in = client.post("/session", json={"token": given})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert signed_in.status_code in (400, 401)
    tail = given[-40:]
    assert len(tail) < 20 or tail not in answer.text + signed_in.text + caplog.text


def test_the_edges_of_a_tokens_time_give_way_by_the_leeway_only(world: Guarded) -> None:
    taken = tokens(world)
    given = token(nbf=START + timedelta(minutes=1))

    def holds(**since_start: float) -> bool:
        world.clock.now = START + timedelta(**since_start)
        try:
            return bool(taken.bearer(given).caller)
        except Unauthenticated:
            return False

    assert not holds(seconds=29.9)
    assert holds(seconds=30)
    assert holds(minutes=5, seconds=29.9)
    assert not holds(minutes=5, seconds=30), "also one that was right a moment ago"


@pytest.mark.parametrize("role", ROLES)
def test_of_several_roles_the_highest_of_ours_counts(world: Guarded, role: str) -> None:
    named = [*ROLES[: ROLES.index(role) + 1], "offline_access"]  # type: ignore[arg-type]
    given = token(role=None, realm_access={"roles": named})
    assert tokens(world, role="realm_access.roles").bearer(given).caller.role == role


def test_claims_have_the_names_that_the_settings_give_them(world: Guarded) -> None:
    given = token(
        sub=None,
        role=None,
        uid="w-17",
        **{"https://twin/role": "cleared"},
        scope="310112, 310112101 310112",
        why="巡检",
    )
    caller = tokens(world, role="https://twin/role", subject="uid", areas="scope", purpose="why").bearer(given).caller
    assert (caller.id, caller.role, caller.areas, caller.purpose) == (
        "sub:w-17",
        "cleared",
        ("310112", "310112101"),
        "巡检",
    )


def test_among_several_keys_the_named_one_verifies(world: Guarded) -> None:
    text = json.dumps({"keys": [jwk(RSA, kid="old"), jwk(EC, kid="new"), jwk(ED, kid="enc", use="enc")]}).encode()
    taken = tokens(world, read_verifiers(text, b"", (), "file"))
    assert taken.bearer(token(RSA, headers={"kid": "old"})).caller.id == "sub:li"
    assert taken.bearer(token(EC, "ES256", headers={"kid": "new"})).caller.id == "sub:li"
    for wrong in (
        token(RSA),
        token(RSA, headers={"kid": "new"}),
        token(ED, "EdDSA", headers={"kid": "enc"}),
        token(RSA, headers={"kid": "x"}),
    ):
        with pytest.raises(Unauthenticated):
            taken.bearer(wrong)


def test_a_session_by_a_token_is_over_after_twelve_hours_and_does_not_slide(world: Guarded) -> None:
    client = world.client(world.access(tokens(world)))
    long = token(role="editor", areas="310112", exp=START + timedelta(days=2))
    answer = client.post("/session", json={"token": long})
    assert (answer.json()["role"], answer.json()["areas"]) == ("editor", ["310112"])
    world.clock.pass_(hours=11, minutes=59)
    assert client.get("/who").json()["role"] == "editor"
    world.clock.pass_(minutes=1)
    assert client.get("/who").status_code == 401


def test_a_session_by_a_token_ends_where_the_single_sign_on_is_switched_off(world: Guarded) -> None:
    client = world.client(world.access(tokens(world)))
    client.post("/session", json={"token": token()})
    world.key()
    later = world.client()
    later.cookies = client.cookies
    assert later.get("/who").status_code == 401


# --- the keys that a server takes

WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PRIVATE = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PRIVATE_JWK = json.dumps({"keys": [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA))]}).encode()


@pytest.mark.parametrize(
    ("text", "secret", "algorithms", "says"),
    [
        (b"", b"", [], "one of them"),
        (pem(RSA), SECRET.encode(), [], "one of them"),
        (b"", b"too short", [], "32"),
        (PRIVATE, b"", [], "private"),
        (PRIVATE_JWK, b"", [], "private"),
        (pem(WEAK), b"", [], "2048"),
        (b"-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----\n", b"", [], "public key"),
        (b"rubbish", b"", [], "public key"),
        (b"[1, 2]", b"", [], "public key"),
        (b'{"keys": []}', b"", [], "public key"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', b"", [], "public key"),
        (json.dumps({"keys": [jwk(RSA), jwk(EC)]}).encode(), b"", [], "kid"),
        (pem(RSA), b"", ["none"], "none"),
        (pem(RSA), b"", ["RS256", "HS256"], "HS256"),
        (b"", SECRET.encode(), ["RS256"], "RS256"),
        (pem(RSA), b"", ["ES256"], "ES256"),
    ],
)
def test_a_key_that_would_not_hold_is_refused_when_the_server_starts(
    text: bytes, secret: bytes, algorithms: list[str], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_verifiers(text, secret, algorithms, "key.pem")


def test_only_the_algorithms_that_are_asked_for_are_taken(world: Guarded) -> None:
    taken = tokens(world, read_verifiers(pem(RSA), b"", ["PS256"], "key.pem"))
    assert taken.bearer(token(algorithm="PS256")).caller.role == "planner"
    with pytest.raises(Unauthenticated):
        taken.bearer(token(algorithm="RS256"))


def test_settings_open_tokens(world: Guarded, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(RSA))
    given = {"jwt_key": tmp_path / "key.pem", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    opened = open_tokens(Settings(**given))  # type: ignore[arg-type]
    assert opened is not None
    from datetime import UTC, datetime

    assert opened.bearer(token(exp=datetime.now(UTC) + timedelta(minutes=5))).caller.role == "planner"
    assert open_tokens(Settings()) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jwt_issuer": ""}, "TWIN_JWT_ISSUER"),
        ({"jwt_audience": ""}, "TWIN_JWT_AUDIENCE"),
        ({"jwt_key": Path("missing.pem")}, "missing.pem"),
    ],
)
def test_tokens_need_a_key_an_issuer_and_an_audience(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    (tmp_path / "key.pem").write_bytes(pem(RSA))
    given = {"jwt_key": tmp_path / "key.pem", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE} | change
    with pytest.raises(InvalidInput, match=says):
        open_tokens(Settings(**given))


def test_the_shared_secret_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from twin.cli.serving import told

    monkeypatch.setenv("TWIN_JWT_SECRET", SECRET)
    settings = Settings()
    assert settings.has_tokens
    assert SECRET not in repr(settings) + str(settings.jwt_secret) + str(told(settings))
    assert "TWIN_JWT_SECRET" not in told(settings), "workers have it from their environment already"
    assert SECRET not in repr(read_verifiers(b"", SECRET.encode(), (), ""))
