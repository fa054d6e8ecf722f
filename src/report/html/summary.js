// Where the time goes, in one bar and in words, and what the rules found.

/** Most nodes that the summary's bar shows one by one. */
const N_SEGMENTS = 12;
/** Nodes below this share are drawn together. */
const SEGMENT = 0.01;

function showSummary(section, model) {
  const { json, plan, nodes, timed, sums, whole, parts } = model;
  if (nodes.length === 0) {
    fill(section, h("p", "There is no plan."));
    return;
  }
  const ms = (value) => h("b", inMs(value));
  const planned = plan.planning_ms != null && h("span.apart", "planning ", ms(plan.planning_ms));
  const facts = h("ul.chips", chips(model).map((text) => h("li", text)));
  if (!timed) {
    const estimated = nodes[0].json.loops == null
      ? "Not run: everything here is the planner's estimate. "
      : "Run without timing: rows and blocks are measured, times are not. ";
    const shares = "Bars show shares of the estimated cost.";
    const stack = h("div.stack", segmentsOf(model, "cost", whole.cost));
    fill(section, stack, h("p.sum", estimated, shares, planned), facts);
    return;
  }
  const planning = number(plan.planning_ms);
  const all = planning + whole.time;
  fill(
    section,
    h(
      "div.stack",
      planning > 0 && segment("planning", planning, all, "planning"),
      segmentsOf(model, "time", all),
      parts.map((part) => segment(part.name, part.ms, all, "outside")),
    ),
    h(
      "p.sum",
      h("span", "execution ", ms(whole.time), minutes(whole.time)),
      " = ",
      h("span", ms(sums.time), ` in ${plural(nodes.length, "node")}`),
      parts.map((part) => [" + ", h("span", ms(part.ms), part.name.startsWith("outside") ? " " : " in ", part.name)]),
      unbalanced(whole.time - sums.time - sum(parts.map((part) => part.ms)), plan.rounding_ms),
      planned,
      json.runs?.n_runs > 1 && h("span.apart", `median of ${json.runs.n_runs} runs, ${milliseconds(json.runs.min_ms)} to ${inMs(json.runs.max_ms)}`),
      plan.after_root_ms > 0 && h("span.apart", ms(plan.after_root_ms), " of it after the root, in data-modifying CTEs"),
    ),
    facts,
  );
}

/** Says how far the parts are from the whole, where that is more than the rounding of EXPLAIN's own numbers. */
function unbalanced(ms, rounding) {
  const isRounding = Math.abs(ms) <= number(rounding) + 0.01;
  return !isRounding && h("span.apart", `the parts are ${inMs(Math.abs(ms))} ${ms > 0 ? "short" : "over"}`);
}

/** Returns the bar's nodes in the order of the plan, and one segment for all that are small. */
function segmentsOf({ nodes, whole }, measure, all) {
  const big = nodes.filter((node) => node.own[measure] >= SEGMENT * all);
  const shown = new Set(big.toSorted((a, b) => b.own[measure] - a.own[measure]).slice(0, N_SEGMENTS));
  const others = nodes.filter((node) => !shown.has(node));
  const left = sum(others.map((node) => node.own[measure]));
  const link = (node) => {
    const own = node.own[measure];
    const label = `${plainTitle(node)}, ${MEASURES[measure].write(own)}`;
    const attributes = { "data-to": node.id, "aria-label": label, title: label, "data-heat": heat(own / whole[measure]) };
    return h("a.segment", { href: "#", ...attributes, css: { "--part": own / all } }, own / all >= 0.08 && node.json.node_type);
  };
  return [
    nodes.filter((node) => shown.has(node)).map(link),
    left > 0 && segment(plural(others.length, "other node"), left, all, "others", measure),
  ];
}

function segment(name, value, all, kind, measure = "time") {
  const title = `${name}, ${MEASURES[measure].write(value)}`;
  return h(`span.segment.${kind}`, { title, css: { "--part": value / all } }, value / all >= 0.12 && name);
}

/** Returns the facts beside the times. */
function chips({ nodes, plan, sums }) {
  const root = nodes[0].json;
  const buffers = root.buffers ?? {};
  const asked = sum([buffers.shared_hit, buffers.shared_read]);
  const temporary = sum([buffers.temp_read, buffers.temp_written]);
  const workers = Math.max(0, ...nodes.map(({ json }) => number(json.details?.["Workers Launched"])));
  const nSettings = Object.keys(plan.settings ?? {}).length;
  const size = (blocks) => bytes(blocks * BLOCK_BYTES);
  return [
    root.loops > 0 && plural(root.rows_actual, "row"),
    root.total_cost != null && `cost ${decimal(root.total_cost)}`,
    asked > 0 && `${plural(asked, "block")} (${size(asked)}), ${percent(number(buffers.shared_read) / asked)} read`,
    temporary > 0 && `${plural(temporary, "temporary block")} (${size(temporary)})`,
    sums.io > 0 && `${inMs(sums.io)} of I/O, over all processes`,
    sums.wal > 0 && `${bytes(sums.wal)} of WAL`,
    workers > 0 && plural(workers, "worker"),
    nSettings > 0 && `${plural(nSettings, "setting")} changed`,
  ].filter(Boolean);
}

function showFindings(section, { json, byId: nodes }) {
  const { findings = [], notes = [], fine = [] } = json;
  const link = (id) => nodes.has(id) && nodeLink(nodes.get(id));
  const list = (items, word, about = "") =>
    items.length > 0 && h("details", h("summary", plural(items.length, word), about), h("ul", items));
  const item = (finding) => h("li", findingText(finding, link(finding.node_id)));
  const fineItem = ({ node_id: id, message }) =>
    h("li", h("span.tick", { "aria-hidden": "true" }, "✓ "), h("span.message", message), " ", link(id));
  fill(
    section,
    findings.length > 0 ? h("ol", findings.map(item)) : json.findings && h("p.none", "No findings."),
    list(notes.map(item), "note"),
    list(fine.map(fineItem), "remark", " on what is fine"),
  );
}

function findingText({ rule, severity, saves_ms: ms, saves_share: share, message, remedy, index }, link) {
  const ofCost = share > 0 && `up to ${percent(share)} of the cost`;
  const saves = ms == null ? ofCost : `up to ${inMs(ms)}`;
  return h(
    "div.finding",
    { "data-severity": saves ? severity : "note" },
    h("p", saves && h("b", saves), ms > 0 && h("span.part", percent(number(share))), " ", h("span.message", message)),
    h("p.remedy", remedy),
    index && proposal(index),
    h("p.where", link, " ", h("span.rule", rule)),
  );
}

/** Returns an index to create, and what the planner says of it. */
function proposal({ ddl, cost_before: before, cost_after: after, helps }) {
  const check = after == null ? "not checked with the planner" : `planner: cost ${decimal(before)} → ${decimal(after)}`;
  if (helps === false) return h("p.remedy", `An index would not help (${check}).`);
  return h("pre.sql", `${ddl};\n`, h("span.comment", `-- ${check}`));
}
