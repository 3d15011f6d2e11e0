// Elements made by hand. What comes from the data only ever becomes text, never markup.

const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined) element.append(child);
  return element;
}

const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const button = (text, onclick, attributes = {}) => make("button", { type: "button", onclick, ...attributes }, text);

// Sentences as paragraphs; empty ones are none.
const paragraphs = (texts, kind = "measured") =>
  [texts]
    .flat()
    .filter(Boolean)
    .map((text) => make("p", { class: kind }, text));

function table(heads, rows) {
  const head = make(
    "tr",
    {},
    heads.map((each) => make("th", { scope: "col" }, each)),
  );
  const body = rows.map((row) =>
    make(
      "tr",
      {},
      row.map((cell) => make("td", {}, cell)),
    ),
  );
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, body)));
}

// A picture's numbers, for whom they say more than the picture; made when asked for.
function numbersOf(heads, rows) {
  const details = make("details", { class: "numbers" }, make("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(table(heads, rows()));
  });
  return details;
}

// What stands in a section whose measurement is not there.
function absent(host, notes) {
  const sentence = make("p", { class: "absent" }, "Not part of this report");
  if (notes) sentence.append(": the ", make("a", { href: "#notes" }, "notes"), " say why.");
  else sentence.append(".");
  host.append(sentence);
}
