// A picture with the time axis: drawn on a canvas when the view changes; the cursor is an element over it and moves alone.

const AXIS = 36;
const DRAG = 6; // pixels until a click is a drag

class TimePlot {
  // options: label (text alternative), height (without the axis), draw(context, frame), row(y, frame) where rows can be
  // pointed at, keyRow(key) where the keyboard can, fixed {from, to} for a picture that is not enlarged with the others.
  constructor(host, timeline, labels, options) {
    Object.assign(this, { timeline, labels, ...options });
    this.canvas = make("canvas", { role: "img", "aria-label": options.label });
    this.cursor = make("div", { class: "cursor" });
    this.stretch = make("div", { class: "stretch", hidden: true });
    this.slider = make(
      "div",
      {
        class: "slider",
        tabindex: 0,
        role: "slider",
        "aria-label": `Cursor on the time axis: ${options.name}`,
        "aria-valuemin": 0,
        "aria-valuemax": timeline.total - 1,
        "aria-orientation": "horizontal",
      },
      this.cursor,
      this.stretch,
    );
    this.place = make("div", { class: "plot" }, this.canvas, this.slider);
    host.append(this.place);
    this.listen();
    timeline.plots.push(this);
    timeline.on("view", () => this.redrawSeen());
    timeline.on("cursor", () => this.moveCursor());
    new ResizeObserver(() => this.resize()).observe(this.place);
    new IntersectionObserver(([entry]) => this.scrolled(entry.isIntersecting), { rootMargin: "300px" }).observe(
      this.place,
    );
  }

  resize() {
    const [width, dense] = [this.place.clientWidth, devicePixelRatio || 1];
    if (width < 60 || (width === this.width && dense === this.dense)) return;
    Object.assign(this, { width, dense });
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round((this.height + AXIS) * dense);
    this.canvas.style.height = `${this.height + AXIS}px`;
    const frame = this.frame();
    this.slider.style.left = `${frame.left}px`;
    this.slider.style.width = `${frame.width}px`;
    this.slider.style.height = `${this.height}px`;
    this.redraw();
  }

  get view() {
    return this.fixed ?? this.timeline;
  }

  frame() {
    const left = this.width < 520 ? 40 : 56;
    const right = this.width - 8;
    const { from, to } = this.view;
    const scale = (right - left) / (to - from);
    return {
      left,
      right,
      from,
      to,
      scale,
      top: 0,
      bottom: this.height,
      width: right - left,
      x: (step) => left + (step + 0.5 - from) * scale,
      edge: (step) => left + (step - from) * scale,
      step: (x) => Math.floor(from + (x - left) / scale),
    };
  }

  // What nobody sees is drawn again when it comes into sight.
  redrawSeen() {
    if (this.seen) this.redraw();
    else this.stale = true;
  }

  scrolled(seen) {
    this.seen = seen;
    if (seen && this.stale) this.redraw();
  }

  redraw() {
    this.stale = false;
    if (this.width === undefined) return; // its place has no size yet
    const frame = this.frame();
    const context = this.canvas.getContext("2d");
    context.setTransform(this.dense, 0, 0, this.dense, 0, 0);
    context.clearRect(0, 0, this.width, this.height + AXIS);
    context.font = `12px ${ink("font")}`;
    this.draw(context, frame);
    this.axis(context, frame);
    this.moveCursor();
  }

  axis(context, frame) {
    context.fillStyle = ink("muted");
    context.strokeStyle = ink("rule");
    context.textAlign = "center";
    context.textBaseline = "top";
    let [end, below] = [-Infinity, -Infinity];
    for (const tick of this.labels.ticks(frame.from, frame.to, Math.max(Math.floor(frame.width / 80), 2))) {
      const x = frame.x(tick.step);
      if (x < frame.left - 1 || x > frame.right) continue;
      rule(context, x, frame.bottom, x, frame.bottom + 5);
      end = textWithin(context, tick.text, x, frame.bottom + 7, frame, end);
      if (tick.below) below = textWithin(context, tick.below, x, frame.bottom + 21, frame, below);
    }
  }

  moveCursor() {
    if (this.width === undefined) return;
    const frame = this.frame();
    const x = frame.x(this.timeline.step) - frame.left;
    this.cursor.hidden = x < 0 || x > frame.width;
    this.cursor.style.transform = `translateX(${x.toFixed(1)}px)`;
    this.cursor.classList.toggle("pinned", this.timeline.pinned);
    this.slider.setAttribute("aria-valuenow", this.timeline.step);
    this.slider.setAttribute("aria-valuetext", this.labels.labels[this.timeline.step]);
    this.moveRow?.();
  }

  listen() {
    const place = (event) => event.clientX - this.slider.getBoundingClientRect().left + this.frame().left;
    const row = (event) => this.row?.(event.clientY - this.slider.getBoundingClientRect().top) ?? null;
    let start = null;
    this.slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = place(event);
      if (event.pointerType !== "mouse") this.timeline.point(this.frame().step(start), row(event));
      else this.slider.setPointerCapture?.(event.pointerId);
    });
    this.slider.addEventListener("pointermove", (event) => {
      const mouse = event.pointerType === "mouse";
      if (start !== null && mouse && !this.fixed) this.drawStretch(start, place(event));
      if (!mouse && start === null) return;
      if (!this.timeline.pinned || !mouse) this.timeline.point(this.frame().step(place(event)), row(event));
    });
    this.slider.addEventListener("pointerup", (event) => {
      if (start === null) return;
      if (event.pointerType === "mouse") this.release(start, place(event), row(event));
      start = null;
    });
    this.slider.addEventListener("pointercancel", () => {
      start = null;
      this.stretch.hidden = true;
    });
    this.slider.addEventListener("dblclick", () => this.timeline.look(0, this.timeline.total));
    this.slider.addEventListener("keydown", (event) => this.key(event));
  }

  drawStretch(start, now) {
    const frame = this.frame();
    const [a, b] = [Math.min(start, now), Math.max(start, now)].map(
      (x) => Math.min(Math.max(x, frame.left), frame.right) - frame.left,
    );
    this.stretch.hidden = b - a < DRAG;
    this.stretch.style.transform = `translateX(${a}px)`;
    this.stretch.style.width = `${b - a}px`;
  }

  // The end of a drag enlarges; the end of a click pins, or lets go of what was pinned right there.
  release(start, end, row) {
    this.stretch.hidden = true;
    const frame = this.frame();
    if (Math.abs(end - start) >= DRAG && !this.fixed) {
      const [a, b] = [frame.step(Math.min(start, end)), frame.step(Math.max(start, end)) + 1];
      return this.timeline.look(Math.max(a, frame.from), Math.min(b, frame.to));
    }
    const same = this.timeline.pinned && Math.abs(frame.x(this.timeline.step) - end) < Math.max(DRAG, frame.scale / 2);
    this.timeline.pinned = !same;
    return this.timeline.point(frame.step(end), row);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.keyRow?.(event.key) || keyOnTime(this.timeline, event.key, event.shiftKey)) {
      event.preventDefault();
      this.timeline.byKey?.();
    }
  }
}

function rule(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.lineWidth = 1;
  context.stroke();
}

// A tick's text, moved inwards at the borders; left out where it would touch the one before.
function textWithin(context, text, x, y, frame, before) {
  const half = context.measureText(text).width / 2;
  const centre = Math.min(Math.max(x, half + 1), frame.right + 8 - half);
  if (centre - half < before + 8) return before;
  context.fillText(text, centre, y);
  return centre + half;
}

// A vertical axis at the left: thin lines and numbers.
function verticalAxis(context, frame, ticks, y, text) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks) {
    context.strokeStyle = ink("rule");
    rule(context, frame.left, Math.round(y(tick)) + 0.5, frame.right, Math.round(y(tick)) + 0.5);
    context.fillStyle = ink("muted");
    context.fillText(text(tick), frame.left - 7, y(tick));
  }
}

const isDense = (series, frame) => series.index(frame.to) - series.index(frame.from) > 3 * frame.width;

// A line through a series: each point where there is room; or else a running mean over a fortieth of the picture, and
// paler what lies between the lowest and the highest of every pixel.
function strokeSeries(context, series, frame, y) {
  const first = Math.max(series.index(frame.from) - 1, 0);
  const last = Math.min(series.index(frame.to) + 1, series.length);
  if (isDense(series, frame)) strokeDense(context, frame, y, pixelsOf(series, frame, first, last));
  else strokeSparse(context, series, frame, y, first, last);
}

function strokeSparse(context, series, frame, y, first, last) {
  let drawing = false;
  context.beginPath();
  for (let i = first; i < last; i++) {
    const value = series.y[i];
    if (!Number.isFinite(value)) {
      drawing = false;
      continue;
    }
    const x = frame.x(series.step(i));
    if (drawing) context.lineTo(x, y(value));
    else context.moveTo(x, y(value));
    const alone = !drawing && !(i + 1 < last && Number.isFinite(series.y[i + 1]));
    if (alone) context.lineTo(x + 1, y(value));
    drawing = true;
  }
  context.stroke();
}

// Of every pixel its place, lowest, highest and sum; pixels without any number are left out.
function pixelsOf(series, frame, first, last) {
  const pixels = [];
  let [x, low, high, sum, known] = [NaN, Infinity, -Infinity, 0, 0];
  const flush = () => {
    if (known) pixels.push({ x, low, high, sum, known });
  };
  for (let i = first; i < last; i++) {
    const now = Math.round(frame.x(series.step(i)));
    if (now !== x) {
      flush();
      [x, low, high, sum, known] = [now, Infinity, -Infinity, 0, 0];
    }
    const value = series.y[i];
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
    known++;
  }
  flush();
  return pixels;
}

function strokeDense(context, frame, y, pixels) {
  context.save();
  context.globalAlpha = 0.35;
  context.fillStyle = context.strokeStyle;
  for (const { x, low, high } of pixels) context.fillRect(x - 0.5, y(high), 1, Math.max(y(low) - y(high), 1));
  context.restore();
  const wide = Math.max(Math.round(frame.width / 80), 1);
  context.beginPath();
  pixels.forEach(({ x }, i) => {
    const near = pixels.slice(Math.max(i - wide, 0), i + wide + 1).filter((each) => Math.abs(each.x - x) <= wide);
    const mean = near.reduce((sum, each) => sum + each.sum, 0) / near.reduce((sum, each) => sum + each.known, 0);
    if (i && x - pixels[i - 1].x <= 1) context.lineTo(x, y(mean));
    else context.moveTo(x, y(mean));
  });
  context.stroke();
}
