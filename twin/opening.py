"""Puts a twin together from settings: the store, the plan, the raster reader, the clock; and who may come in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from twin.engine import Twin
from twin.errors import InvalidInput
from twin.identity import Access, Claims, Tokens, read_verifiers
from twin.layers.profile import Profile
from twin.model import Edit
from twin.plan import Plan
from twin.ports import Store
from twin.readers.plan_file import read_plan, rule_files
from twin.readers.profile_file import read_profiles
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore, is_postgres, open_store

if TYPE_CHECKING:
    from twin.store.access import AccessTables


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_plan(settings: Settings) -> Plan:
    """The plan, and the planner's own clauses after it. Raises what reading them raises."""
    return read_plan(settings.plan, rule_files(settings.rules_folder, required=settings.rules is not None))


def open_profiles(settings: Settings) -> tuple[Profile, ...]:
    """The import profiles that come with the twin, and the planner's own. Raises what reading them raises."""
    return read_profiles(settings.geodata / "profiles", settings.profiles_folder)


def open_twin(settings: Settings) -> Twin:
    """The twin that the settings name. Raises what the store or the plan raise."""
    return Twin(open_store(settings.store_url), open_plan(settings), read_grid, utc_now)


def open_access(settings: Settings, store: Store) -> Access:
    """Who may come in, as the settings, the keys and the tokens' keys say; looked at once.

    Args:
        store: the twin's; keys and audit lie beside it in PostgreSQL, else in a file in the data folder.

    Raises:
        InvalidInput: tokens cannot be verified as configured. Unavailable: where the keys are cannot be read.
    """
    access = Access(open_access_tables(settings, store), utc_now, open_tokens(settings), told_open=settings.open)
    access.look()
    return access


def open_access_tables(settings: Settings, store: Store | None) -> AccessTables:
    """Keys, sessions and audit, made if absent; ``store`` is needed where it is in PostgreSQL. Raises what the database raises."""
    from twin.store.access import FILE, PostgresAccess, SqliteAccess

    if is_postgres(settings.store_url):
        from twin.store.postgres import PostgresStore

        assert isinstance(store, PostgresStore)
        return PostgresAccess(store)
    return SqliteAccess(settings.data / FILE)


def open_tokens(settings: Settings) -> Tokens | None:
    """What verifies the single sign-on's tokens; None where none is configured.

    Raises:
        InvalidInput: the key cannot be used, or it is not said whose tokens for whom are taken.
    """
    if not settings.has_tokens:
        return None
    missing = [name for name in ("jwt_issuer", "jwt_audience") if not getattr(settings, name)]
    if missing:
        said = ", ".join(f"TWIN_{name.upper()}" for name in missing)
        raise InvalidInput(
            f"使用令牌还须设置 {said}：否则发给其他系统的令牌也会被接受",
            f"tokens need {said} too: without, those meant for other systems would be taken",
        )
    text = b""
    if settings.jwt_key is not None:
        try:
            text = settings.jwt_key.read_bytes()
        except OSError as reason:
            raise InvalidInput(
                f"无法读取 TWIN_JWT_KEY 所指的文件 {settings.jwt_key}：{reason.strerror}",
                f"cannot read {settings.jwt_key}, which TWIN_JWT_KEY names: {reason.strerror}",
            ) from None
    names = [name.strip() for name in settings.jwt_algorithms.split(",") if name.strip()]
    verifiers = read_verifiers(
        text, settings.jwt_secret.get_secret_value().encode(), names, f"TWIN_JWT_KEY ({settings.jwt_key})"
    )
    claims = Claims(
        settings.jwt_role_claim, settings.jwt_areas_claim, settings.jwt_subject_claim, settings.jwt_purpose_claim
    )
    return Tokens(verifiers, settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway_s, claims, utc_now)


def open_reference_twin(seed: int = 1) -> Twin:
    """The reference twin in memory: schematic geography, synthetic assets. For notebooks and trying things."""
    from twin.demo.build import build_reference_twin

    settings = Settings()
    twin = Twin(MemoryStore(), read_plan(settings.plan), read_grid, utc_now)
    made = build_reference_twin(seed, twin.now(), settings.geodata)
    edits = [Edit("add", record) for record in made.records]
    twin.commit(edits, author="twin", reason=f"reference twin, seed {seed}", sources=made.sources, grids=made.grids)
    return twin
