// Asking the server about imports: a file is sent once, then asked about until it has been examined.

import {ask} from './api.js';

const POLL_MS = 300;
const json = body => ({headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
const LATER = {prefer: 'respond-async'};

/** What may be named: layers, frames, endings. */
export const choices = async () => (await ask('imports')).choices;
export const forget = id => ask(`imports/${id}`, {method: 'DELETE'});
export const confirm = (id, signed) => ask(`imports/${id}/apply`, {method: 'POST', ...json(signed)});
export const workbook = (id, lang) => `imports/${id}/report.xlsx?lang=${lang}`;

/** Sends a file; the answer has its id at once. */
export function send(file, asked, signal) {
  const body = new FormData();
  body.append('file', file, file.name);
  for (const [name, value] of Object.entries(asked)) for (const one of [value].flat()) body.append(name, one);
  return ask('imports', {method: 'POST', body, headers: LATER, signal});
}

/** Asks something else of the same file. */
export function askOtherwise(id, asked) {
  const {headers, body} = json(asked);
  return ask(`imports/${id}`, {method: 'PATCH', body, headers: {...headers, ...LATER}});
}

/** The import once it is no longer under way; `onStep` hears how far it is. */
export async function settled(id, signal, onStep) {
  for (;;) {
    const told = await ask(`imports/${id}`, {signal});
    if (!['reading', 'examining', 'applying'].includes(told.status)) return told;
    onStep(told);
    await new Promise(resolve => { setTimeout(resolve, POLL_MS); });
  }
}
