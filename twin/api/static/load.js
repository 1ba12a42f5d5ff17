// Fetching what the page shows: all results once, then the chosen rule's hexes, gaps and towns. A new wish ends the old.

import * as api from './api.js';
import {scaleOf} from './classes.js';
import {layersOf} from './legend.js';
import {change, chosenResult, state} from './state.js';
import {verdict} from './facts.js';

let running = null;

/** Everything anew: results, then the chosen rule. `quiet`: what is shown stays until then, and nothing says that it loads. */
export async function loadAll({quiet = false} = {}) {
  const signal = start(!quiet || state.loading);
  try {
    const [{results}, areas] = await Promise.all([api.results(signal), api.areas()]);
    const isFirst = !state.results.length;
    change({results, areas, failure: unmended()});
    if (isFirst) change({hidden: hideOtherAssets(state.rule)});
    await loadRuleNow(signal);
    findWorst(signal);
    loadQuality(signal);
  } catch (error) {
    failed(error, signal);
  }
}

/** Another rule, or the same one in another spatial unit. */
export async function loadRule() {
  const signal = start();
  try {
    await loadRuleNow(signal);
  } catch (error) {
    failed(error, signal);
  }
}

/** Shows only the assets that the rule judges; whoever wants others switches them on. */
export function hideOtherAssets(rule) {
  const shown = new Set(layersOf(rule)), hidden = new Set(state.hidden);
  for (const layer of ['chargers', 'radio_sites', 'cameras', 'sensors']) {
    if (shown.has(layer)) hidden.delete(layer);
    else hidden.add(layer);
  }
  return hidden;
}

export function cancel() {
  running?.abort();
}

/** What no new answer can mend stays said. */
const unmended = () => (state.failure?.final ? state.failure : null);

function start(loading = true) {
  running?.abort();
  running = new AbortController();
  change({loading});
  return running.signal;
}

function failed(error, signal) {
  if (signal === running?.signal) change({failure: error, loading: false});
}

async function loadRuleNow(signal) {
  const result = chosenResult();
  if (!result || result.status === 'no-data') {
    change({cells: null, gaps: null, rows: null, loading: false, failure: unmended()});
    return;
  }
  const {rule, rounded} = result; // rounded: what the role is told of districts and towns is all that it may ask
  const [cells, gaps, rows] = await Promise.all([
    scaleOf(rule) && !rounded ? api.cells(rule, signal) : null, rounded ? null : api.gaps(rule, signal), api.rows(rule, signal),
  ]);
  const drawer = rounded && state.drawer === 'gaps' ? 'towns' : state.drawer;
  change({cells, gaps: gaps?.features.length ? gaps : null, rows: rows.rows, drawer, loading: false, failure: unmended()});
}

/** How good the layers' data are; the map does without where it cannot be had. */
async function loadQuality(signal) {
  const {collections} = await api.collections(signal).catch(() => ({collections: []}));
  if (!signal.aborted) change({quality: Object.fromEntries(collections.map(c => [c.id, c.quality]))});
}

/** The town that lacks most of what it should have, over all clauses that are not met and say so by town. */
async function findWorst(signal) {
  const unmet = state.results.filter(r => verdict(r) === 'unmet' && scaleOf(r.rule) !== 'count');
  const answers = await Promise.all(unmet.map(async r => [r, (await api.rows(r.rule, signal)).rows])).catch(() => []);
  if (signal.aborted) return;
  let worst = null;
  for (const [r, rows] of answers) {
    for (const row of rows) {
      if (row.met !== false || !row.shortfall || !row.target) continue;
      const lack = 1 - row.value / row.target;
      if (!worst || lack > worst.lack) worst = {lack, row, result: r};
    }
  }
  change({worst});
}
