// How a job's calls lie on rows, and what of them is seen at a scale. Pure.

/** Spans of what the host did have no worker. */
const HOST = Infinity;

/**
 * Puts spans on rows: for each worker (or slot) one, and more below it for what ran while another call there was blocked.
 * Spans are in the order in which they began; those of one row do not overlap.
 */
export function layout(spans, by = 'worker') {
  const groups = new Map();
  let end = 0;
  for (const span of spans) {
    const of = span[by] ?? HOST;
    if (!groups.has(of)) groups.set(of, new Rows());
    groups.get(of).add(span);
    end = Math.max(end, span.ended_ns);
  }
  const keys = [...groups.keys()].sort((a, b) => a - b);
  const lanes = [];
  for (const key of keys) {
    groups.get(key).rows.forEach((own, sub) => {
      lanes.push({ key, sub, label: sub > 0 ? '' : key === HOST ? 'host' : `${by} ${key}`, spans: own });
    });
  }
  return { lanes, end };
}

/** Rows of one worker: each span takes the lowest one that is free. */
class Rows {
  rows = [];
  // Rows in use by when they are free, and those that are free by their number.
  #busy = new Heap((a, b) => a.until - b.until);
  #free = new Heap((a, b) => a - b);

  add(span) {
    while (this.#busy.size > 0 && this.#busy.top.until <= span.begun_ns) this.#free.push(this.#busy.pop().row);
    let row;
    if (this.#free.size > 0) row = this.#free.pop();
    else row = this.rows.push([]) - 1;
    this.rows[row].push(span);
    this.#busy.push({ row, until: Math.max(span.ended_ns, span.begun_ns) });
  }
}

/** The smallest first. */
export class Heap {
  #items = [];
  #compare;

  constructor(compare) {
    this.#compare = compare;
  }

  get size() {
    return this.#items.length;
  }

  get top() {
    return this.#items[0];
  }

  push(item) {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.#compare(items[up], items[at]) <= 0) break;
      [items[up], items[at]] = [items[at], items[up]];
      at = up;
    }
  }

  pop() {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length > 0) {
      items[0] = last;
      let at = 0;
      for (;;) {
        let least = at;
        for (const down of [2 * at + 1, 2 * at + 2]) {
          if (down < items.length && this.#compare(items[down], items[least]) < 0) least = down;
        }
        if (least === at) break;
        [items[least], items[at]] = [items[at], items[least]];
        at = least;
      }
    }
    return top;
  }
}

/** The place of the first span of a row that ends after this. */
export function firstAfter(spans, time) {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].ended_ns > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * What is seen of a row between two moments, on so many pixels: single spans, and for those that are narrower than a pixel one
 * piece for each pixel, with the longest of them. Never more pieces than pixels, about.
 */
export function visible(spans, from, to, width) {
  const scale = width / (to - from);
  const pieces = [];
  let run = null;
  for (let at = firstAfter(spans, from); at < spans.length && spans[at].begun_ns <= to; at += 1) {
    const span = spans[at];
    const x0 = (span.begun_ns - from) * scale;
    const x1 = (span.ended_ns - from) * scale;
    if (x1 - x0 >= 1) {
      run = null;
      pieces.push({ x0, x1, span, count: 1, failed: span.error ? 1 : 0 });
      continue;
    }
    if (run && x1 - run.x0 < 1) {
      run.x1 = Math.max(run.x1, x1);
      run.count += 1;
      if (span.ended_ns - span.begun_ns > run.span.ended_ns - run.span.begun_ns) run.span = span;
      run.failed += span.error ? 1 : 0;
    } else {
      run = { x0, x1, span, count: 1, failed: span.error ? 1 : 0 };
      pieces.push(run);
    }
  }
  return pieces;
}

/** The span of a row at a moment, or the nearest one within a reach. */
export function spanAt(spans, time, reach) {
  const at = firstAfter(spans, time);
  let best = null;
  let distance = Infinity;
  for (const span of [spans[at - 1], spans[at]]) {
    if (!span) continue;
    const away = time < span.begun_ns ? span.begun_ns - time : Math.max(0, time - span.ended_ns);
    if (away < distance) {
      best = span;
      distance = away;
    }
  }
  return distance <= reach ? best : null;
}

/** A view of the time, moved or made wider, within what there is. */
export function clampView(view, end) {
  const most = Math.max(1, end * 1.02);
  const length = Math.min(most, Math.max(50, view.to - view.from));
  const from = Math.min(Math.max(view.from, 0), most - length);
  return { from, to: from + length };
}

/** The view after zooming by a factor around a moment. */
export function zoom(view, factor, around, end) {
  const from = around - (around - view.from) * factor;
  return clampView({ from, to: from + (view.to - view.from) * factor }, end);
}

/** Round times for an axis, about so many. */
export function ticks(from, to, most) {
  const raw = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) ?? raw;
  const list = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) list.push(time);
  return { list, step };
}

/** Colours of functions, by how much of the job's time they took. */
export function colours(spans, most) {
  const times = new Map();
  for (const span of spans) times.set(span.name, (times.get(span.name) ?? 0) + (span.ended_ns - span.begun_ns));
  const names = [...times.keys()].sort((a, b) => times.get(b) - times.get(a) || (a < b ? -1 : 1));
  return new Map(names.map((name, at) => [name, Math.min(at, most - 1)]));
}

/** How much of a span it ran, was blocked and waited for its slot. */
export function parts(span) {
  const whole = Math.max(0, span.ended_ns - span.begun_ns);
  const blocked = Math.min(whole, span.blocked_ns);
  return { queued: Math.max(0, span.begun_ns - span.queued_ns), blocked, ran: whole - blocked };
}
