// Colours of heat maps, told apart by everybody, and the theme they stand in.

const SEQUENTIAL = [
  "#440154",
  "#482878",
  "#3e4989",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
];
const DIVERGING = {
  light: ["#073b6b", "#2a78b5", "#86bbdc", "#f4f3ef", "#f0b37a", "#cf6a15", "#7a3203"],
  dark: ["#8fd0ff", "#3b93d1", "#1e4f78", "#1b1d22", "#74400f", "#d0721d", "#ffbd80"],
};

const theme = () => document.documentElement.dataset.theme;
const inks = new Map(); // of the present theme

function ink(name) {
  if (!inks.has(name)) inks.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return inks.get(name);
}

const stopsOf = (kind) => (kind === "sequential" ? SEQUENTIAL : DIVERGING[theme()]);
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// Colour at a share from 0 to 1 of a row of stops.
function mixed(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [channels(stops[left]), channels(stops[left + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (place - left)));
}

// For each byte of a heat map a pixel, where `share` says how far along the colours its meaning lies.
function palette(kind, share) {
  const pixels = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(pixels.buffer);
  const stops = stopsOf(kind);
  for (let code = 0; code <= SHADES; code++) bytes.set([...mixed(stops, share(code)), 255], 4 * code);
  return pixels; // what is missing stays clear
}

const gradient = (kind) => `linear-gradient(to right, ${stopsOf(kind).join(", ")})`;

// Light or dark as the system says, until somebody chooses; what is drawn by hand is drawn again.
class Theme {
  constructor(toggle) {
    this.changed = [];
    this.toggle = toggle;
    const system = matchMedia("(prefers-color-scheme: dark)");
    this.set(system.matches ? "dark" : "light");
    system.addEventListener("change", () => this.set(system.matches ? "dark" : "light"));
    toggle.addEventListener("click", () => this.set(theme() === "dark" ? "light" : "dark"));
    let before = "light";
    addEventListener("beforeprint", () => {
      before = theme();
      this.set("light");
    });
    addEventListener("afterprint", () => this.set(before));
  }

  set(name) {
    document.documentElement.dataset.theme = name;
    this.toggle.setAttribute("aria-pressed", String(name === "dark"));
    inks.clear();
    for (const tell of this.changed) tell();
  }
}
