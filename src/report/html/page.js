// The page: its title, its statements, and what is drawn anew when the address changes.

const statements = readReport(JSON.parse(byId("report").textContent));
let state = {};

const tree = makeTree(byId("plan"));
const flame = makeFlame(byId("flame"));

/** Draws what the address asks for, and only what differs from what is shown. */
function render() {
  const before = state;
  state = readState(statements);
  const isNew = before.statement !== state.statement;
  const changed = Object.fromEntries(Object.keys(START).map((key) => [key, isNew || before[key] !== state[key]]));
  const statement = statements[state.statement];
  const model = modelOf(statement);
  if (isNew) {
    showTitle(statement);
    showSummary(byId("summary"), model);
    showFindings(byId("findings"), model);
    showStatement(statement.json, model);
    tree.show(model, state.measure);
  }
  if (changed.view) showStatements();
  showViews(model);
  if (isNew || state.view === "plan") tree.update(state, changed);
  if (state.view === "flame") flame.update(model, state);
  if (state.view === "tables") showTables(byId("tables"), model, state);
  showDetails(byId("details"), model, state);
  for (const link of document.querySelectorAll("#summary a, #findings a")) link.href = renewed(link);
  byId("page").hidden = false;
}

/** A link made earlier goes on to its node, but keeps what is shown now. */
function renewed(link) {
  return address({ node: Number(link.dataset.to), view: link.closest("#findings") ? "plan" : state.view });
}

function showTitle({ json }) {
  const name = json.name ?? (oneLine(json.sql) || "Plan");
  fill(byId("title"), h("span", name));
  document.title = `${visible(name).slice(0, 80)} – perfkit explain`;
}

/** Returns a statement without its comments, on one line. */
function oneLine(sql) {
  return (sql ?? "").replace(/--.*$|\/\*[^]*?\*\//gm, "").trim().replace(/\s+/g, " ");
}

/** Lists the statements when there are several, with what they took. */
function showStatements() {
  if (statements.length < 2) return;
  const took = ({ json }) => json.whole_ms ?? json.plan?.execution_ms;
  const most = Math.max(...statements.map((statement) => number(took(statement))), Number.MIN_VALUE);
  const item = (statement, i) => {
    const { name, sql, findings = [] } = statement.json;
    const ms = took(statement);
    return h(
      "a",
      {
        href: address({ statement: i, node: null, zoom: null, measure: null, find: "", sort: null }),
        "aria-current": i === state.statement && "true",
      },
      h("b", name ?? `Statement ${i + 1}`),
      h("span.one-line", oneLine(sql).slice(0, 300)),
      bar(number(ms) / most),
      h("span.amount", ms == null ? "not timed" : inMs(ms)),
      h("span.amount", findings.length > 0 && plural(findings.length, "finding")),
    );
  };
  fill(byId("statements"), statements.map(item));
}

function showViews({ json }) {
  const isEmpty = { tables: Object.keys(TABLES).every((key) => !json[key]?.length) };
  const views = Object.entries(VIEWS).filter(([name]) => !isEmpty[name]);
  fill(
    byId("views"),
    views.map(([name, text]) => h("a", { href: address({ view: name }), "aria-current": name === state.view && "page" }, text)),
  );
  for (const name of Object.keys(VIEWS)) byId(name).hidden = name !== state.view;
}

/** Plan keys that are shown elsewhere. */
const PLAN_SHOWN = new Set(
  "nodes planning_ms execution_ms serialization_ms self_ms outside_ms outside after_root_ms rounding_ms planning_buffers payments triggers settings details".split(" "),
);

function showStatement(json, { plan }) {
  const others = Object.entries({ ...plan, ...plan.details }).filter(([key]) => !PLAN_SHOWN.has(key));
  const trigger = ({ name, relation, time_ms: ms, calls }) => [
    [name, relation && `on ${relation}`].filter(Boolean).join(" "),
    [ms != null && inMs(ms), plural(number(calls), "call")].filter(Boolean).join(" in "),
  ];
  fill(
    byId("statement"),
    json.sql
      ? h("pre.sql", { tabindex: 0, "aria-label": "SQL" }, highlighted(json.sql))
      : h("p.hint", "The plan came without its statement."),
    facts("Values", (json.parameters ?? []).map((value, i) => [`$${i + 1}`, value ?? "NULL"])),
    alternatives(json.alternatives ?? []),
    facts("Settings that are not the default", Object.entries(plan.settings ?? {})),
    facts("Triggers", (plan.triggers ?? []).map(trigger)),
    facts("Of the whole plan", others.map(([key, value]) => [key.endsWith("_ms") ? `${words(key)}, ms` : words(key), value])),
    resources("Blocks of planning", null, plan.planning_buffers, count),
  );
}

/** Returns what other values would have brought. */
function alternatives(list) {
  const shown = (value, write) => value != null && write(value);
  const row = (other) => [
    other.values,
    (other.parameters ?? []).map((value) => value ?? "NULL").join(", "),
    shown(other.total_cost, decimal),
    shown(other.execution_ms, inMs),
    shown(other.rows, count),
    other.error ?? shown(other.is_same_plan, (same) => (same ? "same plan" : "another plan")),
  ];
  return list.length > 0 && section("With other values", smallTable(["", "values", "cost", "time", "rows", ""], list.map(row)));
}

/** Returns SQL in pieces, with keywords, texts and comments told apart. */
function highlighted(sql) {
  const words =
    "AND|AS|ASC|BETWEEN|BY|CASE|DELETE|DESC|DISTINCT|ELSE|END|EXISTS|FROM|GROUP|HAVING|IN|INSERT|INTO|IS|JOIN|LATERAL|LEFT|LIKE|LIMIT|MATERIALIZED|MERGE|NOT|NULL|OFFSET|ON|OR|ORDER|OVER|PARTITION|RECURSIVE|RETURNING|SELECT|SET|THEN|UNION|UPDATE|USING|VALUES|WHEN|WHERE|WITH";
  const token = new RegExp(`(--[^\\n]*|/\\*[^]*?\\*/)|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|\\b(${words})\\b`, "gi");
  const pieces = [];
  let from = 0;
  for (const match of sql.matchAll(token)) {
    const [text, comment, literal, , keyword] = match;
    const kind = comment ? "comment" : literal ? "literal" : keyword ? "keyword" : null;
    pieces.push(sql.slice(from, match.index), kind ? h("span", { class: kind }, text) : text);
    from = match.index + text.length;
  }
  return [...pieces, sql.slice(from)];
}

addEventListener("hashchange", render);
addEventListener("keydown", ({ key, target }) => {
  if (key === "Escape" && state.node != null && !target.closest("#flame, input")) go({ node: null });
});
// On paper every view is shown.
addEventListener("beforeprint", () => {
  const model = modelOf(statements[state.statement]);
  tree.printAll();
  flame.update(model, state);
  showTables(byId("tables"), model, state);
  for (const details of document.querySelectorAll("#findings details")) details.open = true;
});
render();
