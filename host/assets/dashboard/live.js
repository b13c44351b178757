// Streams that are followed while the page is seen: a browser has few connections for a server, and pages that nobody sees need none.

import { ApiError, follow } from './api.js';

/** After the stream ended in order, in milliseconds. */
const AGAIN = 1_000;
/** After it was lost, and after it was refused. */
const LOST = 2_000;
const REFUSED = 10_000;

/**
 * Follows the stream at `path()`, again and again, until `signal` says to stop or `isDone()`. `onError` hears why there is
 * none, `onOpen` that there is one again.
 */
export async function followWhileSeen({ path, signal, onEvent, onOpen, onError, isDone = () => false }) {
  while (!signal.aborted && !isDone()) {
    await seen(signal);
    const one = new AbortController();
    const stop = () => one.abort();
    const hide = () => document.hidden && stop();
    signal.addEventListener('abort', stop);
    document.addEventListener('visibilitychange', hide);
    try {
      await follow(path(), { signal: one.signal, onOpen, onEvent: (event) => signal.aborted || onEvent(event) });
      if (!isDone()) await pause(AGAIN, signal);
    } catch (error) {
      if (signal.aborted || one.signal.aborted || error.name === 'AbortError') continue;
      if (!(error instanceof ApiError)) console.error(error);
      onError(error);
      await pause(error.status === 0 || error.status === 429 || error.status >= 500 ? LOST : REFUSED, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      document.removeEventListener('visibilitychange', hide);
    }
  }
}

function pause(time, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function seen(signal) {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look, { once: true });
  });
}
