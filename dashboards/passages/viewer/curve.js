// The curve of one token in every model, as an SVG plot.

const PLOT = { width: 360, height: 210, left: 40, right: 8, top: 8, bottom: 34 };
const DASHES = ["", "7 3", "2 2.5", "9 3 2 3"]; // beginning with the largest model
const SVG = "http://www.w3.org/2000/svg";

function makeShape(tag, attributes, text = "") {
  const shape = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  if (text) shape.textContent = text;
  return shape;
}

// Steps and tokens are counted from 0 and spread over orders of magnitude, so the axis is logarithmic beyond the first
// checkpoint after 0. Perplexity falls during training, so its axis runs from right to left.
function makeHorizontalAxis(lines, quantity) {
  const values = lines.flatMap((line) => line.points.map((point) => point.x));
  const isFalling = quantity === QUANTITIES.perplexity || quantity === QUANTITIES.bitsPerByte;
  const least = Math.min(...values.filter((value) => value > 0), Infinity);
  const transform = isFalling ? (value) => -Math.log(value) : (value) => Math.log1p(value / least);
  const [low, high] = [Math.min(...values.map(transform)), Math.max(...values.map(transform))];
  const width = PLOT.width - PLOT.left - PLOT.right;
  const place = (value) => PLOT.left + (high > low ? (width * (transform(value) - low)) / (high - low) : width / 2);
  const ticks = listRoundNumbers(Math.min(...values), Math.max(...values)).sort((a, b) => place(a) - place(b));
  return { place, ticks: thinTicks(ticks, place, 46) };
}

function makeVerticalAxis(lines) {
  const values = lines.flatMap((line) => line.points.map((point) => point.y)).filter((value) => !Number.isNaN(value));
  const low = Math.min(...values, -1);
  const height = PLOT.height - PLOT.top - PLOT.bottom;
  const place = (value) => PLOT.top + (height * value) / low;
  const step = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100].find((size) => -low / size <= 5) ?? 100;
  const ticks = Array.from({ length: Math.floor(-low / step) + 1 }, (_, index) => -index * step);
  return { place, ticks };
}

// The numbers 0, 1, 2, 5, 10, 20 and so on between two numbers, or these two if fewer than two lie between.
function listRoundNumbers(low, high) {
  const numbers = low <= 0 ? [0] : [];
  for (let power = -3; power <= 15; power++) {
    numbers.push(...[1, 2, 5].map((digit) => digit * 10 ** power).filter((number) => number >= low && number <= high));
  }
  return numbers.length > 1 ? numbers : [...new Set([low, high])];
}

function thinTicks(ticks, place, leastDistance) {
  const kept = [];
  for (const tick of ticks) {
    if (!kept.length || place(tick) - place(kept.at(-1)) >= leastDistance) kept.push(tick);
  }
  return kept;
}

// Each line has a color, a dash, points of x, y and whether it is the current checkpoint, and whether it is emphasised.
function drawCurves(lines, quantity, description) {
  const plot = makeShape("svg", {
    viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img", "aria-label": description, class: "curves",
  });
  const [across, up] = [makeHorizontalAxis(lines, quantity), makeVerticalAxis(lines)];
  const [right, floor] = [PLOT.width - PLOT.right, PLOT.height - PLOT.bottom];
  for (const tick of up.ticks) {
    const y = up.place(tick);
    plot.append(makeShape("line", { x1: PLOT.left, x2: right, y1: y, y2: y, class: "grid" }));
    const text = String(tick).replace("-", MINUS);
    plot.append(makeShape("text", { x: PLOT.left - 5, y: y + 3.5, "text-anchor": "end" }, text));
  }
  for (const tick of across.ticks) {
    const x = across.place(tick);
    const anchor = x > right - 14 ? "end" : "middle";
    plot.append(makeShape("line", { x1: x, x2: x, y1: floor, y2: floor + 4, class: "tick" }));
    plot.append(makeShape("text", { x, y: floor + 15, "text-anchor": anchor }, writeCount(tick)));
  }
  plot.append(makeShape("text", { x: right, y: PLOT.height - 4, "text-anchor": "end" }, quantity.label));
  for (const line of lines) plot.append(drawLine(line, across, up));
  return plot;
}

function drawLine(line, across, up) {
  const group = makeShape("g", { class: line.isEmphasised ? "line emphasised" : "line" });
  group.style.setProperty("--model", line.color);
  let path = "";
  let isBroken = true;
  for (const point of line.points) {
    if (Number.isNaN(point.y)) {
      isBroken = true;
      continue;
    }
    path += `${isBroken ? "M" : "L"}${across.place(point.x).toFixed(1)},${up.place(point.y).toFixed(1)}`;
    isBroken = false;
  }
  if (path) group.append(makeShape("path", { d: path, "stroke-dasharray": line.dash }));
  for (const point of line.points.filter(({ isCurrent, y }) => isCurrent && !Number.isNaN(y))) {
    group.append(makeShape("circle", { cx: across.place(point.x), cy: up.place(point.y), r: 4.5 }));
  }
  return group;
}

function drawSwatch(line) {
  const swatch = makeShape("svg", { viewBox: "0 0 26 8", class: "swatch", "aria-hidden": "true" });
  swatch.style.setProperty("--model", line.color);
  swatch.append(makeShape("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-dasharray": line.dash }));
  return swatch;
}
