// What the page knows of the run, and what of it the visitor looks at.
"use strict";
const $ = (id) => document.getElementById(id);
// Text that stays the same is left alone, or the browser would lay out the page again.
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
// The whole run, in a page that was saved with one; else null.
const recorded = JSON.parse($("recorded").textContent);
// Asks the training program for something, which it does for its own page alone: one of an earlier program is loaded anew.
async function command(path, body) {
  const token = document.querySelector("meta[name=token]").content;
  const answer = await fetch(path, { method: "POST", headers: { "X-Page-Token": token }, body });
  if (answer.status === 403) location.reload();
  return answer;
}
const run = {};
const view = { frozen: null, step: null, panels: [], log: false, zoom: 0, range: null };
// What draws the panels of one's own, by their names; and what else is to be done whenever the page is drawn.
const own = Object.create(null), alsoDraw = [];

function forget() {
  Object.assign(run, { start: null, steps: [], names: new Set(), histograms: [], shown: Object.create(null), checkpoints: [], done: null, paused: false });
}
forget();

// The drawing in a text that may come from anybody's run folder: lines, boxes and words, nothing that runs or loads.
function drawing(text) {
  const svg = new DOMParser().parseFromString(text, "text/html").querySelector("svg");
  for (const element of svg ? [svg, ...svg.querySelectorAll("*")] : []) {
    const known = ["svg", "style", "text", "path", "rect"].includes(element.localName);
    if (!known || /@|url|\\/i.test(element.localName === "style" ? element.textContent : "")) element.remove();
    for (const { name } of [...element.attributes]) if (/^on|href|style/i.test(name)) element.removeAttribute(name);
  }
  return svg ? [svg] : [];
}

function take(event) {
  const [kind, content] = Object.entries(event)[0];
  switch (kind) {
    case "start": forget(); run.start = content; view.frozen = view.step = view.range = null; build(content.panels ?? []); break;
    case "model": $("table").textContent = content.table; $("graph").replaceChildren(...drawing(content.graph)); break;
    case "step": run.steps.push(content); for (const name in content) run.names.add(name); break;
    case "histograms": run.histograms.push(content); break;
    case "checkpoint": run.checkpoints.push(content); break;
    case "paused": run.paused = content; break;
    case "done": run.done = content; break;
    default: (run.shown[kind] ??= []).push(content); // of a panel of one's own
  }
}

const last = (list) => list[list.length - 1];
const newest = () => run.steps.length ? last(run.steps).step : 0;
// The step that is looked at: one that was chosen, the one where the picture was held, or the newest.
const shown = () => view.step ?? view.frozen ?? newest();

// How many entries of a list are not after the step.
function until(list, step) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].step <= step) low = middle + 1; else high = middle;
  }
  return low;
}
const at = (list, step) => list[Math.max(0, until(list, step) - 1)];

// Drawing happens once a frame at most, whatever the visitor does.
let due = false, drawnAt = 0, later = null;
function redraw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; drawnAt = performance.now(); drawAll(); });
}

// What arrives by itself is drawn more seldom the fewer processors there are: the training needs them.
const SELDOM = Math.max(100, 2000 / (navigator.hardwareConcurrency || 4));
function redrawSoon() {
  later ??= setTimeout(() => { later = null; redraw(); }, Math.max(0, drawnAt + SELDOM - performance.now()));
}
