"""Settings: ``TWIN_*`` environment variables, read once at a door and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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

    @property
    def store_url(self) -> str:
        return self.store or f"sqlite:///{self.data / 'twin.sqlite'}"

    @property
    def rules_folder(self) -> Path:
        return self.rules or self.data / "rules"

    @property
    def profiles_folder(self) -> Path:
        """The planner's own import profiles, after those in ``geodata``."""
        return self.data / "profiles"
