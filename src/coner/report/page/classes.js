// F1 by class of two runs, with bootstrap intervals; the interval of the difference is paired, as runs share the draws.
const drawsOf = new Map();

// F1 by draw and class, stored in steps of 1/65535.
function draws(run) {
  if (!drawsOf.has(run)) {
    const bytes = Uint8Array.from(atob(run.draws), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    drawsOf.set(run, Float64Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true) / 65535));
  }
  return drawsOf.get(run);
}

// The 95 % percentile interval, interpolated as numpy does it.
function interval(values) {
  const sorted = Float64Array.from(values).sort();
  return [0.025, 0.975].map((share) => {
    const at = share * (sorted.length - 1);
    const low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  });
}

function classInterval(run, label) {
  const all = draws(run);
  return interval(Array.from({ length: page.draws }, (_, i) => all[i * page.labels.length + label]));
}

function differenceInterval(one, two, label) {
  const [a, b] = [draws(one), draws(two)];
  if (!one.paired || !two.paired) return null;
  const at = (i) => i * page.labels.length + label;
  return interval(Array.from({ length: page.draws }, (_, i) => b[at(i)] - a[at(i)]));
}

// A cell: the number, with its interval below.
const spread = (value, pair, show, strong = false) => [value, el(strong ? "strong" : "span", {}, show(value),
  pair ? el("span", { class: "range" }, ` [${show(pair[0])}, ${show(pair[1])}]`) : null)];

function classLines(one, two) {
  return page.labels.flatMap((name, label) => {
    const [a, b] = [one.classes[label], two.classes[label]];
    if (!a && !b) return [];
    const support = (a || b)[1];
    const [left, right] = [a ? a[0] : 0, b ? b[0] : 0];
    return [{
      name, support, left, right, difference: right - left, results: [a, b],
      intervals: [classInterval(one, label), classInterval(two, label), differenceInterval(one, two, label)],
    }];
  });
}

// Both scores on an axis from 0 to 1: a ring for the baseline, a disc for the candidate, with their intervals.
function dumbbell(line) {
  const [width, height] = [190, 26];
  const at = (value) => (6 + value * (width - 12)).toFixed(1);
  const bar = (pair, y, colour) => pair && draw("line", { x1: at(pair[0]), x2: at(pair[1]), y1: y, y2: y, stroke: colour, "stroke-width": 2 });
  return draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    ...[0, 0.5, 1].map((x) => draw("line", { class: "grid", x1: at(x), x2: at(x), y1: 2, y2: height - 2 })),
    bar(line.intervals[0], 8, "var(--soft)"), bar(line.intervals[1], 18, "var(--c0)"),
    draw("circle", { cx: at(line.left), cy: 8, r: 4, fill: "var(--back)", stroke: "var(--soft)", "stroke-width": 2 }),
    draw("circle", { cx: at(line.right), cy: 18, r: 4.5, fill: "var(--c0)" }));
}

// Precision, recall and F1 of a run; a rate is 0 where there is nothing to divide by.
function rates(result, interval) {
  const [score, support, predicted, right] = result ?? [0, 0, 0, 0];
  const [precision, recall] = [predicted ? right / predicted : 0, support ? right / support : 0];
  return [[precision, three(precision)], [recall, three(recall)], spread(score, interval, three)];
}

const clear = (pair) => pair && (pair[0] > 0 || pair[1] < 0);
const DIFFERENCE = "F1: difference (95 %)";

function classTable() {
  const [one, two] = [byRun.get($("class-first").value), byRun.get($("class-second").value)];
  const lines = classLines(one, two);
  const sides = one === two ? [one] : [one, two];
  const rows = lines.map((line) => [
    line.name, [line.support, whole(line.support)],
    ...sides.flatMap((_, i) => rates(line.results[i], line.intervals[i])),
    ...(one === two ? [] : [spread(line.difference, line.intervals[2], signed, clear(line.intervals[2])), dumbbell(line)]),
  ]);
  const heads = ["class", "support", ...sides.flatMap(({ run }) => [`${run}: precision`, `${run}: recall`, `${run}: F1 (95 %)`]),
    ...(one === two ? [] : [DIFFERENCE, "F1 from 0 to 1: ○ baseline, ● candidate"])];
  const holder = makeTable("Scores by class", heads, rows, "scroll");
  const table = holder.querySelector("table");
  orderClasses(table);
  if (one === two) return $("class-body").replaceChildren(holder);
  const sum = lines.filter((line) => line.difference > 0).length;
  const paired = one.paired && two.paired;
  $("class-body").replaceChildren(
    el("p", { class: "note" }, `${two.run} has the higher F1 in ${sum} of ${lines.length} classes. Bold: the interval of the difference excludes 0. `
      + `Intervals from ${page.draws} resamples of the sentences`
      + (paired ? ", the same for both runs. Without a true difference, about one in twenty classes would still be bold." : ". These runs were not scored on the same gold, so their differences have no interval.")), holder);
}

function orderClasses(table = $("class-body").querySelector("table")) {
  if (!table) return; // no run is shown
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  const order = $("class-order").value;
  sort(table, order === "name" ? 0 : Math.max(1, order === "difference" ? heads.indexOf(DIFFERENCE) : 1), 1);
}

function classSection() {
  const keep = (select, fallback) => {
    const chosen = shown.some((run) => run.run === select.value) ? select.value : fallback;
    options(select, shown.map((run) => [run.run, run.run]), chosen);
  };
  const base = shown.some((run) => run.run === page.baseline) ? page.baseline : shown[0]?.run;
  if (!base) return $("class-body").replaceChildren();
  const others = shown.filter((run) => run.run !== base).sort((a, b) => b.macro - a.macro);
  keep($("class-first"), base);
  keep($("class-second"), others[0]?.run ?? base);
  classTable();
}
