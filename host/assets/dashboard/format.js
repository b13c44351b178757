// Numbers, times and other people's text as they are shown. Pure: nothing here touches the page.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes with a unit: three digits, as far as they say something. */
export function bytes(n) {
  if (n == null || Number.isNaN(n)) return '–';
  let unit = 0;
  let value = n;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : digits(value)} ${UNITS[unit]}`;
}

/** Three digits. */
export function digits(value) {
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return group(Math.round(value));
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** A whole number with thin gaps between its thousands. */
export function group(n) {
  if (n == null || Number.isNaN(n)) return '–';
  const text = String(Math.round(Math.abs(n))).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  return n < 0 ? `−${text}` : text;
}

/** A rate or another number that need not be whole. */
export function rate(value) {
  if (value == null || Number.isNaN(value)) return '–';
  if (value !== 0 && Math.abs(value) < 0.005) return '<0.01';
  if (Number.isInteger(value)) return group(value);
  return digits(value);
}

/** Nanoseconds as a time with a unit. */
export function ns(n) {
  if (n == null || Number.isNaN(n)) return '–';
  if (n < 1e3) return `${Math.round(n)} ns`;
  if (n < 1e6) return `${digits(n / 1e3)} µs`;
  if (n < 1e9) return `${digits(n / 1e6)} ms`;
  return seconds(n / 1e9);
}

/** Milliseconds as a time with a unit. */
export function ms(n) {
  if (n == null || Number.isNaN(n)) return '–';
  return n < 1e3 ? `${Math.round(n)} ms` : seconds(n / 1e3);
}

/** Seconds as a time with units. */
export function seconds(s) {
  if (s == null || Number.isNaN(s)) return '–';
  if (s < 0.0005 && s > 0) return '<1 ms';
  if (s < 1) return `${digits(s * 1e3)} ms`;
  if (s < 100) return `${digits(s)} s`;
  const whole = Math.round(s);
  const parts = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts.slice(first, first + 2).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

/** How long ago that was. */
export function age(at, now) {
  if (at == null) return '–';
  const s = Math.max(0, (now - at) / 1e3);
  if (s < 5) return 'just now';
  if (s < 100) return `${Math.round(s)} s ago`;
  if (s < 6000) return `${Math.round(s / 60)} min ago`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} d ago`;
}

/** A moment, by this machine's clock and zone. */
export function moment(at) {
  if (at == null) return '–';
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const two = (n) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A part of a whole. */
export function percent(part, whole) {
  if (!whole) return '–';
  const value = (100 * part) / whole;
  return `${value > 0 && value < 1 ? '<1' : Math.round(value)} %`;
}

/** One or many. */
export function count(n, one, many) {
  return `${group(n)} ${n === 1 ? one : (many ?? `${one}s`)}`;
}

// What changes the order in which text is read, or has no width: a guest could make one thing look like another by it.
// C1 controls, the marks and embeddings of direction, other separators of lines, no-width spaces, tags.
const HIDDEN =
  /[\u0080-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f]/g;

/** Other people's text on one line, its control characters and changes of direction as visible marks. */
export function clean(text) {
  if (text == null) return '';
  return String(text).replace(CONTROLS, picture).replace(HIDDEN, mark);
}

/** The same for text of many lines, whose line feeds and tabs stay. */
export function cleanLines(text) {
  if (text == null) return '';
  const kept = (c) => (c === '\n' || c === '\t' ? c : picture(c));
  return String(text).replace(/\r\n/g, '\n').replace(CONTROLS, kept).replace(HIDDEN, mark);
}

function picture(c) {
  const code = c.codePointAt(0);
  return code === 0x7f ? '\u2421' : String.fromCodePoint(0x2400 + code);
}

function mark(c) {
  return `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** Text that is not longer than this. */
export function cut(text, most) {
  const chars = Array.from(text);
  return chars.length > most ? `${chars.slice(0, most - 1).join('')}…` : text;
}

/** What a function is called; a job's own program has no name. */
export function callName(name) {
  return name ? clean(name) : 'main';
}

/** The id of a job's call by its number. */
export function taskId(job, number) {
  return job + BigInt(number).toString(16).padStart(16, '0');
}

/** Job and number of a call's id; nothing of what is none. */
export function splitId(id) {
  if (!/^[0-9a-f]{32}$/.test(id ?? '')) return null;
  return { job: id.slice(0, 16), number: Number(BigInt(`0x${id.slice(16)}`)) };
}

const BLOCKED = { objects: 'objects', room: 'room', reader: 'a reader', disk: 'the disk' };

/** What a call waits for, in words. */
export function blockedOn(on) {
  return BLOCKED[on] ?? clean(on ?? '');
}

/** A name from the API as words. */
export function words(name) {
  return clean(String(name ?? '')).replace(/_/g, ' ');
}
