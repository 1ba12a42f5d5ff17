// 「原文」: the clause's own words, where they stand, what they bind, and which settings are ours.

import {clauseName} from './cards.js';
import {byId, el} from './dom.js';
import {areaName} from './drawn.js';
import {state} from './state.js';
import {t} from './words.js';

export function showQuote({clause}) {
  const dialog = byId('quote'), {document: cited} = clause;
  const ours = clause.ours.map(name => t(`param.${name}`)).join(state.lang === 'zh' ? '、' : ', ');
  dialog.setAttribute('aria-label', `${clauseName(clause)}: ${t('source')}`);
  dialog.replaceChildren(
    el('h2', {}, clauseName(clause)),
    el('blockquote', {lang: 'zh'}, `“${clause.quote}”`),
    state.lang === 'en' ? el('p', {}, clause.quote_en) : '',
    el('dl', {},
      line(t('source'), state.lang === 'zh' ? cited.citation : cited.title_en), line(t('target'), t(`strength.${clause.strength}`)),
      line(t('scope'), `${scopeName(clause)} · ${clause.period}`), line(t('ours'), ours), line(t('basis'), inLanguage(clause.declared))),
    el('form', {method: 'dialog'}, el('button', {}, t('close'))),
  );
  dialog.querySelector('form').addEventListener('submit', e => { e.preventDefault(); dialog.close(); });
  dialog.showModal();
}

function scopeName({scope}) {
  const area = state.areas.find(a => a.properties.code === scope);
  return area ? areaName(area) : scope;
}

/** The plan's declarations hold both languages, parted by a stroke. */
function inLanguage(text = '') {
  const [zh, en] = text.split(' / ');
  return state.lang === 'zh' ? zh : en ?? zh;
}

const line = (name, value) => (value ? [el('dt', {}, name), el('dd', {}, value)] : []);
