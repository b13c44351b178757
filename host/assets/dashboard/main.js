// The dashboard: who is signed in, which page is shown, and what stands around it.

import { ApiError, get, session, whenSignedOut } from './api.js';
import { el, errorMessage, message, notice, setText } from './dom.js';
import { clean } from './format.js';
import { address, parse, tokenIn } from './router.js';
import * as overview from './page-overview.js';
import * as jobs from './page-jobs.js';
import * as job from './page-job.js';
import * as task from './page-task.js';
import * as tasks from './page-tasks.js';
import * as actors from './page-actors.js';
import * as objects from './page-objects.js';
import * as tenants from './page-tenants.js';

const PAGES = { overview, jobs, job, task, tasks, actors, objects, tenants };
const LINKS = [
  ['overview', 'Overview', '#/'], ['jobs', 'Jobs', address('jobs')], ['tasks', 'Tasks', address('tasks')],
  ['actors', 'Actors', address('actors')], ['objects', 'Objects', address('objects')], ['tenants', 'Tenants', address('tenants')],
];

const main = document.getElementById('main');
const nav = document.getElementById('nav');
const tenantChoice = document.getElementById('tenant-choice');
const tenantSelect = document.getElementById('tenant');
const signOutButton = document.getElementById('sign-out');
const themeButton = document.getElementById('theme');

/** Who is signed in, as the server says. */
let who = null;
/** The page that is shown. */
let current = null;
let why = null;

// Light and dark.

const THEME = 'wrun-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

function theme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(THEME);
  } catch {
    // A browser that keeps nothing has the system's.
  }
  const is = chosen === 'dark' || chosen === 'light' ? chosen : dark.matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = is;
  setText(themeButton, is === 'dark' ? 'Light' : 'Dark');
  themeButton.setAttribute('aria-label', is === 'dark' ? 'Light colours' : 'Dark colours');
  document.dispatchEvent(new CustomEvent('theme'));
}

themeButton.addEventListener('click', () => {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(THEME, next);
  } catch {
    document.documentElement.dataset.theme = next;
  }
  theme();
});
dark.addEventListener('change', theme);
theme();

// Signing in and out.

/** What can be sent as a token. */
function isToken(text) {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Takes a token out of the address. */
function takeToken() {
  const found = tokenIn(location.hash);
  if (!found) return;
  history.replaceState(null, '', found.rest);
  if (isToken(found.token)) session.signIn(found.token);
  who = null;
}

whenSignedOut(() => {
  why = 'The server does not take this token: it is wrong, was revoked, or has ended. Sign in with another one.';
  session.signOut();
  who = null;
  route();
});

signOutButton.addEventListener('click', () => {
  why = null;
  session.signOut();
  who = null;
  route();
});

function signIn() {
  const begun = begin('signin', null, 'Sign in');
  const input = el('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-help' });
  const problem = el('div');
  if (why) problem.append(message('error', why));
  const form = el('form', { class: 'sign-in', novalidate: true },
    el('div', { class: 'field' }, el('label', { for: 'token' }, 'Token'), input),
    el('p', { id: 'token-help', class: 'help' },
      'The one that `wrun serve` printed at its first start, or one of `wrun tenant token`. It stays in this tab of the browser and is gone when that is closed.'),
    el('button', { type: 'submit', class: 'primary' }, 'Sign in'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const token = input.value.trim();
    if (!isToken(token)) {
      problem.replaceChildren(message('error', token ? 'This is no token: those have letters, digits and a few signs only.' : 'Put a token in first.'));
      input.focus();
      return;
    }
    why = null;
    session.signIn(token);
    route();
  });
  main.append(el('h1', {}, 'Sign in'), problem, form);
  input.focus();
  begun.ready();
}

// What stands around the pages.

async function meet(signal) {
  if (who) return;
  const info = await get('info', { signal, anyTenant: true });
  who = { isHost: info.tenant == null, tenant: info.tenant, role: info.role, maySubmit: info.role !== 'read' };
  why = null;
  await listTenants(signal);
}

async function listTenants(signal) {
  tenantChoice.hidden = !who.isHost;
  if (!who.isHost) return;
  const list = await get('tenants', { signal, anyTenant: true });
  const names = list.tenants.map(({ name }) => name);
  if (session.tenant && !names.includes(session.tenant)) session.choose(null);
  const options = [['', 'all'], ...names.map((name) => [name, clean(name)])];
  const same = options.length === tenantSelect.options.length && options.every(([value], at) => tenantSelect.options[at].value === value);
  if (!same) tenantSelect.replaceChildren(...options.map(([value, text]) => el('option', { value }, text)));
  tenantSelect.value = session.tenant ?? '';
}

tenantSelect.addEventListener('change', () => {
  session.choose(tenantSelect.value);
  route();
});

function links(page) {
  const active = { job: 'jobs', task: 'tasks' }[page] ?? page;
  if (nav.children.length === 0) {
    for (const [name, text, href] of LINKS) nav.append(el('a', { href, 'data-to': name }, text));
  }
  for (const link of nav.children) {
    if (link.dataset.to === active) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

// Pages.

/** Makes room for a page; what the one before did ends. */
function begin(page, tab, title) {
  current?.stop.abort();
  const stop = new AbortController();
  const here = { page, stop, signal: stop.signal, key: null };
  current = here;
  main.replaceChildren();
  main.dataset.page = page;
  if (tab) main.dataset.tab = tab;
  else delete main.dataset.tab;
  main.dataset.ready = 'false';
  setTitle(title);
  const signedIn = page !== 'signin';
  nav.hidden = !signedIn;
  signOutButton.hidden = !signedIn;
  if (!signedIn) tenantChoice.hidden = true;
  here.ready = () => {
    if (!here.signal.aborted) main.dataset.ready = 'true';
  };
  return here;
}

function setTitle(title) {
  document.title = title ? `${title} · wrun` : 'wrun';
}

const TITLES = { overview: 'Overview', jobs: 'Jobs', job: 'Job', task: 'Task', tasks: 'Tasks', actors: 'Actors', objects: 'Objects', tenants: 'Tenants' };

let first = true;

async function route() {
  takeToken();
  if (!session.token) return signIn();
  const found = parse(location.hash);
  // Another tab of the same job: its page changes by itself.
  if (found && current?.update && current.page === found.page && current.key === keyOf(found)) {
    main.dataset.ready = 'false';
    if (found.tab) main.dataset.tab = found.tab;
    return current.update(found);
  }
  const here = begin(found?.page ?? 'nothing', found?.tab, found ? TITLES[found.page] : 'Not found');
  links(found?.page);
  if (!found) {
    main.append(el('h1', {}, 'There is no such page'), el('p', {}, 'The address names none. ', el('a', { href: '#/' }, 'To the overview')));
    return here.ready();
  }
  const wait = el('p', { class: 'muted' }, 'Loading…');
  try {
    if (!who) main.append(el('h1', {}, TITLES[found.page]), wait);
    await meet(here.signal);
    if (here.signal.aborted) return;
    main.replaceChildren();
    const shown = PAGES[found.page].show({
      root: main, route: found, signal: here.signal, ready: here.ready, who,
      title: (text) => here.signal.aborted || setTitle(text),
    });
    here.update = shown?.update;
    here.key = keyOf(found);
    // Whoever can't see that the page is another one hears its heading.
    const heading = main.querySelector('h1');
    if (!first && heading) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first = false;
    if (who.isHost && found.page === 'overview') listTenants(here.signal).catch(() => {});
  } catch (error) {
    if (here.signal.aborted) return;
    if (!(error instanceof ApiError)) console.error(error);
    const again = el('button', { type: 'button', onclick: route }, 'Try again');
    main.replaceChildren(el('h1', {}, TITLES[found.page]), errorMessage(error), again);
    here.ready();
  }
}

function keyOf(found) {
  return `${found.page}/${found.id ?? ''}/${session.tenant ?? ''}`;
}

document.getElementById('skip').addEventListener('click', (event) => {
  // The address is the page's.
  event.preventDefault();
  main.focus();
  main.scrollIntoView();
});

addEventListener('hashchange', route);
addEventListener('unhandledrejection', (event) => {
  if (event.reason?.name === 'AbortError') event.preventDefault();
  else notice('Something went wrong on this page; its console says what.');
});
route();
