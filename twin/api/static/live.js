// Hearing what was recorded, here or elsewhere: the page then shows it by itself, or offers to while something is being
// tried or another day is shown. Says when nothing can be heard.

import {loadAll} from './load.js';
import {change, on, state} from './state.js';
import {judge} from './trial.js';
import {askAgain} from './why.js';

const REST_MS = 1000, GATHER_MS = 150, LOST_MS = 5000, AGAIN_MS = 15_000, MAX_TRIES = 3;

let source = null, last = null, wanted = null, tries = 0;
let timer = 0, again = 0, lostTimer = 0, running = false, rested = 0;

/** Listens as long as the page is to be seen: a browser allows few connections. */
export function startLive() {
  document.addEventListener('visibilitychange', () => (document.hidden ? stop() : listen()));
  on(['tried', 'asOf'], () => { if (state.stale && !isHeld()) soon(); });
  on(['results'], () => { if (!running) catchUp(); });
  if (!document.hidden) listen();
}

/** Shows now what has been recorded. */
export async function refresh() {
  if (running) return;
  running = true;
  change({stale: false, edition: state.edition + 1});
  try {
    await loadAll({quiet: true});
    await Promise.all([askAgain(), judge()]);
  } finally {
    running = false;
    rested = performance.now() + REST_MS;
  }
  catchUp();
}

const isHeld = () => state.tried.length > 0 || state.asOf !== null;

/** Asks again where the answers are of another state than the last one heard of: of a worker that had not read it, say. */
function catchUp() {
  const {snapshot} = state.results[0] ?? {};
  if (!wanted || !snapshot || state.asOf || snapshot.startsWith(wanted)) tries = 0;
  else if (tries++ < MAX_TRIES) soon();
}

/** Once for all that is heard in a moment, and not twice in a second. */
function soon() {
  if (isHeld()) return change({stale: true});
  clearTimeout(timer);
  // Not all pages in the same moment.
  const wait = GATHER_MS * (1 + 2 * Math.random());
  timer = setTimeout(() => (running ? soon() : refresh()), Math.max(wait, rested - performance.now()));
}

function listen() {
  stop();
  source = new EventSource(last === null ? 'events' : `events?last_event_id=${last}`);
  source.onopen = () => {
    clearTimeout(lostTimer);
    lostTimer = 0;
    change({lost: false});
    if (state.failure?.lost) soon();
  };
  source.onerror = () => {
    lostTimer ||= setTimeout(() => change({lost: true}), LOST_MS);
    // A refusal ends it for good; a lost connection it takes up again itself.
    if (source.readyState === EventSource.CLOSED) again = setTimeout(listen, AGAIN_MS);
  };
  for (const kind of ['here', 'change', 'reset']) source.addEventListener(kind, heard);
}

function stop() {
  clearTimeout(again);
  clearTimeout(lostTimer);
  lostTimer = 0;
  source?.close();
}

function heard({type, data, lastEventId}) {
  if (lastEventId) last = lastEventId;
  wanted = JSON.parse(data).snapshot;
  tries = 0;
  if (type !== 'here') soon();
  else if (!state.loading) catchUp();
}
