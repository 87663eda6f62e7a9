// What the colour of a token means: values, scales and the legend.

const SEQUENTIAL = { name: "seq", edges: [-0.1, -0.5, -1, -2, -3, -5, -7, -10] };
const DIVERGING = { name: "div", edges: [-4, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 4] };
const CATEGORIES = {
  u: { name: "upward", meaning: "being forgotten" },
  d: { name: "downward", meaning: "still being learned" },
  s: { name: "stagnated", meaning: "already learned" },
  o: { name: "other", meaning: "no clear trend" },
  "-": { name: "untested", meaning: "without a trend" },
};

function chooseBin(scale, exact) {
  if (Number.isNaN(exact)) return `${scale.name}-none`;
  const value = Math.round(exact * QUANTA_PER_NAT) / QUANTA_PER_NAT;
  const bin = scale === SEQUENTIAL
    ? scale.edges.filter((edge) => value < edge).length
    : scale.edges.filter((edge) => (edge < 0 ? value > edge : value >= edge)).length;
  return `${scale.name}-${bin}`;
}

function makeElement(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// A name from the warehouse within a sentence: isolated, so that its direction of writing stays its own.
function makeName(text) {
  return makeElement("bdi", "", text);
}

function drawScale(legend, scale, [first, last], title) {
  legend.append(makeElement("span", "title", title));
  const row = makeElement("div", "scale");
  row.append(makeElement("span", "end", first));
  const patches = makeElement("ol", "patches");
  for (let bin = 0; bin <= scale.edges.length; bin++) {
    const patch = makeElement("li", `${scale.name}-${bin}`);
    if (bin < scale.edges.length) {
      const edge = String(scale.edges[bin]).replace("-", MINUS);
      patch.append(makeElement("span", "edge", scale === DIVERGING && scale.edges[bin] > 0 ? `+${edge}` : edge));
    }
    patches.append(patch);
  }
  row.append(patches, makeElement("span", "end", last));
  legend.append(row);
}

function drawCategories(legend, model, history) {
  legend.append(makeElement(
    "span", "title",
    `Trend of each token from ${history.startPercent} % of training on,` +
    ` convention ${history.convention}`,
  ));
  const list = makeElement("ul", "categories");
  for (const [code, { name, meaning }] of Object.entries(CATEGORIES)) {
    const count = model.categories.split(code).length - 1;
    const item = makeElement("li");
    item.append(makeElement("span", name, meaning), ` ${count}`);
    list.append(item);
  }
  legend.append(list);
}
