// The sentences about checkpoints: what is shown, what is compared, and what was left out.

function describeCheckpoint(model, checkpoint) {
  const parts = [`step ${writeStep(model.steps[checkpoint])}`];
  if (model.tokensSeen[checkpoint] !== null) parts.push(`${writeCount(model.tokensSeen[checkpoint])} tokens seen`);
  parts.push(`perplexity ${writeMeasure(model.perplexities[checkpoint])}`);
  return parts.join(" · ");
}

function describeComparison(paragraph, model, checkpoint, other, matched, equal) {
  const quantity = chooseQuantity(equal, model, other);
  const [own, found] = [model[quantity.values][checkpoint], other[quantity.values][matched]];
  const write = equal === "step" ? writeStep : equal === "tokensSeen" ? writeCount : writeMeasure;
  const distance = own === found ? "equal" : `${writePercent(Math.abs(found - own) / Math.max(own, found))} apart`;
  const values = other[quantity.values].filter((value) => value !== null);
  const isBeyond = own < Math.min(...values) || own > Math.max(...values);
  paragraph.replaceChildren(
    `Compared at the nearest ${quantity.label}: `, makeName(model.name),
    ` at step ${writeStep(model.steps[checkpoint])} (${write(own)}) and `, makeName(other.name),
    ` at step ${writeStep(other.steps[matched])} (${write(found)}), ${distance}.`,
  );
  if (isBeyond) paragraph.append(makeElement("strong", "", " The second model has no checkpoint on both sides of this value."));
  paragraph.classList.toggle("is-beyond", isBeyond);
}

function describeLimits(history) {
  const notes = [];
  const tokens = history.models[history.chosen].tokens;
  if (tokens.texts.length < tokens.tokenCount) {
    notes.push(`The page shows the first ${writeStep(tokens.texts.length)} of ${writeStep(tokens.tokenCount)} tokens.`);
  }
  if (history.everyCheckpoint > 1) {
    const model = history.models[history.chosen];
    notes.push(
      `To keep the page small, it holds ${model.steps.length} of ${model.checkpointCount} checkpoints of ${model.name},` +
      ` and likewise of the other models.`,
    );
  }
  return notes.map((note) => makeElement("p", "note", note));
}
