// The list of objects.

import { getPage } from './api.js';
import { badge, table } from './dom.js';
import { age, bytes, callName, clean, count, cut, group, moment, splitId } from './format.js';
import { listPage, states } from './list.js';
import { address } from './router.js';

const TIERS = { inline: 'on the heap', memory: 'in memory', spilled: 'on disk', failed: 'an error' };

const numbers = (tasks = []) => tasks.map((id) => `#${splitId(id)?.number ?? id}`).join(' ');

/** The page. */
export function show({ root, route, signal, ready, who }) {
  const now = () => Date.now();
  const maker = (object) => {
    const made = splitId(object.task);
    if (!made) return object.name ? callName(object.name) : 'put';
    return { text: cut(`${object.name ? callName(object.name) : ''}#${made.number}`, 60), href: address('tasks', object.task) };
  };
  const columns = [
    { key: 'id', title: 'Object', cell: (object) => ({ text: `…${object.id.slice(-12)}`, title: object.id }), sort: (object) => object.id },
    { key: 'size', title: 'Size', num: true, cell: (object) => bytes(object.size), sort: (object) => object.size },
    { key: 'tier', title: 'Where', cell: (object) => badge(object.state, TIERS[object.state]), sort: (object) => object.state },
    { key: 'holders', title: 'Holders', num: true, cell: (object) => group(object.holders), sort: (object) => object.holders },
    { key: 'age', title: 'Age', num: true, cell: (object) => ({ text: object.created_at == null ? '–' : age(object.created_at, now()), title: moment(object.created_at) }), sort: (object) => (object.created_at == null ? null : -object.created_at) },
    { key: 'maker', title: 'Made by', cell: maker, sort: (object) => object.name ?? null },
    { key: 'arguments', title: 'Argument of', cell: (object) => numbers(object.arguments_of) },
    { key: 'handles', title: 'Held by', cell: (object) => numbers(object.held_by) },
    { key: 'job', title: 'Job', cell: (object) => ({ text: object.job, href: address('jobs', object.job) }) },
    ...(who.isHost ? [{ key: 'tenant', title: 'Tenant', cell: (object) => clean(object.tenant), sort: (object) => object.tenant }] : []),
    { key: 'error', title: 'Error', wide: true, cell: (object) => (object.error ? cut(`${clean(object.error.code)} ${clean(object.error.message)}`, 140) : '') },
  ];
  const grid = table({ label: 'Objects', columns, id: (object) => object.id, empty: '', sort: { key: 'size', down: true } });
  listPage({
    heading: 'Objects', root, route, signal, ready, grid,
    intro: 'Those of more than 64 KiB, the arguments of calls that have not ended, and errors that somebody holds. Holders: handles, arguments of calls, and values that refer to it.',
    filters: [
      { key: 'state', label: 'Where', options: [['', 'all'], ...Object.entries(TIERS)] },
      { key: 'name', label: 'Made by function', placeholder: 'its whole name' },
      { key: 'job', label: 'Job', placeholder: 'its id' },
    ],
    async load({ place, filters }) {
      const list = await getPage('objects', { ...filters, after: place, limit: 500 }, 'objects', { signal });
      grid.sayEmpty(filters.state || filters.name || filters.job || place ? 'No object here fits the filters.' : 'There are no such objects now.');
      const size = list.objects.reduce((sum, object) => sum + object.size, 0);
      const notes = [];
      if (list.next) notes.push('Sorted are the objects of this page.');
      if (list.partial) notes.push('This list is partial: there are more calls than are looked through for their arguments, so some of those may be missing.');
      return { rows: list.objects, next: list.next, words: `${count(list.objects.length, 'object')}, ${bytes(size)}`, notes };
    },
  });
}
