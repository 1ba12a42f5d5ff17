// Who one is here: the role in the top bar, signing in by a key or a token, signing out. The secret itself is kept nowhere.

import {ask} from './api.js';
import {byId, el, refill} from './dom.js';
import {areaName} from './drawn.js';
import {change, on, state} from './state.js';
import {t} from './words.js';

const KEY = 'twin_';

/** Looks up who one is; settled once that is known. */
export async function startSignin() {
  on(['session', 'areas', 'lang'], drawSession);
  document.addEventListener('signed-out', onSignedOut);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) onSignedOut(); });
  await lookUp();
}

async function lookUp() {
  change({session: await ask('session').catch(() => null)});
}

/** Nobody may be signed in any more: who was is told so, whoever never was is left alone. */
async function onSignedOut() {
  if (state.session?.via !== 'session') return;
  await lookUp();
  if (state.session?.via === 'nothing') showDialog(t('signin.over'));
}

function drawSession() {
  const bar = byId('session'), {session} = state;
  bar.hidden = !session;
  if (!session) return;
  const {via, said, role, name} = session, words = said[state.lang];
  bar.dataset.role = role;
  bar.dataset.via = via;
  document.body.classList.toggle('may-import', ['editor', 'admin'].includes(role) && !session.areas.length);
  if (via === 'open') return refill(bar, el('span.open-mode', {title: t('signin.openNote')}, words));
  const button = (key, onclick) => el('button', {type: 'button', 'data-key': key, onclick}, t(key));
  if (via === 'nothing') return refill(bar, el('span', {title: words}, t('signin.none')), button('signin', () => showDialog()));
  const who = [name, words, areaNames(session.areas)].filter(Boolean).join(' · ');
  refill(bar, el('b', {title: who}, who), via === 'session' && button('signout', signOut));
}

const areaNames = codes => codes.map(code => {
  const area = state.areas.find(a => a.properties.code === code);
  return area ? areaName(area) : code;
}).join(state.lang === 'zh' ? '、' : ', ');

function showDialog(reason = '') {
  const dialog = byId('signin');
  const tokens = state.session?.ways.includes('token');
  const field = el('input', {id: 'signin-secret', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, maxlength: 8192});
  const wrong = el('p.wrong', {role: 'alert', hidden: !reason}, reason);
  const send = el('button.main', {}, t('signin'));
  const form = el('form', {method: 'dialog'},
    el('label', {for: 'signin-secret'}, t(tokens ? 'signin.keyOrToken' : 'signin.key')), field,
    el('p.note', {}, t('signin.note')), wrong,
    el('p.buttons', {}, send, el('button', {type: 'button', onclick: () => dialog.close()}, t('cancel'))));
  form.addEventListener('submit', async e => {
    e.preventDefault();
    send.disabled = true;
    try {
      const {areas} = await signIn(field.value.trim());
      // The view is of the district: who comes for a part of it is shown that.
      if (areas.length) history.replaceState(null, '', location.pathname + location.search);
      location.reload();
    } catch (problem) {
      Object.assign(wrong, {hidden: false, textContent: problem.lost ? t('signin.lost') : problem.message});
      send.disabled = false;
      field.select();
    }
  });
  dialog.replaceChildren(el('h2', {id: 'signin-title'}, t('signin')), form);
  dialog.addEventListener('close', () => dialog.replaceChildren(), {once: true});
  dialog.showModal();
  field.focus();
}

function signIn(secret) {
  const body = JSON.stringify({[secret.startsWith(KEY) ? 'key' : 'token']: secret});
  return ask('session', {method: 'POST', headers: {'content-type': 'application/json'}, body});
}

async function signOut() {
  await ask('session', {method: 'DELETE'}).catch(() => null);
  location.reload();
}
