// The page: asks the service, keeps its answers, and shows them anew whenever the slider moves.
import { COLOURS, details, legend, make, marked, place } from "./view.js";
import { asConll, asJson } from "./write.js";

const EXAMPLE = [
  "the film was shot in reykjavík and scored by jóhann jóhannsson .",
  "she studied at the university of basel before she joined the new york times .",
  "aspirin was first sold by bayer in 1899 against fever and pain .",
].join("\n");
const find = (id) => document.getElementById(id);
const definitions = new Map(); // model -> label -> definition
const colours = new Map(); // group -> number, in the order of its first model
let answers = []; // of the models that were asked: { model, texts, results }
let asking = new AbortController();

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (find("token").value) headers.Authorization = `Bearer ${find("token").value}`;
  const method = body ? "POST" : "GET";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: asking.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the service does not answer");
  }
  if (response.ok) return response.json();
  if (response.status === 401) find("token-field").hidden = false;
  const told = await response.json().catch(() => null);
  const again = response.headers.get("Retry-After");
  throw new Error((told?.error?.message ?? `status ${response.status}`) + (again ? ` (in ${again} s)` : ""));
}

async function showErrors(work) {
  find("error").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    find("error").textContent = `Error: ${error.message}`;
    find("status").textContent = "";
  }
}

async function listModels() {
  const { models } = await ask("models");
  const options = () => models.map(({ name }) => make("option", { value: name }, name));
  find("model").replaceChildren(...options());
  find("other").replaceChildren(make("option", { value: "" }, "none"), ...options());
  find("other-field").hidden = models.length < 2;
}

async function learnLabels(model) {
  if (definitions.has(model)) return;
  const { groups } = await ask(`labels?model=${encodeURIComponent(model)}`);
  definitions.set(model, new Map(groups.flatMap(({ labels }) => labels.map((l) => [l.name, l.definition]))));
  for (const { name } of groups) if (!colours.has(name)) colours.set(name, colours.size % COLOURS);
}

async function tag() {
  asking.abort(); // an answer that nobody waits for any more
  asking = new AbortController();
  const mine = asking;
  const texts = find("text").value.split("\n").filter((line) => line.trim());
  if (!texts.length) throw new Error("there is no text; write some, or take the example");
  if (!find("model").value) await listModels();
  const asked = new Set([find("model").value, find("other").value].filter(Boolean));
  find("status").textContent = "Looking for entities …";
  find("ask").ariaBusy = "true";
  try {
    answers = await Promise.all(
      [...asked].map(async (model) => {
        await learnLabels(model);
        return { texts, ...(await ask("tag", { texts, model })) };
      }),
    );
  } finally {
    if (mine === asking) find("ask").ariaBusy = "false";
  }
  show();
}

const key = (entity) => `${entity.char_start} ${entity.char_end} ${entity.label}`;

// The results of an answer without what is below the least confidence.
function kept(answer) {
  const least = find("least").value / 100;
  return answer.results.map((result) => ({
    ...result,
    entities: result.entities.filter((entity) => entity.confidence >= least),
  }));
}

function show() {
  hideDetail();
  const colour = (group) => colours.get(group);
  const counts = new Map();
  const panels = answers.map((answer, at) => {
    const results = kept(answer);
    const others = answers.filter((other) => other !== answer).map((other) =>
      kept(other).map(({ entities }) => new Set(entities.map(key))),
    );
    const lines = results.map(({ entities }, number) => {
      for (const { group } of entities) counts.set(group, (counts.get(group) ?? 0) + 1);
      const alone = (entity) => others.some((found) => !found[number].has(key(entity)));
      return marked(answer.texts[number], entities, { colour, alone, number });
    });
    return panel(answer, at, results, lines);
  });
  find("panels").replaceChildren(...panels);
  const shown = [...colours.keys()].filter((group) => counts.has(group));
  find("legend").replaceChildren(...legend(shown, counts, colour));
  find("found").hidden = false;
  const all = answers.map((answer) => `${answer.model}: ${summary(answer)}`);
  find("status").textContent = `${all.join("; ")}.`;
}

function summary(answer) {
  const count = (results) => results.reduce((sum, { entities }) => sum + entities.length, 0);
  const [shown, found] = [count(kept(answer)), count(answer.results)];
  const which = shown === found ? "" : ` of ${found}`;
  return `${shown}${which} ${found === 1 ? "entity" : "entities"}`;
}

function panel(answer, at, results, lines) {
  const copy = (name, text) => make("button", { type: "button", onclick: () => copyText(name, text()) }, `Copy ${name}`);
  return make(
    "article",
    { data: { answer: at } },
    make("h3", {}, answer.model, make("span", { className: "count" }, ` ${summary(answer)}`)),
    make("div", { className: "lines" }, ...lines),
    make(
      "div",
      { className: "buttons" },
      copy("JSON", () => asJson(answer.model, results)),
      copy("CoNLL", () => asConll(results)),
    ),
  );
}

async function copyText(name, text) {
  await showErrors(async () => {
    if (!navigator.clipboard) throw new Error("the browser copies only on localhost and over https");
    await navigator.clipboard.writeText(text);
    find("status").textContent = `Copied as ${name}.`;
  });
}

function showDetail(mark) {
  const answer = answers[mark.closest("article").dataset.answer];
  const entity = kept(answer)[mark.dataset.text].entities[mark.dataset.entity];
  const definition = definitions.get(answer.model).get(entity.label);
  find("detail").replaceChildren(...details(entity, { definition, only: mark.classList.contains("alone") }));
  find("detail").hidden = false;
  place(find("detail"), mark);
}

function hideDetail() {
  find("detail").hidden = true;
}

function listen() {
  find("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    showErrors(tag);
  });
  find("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("ask").requestSubmit();
  });
  find("example").addEventListener("click", () => {
    find("text").value = EXAMPLE;
    find("text").focus();
  });
  find("token").addEventListener("change", () => showErrors(listModels));
  find("least").addEventListener("input", () => {
    find("least-shown").textContent = `${find("least").value} %`; // 100 * (29 / 100) is less than 29
    show();
  });
  const onMark = (act) => (event) => {
    const mark = event.target.closest?.("mark");
    if (mark) act(mark);
  };
  for (const name of ["focusin", "mouseover", "click"]) find("panels").addEventListener(name, onMark(showDetail));
  for (const name of ["focusout", "mouseout"]) find("panels").addEventListener(name, onMark(hideDetail));
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideDetail());
  document.addEventListener("scroll", hideDetail, { passive: true });
}

listen();
showErrors(listModels);
