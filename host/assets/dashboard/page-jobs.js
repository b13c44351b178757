// The list of jobs.

import { get, query } from './api.js';
import { badge, table } from './dom.js';
import { age, callName, clean, count, cut, group, moment, ms, seconds } from './format.js';
import { listPage, states } from './list.js';
import { address } from './router.js';

const PAGE = 100;
/** So many are looked through for a name. */
const SEARCHED = 1_000;

/** What a job is called: its module, and the task that it calls. Pure. */
export function jobName(job) {
  const module = clean(job.module_name);
  return job.task ? `${module} · ${callName(job.task)}` : module;
}

/** Whether a job ended badly. Pure. */
export function isBad(job) {
  return job.error != null || (job.exit_code ?? 0) !== 0;
}

/** A job's state as a badge. */
export function jobState(job) {
  if (job.state !== 'finished') return badge(job.state);
  return isBad(job) ? badge('failed', `failed${job.exit_code == null ? '' : ` (${job.exit_code})`}`) : badge('finished');
}

/** How long it has run, or ran. Pure. */
export function jobTime(job, now) {
  if (job.started_at == null) return null;
  return Math.max(0, (job.ended_at ?? now) - job.started_at);
}

/** The page. */
export function show({ root, route, signal, ready, who }) {
  const now = () => Date.now();
  const columns = [
    { key: 'name', title: 'Job', cell: (job) => ({ text: cut(jobName(job), 60), href: address('jobs', job.id), title: job.id }), sort: jobName },
    { key: 'state', title: 'State', cell: jobState, sort: (job) => job.state },
    { key: 'id', title: 'Id', cell: (job) => ({ text: job.id, kind: 'text' }) },
    ...(who.isHost ? [{ key: 'tenant', title: 'Tenant', cell: (job) => clean(job.tenant), sort: (job) => job.tenant }] : []),
    { key: 'submitted', title: 'Submitted', cell: (job) => ({ text: age(job.submitted_at, now()), title: moment(job.submitted_at) }), sort: (job) => job.submitted_at },
    { key: 'time', title: 'Time', num: true, cell: (job) => (job.started_at == null ? '–' : ms(jobTime(job, now()))), sort: (job) => jobTime(job, now()) },
    { key: 'calls', title: 'Calls', num: true, cell: (job) => group(job.stats.submitted), sort: (job) => job.stats.submitted },
    { key: 'ended', title: 'Ended', num: true, cell: (job) => group(job.stats.finished + job.stats.failed), sort: (job) => job.stats.finished + job.stats.failed },
    { key: 'failed', title: 'Failed', num: true, cell: (job) => group(job.stats.failed), sort: (job) => job.stats.failed },
    { key: 'cpu', title: 'CPU', num: true, cell: (job) => seconds(job.stats.cpu_seconds), sort: (job) => job.stats.cpu_seconds },
    { key: 'why', title: 'What went wrong', wide: true, cell: (job) => cut(clean(job.error?.message.split('\n')[0] ?? job.reason ?? ''), 120) },
  ];
  const grid = table({
    label: 'Jobs', columns, id: (job) => job.id,
    empty: 'No job is here. `wrun submit CRATE` sends one, with WRUN_ADDRESS and WRUN_TOKEN set.',
  });
  listPage({
    heading: 'Jobs', root, route, signal, ready, grid,
    filters: [
      { key: 'state', label: 'State', options: states('queued', 'running', 'finished', 'cancelled', 'lost', 'quarantined') },
      { key: 'name', label: 'Name or id', placeholder: 'part of it' },
    ],
    async load({ place, filters }) {
      const wanted = filters.name.toLowerCase();
      const limit = wanted ? SEARCHED : PAGE;
      const list = await get(`jobs${query({ state: filters.state, before: place, limit })}`, { signal });
      const fits = (job) => job.id.startsWith(wanted) || jobName(job).toLowerCase().includes(wanted);
      const rows = wanted ? list.jobs.filter(fits) : list.jobs;
      grid.sayEmpty(wanted || filters.state || place
        ? 'No job here fits the filters.'
        : 'No job is here yet. `wrun submit CRATE` sends one, with WRUN_ADDRESS and WRUN_TOKEN set.');
      const words = wanted ? `${count(rows.length, 'fits', 'fit')} of ${count(list.jobs.length, 'job')} looked at` : count(rows.length, 'job');
      return { rows, next: list.next, words };
    },
  });
}
