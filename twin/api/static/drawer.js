// The drawer on the right, closed at first: 为什么, 街镇表, 盲区表.

import {byId, el, refill} from './dom.js';
import {isByTown} from './shown.js';
import {change, kindOf, on, state} from './state.js';
import {gapTable, townTable} from './tables.js';
import {whyPanel} from './why.js';
import {t} from './words.js';

const TABS = {why: whyPanel, towns: townTable, gaps: gapTable};

export function startDrawer(actions) {
  on(['drawer', 'asked', 'results', 'rows', 'gaps', 'lang', 'rule', 'tried', 'trial', 'areas'], () => draw(actions));
  byId('drawer').addEventListener('keydown', e => { if (e.key === 'Escape') actions.closeDrawer(); });
}

function draw(actions) {
  const drawer = byId('drawer');
  drawer.hidden = !state.drawer;
  byId('stage').classList.toggle('with-drawer', Boolean(state.drawer));
  if (!state.drawer) return drawer.replaceChildren();
  drawer.setAttribute('aria-label', t('drawer'));
  const tabs = Object.keys(TABS).filter(name => name !== 'gaps' || !isByTown()).map(name => el('button', {
    type: 'button', role: 'tab', id: `tab-${name}`, 'data-key': `tab-${name}`, 'aria-selected': String(name === state.drawer),
    'aria-controls': 'drawer-body', onclick: () => change({drawer: name}),
  }, t(name === 'gaps' && kindOf(state.rule) === 'density' ? 'densityGaps' : name)));
  const closer = el('button.close',
    {type: 'button', 'data-key': 'close', 'aria-label': t('close'), title: t('close'), onclick: actions.closeDrawer}, '×');
  refill(drawer,
    el('div.tabs', {role: 'tablist'}, tabs, closer),
    el('div.body', {id: 'drawer-body', role: 'tabpanel', 'aria-labelledby': `tab-${state.drawer}`}, TABS[state.drawer](actions)));
}
