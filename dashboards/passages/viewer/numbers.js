// How numbers are written.

const MINUS = "\u2212";

function writeNats(value, { isSigned = false } = {}) {
  if (Number.isNaN(value)) return "no score";
  const text = Math.abs(value).toFixed(2);
  const sign = value < 0 && Number(text) !== 0 ? MINUS : isSigned && Number(text) !== 0 ? "+" : "";
  return `${sign}${text}`;
}

function writePercent(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.01) return "under 0.01 %";
  return `${percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)} %`;
}

function writeCount(count) {
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (count >= size) return `${Number((count / size).toPrecision(3))} ${unit}`;
  }
  return String(Number(count.toPrecision(3)));
}

function writeStep(step) {
  return step.toLocaleString("en").replaceAll(",", "\u202f");
}

function writeMeasure(value) {
  return value >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
