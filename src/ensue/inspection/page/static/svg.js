// Pictures without a time axis, as SVG that is drawn again when its place becomes wider or narrower.

class Picture {
  // `drawn(width)` gives the picture's parts; its height may depend on the width.
  constructor(host, label, height, drawn) {
    this.height = height;
    this.drawn = drawn;
    this.svg = draw("svg", { role: "img", "aria-label": label, class: "picture" });
    this.place = make("div", { class: "picture-place" }, this.svg);
    host.append(this.place);
    new ResizeObserver(() => this.redraw()).observe(this.place);
  }

  redraw() {
    const width = Math.floor(this.place.clientWidth);
    if (width <= 0 || width === this.width) return;
    this.width = width;
    fill(this.svg, { viewBox: `0 0 ${width} ${this.height}`, width, height: this.height }, []);
    this.svg.replaceChildren(...this.drawn(width).flat(Infinity).filter(Boolean));
  }
}

const line = (x1, y1, x2, y2, kind) => draw("line", { x1, y1, x2, y2, class: kind });
const words = (x, y, text, attributes = {}) => draw("text", { x, y, ...attributes }, text);
const middle = (x, y, text, kind = "tick") => words(x, y, text, { "text-anchor": "middle", class: kind });
const atEnd = (x, y, text, kind = "tick") => words(x, y, text, { "text-anchor": "end", class: kind });

// A scale of logarithms from `low` to `high` on pixels; with a lag of 0 in it, everything moves up by one.
function logScale(low, high, left, right) {
  const shift = low < 0.5 ? 1 : 0;
  const [a, b] = [Math.log(low + shift), Math.log(high + shift)];
  const scale = (value) =>
    b > a ? left + ((Math.log(value + shift) - a) / (b - a)) * (right - left) : (left + right) / 2;
  scale.ticks = (most) => (shift ? [0, ...logTicks(1, Math.max(high, 1), most - 1)] : logTicks(low, high, most));
  return scale;
}

// Texts side by side along a line without running into each other: what finds no room moves down a row.
function rowsOfTexts(places, wide = 6.2) {
  const ends = [];
  return places.map(({ x, text }) => {
    const half = (text.length * wide) / 2 + 4;
    let row = ends.findIndex((end) => x - half > end);
    if (row < 0) row = ends.length;
    ends[row] = x + half;
    return row;
  });
}

// Dashed lines for the seasons of the data, with their length above.
function seasonLines(seasons, x, low, high, top, bottom) {
  const shown = seasons.filter((each) => each >= low && each <= high).sort((a, b) => a - b);
  const rows = rowsOfTexts(shown.map((each) => ({ x: x(each), text: `season ${count(each)}` })));
  return shown.map((each, i) => [
    line(x(each), top, x(each), bottom, "season"),
    middle(x(each), top - 6 - 13 * rows[i], `season ${count(each)}`, "tick season-text"),
  ]);
}
