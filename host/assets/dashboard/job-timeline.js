// The timeline of a job: a picture of which worker ran which call when, and the same as a table.

import { el, every, field, choice, later, message, setText, table } from './dom.js';
import { blockedOn, bytes, callName, count, cut, group, ns, taskId, words } from './format.js';
import { address } from './router.js';
import { clampView, colours, layout, parts, spanAt, ticks, visible, zoom } from './timeline.js';
import { sampleNote, tracePeriod } from './trace.js';

const AXIS = 22;
const NAMES = 92;
const ROW = 22;
const THIN = 9;
const HEIGHT = 440;
/** Colours of functions; the last is for all others. */
const COLOURS = 7;
const ROWS = 100;
const MORE = 500;

/** The tab. */
export function show({ root, signal, job, ready }) {
  const problem = el('div');
  const note = el('p', { class: 'muted' });
  const none = message('empty', 'No call has ended yet. The timeline shows calls when they end.');
  const picture = timeline(signal, job.id);
  const list = spanTable(job.id);
  const body = el('div', { hidden: true }, picture.root, el('h3', {}, 'Which slot ran which task'), list.root);
  none.hidden = true;
  root.append(el('h2', {}, 'Timeline'), problem, note, none, body);
  let at = 0;
  every(() => tracePeriod(job, at), signal, problem, async () => {
    at = performance.now();
    let trace;
    try {
      trace = await job.trace(signal);
    } finally {
      at = performance.now() - at;
      if (!signal.aborted) ready();
    }
    if (signal.aborted) return;
    body.hidden = trace.spans.length === 0;
    none.hidden = trace.spans.length > 0;
    setText(note, sampleNote(trace, job));
    picture.show(trace);
    list.show(trace);
  });
}

function button(text, label, onclick) {
  return el('button', { type: 'button', 'aria-label': label, title: label, onclick }, text);
}

/** The picture with its buttons, legend and the chosen call. */
function timeline(signal, job) {
  const canvas = el('canvas', {
    tabindex: '0', role: 'application', 'aria-label': 'Timeline. Plus and minus zoom, arrows move, N and P go to the next and the previous call, Home shows all. The table below has the same.',
    'data-testid': 'timeline',
  });
  const tip = el('div', { class: 'tip', hidden: true });
  const chosen = el('div', { class: 'chosen', 'aria-live': 'polite' }, el('p', { class: 'muted' }, 'Choose a call with the pointer, or with N and P, to see all of it.'));
  const legend = el('ul', { class: 'legend' });
  const scale = el('span', { class: 'muted' });
  const frame = el('div', { class: 'timeline' }, canvas, tip);
  const state = { lanes: [], end: 1, view: { from: 0, to: 1 }, fit: true, top: 0, trace: null, by: 'worker', selected: null, hover: null, colour: new Map(), byNumber: new Map(), laneOf: new Map() };
  const rows = choice([['worker', 'by worker'], ['slot', 'by slot']], 'worker', (by) => {
    state.by = by;
    state.top = 0;
    arrange();
    draw();
  });
  const buttons = el('div', { class: 'actions', role: 'group', 'aria-label': 'View of the timeline' },
    button('+', 'Zoom in', () => zoomBy(0.5)), button('−', 'Zoom out', () => zoomBy(2)),
    button('←', 'Earlier', () => pan(-0.25)), button('→', 'Later', () => pan(0.25)),
    button('All', 'Show all of it', showAll));
  const root = el('div', {}, el('div', { class: 'bar-of-tools' }, buttons, field('Rows', rows), scale), legend, frame, chosen);

  let width = 0;
  let height = 0;
  let theme = null;
  let queued = false;

  const rowHeight = () => (state.lanes.length > 40 ? THIN : ROW);
  const inner = () => Math.max(1, width - NAMES);
  const timeAt = (x) => state.view.from + ((x - NAMES) / inner()) * (state.view.to - state.view.from);

  function arrange() {
    const { lanes, end } = layout(state.trace.spans, state.by);
    state.lanes = lanes;
    state.end = Math.max(end, 1);
    state.laneOf = new Map();
    lanes.forEach((lane, at) => lane.spans.forEach((span) => state.laneOf.set(span, at)));
    if (state.fit) state.view = clampView({ from: 0, to: state.end * 1.02 }, state.end);
    resize();
  }

  function resize() {
    const wanted = Math.min(HEIGHT, AXIS + Math.max(2, state.lanes.length) * rowHeight() + 4);
    width = frame.clientWidth;
    height = wanted;
    canvas.style.height = `${wanted}px`;
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(wanted * ratio));
  }

  function colourOf(span) {
    return theme.functions[state.colour.get(span.name) ?? COLOURS - 1];
  }

  function readTheme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    theme = {
      back: of('--panel'), text: of('--text'), muted: of('--muted'), line: of('--line'), failed: of('--failed'), select: of('--focus'),
      onFunction: of('--on-function'),
      functions: Array.from({ length: COLOURS }, (_, n) => of(`--function-${n}`)),
    };
  }

  function draw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      if (!signal.aborted && state.trace) paint();
    });
  }

  function paint() {
    if (!theme) readTheme();
    const context = canvas.getContext('2d');
    const ratio = canvas.width / Math.max(1, width);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = theme.back;
    context.fillRect(0, 0, width, height);
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    axis(context);
    context.save();
    context.beginPath();
    context.rect(0, AXIS, width, height - AXIS);
    context.clip();
    const size = rowHeight();
    const hatch = hatching(context);
    const first = Math.floor(state.top / size);
    const last = Math.min(state.lanes.length, Math.ceil((state.top + height - AXIS) / size));
    for (let at = first; at < last; at += 1) {
      const y = AXIS + at * size - state.top;
      const lane = state.lanes[at];
      if (lane.sub === 0) {
        context.strokeStyle = theme.line;
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(0, Math.round(y) + 0.5);
        context.lineTo(width, Math.round(y) + 0.5);
        context.stroke();
        context.fillStyle = theme.text;
        context.fillText(lane.label, 6, y + size / 2, NAMES - 10);
      }
      context.save();
      context.beginPath();
      context.rect(NAMES, AXIS, width, height);
      context.clip();
      for (const piece of visible(lane.spans, state.view.from, state.view.to, inner())) paintPiece(context, piece, y + 2, size - 4, hatch);
      context.restore();
    }
    arrows(context, size);
    context.restore();
    canvas.dataset.from = state.view.from;
    canvas.dataset.to = state.view.to;
    setText(scale, `${ns(state.view.to - state.view.from)} from ${exact(state.view.from)} on, of ${ns(state.end)}`);
  }

  function axis(context) {
    const { list, step } = ticks(state.view.from, state.view.to, Math.max(2, Math.floor(inner() / 110)));
    context.fillStyle = theme.muted;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    for (const time of list) {
      const x = NAMES + ((time - state.view.from) / (state.view.to - state.view.from)) * inner();
      context.beginPath();
      context.moveTo(Math.round(x) + 0.5, AXIS - 4);
      context.lineTo(Math.round(x) + 0.5, height);
      context.stroke();
      if (x < width - 40) context.fillText(tickText(time, step), x + 3, AXIS / 2);
    }
  }

  function paintPiece(context, piece, y, size, hatch) {
    const x = NAMES + piece.x0;
    const wide = Math.max(1, piece.x1 - piece.x0);
    const { span } = piece;
    if (piece.count > 1) {
      // Calls narrower than a pixel: lower than others, in the colour of the longest.
      context.fillStyle = colourOf(span);
      context.fillRect(x, y + size * 0.2, wide, size * 0.6);
      if (piece.failed > 0) failedMark(context, x, y, wide, size);
      return;
    }
    context.fillStyle = colourOf(span);
    context.fillRect(x, y, wide, size);
    const pixels = inner() / (state.view.to - state.view.from);
    for (const block of span.blocks ?? []) {
      const from = NAMES + (block.from_ns - state.view.from) * pixels;
      const long = (block.to_ns - block.from_ns) * pixels;
      if (long < 1) continue;
      // Blocked: hollow and hatched.
      context.fillStyle = theme.back;
      context.fillRect(from, y + 1, long, size - 2);
      context.fillStyle = hatch;
      context.fillRect(from, y + 1, long, size - 2);
      context.strokeStyle = colourOf(span);
      context.lineWidth = 1;
      context.strokeRect(from + 0.5, y + 0.5, Math.max(0, long - 1), size - 1);
    }
    if (span.error) failedMark(context, x, y, wide, size);
    const label = `${callName(span.name)}#${span.number}`;
    // The text's place is where the span is seen.
    const seen = Math.max(x, NAMES);
    const room = Math.min(x + wide, width) - seen - 8;
    if (size >= 14 && room > 34) {
      const text = cut(label, Math.floor(room / 5.6));
      const left = seen + 4 + (span.error && x >= NAMES ? 12 : 0);
      const isBlocked = span.blocks?.length > 0;
      if (isBlocked) {
        // Hatching is nothing to read on.
        context.fillStyle = theme.back;
        context.fillRect(left - 2, y + 3, Math.min(context.measureText(text).width, room) + 4, size - 6);
      }
      context.fillStyle = isBlocked ? theme.text : theme.onFunction;
      context.fillText(text, left, y + size / 2 + 0.5, room);
    }
    if (span === state.selected || span === state.hover) {
      context.strokeStyle = theme.select;
      context.lineWidth = span === state.selected ? 3 : 2;
      context.strokeRect(x, y, Math.max(2, wide), size);
    }
  }

  /** What failed has a frame, and a cross where there is room. */
  function failedMark(context, x, y, wide, size) {
    context.fillStyle = theme.failed;
    context.fillRect(x, y, wide, Math.max(2, size * 0.18));
    context.fillRect(x, y + size - Math.max(2, size * 0.18), wide, Math.max(2, size * 0.18));
    if (wide < 14 || size < 12) {
      context.fillRect(x, y, Math.min(wide, 3), size);
      return;
    }
    context.fillRect(x, y, 13, size);
    context.strokeStyle = theme.back;
    context.lineWidth = 2;
    const middle = y + size / 2;
    context.beginPath();
    context.moveTo(x + 3, middle - 3.5);
    context.lineTo(x + 10, middle + 3.5);
    context.moveTo(x + 10, middle - 3.5);
    context.lineTo(x + 3, middle + 3.5);
    context.stroke();
  }

  let hatchMade = null;
  function hatching(context) {
    if (hatchMade?.for === theme) return hatchMade.pattern;
    const tile = document.createElement('canvas');
    tile.width = 6;
    tile.height = 6;
    const pen = tile.getContext('2d');
    pen.strokeStyle = theme.muted;
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (const from of [-6, 0, 6]) {
      pen.moveTo(from, 6);
      pen.lineTo(from + 6, 0);
    }
    pen.stroke();
    hatchMade = { for: theme, pattern: context.createPattern(tile, 'repeat') };
    return hatchMade.pattern;
  }

  /** From what the chosen call takes, and from what made it. */
  function arrows(context, size) {
    const span = state.selected;
    if (!span) return;
    const place = (time, of) => ({
      x: NAMES + ((time - state.view.from) / (state.view.to - state.view.from)) * inner(),
      y: AXIS + (state.laneOf.get(of) + 0.5) * size - state.top,
    });
    const line = (from, to, dashed) => {
      context.strokeStyle = theme.select;
      context.lineWidth = 1.5;
      context.setLineDash(dashed ? [4, 3] : []);
      context.beginPath();
      context.moveTo(from.x, from.y);
      const bend = Math.max(12, Math.abs(to.x - from.x) / 2);
      context.bezierCurveTo(from.x + bend, from.y, to.x - bend, to.y, to.x, to.y);
      context.stroke();
      context.setLineDash([]);
      context.beginPath();
      context.arc(to.x, to.y, 3, 0, 7);
      context.fillStyle = theme.select;
      context.fill();
    };
    for (const number of span.after ?? []) {
      const before = state.byNumber.get(number);
      if (before && state.laneOf.has(before)) line(place(before.ended_ns, before), place(span.begun_ns, span), false);
    }
    const parent = state.byNumber.get(span.parent);
    if (parent && state.laneOf.has(parent)) line(place(Math.max(parent.begun_ns, Math.min(span.queued_ns, parent.ended_ns)), parent), place(span.begun_ns, span), true);
  }

  function find(event) {
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    if (x < NAMES || y < AXIS) return null;
    const lane = state.lanes[Math.floor((y - AXIS + state.top) / rowHeight())];
    if (!lane) return null;
    const reach = (3 * (state.view.to - state.view.from)) / inner();
    return spanAt(lane.spans, timeAt(x), reach);
  }

  function select(span) {
    state.selected = span;
    chosen.replaceChildren(...(span ? describe(span, job) : []));
    draw();
  }

  /** Shows a call, at a scale at which it can be seen. */
  function reveal(span) {
    const own = state.byNumber.has(span.number) ? span : null;
    if (!own) return;
    const length = Math.max(span.ended_ns - span.begun_ns, 1);
    const pixels = (length / (state.view.to - state.view.from)) * inner();
    const inside = span.ended_ns >= state.view.from && span.begun_ns <= state.view.to;
    if (!inside || pixels < 4) {
      const around = (span.begun_ns + span.ended_ns) / 2;
      const wide = pixels < 4 ? length * 20 : state.view.to - state.view.from;
      state.fit = false;
      state.view = clampView({ from: around - wide / 2, to: around + wide / 2 }, state.end);
    }
    const size = rowHeight();
    const y = (state.laneOf.get(span) ?? 0) * size;
    const room = height - AXIS;
    if (y < state.top || y + size > state.top + room) state.top = clampTop(y - room / 2);
    select(span);
  }

  function clampTop(top) {
    const most = Math.max(0, state.lanes.length * rowHeight() - (height - AXIS) + 4);
    return Math.min(most, Math.max(0, top));
  }

  function zoomBy(factor, around = (state.view.from + state.view.to) / 2) {
    state.fit = false;
    state.view = zoom(state.view, factor, around, state.end);
    draw();
  }

  function pan(part) {
    state.fit = false;
    const by = part * (state.view.to - state.view.from);
    state.view = clampView({ from: state.view.from + by, to: state.view.to + by }, state.end);
    draw();
  }

  function showAll() {
    state.fit = true;
    state.top = 0;
    state.view = clampView({ from: 0, to: state.end * 1.02 }, state.end);
    draw();
  }

  function step(by) {
    const { spans } = state.trace;
    const at = state.selected ? spans.indexOf(state.selected) : by > 0 ? -1 : spans.length;
    const next = spans[at + by];
    if (next) reveal(next);
  }

  const KEYS = {
    '+': () => zoomBy(0.5), '=': () => zoomBy(0.5), '-': () => zoomBy(2), _: () => zoomBy(2),
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), Home: showAll, 0: showAll,
    ArrowUp: () => scroll(-rowHeight() * 2), ArrowDown: () => scroll(rowHeight() * 2),
    n: () => step(1), p: () => step(-1), Escape: () => select(null),
  };
  function scroll(by) {
    state.top = clampTop(state.top + by);
    draw();
  }
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !state.trace) return;
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / inner());
    else zoomBy(Math.exp(Math.max(-200, Math.min(200, event.deltaY)) / 300), timeAt(Math.max(NAMES, event.clientX - box.left)));
  }, { passive: false });
  let drag = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, view: state.view, top: state.top, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!drag) return point(event);
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    tip.hidden = true;
    state.fit = false;
    const by = (-dx / inner()) * (drag.view.to - drag.view.from);
    state.view = clampView({ from: drag.view.from + by, to: drag.view.to + by }, state.end);
    state.top = clampTop(drag.top - dy);
    draw();
  });
  const drop = (event) => {
    if (drag && !drag.moved && event.type === 'pointerup') select(find(event));
    drag = null;
  };
  canvas.addEventListener('pointerup', drop);
  canvas.addEventListener('pointercancel', drop);
  canvas.addEventListener('pointerleave', () => {
    tip.hidden = true;
    state.hover = null;
    draw();
  });

  function point(event) {
    const span = state.trace ? find(event) : null;
    if (span !== state.hover) {
      state.hover = span;
      draw();
    }
    tip.hidden = !span;
    if (!span) return;
    const { ran, blocked, queued: waited } = parts(span);
    setText(tip, `${callName(span.name)}#${span.number}${span.error ? ` · failed: ${words(span.error)}` : ''}\nran ${ns(ran)} · blocked ${ns(blocked)} · queued ${ns(waited)}`);
    const box = frame.getBoundingClientRect();
    const x = event.clientX - box.left;
    tip.style.left = `${Math.max(0, Math.min(x + 12, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  const watch = new ResizeObserver(() => {
    if (!state.trace || frame.clientWidth === width) return;
    resize();
    draw();
  });
  watch.observe(frame);
  signal.addEventListener('abort', () => watch.disconnect());
  document.addEventListener('theme', () => {
    theme = null;
    draw();
  }, { signal });

  function describeLegend() {
    const entries = [];
    for (const [name, at] of state.colour) {
      if (at < COLOURS - 1) entries.push([`key function-${at}`, callName(name)]);
    }
    if (state.colour.size > COLOURS - 1) entries.push([`key function-${COLOURS - 1}`, 'other functions']);
    entries.push(['key blocked', 'blocked (hatched)'], ['key failed', 'failed (framed, with a cross)'], ['key merged', 'several in one pixel (lower)']);
    const text = JSON.stringify(entries);
    if (legend.dataset.text === text) return;
    legend.dataset.text = text;
    legend.replaceChildren(...entries.map(([key, name]) => el('li', {}, el('i', { class: key, 'aria-hidden': 'true' }), el('span', { class: 'guest' }, cut(name, 40)))));
  }

  return {
    root,
    reveal,
    show(trace) {
      if (state.trace === trace) return;
      const was = state.selected;
      state.trace = trace;
      state.byNumber = new Map(trace.spans.map((span) => [span.number, span]));
      state.colour = colours(trace.spans, COLOURS);
      state.hover = null;
      state.selected = was ? trace.spans.find((span) => span.number === was.number && span.attempt === was.attempt) ?? null : null;
      arrange();
      describeLegend();
      canvas.dataset.spans = trace.spans.length;
      canvas.dataset.rows = state.lanes.length;
      draw();
    },
  };
}

/** A time of the job, to the microsecond. */
function exact(time) {
  return time >= 1e9 ? `${(time / 1e9).toFixed(6)} s` : `${(time / 1e6).toFixed(3)} ms`;
}

function tickText(time, step) {
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
  const [size, unit] = units.find(([n]) => step >= n) ?? units[3];
  return `${group(Math.round(time / size))} ${unit}`;
}

/** All that is known of a call's attempt. */
function describe(span, job) {
  const { ran, blocked, queued } = parts(span);
  const name = `${callName(span.name)}#${span.number}`;
  const lines = [
    el('p', {}, el('a', { href: address('tasks', taskId(job, span.number)), class: 'guest' }, name), ` · ${words(span.kind)}`,
      span.attempt > 0 ? ` · attempt ${span.attempt + 1}` : '', span.error ? el('strong', { class: 'bad' }, ` · failed: ${words(span.error)}`) : ''),
    el('p', {}, `Queued from ${ns(span.queued_ns)} for ${ns(queued)}, began at ${ns(span.begun_ns)}`,
      span.worker == null ? '' : ` on worker ${span.worker}`, span.slot == null ? '' : ` in slot ${span.slot}`,
      `, ran ${ns(ran)}, blocked ${ns(blocked)}, ended at ${ns(span.ended_ns)}. Processor time ${ns(span.cpu_ns)}, memory ${bytes(span.memory_bytes)}.`),
  ];
  const from = [];
  if (span.parent) from.push(`made by #${span.parent}`);
  if (span.after?.length) from.push(`takes the results of ${span.after.map((n) => `#${n}`).join(', ')}`);
  if (from.length) lines.push(el('p', {}, `It was ${from.join(', and ')}.`.replace('It was takes', 'It takes').replace('and takes', 'and takes')));
  if (span.blocks?.length) {
    const list = span.blocks.map((block) => `${blockedOn(block.on)} from ${ns(block.from_ns)} for ${ns(block.to_ns - block.from_ns)}`);
    lines.push(el('p', {}, `Blocked on ${list.join('; ')}${span.blocks.length >= 8 ? '; and perhaps more often' : ''}.`));
  }
  return lines;
}

/** The table of the tutorials: which slot ran which task. */
function spanTable(job) {
  const columns = [
    { key: 'task', title: 'Task', cell: (span) => ({ text: cut(`${callName(span.name)}#${span.number}`, 60), href: address('tasks', taskId(job, span.number)) }), sort: (span) => span.number },
    { key: 'slot', title: 'Slot', num: true, cell: (span) => (span.slot == null ? '–' : group(span.slot)), sort: (span) => span.slot },
    { key: 'worker', title: 'Worker', num: true, cell: (span) => (span.worker == null ? 'host' : group(span.worker)), sort: (span) => span.worker },
    { key: 'state', title: 'Ended', cell: (span) => (span.error ? { kind: 'badge', state: 'failed', text: words(span.error) } : { kind: 'badge', state: 'finished', text: 'finished' }), sort: (span) => span.error ?? '' },
    { key: 'begun', title: 'Began', num: true, cell: (span) => ns(span.begun_ns), sort: (span) => span.begun_ns },
    { key: 'queued', title: 'Queued', num: true, cell: (span) => ns(parts(span).queued), sort: (span) => parts(span).queued },
    { key: 'ran', title: 'Ran', num: true, cell: (span) => ns(parts(span).ran), sort: (span) => parts(span).ran },
    { key: 'blocked', title: 'Blocked', num: true, cell: (span) => ns(span.blocked_ns), sort: (span) => span.blocked_ns },
    { key: 'cpu', title: 'CPU', num: true, cell: (span) => ns(span.cpu_ns), sort: (span) => span.cpu_ns },
    { key: 'memory', title: 'Memory', num: true, cell: (span) => bytes(span.memory_bytes), sort: (span) => span.memory_bytes },
    { key: 'attempt', title: 'Attempt', num: true, cell: (span) => group(span.attempt + 1), sort: (span) => span.attempt },
  ];
  let most = ROWS;
  let spans = [];
  let slots = [];
  const empty = 'No call fits the search.';
  const grids = new Map();
  const place = el('div');
  const said = el('p', { class: 'muted' });
  const input = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'name or #number' });
  const slot = el('select', {});
  const more = el('button', { type: 'button', onclick: () => {
    most = MORE;
    fillIn();
  } }, `Show up to ${MORE}`);
  const typed = later(200, () => fillIn());
  input.addEventListener('input', typed);
  slot.addEventListener('change', () => fillIn());

  function grid() {
    if (!grids.has(most)) {
      const order = [...grids.values()].at(-1)?.order ?? { key: 'begun', down: false };
      const made = table({ label: 'Which slot ran which task', columns, id: (span) => `${span.number}/${span.attempt}`, empty, sort: order, most });
      grids.set(most, made);
      place.replaceChildren(made.root);
    }
    return grids.get(most);
  }

  function fillIn() {
    const wanted = input.value.trim().toLowerCase();
    const fits = (span) => (slot.value === '' || String(span.slot) === slot.value)
      && (wanted === '' || (wanted.startsWith('#') ? String(span.number) === wanted.slice(1) : `${callName(span.name)}#${span.number}`.toLowerCase().includes(wanted)));
    const found = wanted === '' && slot.value === '' ? spans : spans.filter(fits);
    const left = grid().show(found);
    setText(said, `${count(found.length, 'attempt')}${left > 0 ? `, the first ${group(found.length - left)} are shown` : ''}.`);
    more.hidden = left === 0 || most === MORE;
  }

  return {
    root: el('div', {}, el('form', { class: 'filters', onsubmit: (event) => event.preventDefault() }, field('Task', input), field('Slot', slot)), said, place, more),
    show(trace) {
      if (spans === trace.spans) return;
      ({ spans } = trace);
      const now = [...new Set(spans.map((span) => span.slot).filter((one) => one != null))].sort((a, b) => a - b);
      if (now.join() !== slots.join() || slot.options.length === 0) {
        slots = now;
        const was = slot.value;
        slot.replaceChildren(el('option', { value: '' }, 'all'), ...slots.map((one) => el('option', { value: String(one) }, String(one))));
        slot.value = slots.map(String).includes(was) ? was : '';
      }
      fillIn();
    },
  };
}
