// The panel about one token: its values at the chosen checkpoints, and its curve in every model.

// The curve of a token in a model. A model with another tokenizer has the sum over the tokens of the piece of text
// in which the two tokenizers agree again.
function traceToken(history, source, token, model, align) {
  if (model.tokens === source.tokens) {
    return { values: model.steps.map((_, index) => logProb(model, token, index)), piece: null };
  }
  const pieces = align(source.tokens, model.tokens);
  const piece = pieces.own[token];
  const members = [];
  pieces.other.forEach((other, index) => other === piece && members.push(index));
  const add = (checkpoint) => members.reduce((sum, member) => sum + logProb(model, member, checkpoint), 0);
  return {
    values: model.steps.map((_, index) => (members.length ? add(index) : NaN)),
    piece: members.map((member) => model.tokens.texts[member]).join(""),
  };
}

function labelToken(tokens, token) {
  return tokens.labels[token] ?? tokens.texts[token];
}

// `checkpoints` holds the current checkpoint of every model, -1 where none matches.
function showDetails(panel, history, view) {
  const { source, token, quantity, checkpoints, values, align, shown } = view;
  const title = makeElement("h3");
  title.append(makeElement("bdi", "label", labelToken(source.tokens, token)));
  const place = `token ${source.tokens.positions[token]}, bytes ${source.tokens.starts[token]} to ${source.tokens.ends[token]}`;
  panel.replaceChildren(title, makeElement("p", "place", place));
  for (const [name, text] of values) {
    const line = makeElement("p", "value");
    line.append(`${name}: `, makeElement("strong", "", text));
    panel.append(line);
  }
  const traces = history.models.map((model) => traceToken(history, source, token, model, align));
  const lines = history.models.map((model, index) => ({
    color: model.color,
    dash: DASHES[(history.models.length - 1 - index) % DASHES.length],
    isEmphasised: shown.includes(index),
    points: traces[index].values
      .map((y, checkpoint) => ({
        x: model[quantity.values][checkpoint], y, isCurrent: checkpoint === checkpoints[index],
      }))
      .filter((point) => point.x !== null),
  }));
  panel.append(drawCurves(lines, quantity, `Log-probability of the token in nats against ${quantity.label}`));
  panel.append(makeElement("p", "caption", "Log-probability in nats; the dot is the checkpoint shown."));
  const list = makeElement("ul", "models");
  history.models.forEach((model, index) => {
    const item = makeElement("li");
    item.append(drawSwatch(lines[index]), makeName(model.name), describeValue(model, checkpoints[index], traces[index].values));
    if (traces[index].piece !== null && traces[index].piece !== source.tokens.texts[token]) {
      item.append(makeElement("span", "piece", ` for “${shorten(traces[index].piece)}”`));
    }
    list.append(item);
  });
  panel.append(list);
}

function describeValue(model, checkpoint, values) {
  if (checkpoint < 0) return ": no matching checkpoint";
  const value = values[checkpoint];
  const step = `, step ${writeStep(model.steps[checkpoint])}: `;
  return Number.isNaN(value) ? `${step}no score` : `${step}${writeNats(value)} nats (${writePercent(Math.exp(value))})`;
}

function shorten(text) {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
