// Puts the page together: who draws what, and what each control does.

import * as api from './api.js';
import {startCards} from './cards.js';
import {startDrawer} from './drawer.js';
import {keepInAddress, keepLanguage, readAddress, startFrame} from './frame.js';
import {chooseFile, startImporting} from './importing.js';
import {startLegend} from './legend.js';
import {refresh, startLive} from './live.js';
import {cancel, hideOtherAssets, loadAll, loadRule} from './load.js';
import {currentDeck, isInSight, makeMap, redraw, showArea, showPlace} from './map.js';
import {startPins} from './pins.js';
import {showQuote} from './quote.js';
import {showReadings} from './readings.js';
import {change, chosenArea, on, state} from './state.js';
import {startSignin} from './signin.js';
import {startSwitches} from './switches.js';
import {judge, startTrial, tryHere} from './trial.js';
import {ask} from './why.js';

const actions = {
  choose(rule) {
    if (rule === state.rule) return;
    const before = chosenArea();
    const drawer = state.drawer === 'why' ? null : state.drawer;
    change({rule, asked: null, cells: null, gaps: null, rows: null, hidden: hideOtherAssets(rule), drawer});
    keepInAddress();
    if (chosenArea() && chosenArea() !== before) showArea(chosenArea());
    return loadRule();
  },
  chooseUnit(unit) {
    change({unit});
    keepInAddress();
    return loadRule();
  },
  async chooseArea(area) {
    change({area, asked: null, worst: null, trial: null});
    keepInAddress();
    if (chosenArea()) showArea(chosenArea());
    await loadAll();
    judge();
  },
  async chooseDate(asOf) {
    change({asOf, asked: null, worst: null, trial: null});
    keepInAddress();
    await loadAll();
    judge();
  },
  speak(lang) {
    change({lang});
    keepLanguage();
    keepInAddress();
    if (state.asked?.answer) ask(state.asked.lnglat, state.asked.gap);
  },
  askGap(gap) {
    const {deepest_lnglat: place} = gap.properties;
    ask(place, gap).then(() => lookAt(place));
  },
  showTown(code) {
    const town = state.areas.find(a => a.properties.code === code);
    if (town) showArea(town);
  },
  closeDrawer: () => change({drawer: null, asked: null}),
  ask,
  quote: showQuote,
  compare: showReadings,
  importFile: chooseFile,
  tryHere, cancel, refresh,
  retry: () => (state.results.length && currentDeck() ? loadAll() : begin()),
};

/** Shows a place with the stations named in the answer about it. */
function lookAt(lnglat) {
  const near = state.asked?.answer?.nearest ?? [];
  if (state.asked) showPlace(lnglat, near.map(n => [n.lng, n.lat]));
}

/** A click on the map: a numbered gap, else the place itself. */
function onAsk(lnglat, picked) {
  if (picked.layer?.id === 'gap-marks' && picked.object) return actions.askGap(picked.object.gap);
  if (lnglat) ask(lnglat).then(() => { if (!isInSight(lnglat)) lookAt(lnglat); });
}

/** Whose role is good for some areas only begins in the first of them: beyond there are but sums. A district is where all begin. */
async function openOnOwnArea() {
  const codes = state.session?.areas ?? [];
  if (!codes.length || state.area) return;
  const areas = await api.areas(), own = codes.map(code => areas.find(a => a.properties.code === code)).filter(Boolean);
  if (own.length && own.every(a => a.properties.level !== 'district')) change({area: own[0].properties.code});
}

async function begin() {
  try {
    const [{deck, settings}] = await Promise.all([api.deck(), signedIn.then(openOnOwnArea).then(() => loadAll())]);
    change({settings});
    if (chosenArea()) makeMap(deck, onAsk);
  } catch (failure) {
    change({failure, loading: false});
  }
}

readAddress();
for (const start of [startFrame, startCards, startLegend, startDrawer, startSwitches, startTrial, startPins, startImporting, startLive]) start(actions);
const signedIn = startSignin();
on(['loading'], redraw);
document.addEventListener('ask', e => ask(e.detail));
begin();
window.twin = {state, actions, get deck() { return currentDeck(); }};
