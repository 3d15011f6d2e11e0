// Gates and cells as heat maps: painted once into a hidden canvas of a pixel a value, then only scaled.

const SHOWN = [
  ["f", "Forget gate", "1 keeps all of what the cell holds, 0 lets go of it"],
  ["i", "Input gate", "1 writes all of what is new, 0 nothing"],
  ["o", "Output gate", "1 shows the cell to the rest of the network, 0 hides it"],
  ["g", "Candidate", "what would be written, from \u22121 to 1"],
  ["c", "Cell", "what is held, each row as a share of its own largest size: blue is negative, orange positive"],
  ["h", "Output", "what the rest of the network sees, from \u22121 to 1"],
];
const kindOf = (quantity) => ("fio".includes(quantity) ? "sequential" : "diverging");

function buildGates(host, report, timeline) {
  const choice = { quantity: "f" };
  const maps = report.layers.map((layer) => new HeatMap(layer, report, timeline, choice));
  const explained = make("p", { class: "explained", "aria-live": "polite" });
  const show = async (quantity) => {
    choice.quantity = quantity;
    const [, name, meaning] = SHOWN.find(([each]) => each === quantity);
    explained.textContent = `${name}: ${meaning}.`;
    await Promise.all(maps.map((map) => map.show(quantity)));
  };
  host.append(choices(show), explained);
  if (report.stride > 1) {
    const wide = amount(report.stride, report.step);
    host.append(
      make("p", { class: "how" }, `Every column is the mean of ${wide}: what happened within one does not show.`),
    );
  }
  for (const map of maps) host.append(map.figure);
  show("f");
  return () => maps.forEach((map) => map.repaint());
}

function choices(show) {
  const radios = SHOWN.map(([quantity, name], i) =>
    make(
      "label",
      {},
      make("input", {
        type: "radio",
        name: "quantity",
        value: quantity,
        checked: i === 0,
        onchange: () => show(quantity),
      }),
      make("span", {}, make("i", {}, quantity), ` ${name.toLowerCase()}`),
    ),
  );
  return make("fieldset", { class: "choices" }, make("legend", {}, "Show"), radios);
}

const RARE = 0.005; // so much of a heat map may lie beyond its last colour

// Which colours a byte gets: gates from 0 to 1; what has a sign symmetric about 0, so that the rare extreme does not pale the rest.
function colourScale(map, quantity) {
  if (kindOf(quantity) === "sequential") return { low: 0, high: 1, share: (code) => code / SHADES };
  if (map.scale !== null) return { low: -1, high: 1, share: (code) => code / SHADES };
  const counts = map.counts();
  const known = counts.subarray(0, SHADES + 1).reduce((a, b) => a + b, 0);
  let [beyond, code] = [0, SHADES];
  while (code > SHADES / 2 + 1 && beyond + counts[code] + counts[SHADES - code] <= RARE * known) {
    beyond += counts[code] + counts[SHADES - code];
    code--;
  }
  const high = map.meaning(code) || 1;
  return { low: -high, high, beyond, share: (each) => (map.meaning(each) / high + 1) / 2 };
}

class HeatMap {
  constructor(layer, report, timeline, choice) {
    Object.assign(this, { layer, report, timeline, choice, loaded: {} });
    this.stride = report.stride;
    this.hidden = document.createElement("canvas");
    this.readout = make("p", { class: "readout" });
    this.legend = make("div", { class: "legend" });
    this.line = make("div", { class: "row-line", hidden: true });
    this.figure = make(
      "figure",
      { class: "heat" },
      make("h3", {}, layer.name, make("span", { class: "rows" }, `rows by half-life in ${plural(2, report.step)}`)),
      this.legend,
    );
    this.height = Math.min(Math.max(4 * layer.units, Math.min(16 * layer.units, 96)), 320);
    this.plot = new TimePlot(this.figure, timeline, report.labels, {
      name: layer.name,
      label: layer.name,
      height: this.height,
      draw: (context, frame) => this.paint(context, frame),
      row: (y) => ({ layer: layer.name, place: this.rowAt(y) }),
      keyRow: (key) => this.keyRow(key),
      moveRow: () => this.moveRow(),
    });
    this.plot.slider.append(this.line);
    this.figure.append(this.readout, ...paragraphs(layer.text), ...momentButtons(layer, report, timeline));
  }

  async show(quantity) {
    this.loaded[quantity] ??= await Shades.of(this.layer.maps[quantity]);
    if (this.choice.quantity !== quantity) return; // another was chosen meanwhile
    this.map = this.loaded[quantity];
    const [, name] = SHOWN.find(([each]) => each === quantity);
    this.plot.canvas.setAttribute(
      "aria-label",
      `Heat map of ${this.layer.name}, ${name.toLowerCase()}: ${count(this.layer.units)} units by ${count(this.report.count)} ` +
        `${plural(this.report.count, this.report.step)}${this.average()}.`,
    );
    this.repaint();
  }

  average() {
    if (this.map.scale !== null) return ""; // sizes of different units are not to be averaged
    const counts = this.map.counts();
    let [sum, known] = [0, 0];
    for (let code = 0; code <= SHADES; code++) {
      sum += counts[code] * this.map.meaning(code);
      known += counts[code];
    }
    return `, on average ${fmt(sum / known)}`;
  }

  repaint() {
    if (!this.map) return;
    const { map } = this;
    const scale = colourScale(map, this.choice.quantity);
    const pixels = palette(kindOf(this.choice.quantity), scale.share);
    Object.assign(this.hidden, { width: map.columns, height: map.rows });
    const context = this.hidden.getContext("2d");
    const image = context.createImageData(map.columns, map.rows);
    const target = new Uint32Array(image.data.buffer);
    for (let at = 0; at < target.length; at++) target[at] = pixels[map.codes[at]];
    context.putImageData(image, 0, 0);
    this.showLegend(scale);
    this.plot.redraw();
  }

  showLegend({ low, high, beyond }) {
    const bar = make("span", { class: "gradient" });
    bar.style.background = gradient(kindOf(this.choice.quantity));
    const say = this.map.scale === null ? fmt : percent;
    const [a, b] = beyond > 0 ? [`\u2264 ${say(low)}`, `\u2265 ${say(high)}`] : [say(low), say(high)];
    this.legend.replaceChildren(a, bar, b);
  }

  paint(context, frame) {
    if (!this.map) return;
    context.save();
    context.beginPath();
    context.rect(frame.left, 0, frame.width, this.height);
    context.clip();
    paintColumns(context, this.hidden, this.stride, frame, this.report.count, this.height);
    context.restore();
    this.rowAxis(context, frame);
  }

  // Half-lives of some rows, from top to bottom.
  rowAxis(context, frame) {
    const { units, halfLife } = this.layer;
    const rows = Math.min(units, Math.max(Math.floor(this.height / 30), 2));
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = ink("muted");
    for (let i = 0; i < rows; i++) {
      const row = rows === 1 ? 0 : Math.round((i * (units - 1)) / (rows - 1));
      const y = Math.min(Math.max(((row + 0.5) * this.height) / units, 6), this.height - 6);
      const life = halfLife[row];
      context.fillText(
        Number.isFinite(life) && life < 1e5
          ? short(Number(life.toPrecision(2)))
          : life > 0
            ? Number.isFinite(life)
              ? "10\u2075+"
              : "\u221e"
            : "\u2013",
        frame.left - 7,
        y,
      );
    }
  }

  rowAt(y) {
    return Math.min(Math.max(Math.floor((y / this.height) * this.layer.units), 0), this.layer.units - 1);
  }

  keyRow(key) {
    if (key !== "ArrowUp" && key !== "ArrowDown") return false;
    const now = this.place() ?? (key === "ArrowUp" ? this.layer.units : -1);
    const place = Math.min(Math.max(now + (key === "ArrowUp" ? -1 : 1), 0), this.layer.units - 1);
    this.timeline.point(this.timeline.step, { layer: this.layer.name, place });
    return true;
  }

  place() {
    return this.timeline.row?.layer === this.layer.name ? this.timeline.row.place : null;
  }

  moveRow() {
    const place = this.place();
    this.line.hidden = place === null;
    if (place === null || !this.map) {
      this.readout.textContent = "";
      return;
    }
    this.line.style.transform = `translateY(${(((place + 0.5) * this.height) / this.layer.units).toFixed(1)}px)`;
    const column = Math.floor(this.timeline.step / this.stride);
    const life = span(this.layer.halfLife[place], this.report.step);
    const value = column < this.map.columns ? short(this.map.value(place, column)) : "not read yet";
    this.readout.replaceChildren(
      `Unit ${this.layer.order[place]}, half-life ${life}: `,
      make("i", {}, this.choice.quantity),
      ` = ${value}`,
    );
  }
}

// A canvas of one pixel a column onto the time axis: smooth where columns are narrower than pixels, crisp where wider.
function paintColumns(context, hidden, stride, frame, steps, height) {
  const first = Math.max(Math.floor(frame.from / stride), 0);
  const last = Math.min(Math.ceil(frame.to / stride), hidden.width);
  if (last <= first) return;
  context.save();
  context.beginPath();
  context.rect(frame.left, 0, Math.min(frame.edge(steps), frame.right) - frame.left, height);
  context.clip();
  context.imageSmoothingEnabled = stride * frame.scale < 1 || hidden.height > height * devicePixelRatio;
  context.imageSmoothingQuality = "high";
  const left = frame.edge(first * stride);
  context.drawImage(hidden, first, 0, last - first, hidden.height, left, 0, frame.edge(last * stride) - left, height);
  context.restore();
}

function momentButtons(layer, report, timeline) {
  if (!layer.moments.length) return [];
  const list = layer.moments.map(([step, text]) => {
    const label = report.labels.labels[step];
    const jump = () => {
      timeline.jump(step);
      timeline.byKey?.();
    };
    const named = text.includes(label); // then the button need not say it again
    return make(
      "li",
      {},
      button(named ? "Show" : label, jump, { class: "jump", "aria-label": `Show ${label}` }),
      " ",
      text,
    );
  });
  return [make("h4", {}, "Moments to look at"), make("ul", { class: "moments" }, list)];
}
