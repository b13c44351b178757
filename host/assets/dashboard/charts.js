// Small charts of the last two minutes. What they show stands beside them as text, so they are hidden from readers of the screen.

import { svg, setText, el } from './dom.js';

/** How far back a chart goes. */
export const SPAN = 120_000;
const WIDTH = 240;
const HEIGHT = 44;

/** Colours of series, by their order; `style.css` has them. */
export const SERIES = 6;

/** Keeps what lies within the span before the newest. Pure. */
export function recent(samples, now) {
  const first = samples.findIndex((sample) => sample.at >= now - SPAN);
  return first <= 0 ? samples : samples.slice(first);
}

/** The rate of a counter between two moments; nothing when it began again. Pure. */
export function perSecond(before, after, counter) {
  const time = (after.at - before.at) / 1e3;
  const rise = counter(after) - counter(before);
  return time > 0 && rise >= 0 ? rise / time : null;
}

/** The points of a line, as an SVG path: gaps where a value is missing. Pure. */
export function path(points, now, top) {
  let text = '';
  let pen = false;
  for (const { at, value } of points) {
    if (value == null) {
      pen = false;
      continue;
    }
    const x = WIDTH * (1 - (now - at) / SPAN);
    const y = HEIGHT - 1 - (HEIGHT - 3) * Math.min(1, value / top);
    text += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return text;
}

/** A round number that is not smaller. Pure. */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((n) => n * power >= value);
  return step * power;
}

/**
 * A chart with its name and its value: `chart.show(text, series, now, limit)`, where `series` are lists of `{at, value}`.
 * `limit` is the height that does not change.
 */
export function chart(title) {
  const lines = [];
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'chart' });
  picture.append(svg('path', { d: `M0 ${HEIGHT - 0.5}H${WIDTH}`, class: 'axis' }));
  const value = el('span', { class: 'value' });
  const detail = el('span', { class: 'detail' });
  const legend = el('ul', { class: 'legend', hidden: true });
  const root = el('section', { class: 'tile' }, el('h3', {}, title), el('p', { class: 'now' }, value, ' ', detail), picture, legend);
  return {
    root,
    show({ text, more = '', series, now, limit, names }) {
      setText(value, text);
      setText(detail, more);
      while (lines.length < series.length) {
        const line = svg('path', { class: `line series-${lines.length % SERIES}` });
        lines.push(line);
        picture.append(line);
      }
      let top = limit ?? 0;
      for (const points of series) for (const point of points) top = Math.max(top, point.value ?? 0);
      if (limit == null) top = ceiling(top);
      lines.forEach((line, at) => line.setAttribute('d', at < series.length ? path(series[at], now, top || 1) : ''));
      legend.hidden = !names;
      if (names) {
        while (legend.children.length > names.length) legend.lastChild.remove();
        names.forEach((name, at) => {
          if (!legend.children[at]) legend.append(el('li', {}, el('i', { class: `key series-${at % SERIES}`, 'aria-hidden': 'true' }), el('span')));
          setText(legend.children[at].lastChild, name);
        });
      }
    },
  };
}
