// Where the map looks: fitted to an area, kept in the address (#zoom/lat/lng/pitch/bearing), told by a scale bar.

import {bounds} from './geometry.js';
import {state} from './state.js';
import {byId} from './dom.js';

const MERCATOR_M = 78271.517;
const RAD = Math.PI / 180;
const BARS = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

let pending = null;
/** The address as last read or written here: any other is somebody's wish, not to be written over. */
export let lastHash = '';

/** The view in the address, or null. */
export function viewInHash() {
  lastHash = location.hash;
  const parts = location.hash.slice(1).split('/').map(Number);
  if (parts.length !== 5 || !parts.every(Number.isFinite)) return null;
  const [zoom, latitude, longitude, pitch, bearing] = parts;
  return {zoom, latitude, longitude, pitch, bearing};
}

/** Writes the view into the address once it rests. */
export function keepInHash(view) {
  clearTimeout(pending);
  pending = setTimeout(() => {
    if (location.hash !== lastHash) return;
    const {zoom, latitude, longitude, pitch = 0, bearing = 0} = view;
    lastHash = `#${zoom.toFixed(2)}/${latitude.toFixed(5)}/${longitude.toFixed(5)}/${pitch.toFixed(0)}/${bearing.toFixed(0)}`;
    history.replaceState(null, '', lastHash);
  }, 250);
}

const mercatorY = lat => Math.log(Math.tan(Math.PI / 4 + (lat * RAD) / 2)) / RAD;

/** The view that shows a whole area inside an element, with room for what lies on the map. */
export function fitted(area, element) {
  return fittedBox(bounds(area.geometry), element);
}

/** The same for a box in degrees; `right` pixels are covered at the right, `most` is the zoom not to pass. */
export function fittedBox([west, south, east, north], {clientWidth: width, clientHeight: height}, right = 24, most = 15) {
  const margin = {left: width > 900 ? 96 : 20, right, top: 24, bottom: width > 900 ? 24 : 84};
  const across = Math.max(40, width - margin.left - margin.right), down = Math.max(40, height - margin.top - margin.bottom);
  const needed = Math.min(across / (east - west), down / (mercatorY(north) - mercatorY(south)));
  const scale = Math.min(needed, (512 * 2 ** most) / 360);
  const shift = [(margin.left - margin.right) / 2 / scale, (margin.top - margin.bottom) / 2 / scale];
  const y = (mercatorY(north) + mercatorY(south)) / 2 + shift[1];
  return {
    zoom: Math.log2((scale * 360) / 512), longitude: (west + east) / 2 - shift[0],
    latitude: (2 * Math.atan(Math.exp(y * RAD)) - Math.PI / 2) / RAD, pitch: 0, bearing: 0,
  };
}

/** Draws the scale bar for the middle of the map. */
export function drawScale() {
  const {viewport} = state;
  if (!viewport) return;
  const metresPerPixel = (MERCATOR_M * Math.cos(viewport.latitude * RAD)) / 2 ** viewport.zoom;
  const length = BARS.findLast(b => b / metresPerPixel <= 110) ?? BARS[0];
  const [bar, label] = byId('scale').children;
  bar.style.width = `${Math.round(length / metresPerPixel)}px`;
  label.textContent = length < 1000 ? `${length} m` : `${length / 1000} km`;
}
