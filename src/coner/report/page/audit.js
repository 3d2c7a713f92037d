"use strict";
// Filters of the candidates, by kind, class and words. Sections with a match open while a filter is set.
const $ = (id) => document.getElementById(id);
const sections = [...document.querySelectorAll("main > details")];
const candidates = [...document.querySelectorAll(".candidate")].map((node) => ({
  node,
  kind: node.dataset.kind,
  words: node.dataset.words,
  labels: [...node.querySelectorAll(":scope > data")].map((data) => data.value),
}));

function filter() {
  const kind = $("kind").value, label = $("class").value, words = $("words").value.trim().toLowerCase();
  let count = 0;
  for (const candidate of candidates) {
    const match = (!kind || candidate.kind === kind) && (!label || candidate.labels.includes(label)) && candidate.words.includes(words);
    candidate.node.hidden = !match;
    count += match;
  }
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector(".candidate:not([hidden])");
  const filtered = Boolean(kind || label || words);
  let first = true;
  for (const section of sections) {
    section.hidden = !section.querySelector(".group:not([hidden])");
    section.open = !section.hidden && (filtered ? count <= 500 || first : first);
    first = first && section.hidden;
  }
  $("status").textContent = filtered ? `${count} of ${candidates.length} candidates` : "";
}

for (const id of ["kind", "class"]) $(id).addEventListener("change", filter);
$("words").addEventListener("input", filter);
document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
