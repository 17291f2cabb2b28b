// Making elements. Text from the data only ever becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, attributes (`data-…`, `aria-…`, others in `attributes`) and children; empty children are left out. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  append(made, children);
  return made;
}

function append(parent, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== "" && child !== false) parent.append(child);
  }
}

function icon(name, className = "icon") {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", className);
  drawn.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  drawn.append(use);
  return drawn;
}

/** Text of a foreign direction must not turn its surroundings around. */
const isolated = (text) => element("bdi", {}, text);

/** Words in which `backticks` mark what is to be typed. */
function coded(text) {
  const parts = text.split("`");
  return element("bdi", {}, parts.map((part, place) => (place % 2 && parts.length % 2 ? element("code", {}, part) : part)));
}

const byId = (id) => document.getElementById(id);
