// The overview: what is busy, what waits, who has what, now and in the last two minutes.

import { session } from './api.js';
import { SERIES, chart, perSecond, recent } from './charts.js';
import { badge, el, errorMessage, facts, table } from './dom.js';
import { followWhileSeen } from './live.js';
import { address } from './router.js';
import { bytes, clean, group, rate, seconds } from './format.js';

// What was seen stays while other pages are looked at.
let samples = [];
let seenAs = null;

/** All tenants together. Pure. */
export function total(overview, of) {
  return overview.tenants.reduce((sum, tenant) => sum + (of(tenant) ?? 0), 0);
}

/** Each tenant's rate of a counter between two moments, by name. Pure. */
export function ratesOf(before, after, counter) {
  const earlier = new Map(before.tenants.map((tenant) => [tenant.name, tenant]));
  const time = (after.at - before.at) / 1e3;
  const rates = new Map();
  for (const tenant of after.tenants) {
    const was = earlier.get(tenant.name);
    const rise = was && counter(tenant) - counter(was);
    rates.set(tenant.name, time > 0 && rise >= 0 ? rise / time : null);
  }
  return rates;
}

/** The names of those with most of something, so many of them, and whether others are left. Pure. */
export function leading(overview, of, most) {
  const all = [...overview.tenants].sort((a, b) => of(b) - of(a) || (a.name < b.name ? -1 : 1));
  return { names: all.slice(0, most).map(({ name }) => name), others: all.length > most };
}

const ended = (tenant) => tenant.tasks.finished + tenant.tasks.failed;

/** A series of rates of a counter of all tenants. */
function rateSeries(counter) {
  const points = [];
  for (let at = 1; at < samples.length; at += 1) {
    const value = perSecond(samples[at - 1], samples[at], (overview) => total(overview, counter));
    points.push({ at: samples[at].at, value });
  }
  return points;
}

const last = (points) => points[points.length - 1]?.value ?? null;

function levelSeries(of) {
  return samples.map((overview) => ({ at: overview.at, value: of(overview) ?? null }));
}

/** A series for each of the leading tenants, and one for the others together. */
function byTenant(valueOf, now) {
  const values = valueOf(now, samples.length - 1);
  const { names, others } = leading(now, (tenant) => values.get(tenant.name) ?? 0, SERIES - 1);
  const series = names.map((name) => samples.map((overview, at) => ({ at: overview.at, value: valueOf(overview, at).get(name) ?? null })));
  const words = names.map((name) => ({ name, value: values.get(name) }));
  if (others) {
    const rest = (overview, at) => {
      let sum = 0;
      for (const [name, value] of valueOf(overview, at)) if (!names.includes(name)) sum += value ?? 0;
      return sum;
    };
    series.push(samples.map((overview, at) => ({ at: overview.at, value: rest(overview, at) })));
    words.push({ name: 'others', value: rest(now, samples.length - 1) });
  }
  return { series, words };
}

function memo(make) {
  const kept = new WeakMap();
  return (overview, at) => {
    if (!kept.has(overview)) kept.set(overview, make(overview, at));
    return kept.get(overview);
  };
}

const queueOf = memo((overview) => new Map(overview.tenants.map((tenant) => [tenant.name, tenant.tasks.queued])));
const cpuOf = memo((overview, at) => (at > 0 ? ratesOf(samples[at - 1], overview, (tenant) => tenant.cpu_seconds) : new Map()));

const CHARTS = [
  ['slots', 'Slots busy'], ['workers', 'Workers busy'], ['tasks', 'Calls ended'], ['made', 'Sandboxes made'],
  ['queue', 'Calls that wait'], ['cpu', 'Processor time'], ['sandboxes', 'Memory of sandboxes'], ['objects', 'Objects in memory'],
  ['spilled', 'Objects on disk'], ['resident', 'Memory of the server'],
];

/** The page. */
export function show({ root, signal, ready }) {
  const key = `${session.token}/${session.tenant}`;
  if (seenAs !== key) samples = [];
  seenAs = key;
  const problem = el('div');
  const state = facts();
  const charts = new Map(CHARTS.map(([name, title]) => [name, chart(title)]));
  const tiles = el('div', { class: 'tiles', hidden: true }, [...charts.values()].map((one) => one.root));
  const tenants = tenantTable();
  const below = el('section', { hidden: true }, el('h2', {}, 'Tenants'), tenants.root);
  const loading = el('p', { class: 'muted' }, 'Waiting for the first numbers…');
  root.append(el('h1', {}, 'Overview'), problem, loading, state.root,
    el('section', {}, el('h2', { class: 'unseen' }, 'The last two minutes'), tiles), below);

  const hear = (overview) => {
    samples = recent([...samples.filter(({ at }) => at < overview.at), overview], overview.at);
    loading.remove();
    problem.replaceChildren();
    tiles.hidden = false;
    below.hidden = false;
    state.show(factsOf(overview));
    draw(charts, overview);
    const before = samples.length > 1 ? samples[samples.length - 2] : null;
    tenants.show(overview, before);
    ready();
  };
  followWhileSeen({
    path: () => 'overview/events', signal,
    onEvent: ({ event, data }) => event === 'overview' && hear(JSON.parse(data)),
    onError: (error) => {
      problem.replaceChildren(errorMessage(error));
      ready();
    },
  });
}

function factsOf(overview) {
  const facts = [
    ['Version', clean(overview.version)],
    ['Up for', seconds(overview.uptime_seconds)],
    ['New jobs', overview.accepting ? badge('running', 'are taken') : badge('failed', 'are refused: it stops')],
    ['Slots', rate(overview.slots)],
    ['Workers', group(overview.workers)],
  ];
  const jobs = total(overview, (tenant) => tenant.jobs);
  facts.push(['Jobs not ended', { text: group(jobs), href: address('jobs') }]);
  const actors = total(overview, (tenant) => tenant.actors);
  facts.push(['Actors', { text: group(actors), href: address('actors') }]);
  return facts;
}

function draw(charts, overview) {
  const now = overview.at;
  const node = overview.node;
  const put = (name, what) => {
    const one = charts.get(name);
    one.root.hidden = what == null;
    if (what) one.show({ now, ...what });
  };
  // Each tenant may have all slots, so together they may have more of them than there are.
  const busy = (at) => total(at, (tenant) => tenant.slots_busy);
  const isOne = overview.tenants.length === 1;
  put('slots', {
    text: rate(busy(overview)), more: `of ${rate(overview.slots)}${isOne ? '' : ' for each tenant'}`,
    series: [levelSeries(busy)], limit: isOne ? overview.slots : null,
  });
  put('workers', node && {
    text: group(node.workers_awake), more: `of ${group(overview.workers)}`,
    series: [levelSeries((at) => at.node?.workers_awake)], limit: overview.workers,
  });
  const tasks = rateSeries(ended);
  const failed = last(rateSeries((tenant) => tenant.tasks.failed));
  put('tasks', { text: `${rate(last(tasks))} /s`, more: failed ? `${rate(failed)} /s failed` : '', series: [tasks] });
  const made = rateSeries((tenant) => tenant.sandboxes_made);
  const living = node?.sandboxes ?? total(overview, (tenant) => tenant.sandboxes);
  put('made', { text: `${rate(last(made))} /s`, more: `${group(living)}${node ? ` of ${group(node.max_sandboxes)}` : ''} live`, series: [made] });
  const queue = byTenant(queueOf, overview);
  const named = (words, text) => (words.length > 1 ? words.map(({ name, value }) => `${clean(name)} ${text(value)}`) : null);
  put('queue', {
    text: group(total(overview, (tenant) => tenant.tasks.queued)), more: `${bytes(total(overview, (tenant) => tenant.queued_bytes))}`,
    series: queue.series, names: named(queue.words, group),
  });
  const cpu = byTenant(cpuOf, overview);
  const used = last(rateSeries((tenant) => tenant.cpu_seconds));
  const own = node && samples.length > 1 ? perSecond(samples[samples.length - 2], overview, (at) => at.node?.process_cpu_seconds ?? 0) : null;
  put('cpu', {
    text: `${rate(used)} s/s`, more: own == null ? '' : `the process ${rate(own)} s/s`,
    series: cpu.series, names: named(cpu.words, (value) => `${rate(value)} s/s`),
  });
  const memory = (at) => at.node?.sandbox_bytes ?? total(at, (tenant) => tenant.sandbox_bytes);
  put('sandboxes', { text: bytes(memory(overview)), more: node ? `of ${bytes(node.total_memory)}` : '', series: [levelSeries(memory)] });
  const objects = (at) => at.node?.object_bytes ?? total(at, (tenant) => tenant.object_bytes);
  put('objects', { text: bytes(objects(overview)), more: node ? `of ${bytes(node.object_store_memory)}` : '', series: [levelSeries(objects)] });
  const spilled = (at) => at.node?.spilled_bytes ?? total(at, (tenant) => tenant.spilled_bytes);
  put('spilled', { text: bytes(spilled(overview)), series: [levelSeries(spilled)] });
  put('resident', node && { text: bytes(node.resident_bytes), series: [levelSeries((at) => at.node?.resident_bytes)] });
}

function tenantTable() {
  let tasks = new Map();
  let made = new Map();
  let cpu = new Map();
  const number = (key, title, of, text = group) => ({ key, title, num: true, cell: (row) => text(of(row)), sort: of });
  const columns = [
    { key: 'name', title: 'Tenant', cell: (row) => ({ text: clean(row.name), href: address('tenants') }), sort: (row) => row.name },
    number('jobs', 'Jobs', (row) => row.jobs),
    number('queued', 'Waiting', (row) => row.tasks.queued),
    number('running', 'Running', (row) => row.tasks.running),
    number('slots', 'Slots', (row) => row.slots_busy, rate),
    number('rate', 'Ended /s', (row) => tasks.get(row.name), rate),
    number('finished', 'Finished', (row) => row.tasks.finished),
    number('failed', 'Failed', (row) => row.tasks.failed),
    number('actors', 'Actors', (row) => row.actors),
    number('sandboxes', 'Sandboxes', (row) => row.sandboxes),
    number('made', 'Made /s', (row) => made.get(row.name), rate),
    number('memory', 'Memory', (row) => row.sandbox_bytes, bytes),
    number('objects', 'Objects', (row) => row.object_bytes, bytes),
    number('spilled', 'On disk', (row) => row.spilled_bytes, bytes),
    number('cpu', 'CPU s/s', (row) => cpu.get(row.name), rate),
    number('used', 'CPU', (row) => row.cpu_seconds, seconds),
  ];
  const grid = table({ label: 'Tenants', columns, id: (row) => row.name, empty: 'There is no tenant yet: `wrun tenant add NAME` makes one.' });
  return {
    root: grid.root,
    show(overview, before) {
      if (before) {
        tasks = ratesOf(before, overview, ended);
        made = ratesOf(before, overview, (tenant) => tenant.sandboxes_made);
        cpu = ratesOf(before, overview, (tenant) => tenant.cpu_seconds);
      }
      grid.show(overview.tenants);
    },
  };
}

