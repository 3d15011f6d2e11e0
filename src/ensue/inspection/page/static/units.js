// The table of units: sorted by any heading, the first twenty until all are asked for.

const FIRST_UNITS = 20;
const UNIT_COLUMNS = [
  ["Layer", (unit) => unit[0], (unit) => unit[0]],
  ["Unit", (unit) => unit[1], (unit) => String(unit[1])],
  ["Half-life", (unit) => unit[2], (unit) => (unit[2] === Infinity ? "\u221e" : short(unit[2]))],
  ["f closed", (unit) => unit[3], (unit) => percent(unit[3])],
  ["f open", (unit) => unit[4], (unit) => percent(unit[4])],
  ["i open", (unit) => unit[5], (unit) => percent(unit[5])],
  ["o open", (unit) => unit[6], (unit) => percent(unit[6])],
  ["Read-out share", (unit) => unit[7], (unit) => percent(unit[7])],
  ["Loss when held still", (unit) => unit[8], (unit) => change(unit[8])],
  ["Goes with", (unit) => unit[10], (unit) => unit[10]],
];

function buildUnits(host, report) {
  host.append(...paragraphs(report.unitsText));
  if (!report.units.length) return absent(host, report.notes.length);
  const units = report.units.map((unit) => unit.map((value, i) => (i >= 2 && i <= 8 ? num(value) : value)));
  const columns = UNIT_COLUMNS.filter(([, key]) =>
    units.some((unit) => {
      const value = key(unit);
      return typeof value === "number" ? !Number.isNaN(value) : value !== "";
    }),
  );
  const state = {
    column: columns.findIndex(([name]) => name === "Half-life"),
    down: true,
    all: units.length <= FIRST_UNITS,
  };
  const body = make("tbody");
  const heads = columns.map(([name, key], i) =>
    make(
      "th",
      { scope: "col", class: typeof key(units[0]) === "number" ? "number" : null },
      button(name, () => sort(i)),
    ),
  );
  const more = button(`Show all ${count(units.length)} units`, () => {
    state.all = true;
    show();
  });
  const show = () => {
    heads.forEach((head, i) =>
      head.setAttribute("aria-sort", i !== state.column ? "none" : state.down ? "descending" : "ascending"),
    );
    const sorted = sortedUnits(units, columns[state.column]?.[1] ?? ((unit) => unit[1]), state.down);
    body.replaceChildren(...(state.all ? sorted : sorted.slice(0, FIRST_UNITS)).map((unit) => unitRow(unit, columns)));
    more.hidden = state.all;
  };
  const sort = (column) => {
    state.down = column === state.column ? !state.down : typeof columns[column][1](units[0]) === "number";
    state.column = column;
    show();
  };
  show();
  const caption = make("caption", {}, `Units; half-life in ${plural(2, report.step)}`);
  host.append(
    make(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of units" },
      make("table", { class: "units" }, caption, make("thead", {}, make("tr", {}, heads)), body),
    ),
    more,
  );
  return null;
}

// What is unknown stands last, whichever way.
function sortedUnits(units, key, down) {
  const unknown = (value) => Number.isNaN(value) || value === "";
  return [...units].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (unknown(x) || unknown(y)) return unknown(x) - unknown(y);
    const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x === y ? 0 : x - y;
    return down ? -order : order;
  });
}

function unitRow(unit, columns) {
  const cells = columns.map(([name, key, text]) => {
    const cell = make("td", { class: typeof key(unit) === "number" ? "number" : null }, text(unit));
    if (name === "Unit" && unit[9])
      cell.append(" ", make("span", { class: "badge", title: "Its output hardly moves" }, "dead"));
    return cell;
  });
  return make("tr", {}, cells);
}
