// The functions that the deck written in twin/maps.py calls by name. They answer from the state, and give the same
// object as long as nothing changed: deck.gl compares by identity.

import {around, circle, contains, dashes, hatching, hatchingOutside, rings} from './geometry.js';
import {classColour, classes} from './classes.js';
import {gapMarks, mapLabels, nearestLines} from './drawn.js';
import {makeAtlas, markOf} from './marks.js';
import {shownGaps, shownTowns, shownUnit, trialShown} from './shown.js';
import {chosenArea, dataExtent, once, state} from './state.js';

const atlasOnce = once(palette => makeAtlas(palette));
const atlas = () => atlasOnce(state.settings.palette);
const rgb = (hex, alpha = 1) => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)).concat(Math.round(255 * alpha));
const palette = () => state.settings.palette;
export const isNear = () => state.zoom >= state.settings.pointZoom;

const NOTHING = [];
const WHICH = {
  town: a => a.properties.level === 'town',
  district: a => a.properties.level === 'district',
  ring: a => a.properties.code === 'outer-ring',
  cbd: a => a.properties.code === 'hongqiao-cbd',
};

const outlines = Object.fromEntries(
  Object.entries(WHICH).map(([name, fits]) => [name, once(areas => areas.filter(fits).flatMap(a => rings(a.geometry)))]),
);
const dashed = once((paths, zoom) => {
  const pixel = 78271.5 / 2 ** zoom;
  return paths.flatMap(p => dashes(p, 7 * pixel, 5 * pixel));
});
const chosenOutline = once(area => (area && area.properties.level !== 'district' ? rings(area.geometry) : NOTHING));
const outsideOf = once(area => (area ? [around(area.geometry)] : NOTHING));
const beyondOf = once((area, extent) => {
  const reaches = area && extent && rings(area.geometry).flat().some(p => !contains(extent.geometry, p));
  return reaches ? {sheet: [around(extent.geometry)], strokes: hatchingOutside(area.geometry, extent.geometry)} : {sheet: NOTHING, strokes: NOTHING};
});
const beyond = () => beyondOf(chosenArea(), dataExtent());
const withoutOf = once((cells, alive) => (cells && alive ? cells.cells.filter((_, i) => cells.status[i] === 'no-value') : NOTHING));
const cellsOf = once(cells => (cells ? {length: cells.cells.length, cells} : {length: 0}));
const reachesOf = once(tried => tried.filter(p => p.reach).map(p => circle([p.lng, p.lat], p.reach)));
const triedOf = once(tried => tried.map(p => ({at: [p.lng, p.lat], mark: 'tried', key: p.key})));
const placeOf = once(asked => (asked ? [{at: asked.lnglat, mark: asked.gap ? 'ring' : 'place'}] : NOTHING));
const gapRingsOf = once(gaps => (gaps ? gaps.features.flatMap(g => rings(g.geometry)) : NOTHING));
const EMPTY_COLLECTION = {type: 'FeatureCollection', features: []};
/** Towns with their rows; `at` is which of the rows. */
const townsOf = once((areas, rows) => {
  const shapes = new Map(areas.map(a => [a.properties.code, a.geometry]));
  const features = (rows ?? []).map((row, at) => ({type: 'Feature', geometry: shapes.get(row.code), properties: {row, at}}));
  return {type: 'FeatureCollection', features: features.filter(f => f.geometry)};
});

/** Takes the place of a hex layer's polygons: strokes across each instead of a fill. */
const hatchLayer = once(() => class HatchLayer extends deck.CompositeLayer {
  static layerName = 'HatchLayer';

  renderLayers() {
    const {data, getPolygon} = this.props;
    const paths = data.flatMap((d, index) => hatching(pairs(getPolygon(d, {index, data}))));
    return new deck.PathLayer(this.getSubLayerProps({id: 'strokes'}), {
      data: paths, getPath: p => p, getColor: rgb(palette().hatch), getWidth: 1, widthUnits: 'pixels',
    });
  }
});

const pairs = flat => (Array.isArray(flat[0]) ? flat : Array.from({length: flat.length / 2}, (_, i) => [flat[2 * i], flat[2 * i + 1]]));

function ringPaths({of, dashed: cut}) {
  if (of === 'chosen') return chosenOutline(chosenArea());
  const paths = outlines[of](state.areas);
  return cut ? dashed(paths, Math.round(state.zoom)) : paths;
}

function cellColour() {
  return (_, {index, target}) => {
    const [r, g, b, a] = fillOf(classColour(index));
    target[0] = r; target[1] = g; target[2] = b; target[3] = a;
    return target;
  };
}

/** A class's colour at the opacity of the zoom, clear without one. */
function fillOf(colour) {
  const {hex, faded} = state.settings.alphas;
  return colour ? rgb(colour, isNear() ? faded : hex) : [0, 0, 0, 0];
}

function contextTile({fill = null, line, widthMetres}) {
  return props => new deck.GeoJsonLayer(props, {
    stroked: false, filled: Boolean(fill), getFillColor: fill ?? line, getLineColor: line,
    getLineWidth: f => (f.properties.road_class === 'motorway' || f.properties.kind === 'expressway' ? 1.8 : 1) * widthMetres,
    lineWidthMinPixels: 1, lineWidthMaxPixels: 8, lineCapRounded: true, lineJointRounded: true, pickable: false,
  });
}

const SIZE = {chargers: 15, radio_sites: 13, cameras: 9, sensors: 9};

function assetTile({layer}) {
  return props => new deck.IconLayer(props, {
    data: (props.data?.features ?? []).filter(f => f.geometry && (f.properties.lifecycle !== 'retired' || !state.hidden.has('retired'))),
    iconAtlas: atlas().canvas, iconMapping: atlas().places, pickable: true,
    getIcon: f => markOf(layer, f.properties.lifecycle ?? 'operating', f.properties.online ?? null),
    getPosition: f => f.geometry.coordinates,
    getSize: f => (f.properties.point_count > 1 ? 1.4 : 1) * SIZE[layer] * Math.min(1.7, 1 + Math.max(0, state.zoom - 13) * 0.28),
    updateTriggers: {getSize: Math.round(state.zoom)},
  });
}

export const functions = {
  itself: () => d => d,
  field: ({key}) => d => d[key],
  cells: () => cellsOf(state.cells),
  cellId: () => (_, {index, data}) => data.cells.cells[index],
  cellColour,
  cellTriggers: () => ({getFillColor: [isNear(), state.rule, shownUnit(), trialShown()?.changed_cells]}),
  cellsWithout: () => withoutOf(state.cells, !isNear()),
  towns: () => townsOf(state.areas, classes() ? shownTowns() : null),
  townColour: () => f => fillOf(classColour(f.properties.at)),
  townTriggers: () => ({getFillColor: [isNear(), state.rule, state.rows]}),
  hatchLayer: () => ({'hexagon-cell-hifi': {type: hatchLayer()}}),
  beyond: ({part}) => beyond()[part],
  outside: () => outsideOf(chosenArea()),
  gaps: () => shownGaps() ?? EMPTY_COLLECTION,
  gapRings: () => gapRingsOf(shownGaps()),
  rings: ringPaths,
  contextTile, assetTile,
  tileTriggers: () => ({renderSubLayers: [Math.round(state.zoom), state.hidden.has('retired')]}),
  reaches: () => reachesOf(state.tried),
  tried: () => triedOf(state.tried),
  place: () => placeOf(state.asked),
  nearest: () => nearestLines(state.asked).lines,
  nearestEnds: () => nearestLines(state.asked).ends,
  distances: () => nearestLines(state.asked).words,
  nearestColour: () => d => rgb(d.counts ? palette().ink : palette()['town-line']),
  gapMarks: () => gapMarks(shownGaps()),
  labels: () => mapLabels(),
  atlas: () => atlas().canvas,
  atlasPlaces: () => atlas().places,
};
