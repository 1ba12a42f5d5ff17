// Asking the server. Every answer is either data or a Problem that says what to do next.

import {kindOf, state} from './state.js';

/** An error as the server words it (RFC 9457), or a lost connection. */
export class Problem extends Error {
  constructor(detail, {lost = false, id = null, cancelled = false, final = false, refused = false} = {}) {
    super(detail);
    Object.assign(this, {lost, id, cancelled, final, refused});
  }
}

export async function ask(path, {signal, ...options} = {}) {
  let answer;
  try {
    answer = await fetch(path, {...options, signal, headers: {'accept-language': state.lang, ...ours(options.method), ...options.headers}});
  } catch (error) {
    throw cutOff(error);
  }
  if (answer.status === 401) document.dispatchEvent(new CustomEvent('signed-out'));
  const data = answer.status === 204 ? null : await answer.json().catch(error => {
    if (answer.ok) throw cutOff(error);
    return null;
  });
  if (!answer.ok) {
    const id = data?.request_id ?? answer.headers.get('x-request-id');
    throw new Problem(data?.detail ?? `HTTP ${answer.status}`, {id, refused: answer.status === 403});
  }
  return data;
}

const cutOff = ({name, message}) => new Problem(message, {lost: name !== 'AbortError', cancelled: name === 'AbortError'});

/** What shows that a change comes from this page. */
const ours = method => (method && state.session?.csrf ? {'x-csrf-token': state.session.csrf} : {});

/** The parts of a question that every coverage route takes, and more. */
export function query(more = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({area: state.area, as_of: state.asOf, ...more})) {
    if (value !== null && value !== undefined) asked.set(name, value);
  }
  const text = asked.toString();
  return text ? `?${text}` : '';
}

const spatialUnit = () => (kindOf(state.rule) === 'density' ? {spatial_unit: state.unit} : {});

/** Of the hexes that the map shows. */
export const RESOLUTION = 9;

export const deck = () => ask('map/deck.json');
export const results = signal => ask(`coverage${query()}`, {signal});
export const cells = (rule, signal) => ask(`coverage/${rule}/cells${query({resolution: RESOLUTION, f: 'json', ...spatialUnit()})}`, {signal});
export const gaps = (rule, signal) => ask(`coverage/${rule}/gaps${query()}`, {signal});
export const rows = (rule, signal) => ask(`coverage/${rule}/areas${query({level: 'town'})}`, {signal});
export const readings = (rule, signal) => ask(`coverage/${rule}/readings${query()}`, {signal});
export const at = (rule, lng, lat) => ask(`coverage/${rule}/at${query({lng, lat})}`);

/** What is said of every layer: its quality, among others. */
export const collections = signal => ask(`collections${query({area: null})}`, {signal});

/** Every area with its outline; follows `next` links. */
export async function areas() {
  const found = [];
  let path = `collections/areas/items${query({area: null, as_of: null, limit: 1000, ...(state.asOf && {as_of: state.asOf})})}`;
  while (path) {
    const page = await ask(path);
    found.push(...page.features);
    const next = page.links?.find(l => l.rel === 'next')?.href;
    path = next ? `collections/areas/items${new URL(next).search}` : null;
  }
  return found;
}

/** The rule with changes tried and not saved, the hexes that they alter and the gaps that remain. */
export function tryChanges(rule, changes) {
  const body = {changes, resolution: RESOLUTION, ...(state.area && {area: state.area}), ...(state.asOf && {as_of: state.asOf})};
  return ask(`coverage/${rule}`, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
}
