"""What must never be in a commit, and what a newcomer's first look shows."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
SHARED = [lock for lock in LOCKS if not lock.with_suffix(".in").exists()]
"""Those of one environment; a set with a file of its own requirements is solved alone and installed alone."""
MACHINE_PATH = re.compile(rb"(?:^|[^A-Za-z0-9_.])/(?:work|farm|root|home)/|/tmp/[a-z]+/|[A-Z]:\\Users\\", re.MULTILINE)


def tracked_files() -> list[Path]:
    """What a commit of everything would hold: tracked files and new ones that are not ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


def test_no_file_holds_a_path_of_a_machine() -> None:
    found = []
    for file in tracked_files():
        content = file.read_bytes()
        if b"\0" not in content and (hit := MACHINE_PATH.search(content)):
            line = content.count(b"\n", 0, hit.start() + 1) + 1
            found.append(f"{file.relative_to(ROOT)}:{line}: {hit[0].decode()}")
    assert found == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_no_address_and_hashes_every_package(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(r"^\S+==.*(?:\n    .*)+", text, re.MULTILINE)
    assert len(pins) == len(pins_of(lock)) > 30
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_pins_what_it_is_solved_from(lock: Path) -> None:
    if lock in SHARED:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        asked = project["dependencies"] + ([] if lock.stem == "core" else extras[lock.stem])
    else:
        lines = lock.with_suffix(".in").read_text(encoding="utf-8").splitlines()
        asked = [line for line in lines if line and not line.startswith("#")]
    pinned = {pin.partition("==")[0] for pin in pins_of(lock)}
    missing = {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in asked} - pinned
    assert not missing, "run make lock"


@pytest.mark.parametrize("lock", SHARED, ids=lambda lock: lock.stem)
def test_the_sets_share_one_environment(lock: Path) -> None:
    core = pins_of(ROOT / "locks" / "core.txt")
    others = {pin for other in SHARED for pin in pins_of(other)}
    assert core <= pins_of(lock), "run make lock"
    contested = {
        pin for pin in others - pins_of(lock) if versions(pin, others) != versions(pin, pins_of(lock)) != set()
    }
    assert contested == set(), "run make lock"


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][\w-]*):(?!=)(.*)", text, re.MULTILINE)
    assert {name for name, _ in targets} == set(re.findall(r"^\.PHONY: (help.*)", text, re.MULTILINE)[0].split())
    assert [name for name, rest in targets if not re.search(r"## \S", rest)] == []


def pins_of(lock: Path) -> set[str]:
    """``numpy==2.4.6`` for every pin, whatever its marker."""
    return set(re.findall(r"^[\w.-]+==[^\s;]+", lock.read_text(encoding="utf-8"), re.MULTILINE))


def versions(pin: str, pins: set[str]) -> set[str]:
    name = pin.partition("==")[0]
    return {other for other in pins if other.partition("==")[0] == name}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
