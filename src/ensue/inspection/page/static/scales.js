// How many units have which half-life, a row of bars for each layer.

const LEAST_BINS = 12;

function buildScales(host, report) {
  host.append(...paragraphs(report.timeScalesText));
  const { layers, step } = report;
  const finite = layers
    .flatMap((layer) => Array.from(layer.halfLife))
    .filter((life) => Number.isFinite(life) && life > 0);
  if (!layers.length) return absent(host, report.notes.length);
  const bins = binsFor(finite.length ? [Math.max(minOf(finite), 1e-3), maxOf(finite)] : [1, 100]);
  const counted = layers.map((layer) => countUnits(layer, bins));
  const most = Math.max(...counted.flatMap(({ counts, never }) => [...counts, never]), 1);
  const never = counted.some((each) => each.never);
  const row = 74;
  const figure = make("figure");
  host.append(figure);
  const label = `Histogram of half-lives in ${plural(2, step)}: ${layers.map((layer) => scaleText(layer, step)).join("; ")}.`;
  new Picture(figure, label, 34 + layers.length * row + 44, (width) => {
    const left = width < 520 ? 40 : 56;
    const end = width - 20;
    const right = never ? end - 64 : end;
    const bottom = 34 + layers.length * row;
    const edge = (bin) => left + ((bin - bins.low) / (bins.high - bins.low)) * (right - left);
    const x = (life) => edge(Math.log10(life) * bins.decade);
    const [least, largest] = [10 ** (bins.low / bins.decade), 10 ** (bins.high / bins.decade)];
    return [
      counted.map((each, i) =>
        layerBars(layers[i], each, 34 + (i + 1) * row, row - 20, most, edge, bins, never ? [right + 24, end] : null),
      ),
      seasonLines(report.reach?.seasons ?? [], x, least, largest, 28, bottom),
      logTicks(least, largest, Math.floor(width / 60)).map((tick) => [
        line(x(tick), bottom, x(tick), bottom + 5, "grid"),
        middle(x(tick), bottom + 19, tick < 1 ? String(tick) : count(tick)),
      ]),
      never ? middle((right + 24 + end) / 2, bottom + 19, "never") : null,
      middle((left + right) / 2, bottom + 39, `half-life in ${plural(2, step)}`),
    ];
  });
}

// Bins of equal width on the axis of logarithms: so many a decade that there are a dozen or more.
function binsFor([least, most]) {
  const decades = Math.max(Math.log10(most / least), 0.2);
  const decade = [6, 12, 24].find((each) => each * decades >= LEAST_BINS) ?? 48;
  const low = Math.floor(Math.log10(least) * decade);
  return { decade, low, high: Math.max(Math.floor(Math.log10(most) * decade) + 1, low + LEAST_BINS / 2) };
}

function countUnits(layer, { decade, low, high }) {
  const counts = new Array(high - low).fill(0);
  let never = 0;
  for (const life of layer.halfLife) {
    const bin = Math.floor(Math.log10(Math.max(life, 1e-9)) * decade) - low;
    if (life === Infinity) never++;
    else if (life >= 0) counts[Math.min(Math.max(bin, 0), counts.length - 1)]++;
  }
  return { counts, never };
}

function layerBars(layer, { counts, never }, bottom, high, most, edge, bins, apart) {
  const bar = (a, b, amount, said) =>
    amount === 0
      ? null
      : draw(
          "g",
          {},
          draw("title", {}, `${count(amount)} ${plural(amount, "unit")} ${said}`),
          draw("rect", {
            x: a + 0.75,
            width: Math.max(b - a - 1.5, 1),
            y: bottom - (amount / most) * high,
            height: (amount / most) * high,
            class: "count",
          }),
        );
  const life = (bin) => short(10 ** (bin / bins.decade));
  return [
    line(edge(bins.low), bottom, edge(bins.high), bottom, "grid"),
    words(
      edge(bins.low) + 3,
      bottom - high - 2,
      shortened(layer.name, Math.floor((edge(bins.high) - edge(bins.low)) / 8)),
      { class: "tick strong" },
    ),
    counts.map((amount, i) =>
      bar(
        edge(bins.low + i),
        edge(bins.low + i + 1),
        amount,
        `from ${life(bins.low + i)} to ${life(bins.low + i + 1)}`,
      ),
    ),
    apart ? [line(apart[0], bottom, apart[1], bottom, "grid"), bar(...apart, never, "that never forget")] : null,
  ];
}

function scaleText(layer, step) {
  const lives = Array.from(layer.halfLife).filter((life) => life >= 0);
  const [half, longest] = [lives[Math.floor(lives.length / 2)] ?? NaN, lives[0] ?? NaN];
  return `${layer.name}, half of its units below ${span(half, step)}, the longest ${span(longest, step)}`;
}
