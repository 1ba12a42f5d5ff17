// 「导入预检」: a file dropped on the page, or chosen, is examined by the server and shown; nothing is written before 「确认导入」.

import * as api from './import_api.js';
import {Problem} from './api.js';
import {byId, el, refill} from './dom.js';
import {askedOf, formOf} from './import_form.js';
import {isForbidden, reportOf} from './import_report.js';
import * as f from './format.js';
import {change, on, state} from './state.js';
import {t} from './words.js';

// What is being imported: {step, file, id, asked, told, choices, message, running}; null while the dialog is closed.
let job = null;
let refresh = () => {};

/** Listens for files. `actions.retry` shows the map anew. */
export function startImporting(actions) {
  refresh = actions.retry;
  const dialog = byId('import'), picker = byId('import-file');
  picker.addEventListener('change', () => { take(picker.files); picker.value = ''; });
  dialog.addEventListener('cancel', e => { e.preventDefault(); leave(); });
  const hasFiles = e => [...(e.dataTransfer?.types ?? [])].includes('Files');
  const drop = byId('drop-here');
  document.addEventListener('dragover', e => { if (hasFiles(e)) { e.preventDefault(); drop.hidden = Boolean(job); } });
  document.addEventListener('dragleave', e => { if (!e.relatedTarget) drop.hidden = true; });
  document.addEventListener('drop', e => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    drop.hidden = true;
    if (!job) take(e.dataTransfer.files);
  });
  on(['lang'], () => job && draw());
}

/** Lets a file be chosen. */
export const chooseFile = () => byId('import-file').click();

function take(files) {
  if (!files.length) return;
  const [file] = files;
  job = {step: 'busy', file, id: null, asked: {}, told: null, choices: null, message: null, running: new AbortController()};
  draw();
  byId('import').showModal();
  if (files.length > 1) return fail(new Problem(t('import.oneFile')));
  follow(async mine => {
    mine.choices = await api.choices();
    mine.id = (await api.send(file, {}, mine.running.signal)).id;
  });
}

/** Asks the server, then waits until it has been examined and shows what was found. */
async function follow(begin) {
  const mine = job;
  set(mine, {step: 'busy', message: null, told: mine.told && {...mine.told, progress: 0, stage: '', status: 'reading'}});
  try {
    await begin(mine);
    if (mine !== job) return mine.id && api.forget(mine.id).catch(() => {});
    const told = await api.settled(mine.id, mine.running.signal, step => set(mine, {told: step}));
    set(mine, {told, asked: told.request, step: told.problem ? 'ask' : 'report'});
  } catch (problem) {
    if (mine === job) fail(problem);
  }
}

const set = (mine, patch) => { if (mine === job && mine) { Object.assign(mine, patch); draw(); } };
const fail = problem => set(job, {step: job.told?.report ? 'report' : job.told?.problem ? 'ask' : 'refused', message: problem.message});

function again(form) {
  const asked = askedOf(form, job);
  follow(mine => api.askOtherwise(mine.id, asked));
}

async function confirm(form) {
  const mine = job, signed = {by: form.elements.by.value.trim(), reason: form.elements.reason.value.trim()};
  set(mine, {step: 'writing', message: null, signed});
  try {
    const told = await api.confirm(mine.id, signed);
    set(mine, {step: 'done', told: {...mine.told, ...told}});
    change({edition: state.edition + 1});
    refresh();
  } catch (problem) {
    const told = await api.settled(mine.id, mine.running.signal, () => {}).catch(() => mine.told);
    set(mine, {step: told.problem ? 'ask' : 'report', told, message: problem.message});
  }
}

/** 「取消」: the server forgets the file. What has been applied stays. */
function leave() {
  if (!job || job.step === 'writing') return;
  const {id, step, running} = job;
  job = null;
  running.abort();
  if (id && step !== 'done') api.forget(id).catch(() => {});
  byId('import').close();
}

// What the dialog shows -------------------------------------------------------------------------------------------------

function draw() {
  const dialog = byId('import'), before = dialog.dataset.step;
  dialog.dataset.step = job.step;
  refill(dialog, el('h2', {id: 'import-title', tabindex: '-1'}, t('import.title')), el('p.note', {}, fileLine()),
    job.message && el('p.alert', {role: 'alert'}, job.message), STEPS[job.step]());
  if (before !== job.step && dialog.open) dialog.querySelector('#import-title').focus();
}

const fileLine = () => [job.file.name, t('import.nothingYet')].filter((_, i) => !i || job.step !== 'done').join(' · ');

const button = (key, onclick, props = {}) => el('button', {type: 'button', 'data-key': `import-${key}`, onclick, ...props}, t(`import.${key}`));
const closing = () => el('div.actions', {}, button('close', leave));

const STEPS = {
  busy: () => [progress(), el('div.actions', {}, button('cancel', leave))],
  refused: () => el('div.actions', {}, button('other', () => { leave(); chooseFile(); }), button('cancel', leave)),
  ask: () => [problemOf(job.told.problem), el('form', {onsubmit: submitted(again)}, formOf(job), el('div.actions', {},
    el('button.main', {'data-key': 'import-check'}, t('import.check')), button('cancel', leave)))],
  report: () => [reportOf(job), settings(), signing()],
  writing: () => [reportOf(job), el('p', {role: 'status'}, t('import.writing'))],
  done: () => [el('p.done', {role: 'status'}, doneWords()), closing()],
};

const submitted = act => e => { e.preventDefault(); act(e.target); };

function progress() {
  const {told} = job, share = told?.progress ?? 0;
  const words = !job.id ? t('import.sending') : t(told?.stage ? `import.${told.stage}.stage` : `import.${told?.status ?? 'reading'}`);
  return el('p.progress', {role: 'status'}, el('span', {}, words), el('progress', {max: '1', value: String(share), 'aria-label': words}));
}

function problemOf(problem) {
  const listed = problem?.errors ?? [];
  const {choices = {}} = problem ?? {}, {asked} = job;
  if (choices.layer && !asked.layer) return el('p', {role: 'alert'}, t('import.askLayer'));
  if (choices.frame && !asked.frame) return el('p', {role: 'alert'}, t('import.askFrame'));
  return problem && [el('p.alert', {role: 'alert'}, problem.detail),
    listed.length > 1 && el('ul.faults', {}, listed.slice(0, 20).map(e => el('li', {}, `${e.where} ${e.column} “${e.value}”：${e.message}`)))];
}

/** What was asked, folded away until something else is wanted. */
function settings() {
  const folded = el('details', {}, el('summary', {'data-key': 'import-settings'}, t('import.settings')),
    el('form', {onsubmit: submitted(again)}, formOf(job), el('div.actions', {}, el('button', {'data-key': 'import-again'}, t('import.again')))));
  folded.open = isForbidden(job) === 'frame';
  return folded;
}

function signing() {
  const forbidden = isForbidden(job), field = name => el('label', {}, el('span', {}, t(`import.${name}`)),
    el('input', {name, 'data-key': `import-${name}`, maxlength: '200', value: job.signed?.[name] ?? job.asked[name] ?? ''}));
  return el('form.signing', {onsubmit: submitted(confirm)}, !forbidden && [field('by'), field('reason')],
    forbidden && el('p.note', {}, t(`import.forbidden.${forbidden}`)),
    el('div.actions', {}, el('button.main', {'data-key': 'import-confirm', disabled: Boolean(forbidden)}, t('import.confirm')), button('cancel', leave)));
}

function doneWords() {
  const {transaction: tx, counts} = job.told;
  if (!tx) return t('import.same');
  const figures = Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, f.count(n)]));
  return t('import.done', {tx: tx.tx, ...figures});
}
