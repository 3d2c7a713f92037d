// The page: sends texts to the service, keeps the responses, and shows them again whenever the slider moves.
import { asConll, asJson } from "./export.js";
import { assignColours, details, highlight, legend, make, place } from "./view.js";

const EXAMPLE = [
  "the film was shot in reykjavík and scored by jóhann jóhannsson .",
  "she studied at the university of basel before she joined the new york times .",
  "aspirin was first sold by bayer in 1899 against fever and pain .",
].join("\n");
const byId = (id) => document.getElementById(id);
const definitions = new Map(); // model -> label -> definition
const groups = new Map(); // model -> names of its groups
const colours = new Map(); // group -> number
let responses = []; // one for each selected model: { model, texts, results }
let pending = new AbortController();

async function request(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (byId("token").value) headers.Authorization = `Bearer ${byId("token").value}`;
  const method = body ? "POST" : "GET";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: pending.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("cannot reach the service");
  }
  if (response.ok) return response.json();
  if (response.status === 401) byId("token-field").hidden = false;
  const content = await response.json().catch(() => null);
  const seconds = response.headers.get("Retry-After");
  const retry = seconds ? ` (retry in ${seconds} s)` : "";
  throw new Error((content?.error?.message ?? `HTTP status ${response.status}`) + retry);
}

async function showErrors(action) {
  byId("error").textContent = "";
  try {
    await action();
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("error").textContent = `Error: ${error.message}`;
    byId("status").textContent = "";
  }
}

async function loadModels() {
  const { models } = await request("models");
  const options = () => models.map(({ name }) => make("option", { value: name }, name));
  byId("model").replaceChildren(...options());
  byId("other").replaceChildren(make("option", { value: "" }, "none"), ...options());
  byId("other-field").hidden = models.length < 2;
}

async function loadLabels(model) {
  if (definitions.has(model)) return;
  const answer = await request(`labels?model=${encodeURIComponent(model)}`);
  definitions.set(model, new Map(answer.groups.flatMap(({ labels }) => labels.map((l) => [l.name, l.definition]))));
  groups.set(model, answer.groups.map(({ name }) => name));
}

async function tag() {
  pending.abort(); // the response to an earlier click is no longer needed
  pending = new AbortController();
  const current = pending;
  const texts = byId("text").value.split("\n").filter((line) => line.trim());
  if (!texts.length) throw new Error("there is no text; enter some, or insert the example");
  if (!byId("model").value) await loadModels();
  const models = new Set([byId("model").value, byId("other").value].filter(Boolean));
  byId("status").textContent = "Finding entities …";
  byId("form").ariaBusy = "true";
  try {
    responses = await Promise.all(
      [...models].map(async (model) => {
        await loadLabels(model);
        return { texts, ...(await request("tag", { texts, model })) };
      }),
    );
  } finally {
    if (current === pending) byId("form").ariaBusy = "false";
  }
  show();
}

const key = (entity) => `${entity.char_start} ${entity.char_end} ${entity.label}`;

// The results of a response without the entities below the minimum confidence.
function confident(response) {
  const threshold = byId("threshold").value / 100;
  return response.results.map((result) => ({
    ...result,
    entities: result.entities.filter((entity) => entity.confidence >= threshold),
  }));
}

function show() {
  hideDetail();
  const predicted = new Set(responses.flatMap(({ results }) => results.flatMap((r) => r.entities.map((e) => e.group))));
  assignColours(colours, [...groups.values()].flat(), predicted);
  const colour = (group) => colours.get(group);
  const counts = new Map();
  const panels = responses.map((response, index) => {
    const results = confident(response);
    const others = responses.filter((other) => other !== response).map((other) =>
      confident(other).map(({ entities }) => new Set(entities.map(key))),
    );
    const lines = results.map(({ entities }, number) => {
      for (const { group } of entities) counts.set(group, (counts.get(group) ?? 0) + 1);
      const isUnique = (entity) => others.some((keys) => !keys[number].has(key(entity)));
      return highlight(response.texts[number], entities, { colour, isUnique, number });
    });
    return panel(response, index, results, lines);
  });
  byId("panels").replaceChildren(...panels);
  const shown = [...colours.keys()].filter((group) => counts.has(group));
  byId("legend").replaceChildren(...legend(shown, counts, { colour, comparing: responses.length > 1 }));
  byId("results").hidden = false;
  byId("status").textContent = `${responses.map((response) => `${response.model}: ${summary(response)}`).join("; ")}.`;
}

function summary(response) {
  const count = (results) => results.reduce((sum, { entities }) => sum + entities.length, 0);
  const [shown, total] = [count(confident(response)), count(response.results)];
  return `${shown}${shown === total ? "" : ` of ${total}`} ${total === 1 ? "entity" : "entities"}`;
}

function panel(response, index, results, lines) {
  const copy = (name, text) => make("button", { type: "button", onclick: () => copyText(name, text()) }, `Copy ${name}`);
  return make(
    "article",
    { data: { response: index } },
    make("h3", {}, response.model, make("span", { className: "count" }, ` ${summary(response)}`)),
    make("div", { className: "lines" }, ...lines),
    make(
      "div",
      { className: "buttons" },
      copy("JSON", () => asJson(response.model, results)),
      copy("CoNLL", () => asConll(results)),
    ),
  );
}

async function copyText(name, text) {
  await showErrors(async () => {
    if (!navigator.clipboard) throw new Error("the browser allows copying only on localhost and over HTTPS");
    await navigator.clipboard.writeText(text);
    byId("status").textContent = `Copied as ${name}.`;
  });
}

function showDetail(mark) {
  const response = responses[mark.closest("article").dataset.response];
  const entity = confident(response)[mark.dataset.text].entities[mark.dataset.entity];
  const definition = definitions.get(response.model).get(entity.label);
  byId("detail").replaceChildren(...details(entity, { definition, unique: mark.classList.contains("unique") }));
  byId("detail").hidden = false;
  place(byId("detail"), mark);
}

function hideDetail() {
  byId("detail").hidden = true;
}

function listen() {
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    showErrors(tag);
  });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
  });
  byId("example").addEventListener("click", () => {
    byId("text").value = EXAMPLE;
    byId("text").focus();
  });
  byId("token").addEventListener("change", () => showErrors(loadModels));
  byId("threshold").addEventListener("input", () => {
    byId("threshold-value").textContent = `${byId("threshold").value} %`; // not 100 * share: 100 * 0.29 is below 29
    show();
  });
  const onMark = (action) => (event) => {
    const mark = event.target.closest?.("mark");
    if (mark) action(mark);
  };
  for (const name of ["focusin", "mouseover", "click"]) byId("panels").addEventListener(name, onMark(showDetail));
  for (const name of ["focusout", "mouseout"]) byId("panels").addEventListener(name, onMark(hideDetail));
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideDetail());
  document.addEventListener("scroll", hideDetail, { passive: true });
}

listen();
showErrors(loadModels);
