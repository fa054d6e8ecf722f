// The plan as a tree of rows, a treegrid: made lazily, so that plans of thousands of nodes show at once.

/** Rows laid out together; the browser skips the chunks that are off the screen. */
const CHUNK = 100;
/** Plans up to this size start unfolded; of larger ones, what took less than `COLD` of the whole starts folded. */
const UNFOLDED_NODES = 300;
const COLD = 0.005;
/** Milliseconds of work before the browser gets its turn. */
const SLICE_MS = 12;

/** What a reader needs to know of a node beside its name; the rest is in the details. */
const CONDITIONS =
  "Index Cond,Recheck Cond,Hash Cond,Merge Cond,TID Cond,Join Filter,Filter,One-Time Filter,Cache Key,Group Key,Sort Key".split(",");
const REMOVED = {
  "Join Filter": "Rows Removed by Join Filter",
  "Recheck Cond": "Rows Removed by Index Recheck",
  Filter: "Rows Removed by Filter",
};
/** Conditions beyond these are left to the details. */
const N_CONDITIONS = 4;
const COLUMNS = [
  ["what", "Node"],
  ["share", "Share", "Solid: the node itself. Pale: the node with everything below it."],
  ["self", "Self", "What the node took without its children"],
  ["total", "Total", "What the node took with everything below it"],
  ["rows", "Rows", "Rows a loop"],
  ["off", "vs. estimate", "How far the rows are from the planner's estimate"],
  ["loops", "Loops", "How often the node ran, over all processes"],
  ["blocks", "Blocks", "8 kB blocks that the node itself read, in memory or not, and wrote to temporary files"],
];

function makeTree(view) {
  let model;
  let rows;
  let folded;
  let shown = [];
  let current = null;
  let matches = [];
  let kept = null;
  let pending = null;
  const body = h("div.rows", { role: "presentation" });
  const grid = h("div.grid", { role: "treegrid", "aria-label": "Plan nodes" });
  const find = h("input", { type: "search", placeholder: "Find in the plan", "aria-label": "Find in the plan" });
  const found = h("span.found", { role: "status" });
  const measures = h("span.measures");
  const button = (text, click) => h("button", { type: "button", on: { click } }, text);
  const unfold = button("Unfold all", () => fold(() => false));
  const foldCold = button("Fold what is cold", () => fold(isCold));

  find.addEventListener("input", () => search(find.value));
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
  });
  find.addEventListener("change", () => history.replaceState(null, "", address({ find: find.value })));
  body.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.target.closest("a") || getSelection().toString()) return;
    const node = model.nodes[row.dataset.index];
    if (event.target.closest(".fold")) toggle(node);
    else go({ node: state.node === node.id ? null : node.id });
  });
  body.addEventListener("keydown", onKey);

  /** Shows a statement's plan, from its beginning. */
  function show(next, measure) {
    model = next;
    rows = new Map();
    current = model.nodes[0] ?? null;
    const large = model.nodes.length > UNFOLDED_NODES;
    folded = new Set(large ? model.nodes.filter((node) => isCold(node, measure)) : []);
    const heads = COLUMNS.map(([name, text, title]) => h("span", { class: name, role: "columnheader", title }, text));
    fill(grid, h("div.head", { role: "row" }, heads), body);
    fill(
      view,
      h("div.tools", measures, h("span.search", find, found), unfold, foldCold),
      grid,
    );
    const foldable = model.nodes.some((node) => node.children.length > 0);
    unfold.hidden = foldCold.hidden = !foldable || model.nodes.length < 8;
    measure && layOut();
  }

  /** Shows another measure, or marks another node. */
  function update({ measure, node, find: wanted }, changed) {
    fill(measures, measureLinks(model, measure));
    if (changed.measure) {
      rows.clear();
      grid.dataset.measure = measure;
      layOut();
    }
    if (changed.find && find.value !== wanted) find.value = wanted;
    if (changed.find || changed.measure) search(find.value);
    for (const row of body.querySelectorAll('[aria-selected="true"]')) row.setAttribute("aria-selected", "false");
    const selected = model.byId.get(node);
    if (selected) {
      reveal(selected);
      setCurrent(selected);
      rowOf(selected).setAttribute("aria-selected", "true");
      rowOf(selected).scrollIntoView({ block: "nearest" });
    }
  }

  function isCold(node, measure = state.measure) {
    const isMarked = (index) => model.marks.has(model.nodes[index].id);
    if (node.children.length === 0 || node.total[measure] >= COLD * model.whole[measure]) return false;
    for (let i = node.index + 1; i < node.end; i += 1) if (isMarked(i)) return false;
    return true;
  }

  function fold(isFolded) {
    folded = new Set(model.nodes.filter((node) => node.children.length > 0 && isFolded(node)));
    for (const [node, row] of rows) setFolded(node, row);
    layOut();
  }

  function toggle(node) {
    if (!folded.delete(node)) folded.add(node);
    setFolded(node, rowOf(node));
    layOut();
  }

  function setFolded(node, row) {
    if (node.children.length > 0) row.setAttribute("aria-expanded", String(!folded.has(node)));
  }

  function reveal(node) {
    let hidden = false;
    for (let above = node.parent; above; above = above.parent) {
      if (!folded.delete(above)) continue;
      hidden = true;
      if (rows.has(above)) setFolded(above, rows.get(above));
    }
    if (hidden) layOut();
  }

  /** Puts the rows that are not folded away into chunks: those of the first screens now, the others in slices. */
  function layOut(everything = false) {
    clearTimeout(pending);
    const focused = document.activeElement?.closest?.(".row");
    shown = [];
    for (let i = 0; i < model.nodes.length; i = folded.has(model.nodes[i]) ? model.nodes[i].end : i + 1) {
      shown.push(model.nodes[i]);
    }
    body.replaceChildren();
    let from = 0;
    const next = () => {
      const until = performance.now() + SLICE_MS;
      do {
        const part = shown.slice(from, (from += CHUNK));
        body.append(h("div.chunk", { role: "rowgroup", css: { "--rows": part.length } }, part.map(rowOf)));
      } while (from < shown.length && (everything || performance.now() < until));
      if (from < shown.length) pending = setTimeout(next);
      else view.dataset.rows = shown.length;
    };
    next();
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  function rowOf(node) {
    if (!rows.has(node)) rows.set(node, row(node));
    return rows.get(node);
  }

  function row(node) {
    const { json } = node;
    const { measure } = state;
    const whole = model.whole[measure] || 1;
    const [own, total] = [node.own[measure] / whole, node.total[measure] / whole];
    const never = json.loops === 0;
    const off = misestimate(node);
    const lines = conditions(node);
    const cell = (name, ...content) => h("span", { class: name, role: "gridcell" }, ...content);
    const { write } = MEASURES[measure];
    const loops = number(json.loops);
    const element = h(
      "div",
      {
        class: never ? "row never" : "row",
        role: "row",
        tabindex: node === current ? 0 : -1,
        "data-index": node.index,
        "data-node": node.id,
        "aria-level": node.depth + 1,
        "aria-selected": "false",
        css: { "--depth": node.depth },
      },
      cell(
        "what",
        node.children.length > 0 && h("button", { type: "button", class: "fold", tabindex: -1, "aria-hidden": "true" }),
        h("span.line", titlePieces(node), (model.marks.get(node.id) ?? []).map(mark), never && h("span.tag", "never executed")),
      ),
      cell("share", bar(own, total), h("span.percent", never ? "" : percent(own))),
      cell("self", never ? "–" : write(node.own[measure]).replace(/ ms$/, "")),
      cell("total", never ? "–" : write(node.total[measure]).replace(/ ms$/, "")),
      cell("rows", json.rows_actual == null ? estimated(json) : never ? "–" : count(json.rows_actual)),
      cell("off", off && estimateText(off)),
      cell("loops", loops > 1 && count(loops)),
      cell("blocks", node.own.blocks > 0 && count(node.own.blocks)),
      lines.length > 0 && cell("conditions", lines.map((text) => h("span.condition", text))),
    );
    setFolded(node, element);
    element.classList.toggle("miss", kept !== null && !kept.has(node));
    return element;
  }

  function estimated(json) {
    return json.rows_estimated == null ? "" : `~${count(json.rows_estimated)}`;
  }

  function mark(finding) {
    return h("span.mark", { "data-severity": finding.severity, title: finding.message }, finding.rule);
  }

  function setCurrent(node) {
    if (current && rows.has(current)) rowOf(current).tabIndex = -1;
    current = node;
    rowOf(node).tabIndex = 0;
  }

  function focus(node) {
    if (!node) return;
    setCurrent(node);
    rowOf(node).focus();
  }

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.classList.contains("row")) return;
    const node = model.nodes[event.target.dataset.index];
    const at = shown.indexOf(node);
    const isOpen = node.children.length > 0 && !folded.has(node);
    const actions = {
      ArrowDown: () => focus(shown[at + 1]),
      ArrowUp: () => focus(shown[at - 1]),
      Home: () => focus(shown[0]),
      End: () => focus(shown.at(-1)),
      ArrowRight: () => (isOpen ? focus(node.children[0]) : node.children.length > 0 && toggle(node)),
      ArrowLeft: () => (isOpen ? toggle(node) : focus(node.parent)),
      Enter: () => go({ node: state.node === node.id ? null : node.id }),
      " ": () => node.children.length > 0 && toggle(node),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  /** Dims what does not hold the words, in titles, names and details. */
  function search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const holds = (node) => {
      const { schema, relation } = node.json;
      node.text ??= `${plainTitle(node)} ${schema}.${relation} ${JSON.stringify(node.json.details)}`.toLowerCase();
      return words.every((word) => node.text.includes(word));
    };
    matches = words.length > 0 ? model.nodes.filter(holds) : [];
    kept = words.length > 0 ? new Set(matches) : null;
    for (const [node, row] of rows) row.classList.toggle("miss", kept !== null && !kept.has(node));
    found.textContent = kept ? `${count(matches.length)} of ${count(model.nodes.length)}` : "";
  }

  function nextMatch(step) {
    if (matches.length === 0) return;
    const at = matches.findIndex((node) => node.id === state.node);
    go({ node: matches.at((at + step) % matches.length).id, find: find.value });
  }

  return { show, update, printAll: () => layOut(true) };
}

/** Returns one line a condition, with the rows that it discarded over all loops. */
function conditions({ json }) {
  const details = json.details ?? {};
  const line = (key) => {
    const label = key.replace("Cond", "Condition").toLowerCase();
    const method = key === "Sort Key" && details["Sort Method"] ? ` (${details["Sort Method"]})` : "";
    const removed = Math.round(number(details[REMOVED[key]]) * number(json.loops));
    return `${label}: ${[details[key]].flat().join(", ")}${method}${removed > 0 ? ` – discards ${plural(removed, "row")}` : ""}`;
  };
  return CONDITIONS.filter((key) => details[key] != null).slice(0, N_CONDITIONS).map(line);
}

/** Says how far an estimate is off; ten and a hundred times are the usual bands. */
function estimateText({ times: factor, word, isWrong }) {
  if (factor < 2) return h("span", { role: "img", "aria-label": "as expected", title: "as expected" }, "≈");
  const band = isWrong === false || factor < 10 ? 0 : factor < 100 ? 1 : 2;
  return h("span.factor", { "data-off": band }, `${times(factor)} ${word}`);
}
