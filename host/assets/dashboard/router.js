// Addresses behind the `#`: which page, of what. Pure.

export const TABS = ['timeline', 'graph', 'summary', 'logs', 'tasks', 'errors'];
const PLAIN = ['jobs', 'actors', 'objects', 'tenants', 'tasks'];

/** The page that an address is of, with its id, tab and filters; nothing of one that is none. */
export function parse(hash) {
  const text = hash.replace(/^#/, '');
  const [path, search = ''] = text.split('?', 2);
  const parts = path.split('/').filter(Boolean).map(decode);
  const params = Object.fromEntries(new URLSearchParams(search));
  if (parts.length === 0) return { page: 'overview', params };
  const [first, id, tab, ...more] = parts;
  if (!PLAIN.includes(first) || more.length > 0) return null;
  if (id == null) return { page: first, params };
  if (first === 'jobs' && (tab == null || TABS.includes(tab))) return { page: 'job', id, tab: tab ?? TABS[0], params };
  if (first === 'tasks' && tab == null) return { page: 'task', id, params };
  return null;
}

/** The address of a page. */
export function address(...parts) {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

/** The token that somebody put into the address, and the page that was meant. */
export function tokenIn(hash) {
  const found = /^#token=([^&]+)(?:&(\/.*))?$/.exec(hash);
  return found ? { token: decode(found[1]), rest: `#${found[2] ?? '/'}` } : null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
