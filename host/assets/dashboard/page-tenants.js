// Tenants: what they use of what they may.

import { get, session } from './api.js';
import { el, every, facts, message, table } from './dom.js';
import { bytes, clean, group, moment, percent, seconds, words } from './format.js';

/** Names of limits that have no use beside them, or one that is of something else. */
const ALONE = ['log_bytes', 'compile_seconds', 'cpu_seconds_per_task', 'cpu_seconds_per_job', 'wall_seconds_per_job', 'result_bytes', 'requests_per_second', 'retention_seconds'];

/** A limit that is none. */
const ENDLESS = 2 ** 62;

const TITLES = {
  memory: 'Memory of sandboxes', object_bytes: 'Objects in memory', spilled_bytes: 'Objects on disk', queued_tasks: 'Calls that wait',
  queued_bytes: 'Bytes of calls that wait', sandboxes: 'Sandboxes', actors: 'Actors', open_files: 'Open files', handles: 'Handles',
  module_bytes: 'Modules', concurrent_compilations: 'Compilations at once', jobs: 'Jobs not ended',
  retention_bytes: 'Ended jobs kept', log_bytes: 'Output of running jobs', cpu_seconds: 'Processor time so far',
};
const LIMIT_TITLES = {
  log_bytes: 'Output kept of one job', result_bytes: 'A result', retention_seconds: 'Ended jobs are kept for', compile_seconds: 'A compilation',
  cpu_seconds_per_task: 'Processor time of a task', cpu_seconds_per_job: 'Processor time of a job', wall_seconds_per_job: 'Time of a job',
  requests_per_second: 'Requests in a second',
};

/** A number in the unit that its name has. Pure. */
export function inUnit(name, value) {
  if (value == null) return '–';
  if (name === 'memory' || name.endsWith('bytes')) return bytes(value);
  if (/seconds($|_per_(task|job)$)/.test(name) && name !== 'requests_per_second') return seconds(value);
  return group(value);
}

/** What a tenant uses, with its limits. Pure. */
export function usesOf(tenant) {
  return Object.entries(tenant.used).map(([name, used]) => {
    const limit = ALONE.includes(name) || tenant.limits[name] >= ENDLESS ? null : tenant.limits[name] ?? null;
    return { name, title: TITLES[name] ?? words(name), used, limit, part: limit ? used / limit : null };
  });
}

/** The limits that nothing is counted against. Pure. */
export function otherLimits(tenant) {
  const names = Object.keys(tenant.limits).filter((name) => tenant.limits[name] != null && tenant.limits[name] < ENDLESS && (ALONE.includes(name) || !(name in tenant.used)));
  return names.map((name) => [LIMIT_TITLES[name] ?? words(name), inUnit(name, tenant.limits[name])]);
}

/** The page. */
export function show({ root, signal, ready }) {
  const problem = el('div');
  const place = el('div', { class: 'cards' });
  const loading = el('p', { class: 'muted' }, 'Loading…');
  root.append(el('h1', {}, 'Tenants'), el('p', { class: 'muted' }, 'What each uses of what it may. Of what has no limit of its own, a tenant may have as much as the server lets one have.'), problem, loading, place);
  const cards = new Map();
  every(2_000, signal, problem, async () => {
    let list;
    try {
      list = await get('tenants', { signal });
    } finally {
      if (!signal.aborted) ready();
    }
    if (signal.aborted) return;
    loading.remove();
    const shown = list.tenants.filter(({ name }) => !session.tenant || name === session.tenant);
    for (const [name, one] of cards) {
      if (!shown.some((tenant) => tenant.name === name)) {
        one.root.remove();
        cards.delete(name);
      }
    }
    for (const tenant of shown) {
      if (!cards.has(tenant.name)) {
        const one = card(tenant);
        cards.set(tenant.name, one);
        place.append(one.root);
      }
      cards.get(tenant.name).show(tenant);
    }
    if (shown.length === 0) place.replaceChildren(message('empty', 'There is no tenant.'));
  });
}

function card(tenant) {
  const name = clean(tenant.name);
  const about = facts();
  const columns = [
    { key: 'what', title: 'What', cell: (use) => use.title },
    { key: 'used', title: 'Used', num: true, cell: (use) => inUnit(use.name, use.used) },
    { key: 'limit', title: 'Limit', num: true, cell: (use) => inUnit(use.name, use.limit) },
    { key: 'part', title: 'Part', num: true, cell: (use) => ({ kind: 'bar', text: percent(use.used, use.limit), part: use.part }) },
  ];
  const grid = table({ label: `What ${name} uses of its limits`, columns, id: (use) => use.name, empty: 'It has no limits of its own.' });
  const free = facts();
  const others = facts();
  const othersBlock = el('div', {}, el('h3', {}, 'Other limits'), others.root);
  const http = el('p', { class: 'muted' });
  const root = el('section', { class: 'card' }, el('h2', { class: 'guest' }, name), about.root, el('h3', {}, 'Used, with a limit'), grid.root, el('h3', {}, 'Used, without one'), free.root, othersBlock, http);
  return {
    root,
    show(now) {
      about.show([
        ['Weight', group(now.weight)],
        ['From', now.from_config ? 'the configuration file' : 'a request'],
        ['Made', moment(now.created_at)],
      ]);
      const uses = usesOf(now);
      grid.show(uses.filter((use) => use.limit != null));
      free.show(uses.filter((use) => use.limit == null).map((use) => [use.title, inUnit(use.name, use.used)]));
      const rest = otherLimits(now);
      othersBlock.hidden = rest.length === 0;
      others.show(rest);
      http.textContent = now.http.length > 0 ? `Its tasks may ask over HTTP: ${now.http.map(clean).join(', ')}.` : 'Its tasks make no HTTP requests.';
    },
  };
}
