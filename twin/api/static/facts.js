// The figures of each clause's card: headline, target, bar and facts. Reads results; computes nothing but widths.

import * as f from './format.js';
import {state} from './state.js';
import {t} from './words.js';

const STATES = ['operating', 'managed', 'building', 'planned'];

/** The headline figure of a card. */
export function headline(r) {
  if (r.value === null || r.value === undefined) return f.UNKNOWN;
  return f.value(r.value, r.unit, state.lang);
}

/** The target as the clause words it, with its strength: "≥ 180", "争取 70,000", "100 %"; its unit is the value's. */
export function targetText(r) {
  if (r.target === null || r.target === undefined) return '';
  if (r.unit === 'share') return r.operator === 'at-most' ? `≤ ${f.share(r.target)}` : f.share(r.target);
  const figure = f.count(r.target);
  if (r.rule === 'camera-count') return `${t('strive')} ${figure}`;
  return `${{'more-than': '>', 'at-most': '≤'}[r.operator] ?? '≥'} ${figure}`;
}

/** 'met', 'unmet', 'unjudged', 'nodata', 'withheld' or 'direction'. */
export function verdict(r) {
  if (r.withheld) return 'withheld';
  if (r.status === 'no-data') return 'nodata';
  if (r.strength === 'direction') return 'direction';
  return r.met === true ? 'met' : r.met === false ? 'unmet' : 'unjudged';
}

/** Parts of the bar, each a share of its width, and where the tick of the target stands; null without a bar. */
export function bar(r) {
  if (r.value === null || r.value === undefined) return null;
  if (r.rule === 'lifecycle') return stateBar(r);
  if (r.unit === 'share') return {parts: [['operating', r.value]], tick: r.target};
  if (r.unit.includes('/km²')) return scaled([['operating', r.value]], r.target);
  const by = r.by_state ?? {};
  return scaled([['operating', r.value], ['building', by.building ?? 0], ['planned', by.planned ?? 0]], r.target);
}

function scaled(parts, target) {
  const total = parts.reduce((sum, [, v]) => sum + v, 0), whole = Math.max(total, target ?? 0) * 1.06 || 1;
  return {parts: parts.map(([state_, v]) => [state_, v / whole]), tick: target ? target / whole : null};
}

function stateBar(r) {
  const total = STATES.reduce((sum, s) => sum + (r.by_state?.[s] ?? 0), 0) + (r.by_state?.retired ?? 0) || 1;
  return {parts: [...STATES, 'retired'].map(s => [s, (r.by_state?.[s] ?? 0) / total]), tick: null, legend: true};
}

const FACTS = {
  'charger-service': (x, r) => [
    [t('fact.inner'), f.share(x.share_by_zone?.['outer-ring'])], [t('fact.outer'), f.share(x.share_by_zone?.elsewhere)],
    [t('fact.gaps'), t('fact.gapsValue', {n: f.count(x.n_gaps), km2: f.km2(x.open_km2)})],
    [t('fact.farthest'), f.metres(x.farthest_missing_m, true)], [t('fact.online'), f.share(x.share_effective ?? r.effective)],
    x.share_population === null || x.share_population === undefined ? null : [t('fact.population'), f.share(x.share_population)],
  ],
  'camera-density': (x, r) => [
    [t('fact.townsMet'), `${f.count(x.n_towns_met)}/${f.count(x.n_towns)}`], [t('fact.window'), f.share(x.window_share)],
    [t('fact.online'), f.value(r.effective, r.unit, state.lang)], [t('fact.missing'), t('devices', {n: f.count(x.n_missing_net)})],
    [t('fact.areaBasis'), areaBasis(r)],
  ],
  'camera-count': x => ['own', 'relayed', 'unlinked', 'unlocated'].map(name => [t(`fact.${name}`), f.count(x[`n_${name}`])]),
  'radio-site-count': x => ['outdoor', 'indoor', 'masts', 'sectors'].map(name => [t(`fact.${name}`), f.count(x[`n_${name}`])]),
  'radio-coverage': (x, r) => [
    [t('fact.radius'), f.metres(r.parameters.radius_m)], [t('fact.open'), f.km2(x.open_km2)],
    ...Object.entries(x.share_by_radius ?? {}).map(([m, s]) => [t('fact.at', {r: f.count(+m)}), f.share(s)]),
    ...Object.entries(x.share_by_operator ?? {}).map(([name, s]) => [name, f.share(s)]),
  ],
  'sensor-count': (x, r) => [
    ...Object.entries(x.by_domain ?? {}).map(([d, n]) => [t(`domain.${d}`), f.count(n)]),
    [t('online.true'), f.count(r.effective)], [t('fact.unknown'), f.count(r.n_unknown)],
  ],
  'charger-balance': x => [
    [t('fact.gini'), x.gini?.toFixed(2) ?? f.UNKNOWN], [t('fact.concentration'), f.share(x.concentration)], [t('fact.direction'), ''],
  ],
  lifecycle: x => [[t('fact.assets'), f.count(x.n_assets)], [t('fact.assumed'), f.count(x.n_assumed)]],
};

const some = (name, n) => (n ? [t(`fact.${name}`), f.count(n)] : null);

/** Of the clauses that a planner added, by their kind. */
const FACTS_OF_KIND = {
  service: (x, r) => [
    [t('fact.gaps'), t('fact.gapsValue', {n: f.count(x.n_gaps), km2: f.km2(x.open_km2)})],
    [t('fact.farthest'), f.metres(x.farthest_missing_m, true)], [t('fact.online'), f.share(r.effective)], some('undecided', x.n_undecided),
  ],
  density: (x, r) => [
    [t('fact.townsMet'), `${f.count(x.n_towns_met)}/${f.count(x.n_towns)}`], [t('fact.online'), f.value(r.effective, r.unit, state.lang)],
    [t('fact.missing'), t('devices', {n: f.count(x.n_missing_net)})], [t('fact.areaBasis'), areaBasis(r)],
    some('undecided', x.n_doubtful?.unknown_field), some('unlocated', x.n_unlocated),
  ],
  count: (x, r) => [
    [t('fact.online'), f.count(r.effective)], some('unknown', r.n_unknown), some('undecided', x.n_undecided), some('unlocated', x.n_unlocated),
  ],
  share: (x, r) => [
    [t('fact.assets'), f.count(x.n)], [t('fact.having'), f.count(x.n_having)], some('lacking', x.n_lacking),
    some('unknown', r.n_unknown), some('undecided', x.n_undecided), some('unlocated', x.n_unlocated),
  ],
};

/** [[label, figure], …] of a result; told in sum only, without what is withheld. */
export function facts(r) {
  const found = ((FACTS[r.rule] ?? FACTS_OF_KIND[r.kind])?.(r.facts ?? {}, r) ?? []).filter(Boolean);
  return r.rounded ? found.filter(([, figure]) => figure !== f.UNKNOWN) : found;
}

function areaBasis(r) {
  const {area_km2: drawn, area_km2_published: published} = r;
  if (!drawn) return f.UNKNOWN;
  const differ = published && Math.abs(drawn - published) / published > 0.001;
  return differ ? t('fact.areaBoth', {drawn: f.km2(drawn), published: f.km2(published)}) : t('fact.areaDrawn', {drawn: f.km2(drawn)});
}

/** The town whose value the figure is, where it is the worst town's; else "". */
export function townOf(r) {
  if (r.rule !== 'charger-balance' || r.value === null) return '';
  return (state.lang === 'zh' ? r.facts?.worst_name : r.facts?.worst_name_en || r.facts?.worst_name) || '';
}

/** The row's figure: like the headline, with its town's name. */
export const rowFigure = r => [townOf(r), headline(r)].filter(Boolean).join(' ');
