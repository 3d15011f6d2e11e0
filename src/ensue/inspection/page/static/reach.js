// Influence by lag: a picture for each unit of measure, all with the same stretched axis of lags.

function buildReach(host, report) {
  const { reach, step } = report;
  if (reach === null || !reach.curves.length) {
    absent(host, report.notes.length);
    host.append(...paragraphs(reach?.text));
    return;
  }
  host.append(...paragraphs(reach.text));
  const curves = reach.curves.map((curve, i) => ({
    ...curve,
    lags: nums(curve.lags),
    values: nums(curve.values),
    style: i % 4,
  }));
  const lags = curves.flatMap((curve) => Array.from(curve.lags));
  const range = [minOf(lags), maxOf(lags)];
  for (const unit of new Set(curves.map((curve) => curve.unit))) {
    curvesOf(
      host,
      unit,
      curves.filter((curve) => curve.unit === unit),
      range,
      reach,
      step,
    );
  }
  host.append(...horizonList(reach.horizons, range, step));
}

function curvesOf(host, unit, curves, [low, high], reach, step) {
  const scale = influenceScale(curves.flatMap((curve) => Array.from(curve.values)).filter(Number.isFinite));
  const figure = make("figure", {}, make("p", { class: "axis-name" }, unit + scale.said));
  const key = curves.map((curve) =>
    make(
      "li",
      {},
      curveSwatch(curve.style),
      make("span", {}, make("b", {}, curve.name), curve.explanation ? `: ${curve.explanation}` : ""),
    ),
  );
  figure.append(make("ul", { class: "key long" }, key));
  host.append(figure);
  const label = `Line chart of ${unit} by lag in ${plural(2, step)}: ${curves.map((curve) => curveText(curve, step)).join("; ")}.`;
  const horizons = horizonsWithin(reach.horizons, low, high);
  new Picture(figure, label, 306, (width) => {
    const [left, right, top, bottom] = [width < 520 ? 40 : 56, width - 20, 56, 252];
    const x = logScale(low, high, left, right);
    const y = (value) => bottom - scale.share(value) * (bottom - top);
    return [
      scale.ticks.map((tick) => [
        line(left, y(tick), right, y(tick), "grid"),
        atEnd(left - 7, y(tick) + 4, tickText(tick)),
      ]),
      x
        .ticks(Math.floor(width / 60))
        .map((tick) => [line(x(tick), bottom, x(tick), bottom + 5, "grid"), middle(x(tick), bottom + 19, count(tick))]),
      middle((left + right) / 2, bottom + 40, `lag in ${plural(2, step)}`, "tick"),
      horizonMarks(horizons, x, bottom),
      seasonLines(reach.seasons, x, low, high, top, bottom),
      curves.map((curve) => curveLine(curve, x, y, width < 520)),
    ];
  });
  figure.append(numbersOf(["lag", ...curves.map((curve) => curve.name)], () => curveRows(curves)));
}

const SPREAD = 100; // a largest value so many times a middling one leaves nothing to see of the others on a plain axis
const DEEPEST = 1e4;

// Plain where the values are of a size, from 0 where they come near it; logarithmic where one towers above the rest.
function influenceScale(values) {
  const [low, high] = [minOf(values), Math.max(maxOf(values), 0) || 1];
  const positive = values.filter((value) => value > 0).sort((a, b) => a - b);
  if (low > -high / SPREAD && high > SPREAD * (positive[positive.length >> 1] ?? high)) {
    const floor = 10 ** Math.floor(Math.log10(Math.max(positive[0], high / DEEPEST)) + 1e-3);
    const share = (value) => Math.log(Math.max(value, floor) / floor) / Math.log(high / floor);
    const said = ` (logarithmic; what is smaller than ${short(floor)} stands at the bottom)`;
    return { share, ticks: logTicks(floor, high, 4), said };
  }
  const near = low > high / 2; // far from 0, which would take all the room
  const [least, most] = near ? [low - (high - low) * 0.1 - 1e-9, high + (high - low) * 0.1] : [Math.min(low, 0), high];
  return { share: (value) => (value - least) / (most - least), ticks: niceTicks(least, most, 4), said: "" };
}

const curveSwatch = (style) =>
  draw(
    "svg",
    { width: 28, height: 12, "aria-hidden": true, class: `curve curve-${style}` },
    line(0, 6, 28, 6, "stroke"),
    curveMark(style, 14, 6),
  );

function curveMark(style, x, y) {
  if (style === 1) return draw("rect", { x: x - 3, y: y - 3, width: 6, height: 6, class: "mark" });
  if (style === 2) return draw("path", { d: `M${x - 4} ${y + 3}h8l-4 -7z`, class: "mark" });
  if (style === 3) return draw("path", { d: `M${x} ${y - 4}l4 4l-4 4l-4 -4z`, class: "mark" });
  return draw("circle", { cx: x, cy: y, r: 2.8, class: "mark" });
}

function curveLine(curve, x, y, narrow) {
  const points = Array.from(curve.lags, (lag, i) => [x(lag), y(curve.values[i]), lag, curve.values[i]]).filter(
    (point) => Number.isFinite(point[1]),
  );
  const path = points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
  // Marks only where they do not run into each other.
  let last = -Infinity;
  const marks = points.filter(([a]) => {
    if (a - last < (narrow ? 9 : 7)) return false;
    last = a;
    return true;
  });
  return draw(
    "g",
    { class: `curve curve-${curve.style}` },
    draw("path", { d: path, class: "stroke" }),
    marks.map(([a, b, lag, value]) =>
      draw("g", {}, draw("title", {}, `${curve.name}, lag ${count(lag)}: ${fmt(value)}`), curveMark(curve.style, a, b)),
    ),
  );
}

const LETTERS = "ABCDEFGH";

// A line for each horizon and its letter above the picture; letters move to the right where they would cover each other.
function horizonMarks(horizons, x, bottom) {
  let last = -Infinity;
  const places = new Map();
  for (const each of [...horizons].sort((a, b) => a.lag - b.lag)) {
    last = Math.max(x(each.lag), last + 20);
    places.set(each, last);
  }
  return horizons.map((each, i) => [
    draw("path", { d: `M${places.get(each)} 19L${x(each.lag)} 30V${bottom}`, class: "horizon" }),
    draw("circle", { cx: places.get(each), cy: 10, r: 8.5, class: "horizon-dot" }),
    middle(places.get(each), 14, LETTERS[i] ?? "", "horizon-letter"),
  ]);
}

const horizonsWithin = (horizons, low, high) =>
  horizons.map(([name, lag]) => ({ name, lag: num(lag) })).filter(({ lag }) => lag >= low && lag <= high);

function horizonList(horizons, [low, high], step) {
  const shown = horizonsWithin(horizons, low, high);
  const letter = (name) => LETTERS[shown.findIndex((each) => each.name === name)] ?? "";
  const said = (lag) => (Number.isFinite(lag) ? span(lag, step) : "beyond what was measured");
  const items = horizons.map(([name, lag]) =>
    make("li", {}, make("span", { class: "letter" }, letter(name)), ` ${name}: ${said(num(lag))}`),
  );
  return items.length ? [make("ul", { class: "horizons" }, items)] : [];
}

function curveText(curve, step) {
  let best = 0;
  curve.values.forEach((value, i) => {
    if (value > curve.values[best] || Number.isNaN(curve.values[best])) best = i;
  });
  return `${curve.name}, largest at ${span(curve.lags[best], step)} with ${fmt(curve.values[best])}`;
}

function curveRows(curves) {
  const lags = [...new Set(curves.flatMap((curve) => Array.from(curve.lags)))].sort((a, b) => a - b);
  const found = curves.map((curve) => new Map(Array.from(curve.lags, (lag, i) => [lag, curve.values[i]])));
  return lags.map((lag) => [count(lag), ...found.map((each) => (each.has(lag) ? fmt(each.get(lag)) : ""))]);
}
