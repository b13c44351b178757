// The list of calls that live or failed.

import { getPage } from './api.js';
import { badge, table } from './dom.js';
import { age, blockedOn, callName, clean, count, cut, group, moment, ms, splitId, words } from './format.js';
import { listPage, states } from './list.js';
import { address } from './router.js';

const PAGE = 200;

/** A call as people write it. Pure. */
export function taskName(task) {
  return `${callName(task.name)}#${task.number}`;
}

/** Its state, and what it waits for. */
export function taskState(task) {
  const on = task.state === 'blocked' && task.blocked_on ? ` on ${blockedOn(task.blocked_on)}` : '';
  return badge(task.state, `${words(task.state)}${on}`);
}

/** A link to the call that made another one. */
function parentLink(task) {
  const parent = splitId(task.parent);
  return parent ? { text: `#${parent.number}`, href: address('tasks', task.parent) } : '–';
}

/** The columns of calls; those of one job need no column for it. */
export function taskColumns({ ofOneJob, isHost }) {
  const now = () => Date.now();
  return [
    { key: 'task', title: 'Task', cell: (task) => ({ text: cut(taskName(task), 60), href: address('tasks', task.id), title: task.id }), sort: (task) => task.number },
    { key: 'state', title: 'State', cell: taskState, sort: (task) => task.state },
    { key: 'kind', title: 'Kind', cell: (task) => words(task.kind), sort: (task) => task.kind },
    ...(ofOneJob ? [] : [{ key: 'job', title: 'Job', cell: (task) => ({ text: task.job, href: address('jobs', task.job) }) }]),
    ...(ofOneJob || !isHost ? [] : [{ key: 'tenant', title: 'Tenant', cell: (task) => clean(task.tenant), sort: (task) => task.tenant }]),
    { key: 'queued', title: 'Queued', num: true, cell: (task) => ms(task.queued_ms), sort: (task) => task.queued_ms },
    { key: 'run', title: 'Ran', num: true, cell: (task) => ms(task.run_ms), sort: (task) => task.run_ms },
    { key: 'attempt', title: 'Attempt', num: true, cell: (task) => group(task.attempt + 1), sort: (task) => task.attempt },
    { key: 'made', title: 'Made', cell: (task) => ({ text: age(task.created_at, now()), title: moment(task.created_at) }), sort: (task) => task.created_at },
    { key: 'parent', title: 'Made by', cell: parentLink },
    { key: 'error', title: 'Error', wide: true, cell: (task) => (task.error ? cut(`${clean(task.error.code)} ${clean(task.error.message)}`, 140) : '') },
  ];
}

const STATES = states('waiting', 'queued', 'running', 'blocked', 'failed', 'cancelled');

/** The list, of one job or of all. */
export function taskList({ root, route, signal, ready, who, job, heading = 'Tasks', level = 'h1', keep = true, state, period }) {
  const columns = taskColumns({ ofOneJob: job != null, isHost: who.isHost });
  const nothing = 'No call lives or failed a while ago. Those that finished are in the timeline and the summary of their job.';
  const grid = table({ label: heading, columns, id: (task) => task.id, empty: nothing });
  const filters = [
    { key: 'state', label: 'State', options: STATES },
    { key: 'name', label: 'Function', placeholder: 'its whole name' },
  ];
  if (!job) filters.push({ key: 'job', label: 'Job', placeholder: 'its id' });
  const with_state = state ? { ...route, params: { state, ...route.params } } : route;
  return listPage({
    heading, root, route: with_state, signal, ready, grid, filters, level, keep, period,
    async load({ place, filters: by }) {
      const list = await getPage('tasks', { job: job ?? by.job, state: by.state, name: by.name, after: place, limit: PAGE }, 'tasks', { signal });
      grid.sayEmpty(by.state || by.name || by.job || place ? 'No call here fits the filters. The function is asked for by its whole name.' : nothing);
      const { totals } = list;
      const numbers = [
        `${group(totals.submitted)} submitted`, `${group(totals.queued)} wait`, `${group(totals.running)} run`,
        `${group(totals.finished)} finished`, `${group(totals.failed)} failed`, `${group(totals.retried)} retried`,
      ];
      return { rows: list.tasks, next: list.next, words: count(list.tasks.length, 'call'), notes: [`In all: ${numbers.join(', ')}.`] };
    },
  });
}

/** The page. */
export function show(page) {
  taskList(page);
}
