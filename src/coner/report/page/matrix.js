// The confusion matrix of a run by fine class or coarse group; each cell opens its sentences.
const MISSED = "missed";
const SPURIOUS = "spurious";
const MOST = 16; // errors in the list below the matrix

// {labels, pairs: gold by predicted, missed by gold, spurious by predicted}; labels are names.
function confusionOf(run, level) {
  const nameOf = (label) => (level === "coarse" ? page.groups[page.labels[label]] : page.labels[label]);
  const labels = [...new Set(page.labels.map((_, label) => nameOf(label)))];
  const place = new Map(labels.map((name, index) => [name, index]));
  const pairs = labels.map(() => labels.map(() => 0));
  const [missed, spurious] = [labels.map(() => 0), labels.map(() => 0)];
  for (const [label, [, support, predicted]] of Object.entries(run.classes)) {
    missed[place.get(nameOf(label))] += support;
    spurious[place.get(nameOf(label))] += predicted;
  }
  for (const [gold, predicted, count] of run.confusion) {
    const [i, j] = [place.get(nameOf(gold)), place.get(nameOf(predicted))];
    pairs[i][j] += count;
    missed[i] -= count;
    spurious[j] -= count;
  }
  return { labels, pairs, missed, spurious, support: labels.map((_, i) => missed[i] + pairs[i].reduce((a, b) => a + b, 0)) };
}

const level = () => document.querySelector("input[name=level]:checked")?.value || "fine";

function cell(count, total, gold, predicted) {
  const right = gold === predicted;
  const say = `gold ${gold}, predicted ${predicted}: ${count}`;
  if (!count) return el("td", {}, el("span", { class: "empty", "data-cell": "" }, hidden("0")));
  // Square root, as most cells hold a small share.
  const shade = Math.round(6 + 64 * Math.sqrt(Math.min(1, count / Math.max(1, total))));
  return el("td", {}, el("button", {
    type: "button", tabindex: -1, "data-cell": "", "aria-label": say, title: say, class: shade > 40 ? "strong" : null,
    "--colour": `var(--c${right ? 0 : 1})`, "--shade": `${shade}%`,
    onclick: (event) => readCell(event.currentTarget, gold, predicted),
  }, String(count)));
}

function matrixTable(run) {
  const { labels, pairs, missed, spurious, support } = confusionOf(run, level());
  const kept = labels.map((_, i) => i).filter((i) => support[i] || spurious[i] || pairs.some((row) => row[i]));
  const head = el("tr", {}, el("th", { scope: "col" }, "gold \\ predicted"),
    ...kept.map((i) => el("th", { scope: "col" }, el("span", {}, labels[i]))),
    el("th", { scope: "col", class: "edge" }, el("span", {}, MISSED)));
  const rows = kept.map((i) => {
    const last = cell(missed[i], support[i], labels[i], MISSED);
    last.classList.add("edge");
    return el("tr", {}, el("th", { scope: "row" }, labels[i]), ...kept.map((j) => cell(pairs[i][j], support[i], labels[i], labels[j])), last);
  });
  const most = Math.max(1, ...support);
  const extra = el("tr", { class: "edge" }, el("th", { scope: "row" }, SPURIOUS),
    ...kept.map((j) => cell(spurious[j], Math.max(support[j], spurious[j], most / 20), SPURIOUS, labels[j])), el("td", { class: "edge" }));
  const table = el("table", { class: "matrix", "aria-describedby": "matrix-help" },
    el("caption", { class: "hidden" }, `Confusion of ${level()} classes of ${run.run}`), el("thead", {}, head), el("tbody", {}, ...rows, extra));
  table.addEventListener("keydown", walk);
  const button = table.querySelector("button");
  if (button) button.tabIndex = 0;
  return el("div", { class: "scroll" }, table);
}

// Arrow keys move to the next cell that is not empty; the tab key stops at one cell only.
function walk(event) {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!step || event.target.tagName !== "BUTTON") return;
  event.preventDefault();
  const table = event.currentTarget;
  const at = event.target.closest("td");
  let [row, column] = [at.parentNode.rowIndex, at.cellIndex];
  for (;;) {
    [row, column] = [row + step[0], column + step[1]];
    const next = row > 0 ? table.rows[row]?.cells[column] : null;
    if (!next || column < 1) return;
    const button = next.querySelector("button");
    if (button) return focusCell(table, button);
  }
}

function focusCell(table, button) {
  table.querySelectorAll("button[tabindex='0']").forEach((other) => (other.tabIndex = -1));
  button.tabIndex = 0;
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function largest(run) {
  const { labels, pairs, missed, spurious } = confusionOf(run, level());
  const errors = labels.flatMap((gold, i) => [[missed[i], gold, MISSED], [spurious[i], SPURIOUS, gold],
    ...labels.map((predicted, j) => [i === j ? 0 : pairs[i][j], gold, predicted])]);
  const items = errors.filter(([count]) => count).sort((a, b) => b[0] - a[0]).slice(0, MOST).map(([count, gold, predicted]) => el("li", {},
    el("button", { type: "button", class: "link", onclick: (event) => readCell(event.currentTarget, gold, predicted) }, `${gold} → ${predicted}`), ` ${whole(count)}`));
  return el("div", {}, el("h3", {}, "Most frequent errors, gold → predicted"), el("ol", { class: "most" }, ...items));
}

function matrixSection() {
  const select = $("matrix-run");
  const chosen = shown.find((run) => run.run === select.value) || [...shown].sort((a, b) => b.macro - a.macro)[0];
  options(select, shown.map((run) => [run.run, run.run]), chosen?.run);
  if (!chosen) return $("matrix-body").replaceChildren();
  $("matrix-body").replaceChildren(matrixTable(chosen), largest(chosen));
}
