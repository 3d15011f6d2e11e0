// Puts the page together: texts at once, pictures as soon as the numbers are unpacked.

async function unpackLayer(layer) {
  const [order, halfLife, age, closed, open, ledger] = await Promise.all([
    unpack(layer.order),
    unpack(layer.half_life),
    unpack(layer.mean_age),
    unpack(layer.closed),
    unpack(layer.open),
    Shades.of(layer.ledger),
  ]);
  return { ...layer, order, halfLife, age: new Series(null, age), closed, open, ledger };
}

function unpackAhead(ahead) {
  if (ahead === null) return null;
  const bands = ahead.bands.map((band) => ({ percent: num(band.percent), low: nums(band.low), high: nums(band.high) }));
  return { ...ahead, bands, median: nums(ahead.median), truth: ahead.truth === null ? null : nums(ahead.truth) };
}

async function unpackReport(data) {
  const { sequence } = data;
  const [labels, values, expected, layers] = await Promise.all([
    unpack(sequence.labels),
    Series.of(sequence.values),
    Series.of(sequence.expected),
    Promise.all(data.layers.map(unpackLayer)),
  ]);
  const ahead = unpackAhead(data.ahead);
  return {
    ...data,
    ...sequence,
    layers,
    values,
    expected,
    ahead,
    labels: new Labels([...labels, ...(ahead?.labels ?? [])]),
    moments: layers.flatMap((layer) => layer.moments),
    ledgerStride: data.ledger_stride,
    timeScalesText: data.time_scales_text,
    unitsText: data.units_text,
    similarText: data.similar_text,
  };
}

function buildTexts(data) {
  byId("facts").append(
    ...data.facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
  document.querySelector("[data-said=summary]").append(...paragraphs(data.summary));
  const links = [...document.querySelectorAll("main section")].map((section) =>
    make("li", {}, make("a", { href: `#${section.id}` }, section.dataset.nav)),
  );
  byId("contents").append(make("ul", {}, links));
  const notes = byId("notes-body");
  if (data.notes.length)
    notes.append(
      make(
        "ul",
        { class: "notes" },
        data.notes.map((note) => make("li", {}, note)),
      ),
    );
  else notes.append(make("p", { class: "absent" }, "None."));
}

function warn(text) {
  const warning = byId("warning");
  warning.textContent = text;
  warning.hidden = false;
}

function buildPictures(report, appearance) {
  const timeline = new Timeline(report.count, report.ahead?.median.length ?? 0);
  buildSequence(byId("sequence-body"), report, timeline);
  const repaints = [];
  if (report.layers.length) {
    repaints.push(buildGates(byId("gates-body"), report, timeline), buildMemory(byId("memory-body"), report, timeline));
  } else {
    absent(byId("gates-body"), report.notes.length);
    absent(byId("memory-body"), report.notes.length);
  }
  buildReach(byId("reach-body"), report);
  buildScales(byId("scales-body"), report);
  buildWhy(byId("why-body"), report);
  buildUnits(byId("units-body"), report);
  buildSimilar(byId("similar-body"), report, timeline);
  buildProbes(byId("probes-body"), report);
  buildPanel(byId("panel"), report, timeline, byId("spoken"));
  appearance.changed.push(() => {
    for (const repaint of repaints) repaint();
    for (const plot of timeline.plots) plot.redraw(); // all of them: it may be for a printer
  });
  timeline.tell("cursor");
}

async function main() {
  const appearance = new Theme(byId("theme"));
  const data = JSON.parse(byId("data").textContent);
  buildTexts(data);
  if (!canUnpack()) {
    warn(
      "This browser cannot unpack the pictures of this report (it has no DecompressionStream): " +
        "open it in a newer one. The texts are complete.",
    );
    return;
  }
  buildPictures(await unpackReport(data), appearance);
  document.documentElement.dataset.ready = "yes";
}

main().catch((error) => {
  warn(`The pictures of this report could not be drawn: ${error.message}`);
  throw error;
});
