"""The small world served over a data folder of its own, to send files to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.api.conftest import Client, Make, records, store_of

HEADER = "id,name,lon,lat,station_type\n"
TWO = HEADER + "west,改名,121.28,31.01,public\nnew,新站,121.285,31.015,public\n"
CSV = "stations.csv"


class Served:
    """The small world over a data folder of its own; ``again`` is another app over the same."""

    def __init__(self, make: Make, data: Path) -> None:
        self.make, self.data, self.store = make, data, store_of(records())
        self.client = make(self.store, data=data)

    def again(self) -> Client:
        return self.make(self.store, data=self.data)

    def send(
        self, text: str | bytes = TWO, name: str = CSV, headers: dict[str, str] | None = None, **asked: Any
    ) -> Any:
        content = text if isinstance(text, bytes) else text.encode()
        said = {"layer": "chargers", "frame": "wgs84", **asked}
        return self.client.post("/imports", data=said, files={"file": (name, content)}, headers=headers)

    def waited(self, number: str, client: Client | None = None) -> dict[str, Any]:
        for _ in range(200):
            told: dict[str, Any] = (client or self.client).get(f"/imports/{number}").json()
            if told["status"] not in ("reading", "examining"):
                return told
            time.sleep(0.02)
        raise AssertionError(told)

    def folders(self) -> list[Path]:
        return sorted((self.data / "imports").iterdir())

    def names(self) -> dict[str, str]:
        items = self.client.get("/collections/chargers/items", params={"limit": 100}).json()["features"]
        return {f["id"]: f["properties"]["name"] for f in items}
