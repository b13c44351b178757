// What is kept of what a job's calls did, and how much that is. Pure.

import { count, group } from './format.js';

/** What is to be known of a trace before it is looked at: that it is a sample, and that calls are in it when they ended. */
export function sampleNote(trace, job) {
  const said = [];
  const all = trace.spans.length + trace.left_out;
  if (trace.one_of > 1) {
    said.push(`This is a sample: one of ${group(trace.one_of)} calls by number, ${group(trace.spans.length)} of ${count(all, 'attempt')}; ${group(trace.left_out)} are left out. The summary counts all.`);
  } else if (trace.left_out > 0) {
    said.push(`${group(trace.spans.length)} of ${count(all, 'attempt')} are kept; for ${group(trace.left_out)} there was no room. The summary counts all.`);
  } else {
    said.push(`${count(all, 'attempt')}, all of them.`);
  }
  if (!job.isEnded) said.push('The job runs: calls are in it once they end.');
  return said.join(' ');
}

/** How long to wait before a trace is asked for again, after it took so long; nothing when it changes no more. */
export function tracePeriod(job, took) {
  if (job.traceIsWhole) return null;
  return Math.min(30_000, Math.max(2_000, 12 * took));
}

/** Calls by number: their last attempt, and how many there were. */
export function callsOf(spans) {
  const calls = new Map();
  for (const span of spans) {
    const call = calls.get(span.number);
    if (!call) calls.set(span.number, { span, attempts: 1 });
    else {
      call.attempts += 1;
      if (span.attempt >= call.span.attempt) call.span = span;
    }
  }
  return calls;
}
