// Numbers, spans of time and steps as words.

const UNITS_OF_TIME = [
  ["second", 1],
  ["minute", 60],
  ["hour", 3600],
  ["day", 86400],
  ["week", 604800],
  ["month", 2629800],
  ["year", 31557600],
];

const minus = (text) => text.replace(/-/g, "\u2212");

function fmt(value) {
  if (Number.isNaN(value)) return "\u2013";
  if (!Number.isFinite(value)) return value > 0 ? "\u221e" : "\u2212\u221e";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return minus(value.toExponential(2));
  if (size >= 1000) return minus(value.toLocaleString("en", { maximumFractionDigits: 0 }));
  return minus(value.toLocaleString("en", { maximumSignificantDigits: 4, maximumFractionDigits: 4 }));
}

const short = (value) => (Math.abs(value) >= 1000 ? fmt(value) : minus(String(Number(value.toPrecision(3)))));
const SUPERSCRIPTS = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";

// Ticks of a logarithmic axis: small powers of ten as such, which are shorter.
function tickText(value) {
  const power = Math.log10(value);
  if (!(value > 0 && value < 0.001 && Number.isInteger(Number(power.toFixed(9))))) return short(value);
  return `10\u207b${[...String(Math.round(-power))].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
}

const signed = (value) => (value > 0 ? "+" : "") + fmt(value);
const count = (value) => value.toLocaleString("en");

function change(share) {
  // of a loss: beyond ten times as much, percents say nothing to anybody
  return share >= 9 ? `${count(Math.round(share + 1))} times` : (share >= 0.0005 ? "+" : "") + percent(share);
}

function percent(share) {
  if (Number.isNaN(share)) return "\u2013";
  const hundred = 100 * share;
  const digits = hundred !== 0 && Math.abs(hundred) < 9.95 ? 1 : 0;
  return `${minus(hundred.toFixed(digits).replace(/^-(0\.0)$/, "$1"))} %`;
}

const plural = (amount, step) => (amount === 1 ? step : /^[a-z ]+$/i.test(step) ? `${step}s` : `steps of ${step}`);

const amount = (steps, step) => `${count(steps)} ${plural(steps, step)}`;

// "41 hours (1.7 days)": steps, and a larger unit where that is easier to grasp.
function span(steps, step) {
  if (Number.isNaN(steps)) return "unknown";
  if (!Number.isFinite(steps)) return "for ever";
  const said = steps >= 1000 ? count(Math.round(steps)) : short(steps);
  const own = UNITS_OF_TIME.findIndex(([name]) => name === step);
  const seconds = own < 0 ? 0 : steps * UNITS_OF_TIME[own][1];
  const larger = own < 0 ? undefined : UNITS_OF_TIME.slice(own + 1).findLast(([, size]) => seconds >= 1.5 * size);
  const more = larger === undefined ? "" : ` (${short(Number((seconds / larger[1]).toPrecision(2)))} ${larger[0]}s)`;
  return `${said} ${plural(Number(said), step)}${more}`;
}

// An age bucket: "now", "1", "2\u20133", "64 and more".
function ageText([first, last]) {
  if (last === -1) return `${count(first)}+`;
  if (last === 0) return "now";
  return first === last ? count(first) : `${count(first)}\u2013${count(last)}`;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?:]$/.test(text) ? "" : ".");
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);
