"""``schemathesis`` over the whole OpenAPI document of a small world that may be spoilt: no 5xx, and nothing answered that the
document does not declare (status, content type, headers, schema, methods).
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.clients.live import CLIENTS, ROOT, Live, run
from twin.layers import LAYERS

pytestmark = pytest.mark.client
CONFIGURATION = ROOT / "tests" / "clients" / "schemathesis.toml"
STATIONS = "编号,名称,经度,纬度,充电桩数\nnew-1,新站甲,121.28,31.02,4\nnew-2,新站乙,121.29,31.03,8\n"
N_IMPORTS = 12
"""They go one by one while it tries to drop them."""
NOT_BY_CHANCE = {"POST /imports", "POST /session"}
"""No generator finds a file that can be read, or a key."""
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def report(thrown_away: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it reports, with its words where it found something. Some imports wait to be looked at, applied or dropped."""
    folder = tmp_path_factory.mktemp("schemathesis")
    imports = json.dumps([imported(thrown_away) for _ in range(N_IMPORTS)])
    (folder / "schemathesis.toml").write_text(CONFIGURATION.read_text().replace('["IMPORTS"]', imports))
    file, document = folder / "report.json", f"{thrown_away.url}/openapi.json"
    words = ("--config-file", folder / "schemathesis.toml", "run", document, "--no-color")
    done = run(
        CLIENTS / "schemathesis", *words, "--report", "json", "--report-json-path", file, env={"HOME": str(folder)}
    )
    return {**json.loads(file.read_text()), "said": done.stdout, "document": thrown_away.get("/openapi.json")}


def imported(live: Live) -> str:
    """The id of an import that was examined and waits."""
    sent = httpx.post(
        f"{live.url}/imports", data={"layer": "chargers", "frame": "wgs84"},
        files={"file": ("stations.csv", STATIONS.encode(), "text/csv")}, timeout=60, trust_env=False,
    )  # fmt: skip
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


def test_every_operation_of_the_document_was_tried(report):
    """Of the paths of single layers one stands for all."""
    untried = {f"/collections/{layer}/items" for layer in LAYERS if layer != "chargers"}
    paths = [path for name, path in report["document"]["paths"].items() if name not in untried]
    operations = sum(method in path for path in paths for method in METHODS)
    assert report["operations"]["tested"] == operations > 30
    assert report["errors"] == [], report["said"]


def test_nothing_was_answered_that_the_document_does_not_declare(report):
    assert report["failures"] == [], report["said"]
    assert report["test_cases"]["with_failures"] == 0


def test_every_operation_did_what_it_is_for_at_least_once(report):
    """Else only its refusals were tried."""
    accepted = {
        operation: sum(phase["accepted"] for phase in phases.values())
        for operation, phases in report["valid_rates"].items()
    }
    assert [operation for operation, n in accepted.items() if n == 0 and operation not in NOT_BY_CHANCE] == []
