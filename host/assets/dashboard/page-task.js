// One call: what it is, what it waits for down to what really runs, or what it failed with down to the first cause.

import { ApiError, get } from './api.js';
import { badge, el, every, facts } from './dom.js';
import { blockedOn, bytes, callName, clean, cleanLines, count, cut, group, moment, ms, ns, rate, splitId, words } from './format.js';
import { wholeError } from './error.js';
import { taskName, taskState } from './page-tasks.js';
import { address } from './router.js';
import { parts } from './timeline.js';

/** The page. */
export function show({ root, route, signal, ready, title }) {
  const id = splitId(route.id);
  const heading = el('h1', { class: 'guest' }, id ? `Task #${id.number}` : 'Task not found');
  const problem = el('div');
  const list = facts();
  const rest = el('div');
  const up = el('p', {});
  if (id) up.append('Of job ', el('a', { href: address('jobs', id.job) }, id.job), '.');
  else up.append('This is no id of a task: those have 32 digits. ', el('a', { href: address('tasks') }, 'The list of tasks'), ' links to each.');
  list.root.hidden = true;
  root.append(heading, up, problem, list.root, rest);
  title(heading.textContent);
  if (!id) return ready();
  let shown = '';
  let last = null;
  // Nothing is known of it, and nothing will be.
  let isGone = false;
  return void every(() => (isGone || last?.ended ? null : 2_000), signal, problem, async () => {
    try {
      last = await get(`tasks/${route.id}`, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) {
        if (!signal.aborted) ready();
        throw error;
      }
      if (signal.aborted) return;
      isGone = true;
      list.root.hidden = true;
      rest.replaceChildren(gone(error, id));
      shown = '';
      return ready();
    }
    if (signal.aborted) return;
    const task = last.tasks[0]?.task;
    const named = task ?? last.ended;
    if (named) {
      heading.textContent = taskName(named);
      title(taskName(named));
      list.root.hidden = false;
      list.show(task ? factsOf(task) : factsOfSpan(last.ended, route.id));
    }
    const text = JSON.stringify([last.error, last.causes, last.cycle, last.tasks.map((one) => [one.task.id, one.task.state, one.waits, one.left_out])]);
    if (text !== shown) {
      shown = text;
      rest.replaceChildren(...details(last, id));
    }
    ready();
  });
}

function gone(error, id) {
  const link = (tab, text) => el('a', { href: address('jobs', id.job, tab) }, text);
  return el('div', { class: 'message empty' },
    el('p', {}, 'Task not found: ', clean(error.message), '.'),
    el('p', { class: 'help' }, 'A call that ended is in its job’s ', link('timeline', 'timeline'), ', if it is among those that are kept there, and is counted in the ',
      link('summary', 'summary'), '. Of calls that failed the last 1,000 are kept whole until their job ends; its ', link('errors', 'errors'), ' are counted by kind.'));
}

function parentOf(id) {
  const parent = splitId(id);
  return parent ? [['Made by', { text: `#${parent.number}`, href: address('tasks', id) }]] : [];
}

function factsOf(task) {
  const list = [
    ['State', taskState(task)], ['Kind', words(task.kind)], ['Attempt', group(task.attempt + 1)],
    ['Made', moment(task.created_at)], ['Queued for', ms(task.queued_ms)],
  ];
  if (task.started_at != null) list.push(['Began', moment(task.started_at)]);
  if (task.run_ms != null) list.push(['Ran for', ms(task.run_ms)]);
  if (task.ended_at != null) list.push(['Ended', moment(task.ended_at)]);
  list.push(...parentOf(task.parent));
  if (task.actor) list.push(['Actor', task.actor]);
  list.push(['Tenant', clean(task.tenant)], ['Id', task.id]);
  return list;
}

/** Of a call that ended: its last attempt, from the timeline. */
function factsOfSpan(span, id) {
  const { ran, blocked, queued } = parts(span);
  const list = [
    ['State', span.error ? badge('failed', `failed: ${words(span.error)}`) : badge('finished')], ['Kind', words(span.kind)], ['Attempt', group(span.attempt + 1)],
    ['Queued for', ns(queued)], ['Began after', ns(span.begun_ns)], ['Ran for', ns(ran)], ['Blocked for', ns(blocked)], ['Processor time', ns(span.cpu_ns)],
    ['Memory', bytes(span.memory_bytes)],
  ];
  if (span.worker != null) list.push(['Worker', group(span.worker)]);
  if (span.slot != null) list.push(['Slot', group(span.slot)]);
  if (span.parent) list.push(...parentOf(id.slice(0, 16) + BigInt(span.parent).toString(16).padStart(16, '0')));
  list.push(['Id', id]);
  return list;
}

const BY = {
  argument: 'whose result was to be an argument',
  call: 'whose result it asked for, and passed the error on',
  actor: 'of which the actor died',
};

function details(why, id) {
  const sections = [];
  if (why.error) sections.push(el('h2', {}, 'Why it failed'), wholeError(why.error, 'Why it failed'));
  if (why.causes?.length) {
    const steps = why.causes.map((cause, at) => {
      const name = el('a', { href: address('tasks', cause.id), class: 'guest' }, cut(`${callName(cause.name)}#${splitId(cause.id)?.number ?? ''}`, 60));
      const error = cause.error ? wholeError(cause.error, `Cause ${at + 1}`) : el('p', { class: 'muted' }, 'Its error is not kept any more.');
      return el('li', {}, el('p', {}, 'From ', name, `, ${BY[cause.by] ?? words(cause.by)}`), error);
    });
    sections.push(el('h2', {}, 'Where the error came from'), el('ol', { class: 'causes' }, steps));
  }
  if (why.cycle?.length) {
    const ring = why.cycle.map((one) => `#${splitId(one)?.number ?? ''}`);
    sections.push(el('div', { class: 'message error' }, el('p', {}, `These wait for each other in a ring, so none of them goes on: ${[...ring, ring[0]].join(' → ')}.`)));
  }
  const [first] = why.tasks;
  if (first && !why.error) {
    sections.push(el('h2', {}, 'What it waits for'));
    if (first.waits.length > 0) sections.push(chain(why.tasks));
    else sections.push(el('p', {}, first.task.state === 'running' ? 'Nothing: it runs.' : 'Nothing that is known of.'));
  }
  if (why.tasks.length === 0 && why.ended?.after?.length) {
    const links = why.ended.after.flatMap((number, at) => [at > 0 ? ', ' : '', el('a', { href: address('tasks', id.job + BigInt(number).toString(16).padStart(16, '0')) }, `#${number}`)]);
    sections.push(el('p', {}, 'It took the results of ', links, '.'));
  }
  return sections;
}

/** What a call waits for, and what that waits for, as lists in lists; each call once. */
function chain(tasks) {
  const byId = new Map(tasks.map((one) => [one.task.id, one]));
  const told = new Set();
  const item = (one) => {
    told.add(one.task.id);
    const list = el('ul', { class: 'chain' });
    for (const wait of one.waits) {
      const line = el('li', {}, waitText(wait));
      const next = byId.get(wait.task);
      if (wait.task) {
        const name = next ? taskName(next.task) : `#${splitId(wait.task)?.number ?? ''}`;
        line.append(' ', el('a', { href: address('tasks', wait.task), class: 'guest' }, cut(name, 60)));
        if (next) {
          const state = taskState(next.task);
          line.append(' ', el('span', { class: 'badge', 'data-state': state.state }, state.text));
        }
      }
      if (next && !told.has(wait.task)) line.append(item(next));
      list.append(line);
    }
    if (one.left_out > 0) list.append(el('li', { class: 'muted' }, `and ${group(one.left_out)} more`));
    if (one.enough != null) list.append(el('li', { class: 'muted' }, `it goes on when ${group(one.enough)} of them are there`));
    if (one.deeper) list.append(el('li', { class: 'muted' }, 'the chain goes on: open that call to see more'));
    return list;
  };
  return item(tasks[0]);
}

/** One thing that a call waits for, in words. Pure. */
export function waitText(wait) {
  switch (wait.on) {
    case 'object': return wait.task ? 'the result of' : 'an object that nobody makes';
    case 'stream': return 'the next item of the stream of';
    case 'actor': {
      const name = wait.name ? ` “${cut(clean(wait.name), 60)}”` : '';
      const now = wait.task ? ', which now runs' : '';
      return `its actor ${cut(callName(wait.class), 60)}${name} (${words(wait.state)}, ${count(wait.queued_calls, 'call')} in its mailbox)${now}`;
    }
    case 'before': return 'an earlier call of the same caller:';
    case 'slot':
      return `${wait.needs === 1 ? 'a slot' : `${rate(wait.needs)} slots`}: its tenant has ${rate(wait.slots)}, ${rate(wait.free)} of them free; ${group(wait.queued_in_job)} calls of its job wait so, ${group(wait.queued_in_tenant)} of its tenant`;
    case 'request': return 'its turn among its tenant’s HTTP requests';
    case 'room': return `room (${words(wait.resource)})${wait.message ? `: ${cleanLines(wait.message)}` : ''}`;
    case 'reader': return `a reader of its stream, of which ${count(wait.unread, 'item')} are not read`;
    case 'disk': return 'the disk';
    default: return blockedOn(wait.on);
  }
}
