// Stations tried on the map: nothing is saved. Several add up; the chip says what they change.

import * as api from './api.js';
import {byId, el, refill} from './dom.js';
import * as f from './format.js';
import {change, on, state} from './state.js';
import {reachAt} from './why.js';
import {t} from './words.js';

const RULE = 'charger-service';
let number = 0;

/** Adds a station at a place and asks what it changes. */
export function tryHere([lng, lat]) {
  number += 1;
  change({tried: [...state.tried, {key: `try-${number}`, lng, lat, reach: reachAt([lng, lat])}]});
  return judge();
}

export function undo() {
  change({tried: state.tried.slice(0, -1)});
  return judge();
}

export function undoAll() {
  change({tried: [], trial: null});
}

/** Judges all tried stations together; the answer to an older question is dropped. */
export async function judge() {
  const {tried} = state;
  if (!tried.length) return change({trial: null});
  change({trial: {...state.trial, waiting: true, problem: null}});
  try {
    const changes = tried.map(({key, lng, lat}) => ({op: 'add', layer: 'chargers', key, after: {lng, lat}}));
    const answer = await api.tryChanges(RULE, changes);
    if (tried === state.tried) change({trial: answer});
  } catch (problem) {
    if (tried === state.tried) change({trial: {problem}});
  }
}

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
  refill(box, el('b', {id: 'trial-chip'}, chip(trial)),
    el('button', {type: 'button', 'data-key': 'undo', onclick: undo}, t('undo')),
    tried.length > 1 && el('button', {type: 'button', 'data-key': 'undo-all', onclick: undoAll}, t('undoAll')));
}

function chip(trial) {
  if (trial?.problem) return t('failed', {what: t('scenario'), detail: trial.problem.message});
  if (!trial || trial.waiting) return t('trying');
  return t('scenarioChip', {
    before: f.share(trial.baseline.share), after: f.share(trial.share), pp: f.points(trial.share - trial.baseline.share, state.lang),
  });
}
