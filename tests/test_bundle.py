"""What ``make bundle`` makes installs from itself alone where there is no network, and says so when it is damaged.

Tests marked ``bundle`` take the archive in ``dist/`` and are skipped without it. The network is cut off by a namespace
of its own that holds nothing but ``lo``; making one takes root, or a kernel that lets users make them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
MADE = ("COMMIT", "SHA256SUMS")
"""What a bundle holds besides the commit's files and its wheels."""
PORT = 8000
"""Free in a namespace of one's own."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def run(folder: Path, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A program in a folder, with no word of this shell's settings."""
    home = folder.parent / "home"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TWIN_LANG": "en"}
    done = subprocess.run(
        [*prefix, *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=900
    )
    sys.stdout.write(f"$ {' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


@pytest.fixture(scope="module")
def archive() -> Path:
    found = sorted((ROOT / "dist").glob("hongqiao-twin-*-offline.tar.gz"))
    if not found:
        pytest.skip("dist/ holds no bundle (make bundle)")
    return found[-1]


@pytest.fixture(scope="module")
def bundle(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked in an empty folder whose name has a space and Chinese in it."""
    folder = tmp_path_factory.mktemp("bundle") / "an empty folder 空"
    folder.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture
def damaged(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the unpacked bundle to be spoilt; what is written anew there leaves the bundle alone."""
    subprocess.run(["cp", "-al", bundle, tmp_path / "copy"], check=True)
    shutil.rmtree(tmp_path / "copy" / ".venv", ignore_errors=True)
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def cut_off() -> Iterator[Run]:
    """``run`` where there is no network: 127.0.0.1 and nothing else, the same one for all its programs."""
    as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = ["unshare", "--net", *as_user, "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        try:
            assert holder.stdout.readline() == "up\n"
            namespaces = ["--net", *(["--user", "--preserve-credentials"] if as_user else [])]
            prefix = ("nsenter", f"--target={holder.pid}", *namespaces, "--")
            yield lambda folder, *words: run(folder, *words, prefix=prefix)
        finally:
            holder.kill()


@pytest.fixture(scope="module")
def installed(bundle: Path, cut_off: Run) -> Path:
    """Set up and filled with the reference twin where there is no network."""
    assert cut_off(bundle, "make", "setup").returncode == 0
    assert cut_off(bundle, ".venv/bin/twin", "demo").returncode == 0
    return bundle


def test_files_that_differ_from_their_checksums_are_named_and_nothing_is_installed(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "good file").write_text("as it was")
    (tmp_path / "pyproject.toml").write_text("changed on the way")
    sums = {name: hashlib.sha256(b"as it was").hexdigest() for name in ("good file", "pyproject.toml")}
    (tmp_path / "SHA256SUMS").write_text("".join(f"{digest}  ./{name}\n" for name, digest in sums.items()))
    said = run(tmp_path, "make", "setup")
    assert said.returncode != 0
    assert "./pyproject.toml: FAILED" in said.stderr
    assert "good file" not in said.stderr
    assert "copy and unpack the bundle again" in said.stderr
    assert "请重新复制" in said.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.bundle
def test_the_source_is_that_of_the_commit_that_it_names(bundle):
    commit = (bundle / "COMMIT").read_text().strip()
    tree = subprocess.run(["git", "ls-tree", "-rz", commit], cwd=ROOT, capture_output=True, check=True, text=True)
    rows = [row.split("\t") for row in tree.stdout.split("\0") if row]
    blobs = {name: about.split()[2] for about, name in rows}
    found = {
        str(file.relative_to(bundle)): git_blob(file) for file in files_of(bundle) if file.parent.name != "wheelhouse"
    }
    assert {name: blob for name, blob in found.items() if name not in MADE} == blobs


@pytest.mark.bundle
def test_every_file_has_its_checksum(bundle):
    lines = [line.split("  ", 1) for line in (bundle / "SHA256SUMS").read_text().splitlines()]
    told = {name: digest for digest, name in lines}
    assert told == {
        f"./{file.relative_to(bundle)}": sha256(file) for file in files_of(bundle) if file.name != "SHA256SUMS"
    }


@pytest.mark.bundle
def test_the_archive_has_a_checksum_beside_it(archive):
    digest, name = archive.with_name(f"{archive.name}.sha256").read_text().split()
    assert (digest, name) == (sha256(archive), archive.name)


@pytest.mark.bundle
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_of_the_lock_has_a_wheel_that_fits_the_machine_and_the_lock_s_hash(bundle, machine):
    environment = default_environment() | {
        "implementation_name": "cpython", "platform_python_implementation": "CPython", "os_name": "posix",
        "sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine,
        "python_version": "3.11", "python_full_version": "3.11.2",
    }  # fmt: skip
    fitting = tags_of(machine)
    lacking = []
    for requirement, hashes in pins(bundle / "locks" / "core.txt"):
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        wheels = [
            wheel for wheel in (bundle / "wheelhouse").glob("*.whl")
            if (about := parse_wheel_filename(wheel.name))[0] == requirement.name and about[3] & fitting
        ]  # fmt: skip
        if not any(sha256(wheel) in hashes for wheel in wheels):
            lacking.append(str(requirement))
    assert lacking == []


@pytest.mark.bundle
def test_a_changed_wheel_is_named_and_nothing_is_installed(damaged):
    wheel = next((damaged / "wheelhouse").glob("shapely-*aarch64.whl"))
    spoilt = bytearray(wheel.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    wheel.unlink()
    wheel.write_bytes(spoilt)
    said = run(damaged, "make", "setup")
    assert said.returncode != 0
    assert f"./wheelhouse/{wheel.name}: FAILED" in said.stderr
    assert not (damaged / ".venv").exists()


@pytest.mark.bundle
def test_a_missing_wheel_is_not_asked_for_elsewhere(damaged):
    (damaged / "SHA256SUMS").unlink()
    next((damaged / "wheelhouse").glob("click-8*.whl")).unlink()
    said = run(damaged, "make", "setup")
    assert said.returncode != 0
    assert "No matching distribution found for click" in said.stderr
    assert "Cannot install from wheelhouse/ alone" in said.stderr


@pytest.mark.bundle
def test_there_is_no_network_where_it_is_installed(installed, cut_off):
    devices = cut_off(installed, "cat", "/proc/self/net/dev").stdout
    assert re.findall(r"^\s*(\S+):", devices, re.MULTILINE) == ["lo"]
    assert cut_off(installed, "cat", "/proc/self/net/route").stdout.count("\n") == 1


@pytest.mark.bundle
def test_setting_up_again_does_nothing(installed, cut_off):
    again = cut_off(installed, "make", "setup")
    assert again.returncode == 0
    assert "Installing" not in again.stderr


@pytest.mark.bundle
def test_a_clause_is_judged_as_by_the_checkout(installed, cut_off):
    words = ("cover", "charger-service", "--json")
    theirs = cut_off(installed, ".venv/bin/twin", *words)
    ours = run(installed, sys.executable, "-P", "-m", "twin", *words, prefix=("env", f"PYTHONPATH={ROOT}"))
    assert theirs.returncode == ours.returncode == 0
    one, two = (json.loads(said.stdout)["result"] for said in (theirs, ours))
    assert 0 < one["share"] < 1
    assert [one[word] for word in ("snapshot", "value", "share", "met")] == [
        two[word] for word in ("snapshot", "value", "share", "met")
    ]


@pytest.mark.bundle
def test_it_serves_the_reference_twin(installed, cut_off):
    script = f"""
        .venv/bin/twin serve --port {PORT} & server=$!
        trap 'kill $server; wait $server' EXIT
        .venv/bin/python - <<'ASK'
import json, time, urllib.request
def ask(path):
    with urllib.request.urlopen("http://127.0.0.1:{PORT}" + path) as answer:
        return answer.status, answer.headers["content-type"], answer.read()
for _ in range(600):
    try:
        ask("/healthz"); break
    except OSError:
        time.sleep(0.1)
chargers = json.loads(ask("/collections/chargers/items?limit=1")[2])
page = ask("/map")
print(json.dumps([chargers["numberMatched"], page[0], page[1]]))
ASK
    """
    said = cut_off(installed, "sh", "-c", script)
    n_chargers, status, kind = json.loads(said.stdout.splitlines()[-1])
    exported = cut_off(installed, ".venv/bin/twin", "export", "chargers", "-o", "chargers.csv")
    assert exported.returncode == 0
    assert n_chargers == len((installed / "chargers.csv").read_text("utf-8-sig").splitlines()) - 1 > 100
    assert (status, kind.split(";")[0]) == (200, "text/html")


def files_of(bundle: Path) -> list[Path]:
    """What the archive holds, not what installing made."""
    made = {".venv", "var", "hongqiao_twin.egg-info", "__pycache__", "chargers.csv"}
    return [file for file in bundle.rglob("*") if file.is_file() and not made & set(file.relative_to(bundle).parts)]


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def git_blob(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pins(lock: Path) -> list[tuple[Requirement, set[str]]]:
    """Every requirement of a lock with its hashes."""
    found = re.findall(r"^(\S.*?==[^\\\n]+)((?:\\\n    --hash=sha256:\w+ ?)+)", lock.read_text(), re.MULTILINE)
    assert len(found) > 30
    return [(Requirement(pin), set(re.findall(r"sha256:(\w+)", hashes))) for pin, hashes in found]


def tags_of(machine: str) -> frozenset[Tag]:
    """What CPython 3.11 takes on a machine with glibc 2.28."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    named = cpython_tags((3, 11), platforms=platforms)
    return frozenset(named) | frozenset(compatible_tags((3, 11), "cp311", platforms))
