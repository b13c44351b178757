// What failed in a job, and why.

import { ApiError, get, getPage } from './api.js';
import { badge, el, errorMessage, every, message, setText, table } from './dom.js';
import { age, callName, clean, count, cut, group, moment, ns, taskId, words } from './format.js';
import { wholeError } from './error.js';
import { taskName } from './page-tasks.js';
import { address } from './router.js';

/** Failed calls that are listed. */
const MOST = 200;

/** Failed attempts by function and kind of error, the most first. Pure. */
export function kinds(spans) {
  const all = new Map();
  for (const span of spans) {
    if (!span.error) continue;
    const key = `${span.name}\n${span.error}`;
    const kind = all.get(key) ?? { key, name: span.name, error: span.error, count: 0, first: span, last: span };
    kind.count += 1;
    kind.last = span;
    all.set(key, kind);
  }
  return [...all.values()].sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
}

/** The tab. */
export function show({ root, signal, job, ready }) {
  const own = el('div');
  let ownShown = '';
  const problem = el('div');
  const none = message('empty', 'Nothing failed.');
  none.hidden = true;
  const list = el('ul', { class: 'errors' });
  const listHead = el('h3', { hidden: true }, 'Calls that failed');
  const listNote = el('p', { class: 'muted' });
  const kindTable = table({
    label: 'Failed attempts by function and kind', empty: '', id: (row) => row.key, sort: { key: 'count', down: true },
    columns: [
      { key: 'name', title: 'Function', cell: (row) => cut(callName(row.name), 60), sort: (row) => callName(row.name) },
      { key: 'error', title: 'Error', cell: (row) => badge('failed', words(row.error)), sort: (row) => row.error },
      { key: 'count', title: 'Attempts', num: true, cell: (row) => group(row.count), sort: (row) => row.count },
      { key: 'first', title: 'First', cell: (row) => ({ text: `#${row.first.number}`, href: address('tasks', taskId(job.id, row.first.number)), title: `ended at ${ns(row.first.ended_ns)}` }) },
      { key: 'last', title: 'Last', cell: (row) => ({ text: `#${row.last.number}`, href: address('tasks', taskId(job.id, row.last.number)), title: `ended at ${ns(row.last.ended_ns)}` }) },
    ],
  });
  const kindHead = el('h3', { hidden: true }, 'By function and kind');
  const kindNote = el('p', { class: 'muted' });
  kindTable.root.hidden = true;
  root.append(el('h2', {}, 'Errors'), problem, none, own, kindHead, kindNote, kindTable.root, listHead, listNote, list);
  const made = new Map();

  every(() => (job.isEnded && job.errorsSeen ? null : 2_500), signal, problem, async () => {
    const isEnded = job.isEnded;
    let tasks = { tasks: [], next: null };
    let trace = null;
    try {
      [tasks, trace] = await Promise.all([
        getPage('tasks', { job: job.id, state: 'failed,cancelled', limit: MOST }, 'tasks', { signal }).catch(nothing(tasks)),
        job.trace(signal).catch(nothing(null)),
      ]);
    } finally {
      if (!signal.aborted) ready();
    }
    if (signal.aborted) return;
    job.errorsSeen = isEnded;
    const error = job.view?.error;
    const text = JSON.stringify(error ?? null);
    if (text !== ownShown) {
      ownShown = text;
      own.replaceChildren(...(error ? [el('h3', {}, 'The job’s error'), wholeError(error, 'The job’s error')] : []));
    }
    const found = trace ? kinds(trace.spans) : [];
    kindHead.hidden = found.length === 0;
    kindTable.root.hidden = found.length === 0;
    kindTable.show(found);
    const all = trace ? trace.functions.reduce((sum, row) => sum + row.failed, 0) : 0;
    const seen = found.reduce((sum, row) => sum + row.count, 0);
    setText(kindNote, all > seen ? `${count(all, 'attempt')} failed; ${group(seen)} of them are in the kept part of the timeline and counted here.` : '');
    listed(tasks.tasks);
    listHead.hidden = tasks.tasks.length === 0;
    setText(listNote, tasks.next ? `The first ${group(tasks.tasks.length)} are listed; the tab Tasks has all that are kept.` : '');
    if (tasks.tasks.length === 0 && found.length > 0 && job.isEnded) {
      setText(listNote, 'What each call said is kept until its job ends, and then only in the job’s error and output.');
    }
    none.hidden = Boolean(error) || found.length > 0 || tasks.tasks.length > 0 || all > 0;
    setText(none.firstChild, job.isEnded ? (trace ? 'Nothing failed.' : 'The job has no error. How its calls ended is not kept any more.') : 'Nothing has failed so far.');
  });

  function listed(tasks) {
    const wanted = new Set(tasks.map((task) => task.id));
    for (const [id, item] of made) {
      if (!wanted.has(id)) {
        item.remove();
        made.delete(id);
      }
    }
    for (const task of tasks) {
      if (made.has(task.id)) continue;
      const item = failedCall(task, signal);
      made.set(task.id, item);
      list.append(item);
    }
    list.hidden = tasks.length === 0;
  }
}

function nothing(instead) {
  return (error) => {
    if (error instanceof ApiError && error.status === 404) return instead;
    throw error;
  };
}

/** A call that failed; all of its error is asked for when it is opened. */
function failedCall(task, signal) {
  const place = el('div');
  const summary = el('summary', {}, el('span', { class: 'guest' }, cut(taskName(task), 60)), ' ',
    el('span', { class: 'badge', 'data-state': 'failed' }, words(task.error?.kind ?? task.state)), ' ',
    el('span', { class: 'guest' }, cut(clean(task.error?.message ?? ''), 160)));
  const details = el('details', {}, summary, place);
  let asked = false;
  details.addEventListener('toggle', async () => {
    if (!details.open || asked) return;
    asked = true;
    place.replaceChildren(el('p', { class: 'muted' }, 'Loading…'));
    const link = el('p', {}, el('a', { href: address('tasks', task.id) }, `All of ${cut(taskName(task), 60)}`), ` · ended ${moment(task.ended_at)} (${age(task.ended_at, Date.now())})`);
    try {
      const found = await get(`tasks/${task.id}`, { signal });
      const error = found.error ?? found.task?.error ?? task.error;
      place.replaceChildren(wholeError(error, taskName(task)), link);
    } catch (error) {
      if (signal.aborted) return;
      asked = error.status === 404;
      place.replaceChildren(asked && task.error ? wholeError(task.error, taskName(task)) : errorMessage(error), link);
    }
  });
  return el('li', {}, details);
}
