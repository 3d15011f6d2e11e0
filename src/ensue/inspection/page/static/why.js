// What each part of the past adds to a prediction or takes away, as steps from "knows nothing" to the answer.

const MOST_BARS = 40;
const BAR = 26;

function buildWhy(host, report) {
  if (!report.why.length) return absent(host, report.notes.length);
  return report.why.forEach((why) => host.append(whyFigure(why)));
}

// At most so many bars in the order given: the largest, and one for the rest.
function largestParts(players) {
  if (players.length <= MOST_BARS) return players;
  const sizes = players.map(({ value }) => Math.abs(value)).sort((a, b) => b - a);
  const least = sizes[MOST_BARS - 2];
  const kept = players.filter(({ value }) => Math.abs(value) >= least).slice(0, MOST_BARS - 1);
  const rest = players.filter((player) => !kept.includes(player));
  return [
    ...kept,
    { label: `${count(rest.length)} smaller parts`, value: rest.reduce((sum, { value }) => sum + value, 0) },
  ];
}

function whyFigure(why) {
  const players = why.players.map(([label, value]) => ({ label, value: num(value) }));
  const parts = largestParts(players);
  const [without, answer] = [num(why.without), num(why.answer)];
  const figure = make(
    "figure",
    { class: "why" },
    make("h3", {}, why.method),
    ...paragraphs(why.what && sentence(why.what), "how"),
    ...paragraphs(why.text),
  );
  const said = parts.map(({ label: name, value }) => `${name} ${signed(value)}`).join(", ");
  const label = `${why.method}: from ${fmt(without)} to ${fmt(answer)} by ${said}.`;
  new Picture(figure, label, BAR * (parts.length + 2) + 34, (width) => waterfall(width, parts, without, answer));
  const error = num(why.completeness_error);
  if (!Number.isNaN(error)) {
    const said =
      error < 5e-4
        ? "The parts add up to the answer."
        : `The parts add up to the answer but for ${percent(error)} of the way.`;
    figure.append(make("p", { class: "how" }, said));
  }
  figure.append(numbersOf(["part", "adds"], () => players.map(({ label: name, value }) => [name, signed(value)])));
  return figure;
}

function waterfall(width, parts, without, answer) {
  const longest = Math.max(...parts.map(({ label }) => label.length), 15);
  const left = Math.min(longest * 7.5 + 18, Math.round(width * 0.42));
  const right = width - 74;
  const sums = [without];
  for (const { value } of parts) sums.push(sums.at(-1) + value);
  const [low, high] = [Math.min(...sums, answer), Math.max(...sums, answer)];
  const air = (high - low) * 0.04 || 1;
  const x = (value) => left + ((value - low + air) / (high - low + 2 * air)) * (right - left);
  const bottom = BAR * (parts.length + 2);
  const most = Math.max(Math.floor((left - 14) / 7), 4);
  return [
    niceTicks(low - air, high + air, Math.max(Math.floor((right - left) / 70), 3)).map((tick) => [
      line(x(tick), 0, x(tick), bottom, "grid"),
      middle(x(tick), bottom + 18, short(tick)),
    ]),
    whyRow(0, "on average", without, x, left, most),
    parts.map((part, i) => partRow(i + 1, part, sums[i], sums[i + 1], x, left, most)),
    whyRow(parts.length + 1, "the answer", answer, x, left, most),
  ];
}

function whyRow(row, label, value, x, left, most) {
  const y = row * BAR;
  return [
    atEnd(left - 10, y + 17, shortened(label, most), "tick strong"),
    line(x(value), y + 3, x(value), y + BAR - 3, "whole"),
    words(x(value) + 7, y + 17, fmt(value), { class: "tick strong" }),
  ];
}

function partRow(row, { label, value }, before, after, x, left, most) {
  const y = row * BAR;
  const [a, b] = [Math.min(x(before), x(after)), Math.max(x(before), x(after))];
  return draw("g", {}, draw("title", {}, `${label}: ${signed(value)}`), [
    atEnd(left - 10, y + 17, shortened(label, most)),
    line(x(before), y - 3, x(before), y + 5, "link"),
    draw("rect", { x: a, width: Math.max(b - a, 1), y: y + 5, height: BAR - 10, class: value < 0 ? "takes" : "adds" }),
    words(b + 7, y + 17, signed(value), { class: "tick" }),
  ]);
}
