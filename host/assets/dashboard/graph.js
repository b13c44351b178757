// The graph of a job's calls, grouped by function; groups that are opened show calls. Pure: what there is and where it lies.

import { callsOf } from './trace.js';

/** Calls of an open group that are shown at once. */
export const PAGE = 20;
/** Groups beyond these are one. */
export const MOST_GROUPS = 40;
/** A group's call that is `main`'s. */
const MAIN = 1;

/**
 * The calls of a job by number: those that ended (spans) and those that live (`living`, as the API lists tasks).
 * Each is `{number, name, kind, parent, after, state, attempts, span}`.
 */
export function calls(spans, living = []) {
  const all = new Map();
  for (const [number, { span, attempts }] of callsOf(spans)) {
    const state = span.error ? 'failed' : 'finished';
    all.set(number, { number, name: span.name, kind: span.kind, parent: span.parent, after: span.after ?? [], state, attempts, span });
  }
  for (const task of living) {
    const was = all.get(task.number);
    if (was && (task.state === 'failed' || task.state === 'cancelled')) continue;
    const parent = task.parent ? Number(BigInt(`0x${task.parent.slice(16)}`)) : 0;
    all.set(task.number, { number: task.number, name: task.name, kind: task.kind, parent, after: task.after ?? was?.after ?? [], state: task.state, attempts: task.attempt + 1, span: was?.span ?? null });
  }
  return all;
}

/**
 * Nodes and edges. `open` has the page of each open group by its name. Nodes are groups (`group`), single calls (`call`), the
 * rest of an open group (`rest`), and `main` where only its calls are kept (`unknown`). Edges say how many calls were made
 * (`made`) or take results (`args`); `lost` counts those that come from calls which are not kept.
 */
export function graph(all, open = new Map()) {
  const sizes = new Map();
  for (const call of all.values()) sizes.set(call.name, (sizes.get(call.name) ?? 0) + 1);
  const names = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a) || (a < b ? -1 : 1));
  const kept = new Set(names.slice(0, names.length > MOST_GROUPS ? MOST_GROUPS - 1 : MOST_GROUPS));
  const nodes = new Map();
  const nodeOf = new Map();
  const pages = new Map();
  for (const name of open.keys()) {
    if (!kept.has(name)) continue;
    const numbers = [...all.values()].filter((call) => call.name === name).map((call) => call.number).sort((a, b) => a - b);
    const last = Math.max(0, Math.ceil(numbers.length / PAGE) - 1);
    const page = Math.min(open.get(name), last);
    pages.set(name, { page, last, shown: new Set(numbers.slice(page * PAGE, (page + 1) * PAGE)), all: numbers.length });
  }
  const add = (id, fields) => {
    if (!nodes.has(id)) nodes.set(id, { id, count: 0, failed: 0, living: 0, ...fields });
    return nodes.get(id);
  };
  for (const call of all.values()) {
    const page = pages.get(call.name);
    let node;
    if (page?.shown.has(call.number)) node = add(`call ${call.number}`, { type: 'call', name: call.name, call });
    else if (page) node = add(`rest ${call.name}`, { type: 'rest', name: call.name, page: page.page, last: page.last });
    else if (kept.has(call.name)) node = add(`group ${call.name}`, { type: 'group', name: call.name, kind: call.kind });
    else node = add('others', { type: 'others', name: `${names.length - kept.size} other functions` });
    node.count += 1;
    if (call.state === 'failed' || call.state === 'cancelled') node.failed += 1;
    else if (call.state !== 'finished') node.living += 1;
    nodeOf.set(call.number, node.id);
  }
  const edges = new Map();
  const link = (from, to, type) => {
    const id = `${type}\n${from}\n${to}`;
    const edge = edges.get(id);
    if (edge) edge.count += 1;
    else edges.set(id, { from, to, type, count: 1 });
  };
  let lost = 0;
  const from = (number, to, type) => {
    if (nodeOf.has(number)) link(nodeOf.get(number), to, type);
    else if (number === MAIN) {
      add('main', { type: 'unknown', name: 'main' }).count = 1;
      link('main', to, type);
    } else lost += 1;
  };
  for (const call of all.values()) {
    const to = nodeOf.get(call.number);
    if (call.parent) from(call.parent, to, 'made');
    for (const number of call.after) from(number, to, 'args');
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], lost };
}

/** The page of a group on which a call is. */
export function pageOf(all, number) {
  const call = all.get(number);
  if (!call) return null;
  let before = 0;
  for (const other of all.values()) if (other.name === call.name && other.number < number) before += 1;
  return { name: call.name, page: Math.floor(before / PAGE) };
}

const SIZES = { group: [190, 50], others: [190, 50], unknown: [150, 34], rest: [168, 34], call: [132, 26], step: [0, 8] };
const GAP_X = 64;
const GAP_Y = 14;

/** Edges that go past columns get a way of their own while there are not more than so many. */
const ROUTED = 160;

/**
 * Gives each node a place: columns by how long the way to it is, from left to right. An edge that passes columns gets a place in
 * each of them (`ways`, by the edge), so that it crosses no node.
 */
export function place({ nodes, edges }) {
  const depth = columnsOf(nodes, edges);
  const columns = [];
  for (const node of nodes) (columns[depth.get(node.id)] ??= []).push(node);
  const long = edges.filter((edge) => depth.get(edge.to) - depth.get(edge.from) > 1);
  const steps = new Map();
  const links = edges.filter((edge) => !(long.length <= ROUTED && long.includes(edge)));
  if (long.length <= ROUTED) {
    long.forEach((edge, n) => {
      let from = edge.from;
      const way = [];
      for (let at = depth.get(edge.from) + 1; at < depth.get(edge.to); at += 1) {
        const step = { id: `step ${n} ${at}`, type: 'step', name: '' };
        columns[at].push(step);
        way.push(step.id);
        links.push({ from, to: step.id });
        from = step.id;
      }
      links.push({ from, to: edge.to });
      steps.set(edge, way);
    });
  }
  order(columns, links);
  const places = new Map();
  let x = 12;
  let height = 0;
  for (const column of columns) {
    let y = 12;
    const wide = Math.max(...column.map((node) => SIZES[node.type][0]));
    for (const node of column) {
      const [w, h] = SIZES[node.type];
      places.set(node.id, { x, y, w: node.type === 'step' ? wide : w, h });
      y += h + GAP_Y;
    }
    height = Math.max(height, y);
    x += wide + GAP_X;
  }
  // Columns that are shorter stand in the middle.
  for (const column of columns) {
    const last = places.get(column[column.length - 1].id);
    const down = (height - (last.y + last.h + 12)) / 2;
    if (down > 0) for (const node of column) places.get(node.id).y += down;
  }
  const ways = new Map([...steps].map(([edge, way]) => [edge, way.map((id) => places.get(id))]));
  // With room for a loop at the last.
  return { places, ways, width: Math.max(200, x - GAP_X + 44), height: Math.max(80, height) };
}

/**
 * The column of each node. Calls of an open group stand where the group would, so that opening it moves nothing; those of a
 * function that calls itself have a place each.
 */
function columnsOf(nodes, edges) {
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  const open = new Set(nodes.filter(({ type }) => type === 'call' || type === 'rest').map(({ name }) => name));
  const inside = new Set(edges.filter(({ from, to }) => names.get(from) === names.get(to)).map(({ from }) => names.get(from)));
  const stands = (node) => (open.has(node.name) && !inside.has(node.name) && node.type !== 'unknown' ? `group ${node.name}` : node.id);
  const places = new Map(nodes.map((node) => [node.id, stands(node)]));
  const ids = [...new Set(places.values())];
  const depth = depths(ids.map((id) => ({ id })), edges.map(({ from, to }) => ({ from: places.get(from), to: places.get(to) })));
  return new Map(nodes.map((node) => [node.id, depth.get(places.get(node.id))]));
}

/** The longest way to each node, without the edges that lead back. */
function depths(nodes, edges) {
  const out = new Map(nodes.map((node) => [node.id, []]));
  const incoming = new Map(nodes.map((node) => [node.id, 0]));
  for (const edge of edges) {
    if (edge.from === edge.to) continue;
    out.get(edge.from).push(edge.to);
    incoming.set(edge.to, incoming.get(edge.to) + 1);
  }
  // Depth first, without recursion; an edge to a node on the way leads back.
  const seen = new Map();
  const sorted = [];
  const back = new Set();
  const starts = [...nodes].sort((a, b) => incoming.get(a.id) - incoming.get(b.id));
  for (const start of starts) {
    if (seen.has(start.id)) continue;
    const way = [{ id: start.id, next: 0 }];
    seen.set(start.id, 'open');
    while (way.length > 0) {
      const top = way[way.length - 1];
      const targets = out.get(top.id);
      if (top.next < targets.length) {
        const to = targets[top.next];
        top.next += 1;
        if (!seen.has(to)) {
          seen.set(to, 'open');
          way.push({ id: to, next: 0 });
        } else if (seen.get(to) === 'open') back.add(`${top.id}\n${to}`);
      } else {
        seen.set(top.id, 'done');
        sorted.push(top.id);
        way.pop();
      }
    }
  }
  const depth = new Map(nodes.map((node) => [node.id, 0]));
  for (const id of sorted.reverse()) {
    for (const to of out.get(id)) {
      if (!back.has(`${id}\n${to}`)) depth.set(to, Math.max(depth.get(to), depth.get(id) + 1));
    }
  }
  // No column is empty.
  const used = [...new Set(depth.values())].sort((a, b) => a - b);
  for (const [id, at] of depth) depth.set(id, used.indexOf(at));
  return depth;
}

/** Orders each column by where its edges come from. */
function order(columns, edges) {
  const from = new Map();
  for (const edge of edges) {
    if (!from.has(edge.to)) from.set(edge.to, []);
    from.get(edge.to).push(edge);
  }
  const at = new Map();
  for (const column of columns) {
    const weight = (node) => {
      let sum = 0;
      let all = 0;
      for (const edge of from.get(node.id) ?? []) {
        if (!at.has(edge.from)) continue;
        sum += at.get(edge.from);
        all += 1;
      }
      return all > 0 ? sum / all : 0;
    };
    const key = (node) => (node.call ? node.call.number : node.type === 'rest' ? Infinity : 0);
    const weights = new Map(column.map((node) => [node.id, weight(node)]));
    // What belongs to an open group stands together.
    for (const rest of column.filter(({ type }) => type === 'rest')) {
      const own = column.filter(({ type, name }) => name === rest.name && (type === 'call' || type === 'rest'));
      const mean = own.reduce((sum, { id }) => sum + weights.get(id), 0) / own.length;
      for (const { id } of own) weights.set(id, mean);
    }
    column.sort((a, b) => weights.get(a.id) - weights.get(b.id) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) || key(a) - key(b));
    column.forEach((node, n) => at.set(node.id, (n + 0.5) / column.length));
  }
}

/**
 * An edge as an SVG path, from the right side of one node to the left side of the other, through the places on its way; with the
 * point where its number stands: near its end or its beginning, where fewer others are.
 */
export function curve(from, to, { way = [], shift = 0, atEnd = false } = {}) {
  if (from === to) {
    // Round the upper right corner.
    const [x, y] = [from.x + from.w, from.y];
    return { d: `M${x - 14} ${y}c0 -15 29 -15 29 5s-10 12 -15 12`, x: x + 26, y: y + 1 };
  }
  const end = { x: to.x - 4, y: to.y + to.h / 2 + shift };
  let at = { x: from.x + from.w, y: from.y + from.h / 2 + shift };
  if (end.x <= at.x) {
    // Back: below both.
    const low = Math.max(from.y + from.h, to.y + to.h) + 12;
    return { d: `M${at.x} ${at.y}C${at.x + 40} ${low} ${end.x - 40} ${low} ${end.x} ${end.y}`, x: (at.x + end.x) / 2, y: low };
  }
  let d = `M${at.x} ${at.y}`;
  const bend = (x, y) => {
    const half = (x - at.x) / 2;
    d += `C${at.x + half} ${at.y} ${x - half} ${y} ${x} ${y}`;
    at = { x, y };
  };
  const first = way.length > 0 ? { x: way[0].x, y: way[0].y + way[0].h / 2 } : end;
  const label = { x: (at.x + first.x) / 2, y: (at.y + first.y) / 2 };
  for (const step of way) {
    bend(step.x, step.y + step.h / 2);
    d += `H${step.x + step.w}`;
    at = { x: step.x + step.w, y: step.y + step.h / 2 };
  }
  if (atEnd) Object.assign(label, { x: (at.x + end.x) / 2, y: (at.y + end.y) / 2 });
  bend(end.x, end.y);
  return { d, ...label };
}

/** The calls that take a call's result, and those that it made. */
export function following(all, number) {
  const takers = [];
  const made = [];
  for (const call of all.values()) {
    if (call.after.includes(number)) takers.push(call.number);
    if (call.parent === number) made.push(call.number);
  }
  return { takers, made };
}
