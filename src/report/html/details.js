// Everything that is known of one node, and what there is to know of the statement when none is chosen.

/** Keys that the panel shows in a form of its own, or that are plain from the title. */
const SHOWN = new Set(
  "id parent title kind node_type subplan_name relation alias index schema relationship self_ms total_ms work_ms self_share participants slowest_process_ms startup_ms loops rows_actual rows_estimated estimate startup_cost total_cost width buffers buffers_self io io_self wal wal_self workers details".split(" "),
);

/** How many of the slowest nodes are listed. */
const N_SLOWEST = 8;

function showDetails(panel, model, current) {
  const node = model.byId.get(current.node);
  document.body.classList.toggle("chosen", node != null);
  fill(panel, node ? nodeDetails(model, node) : slowest(model, current.measure));
  panel.scrollTop = 0;
}

function slowest({ nodes, whole }, measure) {
  const top = nodes.filter((node) => node.own[measure] > 0).toSorted((a, b) => b.own[measure] - a.own[measure]);
  const item = (node) => {
    const share = node.own[measure] / (whole[measure] || 1);
    return h("li", nodeLink(node), h("span.amount", MEASURES[measure].write(node.own[measure])), bar(share));
  };
  return [
    top.length > 0 && h("h2", MEASURES[measure].most),
    h("ol.slowest", top.slice(0, N_SLOWEST).map(item)),
    h("p.hint", "Choose a node to see all that is known of it."),
  ];
}

function nodeDetails(model, node) {
  const { json } = node;
  const { whole } = model;
  const marks = model.marks.get(node.id) ?? [];
  const costs = [json.startup_cost, json.total_cost].filter((cost) => cost != null);
  const close = h("a.close", { href: address({ node: null }), "aria-label": "Close details" }, "×");
  const paid = (own, other) =>
    (model.plan.payments ?? [])
      .filter((payment) => payment[own] === node.id && model.byId.has(payment[other]))
      .map((payment) => h("span", nodeLink(model.byId.get(payment[other])), ` ${inMs(payment.paid_ms)}`));
  const others = Object.fromEntries(Object.entries(json).filter(([key]) => !SHOWN.has(key)));
  return [
    h("div.top", h("h2", titlePieces(node)), close),
    node.parent && h("p.path", "below ", nodeLink(node.parent)),
    marks.map((finding) => findingText(finding)),
    facts("Time", [
      ["self", model.timed && timeOf(node.own.time, whole.time)],
      ["with everything below", model.timed && json.total_ms != null && timeOf(json.total_ms, whole.time)],
      ["first row after", json.startup_ms != null && inMs(json.startup_ms)],
      ["processes", number(json.participants) > 1 && decimalOrCount(json.participants)],
      ["summed over processes", number(json.participants) > 1 && json.work_ms != null && inMs(json.work_ms)],
      ["slowest process", json.slowest_process_ms != null && inMs(json.slowest_process_ms)],
      ["waited for", paid("payer", "init_plan")],
      ["waited for by", paid("init_plan", "payer")],
    ]),
    facts("Rows", rowFacts(node)),
    facts("Estimated cost", [
      ["with everything below", costs.map(decimal).join(" … ")],
      ["self", node.own.cost > 0 && `${decimal(node.own.cost)}, ${percent(node.own.cost / whole.cost)}`],
    ]),
    resources("Blocks", json.buffers_self, json.buffers, count),
    resources("I/O, ms over all processes", json.io_self, json.io, milliseconds),
    resources("WAL", json.wal_self, json.wal, count),
    facts("Plan", [
      ["schema", json.schema],
      ["relationship", json.relationship],
      // A fact that is false is left out, but what EXPLAIN says is all shown.
      ...Object.entries({ ...json.details, ...others }).map(([key, value]) => [key, value === false ? "no" : value]),
    ]),
    workersTable(json.workers),
    facts("Children", [["", node.children.map((child) => nodeLink(child))]]),
  ];
}

function timeOf(ms, whole) {
  return `${milliseconds(ms)} ms${whole > 0 ? `, ${percent(ms / whole)}` : ""}`;
}

function decimalOrCount(n) {
  return Number.isInteger(n) ? count(n) : decimal(n);
}

function rowFacts(node) {
  const { json } = node;
  const off = misestimate(node);
  const loops = number(json.loops);
  const { estimate } = json;
  const isShared = estimate && estimate.expected !== json.rows_estimated;
  return [
    ["never executed", json.loops === 0 && "the node did not run"],
    ["rows a loop", json.rows_actual != null && loops > 0 && count(json.rows_actual)],
    ["expected a loop", json.rows_estimated != null && count(json.rows_estimated)],
    ["of all processes", isShared && `${count(estimate.actual_low)} came, ${count(estimate.expected)} expected`],
    ["against the estimate", off?.times >= 1.05 && `${times(off.times)} ${off.word}`],
    ["is that an error?", off?.times >= 10 && !off.isWrong && "no: the node was not read to its end, read again, or pruned"],
    ["loops", loops > 0 && count(loops)],
    ["rows in all", json.rows_actual != null && loops > 1 && count(Math.round(json.rows_actual * loops))],
    ["bytes a row, estimated", json.width != null && count(json.width)],
  ];
}

function section(heading, ...content) {
  return h("section", h("h3", heading), content);
}

/** Returns a list of names and values under a heading, without what is absent; null when nothing is left. */
function facts(heading, entries) {
  const isEmpty = (value) => typeof value === "object" && Object.keys(value ?? {}).length === 0;
  const given = entries.filter(([, value]) => value !== undefined && value !== false && value !== "" && !isEmpty(value));
  return given.length > 0 && section(heading, h("dl", given.map(pair)));
}

/** Returns a name and its value; long ones stand below each other. */
function pair([name, value]) {
  const element = content(value);
  const isLong = typeof value === "object" || `${value}`.length > 26;
  return [h("dt", { class: isLong && "long" }, name), h("dd", { class: isLong && "long" }, element)];
}

/** Returns any value of the report as text or lists. */
function content(value) {
  if (value instanceof Element) return value;
  if (Array.isArray(value)) return h("ul", value.map((item) => h("li", content(item))));
  if (typeof value === "object") return h("dl", Object.entries(value ?? {}).map(pair));
  if (typeof value === "number") return decimalOrCount(value);
  return value === true ? "yes" : String(value);
}

/** Returns a small table; the first cell of a row is its head. */
function smallTable(heads, rows) {
  const cells = ([first, ...others]) => h("tr", h("th", { scope: "row" }, first), others.map((cell) => cell !== null && h("td", cell)));
  const head = h("tr", heads.map((text) => h("th", { scope: "col" }, text)));
  return h("div.scroll", h("table", h("thead", head), h("tbody", rows.map(cells))));
}

/** Returns what a node used, itself and with everything below; nothing when that is nothing. */
function resources(heading, own, all, write) {
  const keys = Object.keys(all ?? {}).filter((key) => number(all[key]) > 0);
  const cell = (n) => n > 0 && write(n);
  const rows = keys.map((key) => [words(key), own && cell(own[key]), cell(all[key])]);
  return rows.length > 0 && section(heading, smallTable(own ? ["", "self", "with below"] : [], rows));
}

/** Returns a key of the report in plain words. */
function words(key) {
  return key.replace(/_ms$/, "").replaceAll("_", " ");
}

/** Returns what each worker did, one row a worker. */
function workersTable(list) {
  const workers = (list ?? []).map(({ details, buffers, ...own }) => ({ ...own, blocks: buffers && blockCount(buffers), ...details }));
  const isShown = (key) => workers.some((worker) => worker[key] != null && typeof worker[key] !== "object");
  const keys = [...new Set(workers.flatMap(Object.keys))].filter(isShown);
  const rows = workers.map((worker) => keys.map((key) => content(worker[key] ?? "")));
  return rows.length > 0 && section("Workers", smallTable(keys.map(words), rows));
}
