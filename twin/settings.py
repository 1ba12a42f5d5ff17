"""Settings: ``TWIN_*`` environment variables, read once at a door and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

RATE = r"^(off|[1-9][0-9]{0,8}/([1-9][0-9]{0,3} )?(second|minute|hour|day))$"
PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting has a name, a default and help (“中文 / English”); ``twin settings`` prints them."""

    model_config = SettingsConfigDict(env_prefix="TWIN_", extra="ignore")

    data: Path = Field(
        default=Path("var"),
        description="数据目录：存储及运行时写入的内容 / folder of the store and of what is written at run time",
    )
    store: str = Field(
        default="",
        description="存储地址；默认为数据目录中的一个 SQLite 文件 / address of the store; default: one SQLite file in the data folder",
    )
    lang: Literal["zh", "en"] = Field(default="zh", description="命令行语言 / language of words on the command line")
    allow_datum_inverse: bool = Field(
        default=False,
        description="导入时允许由 GCJ-02、BD-09 转为 WGS-84（在中国有法律限制，每次使用均有记录） "
        "/ allow GCJ-02 or BD-09 to WGS-84 on import (legally sensitive in China; every use is logged)",
    )
    plan: Path = Field(default=PROJECT / "geodata" / "plan.toml", description="规划条款文件 / the plan's clauses")
    rules: Path | None = Field(
        default=None,
        description="更多条款的目录（*.toml）；默认为数据目录下的 rules / folder of further clauses (*.toml); default: rules in the data folder",
    )
    require_if_match: bool = Field(
        default=False,
        description="经 HTTP 修改时须以 If-Match 说明所依据的版本 "
        "/ refuse edits over HTTP that do not say in If-Match which version they are based on",
    )
    geodata: Path = Field(
        default=PROJECT / "geodata", description="参考地理数据目录 / folder of the reference geography"
    )

    trusted_proxies: str = Field(
        default="",
        description="受信任的代理的地址或网段（10.0.0.0/8、::1），采信其 X-Forwarded-*、Forwarded、X-Request-Id "
        "/ addresses or networks (10.0.0.0/8, ::1) of proxies whose X-Forwarded-*, Forwarded and X-Request-Id are believed",
    )
    root_path: str = Field(
        default="",
        description="代理提供本服务的路径前缀，如 /twin / prefix under which a proxy offers the server, as /twin",
    )
    cors_origins: str = Field(
        default="",
        description="允许跨域请求的来源（https://gis.example.cn，以逗号分隔）；* 为任意来源，不带 cookie "
        "/ origins (https://gis.example.cn, with commas) whose pages may ask; * for any, without cookies",
    )
    rate_limit: str = Field(
        default="6000/minute",
        pattern=RATE,
        description="每把密钥（或无密钥的地址）对一个进程的请求上限；off 为不限。开放模式下不限制本机 "
        "/ requests that a key, or an address without one, may send to one worker; off for none. An open server does not limit its own machine",
    )
    failed_sign_in_limit: str = Field(
        default="30/minute",
        pattern=RATE,
        description="一个地址出示错误密钥或令牌的次数上限，超过须等待；off 为不限 "
        "/ wrong keys or tokens that an address may show before it has to wait; off for none",
    )
    max_body_mib: int = Field(
        default=4,
        ge=1,
        description="请求体上限（MiB）；导入另有上限 / largest body of a request, in MiB; imports have a limit of their own",
    )
    patience_s: float = Field(
        default=30.0,
        gt=0,
        description="连接无收发多少秒后断开 / seconds that a connection may send or read nothing before it is dropped",
    )
    handler_s: float = Field(
        default=60.0,
        gt=0,
        description="一次判定最多多少秒，超过则回应 503 / seconds that a judgement may take before the answer is 503",
    )
    heavy_threads: int = Field(
        default=2,
        ge=1,
        description="每类问题同时判定的数目，其余排队 / judgements made at once per kind of question; others wait their turn",
    )
    grace_s: int = Field(
        default=30,
        ge=0,
        description="停止服务时留给未完成请求的秒数 / seconds that requests get to finish when the server is told to stop",
    )
    log: Literal["json", "text", "off"] = Field(
        default="text",
        description="写到 stderr 的请求日志：json 每个请求一行；text 只记失败和写入；off 只记服务器故障 "
        "/ request log on stderr: json has a line a request; text a line for what failed or was written; off only failures of the server",
    )

    open: bool = Field(
        default=False,
        description="不要求登录，即使已有密钥或他机可访问 / ask nobody who he is, also where keys exist or other machines can reach the server",
    )
    jwt_key: Path | None = Field(
        default=None,
        description="单点登录令牌的公钥文件（PEM 或 JWKS） / file with the public key (PEM) or keys (JWKS) of the single sign-on's tokens",
    )
    jwt_secret: SecretStr = Field(
        default=SecretStr(""),
        description="与单点登录共享的密钥（HS256），代替公钥文件 / what is shared with the single sign-on (HS256); instead of a key file",
    )
    jwt_issuer: str = Field(default="", description="令牌的 iss 应为 / what iss of a token must be")
    jwt_audience: str = Field(default="", description="令牌的 aud 应含 / what aud of a token must hold")
    jwt_algorithms: str = Field(
        default="",
        description="令牌算法，以逗号分隔；默认为适合该密钥的全部 / algorithms of tokens, with commas; default: all that suit the key",
    )
    jwt_leeway_s: float = Field(
        default=30.0,
        ge=0,
        le=300,
        description="允许与单点登录时钟相差的秒数 / seconds by which the single sign-on's clock may differ",
    )
    jwt_role_claim: str = Field(
        default="role", description="角色所在的声明；以点进入嵌套 / claim with the role; a dot goes into a nested claim"
    )
    jwt_areas_claim: str = Field(
        default="areas",
        description="角色适用区域代码所在的声明 / claim with the codes of the areas the role is good for",
    )
    jwt_subject_claim: str = Field(
        default="sub", description="审计中记为姓名的声明 / claim that names the person in the audit"
    )
    jwt_purpose_claim: str = Field(
        default="purpose", description="审计所记用途的声明 / claim with the purpose that the audit notes"
    )

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
