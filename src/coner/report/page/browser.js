// The error browser: sentences that match a search, by page. The text is parsed when it is first needed.
const PAGE = 20;
let text = null;
let at = 0;
let hits = [];
let openedFrom = null;

const texts = () => (text ??= JSON.parse($("sentences").textContent));
const readable = () => shown.filter((run) => !Object.hasOwn(page.absent, run.run));

// choice: "any", "none", a class as "fine NAME", or a group as "coarse NAME".
function matches(choice, entity) {
  if (choice === "any") return true;
  if (choice === "none" || !entity) return choice === "none" && !entity;
  const name = page.labels[entity.label];
  return choice.startsWith("fine ") ? choice.slice(5) === name : choice.slice(7) === page.groups[name];
}

const query = () => {
  const [gold, predicted, wrong] = [$("read-gold").value, $("read-predicted").value, $("read-wrong").checked];
  return (unit) => matches(gold, unit.gold) && matches(predicted, unit.guess) && (!wrong || kindOf(unit) !== "right");
};

function search() {
  const [run, other] = [$("read-run").value, $("read-other").value];
  const { words, gold, predicted } = texts();
  const [wanted, needle] = [query(), $("read-text").value.toLowerCase().trim()];
  const everything = $("read-gold").value === "any" && $("read-predicted").value === "any" && !$("read-wrong").checked;
  const differ = $("read-differ").checked && other;
  const bare = (flat) => flat.filter((_, i) => i % 4 < 3).join();
  let count = 0;
  hits = [];
  for (let i = 0; run && i < words.length; i += 1) {
    if (needle && !words[i].join(" ").toLowerCase().includes(needle)) continue;
    if (differ && bare(predicted[run][i]) === bare(predicted[other][i])) continue;
    const here = units(entities(gold[i], 3), entities(predicted[run][i], 4)).filter(wanted).length;
    if (!here && !everything) continue;
    count += here;
    hits.push(i);
  }
  at = 0;
  showPage(count);
}

let counted = 0;
function showPage(count = counted) {
  counted = count;
  const { words, gold, predicted } = texts();
  const runs = [$("read-run").value, $("read-other").value].filter(Boolean);
  const wanted = query();
  const ringed = $("read-gold").value === "any" && $("read-predicted").value === "any" ? () => false : wanted;
  $("read-list").replaceChildren(...hits.slice(at, at + PAGE).map((i) =>
    sentenceItem(words[i], entities(gold[i], 3), runs.map((run) => ({ run, predicted: entities(predicted[run][i], 4) })), ringed)));
  const last = Math.min(at + PAGE, hits.length);
  $("read-status").textContent = hits.length ? `Sentences ${whole(at + 1)}–${whole(last)} of ${whole(hits.length)}; matching entities: ${whole(counted)}` : "No sentence matches.";
  $("read-previous").disabled = at === 0;
  $("read-next").disabled = last >= hits.length;
}

function turn(step) {
  at = Math.max(0, at + step * PAGE);
  showPage();
}

// Opened from a cell of the matrix, or a line of the most frequent errors.
function readCell(button, gold, predicted) {
  const run = $("matrix-run").value;
  if (!$("read-list") || Object.hasOwn(page.absent, run)) {
    const why = Object.hasOwn(page.absent, run) ? page.absent[run] : "none of the runs has any";
    const note = $("matrix-none") || el("p", { id: "matrix-none", role: "status", class: "warning" });
    note.textContent = `There are no sentences of ${run} to read: ${why}.`;
    $("matrix-body").prepend(note);
    return;
  }
  $("matrix-none")?.remove();
  const choice = (name) => (name === MISSED || name === SPURIOUS ? "none" : `${level()} ${name}`);
  browserSection();
  $("read-run").value = run;
  $("read-gold").value = choice(gold);
  $("read-predicted").value = choice(predicted);
  $("read-wrong").checked = false;
  $("read-differ").checked = false;
  $("read-text").value = "";
  openedFrom = button;
  $("read-back").hidden = false;
  search();
  $("errors").scrollIntoView();
  $("errors-title").focus({ preventScroll: true });
}

function choices(select, none) {
  const option = (value, name) => el("option", { value }, name);
  const kept = select.value || "any";
  const groups = groupNames.filter(Boolean);
  select.replaceChildren(option("any", "any"), option("none", none),
    groups.length ? el("optgroup", { label: "groups" }, ...groups.map((name) => option(`coarse ${name}`, name))) : "",
    el("optgroup", { label: "classes" }, ...page.labels.map((name) => option(`fine ${name}`, name))));
  select.value = kept;
}

// What the colours stand for: groups, or labels where there are no groups.
const colourNames = () => [...new Map(page.labels.map((label, i) => [page.groups[label] ?? label, page.colours[i]]))];

function key() {
  const sample = (kind, extra, note, scored) => [el("span", { class: `mention ${kind} ${extra}`, "--fg": "var(--soft)", "--bg": "var(--card)" }, "words",
    el("small", {}, scored ? "Class 0.87 " : "Class ", scored || kind !== "span" ? KINDS[kind][0] : "∅")), ` ${note}`];
  const entry = (...children) => el("span", {}, ...children.flat());
  return [entry(sample("right", "truth", "gold, predicted correctly", false)), entry(sample("label", "truth", "gold, predicted as another class", false)),
    entry(sample("span", "truth", "gold, missed", false)), entry(sample("right", "guess", "predicted, with confidence: correct", true)),
    entry(sample("label", "guess", "predicted: another class", true)), entry(sample("span", "guess", "predicted: span not in gold", true)),
    ...colourNames().map(([name, colour]) => entry(el("span", { class: `mention m${colour}` }, name)))];
}

function browserSection() {
  if (!$("read-list")) return;
  const runs = readable();
  const keep = (select, fallback) => (runs.some((run) => run.run === select.value) ? select.value : fallback);
  const best = [...runs].sort((a, b) => b.macro - a.macro)[0]?.run ?? "";
  options($("read-run"), runs.map((run) => [run.run, run.run]), keep($("read-run"), best));
  options($("read-other"), [["", "no other run"], ...runs.map((run) => [run.run, run.run])], keep($("read-other"), ""));
  if (!$("read-gold").options.length) {
    choices($("read-gold"), "none: spurious");
    choices($("read-predicted"), "none: missed");
    $("read-key").replaceChildren(...key());
  }
  search();
}
