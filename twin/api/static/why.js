// 为什么: one sentence on why a place is (not) served, its clause, the nearest stations, and a station to try there.

import * as api from './api.js';
import {clauseName} from './cards.js';
import {el} from './dom.js';
import * as f from './format.js';
import {octant, roughMetres} from './geometry.js';
import {markOf, markPicture} from './marks.js';
import {isByTown} from './shown.js';
import {change, chosenResult, isBeyondData, kindOf, resultOf, state} from './state.js';
import {zoneAt} from './tooltip.js';
import {t} from './words.js';

const EXPLAINED = ['service', 'density'];
const rulesBehind = {'charger-balance': 'charger-service'};
let asked = 0;

/** Asks the server about a place and opens the drawer with the answer. */
export async function ask(lnglat, gap = null) {
  const mine = ++asked, rule = rulesBehind[state.rule] ?? state.rule;
  if (!EXPLAINED.includes(kindOf(rule)) || chosenResult()?.status === 'no-data' || isByTown()) {
    change({asked: {lnglat, gap, silent: true}, drawer: 'why'});
    return;
  }
  change({asked: {lnglat, gap, waiting: true}, drawer: 'why'});
  try {
    const answer = await api.at(rule, lnglat[0], lnglat[1]);
    if (mine === asked) change({asked: {lnglat, gap, answer, rule}});
  } catch (problem) {
    if (mine === asked) change({asked: {lnglat, gap, problem}});
  }
}

/** Asks anew about the place that is shown, after something was recorded. */
export async function askAgain() {
  const {answer, waiting, ...place} = state.asked ?? {};
  if (!answer) return;
  const mine = ++asked, found = await api.at(place.rule, ...place.lnglat).catch(() => null);
  if (found && mine === asked) change({asked: {...place, answer: found}});
}

/** The contents of the drawer's first tab. */
export function whyPanel(actions) {
  const {asked: now} = state;
  if (!now) return [el('p.note', {}, t('whyHint'))];
  const place = el('p.note', {}, t('place', {lng: now.lnglat[0].toFixed(5), lat: now.lnglat[1].toFixed(5)}));
  if (now.silent) return [el('p.why', {}, t(isByTown() ? 'byTown.why' : 'noPlace')), place];
  if (now.waiting) return [el('p.note', {}, t('loading')), place];
  if (now.problem) return [el('p.why', {}, t('failed', {what: t('why'), detail: now.problem.message})), place];
  const {answer} = now;
  // The deepest point of a gap may lie on the border itself, of the area or of the data.
  if (!now.gap && (!answer.inside || isBeyondData(now.lnglat))) return [el('p.why', {}, t('outsideData')), place];
  return [
    gapTitle(now.gap), el('p.why', {id: 'why-sentence'}, sentence(now)), byTrial(now), reasons(now), quote(),
    near(answer, now.rule), tryButton(now, actions), place,
  ];
}

function gapTitle(gap) {
  if (!gap) return null;
  const p = gap.properties;
  const towns = p.areas.slice(0, 3).map(townName).join(state.lang === 'zh' ? '、' : ', ');
  const parts = [t('gap.title', {k: p.rank}), f.km2(p.area_km2), towns];
  if (p.missing_m) parts.push(t('gap.deepest', {m: f.metres(p.missing_m, true)}));
  if (p.n_missing) parts.push(t('gap.missing', {n: f.count(p.n_missing)}));
  if (p.demand) parts.push(t('gap.demand', {people: f.people(p.demand, state.lang)}));
  return el('p.gap-title', {}, parts.filter(Boolean).join(' · '));
}

/** A town's name in the page's language, by its code. */
export function townName({code, name}) {
  const known = state.areas.find(a => a.properties.code === code);
  return state.lang === 'en' ? known?.properties.name_en || name : name;
}

/** The sentence of DESIGN.md, for service and for density. */
export function sentence({answer, rule}) {
  if (kindOf(rule) === 'density') return densitySentence(answer);
  const counted = answer.nearest.find(n => n.counts), radio = rule === 'radio-coverage', own = !radio && rule !== 'charger-service';
  const zone = own ? answer.zone_name : t(`zone.${answer.zone}`), limit = f.count(answer.limit_m);
  if (!counted) return t(own ? 'placeUnservedNone' : 'unservedNone', {zone, limit});
  const values = {
    zone, limit, name: counted.name || t('unnamed'), bearing: t('bearings').split(',')[octant(counted.bearing_deg)],
    d: f.metres(counted.distance_m, !answer.served), m: f.metres(Math.ceil(counted.distance_m) - answer.limit_m, true),
  };
  if (radio) return t(answer.served ? 'radioServed' : 'radioUnserved', values);
  if (own) return t(answer.served ? 'placeServed' : 'placeUnserved', values);
  return t(answer.served ? 'served' : 'unserved', values);
}

function densitySentence(answer) {
  const target = f.count(answer.target), km2 = f.km2(answer.window_km2), n = f.count(answer.n);
  if (answer.value === null) return t('densityNone', {km2});
  return t(answer.served ? 'densityMeets' : 'densityFails', {n, km2, value: f.density(answer.value), target});
}

/** Whether a station that is only tried would serve the place. */
function byTrial({lnglat, answer, rule}) {
  if (rule !== 'charger-service' || answer.served) return null;
  const reach = state.tried.map((p, i) => [i + 1, roughMetres(lnglat, [p.lng, p.lat])]).filter(([, d]) => d <= answer.limit_m);
  if (!reach.length) return null;
  const [k, d] = reach.sort((a, b) => a[1] - b[1])[0];
  return el('p.by-trial', {}, t(d < 10 ? 'servedByTrialHere' : 'servedByTrial', {k, d: f.metres(d)}));
}

function quote() {
  const {clause} = chosenResult();
  const words = state.lang === 'en' ? clause.quote_en : clause.quote;
  return el('p.clause', {}, el('b', {}, clauseName(clause)), el('q', {lang: state.lang}, words));
}

/** Why this limit holds here, and how many reach the place. */
function reasons({answer, rule}) {
  if (kindOf(rule) !== 'service') return null;
  const reach = {'charger-service': 'inReach', 'radio-coverage': 'inReachRadio'}[rule] ?? 'inReachOwn';
  return el('ul.reasons', {},
    answer.zone_reason && el('li', {}, t('limitReason', {reason: answer.zone_reason})), el('li', {}, t(reach, {n: f.count(answer.n)})));
}

function near(answer, rule) {
  if (!answer.nearest.length) return null;
  const [layer] = resultOf(rule).layers, {palette} = state.settings;
  const stateOf = n => n.lifecycle && [markPicture(markOf(layer, n.lifecycle, true), palette, 12), t(`state.${n.lifecycle}`), ' · '];
  const items = answer.nearest.map(n => el('li', {'data-asset': n.key},
    el('b', {}, n.name || t('unnamed')), el('span', {}, f.metres(n.distance_m, !answer.served)),
    el('em', {}, stateOf(n), n.reason, n.network_m && ` · ${t('alongStreets', {m: f.metres(n.network_m, !answer.served)})}`)));
  return [el('h3', {}, t('nearest')), el('ul.near', {}, items)];
}

function tryButton(now, actions) {
  if (now.rule !== 'charger-service') return null;
  return el('button.try', {type: 'button', 'data-key': 'try', onclick: () => actions.tryHere(now.lnglat)}, t('tryHere'));
}

/** The reach of a station tried at a place, by the zone it stands in: what is drawn round its pin. */
export const reachAt = lnglat => zoneAt(lnglat).limit;
