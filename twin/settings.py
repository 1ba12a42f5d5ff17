"""Settings: ``TWIN_*`` environment variables, read once at a door and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

RATE = r"^(off|[1-9][0-9]{0,8}/([1-9][0-9]{0,3} )?(second|minute|hour|day))$"
PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting has a name, a default and help; ``twin settings`` prints them."""

    model_config = SettingsConfigDict(env_prefix="TWIN_", extra="ignore")

    data: Path = Field(default=Path("var"), description="folder of the store and of what is written at run time")
    store: str = Field(default="", description="address of the store; default: one SQLite file in the data folder")
    lang: Literal["zh", "en"] = Field(default="zh", description="language of words on the command line")
    allow_datum_inverse: bool = Field(
        default=False,
        description="allow GCJ-02 / BD-09 to WGS-84 on import (legally sensitive in China; every use is logged)",
    )
    plan: Path = Field(default=PROJECT / "geodata" / "plan.toml", description="the plan's clauses")
    rules: Path | None = Field(
        default=None, description="folder of further clauses (*.toml); default: rules in the data folder"
    )
    require_if_match: bool = Field(
        default=False, description="refuse edits over HTTP that do not say in If-Match which version they are based on"
    )
    geodata: Path = Field(default=PROJECT / "geodata", description="folder of the reference geography")

    trusted_proxies: str = Field(
        default="",
        description="addresses or networks (10.0.0.0/8, ::1) of proxies whose X-Forwarded-*, Forwarded and X-Request-Id are believed",
    )
    root_path: str = Field(default="", description="prefix under which a proxy offers the server, as /twin")
    cors_origins: str = Field(
        default="",
        description="origins (https://gis.example.cn, with commas) whose pages may ask; * for any, without cookies",
    )
    rate_limit: str = Field(
        default="6000/minute",
        pattern=RATE,
        description="requests that a key, or an address without one, may send to one worker; off for none. An open server does not limit its own machine",
    )
    failed_sign_in_limit: str = Field(
        default="30/minute",
        pattern=RATE,
        description="wrong keys or tokens that an address may show before it has to wait; off for none",
    )
    max_body_mib: int = Field(
        default=4, ge=1, description="largest body of a request, in MiB; imports have a limit of their own"
    )
    patience_s: float = Field(
        default=30.0, gt=0, description="seconds that a connection may send or read nothing before it is dropped"
    )
    handler_s: float = Field(
        default=60.0, gt=0, description="seconds that a judgement may take before the answer is 503"
    )
    heavy_threads: int = Field(
        default=2, ge=1, description="judgements made at once per kind of question; others wait their turn"
    )
    grace_s: int = Field(
        default=30, ge=0, description="seconds that requests get to finish when the server is told to stop"
    )
    log: Literal["json", "text", "off"] = Field(
        default="text",
        description="request log on stderr: json has a line a request; text a line for what failed or was written; off only failures of the server",
    )

    open: bool = Field(
        default=False, description="ask nobody who he is, also where keys exist or other machines can reach the server"
    )
    jwt_key: Path | None = Field(
        default=None, description="file with the public key (PEM) or keys (JWKS) of the single sign-on's tokens"
    )
    jwt_secret: SecretStr = Field(
        default=SecretStr(""), description="what is shared with the single sign-on (HS256); instead of a key file"
    )
    jwt_issuer: str = Field(default="", description="what iss of a token must be")
    jwt_audience: str = Field(default="", description="what aud of a token must hold")
    jwt_algorithms: str = Field(
        default="", description="algorithms of tokens, with commas; default: all that suit the key"
    )
    jwt_leeway_s: float = Field(
        default=30.0, ge=0, le=300, description="seconds by which the single sign-on's clock may differ"
    )
    jwt_role_claim: str = Field(default="role", description="claim with the role; a dot goes into a nested claim")
    jwt_areas_claim: str = Field(default="areas", description="claim with the codes of the areas the role is good for")
    jwt_subject_claim: str = Field(default="sub", description="claim that names the person in the audit")
    jwt_purpose_claim: str = Field(default="purpose", description="claim with the purpose that the audit notes")

    @property
    def store_url(self) -> str:
        return self.store or f"sqlite:///{self.data / 'twin.sqlite'}"

    @property
    def has_tokens(self) -> bool:
        return self.jwt_key is not None or bool(self.jwt_secret.get_secret_value())

    @property
    def rules_folder(self) -> Path:
        return self.rules or self.data / "rules"

    @property
    def profiles_folder(self) -> Path:
        """The planner's own import profiles, after those in ``geodata``."""
        return self.data / "profiles"
