// Drawing a digit, and what the network takes it for.
"use strict";
const ink = $("ink");
const pen = { x: 70, y: 30, down: false, inked: false, drawing: 0, asking: false, again: false };
const paper = ink.getContext("2d", { willReadFrequently: true });

for (let digit = 0; digit < 10; digit++) {
  const row = document.createElement("li");
  row.innerHTML = `${digit}<i></i><span></span>`;
  $("bars").append(row);
}

function clearInk() {
  paper.fillStyle = "#000";
  paper.fillRect(0, 0, 140, 140);
  pen.inked = false;
  pen.drawing++;
  bars(null);
}

function stroke(x, y) {
  paper.strokeStyle = "#fff";
  paper.lineWidth = 11;
  paper.lineCap = paper.lineJoin = "round";
  paper.beginPath(); paper.moveTo(pen.x, pen.y); paper.lineTo(x, y); paper.stroke();
  Object.assign(pen, { x, y, inked: true });
  ask();
}

const spot = (event) => {
  const box = ink.getBoundingClientRect();
  return [(event.clientX - box.left) * 140 / box.width, (event.clientY - box.top) * 140 / box.height];
};
ink.addEventListener("pointerdown", (event) => {
  ink.setPointerCapture(event.pointerId);
  [pen.x, pen.y] = spot(event);
  pen.down = true;
  stroke(pen.x + 0.01, pen.y);
});
ink.addEventListener("pointermove", (event) => { if (pen.down) stroke(...spot(event)); });
// Keys draw for those who came by keyboard alone: after a stroke the arrows are the page's, wherever the pen was lifted.
for (const end of ["pointerup", "pointercancel"]) ink.addEventListener(end, () => { pen.down = false; ink.blur(); });
ink.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [-6, 0], ArrowRight: [6, 0], ArrowUp: [0, -6], ArrowDown: [0, 6] }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") clearInk();
  else if (!move) return;
  else {
    const within = (value) => Math.min(132, Math.max(8, value));
    const [x, y] = [within(pen.x + move[0]), within(pen.y + move[1])];
    if (event.shiftKey) Object.assign(pen, { x, y }); else stroke(x, y);
  }
  event.preventDefault();
  event.stopPropagation();
});
$("clear").addEventListener("click", clearInk);

function bars(probabilities) {
  const most = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  [...$("bars").children].forEach((row, digit) => {
    const p = probabilities ? probabilities[digit] ?? 0 : 0;
    row.children[0].style.width = 100 * p + "%";
    row.children[1].textContent = probabilities ? (100 * p).toFixed(1) + " %" : "";
    row.className = digit === most ? "most" : "";
  });
  $("reading").textContent = most >= 0 ? `read as ${most}` : "";
  document.body.dataset.read = most;
}

// One question at a time; what was drawn meanwhile is asked about next.
async function ask() {
  if (!pen.inked) return;
  if (pen.asking) { pen.again = true; return; }
  pen.asking = true;
  const drawing = pen.drawing;
  try {
    const rgba = paper.getImageData(0, 0, 140, 140).data;
    const answer = await command("read", Uint8Array.from({ length: 140 * 140 }, (_, i) => rgba[4 * i]));
    const reading = answer.ok ? await answer.json() : await answer.text();
    if (!answer.ok) $("reading").textContent = reading;
    else if (pen.drawing === drawing) bars(reading); // not if it was cleared meanwhile
  } catch {
    $("reading").textContent = "the training program does not answer";
  }
  pen.asking = false;
  if (pen.again) { pen.again = false; ask(); }
}
// The network goes on learning while somebody looks at the bars.
setInterval(() => { if (!document.hidden && !run.done && !run.paused) ask(); }, 1000);
clearInk();
