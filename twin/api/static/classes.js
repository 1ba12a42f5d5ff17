// Which class a hex or a town belongs to, and how many of them and km² each class has: the one source of map, legend and tooltip.

import {count, share} from './format.js';
import {shownCells, shownTowns} from './shown.js';
import {chosenResult, once, resultOf, state} from './state.js';

const SCALES = {density: 'target', service: 'service', count: 'count'};

/** 'service', 'target', 'count', 'share', 'portion' or null: how a rule's hexes are classed. */
export function scaleOf(rule) {
  if (rule === 'charger-balance') return 'service';
  const r = resultOf(rule);
  if (r?.kind === 'share') return r.target && r.operator !== 'at-most' ? 'share' : 'portion';
  return SCALES[r?.kind] ?? null;
}

/** How its towns are classed: the part of a town that is served has no status but its share. */
const townScale = rule => (scaleOf(rule) === 'service' ? 'share' : scaleOf(rule));

const NICE = [1, 2, 3, 5, 10, 15, 20, 30, 50, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 10000];

/** Four whole breaks that part the cells that hold something about evenly. */
export function countBreaks(values) {
  const held = values.filter(v => v > 0).sort((a, b) => a - b);
  if (!held.length) return [1, 2, 3, 5];
  const wanted = [0.2, 0.45, 0.7, 0.9].map(q => held[Math.floor(q * (held.length - 1))]);
  const breaks = [];
  for (const w of wanted) {
    const least = breaks.length ? breaks[breaks.length - 1] : 1;
    breaks.push(NICE.find(n => n > least && n >= w) ?? least * 2);
  }
  return breaks;
}

const classesOf = once((cells, kind, settings, target) => {
  if (!cells || !kind) return null;
  const {colours, breaks, status} = settings.scales[kind];
  const edges = kind === 'count' ? countBreaks(cells.value) : breaks?.map(b => (kind === 'portion' ? b : b * target)) ?? null;
  const byCell = cells.cells.map((_, i) => (kind === 'service' ? status.indexOf(cells.status[i]) : classOf(cells.value[i], edges, kind)));
  const totals = colours.map(() => ({n: 0, km2: 0}));
  const without = {n: 0, km2: 0};
  byCell.forEach((k, i) => {
    const total = k === null || k < 0 ? without : totals[k];
    total.n += 1;
    total.km2 += cells.area_km2[i] ?? 0;
  });
  return {kind, colours, edges, byCell, totals, without, target};
});

/** Closed below: a value on a break belongs to the class above it. */
function classOf(value, edges, kind) {
  if (value === null || Number.isNaN(value) || (kind === 'count' && value <= 0)) return null;
  return edges.filter(e => value >= e - 1e-9).length;
}

const columnsOf = once(rows => ({cells: rows.map(r => r.code), value: rows.map(r => r.value), area_km2: rows.map(r => r.area_km2)}));

/** Classes of the hexes on the map now, or of the towns in their place. */
export function classes() {
  const towns = shownTowns(), target = chosenResult()?.target ?? null;
  if (towns) return classesOf(columnsOf(towns), townScale(state.rule), state.settings, target);
  return classesOf(shownCells(), scaleOf(state.rule), state.settings, target);
}

export function classColour(index) {
  const now = classes();
  const k = now?.byCell[index];
  return k === null || k === undefined || k < 0 ? null : now.colours[k];
}

/** "60 ≤ x < 120" and the like for each class of a scale with breaks. */
export function intervals(edges, kind) {
  const ofShare = kind === 'share' || kind === 'portion';
  const figure = kind === 'count' ? count : ofShare ? share : v => (Number.isInteger(v) ? count(v) : v.toFixed(1));
  const low = kind === 'count' ? `1 ≤ x < ${figure(edges[0])}` : `x < ${figure(edges[0])}`;
  const middle = edges.slice(1).map((e, i) => `${figure(edges[i])} ≤ x < ${figure(e)}`);
  return [low, ...middle, `x ≥ ${figure(edges[edges.length - 1])}`];
}
