// The sequence and its forecast: as lines where it is numbers, as running text where it is words.

function buildSequence(host, report, timeline) {
  const kind = report.values === null ? "words" : report.ahead ? "numbers" : "plain";
  for (const text of document.querySelectorAll("[data-for]")) text.hidden = text.dataset.for !== kind;
  if (report.values === null) return buildWords(host, report, timeline);
  host.append(seriesKey(report));
  seriesPlot(host, report, timeline, { name: "the sequence", label: seriesText(report), height: 240 });
  const { total, steps } = timeline;
  const ahead = total - steps;
  if (ahead > 0 && total > 12 * ahead) {
    host.append(make("h3", {}, "The end, enlarged"));
    const fixed = { from: Math.max(steps - Math.max(3 * ahead, 40), 0), to: total };
    const label = `The last ${count(steps - fixed.from)} steps and the forecast of ${count(ahead)}.`;
    seriesPlot(host, report, timeline, { name: "the end, enlarged", label, height: 200, fixed });
  }
  const numbers = seriesNumbers(report);
  if (numbers) host.append(numbers);
  return null;
}

function seriesPlot(host, report, timeline, options) {
  return new TimePlot(host, timeline, report.labels, {
    ...options,
    draw: (context, frame) => drawSeries(context, frame, report),
  });
}

function seriesText(report) {
  const { name, step, count: steps, values, labels, ahead } = report;
  const known = values.y.filter(Number.isFinite);
  const range = known.length ? `between ${fmt(minOf(known))} and ${fmt(maxOf(known))}` : "without any value";
  const [first, last] = [labels.labels[0], labels.labels[steps - 1]];
  const said = `Line chart of ${name}: ${amount(steps, step)} from ${first} to ${last}, ${range}.`;
  if (!ahead) return said;
  const ends = `from ${fmt(ahead.median[0])} to ${fmt(ahead.median.at(-1))}`;
  return `${said} The forecast of the next ${count(ahead.median.length)} goes ${ends}.`;
}

const minOf = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const maxOf = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

function seriesKey({ name, expected, ahead, moments }) {
  const entries = [["observed", name]];
  if (expected) entries.push(["expected", "expected one step before"]);
  if (ahead) {
    entries.push(["median", "forecast"]);
    const percents = ahead.bands.map(({ percent: each }) => `${short(each)} %`).reverse();
    if (percents.length) entries.push(["band", `should hold the truth in ${percents.join(", ")} of cases`]);
    if (ahead.truth) entries.push(["truth", "what came"]);
  }
  if (moments.length) entries.push(["moment", "a moment named below"]);
  return make(
    "ul",
    { class: "key" },
    entries.map(([kind, text]) => make("li", {}, make("span", { class: `swatch ${kind}` }), text)),
  );
}

// Lowest and highest of what is in view, with a little air.
function rangeInView({ values, ahead, count: steps }, { from, to }) {
  let [low, high] = [Infinity, -Infinity];
  const take = (value) => {
    if (value < low) low = value;
    if (value > high) high = value;
  };
  for (let i = values.index(from - 1), end = values.index(to + 1); i < end; i++) take(values.y[i]);
  if (ahead && to > steps) {
    for (const line of [ahead.median, ahead.truth ?? [], ...ahead.bands.flatMap((band) => [band.low, band.high])])
      line.forEach(take);
  }
  if (low > high) return [0, 1];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}

function drawSeries(context, frame, report, marks = null) {
  const [low, high] = rangeInView(report, frame);
  const y = (value) => frame.bottom - 4 - ((value - low) / (high - low)) * (frame.bottom - 14);
  verticalAxis(context, frame, niceTicks(low, high, 5), y, short);
  context.save();
  context.beginPath();
  context.rect(frame.left, 0, frame.width, frame.bottom);
  context.clip();
  context.lineJoin = "round";
  if (report.ahead) drawAhead(context, frame, report, y);
  if (report.expected && !isDense(report.expected, frame)) {
    Object.assign(context, { strokeStyle: ink("expected"), lineWidth: 1.5 });
    strokeSeries(context, report.expected, frame, y);
  }
  Object.assign(context, { strokeStyle: ink("observed"), lineWidth: 1.25 });
  strokeSeries(context, report.values, frame, y);
  if (marks) marks(context);
  else drawMoments(context, frame, report.moments);
  context.restore();
}

function drawAhead(context, frame, { ahead, count: steps, values }, y) {
  context.strokeStyle = ink("muted");
  context.setLineDash([2, 3]);
  rule(context, frame.edge(steps), 0, frame.edge(steps), frame.bottom);
  context.setLineDash([]);
  const last = values.value(steps - 1);
  const joined = (line) =>
    [[steps - 1, last], ...Array.from(line, (value, i) => [steps + i, value])].filter(([, value]) =>
      Number.isFinite(value),
    );
  const path = (points) => points.forEach(([step, value]) => context.lineTo(frame.x(step), y(value)));
  context.fillStyle = ink("band");
  for (const band of ahead.bands) {
    context.beginPath();
    path(joined(band.low));
    path(joined(band.high).reverse());
    context.fill();
  }
  const stroke = (line, colour, width, dash) => {
    Object.assign(context, { strokeStyle: ink(colour), lineWidth: width });
    context.setLineDash(dash);
    context.beginPath();
    path(joined(line));
    context.stroke();
    context.setLineDash([]);
  };
  if (ahead.truth) stroke(ahead.truth, "observed", 1.25, [4, 3]);
  stroke(ahead.median, "forecast", 2, []);
}

function drawMoments(context, frame, moments) {
  context.fillStyle = ink("accent");
  for (const [step] of moments) {
    const x = frame.x(step);
    if (x < frame.left || x > frame.right) continue;
    context.beginPath();
    context.moveTo(x - 4, 0);
    context.lineTo(x + 4, 0);
    context.lineTo(x, 7);
    context.fill();
  }
}

function seriesNumbers({ ahead, labels, count: steps, name }) {
  if (!ahead) return null;
  const heads = [
    "",
    "forecast",
    ...ahead.bands.map(({ percent: each }) => `${short(each)} %`),
    ...(ahead.truth ? ["what came"] : []),
  ];
  return numbersOf([name, ...heads.slice(1)], () =>
    Array.from(ahead.median, (value, i) => [
      labels.labels[steps + i],
      fmt(value),
      ...ahead.bands.map(({ low, high }) => `${fmt(low[i])} to ${fmt(high[i])}`),
      ...(ahead.truth ? [fmt(ahead.truth[i])] : []),
    ]),
  );
}

// Words: running text in which the cursor is a word.
function buildWords(host, report, timeline) {
  const spans = report.labels.labels.map((word, step) =>
    make("span", { "data-step": step, class: step < report.count ? null : "coming" }, word),
  );
  const text = make("div", {
    class: "words",
    tabindex: 0,
    role: "group",
    "aria-label": `${report.name}: ${amount(report.count, report.step)}`,
  });
  text.append(...spans.flatMap((span) => [span, " "]));
  const stepOf = (event) => event.target.dataset.step;
  text.addEventListener("pointermove", (event) => {
    if (stepOf(event) !== undefined && !timeline.pinned) timeline.point(Number(stepOf(event)));
  });
  text.addEventListener("click", (event) => {
    if (stepOf(event) !== undefined) timeline.jump(Number(stepOf(event)));
  });
  text.addEventListener("keydown", (event) => {
    if (keyOnTime(timeline, event.key, event.shiftKey)) {
      event.preventDefault();
      timeline.byKey?.();
    }
  });
  let here = null;
  timeline.on("cursor", () => {
    here?.classList.remove("here");
    here = spans[timeline.step];
    here.classList.add("here");
    const outside =
      here.offsetTop < text.scrollTop || here.offsetTop + here.offsetHeight > text.scrollTop + text.clientHeight;
    if (outside) text.scrollTop = here.offsetTop - text.clientHeight / 2;
  });
  host.append(text);
}
