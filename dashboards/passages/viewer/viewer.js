// The viewer: what is chosen, and everything that is shown anew after a choice.

async function startViewer(block) {
  const history = await readHistory(block.querySelector('script[type="application/json"]').textContent);
  const models = history.models;
  const state = {
    model: history.chosen,
    beside: -1,
    colouring: "logProb",
    equal: "step",
    checkpoint: models[history.chosen].steps.length - 1,
    since: 0,
    token: null,
    isKept: false,
  };
  const alignments = new Map();

  function align(tokens, others) {
    const key = `${history.tokenizers.indexOf(tokens)}-${history.tokenizers.indexOf(others)}`;
    if (!alignments.has(key)) alignments.set(key, alignTokens(tokens, others));
    return alignments.get(key);
  }

  const controls = makeElement("div", "controls");
  const choices = makeElement("div", "choices");
  const time = makeElement("div", "time");
  const legend = makeElement("div", "legend");
  const comparison = makeElement("p", "comparison");
  const body = makeElement("div", "body");
  const panes = makeElement("div", "panes");
  const panel = makeElement("aside", "details");
  panel.setAttribute("aria-live", "polite");
  panel.append(makeElement("p", "hint", "Point at a token, or reach it with Tab and the arrow keys, to see its curve."));
  controls.append(time, legend);
  body.append(panes, panel);
  block.append(...describeLimits(history), choices, comparison, controls, body);

  const names = models.map((model, index) => [index, model.name]);
  const choose = (field, convert = Number) => (value) => {
    state[field] = convert(value);
    show();
  };
  const modelChoice = addChoice(choices, "Model", names, choose("model"));
  const besideChoice = addChoice(choices, "Beside it", [[-1, "no other"], ...names], choose("beside"));
  const colouringChoice = addChoice(choices, "Colour by", [
    ["logProb", "log-probability"],
    ["change", "change since"],
    ["difference", "difference of two models"],
    ["category", "trend over training"],
  ], choose("colouring", String));
  const sinceChoice = addChoice(choices, "Since step", [], choose("since"));
  const equalChoice = addChoice(choices, "Compare at equal", [], choose("equal", String));
  const clock = addTimeControls(time, (checkpoint) => {
    state.checkpoint = checkpoint;
    show();
  });
  const [own, other] = [makePane(onToken), makePane(onToken)];
  panes.append(own.article, other.article);

  function onToken(pane, index, how) {
    if (how === "hover" && state.isKept) return;
    const isSame = state.token !== null && state.token.pane === pane && state.token.index === index;
    if (how === "keep") state.isKept = !(state.isKept && isSame);
    if (how === "focus" && isSame) return;
    state.token = { pane, index };
    reachToken(pane, index);
    showToken();
  }
  block.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    state.isKept = false;
    showToken();
  });

  function matchTo(index, checkpoint) {
    if (index === state.model) return checkpoint;
    const quantity = chooseQuantity(state.equal, models[state.model], models[index]);
    return findNearest(quantity, models[state.model], checkpoint, models[index]);
  }

  function repairChoices() {
    const model = models[state.model];
    if (state.beside === state.model) state.beside = -1;
    if (state.colouring === "difference" && state.beside < 0) {
      if (models.length > 1) state.beside = state.model === 0 ? 1 : state.model - 1;
      else state.colouring = "logProb";
    }
    state.checkpoint = Math.min(state.checkpoint, model.steps.length - 1);
    state.since = Math.min(state.since, model.steps.length - 1);
    const known = Object.entries({ step: "step", tokensSeen: "tokens seen", perplexity: "perplexity" })
      .filter(([equal]) => models.every((found) => isKnown(chooseQuantity(equal, model, found), found)));
    setOptions(equalChoice, known.map(([equal, text]) => [equal, text]));
    if (!known.some(([equal]) => equal === state.equal)) state.equal = "step";
    setOptions(sinceChoice, model.steps.map((step, index) => [index, writeStep(step)]));
    for (const [choice, field] of [
      [modelChoice, "model"], [besideChoice, "beside"], [colouringChoice, "colouring"], [sinceChoice, "since"],
      [equalChoice, "equal"],
    ]) choice.select.value = state[field];
    sinceChoice.wrapper.hidden = state.colouring !== "change";
    equalChoice.wrapper.hidden = models.length < 2;
    besideChoice.wrapper.hidden = models.length < 2;
    clock.range.max = model.steps.length - 1;
    clock.range.value = state.checkpoint;
  }

  // The value of every token of a pane under the chosen colouring.
  function measure(index, checkpoint) {
    const model = models[index];
    const tokens = model.tokens.texts.map((_, token) => token);
    if (state.colouring === "change") {
      const since = matchTo(index, state.since);
      return tokens.map((token) => logProb(model, token, checkpoint) - logProb(model, token, since));
    }
    if (state.colouring === "difference") {
      const [first, second] = [models[state.model], models[state.beside]];
      const pieces = align(first.tokens, second.tokens);
      const minuend = sumPieces(first, state.checkpoint, pieces.own, pieces.count);
      const subtrahend = sumPieces(second, matchTo(state.beside, state.checkpoint), pieces.other, pieces.count);
      const piecesOfPane = index === state.model ? pieces.own : pieces.other;
      return tokens.map((token) => minuend[piecesOfPane[token]] - subtrahend[piecesOfPane[token]]);
    }
    return tokens.map((token) => logProb(model, token, checkpoint));
  }

  function showPane(pane, index, checkpoint) {
    const model = models[index];
    fillPane(pane, model.tokens);
    pane.heading.replaceChildren(makeName(model.name));
    const since = state.colouring === "change" ? ` · change since step ${writeStep(model.steps[matchTo(index, state.since)])}` : "";
    pane.status.textContent = describeCheckpoint(model, checkpoint) + since;
    pane.values = measure(index, checkpoint);
    const scale = state.colouring === "logProb" ? SEQUENTIAL : DIVERGING;
    colourPane(pane, state.colouring === "category"
      ? [...model.categories].map((code) => CATEGORIES[code].name)
      : pane.values.map((value) => chooseBin(scale, value)));
  }

  function show() {
    repairChoices();
    const model = models[state.model];
    const matched = state.beside < 0 ? -1 : matchTo(state.beside, state.checkpoint);
    showPane(own, state.model, state.checkpoint);
    other.article.hidden = matched < 0;
    if (matched >= 0) showPane(other, state.beside, matched);
    panes.classList.toggle("two", matched >= 0);
    clock.output.textContent = `step ${writeStep(model.steps[state.checkpoint])}`;
    clock.range.setAttribute("aria-valuetext", describeCheckpoint(model, state.checkpoint));
    comparison.hidden = matched < 0;
    if (matched >= 0) describeComparison(comparison, model, state.checkpoint, models[state.beside], matched, state.equal);
    legend.replaceChildren();
    if (state.colouring === "category") drawCategories(legend, model, history);
    else showScale();
    if (state.token !== null && state.token.pane.article.hidden) state.token.pane = own;
    showToken();
  }

  function showScale() {
    if (state.colouring === "logProb") {
      const title = "Log-probability of the token in nats (\u22121 is 37 %, \u22123 is 5 %, \u22127 is 0.1 %)";
      return drawScale(legend, SEQUENTIAL, ["probable", "improbable"], title);
    }
    const title = state.colouring === "change"
      ? `Change of the log-probability since step ${writeStep(models[state.model].steps[state.since])}, nats`
      : `Log-probability under ${models[state.model].name} minus that under ${models[state.beside].name}, nats`;
    drawScale(legend, DIVERGING, ["less probable", "more probable"], title);
  }

  function showToken() {
    for (const pane of [own, other]) pane.spans[pane.marked]?.removeAttribute("aria-selected");
    if (state.token === null) return;
    const pane = state.token.pane;
    const index = pane === own ? state.model : state.beside;
    const token = Math.min(state.token.index, pane.spans.length - 1);
    pane.marked = token;
    pane.spans[token].setAttribute("aria-selected", "true");
    const value = { change: "Change", difference: "Difference" }[state.colouring];
    const reference = models[state.model];
    const quantity = models.some((model) => model.tokenizer !== reference.tokenizer) && state.equal === "perplexity"
      ? QUANTITIES.bitsPerByte : QUANTITIES[state.equal];
    showDetails(panel, history, {
      source: models[index],
      token,
      quantity,
      checkpoints: models.map((_, model) => matchTo(model, state.checkpoint)),
      values: [
        ...(value ? [[value, `${writeNats(pane.values[token], { isSigned: true })} nats`]] : []),
        ["Trend", CATEGORIES[models[index].categories[token]].meaning],
      ],
      align,
      shown: [state.model, state.beside],
    });
    panel.classList.toggle("kept", state.isKept);
  }

  openAtPosition();
  show();

  // A link can name a token of the chosen model, as #position=12.
  function openAtPosition() {
    const position = Number(/^#position=(\d+)$/.exec(location.hash)?.[1] ?? NaN);
    const index = models[state.model].tokens.positions.indexOf(position);
    if (index < 0) return;
    fillPane(own, models[state.model].tokens);
    state.token = { pane: own, index };
    state.isKept = true;
    reachToken(own, index);
    requestAnimationFrame(() => own.spans[index].scrollIntoView({ block: "center" }));
  }
}

for (const block of document.querySelectorAll(".passage-viewer")) {
  startViewer(block).catch((error) => {
    block.append(makeElement("p", "failure", `This passage cannot be shown: ${error.message}`));
    throw error;
  });
}
