"""The conformance classes that the server keeps. Each has a test; none is claimed before."""

from __future__ import annotations

OGC = "http://www.opengis.net/spec/"
CLASSES: dict[str, tuple[str, ...]] = {
    "ogcapi-common-1/1.0": ("core", "landingPage", "json", "html", "oas30"),
    "ogcapi-common-2/1.0": ("collections",),
    "ogcapi-features-1/1.0": ("core", "geojson", "html", "oas30"),
    "ogcapi-features-2/1.0": ("crs",),
    "ogcapi-features-3/1.0": ("queryables", "queryables-query-parameters", "filter", "features-filter"),
    "ogcapi-features-4/1.0": ("create-replace-delete", "update", "optimistic-locking-etags", "features"),
    "ogcapi-features-5/1.0": ("schemas", "core-roles-features"),
    "ogcapi-tiles-1/1.0": ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "geojson", "oas30"),
    "tms/2.0": ("tilematrixset", "json-tilematrixset"),
    "cql2/1.0": (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
        "temporal-functions", "property-property", "arithmetic",
    ),
}  # fmt: skip
CONFORMANCE = [f"{OGC}{standard}/conf/{name}" for standard, names in CLASSES.items() for name in names]
