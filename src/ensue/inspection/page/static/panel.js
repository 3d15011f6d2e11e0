// What is known at the cursor: the step, its value, how old the memory is and what it is made of.

function buildPanel(host, report, timeline, spoken) {
  const label = make("p", { class: "panel-label" });
  const brief = make("p", { class: "panel-brief" });
  const facts = make("dl", { class: "panel-facts" });
  const ledgers = report.layers.map((layer) => new LedgerBars(layer, report));
  const body = make(
    "div",
    { class: "panel-body", id: "panel-body" },
    facts,
    ledgers.map((each) => each.place),
    controls(report, timeline),
  );
  const pin = button("Pin", () => timeline.pin(!timeline.pinned), { class: "pin", "aria-pressed": "false" });
  const more = button(
    "More",
    () => {
      const open = host.classList.toggle("open");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Less" : "More";
    },
    { class: "more", "aria-expanded": "false", "aria-controls": "panel-body" },
  );
  host.append(
    make(
      "div",
      { class: "panel-head" },
      make("div", {}, label, brief),
      make("div", { class: "panel-buttons" }, pin, more),
    ),
    body,
  );

  const show = () => {
    const { step } = timeline;
    label.textContent = report.labels.labels[step];
    brief.textContent = step < report.count ? briefly(report, step) : `${count(step - report.count + 1)} ahead`;
    facts.replaceChildren(
      ...factsAt(report, step).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    );
    for (const each of ledgers) each.show(Math.min(step, report.count - 1));
    pin.textContent = timeline.pinned ? "Let go" : "Pin";
    pin.setAttribute("aria-pressed", String(timeline.pinned));
  };
  timeline.on("cursor", show);
  let waiting = 0;
  timeline.byKey = () => {
    // spoken once the keys rest
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      spoken.textContent = spokenAt(report, timeline.step);
    }, 250);
  };
  show();
}

function briefly(report, step) {
  const ages = report.layers.map((layer) => layer.age.y[step]).filter(Number.isFinite);
  const value = report.values === null ? "" : `${fmt(report.values.value(step))}, `;
  return `${value}${ages.length ? `memory ${span(ages.at(-1), report.step)} old` : "nothing held"}`;
}

function factsAt(report, step) {
  const { values, expected, count: steps, ahead } = report;
  const facts = [[report.step, step < steps ? `${count(step + 1)} of ${count(steps)}` : "not read yet: forecast"]];
  if (step >= steps) {
    const place = step - steps;
    facts.push(["forecast", fmt(ahead.median[place])]);
    for (const band of ahead.bands)
      facts.push([`${short(band.percent)} %`, `${fmt(band.low[place])} to ${fmt(band.high[place])}`]);
    if (ahead.truth) facts.push(["what came", fmt(ahead.truth[place])]);
    return facts;
  }
  const value = values === null ? NaN : values.value(step);
  if (values !== null) facts.push([report.name, Number.isNaN(value) ? "missing" : fmt(value)]);
  const before = expected === null ? NaN : expected.value(step);
  if (!Number.isNaN(before))
    facts.push(["expected", Number.isNaN(value) ? fmt(before) : `${fmt(before)} (off by ${signed(value - before)})`]);
  return facts;
}

function spokenAt(report, step) {
  const facts = factsAt(report, step).map(([name, value]) => `${name} ${value}`);
  const ages =
    step < report.count
      ? report.layers.map(
          (layer) => `${layer.name} holds what is ${span(layer.age.y[step], report.step)} old on average`,
        )
      : [];
  return [report.labels.labels[step], ...facts, ...ages].join(", ");
}

// A layer's ledger at one step, as bars.
class LedgerBars {
  constructor(layer, report) {
    Object.assign(this, { layer, report });
    this.said = make("p", { class: "panel-said" });
    this.bars = report.ages.map(() => make("span", { class: "bar" }));
    this.texts = report.ages.map(() => make("span", { class: "share" }));
    const rows = report.ages.map((age, i) =>
      make(
        "li",
        {},
        make("span", { class: "age" }, ageText(age)),
        make("span", { class: "track" }, this.bars[i]),
        this.texts[i],
      ),
    );
    this.list = make(
      "ul",
      { class: "ledger", "aria-label": `${layer.name}: share of what is held by age in ${plural(2, report.step)}` },
      rows,
    );
    this.place = make("div", { class: "panel-layer" }, make("h3", {}, layer.name), this.said, this.list);
  }

  show(step) {
    const { layer, report } = this;
    const age = layer.age.y[step];
    const held = Number.isNaN(age) ? "Holds nothing." : `Mean age ${span(age, report.step)}.`;
    const [closed, open] = [count(layer.closed[step]), count(layer.open[step])];
    this.said.textContent = `${held} Forget gates: ${closed} closed, ${open} open, of ${count(layer.units)}.`;
    const column = Math.floor(step / report.ledgerStride);
    const shares = report.ages.map((_, row) => layer.ledger.value(row, column));
    const most = Math.max(...shares.filter((share) => !Number.isNaN(share)), 0.01);
    shares.forEach((share, row) => {
      this.bars[row].style.width = `${Number.isNaN(share) ? 0 : (100 * share) / most}%`;
      this.texts[row].textContent =
        share > 0 && share < 0.005 ? "< 1 %" : percent(Math.round(100 * share) / 100).replace(/\.0 /, " ");
    });
  }
}

function controls(report, timeline) {
  const shown = make("p", { class: "panel-shown" });
  const say = () => {
    const wide = Math.round(timeline.to - timeline.from);
    shown.textContent = timeline.whole
      ? `The whole is shown.`
      : `${count(wide)} of ${count(timeline.total)} ${plural(2, report.step)} are shown.`;
  };
  timeline.on("view", say);
  say();
  const move = (share) =>
    timeline.look(
      timeline.from + share * (timeline.to - timeline.from),
      timeline.to + share * (timeline.to - timeline.from),
    );
  const buttons = [
    ["\u2039", "Earlier", () => move(-0.5)],
    ["\u2212", "Show more steps", () => timeline.zoom(2)],
    ["+", "Enlarge around the cursor", () => timeline.zoom(0.5)],
    ["\u203a", "Later", () => move(0.5)],
    ["Whole", "Show the whole", () => timeline.look(0, timeline.total)],
  ];
  return make(
    "div",
    { class: "panel-controls" },
    make(
      "div",
      { role: "group", "aria-label": "Part of the time axis shown" },
      buttons.map(([text, title, act]) => button(text, act, { "aria-label": title, title })),
    ),
    shown,
  );
}
