// Panels of one's own that every run may use: text, a matrix, pictures.
"use strict";
// The last picture of each panel.
const decoded = Object.create(null);

// A cleared canvas of the panel's size in device pixels.
function sheetOf(canvas) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  return { c, width, height };
}

function drawOwn(canvas, name) {
  const list = run.shown[name] ?? [];
  if (own[name]) return own[name](canvas, list);
  const content = at(list, shown());
  const { c, width, height } = sheetOf(canvas);
  if (content?.text !== undefined) drawText(c, content.text, width, height);
  else if (content?.matrix) drawMatrix(c, content.matrix, width, height);
  else if (content?.images) drawImages(c, name, content.images, width, height);
}

function drawText(c, text, width, height) {
  c.font = "12px ui-monospace, monospace";
  c.fillStyle = colour("--text");
  c.textBaseline = "top";
  const columns = Math.max(1, Math.floor(width / c.measureText("m").width));
  const lines = text.split("\n").flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""]);
  lines.slice(0, Math.floor(height / 16)).forEach((line, i) => c.fillText(line, 0, 16 * i));
}

// A cell for each pair of classes, the darker the larger its share of the row; wrong answers are red.
function drawMatrix(c, { names, counts }, width, height) {
  const [right, wrong, ink] = ["--train", "--wrong-mark", "--text"].map(colour);
  const [left, n] = [60, counts.length || 1];
  const [w, h] = [(width - left) / n, (height - 20) / n];
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  counts.forEach((row, i) => {
    const all = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, j) => {
      c.globalAlpha = 0.04 + 0.8 * Math.sqrt(count / all);
      c.fillStyle = i === j ? right : wrong;
      c.fillRect(left + j * w, i * h, w - 1, h - 1);
      c.globalAlpha = 1;
      c.fillStyle = ink;
      c.textAlign = "center";
      if (w > 18) c.fillText(count, left + (j + 0.5) * w, (i + 0.5) * h);
    });
  });
  c.fillStyle = colour("--muted");
  names.forEach((name, i) => {
    c.textAlign = "right"; c.fillText(name.slice(0, 8), left - 6, (i + 0.5) * h);
    c.textAlign = "center"; c.fillText(name.slice(0, 8), left + (i + 0.5) * w, height - 8);
  });
}

function drawImages(c, name, { columns, captions, png }, width, height) {
  if (decoded[name]?.png !== png) {
    decoded[name] = { png, image: Object.assign(new Image(), { onload: redrawSoon, src: "data:image/png;base64," + png }) };
  }
  const { image } = decoded[name];
  if (!image.complete || !image.naturalWidth) return;
  const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
  const [w, h] = [image.naturalWidth * scale, image.naturalHeight * scale];
  c.imageSmoothingEnabled = scale < 1;
  c.drawImage(image, 0, 0, w, h);
  const rows = Math.ceil(captions.length / columns) || 1;
  c.font = `${Math.max(8, Math.min(12, h / rows * 0.2))}px system-ui, sans-serif`;
  c.fillStyle = colour("--wrong-mark");
  c.textBaseline = "bottom";
  captions.forEach((caption, i) => c.fillText(caption, i % columns * w / columns + 2, (Math.floor(i / columns) + 1) * h / rows - 1));
}
