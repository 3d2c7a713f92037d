// A plot of points and lines, as wide as its container. Each name of runs has a colour, a mark and a dash pattern.
const MARKS = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (r) => `M0,${-1.3 * r}L${1.2 * r},${r}H${-1.2 * r}z`,
  (r) => `M0,${-1.4 * r}L${1.4 * r},0L0,${1.4 * r}L${-1.4 * r},0z`,
  (r) => `M0,${1.3 * r}L${1.2 * r},${-r}H${-1.2 * r}z`,
];
const DASHES = [null, "7 3", "2 3"];
const SHOWN = 7; // names in colour at first: more cannot be distinguished

const lookOf = (name) => {
  const index = names.indexOf(name);
  return { colour: `var(--c${index % 7})`, mark: MARKS[index % MARKS.length], dash: DASHES[Math.floor(index / 7) % DASHES.length] };
};

const best = (name) => Math.max(...page.runs.filter((run) => run.name === name).map((run) => run.macro));
const coloured = new Set([byRun.get(page.baseline).name, ...[...names].sort((a, b) => best(b) - best(a))].slice(0, SHOWN));
const lookOfRun = (run) => (coloured.has(run.name) ? lookOf(run.name) : { ...lookOf(run.name), colour: "var(--mute)" });

function legend() {
  const seen = names.filter((name) => shown.some((run) => run.name === name));
  const button = (name) => {
    const look = lookOf(name);
    const press = (event) => {
      coloured.has(name) ? coloured.delete(name) : coloured.add(name);
      const at = [...event.currentTarget.parentNode.children].indexOf(event.currentTarget);
      const place = event.currentTarget.closest("section").id;
      redraw();
      document.querySelector(`#${place} .legend`).children[at].focus();
    };
    const sign = draw("svg", { width: 24, height: 12, viewBox: "-12 -6 24 12", "aria-hidden": "true" },
      draw("path", { d: "M-12,0H12", stroke: coloured.has(name) ? look.colour : "var(--mute)", "stroke-dasharray": look.dash, "stroke-width": 2 }),
      draw("path", { d: look.mark(4), fill: coloured.has(name) ? look.colour : "var(--mute)" }));
    return el("button", { type: "button", "aria-pressed": String(coloured.has(name)), onclick: press }, sign, name);
  };
  return el("div", { class: "legend", role: "group", "aria-label": "Names shown in colour" }, ...seen.map(button));
}

// Round values from low to high, at most about `count`.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  const values = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-6; at += 1) values.push(at * step);
  return values;
}

const powers = (low, high) => {
  const values = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
    for (const factor of [1, 2, 5]) if (factor * 10 ** power >= low && factor * 10 ** power <= high) values.push(factor * 10 ** power);
  return values;
};

// axis: {label, low, high, log, format, ticks}. Returns a function from values to pixels between `from` and `to`.
function scale(axis, from, to) {
  const map = axis.log ? Math.log10 : (x) => x;
  const [low, high] = [map(axis.low), map(axis.high)];
  return (x) => from + ((map(x) - low) / (high - low || 1)) * (to - from);
}

// series: [{run, points: [{x, y, title, size, word}], line, dash}]; a word is written beside its point.
function plot(title, { x, y, series, diagonal = false, width = 420 }) {
  const [height, left, right, top, bottom] = [260, 46, 12, 10, 40];
  const [px, py] = [scale(x, left, width - right), scale(y, height - bottom, top)];
  const format = (axis) => axis.format || ((v) => String(Number(v.toPrecision(6))));
  const marks = [];
  for (const at of y.ticks || ticks(y.low, y.high, 5)) {
    marks.push(draw("line", { class: "grid", x1: left, x2: width - right, y1: py(at), y2: py(at) }));
    marks.push(draw("text", { x: left - 6, y: py(at) + 4, "text-anchor": "end" }, format(y)(at)));
  }
  for (const at of x.ticks || (x.log ? powers(x.low, x.high) : ticks(x.low, x.high, 6)))
    marks.push(draw("text", { x: px(at), y: height - bottom + 17, "text-anchor": "middle" }, format(x)(at)));
  marks.push(draw("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, x.label));
  if (diagonal) marks.push(draw("line", { class: "guide", x1: px(0), y1: py(0), x2: px(1), y2: py(1) }));
  const order = [...series].sort((a, b) => coloured.has(a.run.name) - coloured.has(b.run.name));
  for (const { run, points, line, dash } of order) {
    const look = lookOfRun(run);
    if (line) {
      const path = points.map((point, i) => `${i ? "L" : "M"}${px(point.x).toFixed(1)},${py(point.y).toFixed(1)}`).join("");
      marks.push(draw("path", { d: path, fill: "none", stroke: look.colour, "stroke-width": 1.8, "stroke-dasharray": dash || look.dash }));
    }
    for (const point of points) {
      const at = `translate(${px(point.x).toFixed(1)},${py(point.y).toFixed(1)})`;
      marks.push(draw("path", { d: look.mark(point.size || 3.5), transform: at, fill: look.colour },
        draw("title", {}, `${run.run}: ${point.title}`)));
      const late = px(point.x) > width * 0.65;
      if (point.word) marks.push(draw("text", { class: "word", x: px(point.x) + (late ? -9 : 9), y: py(point.y) + 4, "text-anchor": late ? "end" : "start" }, point.word));
    }
  }
  const label = `${title}: ${y.label || title} by ${x.label}, ${series.length} runs`;
  const picture = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...marks);
  return el("figure", {}, el("figcaption", {}, title), picture);
}

const around = (values) => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return { low: low - room, high: high + room };
};

const aroundLog = (values) => ({ log: true, low: Math.min(...values) / 1.6, high: Math.max(...values) * 1.6 });
