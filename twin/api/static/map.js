// The deck: made once from the server's JSON, then told what changed. Says when everything has been drawn.

import {functions} from './catalogue.js';
import {byId} from './dom.js';
import {Problem} from './api.js';
import {change, chosenArea, on, state} from './state.js';
import {tooltip} from './tooltip.js';
import {drawScale, fitted, fittedBox, keepInHash, lastHash, viewInHash} from './view.js';
import {t} from './words.js';

let spec, deckNow, frame = 0, settleTimer = 0;

/** Makes the map. `onAsk(lnglat, picked)` is called for every click. */
export function makeMap(json, onAsk) {
  if (!document.createElement('canvas').getContext('webgl2')) throw new Problem(t('noWebgl'), {final: true});
  spec = json;
  const start = {...spec.initialViewState, ...(viewInHash() ?? fitted(chosenArea(), byId('map')))};
  spec.initialViewState = start;
  change({zoom: start.zoom});
  setVisible();
  deckNow = createDeck({
    container: byId('map'), jsonInput: spec, tooltip: false,
    configuration: {
      functions,
      postProcessConvertedJson: props => ({
        ...props, getTooltip: tooltip, pickingRadius: 4, onClick: info => onAsk(info.coordinate, info),
        // A software renderer needs longer than the default 250 ms between press and pick.
        eventRecognizerOptions: {click: {time: 5000}, dblclick: {time: 5000}},
        onViewStateChange: ({viewState}) => moved(viewState), onLoad: loaded, onAfterRender: drawn, onResize: () => settle(),
        onError: error => change({failure: new Problem(t('mapError', {detail: error.message}))}),
        getCursor: ({isDragging}) => (isDragging ? 'grabbing' : 'crosshair'),
      }),
    },
  });
  window.addEventListener('hashchange', () => { if (location.hash !== lastHash && viewInHash()) goTo(viewInHash(), false); });
  on(['results', 'cells', 'rows', 'gaps', 'areas', 'asked', 'tried', 'trial', 'hidden', 'lang', 'zoom', 'viewport', 'rule', 'area', 'unit', 'edition'], push);
}

function loaded() {
  const canvas = byId('map').querySelector('canvas');
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-describedby', 'sentence');
  const say = () => canvas.setAttribute('aria-label', t('map'));
  say();
  on(['lang'], say);
  canvas.addEventListener('keydown', e => {
    if (e.key === 'Enter') document.dispatchEvent(new CustomEvent('ask', {detail: centre()}));
  });
  settle();
}

/** The place in the middle of the map. */
export function centre() {
  const v = deckNow.getViewports()[0];
  return [v.longitude, v.latitude];
}

function moved(view) {
  keepInHash(view);
  if (Math.abs(view.zoom - state.zoom) > 0.01) change({zoom: view.zoom});
  settle();
}

/** Labels and the scale bar follow once the map rests. */
function settle(wait = 120) {
  clearTimeout(settleTimer);
  settleTimer = setTimeout(() => {
    const viewport = deckNow.getViewports()[0];
    if (!viewport) return settle();
    change({viewport, zoom: viewport.zoom});
    drawScale();
  }, wait);
}

/** Shows an area, or a view. */
export function goTo(view, smooth = true) {
  if (!deckNow) return;
  const {minZoom, maxZoom, maxPitch} = spec.initialViewState;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches || !smooth;
  deckNow.setProps({initialViewState: {...view, minZoom, maxZoom, maxPitch, transitionDuration: calm ? 0 : 400}});
  moved({pitch: 0, bearing: 0, ...view});
}

export const showArea = area => goTo(fitted(area, byId('map')));

/** Brings a place and the stations nearest to it into the part of the map that the drawer leaves free. */
export function showPlace(lnglat, others) {
  const map = byId('map'), wide = map.clientWidth > 700;
  const all = [lnglat, ...others], xs = all.map(p => p[0]), ys = all.map(p => p[1]);
  const box = [Math.min(...xs) - 0.004, Math.min(...ys) - 0.004, Math.max(...xs) + 0.004, Math.max(...ys) + 0.004];
  goTo(fittedBox(box, map, wide ? 400 : 24, 14));
}

/** Whether a place is on the map and not under the drawer. */
export function isInSight(lnglat) {
  const viewport = deckNow?.getViewports()[0];
  if (!viewport) return true;
  const [x, y] = viewport.project(lnglat), free = viewport.width - (viewport.width > 700 ? 384 : 0);
  return x > 0 && y > 0 && x < free && y < viewport.height;
}

/** Hands deck.gl the layers anew, once a frame. It compares data by identity, so only what changed costs. */
function push() {
  delete document.documentElement.dataset.ready;
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    setVisible();
    updateDeck({layers: spec.layers.map(l => ({...l}))}, deckNow);
  });
}

function setVisible() {
  for (const layer of spec.layers) {
    const near = state.zoom >= (layer.fromZoom ?? 0) && state.zoom < (layer.toZoom ?? 99);
    if (layer['@@type'] === 'TileLayer') layer.data = `tiles/${layer.id}/{z}/{x}/{y}.geojson${state.asOf ? `?as_of=${state.asOf}` : ''}#${state.edition}`;
    layer.visible = near && !(layer.toggle && state.hidden.has(layer.toggle));
  }
}

/** `data-ready` on the root element: nothing is being fetched, and every layer has been drawn with what it has. */
function drawn() {
  const root = document.documentElement;
  if (root.dataset.ready || frame || state.loading || !state.viewport || !deckNow?.layerManager) return;
  const layers = deckNow.layerManager.getLayers();
  if (layers.length >= spec.layers.length && layers.every(l => l.isLoaded)) root.dataset.ready = '1';
}

/** Draws once more, so that readiness is looked at again. */
export const redraw = () => deckNow?.redraw('state');
export const currentDeck = () => deckNow;
