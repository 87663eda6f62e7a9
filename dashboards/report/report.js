const specs = JSON.parse(document.getElementById("report-data").textContent);
const steps = { in: 0.6, out: 1 / 0.6 };

function readFields(figure) {
  const fields = (figure.dataset.zoom || "").split(" ");
  return fields.length === 2 ? { x: fields[0], y: fields[1] } : null;
}

// A domain is scaled around its middle, or moved by a share of its width; on a logarithmic axis, in logarithms.
function change(view, axis, factor, shift) {
  const scale = view.scale(axis);
  const isLog = scale.type === "log";
  const [low, high] = scale.domain().map((value) => (isLog ? Math.log(value) : value));
  const middle = (low + high) / 2 + shift * (high - low);
  const half = ((high - low) / 2) * factor;
  return [middle - half, middle + half].map((value) => (isLog ? Math.exp(value) : value));
}

function move(view, fields, factor, shiftX, shiftY) {
  const x = change(view, "x", factor, shiftX);
  const y = change(view, "y", factor, shiftY);
  view.signal("zoom_" + fields.x, x).signal("zoom_" + fields.y, y).runAsync();
}

function reset(view, fields) {
  view.signal("zoom_" + fields.x, null).signal("zoom_" + fields.y, null).runAsync();
}

function addZoom(figure, view, fields) {
  const bar = document.createElement("div");
  bar.className = "zoom";
  const actions = [
    ["Zoom in", () => move(view, fields, steps.in, 0, 0)],
    ["Zoom out", () => move(view, fields, steps.out, 0, 0)],
    ["Whole range", () => reset(view, fields)],
  ];
  for (const [name, act] of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", act);
    bar.append(button);
  }
  const plot = figure.querySelector(".plot");
  plot.before(bar);
  plot.tabIndex = 0;
  plot.setAttribute("aria-description", "Arrow keys move the chart, plus and minus zoom, 0 shows the whole range.");
  const keys = {
    "+": [steps.in, 0, 0], "=": [steps.in, 0, 0], "-": [steps.out, 0, 0],
    ArrowLeft: [1, -0.15, 0], ArrowRight: [1, 0.15, 0], ArrowUp: [1, 0, 0.15], ArrowDown: [1, 0, -0.15],
  };
  plot.addEventListener("keydown", (event) => {
    if (event.key === "0") reset(view, fields);
    else if (keys[event.key]) move(view, fields, ...keys[event.key]);
    else return;
    event.preventDefault();
  });
}

const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true } };

async function draw(figure) {
  const plot = figure.querySelector(".plot");
  try {
    const { view } = await vegaEmbed(plot, specs[figure.dataset.chart], options);
    const fields = readFields(figure);
    if (fields) addZoom(figure, view, fields);
  } catch (error) {
    plot.textContent = "The chart could not be drawn: " + error.message;
    console.error(error);
  }
}

for (const figure of document.querySelectorAll("figure[data-chart]")) draw(figure);

window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details.source")) part.open = true;
});
