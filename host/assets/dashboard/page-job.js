// A job: what it is, how it goes, and its parts.

import { get, post } from './api.js';
import { confirm, el, every, facts, notice } from './dom.js';
import { bytes, callName, clean, cleanLines, count, cut, group, moment, ms, seconds, words } from './format.js';
import { jobName, jobState, jobTime } from './page-jobs.js';
import { wholeError } from './error.js';
import { taskList } from './page-tasks.js';
import { TABS, address } from './router.js';
import * as timeline from './job-timeline.js';
import * as graph from './job-graph.js';
import * as summary from './job-summary.js';
import * as logs from './job-logs.js';
import * as errors from './job-errors.js';

const PARTS = { timeline, graph, summary, logs, tasks: { show: livingTasks }, errors };
const TITLES = { timeline: 'Timeline', graph: 'Graph', summary: 'Summary', logs: 'Logs', tasks: 'Tasks', errors: 'Errors' };

/** A job's calls that live or failed. */
function livingTasks({ root, signal, job, ready, who, route }) {
  taskList({ root, signal, ready, who, route, job: job.id, level: 'h2', period: () => (job.isEnded ? null : 2_000) });
}

/** Of a job that has not begun. */
const NOTHING = { spans: [], functions: [], one_of: 1, left_out: 0 };

/** What the parts of the page share. */
class Job {
  view = null;
  /** The trace has all that it will have. */
  traceIsWhole = false;
  errorsSeen = false;
  #trace = null;
  #asked = null;

  constructor(id) {
    this.id = id;
  }

  get isEnded() {
    return this.view != null && !['queued', 'running'].includes(this.view.state);
  }

  /** What its calls did: asked for once by all who want it at the same time, and not again when it can't change. */
  async trace(signal) {
    if (this.traceIsWhole && this.#trace) return this.#trace;
    if (this.view?.started_at == null) return NOTHING;
    const isEnded = this.isEnded;
    this.#asked ??= get(`jobs/${this.id}/trace`).finally(() => {
      this.#asked = null;
    });
    const trace = await this.#asked;
    signal?.throwIfAborted();
    this.#trace = trace;
    if (isEnded) this.traceIsWhole = true;
    return trace;
  }
}

/** The page. */
export function show({ root, route, signal, ready, who, title }) {
  const job = new Job(route.id);
  const heading = el('h1', {}, `Job ${clean(route.id)}`);
  const cancel = el('button', { type: 'button', class: 'danger', hidden: true, onclick: () => askToCancel(job, heading.textContent, () => look()) }, 'Cancel the job');
  const problem = el('div');
  const list = facts();
  const wrong = el('div');
  const part = el('div', { class: 'part' });
  const tabs = el('nav', { class: 'tabs', 'aria-label': 'Parts of the job', hidden: true });
  for (const tab of TABS) tabs.append(el('a', { href: address('jobs', route.id, tab), 'data-to': tab }, TITLES[tab]));
  root.append(el('div', { class: 'head' }, heading, cancel), problem, list.root, wrong, tabs, part);
  let now = route;
  let stopPart = null;
  let wrongShown = '';
  let gone = false;

  const look = every(() => (gone ? null : job.isEnded ? 5_000 : 1_500), signal, problem, async () => {
    try {
      job.view = await get(`jobs/${encodeURIComponent(route.id)}`, { signal });
    } catch (error) {
      if (!signal.aborted && job.view == null) {
        gone = error.status === 404;
        if (gone) heading.textContent = 'Job not found';
        ready();
      }
      throw error;
    }
    if (signal.aborted) return;
    const { view } = job;
    if (heading.textContent !== jobName(view)) heading.textContent = jobName(view);
    retitle();
    list.show(factsOf(view, who));
    cancel.hidden = job.isEnded || !who.maySubmit;
    sayWhatWentWrong();
    if (!stopPart) {
      tabs.hidden = false;
      open(now);
    }
  });

  function sayWhatWentWrong() {
    const { error, reason } = job.view;
    // The tab of errors has all of it.
    const shown = { reason, error: now.tab === 'errors' ? null : error };
    const text = JSON.stringify(shown);
    if (text === wrongShown) return;
    wrongShown = text;
    wrong.replaceChildren(...whatWentWrong(shown));
  }

  function retitle() {
    title(`${TITLES[now.tab]} · ${job.view ? jobName(job.view) : 'Job'}`);
  }

  function open(to) {
    now = to;
    if (job.view == null) {
      // What is not there has no parts, and is said already.
      if (gone) ready();
      return;
    }
    stopPart?.abort();
    stopPart = new AbortController();
    const stop = stopPart;
    signal.addEventListener('abort', () => stop.abort(), { signal: stop.signal });
    for (const link of tabs.children) {
      if (link.dataset.to === to.tab) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    retitle();
    sayWhatWentWrong();
    part.replaceChildren();
    const readyHere = () => stop.signal.aborted || ready();
    PARTS[to.tab].show({ root: part, signal: stop.signal, job, ready: readyHere, who, route: to });
  }

  return { update: open };
}

function factsOf(view, who) {
  const { stats } = view;
  const list = [
    ['State', jobState(view)],
    ['Id', view.id],
    ['Submitted', moment(view.submitted_at)],
  ];
  if (view.started_at != null) list.push(['Began', moment(view.started_at)]);
  if (view.ended_at != null) list.push(['Ended', moment(view.ended_at)]);
  if (view.started_at != null) list.push([view.ended_at == null ? 'Runs for' : 'Took', ms(jobTime(view, Date.now()))]);
  if (view.exit_code != null) list.push(['Exit code', String(view.exit_code)]);
  if (view.attempt > 1) list.push(['Attempt', group(view.attempt)]);
  if (who.isHost) list.push(['Tenant', clean(view.tenant)]);
  list.push(['Runs', view.task ? `task ${callName(view.task)}` : 'main']);
  list.push(['Module', { text: `${view.module.slice(0, 12)}…`, title: `${clean(view.module_name)} ${view.module}` }]);
  list.push(['Calls', `${group(stats.submitted)}: ${group(stats.finished)} finished, ${group(stats.failed)} failed${stats.retried ? `, ${group(stats.retried)} retried` : ''}`]);
  if (view.ended_at == null) list.push(['Now', `${group(stats.running)} run, ${group(stats.queued)} wait, ${count(stats.actors, 'actor')}`]);
  list.push(['Sandboxes', group(stats.sandboxes)]);
  list.push(['Processor time', seconds(stats.cpu_seconds)]);
  list.push(['Sandbox memory, most', bytes(stats.sandbox_bytes_peak)]);
  list.push(['Objects, most', bytes(stats.object_bytes_peak)]);
  if (stats.spilled_bytes_peak > 0) list.push(['On disk, most', bytes(stats.spilled_bytes_peak)]);
  const { logs } = view;
  list.push(['Output kept', `${bytes(logs.bytes)}${logs.dropped_bytes > 0 ? `, ${bytes(logs.dropped_bytes)} dropped` : ''}`]);
  return list;
}

function whatWentWrong({ reason, error }) {
  const parts = [];
  if (reason) parts.push(el('p', { class: 'what' }, 'It ended because ', el('span', { class: 'guest' }, cleanLines(reason)), '.'));
  if (error) {
    const line = cut(clean(error.message.split('\n')[0]), 160);
    parts.push(el('details', { class: 'wrong' },
      el('summary', {}, el('strong', {}, clean(error.code ?? '')), ` ${words(error.kind)}${error.task ? ` in ${callName(error.task)}` : ''}: `, el('span', { class: 'guest' }, line)),
      el('div', {}, wholeError(error, 'What went wrong'))));
  }
  return parts;
}

async function askToCancel(job, name, then) {
  const yes = await confirm({
    title: 'Cancel this job?', yes: 'Cancel the job', no: 'Let it run',
    text: `${name} (${job.id}) ends within a moment, and what it has not finished is lost.`,
  });
  if (!yes) return;
  try {
    await post(`jobs/${job.id}/cancel`);
    notice('The job is being cancelled.');
  } catch (error) {
    notice(`It was not cancelled: ${clean(error.message)}`);
  }
  then();
}

