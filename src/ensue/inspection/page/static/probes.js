// How well columns can be read off the cells, beside two controls.

const PROBE = 34;

function buildProbes(host, report) {
  const { probes } = report;
  if (!probes.length) return absent(host, report.notes.length);
  const scored = probes.map((probe) => ({
    ...probe,
    score: num(probe.score),
    untrained: num(probe.untrained),
    inputs: num(probe.inputs),
  }));
  const figure = make("figure");
  host.append(figure);
  figure.append(
    make(
      "ul",
      { class: "key" },
      [
        ["trained", "this network"],
        ["untrained", "an untrained network"],
        ["inputs", "the inputs alone"],
      ].map(([kind, text]) =>
        make("li", {}, draw("svg", { width: 16, height: 14, "aria-hidden": true }, probeMark(kind, 8, 7)), text),
      ),
    ),
  );
  const said = ({ column, score, untrained, inputs }) =>
    `${column} ${fmt(score)}, untrained ${fmt(untrained)}, inputs ${fmt(inputs)}`;
  const label = `How well columns are read off the cells, R squared: ${scored.map(said).join("; ")}.`;
  new Picture(figure, label, PROBE * scored.length + 40, (width) => probeRows(width, scored));
  for (const { column, text } of scored)
    if (text) host.append(make("p", { class: "measured" }, make("b", {}, `${column}: `), text));
  host.append(
    numbersOf(["column", "this network", "untrained", "inputs alone"], () =>
      scored.map((probe) => [probe.column, fmt(probe.score), fmt(probe.untrained), fmt(probe.inputs)]),
    ),
  );
  return null;
}

function probeRows(width, scored) {
  const longest = Math.max(...scored.map(({ column }) => column.length), 6);
  const left = Math.min(longest * 7.5 + 16, Math.round(width * 0.42));
  const right = width - 24;
  const bottom = PROBE * scored.length;
  const most = Math.max(Math.floor((left - 14) / 7), 4);
  const x = (score) => left + Math.max(score, 0) * (right - left);
  return [
    [0, 0.25, 0.5, 0.75, 1].map((tick) => [
      line(x(tick), 0, x(tick), bottom, "grid"),
      middle(x(tick), bottom + 18, String(tick)),
    ]),
    middle((left + right) / 2, bottom + 36, "R squared; what is below 0 stands at 0"),
    scored.map((probe, i) => {
      const y = PROBE * (i + 0.5);
      const shown = [
        ["inputs", probe.inputs],
        ["untrained", probe.untrained],
        ["trained", probe.score],
      ].filter(([, value]) => !Number.isNaN(value));
      const ends = shown.map(([, value]) => x(value));
      return [
        atEnd(left - 12, y + 4, shortened(probe.column, most)),
        line(Math.min(...ends), y, Math.max(...ends), y, "link"),
        shown.map(([kind, value]) =>
          draw("g", {}, draw("title", {}, `${probe.column}, ${kind}: ${fmt(value)}`), probeMark(kind, x(value), y)),
        ),
      ];
    }),
  ];
}

function probeMark(kind, x, y) {
  if (kind === "inputs") return draw("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, class: "probe-inputs" });
  return draw("circle", { cx: x, cy: y, r: kind === "trained" ? 6 : 5, class: `probe-${kind}` });
}
