// 「口径」: a clause under all its readings side by side, how far they are apart, and whether the verdict depends on them.

import * as api from './api.js';
import {chip, clauseName} from './cards.js';
import {byId, el} from './dom.js';
import {areaName} from './drawn.js';
import * as f from './format.js';
import {state} from './state.js';
import {t, WORDS} from './words.js';

const LONG = 4; // longer lists are told by what they leave out
const VALUES = {states: 'state', access: 'access', domains: 'domain', site_kinds: 'site', layers: 'layer', exclude: 'layer'};
const FIGURES = {radius_m: f.metres, window_km2: f.km2, min_window_km2: f.km2};

let asked = null;

/** Opens the dialog, then fills it with what the server answers. */
export async function showReadings(result) {
  asked?.abort();
  const mine = asked = new AbortController(), dialog = byId('readings');
  dialog.setAttribute('aria-label', `${clauseName(result.clause)}: ${t('readings')}`);
  const show = (...body) => dialog.replaceChildren(el('h2', {}, `${clauseName(result.clause)} · ${t('readings')}`), ...body, closing(dialog));
  dialog.onclose = () => mine.abort();
  show(el('p.note', {}, t('loading')));
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await api.readings(result.rule, mine.signal);
    if (!mine.signal.aborted) show(...contents(answer));
  } catch (problem) {
    if (!mine.signal.aborted) show(el('p', {}, t('failed', {what: t('readings'), detail: problem.message})));
  }
}

function closing(dialog) {
  const form = el('form', {method: 'dialog'}, el('button', {autofocus: true}, t('close')));
  form.addEventListener('submit', e => { e.preventDefault(); dialog.close(); });
  return form;
}

function contents(answer) {
  const where = areaName({name: answer.area_name, name_en: answer.area_name_en});
  const figure = x => f.value(x, answer.unit, state.lang), error = f.metres(answer.position_error_m);
  const spread = t('readings.spread', {low: figure(answer.low), high: figure(answer.high)});
  const interval = answer.interval && t('readings.interval', {error, low: figure(answer.interval[0]), high: figure(answer.interval[1])});
  return [
    el('p.note', {}, `${where} · ${f.date(answer.as_of, state.lang)} · ${answer.labels.map(l => l[state.lang]).join(' · ')}`),
    el('p.robust', {}, robustWords(answer)),
    el('ul.spread', {}, answer.low !== null && el('li', {}, spread), interval && el('li', {}, interval)),
    table(answer, figure),
    el('p.note', {}, t('readings.note')),
  ];
}

/** “各种口径结论一致”, or what it depends on. */
function robustWords({robust_words: words, decided_by: by}) {
  const names = by.map(name => t(`param.${name}`)).join(state.lang === 'zh' ? '、' : ', ');
  const said = words[state.lang];
  return `${said[0].toUpperCase()}${said.slice(1)}${names && (state.lang === 'zh' ? `：${names}` : `: ${names}`)}`;
}

function table(answer, figure) {
  const choices = Object.keys(answer.alternatives);
  const heads = [...choices.map(name => t(`param.${name}`)), t('param.account'), t('readings.value'), t('town.verdict')];
  const line = row => el(row.declared ? 'tr.declared' : 'tr', {'aria-current': row.declared && 'true'},
    choices.map(name => el('td.choice', {'data-name': t(`param.${name}`)}, choiceWords(name, row.parameters[name], answer.alternatives[name]))),
    el('td.account', {}, t(row.account), row.declared && el('em', {}, t('readings.declared'))),
    el('td.figure', {}, figure(row.value)), el('td', {}, chip(verdictOf(row, answer))));
  const head = el('thead', {}, el('tr', {}, heads.map(h => el('th', {scope: 'col'}, h))));
  return el('div.sheet', {tabindex: '0', role: 'group', 'aria-label': t('readings')}, el('table', {}, head, el('tbody', {}, answer.readings.map(line))));
}

function verdictOf(row, answer) {
  if (answer.status === 'no-data') return 'nodata';
  if (answer.strength === 'direction') return 'direction';
  return row.met === true ? 'met' : row.met === false ? 'unmet' : 'unjudged';
}

/** What a reading chooses, in words; a name from the data (a demand layer) as it is. */
function choiceWords(name, value, all) {
  const comma = state.lang === 'zh' ? '、' : ', ', word = v => known(`${VALUES[name] ?? name}.${v}`, v);
  if (!Array.isArray(value)) return FIGURES[name] ? FIGURES[name](value) : word(value);
  if (!value.length) return t('readings.none');
  if (value.length <= LONG) return value.map(word).join(comma);
  const without = [...new Set(all.flat())].filter(v => !value.includes(v));
  return without.length ? t('readings.without', {names: without.map(word).join(comma)}) : t('readings.all', {n: value.length});
}

const known = (key, value) => (key in WORDS ? t(key) : String(value));
