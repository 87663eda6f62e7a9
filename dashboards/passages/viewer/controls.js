// The controls: choices, the slider over checkpoints, and the play button.

const SECONDS_PER_CHECKPOINT = 0.6;

function addChoice(parent, label, options, onChange) {
  const wrapper = makeElement("label", "choice");
  const select = makeElement("select");
  wrapper.append(makeElement("span", "", label), select);
  select.addEventListener("change", () => onChange(select.value));
  parent.append(wrapper);
  const choice = { wrapper, select };
  setOptions(choice, options);
  return choice;
}

// Options are pairs of value and text.
function setOptions({ select }, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => {
    const option = makeElement("option", "", text);
    option.value = value;
    return option;
  }));
  if (options.some(([value]) => String(value) === chosen)) select.value = chosen;
}

function addTimeControls(parent, onMove) {
  const play = makeElement("button", "play", "Play");
  play.type = "button";
  const range = makeElement("input");
  range.type = "range";
  range.min = 0;
  range.setAttribute("aria-label", "Checkpoint");
  const output = makeElement("output", "now");
  parent.append(play, range, output);
  let timer = null;

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }

  function advance() {
    if (Number(range.value) >= Number(range.max)) return stop();
    range.value = Number(range.value) + 1;
    onMove(Number(range.value));
    if (range.value === range.max) stop();
  }

  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (range.value === range.max) {
      range.value = 0;
      onMove(0);
    }
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(advance, 1000 * SECONDS_PER_CHECKPOINT);
  });
  range.addEventListener("input", () => {
    stop();
    onMove(Number(range.value));
  });
  stop();
  return { play, range, output, stop };
}
