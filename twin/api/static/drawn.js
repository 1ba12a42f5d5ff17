// What is written and drawn over the hexes: names of areas, numbers of gaps, lines to the nearest three.

import {byId} from './dom.js';
import {metres} from './format.js';
import {bounds, contains, middle, rings} from './geometry.js';
import {boxAround, place} from './labels.js';
import {shownGaps} from './shown.js';
import {once, state} from './state.js';
import {t} from './words.js';

const N_NUMBERED = 3;
const nothing = {lines: [], ends: [], words: []};

/** The name of an area in the page's language. */
export function areaName(area) {
  const {name, name_en: english} = area.properties ?? area;
  return state.lang === 'zh' ? name : english || name;
}

/** The three largest gaps, numbered, at their deepest points. */
export const gapMarks = once(gaps => (gaps?.features ?? []).slice(0, N_NUMBERED)
  .map(gap => ({number: String(gap.properties.rank), mark: 'gap', gap, at: gap.properties.deepest_lnglat})));

/** Lines from the place asked about to the stations named in the answer, with their distances. */
export const nearestLines = once(asked => {
  const near = asked?.answer?.nearest?.map(n => ({...n, lnglat: [n.lng, n.lat]})) ?? [];
  if (!near.length) return nothing;
  const longest = Math.max(...near.map(n => n.distance_m));
  return {
    lines: near.map(n => ({from: asked.lnglat, to: n.lnglat, counts: n.counts})),
    ends: near.map(n => ({at: n.lnglat, mark: n.counts ? 'end' : 'end-not'})),
    words: near.filter(n => n.distance_m > 0.12 * longest).map(n => ({
      at: between(asked.lnglat, n.lnglat, 0.62), text: metres(n.distance_m, !asked.answer.served), size: 12,
    })),
  };
});

const between = ([x1, y1], [x2, y2], f) => [x1 + (x2 - x1) * f, y1 + (y2 - y1) * f];

const middles = once(areas => new Map(areas.map(a => [a, middle(a.geometry)])));

/** Points of an outline that lie inside or near the judged area, so that a ring is labelled where one looks. */
function alongside(areas, code) {
  const line = areas.find(a => a.properties.code === code), district = areas.find(a => a.properties.level === 'district');
  if (!line) return [];
  const path = rings(line.geometry)[0], points = [];
  for (let i = 1; i < path.length; i++) for (let k = 0; k < 8; k++) points.push(between(path[i - 1], path[i], k / 8));
  if (!district) return points;
  const [west, south, east, north] = bounds(district.geometry);
  const near = points.filter(([x, y]) => x > west && x < east && y > south && y < north);
  const outside = near.filter(p => !contains(district.geometry, p));
  return [...outside, ...near, ...points];
}
const ringPoints = once(areas => alongside(areas, 'outer-ring'));
const cbdPoints = once(areas => alongside(areas, 'hongqiao-cbd'));

function wanted(areas) {
  const of = level => areas.filter(a => a.properties.level === level);
  const size = a => a.properties.area_km2_published ?? 0;
  const towns = of('town').sort((a, b) => size(a) - size(b));
  const names = towns.map(a => ({text: areaName(a), size: 13, at: [middles(areas).get(a)]}));
  if (!state.hidden.has('ring')) names.push({text: t('ring'), size: 13, at: ringPoints(areas), fixed: true});
  if (!state.hidden.has('cbd')) names.push({text: t('cbd'), size: 13, at: cbdPoints(areas), fixed: true});
  return [...names, ...of('district').map(a => ({text: areaName(a), size: 16, at: [middles(areas).get(a)]}))];
}

/** Boxes of the panels that lie on the map, in its pixels. */
function panels() {
  const map = byId('map').getBoundingClientRect();
  return ['legend', 'switches'].map(id => byId(id).getBoundingClientRect()).filter(b => b.width)
    .map(b => [b.left - map.left, b.top - map.top, b.right - map.left, b.bottom - map.top]);
}

const placed = once((areas, lang, viewport, gaps, rule, hidden) => {
  if (!viewport || !areas.length) return [];
  const marks = hidden.has('gaps') ? [] : gapMarks(gaps);
  const taken = [...panels(), ...marks.map(m => boxAround(viewport.project(m.at), '①', 26))];
  return place(wanted(areas), viewport, taken);
});

/** Names that fit at the present view. */
export function mapLabels() {
  return placed(state.areas, state.lang, state.viewport, shownGaps(), state.rule, state.hidden);
}
