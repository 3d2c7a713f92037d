"use strict";
// Helpers for the DOM. Text enters the page only as text nodes, never as markup.
const $ = (id) => document.getElementById(id);
const page = JSON.parse($("content").textContent);
const byRun = new Map(page.runs.map((run) => [run.run, run]));
const names = [...new Set(page.runs.map((run) => run.name))];
const DASH = "–";

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) node.style.setProperty(key, value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const three = (value) => (value == null ? DASH : value.toFixed(3));
const signed = (value) => (value == null ? DASH : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3));
const whole = (value) => value.toLocaleString("en-US");
const hidden = (text) => el("span", { class: "hidden" }, text);

function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
}

// The runs that pass the filter; sections are drawn again when it changes.
let shown = page.runs;
const sections = [];

// Draws a section when it comes near the window, and again on every later change.
function section(id, render) {
  const node = $(id);
  if (!node) return;
  const entry = { node, render, drawn: false };
  sections.push(entry);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    show(entry);
  }, { rootMargin: "400px" }).observe(node);
}

function show(entry) {
  if (!entry.drawn) entry.render(entry.node);
  entry.drawn = true;
}

const showAll = () => sections.forEach(show);
const redraw = () => sections.forEach((entry) => entry.drawn && entry.render(entry.node));
window.addEventListener("beforeprint", showAll);
