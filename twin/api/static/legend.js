// The legend on the map: title with unit, classes as intervals, hexes and km² in each, the window, the labels.

import {classes, intervals} from './classes.js';
import {clauseName, noData} from './cards.js';
import {byId, el, refill} from './dom.js';
import * as f from './format.js';
import {markOf, markPicture, STATES} from './marks.js';
import {isByTown, shownGaps, shownUnit, trialShown} from './shown.js';
import {chosenResult, on, resultOf, state} from './state.js';
import {t} from './words.js';

const UNITS = ['window', 'town', 'cell'];
const ASSETS = ['chargers', 'radio_sites', 'cameras', 'sensors'];
export const layersOf = rule => resultOf(rule)?.layers ?? [];

export function startLegend(actions) {
  on(['results', 'cells', 'rows', 'rule', 'lang', 'unit', 'hidden', 'zoom', 'loading', 'settings', 'gaps', 'trial'], () => draw(actions));
}

function draw(actions) {
  const r = chosenResult(), legend = byId('legend');
  if (!r || !state.settings) return legend.replaceChildren();
  const near = state.zoom >= state.settings.pointZoom;
  legend.dataset.rule = state.rule;
  legend.classList.toggle('faded', near);
  refill(legend,
    el('h2', {}, title(r)), isByTown() ? el('p.note', {}, t('byTown')) : r.kind === 'density' && unitChoice(actions), body(r),
    r.status === 'partial' && el('p.key', {}, el('i.swatch.hatched'), partial(r)), assets(near), el('p.labels', {}, labels(r)));
}

function title(r) {
  const p = r.parameters;
  if (state.rule === 'charger-service' || state.rule === 'charger-balance') {
    const {zones, radius_m: elsewhere} = resultOf('charger-service').parameters;
    return t('legend.service', {inner: (zones[0]?.radius_m ?? elsewhere) / 1000, outer: elsewhere / 1000});
  }
  if (state.rule === 'radio-coverage') return t('legend.radio', {r: f.count(p.radius_m)});
  if (state.rule === 'camera-density') return t(`legend.density.${shownUnit()}`);
  if (state.rule === 'lifecycle') return t('legend.state');
  if (r.kind === 'density') return t('legend.unit', {title: clauseName(r.clause), unit: t(`unit.${shownUnit()}`)});
  return classes()?.kind === 'count' ? t(isByTown() ? 'legend.countTown' : 'legend.count', {title: clauseName(r.clause)}) : clauseName(r.clause);
}

function unitChoice(actions) {
  const choice = el('select',
    {id: 'unit', 'data-key': 'unit', 'aria-label': t('spatialUnit'), onchange: e => actions.chooseUnit(e.target.value)},
    UNITS.map(u => el('option', {value: u, selected: u === state.unit}, t(`unit.${u}`))));
  return [choice, state.unit === 'cell' && el('p.note', {}, t('smallNumbers'))];
}

function body(r) {
  if (r.withheld) return null;
  if (r.status === 'no-data') return el('p.note', {}, noData(r));
  const now = classes();
  if (state.loading && !now) return el('p.note', {}, t('loading'));
  if (!now) return null;
  const words = now.kind === 'service' ? ['none', 'part', 'all'].map(s => t(`class.${s}`)) : intervals(now.edges, now.kind);
  const byTarget = now.kind === 'target' || now.kind === 'share';
  const rows = now.colours.map((colour, k) => classRow(colour, words[k], now.totals[k], byTarget && k === 3));
  if (isByTown() ? now.without.n : now.kind === 'target' && now.without.n) rows.push(without(now.without));
  const shown = now.kind === 'service' ? rows.reverse() : rows;
  const outlined = shownGaps() && state.zoom >= state.settings.gapZoom;
  return [
    trialShown() && el('p.scenario-tag', {}, t('scenarioShown', {n: state.tried.length})),
    el('ul', {}, el('li.columns', {}, t(isByTown() ? 'townsHead' : 'cellsHead')), shown),
    outlined && el('p.key', {}, el('i.gap-line'), t(now.kind === 'target' ? 'legend.densityGapLine' : 'legend.gapLine')),
    now.kind === 'target' && shownUnit() === 'window' && r.parameters.window_km2 === 1 && el('p.note', {}, t('windowNote')),
  ];
}

/** What has no value: hexes are hatched on the map, towns left bare. */
function without(total) {
  return isByTown() ? classRow('#FFFFFF', t('class.few'), total) : classRow(null, t('class.novalue'), total);
}

function classRow(colour, words, total, first = false) {
  const swatch = el(colour ? 'i.swatch' : 'i.swatch.hatched');
  if (colour) swatch.style.setProperty('--class', colour);
  const figures = t('cellsAndArea', {n: f.count(total.n), km2: f.km2(total.km2)});
  return el(first ? 'li.break' : 'li', {}, swatch, el('span', {}, words), el('em', {}, figures));
}

/** Marks of the assets on the map, once they show. */
function assets(near) {
  const shown = ASSETS.filter(l => !state.hidden.has(l));
  if ((!near && state.rule !== 'lifecycle') || !shown.length) return null;
  const {palette} = state.settings;
  const kinds = shown.map(l => el('span', {}, markPicture(markOf(l, 'operating', true), palette), t(`layer.${l}`)));
  const states = STATES.filter(s => s !== 'retired' || !state.hidden.has('retired'));
  const styles = states.map(s => el('span', {}, markPicture(markOf(shown[0], s, true), palette), t(`state.${s}`)));
  const online = [false, null].map(o => el('span', {}, markPicture(markOf(shown[0], 'operating', o), palette), t(`online.${o}`)));
  return [el('p.marks', {}, kinds, styles, online), !near && el('p.note', {}, t('fromZoom'))];
}

/** How much of the area the data hold. */
function partial(r) {
  const {area_with_data_km2: a, area_km2: b} = r;
  return a ? t('partOfArea', {a: f.km2(a), b: f.km2(b)}) : t('outsideData');
}

/** The warnings that go with a result, as sentences. */
export function labels(r) {
  return r.labels.map(l => l[state.lang]).join(' · ');
}
