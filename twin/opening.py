"""Puts a twin together from settings: the store, the plan, the raster reader, the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from twin.engine import Twin
from twin.layers.profile import Profile
from twin.model import Edit
from twin.plan import Plan
from twin.readers.plan_file import read_plan, rule_files
from twin.readers.profile_file import read_profiles
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore, open_store


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


def open_reference_twin(seed: int = 1) -> Twin:
    """The reference twin in memory: schematic geography, synthetic assets. For notebooks and trying things."""
    from twin.demo.build import build_reference_twin

    settings = Settings()
    twin = Twin(MemoryStore(), read_plan(settings.plan), read_grid, utc_now)
    made = build_reference_twin(seed, twin.now(), settings.geodata)
    edits = [Edit("add", record) for record in made.records]
    twin.commit(edits, author="twin", reason=f"reference twin, seed {seed}", sources=made.sources, grids=made.grids)
    return twin
