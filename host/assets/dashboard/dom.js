// Pieces of pages. Text goes in as text, never as HTML; what is there already is changed in place, so that focus, selection and
// scrolling stay.

import { clean } from './format.js';
import { ApiError } from './api.js';

/** An element: `el('a', {href, class, onclick}, child, 'text')`. */
export function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** The same for SVG. */
export function svg(name, props = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

/** Sets the text if it is another one. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let lastId = 0;

/** An id that no other element has. */
export function freshId(what) {
  lastId += 1;
  return `${what}-${lastId}`;
}

/** A form's field with its label. */
export function field(label, input) {
  if (!input.id) input.id = freshId('field');
  return el('div', { class: 'field' }, el('label', { for: input.id }, label), input);
}

/** A list to choose from. */
export function choice(options, chosen, onchange) {
  const select = el('select', { onchange: () => onchange(select.value) });
  for (const [value, text] of options) {
    const option = el('option', { value }, text);
    option.selected = value === (chosen ?? '');
    select.append(option);
  }
  return select;
}

/** What is shown in a place while there is nothing: words, or an error with what to do. */
export function message(kind, text, help) {
  const lines = [el('p', {}, text)];
  if (help) lines.push(el('p', { class: 'help' }, help));
  return el('div', { class: `message ${kind}`, role: kind === 'error' ? 'alert' : null }, lines);
}

/** An error in words. */
export function errorMessage(error) {
  const help = error instanceof ApiError ? error.help : null;
  return message('error', clean(error.message), help ? clean(help) : null);
}

/** Tells something for a moment, also to those who only hear it. */
export function notice(text) {
  const place = document.getElementById('notices');
  const line = el('p', {}, text);
  place.append(line);
  setTimeout(() => line.remove(), 6000);
}

/** A region that scrolls by itself, and by keys. */
export function region(label, child, name = 'scroll') {
  return el('div', { class: name, role: 'region', 'aria-label': label, tabindex: '0' }, child);
}

/** A bar of how much is used; numbers stand beside it. */
export function bar(part) {
  const inner = el('i');
  const outer = el('span', { class: 'bar', 'aria-hidden': 'true' }, inner);
  setBar(outer, part);
  return outer;
}

/** Changes a bar. */
export function setBar(outer, part) {
  const used = Math.min(1, Math.max(0, part || 0));
  outer.firstChild.style.width = `${(100 * used).toFixed(1)}%`;
  outer.classList.toggle('much', used >= 0.9);
}

/** The dot and word of a state. */
export function badge(state, text) {
  return { kind: 'badge', state, text: text ?? clean(state).replace(/_/g, ' ') };
}

/** Puts a cell's content there: a text, or `{text, href, kind, title, class}`. */
function fill(cell, content) {
  const what = content == null ? { text: '' } : typeof content === 'object' ? content : { text: String(content) };
  const kind = what.kind ?? (what.href ? 'link' : 'text');
  if (cell.dataset.kind !== kind) {
    cell.dataset.kind = kind;
    cell.textContent = '';
    if (kind === 'link') cell.append(el('a'));
    else if (kind === 'badge') cell.append(el('span', { class: 'badge' }));
    else if (kind === 'bar') cell.append(el('span', { class: 'number' }), bar(0));
  }
  if (kind === 'link') {
    const link = cell.firstChild;
    if (link.getAttribute('href') !== what.href) link.setAttribute('href', what.href);
    setText(link, what.text);
  } else if (kind === 'badge') {
    if (cell.firstChild.dataset.state !== what.state) cell.firstChild.dataset.state = what.state;
    setText(cell.firstChild, what.text);
  } else if (kind === 'bar') {
    setText(cell.firstChild, what.text);
    setBar(cell.lastChild, what.part);
  } else {
    setText(cell, what.text);
  }
  const title = what.title ?? '';
  if (cell.title !== title) cell.title = title;
}

// More rows are not made at once.
const MOST_ROWS = 500;

/**
 * A table that is changed in place. Columns are `{key, title, cell(row), num, sort(row), wide}`; rows are told apart by `id`.
 * `sort` is `{key, down}` or nothing. `show(rows)` gives how many were left out.
 */
export function table({ label, columns, id, empty, sort = null, most = MOST_ROWS, onSort }) {
  const body = el('tbody');
  const head = el('tr');
  const buttons = new Map();
  let rows = [];
  let order = sort;
  const made = new Map();
  const none = message('empty', empty);
  for (const column of columns) {
    const th = el('th', { scope: 'col', class: column.num ? 'num' : null });
    if (column.sort) {
      const arrow = el('span', { class: 'arrow', 'aria-hidden': 'true' });
      const button = el('button', { type: 'button', class: 'sort', onclick: () => turn(column) }, column.title, arrow);
      buttons.set(column.key, { th, arrow });
      th.append(button);
    } else {
      th.append(column.title);
    }
    head.append(th);
  }
  const grid = el('table', {}, el('caption', { class: 'unseen' }, label), el('thead', {}, head), body);
  const scroll = region(label, grid);
  const root = el('div', { class: 'table' }, scroll, none);

  function turn(column) {
    const down = order?.key === column.key ? !order.down : Boolean(column.num);
    order = { key: column.key, down };
    onSort?.(order);
    show(rows);
  }

  function sorted(all) {
    for (const [key, { th, arrow }] of buttons) {
      const is = order?.key === key;
      if (is) th.setAttribute('aria-sort', order.down ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
      setText(arrow, is ? (order.down ? ' ▼' : ' ▲') : '');
    }
    const column = order && columns.find(({ key }) => key === order.key);
    if (!column) return all;
    const by = (row) => column.sort(row);
    const sign = order.down ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [by(a), by(b)];
      // What has no value stands at the end, either way.
      if (x == null || y == null) return (x == null) - (y == null);
      return sign * (typeof x === 'string' ? x.localeCompare(y) : x - y);
    };
    return [...all].sort(compare);
  }

  function show(all) {
    rows = all;
    const shown = sorted(all).slice(0, most);
    const wanted = new Set(shown.map(id));
    for (const [key, row] of made) {
      if (!wanted.has(key)) {
        row.remove();
        made.delete(key);
      }
    }
    let before = null;
    for (const item of shown) {
      const key = id(item);
      let row = made.get(key);
      if (!row) {
        row = el('tr');
        columns.forEach((column, at) => {
          const cell = at === 0 ? el('th', { scope: 'row' }) : el('td');
          cell.className = [column.num ? 'num' : '', column.wide ? 'wide' : ''].join(' ').trim();
          row.append(cell);
        });
        made.set(key, row);
      }
      columns.forEach((column, at) => fill(row.children[at], column.cell(item)));
      // A row that stands where it should is not moved: moving takes the focus away.
      const next = before ? before.nextSibling : body.firstChild;
      if (next !== row) body.insertBefore(row, next);
      before = row;
    }
    scroll.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
    return all.length - shown.length;
  }

  /** What is said when there are no rows. */
  function sayEmpty(text) {
    setText(none.firstChild, text);
  }

  return { root, show, sayEmpty, get order() { return order; } };
}

/** A list of facts, changed in place: `facts.show([[name, content], …])`. */
export function facts() {
  const list = el('dl', { class: 'facts' });
  const made = new Map();
  function show(pairs) {
    const wanted = new Set(pairs.map(([name]) => name));
    for (const [name, pair] of made) {
      if (!wanted.has(name)) {
        pair.remove();
        made.delete(name);
      }
    }
    let before = null;
    for (const [name, content] of pairs) {
      let pair = made.get(name);
      if (!pair) {
        pair = el('div', {}, el('dt', {}, name), el('dd'));
        made.set(name, pair);
      }
      fill(pair.lastChild, content);
      const next = before ? before.nextSibling : list.firstChild;
      if (next !== pair) list.insertBefore(pair, next);
      before = pair;
    }
  }
  return { root: list, show };
}

/**
 * Does something at once and again and again while the page is seen, until `signal` says to stop. `place` shows what goes
 * wrong; it goes on nevertheless, more slowly.
 */
export function every(period, signal, place, work) {
  let timer = null;
  let busy = false;
  let failed = 0;
  let again = false;
  async function turn() {
    clearTimeout(timer);
    timer = null;
    if (signal.aborted) return;
    if (busy) {
      again = true;
      return;
    }
    if (document.hidden) return;
    busy = true;
    again = false;
    try {
      await work();
      failed = 0;
      if (!signal.aborted) place?.replaceChildren();
    } catch (error) {
      if (!signal.aborted && error.name !== 'AbortError') {
        failed += 1;
        if (!(error instanceof ApiError)) console.error(error);
        place?.replaceChildren(errorMessage(error));
      }
    }
    busy = false;
    const wait = typeof period === 'function' ? period() : period;
    if (signal.aborted || wait == null) return;
    timer = setTimeout(turn, again ? 0 : wait * Math.min(8, 1 + failed));
  }
  const seen = () => {
    if (!document.hidden) turn();
  };
  document.addEventListener('visibilitychange', seen, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  turn();
  return turn;
}

/** Buttons for pages of a list whose next place the server tells. */
export function pager(onTurn) {
  const back = el('button', { type: 'button', onclick: () => turn(-1) }, 'Previous');
  const next = el('button', { type: 'button', onclick: () => turn(1) }, 'Next');
  const text = el('span', { class: 'muted' });
  const root = el('div', { class: 'pager', role: 'group', 'aria-label': 'Pages of the list' }, back, next, text);
  let places = [null];
  let following = null;
  function turn(by) {
    if (by > 0 && following) places.push(following);
    else if (by < 0 && places.length > 1) places.pop();
    onTurn();
  }
  return {
    root,
    get place() { return places[places.length - 1]; },
    reset() { places = [null]; },
    show(nextPlace, words) {
      following = nextPlace ?? null;
      back.disabled = places.length === 1;
      next.disabled = following == null;
      root.hidden = false;
      setText(text, `Page ${places.length}${words ? ` · ${words}` : ''}`);
    },
  };
}

/** Asks before something that can't be undone; the answer is whether to do it. */
export function confirm({ title, text, yes, no }) {
  return new Promise((resolve) => {
    const id = freshId('dialog');
    const done = (answer) => () => {
      resolve(answer);
      dialog.close();
    };
    const keep = el('button', { type: 'button', onclick: done(false) }, no);
    const go = el('button', { type: 'button', class: 'danger', onclick: done(true) }, yes);
    const dialog = el('dialog', { 'aria-labelledby': id },
      el('h2', { id }, title), el('p', {}, text), el('div', { class: 'actions' }, keep, go));
    dialog.addEventListener('close', () => {
      resolve(false);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    keep.focus();
  });
}

/** Waits a little before it does what is asked for again and again, as by typing. */
export function later(wait, work) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, wait);
  };
}
