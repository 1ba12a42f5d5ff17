// What an import would do, in words and figures: counts, faults, what was taken for granted.

import {el} from './dom.js';
import {areaName} from './drawn.js';
import * as f from './format.js';
import {workbook} from './import_api.js';
import {state} from './state.js';
import {t} from './words.js';

const COUNTS = ['added', 'moved', 'changed', 'removed', 'unchanged'];
const N_FAULTS = 50, N_NAMED = 5, N_LINES = 10;
const comma = () => (state.lang === 'zh' ? '、' : ', ');
const words = said => said?.[state.lang] ?? said?.words?.[state.lang] ?? null;

/** Why the import may not be confirmed: 'faults', 'frame', or null. */
export function isForbidden({told, asked}) {
  const {report} = told;
  if (report.faults.length) return 'faults';
  return report.frame_check?.verdict === 'fits worse' && !asked.force ? 'frame' : null;
}

/** The report as elements. */
export function reportOf(job) {
  const {told, choices} = job, {report} = told;
  return el('div.report', {}, what(report, choices), report.difference && counts(report), removedNames(report),
    frameCheck(report), report.faults.length > 0 && faults(report), lines(report, choices), report.n_rows !== undefined &&
    el('p', {}, el('a', {href: workbook(told.id, state.lang), download: '', 'data-key': 'import-workbook'}, t('import.workbook'))));
}

function what(report, choices) {
  const layer = choices.layer.find(c => c.id === report.layer), frame = choices.frame.find(c => c.id === report.frame);
  const parts = [
    ['layer', layer?.[state.lang] ?? report.layer], ['frame', frame?.[state.lang] ?? report.frame], ['profile', report.profile],
    ['mapping', (report.mapping ?? []).map(pair => pair.replace(/^\w+/, name => fieldName(name, layer))).join(comma())],
  ];
  return el('dl', {}, parts.filter(([, value]) => value).map(([name, value]) => [el('dt', {}, t(`import.${name}`)), el('dd', {}, value)]));
}

/** A field as people call it. */
const fieldName = (name, layer) => layer?.fields[name]?.[state.lang] ?? name;

function counts(report) {
  const listed = report.changes?.moved ?? [], isAll = listed.length === report.difference.moved;
  const farthest = isAll && listed.length ? Math.max(...listed.map(m => m.moved_m)) : null;
  const note = name => (name === 'moved' && farthest !== null ? t('import.farthest', {m: metres(farthest)}) : null);
  return el('ul.counts', {}, COUNTS.filter(name => name in report.difference).map(name => el(`li.${name}`, {},
    el('strong', {}, f.count(report.difference[name])), el('span', {}, t(`import.${name}`)), note(name) && el('small', {}, note(name)))));
}

const metres = m => (m < 10 ? `${m.toFixed(1)} m` : f.metres(m));

function removedNames(report) {
  const n = report.difference?.removed;
  if (!n) return null;
  const named = (report.changes?.removed ?? []).slice(0, N_NAMED).map(r => r.name || r.key);
  return el('p.caution', {}, t('import.removedNote', {n: f.count(n), names: named.join(comma()), more: n > named.length ? '…' : ''}));
}

function frameCheck({frame_check: check}) {
  if (!check) return null;
  const kind = {'fits': 'met', 'fits worse': 'unmet'}[check.verdict] ?? 'unjudged';
  return el('p.frame-check', {}, el(`span.chip.${kind}`, {}, t(`import.verdict.${check.verdict}`)), ' ', words(check));
}

function faults(report) {
  const shown = report.faults.slice(0, N_FAULTS), head = ['where', 'column', 'value', 'why'].map(k => el('th', {scope: 'col'}, t(`import.${k}`)));
  const line = fault => el('tr', {}, el('th', {scope: 'row'}, placeOf(fault.where)), el('td', {}, fault.column),
    el('td', {}, fault.value || t('import.blank')), el('td', {}, words(fault)));
  return el('section', {}, el('h3', {}, t('import.nFaults', {n: f.count(report.faults.length)})),
    el('div.sheet', {tabindex: '0', role: 'group', 'aria-label': t('import.faults')}, el('table', {}, el('thead', {}, el('tr', {}, head)), el('tbody', {}, shown.map(line)))),
    report.faults.length > N_FAULTS && el('p.note', {}, t('import.moreFaults', {n: N_FAULTS})));
}

/** “row 12” as the page says it. */
function placeOf(where) {
  const [, kind, number] = where.match(/^(row|feature) (\d+)$/) ?? [];
  return kind ? t(`import.${kind}`, {n: number}) : where;
}

/** What was taken for granted, one line each; what the report does not have is passed over. */
function lines(report, choices) {
  const layer = choices.layer.find(c => c.id === report.layer), byField = name => fieldName(name, layer);
  const areaOf = code => { const area = state.areas.find(a => a.properties.code === code); return area ? areaName(area) : code; };
  const many = (key, values, naming) => (values && Object.keys(values).length ? el('li', {}, t(key, {list: listOf(values, naming)})) : null);
  const some = (key, n) => (n ? el('li', {}, t(key, {n: f.count(n)})) : null);
  return el('ul.lines', {},
    (report.warnings ?? []).slice(0, N_LINES).map(w => el('li.caution', {}, words(w))),
    el('li', {}, report.n_rows === undefined ? t('import.raster', {n: f.count(report.n_values), total: f.count(Math.round(report.total)), unit: report.unit})
      : t('import.rows', {n: f.count(report.n_rows), devices: f.count(report.n_devices)})),
    some('import.noPlace', report.n_without_location), many('import.inside', report.inside, areaOf), some('import.outside', report.n_outside),
    some('import.inHalo', report.n_halo), some('import.beyond', report.n_beyond), many('import.unknown', report.unknown_codes, byField), many('import.defaults', report.defaults, byField),
    duplicates(report), many('import.extra', report.kept_as_extra), many('import.dropped', report.dropped));
}

/** `{310112: 12}` as “闵行区 12”, a list as its values. */
function listOf(values, naming = name => name) {
  if (Array.isArray(values)) return values.join(comma());
  const said = value => (typeof value === 'object' && value ? `(${listOf(value)})` : f.count(value));
  return Object.entries(values).map(([name, value]) => `${naming(name)} ${said(value)}`).join(comma());
}

function duplicates({n_duplicates: n, duplicates: listed = []}) {
  const line = d => el('li', {}, `${d.key} ≈ ${d.other_key}${d.metres === null ? '' : ` · ${metres(d.metres)}`} · ${words(d)}`);
  return n ? el('li.caution', {}, t('import.duplicates', {n: f.count(n)}), el('ul', {}, listed.slice(0, N_NAMED).map(line))) : null;
}
