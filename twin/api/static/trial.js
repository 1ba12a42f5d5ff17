// Stations tried on the map: nothing is saved. Several add up; the chip says what they change, hexes and gaps follow.

import * as api from './api.js';
import {byId, el, refill} from './dom.js';
import * as f from './format.js';
import {change, on, state} from './state.js';
import {reachAt} from './why.js';
import {t} from './words.js';

const RULE = 'charger-service';
let number = 0, running = null;

/** Adds a station at a place and asks what it changes. */
export function tryHere([lng, lat]) {
  number += 1;
  change({tried: [...state.tried, {key: `try-${number}`, lng, lat, reach: reachAt([lng, lat])}]});
  return judge();
}

/** Moves a tried station; called again and again while it is dragged. */
export function move(key, [lng, lat]) {
  change({tried: state.tried.map(p => (p.key === key ? {...p, lng, lat, reach: reachAt([lng, lat])} : p))});
  return judge();
}

export function undo() {
  change({tried: state.tried.slice(0, -1)});
  return judge();
}

export function undoAll() {
  change({tried: [], trial: null});
}

/** Judges all tried stations together. One question at a time: what was wished for meanwhile, only the last is asked. */
export function judge() {
  if (!state.tried.length) change({trial: null});
  else change({trial: {...state.trial, waiting: true, problem: null}});
  running ??= askUntilAnswered().finally(() => { running = null; });
  return running;
}

const question = () => [state.tried, state.area, state.asOf];
const keysOf = tried => tried.map(p => p.key).join();
const isStill = ([tried, area, asOf]) => tried === state.tried && area === state.area && asOf === state.asOf;

async function askUntilAnswered() {
  for (let asked = null; state.tried.length && !(asked && isStill(asked));) {
    asked = question();
    const [tried, area, asOf] = asked;
    const answer = await api.tryChanges(RULE, tried.map(added)).catch(problem => ({problem}));
    // An older answer is shown meanwhile if it is of the same stations, only moved.
    const isOfThese = keysOf(state.tried) === keysOf(tried) && area === state.area && asOf === state.asOf;
    if (isOfThese) change({trial: {...answer, of: keysOf(tried), waiting: !isStill(asked)}});
  }
}

const added = ({key, lng, lat}) => ({op: 'add', layer: 'chargers', key, after: {lng, lat}});

/** Draws the yellow chip and its undo. */
export function startTrial() {
  on(['tried', 'trial', 'lang'], draw);
}

function draw() {
  const box = byId('tried'), {tried, trial} = state;
  box.hidden = !tried.length;
  byId('scenario').textContent = tried.length ? t('triedNote', {n: tried.length}) : t('baseline');
  byId('scenario').classList.toggle('scenario', tried.length > 0);
  if (!tried.length) return;
  box.setAttribute('aria-busy', String(Boolean(trial?.waiting)));
  refill(box, el('b', {id: 'trial-chip'}, chip(trial)),
    el('button', {type: 'button', 'data-key': 'undo', onclick: undo}, t('undo')),
    tried.length > 1 && el('button', {type: 'button', 'data-key': 'undo-all', onclick: undoAll}, t('undoAll')));
}

function chip(trial) {
  if (trial?.problem) return t('failed', {what: t('scenario'), detail: trial.problem.message});
  if (!trial?.baseline || trial.of !== keysOf(state.tried)) return t('trying');
  return t('scenarioChip', {
    before: f.share(trial.baseline.share), after: f.share(trial.share), pp: f.points(trial.share - trial.baseline.share, state.lang),
  });
}
