// Other moments when the memory looked as it did at a chosen one: at the pinned step, or the nearest that was looked up.

const MOST_BUTTONS = 8; // more moments than that are chosen from a list

function buildSimilar(host, report, timeline) {
  host.append(...paragraphs(report.similarText));
  if (!report.similar.length) return absent(host, report.notes.length);
  const few = report.similar.length <= MOST_BUTTONS;
  const state = { chosen: null, jumping: false };
  const jump = (step) => {
    state.jumping = true; // to look at one alike is no choice of another
    timeline.jump(step);
    state.jumping = false;
  };
  const chooser = (few ? momentsAsButtons : momentsAsList)(report, (entry) => {
    jump(entry[0]);
    pick(entry);
  });
  const said = make("p", { class: "measured" });
  const others = make("ol", { class: "others" });
  if (!few) host.append(make("p", { class: "how" }, manyMoments(report)));
  host.append(chooser.place, said);
  const plot = report.values === null ? null : seriesPlotWithMarks(host, report, timeline, state);
  host.append(others);
  const pick = (entry) => {
    if (entry === state.chosen) return;
    state.chosen = entry;
    chooser.show(entry);
    showAlike(entry, report, said, others, jump);
    plot?.redraw();
  };
  timeline.on("cursor", () => {
    if (!timeline.pinned || state.jumping) return;
    const near = nearestMoment(report.similar, timeline.step);
    if (!few || near[0] === timeline.step) pick(near);
  });
  pick(report.similar.at(-1));
  return null;
}

const manyMoments = (report) =>
  `Looked up for ${count(report.similar.length)} ${plural(2, report.step)}. Pin the cursor anywhere and the nearest of them is shown.`;

const nearestMoment = (moments, step) =>
  moments.reduce((best, each) => (Math.abs(each[0] - step) < Math.abs(best[0] - step) ? each : best));

function momentsAsButtons(report, choose) {
  const buttons = report.similar.map((entry) => button(report.labels.labels[entry[0]], () => choose(entry)));
  return {
    place: make("div", { class: "choose", role: "group", "aria-label": "The moment to compare with" }, buttons),
    show: (entry) =>
      buttons.forEach((each, i) => each.setAttribute("aria-pressed", String(report.similar[i] === entry))),
  };
}

function momentsAsList(report, choose) {
  const options = report.similar.map((entry, i) => make("option", { value: i }, report.labels.labels[entry[0]]));
  const list = make("select", { onchange: () => choose(report.similar[list.value]) }, options);
  return {
    place: make("p", {}, make("label", {}, "The moment to compare with: ", list)),
    show: (entry) => {
      list.value = report.similar.indexOf(entry);
    },
  };
}

function showAlike([step, steps, likeness], report, said, others, jump) {
  const text = (each) => report.labels.labels[each];
  said.textContent = steps.length
    ? `The memory looked most like that of ${text(step)} at:`
    : `At no other moment the memory looked like that of ${text(step)}.`;
  const items = steps.map((other, i) =>
    make(
      "li",
      {},
      button(text(other), () => jump(other), { class: "jump" }),
      ` likeness ${minus(num(likeness[i]).toFixed(2))}`,
    ),
  );
  others.replaceChildren(...items);
}

function seriesPlotWithMarks(host, report, timeline, state) {
  return new TimePlot(host, timeline, report.labels, {
    name: "moments alike",
    height: 170,
    label: `The series of ${report.name} with the moments marked at which the memory looked alike; they are listed below.`,
    draw: (context, frame) =>
      drawSeries(
        context,
        frame,
        { ...report, expected: null, ahead: null },
        () => state.chosen && drawMarks(context, frame, state.chosen),
      ),
  });
}

function drawMarks(context, frame, [step, others]) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  others.forEach((other, i) => mark(context, frame.x(other), frame, String(i + 1), "forecast"));
  mark(context, frame.x(step), frame, "\u2605", "accent");
}

function mark(context, x, frame, text, colour) {
  if (x < frame.left || x > frame.right) return;
  context.strokeStyle = ink(colour);
  context.setLineDash([3, 3]);
  rule(context, x, 18, x, frame.bottom);
  context.setLineDash([]);
  context.fillStyle = ink(colour);
  context.beginPath();
  context.arc(x, 10, 8, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = ink("ground");
  context.fillText(text, x, 10.5);
}
