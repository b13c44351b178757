// A page that is a list: filters, a table, pages of it, looked at again while it is seen.

import { choice, el, every, field, later, pager } from './dom.js';

/**
 * Builds such a page. `filters` are `{key, label, options}` or `{key, label, placeholder}`; `load({place, filters})` gives
 * `{rows, next, words, notes}`; `grid` is a table.
 */
export function listPage({ heading, root, route, signal, ready, filters, load, grid, period = 2_000, level = 'h1', keep = true, intro }) {
  const chosen = {};
  for (const { key } of filters) chosen[key] = route.params?.[key] ?? '';
  const problem = el('div');
  const notes = el('p', { class: 'muted notes' });
  const turn = pager(() => again());
  const status = el('p', { class: 'muted', role: 'status' }, 'Loading…');
  const typed = later(300, changed);
  const fields = filters.map((filter) => {
    const set = (value) => {
      chosen[filter.key] = value.trim();
    };
    if (filter.options) {
      const select = choice(filter.options, chosen[filter.key], (value) => {
        set(value);
        changed();
      });
      return field(filter.label, select);
    }
    const input = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: filter.placeholder });
    input.value = chosen[filter.key];
    input.addEventListener('input', () => {
      set(input.value);
      typed();
    });
    return field(filter.label, input);
  });
  const form = el('form', { class: 'filters', role: 'search', 'aria-label': `Filters of ${heading.toLowerCase()}`, onsubmit: (event) => event.preventDefault() }, fields);
  grid.root.hidden = true;
  turn.root.hidden = true;
  root.append(el(level, {}, heading), ...(intro ? [el('p', { class: 'muted' }, intro)] : []), form, problem, status, grid.root, turn.root, notes);

  function changed() {
    turn.reset();
    if (keep) {
      const set = Object.entries(chosen).filter(([, value]) => value !== '');
      const search = set.length > 0 ? `?${new URLSearchParams(set)}` : '';
      history.replaceState(null, '', location.hash.split('?')[0] + search);
    }
    again();
  }

  const again = every(period, signal, problem, async () => {
    let page;
    try {
      page = await load({ place: turn.place, filters: { ...chosen } });
    } catch (error) {
      if (!signal.aborted) ready();
      status.hidden = true;
      throw error;
    }
    if (signal.aborted) return;
    const left = grid.show(page.rows);
    status.hidden = true;
    grid.root.hidden = false;
    turn.show(page.next, page.words);
    notes.textContent = [left > 0 ? `${left} more are not shown: narrow the filters.` : '', ...(page.notes ?? [])].filter(Boolean).join(' ');
    notes.hidden = notes.textContent === '';
    ready();
  });
  return { again };
}

/** States to choose from, with all of them first. */
export function states(...names) {
  return [['', 'all'], ...names.map((name) => [name, name.replace(/_/g, ' ')])];
}
