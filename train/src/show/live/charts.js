// Curves and bands.
"use strict";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A canvas of the panel's size in device pixels, cleared, with the plot's frame in it.
function frame(canvas, { x, y, log, ticks, left = 44 }) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  const box = { left, top: 8, right: width - 10, bottom: height - 22 };
  const along = (value) => box.left + (value - x[0]) / (x[1] - x[0] || 1) * (box.right - box.left);
  const scale = log ? Math.log10 : (value) => value;
  const [low, high] = [scale(y[0]), scale(y[1])];
  const up = (value) => box.bottom - (scale(Math.max(value, log ? y[0] : -Infinity)) - low) / (high - low || 1) * (box.bottom - box.top);
  c.font = "11px system-ui, sans-serif";
  c.lineWidth = 1;
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const value of ticks ?? steps(y, 5)) {
    const at = Math.round(up(value)) + 0.5;
    c.strokeStyle = colour("--line");
    c.beginPath(); c.moveTo(box.left, at); c.lineTo(box.right, at); c.stroke();
    c.fillStyle = colour("--muted");
    c.fillText(label(value), box.left - 6, at);
  }
  c.textAlign = "center";
  for (const value of steps(x, 4)) c.fillText((Math.round(value) || 0).toLocaleString("en"), Math.min(along(value), box.right - 12), box.bottom + 12);
  return { c, box, along, up };
}

const label = (value) => Math.abs(value) >= 1000 ? value.toExponential(0) : String(+value.toPrecision(4) || 0);

// Round numbers that divide a range into about so many parts.
function steps([low, high], count) {
  const size = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(size));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= size * 0.999);
  const found = [];
  // By number, since a step may be lost in what it is added to.
  const first = Math.ceil(low / step - 1e-9);
  for (let i = 0; i < 20 && (first + i) * step <= high + step * 1e-6; i++) found.push((first + i) * step);
  return found;
}

function xRange() {
  return view.range ?? [0, Math.max(shown(), 1)];
}

function clipped({ c, box }, draw) {
  c.save();
  c.beginPath(); c.rect(box.left, box.top - 2, box.right - box.left, box.bottom - box.top + 4); c.clip();
  draw();
  c.restore();
}

// The batches' set, and those of which there is a value of this name.
const setsOf = (value) => ["train", ...(run.start?.sets ?? []).filter((set) => run.names.has(set + "_" + value))];

// Colour and width of the batches' curve, of the first set's, and of others'.
const MORE = ["#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
const style = (which) => [[colour("--train"), 1], [colour("--test"), 3]][which] ?? [MORE[(which - 2) % MORE.length], 2];

// What of the axis is to be seen: as it was given, or what there is.
function yRange(curve, lines) {
  if (view.log && curve.log) return { y: curve.log, log: true };
  if (!(view.log && !curve.ranges) && curve.ranges) return { y: curve.ranges[Math.min(view.zoom, curve.ranges.length - 1)] };
  const range = xRange();
  let [low, high] = [Infinity, -Infinity];
  for (const points of lines) for (const [step, value] of points) {
    if (step < range[0] || step > range[1] || !isFinite(value) || view.log && value <= 0) continue;
    [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  if (!(low <= high)) [low, high] = view.log ? [0.1, 1] : [0, 1];
  if (view.log) return { y: [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high) + 1e-9)], log: true };
  const isWide = high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  const margin = isWide ? (high - low) * 0.05 : Math.max(Math.abs(low), 1) * 0.1;
  return { y: [low - margin, high + margin] };
}

function decades([low, high]) {
  const ticks = [];
  for (let power = Math.round(Math.log10(low)); power <= Math.round(Math.log10(high)) && ticks.length < 700; power++) ticks.push(+("1e" + power));
  return ticks.length > 8 ? ticks.filter((_, i) => i % Math.ceil(ticks.length / 8) === 0) : ticks;
}

function drawCurve(canvas, curve) {
  const records = run.steps.slice(0, until(run.steps, shown()));
  const lines = setsOf(curve.value).map((set) => {
    const points = [];
    for (const record of records) {
      const value = record[set + "_" + curve.value];
      if (value !== undefined && value !== null /* no number */) points.push([record.step, value * curve.factor]);
    }
    return points;
  });
  const options = yRange(curve, lines);
  if (options.log) options.ticks = decades(options.y);
  const plot = frame(canvas, { x: xRange(), ...options });
  const { c, along, up } = plot;
  clipped(plot, () => lines.forEach((points, which) => {
    [c.strokeStyle, c.lineWidth] = style(which);
    c.lineJoin = c.lineCap = "round";
    c.beginPath();
    points.forEach(([step, value], i) => {
      // The first one is to be seen alone too.
      if (i === 0) c.moveTo(along(step) - 0.01, up(value));
      c.lineTo(along(step), up(value));
    });
    c.stroke();
  }));
}

function drawBands(canvas, which) {
  const all = run.histograms.slice(0, until(run.histograms, shown()));
  const range = xRange();
  const seen = all.filter((h) => h.step >= range[0] && h.step <= range[1]);
  let [low, high] = [Infinity, -Infinity];
  for (const { edges } of seen) { low = Math.min(low, edges[which][0]); high = Math.max(high, edges[which][7]); }
  if (!(low <= high)) [low, high] = [-1, 1];
  const margin = (high - low) * 0.05 || 0.1;
  const plot = frame(canvas, { x: range, y: [low - margin, high + margin] });
  const { c, along, up } = plot;
  clipped(plot, () => {
    c.fillStyle = colour("--train");
    for (let band = 0; band < 4; band++) {
      c.globalAlpha = [0.18, 0.25, 0.35, 0.5][band];
      c.beginPath();
      for (const h of all) c.lineTo(along(h.step), up(h.edges[which][band]));
      for (const h of [...all].reverse()) c.lineTo(along(h.step), up(h.edges[which][7 - band]));
      c.fill();
      // A single moment has no area.
      if (all.length === 1) c.fillRect(along(all[0].step), up(all[0].edges[which][7 - band]), 3, up(all[0].edges[which][band]) - up(all[0].edges[which][7 - band]));
    }
    c.globalAlpha = 1;
  });
}
