// The server's API: requests with the token, errors in words, streams of events.

const TOKEN = 'wrun-token';
const TENANT = 'wrun-tenant';

/** What the server refused, or why it was not reached. */
export class ApiError extends Error {
  constructor(status, code, message, help) {
    super(message);
    this.status = status;
    this.code = code;
    this.help = help ?? null;
  }
}

/** Who asks, kept for this tab of the browser only. */
export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN);
  },
  get tenant() {
    return sessionStorage.getItem(TENANT) || null;
  },
  signIn(token) {
    sessionStorage.setItem(TOKEN, token);
    sessionStorage.removeItem(TENANT);
  },
  signOut() {
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(TENANT);
  },
  choose(tenant) {
    if (tenant) sessionStorage.setItem(TENANT, tenant);
    else sessionStorage.removeItem(TENANT);
  },
};

let onSignedOut = () => {};

/** Called when the server does not take the token any more. */
export function whenSignedOut(then) {
  onSignedOut = then;
}

async function send(path, { method = 'GET', accept = 'application/json', signal, anyTenant = false } = {}) {
  const token = session.token;
  const headers = { Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (session.tenant && !anyTenant) headers['wrun-tenant'] = session.tenant;
  let response;
  try {
    response = await fetch(`v1/${path}`, { method, headers, signal, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer.', 'Look whether it runs; this page tries again.');
  }
  if (response.ok) return response;
  const problem = await response.json().then((body) => body?.error, () => null);
  const message = problem?.message ?? `The server answered ${response.status}.`;
  const error = new ApiError(response.status, problem?.code ?? '', message, problem?.help);
  if (response.status === 401 && session.token === token && token) onSignedOut();
  throw error;
}

/** What is at a path below `/v1/`. */
export async function get(path, options) {
  const response = await send(path, options);
  return response.json();
}

/** The server looks through so many entries for a page; a filter may let none of them through. */
const LOOKS = 10;

/** A page of a list, or the first behind it that has something: `next` leads on from there. */
export async function getPage(what, fields, key, options) {
  let list = await get(`${what}${query(fields)}`, options);
  for (let looks = 1; list[key].length === 0 && list.next && looks < LOOKS; looks += 1) {
    list = await get(`${what}${query({ ...fields, after: list.next })}`, options);
  }
  return list;
}

/** Asks for something to be done. */
export async function post(path, options) {
  const response = await send(path, { ...options, method: 'POST' });
  return response.json().catch(() => null);
}

/** A query with what is set of these. */
export function query(fields) {
  const set = Object.entries(fields).filter(([, value]) => value != null && value !== '');
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`;
}

/** Reads server-sent events as they come, until the stream ends. */
export async function follow(path, { signal, onEvent, onOpen }) {
  const response = await send(path, { signal, accept: 'text/event-stream' });
  onOpen?.();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const feed = eventParser(onEvent);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      feed(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    if (error.name === 'AbortError' || signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'The connection to the server was lost.', 'This page tries again.');
  } finally {
    reader.cancel().catch(() => {});
  }
}

// One event is never larger: what comes beyond is not kept.
const LARGEST = 16 << 20;

/** Makes events of a stream's text, which comes in pieces: `onEvent({event, data, id})`. */
export function eventParser(onEvent) {
  let rest = '';
  let event = '';
  let data = [];
  let id = null;
  const line = (text) => {
    if (text === '') {
      if (data.length > 0) onEvent({ event: event || 'message', data: data.join('\n'), id });
      event = '';
      data = [];
      return;
    }
    if (text.startsWith(':')) return;
    const colon = text.indexOf(':');
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
  };
  return (piece) => {
    rest += piece;
    let from = 0;
    for (let end = rest.indexOf('\n', from); end >= 0; end = rest.indexOf('\n', from)) {
      line(rest.slice(from, rest[end - 1] === '\r' ? end - 1 : end));
      from = end + 1;
    }
    rest = rest.slice(from);
    if (rest.length > LARGEST) rest = '';
  };
}
