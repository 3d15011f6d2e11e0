// Where axes have their ticks, and what those say.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECOND = 1000,
  MINUTE = 60 * SECOND,
  HOUR = 60 * MINUTE,
  DAY = 24 * HOUR;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?/;
const NUMERAL = /^-?\d+(\.\d+)?$/;

function niceStep(range, most) {
  const rough = range / Math.max(most, 1);
  const size = 10 ** Math.floor(Math.log10(rough));
  return size * ([1, 2, 5, 10].find((each) => each * size >= rough * (1 - 1e-9)) ?? 10);
}

function niceTicks(low, high, most) {
  if (!(high > low)) return [low];
  const step = niceStep(high - low, most);
  const first = Math.ceil(low / step - 1e-9);
  const ticks = [];
  for (let i = first; i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

// 1, 10, 100; between them 2 and 5 where there is room.
function logTicks(low, high, most) {
  const decades = Math.log10(high / low);
  const parts = decades * 3 <= most ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const part of parts) ticks.push(Number((part * 10 ** power).toPrecision(6)));
  }
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

const two = (value) => String(value).padStart(2, "0");
const year = (at) => String(new Date(at).getUTCFullYear());
const month = (at) => `${MONTHS[new Date(at).getUTCMonth()]}`;
const dayMonth = (at) => `${new Date(at).getUTCDate()} ${month(at)}`;
const clock = (at) => `${two(new Date(at).getUTCHours())}:${two(new Date(at).getUTCMinutes())}`;
const seconds = (at) => `${clock(at)}:${two(new Date(at).getUTCSeconds())}`;
const months = (at) => 12 * new Date(at).getUTCFullYear() + new Date(at).getUTCMonth();

// Spacings of a calendar axis: how long they are about, which stretch a stamp is in, what a tick says, and what stands below.
const CALENDAR = [
  ...[1, 5, 15, 30].map((n) => [
    n * SECOND,
    (at) => Math.floor(at / (n * SECOND)),
    seconds,
    (at) => `${dayMonth(at)} ${year(at)}`,
  ]),
  ...[1, 5, 15, 30].map((n) => [
    n * MINUTE,
    (at) => Math.floor(at / (n * MINUTE)),
    clock,
    (at) => `${dayMonth(at)} ${year(at)}`,
  ]),
  ...[1, 3, 6, 12].map((n) => [
    n * HOUR,
    (at) => Math.floor(at / (n * HOUR)),
    clock,
    (at) => `${dayMonth(at)} ${year(at)}`,
  ]),
  ...[1, 2].map((n) => [n * DAY, (at) => Math.floor(at / (n * DAY)), dayMonth, year]),
  [7 * DAY, (at) => Math.floor((at / DAY + 3) / 7), dayMonth, year],
  [14 * DAY, (at) => Math.floor((at / DAY + 3) / 14), dayMonth, year],
  ...[1, 3, 6].map((n) => [n * 30.4 * DAY, (at) => Math.floor(months(at) / n), month, year]),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => [
    n * 365.2 * DAY,
    (at) => Math.floor(Number(year(at)) / n),
    year,
    () => "",
  ]),
];

// The labels of all steps, and the ticks they make.
class Labels {
  constructor(labels) {
    this.labels = labels;
    this.kind = labels.every((text) => STAMP.test(text))
      ? "stamps"
      : labels.every((text) => NUMERAL.test(text))
        ? "numbers"
        : "words";
    if (this.kind === "stamps") this.at = Float64Array.from(labels, Labels.moment);
    if (this.kind === "numbers") this.at = Float64Array.from(labels, Number);
  }

  static moment(text) {
    const [, y, m, d, hour = 0, minute = 0, second = 0] = STAMP.exec(text);
    return Date.UTC(y, m - 1, d, hour, minute) + 1000 * second;
  }

  ticks(from, to, most) {
    const first = Math.max(Math.floor(from), 0);
    const last = Math.min(Math.ceil(to), this.labels.length) - 1;
    if (last < first) return [];
    if (this.kind === "stamps") return this.calendar(first, last, most);
    return this.kind === "numbers" ? this.counted(first, last, most) : this.everyNth(first, last, most);
  }

  calendar(first, last, most) {
    const length = this.at[last] - this.at[first];
    if (!(length > 0)) return this.everyNth(first, last, most);
    const spacing = length / (last - first);
    const [, stretch, text, below] =
      CALENDAR.find(([size]) => length / size <= most && size >= spacing * 0.9) ?? CALENDAR[CALENDAR.length - 1];
    const ticks = [];
    let context = "";
    for (let step = Math.max(first, 1); step <= last; step++) {
      if (stretch(this.at[step]) === stretch(this.at[step - 1])) continue;
      const said = below(this.at[step]);
      ticks.push({ step, text: text(this.at[step]), below: said === context ? "" : said });
      context = said;
    }
    return ticks.length ? ticks : this.everyNth(first, last, 2);
  }

  // Positions: round numbers where they are evenly spaced.
  counted(first, last, most) {
    const spacing = (this.at[last] - this.at[first]) / (last - first);
    const even =
      spacing > 0 &&
      Math.abs(this.at[(first + last) >> 1] - this.at[first] - spacing * (((first + last) >> 1) - first)) < spacing / 2;
    if (!even) return this.everyNth(first, last, most);
    return niceTicks(this.at[first], this.at[last], most)
      .map((value) => ({ step: first + (value - this.at[first]) / spacing, text: minus(String(value)), below: "" }))
      .filter(({ step }) => Number.isInteger(Number(step.toFixed(6))));
  }

  everyNth(first, last, most) {
    const nth = Math.max(niceStep(last - first + 1, most), 1);
    const ticks = [];
    for (let step = Math.ceil(first / nth) * nth; step <= last; step += nth) {
      ticks.push({ step, text: shortened(this.labels[step], 16), below: "" });
    }
    return ticks;
  }
}
