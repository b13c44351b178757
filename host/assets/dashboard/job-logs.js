// What a job prints, as it comes.

import { choice, el, errorMessage, field, later, message, region, setText } from './dom.js';
import { bytes, callName, cleanLines, count, group } from './format.js';
import { Lines, fits, lineOf } from './lines.js';
import { followWhileSeen } from './live.js';

/** Lines on the page at once. */
const SHOWN = 500;
/** Characters of one line that are shown. */
const LONG = 4_000;

/** The tab. */
export function show({ root, signal, job, ready }) {
  const lines = new Lines();
  let wanted = { text: '', stream: '' };
  let matching = [];
  let ended = false;
  let last = null;
  // The place of the first line that is shown among those that match; nothing: the newest are.
  let from = null;
  const problem = el('div');
  const said = el('p', { class: 'muted', role: 'status' });
  const list = el('ol', { class: 'log' });
  const scroll = region('Output', list, 'scroll log-frame');
  const none = message('empty', 'Nothing was printed yet.');
  const following = el('input', { type: 'checkbox', id: 'follow', checked: true });
  const search = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'text or call' });
  const streams = choice([['', 'both'], ['stdout', 'stdout'], ['stderr', 'stderr']], '', (stream) => {
    wanted = { ...wanted, stream };
    again();
  });
  const typed = later(200, () => {
    wanted = { ...wanted, text: search.value.toLowerCase() };
    again();
  });
  search.addEventListener('input', typed);
  const older = el('button', { type: 'button', onclick: () => move(-1) }, 'Older');
  const newer = el('button', { type: 'button', onclick: () => move(1) }, 'Newer');
  following.addEventListener('change', () => {
    from = following.checked ? null : first;
    render();
  });
  // Who scrolls up stays there, who scrolls down to the end goes on following.
  let top = 0;
  scroll.addEventListener('scroll', () => {
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 2;
    const down = scroll.scrollTop > top;
    top = scroll.scrollTop;
    if (following.checked && !atEnd) {
      following.checked = false;
      from = first;
    } else if (!following.checked && atEnd && down && (from ?? 0) + SHOWN >= matching.length) {
      following.checked = true;
      from = null;
    }
  });
  const where = el('span', { class: 'muted' });
  root.append(el('h2', {}, 'Logs'),
    el('form', { class: 'filters', role: 'search', 'aria-label': 'Search in the logs', onsubmit: (event) => event.preventDefault() },
      field('Search', search), field('Stream', streams), el('div', { class: 'check' }, following, el('label', { for: 'follow' }, 'Follow'))),
    problem, said, none, scroll, el('div', { class: 'pager', role: 'group', 'aria-label': 'Pages of the output' }, older, newer, where));
  scroll.hidden = true;

  function again() {
    matching = lines.kept.filter((entry) => fits(entry, wanted));
    from = null;
    following.checked = true;
    list.replaceChildren();
    render();
  }

  function move(by) {
    const start = from ?? Math.max(0, matching.length - SHOWN);
    from = Math.max(0, Math.min(start + by * SHOWN, matching.length - SHOWN));
    following.checked = by > 0 && from + SHOWN >= matching.length;
    if (following.checked) from = null;
    list.replaceChildren();
    render();
    if (!following.checked) scroll.scrollTop = 0;
  }

  // What the first line of the list is among those that match.
  let first = 0;
  let queued = false;
  function soon() {
    if (queued) return;
    queued = true;
    setTimeout(() => {
      queued = false;
      if (signal.aborted) return;
      render();
      ready();
    }, 100);
  }

  function render() {
    const start = from ?? Math.max(0, matching.length - SHOWN);
    const end = Math.min(matching.length, start + SHOWN);
    // Lines that are there stay, so that what is selected does.
    if (list.children.length === 0 || start < first || start > first + list.children.length) {
      list.replaceChildren();
      first = start;
    }
    while (first < start && list.firstChild) {
      list.firstChild.remove();
      first += 1;
    }
    for (let at = first + list.children.length; at < end; at += 1) list.append(line(matching[at]));
    none.hidden = matching.length > 0;
    scroll.hidden = matching.length === 0;
    setText(none.firstChild, lines.kept.length > 0 ? 'No line fits the search.' : ended ? 'It printed nothing, or nothing that is kept.' : 'Nothing was printed yet.');
    if (following.checked) scroll.scrollTop = scroll.scrollHeight;
    older.disabled = start === 0;
    newer.disabled = end >= matching.length;
    setText(where, matching.length > 0 ? `Lines ${group(start + 1)} to ${group(end)} of ${group(matching.length)}` : '');
    tell();
  }

  function tell() {
    const parts = [count(lines.kept.length, 'line')];
    if (wanted.text || wanted.stream) parts.push(`${group(matching.length)} of them fit`);
    const dropped = Math.max(lines.dropped, job.view?.logs.dropped_lines ?? 0);
    if (dropped > 0) {
      const size = job.view?.logs.dropped_bytes ? ` (${bytes(job.view.logs.dropped_bytes)})` : '';
      parts.push(`${count(dropped, 'earlier line')}${size} dropped: the server keeps the end of the output`);
    }
    if (lines.forgotten > 0) parts.push(`${group(lines.forgotten)} more are not kept on this page`);
    parts.push(ended ? 'the job has ended' : 'more may come');
    setText(said, `${parts.join('; ')}.`);
  }

  function hear({ event, data, id }) {
    if (signal.aborted) return;
    if (event === 'line') {
      const entry = lineOf(JSON.parse(data));
      if (id != null) last = Number(id);
      lines.add(entry);
      if (fits(entry, wanted)) matching.push(entry);
      if (matching.length > 60_000) matching = lines.kept.filter((one) => fits(one, wanted));
      soon();
    } else if (event === 'dropped') {
      lines.dropped += JSON.parse(data).lines;
      soon();
    } else if (event === 'end') {
      ended = true;
      soon();
    }
  }

  followWhileSeen({
    path: () => `jobs/${job.id}/logs?follow=true${last == null ? '' : `&from=${last + 1}`}`,
    signal, onEvent: hear, isDone: () => ended,
    onOpen: () => {
      problem.replaceChildren();
      soon();
    },
    onError: (error) => {
      problem.replaceChildren(errorMessage(error));
      ready();
    },
  });
}

function line(entry) {
  const text = cleanLines(entry.shown);
  const long = text.length > LONG;
  const item = el('li', { class: entry.stream === 'stderr' ? 'stderr' : null });
  item.append(
    el('span', { class: 'stream' }, entry.stream === 'stderr' ? 'err' : 'out'),
    el('span', { class: 'call guest' }, entry.startsLine ? callName(entry.who) : '…'),
    el('span', { class: 'text guest' }, long ? `${text.slice(0, LONG)}… (${group(text.length - LONG)} more characters)` : text));
  return item;
}
