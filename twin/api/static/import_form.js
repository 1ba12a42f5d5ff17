// The questions about a file: which layer, which frame, which sheet or columns. Nothing is chosen beforehand that the file
// does not say itself.

import {el} from './dom.js';
import {state} from './state.js';
import {t, WORDS} from './words.js';

const MAPPED = ['lng', 'lat', 'key', 'code'];
const FLAGS = ['synthetic', 'keep_private', 'force'];
const named = choice => choice[state.lang] ?? choice.id;
const known = (key, otherwise) => (key in WORDS ? t(key) : otherwise);

/** The fields for what a job asks; those that the server needs to be told stand out. */
export function formOf(job) {
  const {asked, choices} = job, wanted = job.told?.problem?.choices ?? {}, report = job.told?.report;
  const layers = choices.layer.filter(c => !wanted.layer || wanted.layer.includes(c.id));
  const frames = choices.frame.filter(c => !wanted.frame || wanted.frame.includes(c.id));
  return el('div.questions', {},
    select('layer', layers.map(c => [c.id, named(c)]), asked.layer || report?.layer, wanted.layer),
    select('frame', frames.map(c => [c.id, known(`importFrame.${c.id}`, named(c))]), asked.frame, wanted.frame, report?.frame),
    ['table', 'profile'].map(name => (wanted[name] || asked[name] ? select(name, (wanted[name] ?? [asked[name]]).map(v => [v, v]), asked[name], wanted[name]) : null)),
    MAPPED.filter(name => wanted[name]).map(name => select(name, wanted[name].map(v => [v, v]), null, true)),
    el('div.flags', {}, FLAGS.map(name => el('label', {}, el('input', {type: 'checkbox', name, 'data-key': `import-${name}`, checked: asked[name]}), t(`import.${name}`)))));
}

function select(name, options, chosen, isWanted, declared = null) {
  const id = `import-${name}`, hint = known(`import.${name}.hint`, null);
  const none = declared && !chosen ? t('import.declared', {frame: declared}) : t('import.choose');
  return el(isWanted ? 'p.question.wanted' : 'p.question', {},
    el('label', {for: id}, t(`import.${name}`)),
    el('select', {id, name, 'data-key': id, required: Boolean(isWanted), 'aria-describedby': hint && `${id}-hint`},
      el('option', {value: ''}, none), options.map(([value, words]) => el('option', {value, selected: value === chosen}, words))),
    hint && el('span.note', {id: `${id}-hint`}, hint));
}

/** What the form says, as the server takes it. */
export function askedOf(form, {asked}) {
  const value = name => form.elements[name]?.value;
  const map = (asked.map ?? []).filter(pair => !MAPPED.some(name => value(name) && pair.startsWith(`${name}=`)));
  return {
    ...Object.fromEntries(['layer', 'frame', 'table', 'profile'].filter(n => value(n) !== undefined).map(n => [n, value(n)])),
    ...Object.fromEntries(FLAGS.map(name => [name, form.elements[name].checked])),
    map: [...map, ...MAPPED.filter(value).map(name => `${name}=${value(name)}`)],
  };
}
