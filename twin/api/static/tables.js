// 街镇表 and 盲区表: the figures beside the colours, for readers who cannot see or print them.

import {chip, circled} from './cards.js';
import {areaName} from './drawn.js';
import {el} from './dom.js';
import * as f from './format.js';
import {shownGaps, trialShown} from './shown.js';
import {chosenResult, kindOf, state} from './state.js';
import {townName} from './why.js';
import {t} from './words.js';

const N_GAPS = 10;
const HAVE_GAPS = ['service', 'density'];

/** One row a town, the worst first. */
export function townTable(actions) {
  const r = chosenResult(), rows = state.rows ?? [];
  if (!r || !rows.length) return [el('p.note', {}, t('noRows'))];
  const judged = rows.some(row => row.met !== null);
  const sorted = [...rows].sort((a, b) => (a.value ?? Infinity) - (b.value ?? Infinity));
  const heads = [t('town.name'), t('town.value'), ...(judged ? [t('town.verdict'), t('town.lack')] : [])];
  const line = row => el('tr', {},
    el('th', {scope: 'row'}, link(`town-${row.code}`, () => actions.showTown(row.code), areaName(row))),
    el('td', {}, f.value(row.value, r.unit, state.lang)),
    judged && el('td', {}, row.met === null ? f.UNKNOWN : chip(r.strength === 'direction' ? 'direction' : row.met ? 'met' : 'unmet')),
    judged && el('td', {}, shortfall(r, row)));
  const head = el('thead', {}, el('tr', {}, heads.map(h => el('th', {scope: 'col'}, h))));
  return [el('table.by-town', {}, head, el('tbody', {}, sorted.map(line)))];
}

/** What a row lacks, in the rule's unit: km² of service, or devices. */
export function shortfall(r, row) {
  if (!row.shortfall) return f.UNKNOWN;
  if (r.unit === 'share' && r.kind !== 'share' && r.rule !== 'lifecycle') return f.km2(row.shortfall);
  return t('devices', {n: f.count(row.shortfall)});
}

/** The ten largest gaps; the rest summed up. */
export function gapTable(actions) {
  const gaps = shownGaps()?.features ?? [];
  if (!gaps.length) return [el('p.note', {}, t(HAVE_GAPS.includes(kindOf(state.rule)) ? 'noGaps' : 'noGapsKind'))];
  const rest = gaps.slice(N_GAPS), km2 = rest.reduce((sum, g) => sum + g.properties.area_km2, 0);
  const heads = ['number', 'in', 'size', 'lack'].map(k => el('th', {scope: 'col'}, t(`gap.${k}`)));
  return [
    trialShown() && el('p.by-trial', {}, t('triedNote', {n: state.tried.length})),
    el('table.by-gap', {}, el('thead', {}, el('tr', {}, heads)), el('tbody', {}, gaps.slice(0, N_GAPS).map(gap => gapRow(gap, actions)))),
    rest.length ? el('p.note', {}, t('moreGaps', {n: f.count(rest.length), km2: f.km2(km2)})) : null,
  ];
}

function gapRow(gap, actions) {
  const {rank, areas, area_km2: km2, n_missing: n, missing_m: m} = gap.properties;
  const towns = areas.slice(0, 2).map(townName).join(state.lang === 'zh' ? '、' : ', ');
  return el('tr', {},
    el('th', {scope: 'row'}, link(`gap-row-${rank}`, () => actions.askGap(gap), circled(rank))),
    el('td', {}, towns), el('td', {}, f.km2(km2)), el('td', {}, n === null ? f.metres(m, true) : t('devices', {n: f.count(n)})));
}

const link = (key, onclick, words) => el('button.link', {type: 'button', 'data-key': key, onclick}, words);
