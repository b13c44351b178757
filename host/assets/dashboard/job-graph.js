// The graph of a job's calls: functions and what they made and take, each to be opened.

import { get, query } from './api.js';
import { el, every, field, message, region, setText, svg, table } from './dom.js';
import { callName, count, cut, group, ns, taskId, words } from './format.js';
import { PAGE, calls, curve, following, graph, pageOf, place } from './graph.js';
import { address } from './router.js';
import { parts } from './timeline.js';
import { sampleNote, tracePeriod } from './trace.js';

/** Living calls that are looked at. */
const LIVING = 2_000;
/** Neighbours of a call that are named. */
const NAMED = 20;

/** The tab. */
export function show({ root, signal, job, ready }) {
  const problem = el('div');
  const note = el('p', { class: 'muted' });
  const none = message('empty', 'There is no call yet. The graph grows with the job.');
  const picture = view(job.id);
  none.hidden = true;
  picture.root.hidden = true;
  root.append(el('h2', {}, 'Graph'), problem, note, none, picture.root);
  let took = 0;
  every(() => tracePeriod(job, took), signal, problem, async () => {
    const from = performance.now();
    let trace;
    let living = [];
    try {
      [trace, living] = await Promise.all([job.trace(signal), livingOf(job, signal)]);
    } finally {
      took = performance.now() - from;
      if (!signal.aborted) ready();
    }
    if (signal.aborted) return;
    const all = calls(trace.spans, living);
    none.hidden = all.size > 0;
    picture.root.hidden = all.size === 0;
    const more = living.length > 0 ? ` ${count(living.length, 'call')} not ended${living.length >= LIVING ? ', the first of them,' : ''} ${living.length === 1 ? 'is' : 'are'} in it too.` : '';
    setText(note, sampleNote(trace, job) + more);
    const totals = new Map(trace.left_out > 0 ? trace.functions.map((row) => [row.name, row.count]) : []);
    picture.show(all, totals);
  });
}

async function livingOf(job, signal) {
  if (job.isEnded) return [];
  const list = await get(`tasks${query({ job: job.id, state: 'waiting,queued,running,blocked', limit: LIVING })}`, { signal });
  return list.tasks;
}

function view(job) {
  const open = new Map();
  let all = new Map();
  // Of a sample: how many attempts of each function there were.
  let totals = new Map();
  let selected = null;
  const canvas = svg('svg', { class: 'graph', role: 'group', 'aria-label': 'Graph of calls' });
  const scroll = region('Graph of calls', canvas, 'scroll graph-frame');
  const chosen = el('div', { class: 'chosen', 'aria-live': 'polite' }, el('p', { class: 'muted' }, 'Open a function to see its calls; choose a call to see all of it.'));
  const edgeTable = table({
    label: 'Edges of the graph', empty: 'No call made another one, and none takes the result of one.', sort: { key: 'count', down: true },
    id: (edge) => `${edge.type} ${edge.from} ${edge.to}`,
    columns: [
      { key: 'from', title: 'From', cell: (edge) => cut(edge.fromName, 60), sort: (edge) => edge.fromName },
      { key: 'type', title: 'What', cell: (edge) => (edge.type === 'made' ? 'made' : 'gave results to'), sort: (edge) => edge.type },
      { key: 'to', title: 'To', cell: (edge) => cut(edge.toName, 60), sort: (edge) => edge.toName },
      { key: 'count', title: 'How often', num: true, cell: (edge) => group(edge.count), sort: (edge) => edge.count },
    ],
  });
  const input = el('input', { type: 'search', inputmode: 'numeric', placeholder: 'its number', autocomplete: 'off' });
  const found = el('span', { class: 'muted', role: 'status' });
  const lost = el('p', { class: 'muted' });
  const form = el('form', { class: 'filters', onsubmit: (event) => {
    event.preventDefault();
    look(Number(input.value.replace('#', '').trim()));
  } }, field('Find a call', input), el('button', { type: 'submit' }, 'Find'), el('button', { type: 'button', onclick: () => {
    open.clear();
    selected = null;
    draw();
  } }, 'Close all'), found);
  const legend = el('ul', { class: 'legend' },
    el('li', {}, el('i', { class: 'key edge-made', 'aria-hidden': 'true' }), 'made'),
    el('li', {}, el('i', { class: 'key edge-args', 'aria-hidden': 'true' }), 'gave results to (dashed)'),
    el('li', {}, el('i', { class: 'key failed', 'aria-hidden': 'true' }), 'failed (✕)'));
  const root = el('div', {}, form, legend, scroll, chosen, el('h3', {}, 'Edges'), lost, edgeTable.root);
  const defs = svg('defs', {},
    svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: '7', refY: '4', markerWidth: '8', markerHeight: '8', markerUnits: 'userSpaceOnUse', orient: 'auto' },
      svg('path', { d: 'M0 0L8 4L0 8z', class: 'arrow-head' })));
  const edgesLayer = svg('g', {});
  const labelsLayer = svg('g', { 'aria-hidden': 'true' });
  const nodesLayer = svg('g', {});
  canvas.append(defs, edgesLayer, labelsLayer, nodesLayer);
  const made = new Map();
  let drawn = '';

  function look(number) {
    const where = pageOf(all, number);
    if (!where) {
      setText(found, Number.isFinite(number) ? `Call #${number} is not among those that are kept.` : 'A call’s number is needed.');
      return;
    }
    setText(found, '');
    open.set(where.name, where.page);
    selected = number;
    draw();
    made.get(`call ${number}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    made.get(`call ${number}`)?.focus();
  }

  function act(node) {
    if (node.type === 'group') open.set(node.name, 0);
    else if (node.type === 'rest') open.set(node.name, node.page >= node.last ? 0 : node.page + 1);
    else if (node.type === 'call') selected = node.call.number;
    else return;
    const focused = document.activeElement?.dataset?.node;
    draw();
    // What was acted on may be another thing now: its group's first call, or the rest.
    if (focused && !made.has(focused)) (firstOf(node.name) ?? canvas).focus?.();
  }

  function firstOf(name) {
    for (const call of all.values()) {
      const node = made.get(`call ${call.number}`);
      if (call.name === name && node) return node;
    }
    return null;
  }

  function close(name) {
    open.delete(name);
    draw();
    made.get(`group ${name}`)?.focus();
  }

  function draw() {
    const what = graph(all, open);
    const where = place(what);
    canvas.setAttribute('viewBox', `0 0 ${where.width} ${where.height}`);
    // A little smaller when all of it can be seen then.
    const fits = (scroll.clientWidth - 2) / where.width;
    const scale = fits < 1 && fits >= 0.7 ? fits : 1;
    canvas.setAttribute('width', Math.floor(where.width * scale));
    canvas.setAttribute('height', Math.ceil(where.height * scale));
    const byId = new Map(what.nodes.map((node) => [node.id, node]));
    for (const [id, node] of made) {
      if (!byId.has(id)) {
        node.remove();
        made.delete(id);
      }
    }
    let before = null;
    const sorted = [...what.nodes].sort((a, b) => where.places.get(a.id).x - where.places.get(b.id).x || where.places.get(a.id).y - where.places.get(b.id).y);
    for (const node of sorted) {
      if (!made.has(node.id)) made.set(node.id, makeNode(node));
      const shape = made.get(node.id);
      showNode(shape, node, where.places.get(node.id), selected, totals.get(node.name));
      shape.act = () => act(node);
      const next = before ? before.nextSibling : nodesLayer.firstChild;
      if (next !== shape) nodesLayer.insertBefore(shape, next);
      before = shape;
    }
    drawEdges(what.edges, where);
    setText(lost, what.lost > 0 ? `${count(what.lost, 'edge')} from calls that are not kept ${what.lost === 1 ? 'is' : 'are'} not drawn.` : '');
    const nameOf = (id) => nodeName(byId.get(id));
    edgeTable.show(what.edges.map((edge) => ({ ...edge, fromName: nameOf(edge.from), toName: nameOf(edge.to) })));
    const text = selected == null ? '' : JSON.stringify([selected, all.get(selected)?.state, all.size, [...open]]);
    if (text !== drawn) {
      drawn = text;
      if (selected != null && all.has(selected)) chosen.replaceChildren(...describe(all, all.get(selected), job, look));
      else chosen.replaceChildren(...openGroups());
    }
    canvas.dataset.nodes = what.nodes.length;
  }

  function openGroups() {
    return [el('p', { class: 'muted' }, 'Choose a call to see all of it.')];
  }

  function drawEdges(edges, where) {
    // The heaviest are drawn; more would be a blur.
    const shown = [...edges].sort((a, b) => b.count - a.count).slice(0, 600);
    const pairs = new Set(shown.map((edge) => `${edge.type}\n${edge.from}\n${edge.to}`));
    const ends = new Map();
    for (const edge of shown) {
      for (const end of [`${edge.from} out`, `${edge.to} in`]) ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    edgesLayer.replaceChildren();
    labelsLayer.replaceChildren();
    for (const edge of shown) {
      const [from, to] = [where.places.get(edge.from), where.places.get(edge.to)];
      const both = pairs.has(`${edge.type === 'made' ? 'args' : 'made'}\n${edge.from}\n${edge.to}`);
      const shift = both ? (edge.type === 'made' ? -9 : 9) : 0;
      const touched = selected != null && (edge.from === `call ${selected}` || edge.to === `call ${selected}`);
      const atEnd = ends.get(`${edge.from} out`) > ends.get(`${edge.to} in`);
      const { d, x, y } = curve(from, to, { way: where.ways.get(edge), shift, atEnd });
      edgesLayer.append(svg('path', {
        d, class: `edge edge-${edge.type}${touched ? ' touched' : ''}`, 'stroke-width': (1 + Math.min(3, Math.log10(edge.count) * 0.8)).toFixed(1),
        'marker-end': 'url(#arrow)', 'aria-hidden': 'true',
      }));
      if (edge.count > 1) labelsLayer.append(svg('text', { x: x.toFixed(1), y: (y + 3.5).toFixed(1), class: 'edge-label', 'text-anchor': 'middle' }, group(edge.count)));
    }
  }

  function makeNode(node) {
    const shape = svg('g', { class: `node node-${node.type}`, 'data-node': node.id });
    shape.append(svg('rect', { rx: node.type === 'call' ? 4 : 7 }), svg('text', { class: 'node-name', x: 10 }), svg('text', { class: 'node-more', x: 10 }));
    if (node.type !== 'unknown' && node.type !== 'others') {
      shape.setAttribute('tabindex', '0');
      shape.setAttribute('role', 'button');
      shape.addEventListener('click', () => shape.act());
      shape.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          shape.act();
        } else if (event.key === 'Escape' && (node.type === 'call' || node.type === 'rest')) {
          event.preventDefault();
          close(node.name);
        }
      });
    } else shape.setAttribute('role', 'img');
    return shape;
  }

  return {
    root,
    show(now, sums) {
      all = now;
      totals = sums;
      draw();
    },
  };
}

function nodeName(node) {
  if (node.type === 'call') return `${callName(node.name)}#${node.call.number}`;
  if (node.type === 'rest') return `${callName(node.name)}: others`;
  if (node.type === 'group') return callName(node.name);
  return node.name;
}

function showNode(shape, node, at, selected, total) {
  shape.setAttribute('transform', `translate(${at.x} ${at.y})`);
  const [rect, name, more] = shape.children;
  rect.setAttribute('width', at.w);
  rect.setAttribute('height', at.h);
  const failed = node.failed > 0;
  shape.classList.toggle('bad', failed);
  shape.classList.toggle('living', node.living > 0);
  shape.classList.toggle('selected', node.call != null && node.call.number === selected);
  const one = at.h < 40;
  name.setAttribute('y', one ? at.h / 2 + 4 : 20);
  more.setAttribute('y', 38);
  const says = [];
  if (node.type === 'call') {
    setText(name, cut(`${failed ? '✕ ' : ''}${callName(node.name)}#${node.call.number}`, 18));
    says.push(nodeName(node), words(node.call.state));
  } else if (node.type === 'rest') {
    setText(name, cut(`${group(node.count)} more · next ${PAGE}`, 24));
    says.push(`${group(node.count)} more calls of ${callName(node.name)}: show the next ${PAGE}; Escape closes the group`);
  } else if (node.type === 'unknown') {
    setText(name, cut(node.name, 24));
    says.push(node.name);
  } else {
    setText(name, cut(nodeName(node), 24));
    const ofAll = node.type === 'group' && total > node.count;
    const numbers = [ofAll ? `${group(node.count)} of ${count(total, 'call')}` : count(node.count, 'call')];
    if (failed) numbers.push(`✕ ${group(node.failed)} failed`);
    if (node.living > 0) numbers.push(`${group(node.living)} live`);
    setText(more, cut(numbers.join(' · '), 30));
    says.push(nodeName(node), numbers.join(', '));
    if (node.type === 'group') shape.setAttribute('aria-expanded', 'false');
  }
  shape.setAttribute('aria-label', says.join(', '));
}

/** All that is known of a call, with its neighbours as buttons. */
function describe(all, call, job, look) {
  const { span } = call;
  const lines = [el('p', {},
    el('a', { href: address('tasks', taskId(job, call.number)), class: 'guest' }, `${callName(call.name)}#${call.number}`),
    ` · ${words(call.kind)} · ${words(call.state)}${span?.error ? `: ${words(span.error)}` : ''}${call.attempts > 1 ? ` · ${call.attempts} attempts` : ''}`)];
  if (span) {
    const { ran, blocked, queued } = parts(span);
    lines.push(el('p', {}, `Queued ${ns(queued)}, ran ${ns(ran)}, blocked ${ns(blocked)}, processor time ${ns(span.cpu_ns)}.`));
  }
  const neighbours = (text, numbers) => {
    if (numbers.length === 0) return;
    const shown = numbers.slice(0, NAMED).map((number) => {
      const other = all.get(number);
      const name = other ? `${callName(other.name)}#${number}` : `#${number}`;
      return el('button', { type: 'button', class: 'chip', disabled: !other, onclick: () => look(number) }, cut(name, 40));
    });
    lines.push(el('p', { class: 'chips' }, `${text} `, shown, numbers.length > NAMED ? ` and ${group(numbers.length - NAMED)} more` : ''));
  };
  const { takers, made } = following(all, call.number);
  if (call.parent) neighbours('Made by', [call.parent]);
  neighbours('Takes the results of', call.after);
  neighbours('Its result goes to', takers);
  neighbours('Made', made);
  return lines;
}
