"""Draws one layer in QGIS without a screen, and says what QGIS knows of it. For the Python of Debian's ``python3-qgis``,
so it imports nothing of the twin: ``python3 draw_in_qgis.py PICTURE.png < request.json``.

The request: ``provider`` and ``uri`` of the layer, ``kind`` (``vector`` or ``tiles``), ``geometry`` of its features
(``point``, ``line`` or ``polygon``), ``extent`` in EPSG:3857, ``size_px`` (width, height).
Where the address of tiles names a style, that is used; else everything is drawn in opaque red on white without
smoothing: points as squares of ``MARK_PX``, lines and the outlines of polygons one pixel wide, nothing filled, so that
no feature hides another.
"""

import json
import os
import sys

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFillSymbol,
    QgsLineSymbol,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsMarkerSymbol,
    QgsRectangle,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsVectorTileBasicRenderer,
    QgsVectorTileBasicRendererStyle,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

KINDS = {
    "point": QgsWkbTypes.PointGeometry,
    "line": QgsWkbTypes.LineGeometry,
    "polygon": QgsWkbTypes.PolygonGeometry,
}
MARK_PX = 5
RED = "255,0,0,255"
MARKER = {"name": "square", "color": RED, "outline_style": "no", "size": str(MARK_PX), "size_unit": "Pixel"}
LINE = {"line_color": RED, "line_width": "1", "line_width_unit": "Pixel"}
FILL = {"style": "no", "outline_color": RED, "outline_width": "1", "outline_width_unit": "Pixel"}


def symbols():
    return {
        QgsWkbTypes.PointGeometry: QgsMarkerSymbol.createSimple(MARKER),
        QgsWkbTypes.LineGeometry: QgsLineSymbol.createSimple(LINE),
        QgsWkbTypes.PolygonGeometry: QgsFillSymbol.createSimple(FILL),
    }


def vector_layer(asked):
    layer = QgsVectorLayer(asked["uri"], "layer", asked["provider"])
    if layer.isValid():
        layer.setRenderer(QgsSingleSymbolRenderer(symbols()[layer.geometryType()]))
    return layer


def tile_layer(asked):
    layer = QgsVectorTileLayer(asked["uri"], "layer")
    if "styleUrl=" in asked["uri"]:
        layer.loadDefaultStyle()
        return layer
    kind = KINDS[asked["geometry"]]
    style = QgsVectorTileBasicRendererStyle("all", "", kind)
    style.setSymbol(symbols()[kind])
    style.setEnabled(True)
    renderer = QgsVectorTileBasicRenderer()
    renderer.setStyles([style])
    layer.setRenderer(renderer)
    return layer


def about(layer):
    if not isinstance(layer, QgsVectorLayer):
        return {"styles": [style.styleName() for style in layer.renderer().styles()]}
    rows = [dict(zip(layer.fields().names(), map(str, f.attributes()), strict=True)) for f in layer.getFeatures()]
    return {"crs": layer.crs().authid(), "n_features": len(rows), "names": {r["key"]: r["name"] for r in rows}}


def draw(layer, asked, picture):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setExtent(QgsRectangle(*asked["extent"]))
    settings.setOutputSize(QSize(*asked["size_px"]))
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    settings.setFlag(QgsMapSettings.UseRenderingOptimization, False)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
    drawn = settings.visibleExtent()
    return {
        "extent": [drawn.xMinimum(), drawn.yMinimum(), drawn.xMaximum(), drawn.yMaximum()],
        "errors": [error.message for error in job.errors()],
    }


def main():
    asked, picture = json.load(sys.stdin), sys.argv[1]
    application = QgsApplication([], False)
    application.initQgis()
    layer = (tile_layer if asked["kind"] == "tiles" else vector_layer)(asked)
    said = {"qgis": Qgis.QGIS_VERSION, "valid": layer.isValid()}
    if layer.isValid():
        said.update(about(layer), **draw(layer, asked, picture))
    sys.stdout.write(json.dumps(said))
    sys.stdout.flush()
    os._exit(0)  # QGIS without a screen may crash while it is taken down


main()
