"""Reads and edits through OWSLib, and says what came of each step. For the Python of ``locks/clients.txt``:
``python edit_by_owslib.py URL COLLECTION KEY < feature.json``.
"""

import json
import sys
from urllib.parse import urlencode

from owslib.ogcapi.features import Features

GEOJSON = "application/geo+json"


class Steps:
    """What each step answered: the server's words where it refused."""

    def __init__(self, url):
        self.url, self.said = url, {}

    def take(self, name, step, why="", **headers):
        """One step by a client of its own: OWSLib keeps headers from one request to the next.

        Who edits and why stand in the query of the server's address, which OWSLib adds to every request.
        """
        client = Features(f"{self.url}?{urlencode({'by': '王工', 'reason': why})}" if why else self.url)
        client.headers = {**client.headers, "Content-Type": GEOJSON, **headers}
        try:
            self.said[name] = {"ok": True, "answer": step(client)}
        except RuntimeError as refused:
            self.said[name] = {"ok": False, "answer": str(refused)}
        self.said[name]["etag"] = (client.response_headers or {}).get("ETag")
        return self.said[name]


def main():
    url, layer, key = sys.argv[1:]
    feature = json.load(sys.stdin)
    steps = Steps(url)
    steps.take("conformance", lambda c: c.conformance())
    steps.take("api", lambda c: c.api())
    steps.take("collections", lambda c: c.feature_collections())
    steps.take("queryables", lambda c: c.collection_queryables(layer))
    steps.take("items", lambda c: c.collection_items(layer, limit=2))
    steps.take("items in a box", lambda c: c.collection_items(layer, bbox=[121.27, 31.0, 121.29, 31.02]))
    steps.take("items by a filter", lambda c: c.collection_items(layer, filter="n_connectors > 10"))
    steps.take("create", lambda c: c.collection_item_create(layer, json.dumps(feature)), "新建")
    first = steps.take("created", lambda c: c.collection_item(layer, key))
    feature["properties"]["name"] = "改名的站"
    body = json.dumps(feature)
    replace = {"If-Match": first["etag"] or ""}
    steps.take("replace", lambda c: c.collection_item_update(layer, key, body), "改名", **replace)
    steps.take("replace what has changed", lambda c: c.collection_item_update(layer, key, body), **replace)
    second = steps.take("replaced", lambda c: c.collection_item(layer, key))
    steps.take("delete what has changed", lambda c: c.collection_item_delete(layer, key), "拆除", **replace)
    current = {"If-Match": second["etag"] or ""}
    steps.take("delete", lambda c: c.collection_item_delete(layer, key), "拆除", **current)
    steps.take("deleted", lambda c: c.collection_item(layer, key))
    json.dump(steps.said, sys.stdout)


main()
