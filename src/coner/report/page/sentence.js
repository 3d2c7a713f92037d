// One sentence as lines: what is gold in it, and what a run found. A mark tells its kind by border, sign and words.
const KINDS = { right: ["✓", "right"], label: ["≠", "other class"], span: ["✗", "no such span"] };
const groupNames = [...new Set(page.labels.map((label) => page.groups[label] || ""))];
const groupColour = (label) => `var(--c${Math.max(0, groupNames.indexOf(page.groups[page.labels[label]] || "")) % 7})`;

// Rows of numbers as {start, end, label, score}.
function entities(flat, width) {
  const found = [];
  for (let i = 0; i < flat.length; i += width) found.push({ start: flat[i], end: flat[i + 1], label: flat[i + 2], score: width > 3 ? flat[i + 3] / 1000 : null });
  return found;
}

// Each gold mention with the prediction of its exact span, and the predictions that are left.
function units(gold, predicted) {
  const key = (entity) => `${entity.start}-${entity.end}`;
  const at = new Map(predicted.map((entity) => [key(entity), entity]));
  const found = gold.map((mention) => {
    const guess = at.get(key(mention)) || null;
    at.delete(key(mention));
    return { gold: mention, guess };
  });
  return [...found, ...[...at.values()].map((guess) => ({ gold: null, guess }))];
}

const kindOf = ({ gold, guess }) => (gold && guess ? (gold.label === guess.label ? "right" : "label") : "span");

function mention(words, entity, kind, classes) {
  const [sign, say] = KINDS[kind];
  const text = words.slice(entity.start, entity.end).join(" ");
  const name = page.labels[entity.label] + (entity.score == null ? "" : ` ${entity.score.toFixed(2)}`);
  const missed = kind === "span" && entity.score == null;
  return el("span", { class: `mention ${kind} ${classes}`, "--group": groupColour(entity.label), title: page.groups[page.labels[entity.label]] || null },
    text, el("small", {}, `${name} `, el("span", { "aria-hidden": "true" }, missed ? "∅" : sign), hidden(missed ? " missed" : ` ${say}`)));
}

function line(who, words, marks) {
  const content = [];
  let at = 0;
  for (const { entity, node } of marks.sort((a, b) => a.entity.start - b.entity.start)) {
    if (entity.start > at) content.push(words.slice(at, entity.start).join(" ") + " ");
    content.push(node, " ");
    at = entity.end;
  }
  if (at < words.length) content.push(words.slice(at).join(" "));
  return el("p", { class: "line" }, el("span", { class: "who" }, who), el("span", {}, ...content));
}

// chosen: tells of a unit whether it is one that was asked for.
function sentenceItem(words, gold, runs, chosen) {
  const all = runs.map(({ run, predicted }) => ({ run, units: units(gold, predicted) }));
  const marks = (list, side, extra, first) => list.filter((unit) => unit[side]).map((unit) => ({
    entity: unit[side], node: mention(words, unit[side], kindOf(unit), extra + (first && chosen(unit) ? " chosen" : "")) }));
  return el("li", {}, line("gold", words, marks(all[0].units, "gold", "truth", true)),
    ...all.map(({ run, units: list }, i) => line(run, words, marks(list, "guess", "guess", i === 0))));
}
