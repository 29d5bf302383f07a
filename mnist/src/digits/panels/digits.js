// Sheets of digits, cut out of pictures that are fetched when there is time for them.
"use strict";
const pictures = { test: null, testMissing: false, training: null, trainingStep: null, wanted: null };

function load(source, then) {
  const image = new Image();
  image.onload = () => { then(image); redrawSoon(); };
  image.onerror = () => then(null);
  image.src = source;
}

// One picture of training digits at a time; those in between are skipped.
function wantTraining(step) {
  if (pictures.trainingStep === step || pictures.wanted !== null) return;
  pictures.wanted = step;
  const source = recorded ? recorded.training[step] : "digits/training/" + step;
  if (!source) { pictures.wanted = null; return; }
  load(source, (image) => {
    pictures.wanted = null;
    pictures.training = image; pictures.trainingStep = step;
    if (!image) setTimeout(redraw, 1000);
  });
}

function wantTest() {
  if (pictures.test) return;
  pictures.test = "loading";
  load(recorded ? recorded.test : "digits/test", (image) => {
    pictures.test = image ?? "loading";
    pictures.testMissing = !image;
    // A server that is busy or away is asked again later.
    if (!image && !recorded) setTimeout(() => { pictures.test = null; redraw(); }, 3000);
  });
}

// The picture with its digits as large as they are drawn: to copy a thousand is quick, to scale them each time is not.
function scaled(image, across, size) {
  if (image.scaledTo === size) return image.scaled;
  const small = image.scaled = document.createElement("canvas");
  image.scaledTo = size;
  [small.width, small.height] = [image.naturalWidth, image.naturalHeight].map((n) => n / image.naturalWidth * across * size);
  const c = small.getContext("2d");
  c.imageSmoothingQuality = "high";
  c.drawImage(image, 0, 0, small.width, small.height);
  return small;
}

// Draws `rows` × `columns` cells; the image is white on black and comes out as ink on paper, on red where it is wrong.
function sheet(canvas, digits, image, { rows, columns, across, side, axis, tags, missing }) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  // A thousand digits are not drawn again while they stay the same.
  const content = [digits?.step, image instanceof Image && image.src, missing, width, height, ratio, dark].join();
  if (canvas.content === content) return;
  canvas.content = content;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  if (!digits) return;
  const cell = Math.min((width - axis) / columns, height / rows);
  const [left, top] = [(width - axis - cell * columns) / 2, (height - cell * rows) / 2];
  const place = (i) => [left + i % columns * cell, top + Math.floor(i / columns) * cell];
  const count = Math.min(digits.indices.length, rows * columns);
  const wrong = Math.min(digits.wrong, count);
  const drawn = image instanceof Image;
  // Whole pixels, or its edges would stay grey when it is inverted.
  const whole = [Math.floor(left), Math.floor(top), Math.ceil(cell * columns) + 1, Math.ceil(cell * rows) + 1];
  if (drawn) {
    c.fillStyle = "#000";
    c.fillRect(...whole);
    const size = Math.max(1, Math.round(cell * ratio));
    const small = scaled(image, across, size);
    for (let i = 0; i < count; i++) {
      const from = side === "test" ? digits.indices[i] : i;
      c.drawImage(small, from % across * size, Math.floor(from / across) * size, size, size, ...place(i), cell, cell);
    }
    if (!dark) { c.globalCompositeOperation = "difference"; c.fillStyle = "#fff"; c.fillRect(...whole); }
  }
  if (drawn) {
    // What is light becomes red, what is dark stays; on a dark page the other way round.
    c.globalCompositeOperation = dark ? "lighten" : "multiply";
    c.fillStyle = colour("--wrong");
    for (let i = 0; i < wrong; i++) c.fillRect(...place(i), cell + 0.5, cell + 0.5);
    c.globalCompositeOperation = "source-over";
  }
  if ((tags || cell > 22) && !missing) {
    c.fillStyle = colour("--line");
    for (let i = 1; i < columns; i++) c.fillRect(left + i * cell - 0.5, top, 1, cell * rows);
    for (let i = 1; i < rows; i++) c.fillRect(left, top + i * cell - 0.5, cell * columns, 1);
    c.font = `${Math.max(7, cell * 0.25)}px system-ui, sans-serif`;
    c.textBaseline = "bottom";
    for (let i = 0; i < count; i++) {
      const [x, y] = place(i);
      c.fillStyle = colour(i < wrong ? "--wrong-mark" : "--muted");
      c.textAlign = "left"; c.fillText(digits.labels[i], x + 2, y + cell);
      c.textAlign = "right"; c.fillText(digits.computed[i], x + cell - 2, y + cell);
    }
  }
  if (missing) {
    c.fillStyle = colour("--muted");
    c.font = "13px system-ui, sans-serif"; c.textAlign = "center"; c.textBaseline = "middle";
    c.fillText("there are no pictures of these digits", left + cell * columns / 2, top + cell * rows / 2);
  }
  if (axis) {
    const parts = rows * columns / digits.of;
    const right = left + cell * columns;
    c.font = "11px system-ui, sans-serif"; c.textAlign = "left"; c.textBaseline = "middle";
    for (let i = 0; i <= 5; i++) {
      const y = top + cell * rows * i / 5;
      c.fillStyle = colour("--muted");
      c.fillRect(right, y - 0.5, 4, 1);
      c.fillText(label(100 - 100 * parts * i / 5) + " %", right + 7, Math.min(Math.max(y, top + 6), top + cell * rows - 6));
    }
    const edge = top + cell * rows * Math.min(1, digits.wrong / (rows * columns));
    c.fillStyle = colour("--wrong-mark");
    c.beginPath(); c.moveTo(right, edge); c.lineTo(right + 6, edge - 4); c.lineTo(right + 6, edge + 4); c.fill();
  }
}

own.training_digits = (canvas, all) => {
  const digits = at(all, shown());
  if (digits) wantTraining(digits.step);
  // While its picture is on the way the one before stays.
  const painted = all.find((d) => d.step === pictures.trainingStep) ?? digits;
  const here = pictures.trainingStep === painted?.step;
  sheet(canvas, painted, here ? pictures.training : null,
    { rows: 10, columns: 10, across: 10, side: "training", axis: 0, tags: true, missing: here && !pictures.training });
};

own.test_digits = (canvas, all) => {
  const digits = at(all, shown());
  if (digits) wantTest();
  if (digits) write(canvas.previousElementSibling.lastElementChild,
    `${digits.wrong.toLocaleString("en")} of ${digits.of.toLocaleString("en")} misrecognised, at step ${digits.step}`);
  sheet(canvas, digits, pictures.test, { rows: 25, columns: 40, across: 100, side: "test", axis: 46, tags: false, missing: pictures.testMissing });
};
alsoDraw.push(() => { document.body.dataset.digits = pictures.trainingStep ?? ""; });
