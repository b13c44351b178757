// A call's error with all that is known of it.

import { el, region } from './dom.js';
import { callName, clean, cleanLines, words } from './format.js';

/** The error, under a name that no other has on its page. */
export function wholeError(error, label) {
  const lines = [
    el('p', { class: 'what' }, el('strong', {}, clean(error.code ?? '')), ' ', words(error.kind),
      error.task ? ` in ${callName(error.task)}` : '', error.attempt > 0 ? ` (attempt ${error.attempt + 1})` : ''),
    region(label, el('pre', { class: 'guest' }, cleanLines(error.message)), 'scroll text'),
  ];
  if (error.backtrace?.length) {
    const trace = error.backtrace.map((frame, at) => `${String(at).padStart(3)}  ${cleanLines(frame)}`).join('\n');
    lines.push(el('p', { class: 'label' }, 'Where, innermost first'), region(`${label}: backtrace`, el('pre', { class: 'guest backtrace' }, trace), 'scroll text'));
  }
  return el('div', { class: 'error-text' }, lines);
}
