// Elements, text and the state that the address holds.

/** Control characters, and marks that turn the direction of text, hide in names: they are written out. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function visible(text) {
  const code = (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return String(text).replaceAll("\r\n", "\n").replace(HIDDEN, code);
}

/**
 * Makes an element. All text and every attribute goes through here as text, never as markup: a name in the plan may
 * hold anything. `on` holds listeners, `css` custom properties.
 */
function h(tag, ...children) {
  const { on = {}, css = {}, ...attributes } = children[0]?.constructor === Object ? children.shift() : {};
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value != null && value !== false) element.setAttribute(key, visible(value));
  }
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  for (const [property, value] of Object.entries(css)) element.style.setProperty(property, value);
  return fill(element, children);
}

/** Puts these into an element in place of what it holds; what is null, false or an empty list is left out. */
function fill(element, ...children) {
  const given = children.flat(Infinity).filter((child) => child != null && child !== false);
  element.replaceChildren(...given.map((child) => (child instanceof Node ? child : visible(child))));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

/** The views in the order of their tabs. */
const VIEWS = { plan: "Plan", flame: "Flame graph", tables: "Tables", statement: "Statement" };

/** What is shown; the address holds it, so that Back works and a link to a node can be sent along with the file. */
const START = { statement: 0, view: "plan", node: null, zoom: null, measure: null, find: "", sort: null };

/** Reads the state from the address; what is not understood is as at the start. */
function readState(statements) {
  const given = new URLSearchParams(location.hash.slice(1));
  const integer = (name, otherwise) => (/^\d{1,9}$/.test(given.get(name)) ? Number(given.get(name)) : otherwise);
  const statement = Math.min(Math.max(integer("statement", 1), 1), statements.length) - 1;
  const { byId, measures } = modelOf(statements[statement]);
  const node = (name) => byId.get(integer(name, null))?.id ?? null;
  return {
    statement,
    view: Object.hasOwn(VIEWS, given.get("view")) ? given.get("view") : START.view,
    node: node("node"),
    zoom: node("zoom"),
    measure: measures.includes(given.get("measure")) ? given.get("measure") : measures[0] ?? "time",
    find: given.get("find") ?? START.find,
    sort: given.get("sort"),
  };
}

/** Returns the address of the present state with these changes. */
function address(changes) {
  const next = { ...state, ...changes };
  const parameters = new URLSearchParams();
  const put = (name, value, usual) => value != null && value !== usual && parameters.set(name, value);
  put("statement", next.statement + 1, START.statement + 1);
  // An empty address would scroll to the top.
  put("view", next.view);
  put("node", next.node);
  put("zoom", next.zoom);
  put("measure", next.measure, modelOf(statements[next.statement]).measures[0]);
  put("find", next.find, START.find);
  put("sort", next.sort);
  return `#${parameters}`;
}

function go(changes) {
  location.hash = address(changes);
}

/** Links to a node of the present statement, by its title or by `text`. */
function nodeLink(node, text = plainTitle(node)) {
  return h("a", { href: address({ node: node.id }), class: "node", "data-to": node.id }, text);
}

/** Returns a node's title, `[SubPlan 1] Index Scan using i on t`. */
function plainTitle({ json }) {
  return (json.subplan_name ? `[${json.subplan_name}] ` : "") + titleOf(json);
}

function titleOf({ title, node_type: type }) {
  return title ?? type ?? "node";
}

/** Returns a node's title in pieces: the type stands out. */
function titlePieces({ json }) {
  const title = titleOf(json);
  const type = title.startsWith(json.node_type) ? json.node_type : "";
  return [
    json.subplan_name && h("span.subplan", json.subplan_name),
    h("span.title", h("b", type), title.slice(type.length)),
  ];
}

/** Returns a bar: pale for everything below a node, solid for the node itself. */
function bar(own, total = own) {
  const width = (share) => `${Math.min(100, share * 100).toFixed(3)}%`;
  return h("span.bar", { "aria-hidden": "true", "data-heat": heat(own), css: { "--own": width(own), "--total": width(total) } });
}

/** Returns the choice of what bars and frames show. */
function measureLinks({ measures }, measure) {
  const link = (name) =>
    h("a", { href: address({ measure: name }), "aria-current": name === measure && "true" }, MEASURES[name].name);
  return h("span.choice", { role: "group", "aria-label": "Measure" }, measures.length > 1 && measures.map(link));
}
