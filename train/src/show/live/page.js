// The page: panels, keys, and the connection to the run.
"use strict";
const panels = [...document.querySelectorAll("main section")];
let connection = { source: null, last: "", state: "connecting …" };

function drawAll() {
  const step = shown(), record = at(run.steps, step), titles = at(run.histograms, step)?.titles;
  if (titles) titles.forEach((title, i) => { write(panels[3 + i].querySelector("h2"), title); });
  const draw = [drawAccuracy, drawLoss, drawTraining, (c) => drawBands(c, 0), (c) => drawBands(c, 1), drawTest];
  panels.forEach((panel, i) => {
    panel.hidden = !view.panels.includes(i + 1);
    if (!panel.hidden) draw[i](panel.querySelector("canvas"));
  });
  describe(step, record);
}

function describe(step, record) {
  const tested = run.steps.slice(0, until(run.steps, step)).filter((r) => r.test_accuracy !== undefined);
  const text = (value, digits) => value === undefined ? "–" : value.toFixed(digits);
  if (run.start) {
    write($("name"), run.start.name);
    document.title = run.start.name;
    write($("step"), `${step.toLocaleString("en")} / ${run.start.steps.toLocaleString("en")}`);
  }
  write($("epoch"), String(record?.epoch ?? "–"));
  write($("lr"), text(record?.lr, 5));
  write($("accuracy"), text(last(tested)?.test_accuracy, 4));
  write($("best"), tested.length ? Math.max(...tested.map((r) => r.test_accuracy)).toFixed(4) : "–");
  const saved = run.checkpoints[until(run.checkpoints, step) - 1];
  $("saved").parentElement.hidden = !saved;
  write($("saved"), saved?.step.toLocaleString("en") ?? "–");
  const scrub = $("scrub");
  scrub.max = newest();
  scrub.step = run.start?.record_every ?? 1;
  if (document.activeElement !== scrub || view.step === null) scrub.value = step;
  const ending = { finished: "finished", interrupted: "interrupted", diverged: "failed: the loss is not a number any more" };
  const state = run.done ? ending[run.done.ending] : run.paused ? "training pauses" : connection.state;
  const held = view.step !== null ? `, at step ${step}` : view.frozen !== null ? ", picture held" : "";
  write($("status"), state + held);
  write($("freeze"), view.frozen === null ? "hold picture" : "go on");
  write($("pause"), run.paused ? "resume training" : "pause training");
  $("pause").hidden = $("pausing").hidden = Boolean(run.done || recorded);
  $("log").setAttribute("aria-pressed", view.log);
  Object.assign(document.body.dataset, {
    step, newest: newest(), panels: view.panels.join(" "), connection: connection.state,
    histograms: run.histograms.length, digits: pictures.trainingStep ?? "", done: run.done?.ending ?? "",
  });
}

function show(...which) {
  view.panels = which;
  document.querySelector("main").dataset.count = which.length;
  redraw();
}

function hold() {
  view.frozen = view.frozen === null && view.step === null ? newest() : null;
  view.step = null;
  redraw();
}

function pauseTraining() {
  if (!run.done && !recorded) command(run.paused ? "resume" : "pause").catch(() => {});
}

function scrubTo(step) {
  view.step = step >= newest() ? null : Math.max(0, step);
  redraw();
}

function zoom() { view.zoom = (view.zoom + 1) % LOWEST.length; redraw(); }
function logarithmic() { view.log = !view.log; redraw(); }
function help() { $("keys").hidden = !$("keys").hidden; }

const KEYS = {
  "7": () => show(1, 2), "8": () => show(4, 5), "9": () => show(3, 6),
  "0": () => show(1, 2, 3, 4, 5, 6), Escape: () => show(1, 2, 3, 4, 5, 6),
  l: logarithmic, z: zoom, "?": help,
  ArrowLeft: () => scrubTo(at(run.steps, shown() - 1)?.step ?? 0),
  ArrowRight: () => scrubTo(run.steps[until(run.steps, shown())]?.step ?? Infinity),
  Home: () => scrubTo(0), End: () => scrubTo(Infinity),
};
for (let panel = 1; panel <= 6; panel++) KEYS[panel] = () => show(panel);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  // A control that has the focus keeps the keys that it has a use for.
  const inControl = event.target.closest("button, input, summary");
  if (event.key === " ") {
    if (inControl) return;
    if (event.shiftKey) pauseTraining(); else hold();
  } else if (KEYS[event.key] && !(event.target.id === "scrub" && /Arrow|Home|End/.test(event.key))) KEYS[event.key]();
  else return;
  event.preventDefault();
});
// After a click of the mouse the keys are the page's again; who came by keyboard stays where they are.
addEventListener("click", (event) => { if (event.detail > 0) event.target.closest("button, input, summary, #ink")?.blur(); });
$("freeze").onclick = hold;
$("pause").onclick = pauseTraining;
$("zoom").onclick = zoom;
$("log").onclick = logarithmic;
$("help").onclick = help;
$("newest").onclick = () => { view.frozen = null; scrubTo(Infinity); };
$("scrub").oninput = (event) => scrubTo(Number(event.target.value));

// Dragging over a curve or a band chooses a part of the run.
for (const panel of panels.filter((_, i) => i !== 2 && i !== 5)) {
  const canvas = panel.querySelector("canvas");
  const stepAt = (event) => {
    const box = canvas.getBoundingClientRect(), [from, to] = xRange();
    return from + (to - from) * Math.min(1, Math.max(0, (event.clientX - box.left - 44) / (box.width - 54)));
  };
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") from = stepAt(event); });
  canvas.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const part = [from, stepAt(event)].sort((a, b) => a - b);
    if (part[1] - part[0] > (xRange()[1] - xRange()[0]) / 50) view.range = part;
    from = null;
    redraw();
  });
  canvas.addEventListener("dblclick", () => { view.range = null; redraw(); });
}

// Browsers allow few connections to a server, so a page that nobody sees gives up its own, and goes on later where it was.
function connect() {
  connection.source?.close();
  connection.source = null;
  if (document.hidden || recorded) return;
  const source = connection.source = new EventSource("events?after=" + connection.last);
  // With many pages open the server has each let go of its connection, which is no loss: the browser comes back by itself.
  let turn = false;
  source.addEventListener("turn", () => { turn = true; });
  source.onopen = () => { connection.state = "live"; redraw(); };
  source.onmessage = (message) => {
    connection.last = message.lastEventId;
    JSON.parse(message.data).forEach(take);
    redrawSoon();
  };
  source.onerror = () => {
    if (turn) { turn = false; return; }
    connection.state = "connection lost, trying again …";
    redraw();
    // The browser tries again by itself unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (connection.source === source) connect(); }, 2000);
  };
}
addEventListener("visibilitychange", connect);
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
if (recorded) {
  connection.state = "interrupted";
  recorded.events.forEach(take);
  redraw();
}
connect();
