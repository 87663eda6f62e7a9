// A pane: the passage as one model reads it, in tokens that the pointer and the arrow keys reach.

function makePane(onToken) {
  const article = makeElement("article", "pane");
  const heading = makeElement("h2");
  const status = makeElement("p", "status");
  const text = makeElement("div", "text");
  text.setAttribute("role", "listbox");
  text.setAttribute("aria-label", "Tokens of the passage. Arrow keys move, Enter keeps a token.");
  text.dir = "auto";
  article.append(heading, status, text);
  const pane = { article, heading, status, text, spans: [], tokens: null, reached: 0 };
  const find = (event) => Number(event.target.closest?.(".token")?.dataset.index ?? -1);
  text.addEventListener("pointerover", (event) => find(event) >= 0 && onToken(pane, find(event), "hover"));
  text.addEventListener("click", (event) => find(event) >= 0 && onToken(pane, find(event), "keep"));
  text.addEventListener("focusin", (event) => find(event) >= 0 && onToken(pane, find(event), "focus"));
  text.addEventListener("keydown", (event) => moveFocus(pane, event, onToken));
  return pane;
}

function fillPane(pane, tokens) {
  if (pane.tokens === tokens) return;
  pane.tokens = tokens;
  pane.spans = tokens.texts.map((text, index) => {
    const span = makeElement("span", "token", text);
    span.dataset.index = index;
    span.setAttribute("role", "option");
    span.tabIndex = -1;
    return span;
  });
  pane.text.replaceChildren(...pane.spans);
  reachToken(pane, Math.min(pane.reached, pane.spans.length - 1));
}

// One token of a pane can be reached by the Tab key, and the arrow keys lead from there to the others.
function reachToken(pane, index) {
  if (pane.spans[pane.reached]) pane.spans[pane.reached].tabIndex = -1;
  pane.reached = Math.max(0, index);
  if (pane.spans[pane.reached]) pane.spans[pane.reached].tabIndex = 0;
}

function moveFocus(pane, event, onToken) {
  const last = pane.spans.length - 1;
  const targets = {
    ArrowLeft: () => pane.reached - 1,
    ArrowRight: () => pane.reached + 1,
    ArrowUp: () => findInNextLine(pane, -1),
    ArrowDown: () => findInNextLine(pane, 1),
    Home: () => 0,
    End: () => last,
  };
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    onToken(pane, pane.reached, "keep");
  } else if (targets[event.key]) {
    event.preventDefault();
    reachToken(pane, Math.min(last, Math.max(0, targets[event.key]())));
    pane.spans[pane.reached].focus();
  }
}

function findInNextLine(pane, direction) {
  const { offsetTop, offsetLeft } = pane.spans[pane.reached];
  let [found, top, least] = [pane.reached, null, Infinity];
  for (let index = pane.reached + direction; pane.spans[index]; index += direction) {
    const span = pane.spans[index];
    if (span.offsetTop === offsetTop) continue;
    top ??= span.offsetTop;
    if (span.offsetTop !== top) break;
    const distance = Math.abs(span.offsetLeft - offsetLeft);
    if (distance < least) [found, least] = [index, distance];
  }
  return found;
}

function colourPane(pane, classes) {
  classes.forEach((name, index) => {
    const wanted = `token ${name}`;
    if (pane.spans[index].className !== wanted) pane.spans[index].className = wanted;
  });
}
