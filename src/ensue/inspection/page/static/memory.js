// Mean age of what is held, and its make-up by age, over time.

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

function buildMemory(host, report, timeline) {
  host.append(ageKey(report.layers));
  agePlot(host, report, timeline);
  const maps = report.layers.map((layer) => new LedgerMap(host, layer, report, timeline));
  if (report.ledgerStride > 1) {
    host.append(
      make("p", { class: "how" }, `Here every column is the mean of ${amount(report.ledgerStride, report.step)}.`),
    );
  }
  return () => maps.forEach((map) => map.repaint());
}

function ageKey(layers) {
  return make(
    "ul",
    { class: "key" },
    layers.map((layer, i) =>
      make(
        "li",
        {},
        draw(
          "svg",
          { width: 26, height: 8, class: `age-${i % 4}`, "aria-hidden": true },
          draw("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-dasharray": DASHES[i % 4].join(" ") }),
        ),
        layer.name,
      ),
    ),
  );
}

function agePlot(host, report, timeline) {
  const { layers, step } = report;
  const ages = layers
    .flatMap((layer) => Array.from(layer.age.y))
    .filter((age) => age > 0 && Number.isFinite(age))
    .sort((a, b) => a - b);
  const most = ages.at(-1) ?? 1;
  const least = Math.max(ages[Math.floor(ages.length * 0.02)] ?? 1, most / 1e4);
  const logs = most > 30 * least;
  const means = layers.map((layer) => `${layer.name} ${fmt(meanOf(layer.age.y))} on average`).join(", ");
  const label = `Mean age of what the cells hold, in ${plural(2, step)}: ${means}.`;
  host.append(make("p", { class: "axis-name" }, `Mean age in ${plural(2, step)}${logs ? " (logarithmic)" : ""}`));
  new TimePlot(host, timeline, report.labels, {
    name: "mean age",
    label,
    height: 150,
    draw: (context, frame) => {
      const inside = frame.bottom - 14;
      const share = logs
        ? (age) => Math.log(Math.max(age, least / 2) / least) / Math.log(most / least)
        : (age) => age / most;
      const y = (age) => frame.bottom - 4 - share(age) * inside;
      verticalAxis(context, frame, logs ? logTicks(least, most, 3) : niceTicks(0, most, 4), y, short);
      context.save();
      context.beginPath();
      context.rect(frame.left, 0, frame.width, frame.bottom);
      context.clip();
      layers.forEach((layer, i) => {
        Object.assign(context, { strokeStyle: ink(`age-${i % 4}`), lineWidth: 1.5, lineJoin: "round" });
        if (frame.width > (frame.to - frame.from) / 2) context.setLineDash(DASHES[i % 4]);
        strokeSeries(context, layer.age, frame, y);
        context.setLineDash([]);
      });
      context.restore();
    },
  });
}

function meanOf(values) {
  const known = values.filter(Number.isFinite);
  return known.reduce((a, b) => a + b, 0) / known.length;
}

// A row an age bucket, what is new at the bottom.
class LedgerMap {
  constructor(host, layer, report, timeline) {
    Object.assign(this, { layer, report, map: layer.ledger });
    this.hidden = document.createElement("canvas");
    this.legend = make("div", { class: "legend" });
    this.height = Math.min(Math.max(12 * report.ages.length, 48), 220);
    const name = `${layer.name}: by age in ${plural(2, report.step)}`;
    const figure = make("figure", { class: "heat" }, make("h3", {}, name), this.legend);
    host.append(figure);
    this.plot = new TimePlot(figure, timeline, report.labels, {
      name,
      label:
        `Heat map of ${layer.name}: the share of what its cells hold by when it was written, ` +
        `${report.ages.length} ages by ${amount(report.count, report.step)}.`,
      height: this.height,
      draw: (context, frame) => this.paint(context, frame),
    });
    this.repaint();
  }

  repaint() {
    const { map } = this;
    const counts = map.counts();
    let [most, beyond] = [SHADES, 0];
    while (most > 1 && beyond + counts[most] <= RARE * map.codes.length) beyond += counts[most--];
    const pixels = palette("sequential", (code) => code / most);
    Object.assign(this.hidden, { width: map.columns, height: map.rows });
    const context = this.hidden.getContext("2d");
    const image = context.createImageData(map.columns, map.rows);
    const target = new Uint32Array(image.data.buffer);
    for (let row = 0; row < map.rows; row++) {
      const to = (map.rows - 1 - row) * map.columns;
      for (let column = 0; column < map.columns; column++) target[to + column] = pixels[map.code(row, column)];
    }
    context.putImageData(image, 0, 0);
    const bar = make("span", { class: "gradient" });
    bar.style.background = gradient("sequential");
    this.legend.replaceChildren("0 %", bar, `${beyond > 0 ? "\u2265 " : ""}${percent(map.meaning(most))}`);
    this.plot.redraw();
  }

  paint(context, frame) {
    paintColumns(context, this.hidden, this.report.ledgerStride, frame, this.report.count, this.height);
    const rows = this.report.ages.length;
    const every = Math.ceil((15 * rows) / this.height);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = ink("muted");
    for (let row = 0; row < rows; row += every) {
      const [first, last] = this.report.ages[row];
      context.fillText(
        last === 0 ? "now" : last === -1 ? `${short(first)}+` : short(first),
        frame.left - 7,
        this.height - ((row + 0.5) * this.height) / rows,
      );
    }
  }
}
