"use strict";
// Text goes into the page as text nodes only, never as markup.
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

// The runs that the filter leaves; parts of the page that show runs are drawn again when it changes.
let shown = page.runs;
const parts = [];

// Draws a section when it comes near the window, and again on every change after that.
function section(id, render) {
  const node = $(id);
  if (!node) return;
  const part = { node, render, drawn: false };
  parts.push(part);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    show(part);
  }, { rootMargin: "400px" }).observe(node);
}

function show(part) {
  if (!part.drawn) part.render(part.node);
  part.drawn = true;
}

const showAll = () => parts.forEach(show);
const redraw = () => parts.forEach((part) => part.drawn && part.render(part.node));
window.addEventListener("beforeprint", showAll);
