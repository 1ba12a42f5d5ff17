// What the page shows now. One object; whoever changes it says so, whoever draws from it listens.

import {contains} from './geometry.js';

export const state = {
  lang: document.documentElement.lang.startsWith('en') ? 'en' : 'zh',
  rule: 'charger-service',
  area: null, // code; null = the clause's own scope
  asOf: null, // a day; null = now
  unit: 'window', // spatial unit of densities
  settings: null, // palette, classes
  areas: [], // features of the areas layer
  results: [], // one a clause, in the plan's order
  cells: null, // columns of the chosen rule
  gaps: null, // FeatureCollection of the chosen rule
  rows: null, // town rows of the chosen rule
  quality: {}, // of each layer, by its name
  worst: null, // the largest gap of all clauses, for the sentence
  asked: null, // {lnglat, gap, answer} the place asked about
  tried: [], // stations tried, [{key, lng, lat}]
  trial: null, // what the server says of them; `of` are their keys
  session: null, // who one is here, as the server says it
  drawer: null, // 'why' | 'towns' | 'gaps' | null
  hidden: new Set(['radio_sites', 'cameras', 'sensors', 'retired']),
  zoom: 10,
  viewport: null,
  edition: 0, // how often something was recorded from here: tiles are asked for anew
  failure: null,
  lost: false, // whether nothing can be heard of what is recorded
  stale: false, // whether something was recorded that is not shown
  loading: false,
};

const listeners = [];

/** Calls `draw` after each change of one of the named fields. */
export function on(fields, draw) {
  listeners.push([fields, draw]);
}

/** Changes the state, then lets every listener concerned draw once. */
export function change(patch) {
  const changed = Object.keys(patch).filter(k => state[k] !== patch[k]);
  Object.assign(state, patch);
  for (const [fields, draw] of listeners) if (fields.some(f => changed.includes(f))) draw();
}

/** The result of a rule, or undefined while there is none. */
export const resultOf = rule => state.results.find(r => r.rule === rule);
/** What kind of rule judges it: 'count', 'density', 'service', 'share' …; undefined while there is no result. */
export const kindOf = rule => resultOf(rule)?.kind;
export const chosenResult = () => resultOf(state.rule);

/** The feature of the area that is judged. */
export function chosenArea() {
  const code = state.area ?? chosenResult()?.area ?? '310112';
  return state.areas.find(a => a.properties.code === code);
}

/** Whether a place lies beyond what the loaded data claim to cover. */
export function isBeyondData(lnglat) {
  const extent = dataExtent();
  return Boolean(lnglat && extent && !contains(extent.geometry, lnglat));
}

export const dataExtent = () => state.areas.find(a => a.properties.code === 'data-extent');

/** Remembers the last value made from the same inputs: deck.gl loads anew whatever is not the same object. */
export function once(make) {
  let inputs = null, value;
  return (...next) => {
    if (!inputs || next.length !== inputs.length || next.some((v, i) => v !== inputs[i])) {
      inputs = next;
      value = make(...next);
    }
    return value;
  };
}
