// The list of actors.

import { getPage } from './api.js';
import { badge, table } from './dom.js';
import { age, bytes, callName, clean, count, cut, group, moment } from './format.js';
import { listPage, states } from './list.js';
import { address } from './router.js';

/** The page. */
export function show({ root, route, signal, ready, who }) {
  const now = () => Date.now();
  const columns = [
    { key: 'class', title: 'Class', cell: (actor) => ({ text: cut(callName(actor.class), 60), title: actor.id }), sort: (actor) => actor.class },
    { key: 'name', title: 'Name', cell: (actor) => (actor.name ? cut(clean(actor.name), 60) : '–'), sort: (actor) => actor.name ?? null },
    { key: 'state', title: 'State', cell: (actor) => badge(actor.state), sort: (actor) => actor.state },
    { key: 'mailbox', title: 'Mailbox', num: true, cell: (actor) => group(actor.queued_calls), sort: (actor) => actor.queued_calls },
    { key: 'restarts', title: 'Restarts', num: true, cell: (actor) => group(actor.restarts), sort: (actor) => actor.restarts },
    { key: 'memory', title: 'Memory', num: true, cell: (actor) => bytes(actor.memory_bytes), sort: (actor) => actor.memory_bytes },
    { key: 'detached', title: 'Detached', cell: (actor) => (actor.detached ? 'yes' : 'no'), sort: (actor) => Number(actor.detached) },
    { key: 'job', title: 'Job', cell: (actor) => ({ text: actor.job, href: address('jobs', actor.job) }) },
    ...(who.isHost ? [{ key: 'tenant', title: 'Tenant', cell: (actor) => clean(actor.tenant), sort: (actor) => actor.tenant }] : []),
    { key: 'made', title: 'Made', cell: (actor) => ({ text: age(actor.created_at, now()), title: moment(actor.created_at) }), sort: (actor) => actor.created_at },
    { key: 'error', title: 'Why it is dead', wide: true, cell: (actor) => (actor.error ? cut(`${clean(actor.error.code)} ${clean(actor.error.message)}`, 140) : '') },
  ];
  const grid = table({ label: 'Actors', columns, id: (actor) => actor.id, empty: '' });
  listPage({
    heading: 'Actors', root, route, signal, ready, grid,
    intro: 'Mailbox: calls that wait for the actor. Memory: when it last had nothing to do.',
    filters: [
      { key: 'state', label: 'State', options: states('pending', 'alive', 'hibernating', 'restarting', 'dead') },
      { key: 'name', label: 'Class or name', placeholder: 'the whole of it' },
      { key: 'job', label: 'Job', placeholder: 'its id' },
    ],
    async load({ place, filters }) {
      const list = await getPage('actors', { ...filters, after: place, limit: 200 }, 'actors', { signal });
      grid.sayEmpty(filters.state || filters.name || filters.job || place
        ? 'No actor here fits the filters. Class and name are asked for as a whole.'
        : 'No actor lives. A job’s actors are here until it ends, detached ones until they do.');
      return { rows: list.actors, next: list.next, words: count(list.actors.length, 'actor') };
    },
  });
}
