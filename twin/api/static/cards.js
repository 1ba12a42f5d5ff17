// The left column: a row for each clause in the plan's order, the chosen one opened.

import {byId, el, refill} from './dom.js';
import {bar, facts, headline, rowFigure, targetText, townOf, verdict} from './facts.js';
import * as f from './format.js';
import {gapMarks} from './drawn.js';
import {shownGaps, trialShown} from './shown.js';
import {on, state} from './state.js';
import {t} from './words.js';

const SIGNS = {met: '●', unmet: '▲', unjudged: '◇', nodata: '○', withheld: '○', direction: '–'};
/** ① for 1. */
export const circled = rank => (rank <= 20 ? String.fromCodePoint(0x245f + rank) : String(rank));

/** A verdict by sign, word and tint: never by colour alone. */
export function chip(kind) {
  return el(`span.chip.${kind}`, {}, `${SIGNS[kind]} ${t(`chip.${kind}`)}`);
}

export const clauseName = clause => (state.lang === 'zh' ? clause.title : clause.title_en);

/** Draws the column and keeps it so. `actions` are what its controls do. */
export function startCards(actions) {
  on(['results', 'rule', 'lang', 'gaps', 'failure', 'trial'], () => draw(actions));
}

function draw(actions) {
  const rows = state.results.length ? state.results.map(r => (r.rule === state.rule ? opened(r, actions) : row(r, actions))) : waiting();
  refill(byId('cards'), rows);
}

function waiting() {
  return Array.from({length: 11}, () => el('div.row.waiting', {'aria-hidden': 'true'}));
}

function row(r, actions) {
  const {rule} = r;
  return el('button.row',
    {type: 'button', 'data-key': rule, 'data-rule': rule, 'aria-expanded': 'false', onclick: () => actions.choose(rule)},
    el('span.title', {}, clauseName(r.clause)), el('span.figure', {}, rowFigure(r)), chip(verdict(r)));
}

function opened(r, actions) {
  const isModel = r.labels.some(l => l.id === 'model');
  const link = (name, act) => el('button.link', {type: 'button', 'data-key': `${name}-${r.rule}`, onclick: () => act(r)}, t(name));
  return el('article.card', {'data-rule': r.rule, 'aria-current': 'true'},
    el('button.head', {type: 'button', 'data-key': r.rule, 'aria-expanded': 'true', onclick: () => actions.choose(r.rule)},
      el('span.title', {}, clauseName(r.clause)), isModel && el('span.chip.open', {}, t('chip.model')), chip(verdict(r))),
    el('p.headline', {}, el('strong', {}, bigFigure(r)), el('span', {}, goal(r))),
    r.status === 'no-data' ? missing(r, actions) : [barOf(r), el('ul.facts', {}, facts(r).map(fact)), gapButtons(actions)],
    el('p.reading', {}, el('span', {}, reading(r)), !r.reason && !r.rounded && link('compare', actions.compare), link('quote', actions.quote)));
}

/** The figure large, its town and its unit small. */
function bigFigure(r) {
  const said = headline(r), town = townOf(r), [, figure, unit] = said.match(/^(.*?[\d—])( [^\d]*)?$/) ?? [null, said, ''];
  return [town && el('small', {}, `${town} `), figure, unit && el('small', {}, unit)];
}

function goal(r) {
  const target = targetText(r), strength = t(`strength.${r.strength}`);
  const mean = r.kind === 'density' ? t('meanOfArea') : null;
  return [mean, target && `/ ${target}`, strength].filter(Boolean).join(' ');
}

function fact([label, figure]) {
  return el('li', {}, label, figure && ' ', figure && el('b', {}, figure));
}

function missing(r, actions) {
  const [layer] = r.missing_layers;
  const how = layer && r.kind !== 'series' ? [el('br'), t('noDataHow', {layer})] : null; // a series has no layer to import
  const button = how && el('button', {type: 'button', 'data-key': `import-${r.rule}`, onclick: actions.importFile}, t('import'));
  return [el('p.facts', {}, r.reason ? r.reason[state.lang] : noData(r), how), button];
}

/** That there are no data, and of what: of a layer, or of what the clause judges. */
export function noData(r) {
  const [layer] = r.missing_layers;
  return t('noData', {layer: layer ? t(`layer.${layer}`) : clauseName(r.clause)});
}

function barOf(r) {
  const shown = bar(r);
  if (!shown) return null;
  const parts = shown.parts.map(([name, width]) => {
    const part = el(`i.${name}`, {title: t(`state.${name}`)});
    part.style.width = `${(100 * width).toFixed(2)}%`;
    return part;
  });
  const tick = shown.tick === null ? null : el('i.tick', {title: `${t('target')} ${targetText(r)}`});
  if (tick) tick.style.left = `${(100 * shown.tick).toFixed(2)}%`;
  return [el('div.bar', {role: 'presentation'}, parts, tick), shown.legend && stateCounts(shown.parts, r.by_state)];
}

function stateCounts(parts, byState) {
  const words = name => `${t(`state.${name}`)} ${f.count(byState[name])}`;
  return el('p.states', {}, parts.filter(([, width]) => width > 0).map(([name]) => el('span', {}, el(`i.${name}`), words(name))));
}

function gapButtons(actions) {
  const marks = gapMarks(shownGaps());
  if (!marks.length) return null;
  const words = m => `${t('gap.title', {k: m.number})} ${f.km2(m.gap.properties.area_km2)}`;
  const button = (m, i) => el('button',
    {type: 'button', 'data-key': `gap-${i}`, title: words(m), 'aria-label': words(m), onclick: () => actions.askGap(m.gap)},
    el('span', {}, circled(m.gap.properties.rank)), ` ${f.km2(m.gap.properties.area_km2)}`);
  return el(trialShown() ? 'p.gap-buttons.of-trial' : 'p.gap-buttons', {}, marks.map(button));
}

function reading(r) {
  return [t('nominal'), r.as_of && f.date(r.as_of, state.lang)].filter(Boolean).join(' · ');
}
