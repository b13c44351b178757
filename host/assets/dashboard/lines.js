// Lines that a job printed, as many as a page keeps. Pure.

/** So many lines are kept, and so many characters of them. */
const MOST = 50_000;
const CHARS = 8 << 20;

/** A line's text as it was printed, without its line feed; what is not UTF-8 as far as it can be read. */
function textOf(entry) {
  let text = entry.text;
  if (text == null && entry.base64 != null) {
    const bytes = Uint8Array.from(atob(entry.base64), (c) => c.charCodeAt(0));
    text = new TextDecoder().decode(bytes);
  }
  return (text ?? '').replace(/\r?\n$/, '');
}

/** What is kept of a line. */
export function lineOf({ text, base64, stream, call, name, starts_line: startsLine }) {
  return { shown: textOf({ text, base64 }), who: name ? `${name}#${call}` : '', stream, startsLine };
}

/** The newest lines, with how many are not there any more. */
export class Lines {
  kept = [];
  /** Before what the server kept. */
  dropped = 0;
  /** Kept by the server, and by this page no more. */
  forgotten = 0;
  #chars = 0;

  add(entry) {
    this.kept.push(entry);
    this.#chars += entry.shown.length;
    if (this.kept.length <= MOST && this.#chars <= CHARS) return;
    // A quarter at once, since each time takes as long as what stays.
    const gone = this.kept.splice(0, Math.max(1, this.kept.length >> 2));
    this.forgotten += gone.length;
    for (const one of gone) this.#chars -= one.shown.length;
  }
}

/** Whether a line is wanted. */
export function fits(entry, { text, stream }) {
  if (stream && entry.stream !== stream) return false;
  return text === '' || entry.shown.toLowerCase().includes(text) || entry.who.toLowerCase().includes(text);
}
