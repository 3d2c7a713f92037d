// A sentence as lines: gold, and the predictions of runs. Border, sign and text show whether a prediction is correct.
const KINDS = { right: ["✓", "correct"], label: ["≠", "other class"], span: ["✗", "no such span"] };
const groupNames = [...new Set(page.labels.map((label) => page.groups[label] || ""))];

// Rows of numbers to {start, end, label, score}.
function entities(flat, width) {
  const list = [];
  for (let i = 0; i < flat.length; i += width) list.push({ start: flat[i], end: flat[i + 1], label: flat[i + 2], score: width > 3 ? flat[i + 3] / 1000 : null });
  return list;
}

// Pairs of a gold mention with the prediction of exactly its span, and the predictions without a gold mention.
function units(gold, predicted) {
  const key = (entity) => `${entity.start}-${entity.end}`;
  const at = new Map(predicted.map((entity) => [key(entity), entity]));
  const pairs = gold.map((mention) => {
    const guess = at.get(key(mention)) || null;
    at.delete(key(mention));
    return { gold: mention, guess };
  });
  return [...pairs, ...[...at.values()].map((guess) => ({ gold: null, guess }))];
}

const kindOf = ({ gold, guess }) => (gold && guess ? (gold.label === guess.label ? "right" : "label") : "span");

// The entries of a name in the knowledge base, if the page was made with one.
function inKnowledgeBase(name) {
  if (!page.known) return [];
  return Object.hasOwn(page.known, name) ? page.known[name] : ["not in the knowledge base"];
}

function mention(words, entity, kind, classes) {
  const [sign, say] = KINDS[kind];
  const text = words.slice(entity.start, entity.end).join(" ");
  const name = page.labels[entity.label] + (entity.score == null ? "" : ` ${entity.score.toFixed(2)}`);
  const missed = kind === "span" && entity.score == null;
  const about = [page.groups[page.labels[entity.label]], ...inKnowledgeBase(text)];
  return el("span", { class: `mention m${page.colours[entity.label]} ${kind} ${classes}`, title: about.filter(Boolean).join("\n") || null },
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
  return el("p", { class: "line" }, el("span", { class: "who" }, who), el("span", { dir: "auto" }, ...content));
}

// chosen: whether a unit matches the search.
function sentenceItem(words, gold, runs, chosen) {
  const all = runs.map(({ run, predicted }) => ({ run, units: units(gold, predicted) }));
  const marks = (list, side, extra, first) => list.filter((unit) => unit[side]).map((unit) => ({
    entity: unit[side], node: mention(words, unit[side], kindOf(unit), extra + (first && chosen(unit) ? " chosen" : "")) }));
  return el("li", {}, line("gold", words, marks(all[0].units, "gold", "truth", true)),
    ...all.map(({ run, units: list }, i) => line(run, words, marks(list, "guess", "guess", i === 0))));
}
