// The one time axis: which steps are in view, at which the cursor stands, and who wants to know.

class Timeline {
  constructor(steps, ahead) {
    this.steps = steps;
    this.total = steps + ahead;
    this.from = 0;
    this.to = this.total;
    this.step = steps - 1;
    this.row = null; // a unit under the pointer: its layer and its place from the top
    this.pinned = false;
    this.plots = [];
    this.listeners = { cursor: [], view: [] };
  }

  on(kind, listener) {
    this.listeners[kind].push(listener);
  }

  tell(kind) {
    for (const listener of this.listeners[kind]) listener(this);
  }

  point(step, row = null) {
    this.step = Math.min(Math.max(Math.round(step), 0), this.total - 1);
    this.row = row;
    this.tell("cursor");
  }

  pin(on) {
    this.pinned = on;
    this.tell("cursor");
  }

  // A jump brings the step into view and holds it.
  jump(step) {
    this.pinned = true;
    this.point(step);
    this.follow();
  }

  look(from, to) {
    const wide = Math.min(Math.max(to - from, Math.min(8, this.total)), this.total);
    this.from = Math.min(Math.max((from + to - wide) / 2, 0), this.total - wide);
    this.to = this.from + wide;
    this.tell("view");
  }

  zoom(factor, centre = this.step + 0.5) {
    const held = Math.min(Math.max(centre, this.from), this.to);
    this.look(held - (held - this.from) * factor, held + (this.to - held) * factor);
  }

  // Keep the cursor in view where it leaves it.
  follow() {
    const wide = this.to - this.from;
    if (this.step < this.from || this.step >= this.to)
      this.look(this.step + 0.5 - wide / 2, this.step + 0.5 + wide / 2);
  }

  get whole() {
    return this.to - this.from >= this.total;
  }
}

// What a key does on a time axis; false where it means nothing here.
function keyOnTime(timeline, key, shift) {
  const page = Math.max(Math.round((timeline.to - timeline.from) / 10), 1);
  const moves = {
    ArrowLeft: shift ? -page : -1,
    ArrowRight: shift ? page : 1,
    PageUp: -page,
    PageDown: page,
    Home: -Infinity,
    End: Infinity,
  };
  if (key in moves) {
    timeline.point(Math.min(Math.max(timeline.step + moves[key], 0), timeline.total - 1), timeline.row);
    timeline.follow();
  } else if (key === "+" || key === "=") timeline.zoom(0.5);
  else if (key === "-") timeline.zoom(2);
  else if (key === "0") timeline.look(0, timeline.total);
  else if (key === "Enter" || key === " ") timeline.pin(!timeline.pinned);
  else if (key === "Escape") timeline.pin(false);
  else return false;
  return true;
}
