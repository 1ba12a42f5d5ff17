// The frame round the map: top bar, the sentence of verdict, the strip at the foot, and what went wrong.

import {areaName} from './drawn.js';
import {clauseName, noData} from './cards.js';
import {byId, el, refill} from './dom.js';
import {verdict} from './facts.js';
import * as f from './format.js';
import {change, chosenArea, chosenResult, on, state} from './state.js';
import {shortfall} from './tables.js';
import {t} from './words.js';

const WAIT_MS = 300, CANCEL_MS = 2000;

export function startFrame(actions) {
  on(['lang'], () => { translatePage(); drawLanguages(); });
  on(['areas', 'lang', 'area', 'results', 'rule'], () => drawAreas());
  on(['results', 'lang', 'asOf'], drawDate);
  on(['results', 'lang', 'worst', 'areas', 'area', 'failure'], () => drawSentence());
  on(['results', 'lang', 'rule', 'failure', 'lost', 'stale'], () => drawFoot(actions));
  on(['loading', 'failure', 'lang', 'rule', 'results'], () => drawNotice(actions));
  byId('area').addEventListener('change', e => actions.chooseArea(e.target.value || null));
  byId('date').addEventListener('change', e => actions.chooseDate(e.target.value || null));
  byId('date').addEventListener('click', e => e.target.showPicker?.());
  byId('zh').addEventListener('click', () => actions.speak('zh'));
  byId('en').addEventListener('click', () => actions.speak('en'));
  translatePage();
  drawLanguages();
}

function drawLanguages() {
  for (const lang of ['zh', 'en']) byId(lang).setAttribute('aria-pressed', String(lang === state.lang));
}

const CHOICES = ['district', 'town', 'aoi'];

function drawAreas() {
  const chosen = chosenArea();
  const inOrder = state.areas.toSorted((a, b) => a.properties.code.localeCompare(b.properties.code));
  const usual = CHOICES.flatMap(level => inOrder.filter(a => a.properties.level === level));
  const options = !chosen || usual.includes(chosen) ? usual : [chosen, ...usual];
  refill(byId('area'), options.map(a => el('option', {value: a.properties.code, selected: a === chosen}, areaName(a))));
}

function drawDate() {
  const at = state.results[0]?.as_of;
  byId('date-shown').textContent = f.date(at, state.lang);
  if (at) byId('date').value = f.isoDay(at);
}

function drawSentence() {
  const bar = byId('sentence');
  if (!state.results.length) return void (bar.textContent = state.failure ? '' : t('loading'));
  const kinds = state.results.map(verdict), of = kind => kinds.filter(k => k === kind).length;
  const [first] = state.results, {worst} = state;
  const values = {
    area: areaName({name: first.area_name, name_en: first.area_name_en}), date: f.date(first.as_of, state.lang),
    n: kinds.length, judged: of('met') + of('unmet'), met: of('met'), unmet: of('unmet'),
    ...(worst && {town: areaName(worst.row), clause: clauseName(worst.result.clause), shortfall: shortfall(worst.result, worst.row)}),
  };
  bar.textContent = t(worst ? 'verdict' : 'verdictPlain', values);
  bar.title = worst ? `${bar.textContent}\n${t('worstNote')}` : '';
}

function drawFoot(actions) {
  const r = chosenResult();
  if (!r) return byId('foot').replaceChildren();
  const lost = (state.lost || state.failure?.lost) && el('b.warn', {}, t('lost', {time: f.moment(r.known_at, state.lang)}));
  const parts = [
    [t('asOf'), f.moment(r.as_of, state.lang)], [t('knownAt'), f.moment(r.known_at, state.lang)],
    [t('snapshot'), r.snapshot], [t('frame'), t('frameName')],
  ];
  const ofAll = state.results.flatMap(x => x.labels).filter(l => ['synthetic', 'schematic', 'derived'].includes(l.id));
  const words = [...ofAll, ...r.labels.filter(l => l.id === 'quality')];
  const said = [...new Set(words.map(l => l[state.lang]))];
  const figures = parts.map(([name, value]) => el('span', {}, `${name} ${value}`));
  const stale = state.stale && el('button.chip', {type: 'button', 'data-key': 'refresh', onclick: actions.refresh}, t('stale'));
  refill(byId('foot'), lost, stale, figures, el('span.labels', {}, said.join(' · ')), el('span', {}, t('review')));
}

/** Puts words into the elements of the page that name a key, and says the language. */
function translatePage() {
  document.documentElement.lang = state.lang === 'zh' ? 'zh-CN' : 'en';
  document.title = t('name');
  for (const e of document.querySelectorAll('[data-word]')) e.textContent = t(e.dataset.word);
  for (const e of document.querySelectorAll('[data-word-label]')) e.setAttribute('aria-label', t(e.dataset.wordLabel));
}

let timers = [];

/** Nothing to see yet, nothing to see at all, or something went wrong: said on the map, with what to do. */
function drawNotice(actions) {
  timers.forEach(clearTimeout);
  const notice = byId('notice'), r = chosenResult();
  const say = (...children) => { notice.hidden = false; refill(notice, ...children); };
  notice.hidden = true;
  document.body.classList.toggle('busy', false);
  if (state.loading) {
    timers = [
      setTimeout(() => { document.body.classList.add('busy'); say(t('loading')); }, WAIT_MS),
      setTimeout(() => say(t('loading'), el('button', {type: 'button', onclick: actions.cancel}, t('cancel'))), CANCEL_MS),
    ];
  } else if (state.failure) {
    const {cancelled, lost, id, message, final, refused} = state.failure, time = f.moment(r?.known_at, state.lang);
    if (final || refused) return say(message);
    const words = cancelled ? t('cancelled') : lost ? t('lost', {time}) : t('failed', {what: t('clauses'), detail: message});
    say(words, id && ` ${t('requestId', {id})}`, el('button', {type: 'button', onclick: actions.retry}, t('retry')));
  } else if (r?.status === 'no-data') {
    say(r.reason ? r.reason[state.lang] : noData(r));
  }
}

const UNITS = ['window', 'town', 'cell'];
const USUAL = {rule: 'charger-service', unit: 'window'};

/** The language chosen here before; null where the browser keeps nothing. */
function keptLanguage() {
  try {
    return localStorage.getItem('lang');
  } catch {
    return null;
  }
}

/** Remembers the language for the next visit, if the browser lets us. */
export function keepLanguage() {
  try {
    localStorage.setItem('lang', state.lang);
  } catch { /* then the address alone tells it */ }
}

/** Keeps what is chosen in the address, beside the view in its hash. */
export function keepInAddress() {
  const asked = new URLSearchParams();
  const usual = {...USUAL, lang: keptLanguage() === 'en' ? null : 'zh'};
  const chosen = {lang: state.lang, rule: state.rule, area: state.area, as_of: state.asOf, unit: state.unit};
  for (const [name, value] of Object.entries(chosen)) if (value && value !== usual[name]) asked.set(name, value);
  const text = asked.toString();
  history.replaceState(null, '', `${location.pathname}${text ? `?${text}` : ''}${location.hash}`);
}

/** What the address asks for when the page opens. */
export function readAddress() {
  const asked = new URLSearchParams(location.search), unit = asked.get('unit');
  const known = UNITS.includes(unit) ? unit : USUAL.unit;
  const lang = asked.get('lang') ?? keptLanguage();
  if (lang) change({lang: lang === 'en' ? 'en' : 'zh'});
  change({rule: asked.get('rule') ?? USUAL.rule, area: asked.get('area'), asOf: asked.get('as_of'), unit: known});
}
