// Pins of stations tried, dragged on the map. The map itself must not see the gesture, or it would pan.

import {byId} from './dom.js';
import {currentDeck} from './map.js';
import {state} from './state.js';
import {move} from './trial.js';

const REACH = {across: 18, above: 34, below: 8}; // pixels round a pin's tip that take hold of it
const STILL = 4; // a press that moves less is a click

export function startPins(actions) {
  const map = byId('map');
  map.addEventListener('pointerdown', event => grab(event, map, actions), true);
  map.addEventListener('pointermove', event => map.classList.toggle('over-pin', Boolean(pinAt(event))));
}

/** The pin under a pointer, the last placed first, and how far its tip is from there. */
function pinAt({clientX, clientY}) {
  const viewport = state.tried.length ? currentDeck()?.getViewports()[0] : null;
  if (!viewport) return null;
  const {left, top} = byId('map').getBoundingClientRect();
  const [px, py] = [clientX - left, clientY - top];
  for (const pin of state.tried.toReversed()) {
    const [x, y] = viewport.project([pin.lng, pin.lat]);
    if (Math.abs(px - x) <= REACH.across && py >= y - REACH.above && py <= y + REACH.below) return {pin, dx: x - px, dy: y - py};
  }
  return null;
}

function grab(down, map, actions) {
  const found = down.button === 0 ? pinAt(down) : null;
  if (!found) return;
  down.stopPropagation();
  down.preventDefault();
  map.setPointerCapture(down.pointerId);
  const listening = new AbortController();
  let moved = false;
  const listen = (kind, act) => map.addEventListener(kind, event => { event.stopPropagation(); act(event); }, {capture: true, signal: listening.signal});
  const follow = event => {
    moved ||= Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) >= STILL;
    if (moved) move(found.pin.key, placeUnder(event, found));
  };
  const release = event => {
    listening.abort();
    if (event.type === 'pointerup' && !moved) actions.ask([found.pin.lng, found.pin.lat]);
  };
  listen('pointermove', follow);
  listen('pointerup', release);
  listen('pointercancel', release);
}

function placeUnder({clientX, clientY}, {dx, dy}) {
  const {left, top} = byId('map').getBoundingClientRect();
  return currentDeck().getViewports()[0].unproject([clientX - left + dx, clientY - top + dy]);
}
