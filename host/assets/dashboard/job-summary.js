// The numbers of each function that a job called.

import { get } from './api.js';
import { el, every, table } from './dom.js';
import { bytes, callName, count, cut, group, ns } from './format.js';

/** The tab. */
export function show({ root, signal, job, ready }) {
  const number = (key, title, of, text) => ({ key, title, num: true, cell: (row) => text(of(row)), sort: of });
  const columns = [
    { key: 'name', title: 'Function', cell: (row) => cut(callName(row.name), 60), sort: (row) => callName(row.name) },
    number('count', 'Count', (row) => row.count, group),
    { key: 'failed', title: 'Failed', num: true, cell: (row) => (row.failed > 0 ? { kind: 'badge', state: 'failed', text: group(row.failed) } : '0'), sort: (row) => row.failed },
    number('queued50', 'Queued p50', (row) => row.queued.p50_ns, ns),
    number('queued99', 'Queued p99', (row) => row.queued.p99_ns, ns),
    number('run50', 'Run p50', (row) => row.run.p50_ns, ns),
    number('run99', 'Run p99', (row) => row.run.p99_ns, ns),
    number('blocked50', 'Blocked p50', (row) => row.blocked.p50_ns, ns),
    number('blocked99', 'Blocked p99', (row) => row.blocked.p99_ns, ns),
    number('cpu', 'CPU', (row) => row.cpu_ns, ns),
    number('memory', 'Peak memory', (row) => row.peak_memory_bytes, bytes),
  ];
  const grid = table({ label: 'Summary by function', columns, id: (row) => row.name, empty: 'No call has ended yet.', sort: { key: 'cpu', down: true } });
  const problem = el('div');
  const note = el('p', { class: 'muted' }, 'All attempts that ended are counted, none left out. Run is from begin to end, blocked time included. p50: half took no longer; p99: 99 of 100 took no longer. Times are within 12 %.');
  const all = el('p', { class: 'muted' });
  let seen = false;
  root.append(el('h2', {}, 'Summary by function'), note, problem, grid.root, all);
  every(() => (seen ? null : 2_000), signal, problem, async () => {
    const ended = job.isEnded;
    let summary = { functions: [] };
    try {
      if (job.view.started_at != null) summary = await get(`jobs/${job.id}/summary`, { signal });
    } finally {
      if (!signal.aborted) ready();
    }
    if (signal.aborted) return;
    grid.show(summary.functions);
    const attempts = summary.functions.reduce((sum, row) => sum + row.count, 0);
    all.textContent = `${count(summary.functions.length, 'function')}, ${count(attempts, 'attempt')}.`;
    seen = ended;
  });
}
