// The switches of the map's layers, folded away until wanted, and the ways into the tables.

import {byId, el, refill} from './dom.js';
import * as f from './format.js';
import {markOf, markPicture} from './marks.js';
import {isByTown} from './shown.js';
import {change, kindOf, on, state} from './state.js';
import {t} from './words.js';

const DRAWN = ['cells', 'gaps', 'towns', 'ring', 'cbd', 'context', 'labels'];
const ASSETS = ['chargers', 'radio_sites', 'cameras', 'sensors'];
let open = false;

export function startSwitches(actions) {
  on(['hidden', 'lang', 'settings', 'rule', 'drawer', 'quality', 'results'], () => draw(actions));
}

function draw(actions) {
  if (!state.settings) return;
  const box = byId('switches');
  refill(box,
    el('div.buttons', {},
      (isByTown() ? ['towns'] : ['towns', 'gaps']).map(tableButton),
      el('button', {type: 'button', 'data-key': 'layers', 'aria-expanded': String(open), 'aria-controls': 'layer-list', onclick: () => fold(actions)},
        t('layers')),
      el('button', {type: 'button', 'data-key': 'import', onclick: actions.importFile}, t('import'))),
    el('div.list', {id: 'layer-list', hidden: !open},
      drawn().map(name => toggle(name, t(name === 'cells' && isByTown() ? 'switch.values' : `switch.${name}`))), el('hr'),
      ASSETS.map(name => toggle(name, t(`layer.${name}`), markPicture(markOf(name, 'operating', true), state.settings.palette), badge(name))),
      toggle('retired', t('switch.retired'), markPicture(markOf('chargers', 'retired', true), state.settings.palette)),
      el('p.note', {}, t('fromZoom'))));
}

const drawn = () => (isByTown() ? DRAWN.filter(name => name !== 'gaps') : DRAWN);

function tableButton(name) {
  const pressed = state.drawer === name;
  return el('button',
    {type: 'button', 'data-key': `open-${name}`, 'aria-pressed': String(pressed), onclick: () => change({drawer: pressed ? null : name})},
    t(name === 'gaps' && kindOf(state.rule) === 'density' ? 'densityGaps' : name));
}

function fold(actions) {
  open = !open;
  draw(actions);
}

function toggle(name, words, picture = null, more = null) {
  const id = `show-${name}`, checked = !state.hidden.has(name);
  const box = el('input', {type: 'checkbox', id, 'data-key': id, checked, onchange: e => show(name, e.target.checked)});
  return el('label', {}, box, picture, words, more);
}

/** The quality of a layer's data by sign, score and tint; each of its parts in the tooltip. */
function badge(name) {
  const quality = state.quality[name];
  if (!quality) return null;
  const parts = quality.components.map(c => t(c.passed === null ? 'quality.none' : `quality.${c.passed}`,
    {title: c[state.lang], share: f.share(c.share), threshold: f.share(c.threshold), rule: c.rule[state.lang]}));
  const kind = quality.failing ? 'unmet' : 'met', sign = quality.failing ? '▲' : '●';
  return el(`span.chip.${kind}.quality`, {title: [t('quality.note'), ...parts].join('\n')}, `${sign} ${t('quality', {score: f.share(quality.score)})}`);
}

function show(name, shown) {
  const hidden = new Set(state.hidden);
  if (shown) hidden.delete(name);
  else hidden.add(name);
  change({hidden});
}
