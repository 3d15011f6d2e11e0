// Takes apart what encoding.py put together: compressed arrays, shades of heat maps, numbers that JSON does not know.

const TYPES = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
const SHADES = 254;
const MISSING = 255;

const canUnpack = () => typeof DecompressionStream === "function";

async function inflate(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function unpack(packed) {
  const buffer = await inflate(packed.gzip);
  if (packed.type === "json") return JSON.parse(new TextDecoder().decode(buffer));
  return new TYPES[packed.type](buffer);
}

// null is what is no number, and infinity comes as a word.
const num = (value) => (value === null ? NaN : Number(value));
const nums = (values) => Float64Array.from(values, num);

// A heat map: a byte for each row and column, and what a byte stands for.
class Shades {
  constructor(packed, codes, scale) {
    [this.rows, this.columns] = packed.shape;
    this.low = packed.low;
    this.high = packed.high;
    this.codes = codes;
    this.scale = scale; // what 1 means in each row, where that differs
  }

  static async of(packed) {
    const codes = await unpack(packed);
    const [rows, columns] = packed.shape;
    for (let row = 0; row < rows; row++) {
      let code = 0;
      for (let at = row * columns; at < (row + 1) * columns; at++) codes[at] = code = (code + codes[at]) & 255;
    }
    return new Shades(packed, codes, packed.scale === null ? null : await unpack(packed.scale));
  }

  code(row, column) {
    return this.codes[row * this.columns + column];
  }

  meaning(code) {
    if (code === MISSING) return NaN;
    return this.low + (code / SHADES) * (this.high - this.low);
  }

  value(row, column) {
    return this.meaning(this.code(row, column)) * (this.scale === null ? 1 : this.scale[row]);
  }

  // How often each byte occurs: means and extremes follow from it.
  counts() {
    const counts = new Float64Array(256);
    for (const code of this.codes) counts[code]++;
    return counts;
  }
}

// A series: a value for each step, or for those steps (`at`) that were kept.
class Series {
  constructor(at, y) {
    this.at = at;
    this.y = y;
  }

  static async of(packed) {
    if (packed === null) return null;
    return new Series(packed.at === null ? null : await unpack(packed.at), await unpack(packed.y));
  }

  get length() {
    return this.y.length;
  }

  step(index) {
    return this.at === null ? index : this.at[index];
  }

  // The first point at or after a step.
  index(step) {
    if (this.at === null) return Math.min(Math.max(Math.ceil(step), 0), this.length);
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // NaN where the step is missing or was left out.
  value(step) {
    const index = this.index(step);
    return index < this.length && this.step(index) === step ? this.y[index] : NaN;
  }
}
