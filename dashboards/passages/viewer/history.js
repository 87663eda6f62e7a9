// The data of the block: log-probabilities, nearest checkpoints, and the alignment of two tokenizers.

const MISSING = -32768;
const QUANTA_PER_NAT = 100;

async function readHistory(text) {
  const history = JSON.parse(text);
  for (const model of history.models) {
    model.tokens = history.tokenizers[model.tokenizer];
    model.quanta = await unpack(model.logProbs, model.steps.length);
    delete model.logProbs;
  }
  return history;
}

// Undo what dashboards/passages/page_data.py did: Base64, zlib, two planes of bytes, and differences along a row.
async function unpack(packed, columnCount) {
  const compressed = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 2;
  const quanta = new Int16Array(count);
  for (let i = 0; i < count; i++) {
    const difference = planes[i] | (planes[count + i] << 8);
    quanta[i] = i % columnCount === 0 ? difference : quanta[i - 1] + difference;
  }
  return quanta;
}

function logProb(model, token, checkpoint) {
  const quanta = model.quanta[token * model.steps.length + checkpoint];
  return quanta === MISSING ? NaN : quanta / QUANTA_PER_NAT;
}

// The quantities by which checkpoints of two models are matched. Perplexities per token of different tokenizers cannot
// be compared; bits per byte can.
const QUANTITIES = {
  step: { label: "step", unit: "step", values: "steps", measure: (value) => value },
  tokensSeen: { label: "tokens seen", unit: "tokens seen", values: "tokensSeen", measure: (value) => value },
  perplexity: { label: "perplexity", unit: "perplexity", values: "perplexities", measure: Math.log },
  bitsPerByte: { label: "bits per byte", unit: "bits per byte", values: "bitsPerByte", measure: (value) => value },
};

function chooseQuantity(equal, model, other) {
  return QUANTITIES[equal === "perplexity" && model.tokenizer !== other.tokenizer ? "bitsPerByte" : equal];
}

function isKnown(quantity, model) {
  return model[quantity.values].every((value) => value !== null);
}

// The checkpoint of `other` that is nearest to a checkpoint of `model`, the earliest of several. -1 if none can be.
function findNearest(quantity, model, checkpoint, other) {
  const own = model[quantity.values][checkpoint];
  if (own === null) return -1;
  let nearest = -1;
  let least = Infinity;
  other[quantity.values].forEach((value, index) => {
    if (value === null) return;
    const distance = Math.abs(quantity.measure(value) - quantity.measure(own));
    if (distance < least) [nearest, least] = [index, distance];
  });
  return nearest;
}

// Cut a text into the smallest pieces whose ends are ends of tokens under both tokenizers. Returns the piece of every
// token. A token without bytes belongs to the piece before it.
function alignTokens(tokens, others) {
  if (tokens === others) {
    const same = Int32Array.from(tokens.starts, (_, index) => index);
    return { own: same, other: same, count: same.length };
  }
  const own = new Int32Array(tokens.starts.length);
  const other = new Int32Array(others.starts.length);
  let [i, j, piece, end] = [0, 0, -1, 0];
  while (i < own.length || j < other.length) {
    const isOwn = j === other.length || (i < own.length && comesFirst(tokens, i, others, j));
    const [source, index] = isOwn ? [tokens, i++] : [others, j++];
    const isEmpty = source.starts[index] === source.ends[index];
    if (piece < 0 || (source.starts[index] >= end && !isEmpty)) piece += 1;
    end = Math.max(end, source.ends[index]);
    (isOwn ? own : other)[index] = piece;
  }
  return { own, other, count: piece + 1 };
}

function comesFirst(tokens, i, others, j) {
  const distance = tokens.starts[i] - others.starts[j];
  return distance < 0 || (distance === 0 && tokens.ends[i] <= others.ends[j]);
}

// The log-probability of every piece: the sum over its tokens, NaN if one has no score.
function sumPieces(model, checkpoint, pieces, count) {
  const sums = new Float64Array(count);
  const hasTokens = new Uint8Array(count);
  pieces.forEach((piece, token) => {
    sums[piece] += logProb(model, token, checkpoint);
    hasTokens[piece] = 1;
  });
  return sums.map((sum, piece) => (hasTokens[piece] ? sum : NaN));
}
