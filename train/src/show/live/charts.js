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
  const up = (value) => box.bottom - (scale(Math.max(value, log ? 1e-9 : -Infinity)) - low) / (high - low || 1) * (box.bottom - box.top);
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
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) found.push(v);
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

function curves(canvas, of, options) {
  const plot = frame(canvas, { x: xRange(), ...options });
  const { c, along, up } = plot;
  const records = run.steps.slice(0, until(run.steps, shown()));
  const line = (value, name, width) => {
    c.strokeStyle = colour(name); c.lineWidth = width; c.lineJoin = c.lineCap = "round";
    c.beginPath();
    let first = true;
    for (const record of records) {
      const y = value(record);
      if (y === undefined || y === null) continue;
      // The first one is to be seen alone too.
      if (first) c.moveTo(along(record.step) - 0.01, up(y));
      first = false;
      c.lineTo(along(record.step), up(y));
    }
    c.stroke();
  };
  clipped(plot, () => {
    line((record) => of(record, "train"), "--train", 1);
    line((record) => of(record, "test"), "--test", 3);
  });
}

const LOWEST = [0, 0.9, 0.98];
function drawAccuracy(canvas) {
  curves(canvas, (record, kind) => record[kind + "_accuracy"], { y: [LOWEST[view.zoom], 1] });
}

function drawLoss(canvas) {
  const of = (record, kind) => record[kind + "_loss"] == null ? undefined : record[kind + "_loss"] * 100 /* null is NaN */;
  const options = view.log ? { y: [0.01, 1000], log: true, ticks: [0.01, 0.1, 1, 10, 100, 1000] } : { y: [0, [100, 20, 5][view.zoom]] };
  curves(canvas, of, options);
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
