// The page: panels, keys, and the connection to the run.
"use strict";
let panels = [];
let connection = { source: null, last: "", state: "connecting …" };

// The run's panels, each a title and a canvas.
function build(specs) {
  if (JSON.stringify(specs) === JSON.stringify(panels.map((panel) => panel.spec))) return;
  panels = specs.map((spec, i) => {
    const section = document.createElement("section");
    section.dataset.panel = i + 1;
    const [title, small] = [document.createElement("h2"), document.createElement("small")];
    const { title: text, note } = spec.own ?? spec.curve ?? { title: ["weights", "biases"][spec.bands] };
    title.append(text ?? "", spec.own ? " " : "");
    if (spec.own) { small.textContent = note ?? ""; title.append(small); }
    const canvas = document.createElement("canvas");
    section.append(title, canvas);
    if (!spec.own) chooses(canvas);
    return { spec, section, title, canvas, sets: "" };
  });
  document.querySelector("main").replaceChildren(...panels.map((panel) => panel.section));
  view.zoom = 0;
  show(...all());
  const groups = GROUPS.filter(([, kind]) => of(kind).length > 1).map(([key, kind, text]) => [key, text]);
  $("groups").replaceChildren(...[["1–" + Math.min(panels.length, 6), "one panel"], ...groups].flatMap(([keys, text], i) => {
    const key = document.createElement("kbd");
    key.textContent = keys;
    return [i ? " · " : "", key, " " + text];
  }));
}

const all = () => panels.map((_, i) => i + 1);
const of = (kind) => all().filter((i) => panels[i - 1].spec[kind] !== undefined);
const GROUPS = [["7", "curve", "curves"], ["8", "bands", "both distributions"], ["9", "own", "what else there is to see"]];

// What the lines of a curve are, beside its title.
function legend(panel) {
  const sets = setsOf(panel.spec.curve.value);
  if (panel.sets === sets.join()) return;
  panel.sets = sets.join();
  panel.title.replaceChildren(panel.spec.curve.title, ...sets.flatMap((set, which) => {
    const key = document.createElement("span");
    key.className = "key " + (["train", "test"][which] ?? "");
    key.textContent = which ? set : "training";
    key.style.setProperty("--key", style(which)[0]);
    return [" ", key];
  }));
}

function drawAll() {
  const step = shown(), record = at(run.steps, step), titles = at(run.histograms, step)?.titles;
  panels.forEach(({ spec, section, title, canvas }, i) => {
    if (spec.curve) legend(panels[i]);
    if (spec.bands !== undefined && titles) write(title, titles[spec.bands]);
    section.hidden = !view.panels.includes(i + 1);
    if (section.hidden) return;
    // What a foreign run shows may be nothing that can be drawn: the other panels are.
    try {
      if (spec.curve) drawCurve(canvas, spec.curve);
      else if (spec.own) drawOwn(canvas, spec.own.name);
      else drawBands(canvas, spec.bands);
    } catch (error) { console.error(error); }
  });
  describe(step, record);
}

function describe(step, record) {
  const { name: watched, largest } = run.start?.watched ?? {};
  const tested = watched ? run.steps.slice(0, until(run.steps, step)).filter((r) => r[watched] != null).map((r) => r[watched]) : [];
  const text = (value, digits) => value == null ? "–" : value.toFixed(digits);
  if (run.start) {
    write($("name"), run.start.name);
    document.title = run.start.name;
    write($("step"), `${step.toLocaleString("en")} / ${run.start.steps.toLocaleString("en")}`);
  }
  write($("epoch"), String(record?.epoch ?? "–"));
  write($("lr"), record?.lr > 0 && record.lr < 1e-4 ? record.lr.toExponential(1) : text(record?.lr, 5));
  $("accuracy").parentElement.hidden = $("best").parentElement.hidden = !watched;
  write($("watched"), watched?.replaceAll("_", " ") ?? "–");
  write($("accuracy"), text(last(tested), 4));
  write($("extreme"), largest ? "max" : "min");
  write($("best"), tested.length ? tested.reduce((a, b) => Math[largest ? "max" : "min"](a, b)).toFixed(4) : "–");
  const saved = run.checkpoints[until(run.checkpoints, step) - 1];
  $("saved").parentElement.hidden = !saved;
  write($("saved"), saved?.step.toLocaleString("en") ?? "–");
  const scrub = $("scrub");
  scrub.max = newest();
  scrub.step = run.start?.record_every ?? 1;
  if (document.activeElement !== scrub || view.step === null) scrub.value = step;
  const ending = { finished: "finished", interrupted: "interrupted", no_progress: "ended: no progress any more", diverged: "failed: the loss is not a number any more" };
  const state = run.done ? ending[run.done.ending] : run.paused ? "training pauses" : connection.state;
  const held = view.step !== null ? `, at step ${step}` : view.frozen !== null ? ", picture held" : "";
  write($("status"), state + held);
  write($("freeze"), view.frozen === null ? "hold picture" : "go on");
  write($("pause"), run.paused ? "resume training" : "pause training");
  $("pause").hidden = $("pausing").hidden = Boolean(run.done || recorded);
  $("log").setAttribute("aria-pressed", view.log);
  Object.assign(document.body.dataset, {
    step, newest: newest(), panels: view.panels.join(" "), connection: connection.state,
    histograms: run.histograms.length, done: run.done?.ending ?? "",
  });
  alsoDraw.forEach((f) => f());
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

function zoom() {
  view.zoom = (view.zoom + 1) % Math.max(1, ...panels.map(({ spec }) => spec.curve?.ranges?.length ?? 1));
  redraw();
}
function logarithmic() { view.log = !view.log; redraw(); }
function help() { $("keys").hidden = !$("keys").hidden; }

const KEYS = {
  "0": () => show(...all()), Escape: () => show(...all()),
  l: logarithmic, z: zoom, "?": help,
  ArrowLeft: () => scrubTo(at(run.steps, shown() - 1)?.step ?? 0),
  ArrowRight: () => scrubTo(run.steps[until(run.steps, shown())]?.step ?? Infinity),
  Home: () => scrubTo(0), End: () => scrubTo(Infinity),
};
for (let panel = 1; panel <= 6; panel++) KEYS[panel] = () => { if (panel <= panels.length) show(panel); };
for (const [key, kind] of GROUPS) KEYS[key] = () => { if (of(kind).length) show(...of(kind)); };

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
function chooses(canvas) {
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
    // Another program, with panels of its own perhaps.
    const program = (id) => id.split("-")[0];
    if (connection.last && program(connection.last) !== program(message.lastEventId)) return location.reload();
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
