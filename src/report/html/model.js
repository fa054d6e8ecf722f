// The report as numbers: what each node took by each measure, and how numbers are written.

/** What bars and the flame graph can show. A measure that is zero everywhere is not offered. */
const MEASURES = {
  time: { name: "Time", most: "Slowest nodes", write: inMs },
  cost: { name: "Cost", most: "Most costly nodes", write: decimal },
  blocks: { name: "Blocks", most: "Most blocks", write: count },
  io: { name: "I/O time", most: "Most I/O time", write: inMs },
  wal: { name: "WAL", most: "Most WAL", write: bytes },
};

/** PostgreSQL's default; a server built with another one is rare, and its plans do not say so. */
const BLOCK_BYTES = 8192;

/** Returns the statements of a report: it holds one, or a list. */
function readReport(report) {
  return (report.statements ?? [report]).map((json) => ({ json, model: null }));
}

/** Returns the numbers of a statement, computed at its first use. */
function modelOf(statement) {
  return (statement.model ??= model(statement.json));
}

function model(json) {
  const plan = json.plan ?? {};
  const nodes = inOrder((plan.nodes ?? []).map((node) => ({ id: node.id, json: node, children: [] })));
  const timed = json.basis !== "cost" && nodes.some((node) => node.json.self_ms != null);
  const rootCost = number(nodes[0]?.json.total_cost);
  for (const { json: node, own } of nodes) {
    own.time = timed ? number(node.self_ms) : 0;
    own.cost = timed ? 0 : number(node.self_share) * rootCost;
    own.blocks = blockCount(node.buffers_self);
    own.io = sum(Object.values(node.io_self ?? {}));
    own.wal = number(node.wal_self?.bytes);
  }
  const sums = {};
  for (const measure of Object.keys(MEASURES)) {
    for (const node of nodes) node.total[measure] = node.own[measure];
    // Children come after their parents. What is below a node in the tree can differ from its Total Time: an InitPlan
    // is shown where it is printed, though its time was spent inside the node that asked for it.
    for (const { parent, total } of nodes.toReversed()) if (parent) parent.total[measure] += total[measure];
    sums[measure] = sum(nodes.map((node) => node.own[measure]));
  }
  const parts = timed ? outsideParts(plan.outside) : [];
  const whole = { ...sums };
  if (timed) whole.time = json.whole_ms ?? plan.execution_ms ?? sums.time + sum(parts.map((part) => part.ms));
  const measures = Object.keys(MEASURES).filter((measure) => sums[measure] > 0);
  const marks = new Map();
  for (const finding of [...(json.findings ?? []), ...(json.notes ?? [])]) {
    marks.set(finding.node_id, [...(marks.get(finding.node_id) ?? []), finding]);
  }
  return { json, plan, nodes, byId: new Map(nodes.map((node) => [node.id, node])), timed, sums, whole, parts, measures, marks };
}

/** Links the nodes, parents before children; a node whose parent is unknown becomes a root. */
function inOrder(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const roots = [];
  const seen = new Set();
  for (const node of nodes) {
    const parent = byId.get(node.json.parent);
    node.parent = parent && seen.has(parent) ? parent : null;
    (node.parent ? node.parent.children : roots).push(node);
    seen.add(node);
  }
  const ordered = [];
  const stack = roots.reverse();
  while (stack.length > 0) {
    const node = stack.pop();
    node.index = ordered.length;
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    node.own = {};
    node.total = {};
    ordered.push(node);
    for (let i = node.children.length - 1; i >= 0; i -= 1) stack.push(node.children[i]);
  }
  for (let i = ordered.length - 1; i >= 0; i -= 1) {
    // The subtree of a node is one run of nodes; this is where it ends.
    const node = ordered[i];
    node.end = node.children.length > 0 ? node.children.at(-1).end : i + 1;
  }
  return ordered;
}

/** Returns the blocks that were asked for, of tables, indexes and temporary files. */
function blockCount(buffers) {
  if (!buffers) return 0;
  const { shared_hit, shared_read, local_hit, local_read, temp_read, temp_written } = buffers;
  return sum([shared_hit, shared_read, local_hit, local_read, temp_read, temp_written]);
}

/** Returns what took time outside the nodes. */
function outsideParts(outside) {
  const parts = [
    ["triggers", outside?.triggers_ms],
    ["serialization", outside?.serialization_ms],
    ["shutdown of workers", outside?.parallel_shutdown_ms],
    ["outside the plan", outside?.rest_ms],
  ];
  return parts.filter(([, ms]) => ms > 0).map(([name, ms]) => ({ name, ms }));
}

/** Returns how far the rows are from what was expected: `{times, word, isWrong}`, or null where nothing can be said. */
function misestimate({ json: { estimate } }) {
  if (!estimate) return null;
  const { expected, actual_low: low, factor, is_wrong: isWrong } = estimate;
  return { times: factor, word: low > expected ? "more" : "fewer", isWrong };
}

/** Returns how hot a share is, from 0 to 4: below 1 %, 10 %, 25 %, 50 %, and above. */
function heat(share) {
  return [0.01, 0.1, 0.25, 0.5].filter((limit) => share >= limit).length;
}

function sum(values) {
  return values.reduce((total, value) => total + number(value), 0);
}

function number(value) {
  return Number.isFinite(value) ? value : 0;
}

const GROUPED = [0, 1, 2, 3].map(
  (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

/** Writes milliseconds with about three digits, as `unit.rs` does. */
function milliseconds(ms) {
  const digits = ms < 0.1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
  return GROUPED[ms === 0 ? 0 : digits].format(ms);
}

function inMs(ms) {
  return `${milliseconds(ms)} ms`;
}

/** Writes what a person cannot read off milliseconds at a glance, as in ` (3 min 48 s)`. */
function minutes(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? "" : ` (${count(Math.floor(seconds / 60))} min ${seconds % 60} s)`;
}

/** Writes a count; PostgreSQL 18 has rows with decimals. */
function count(n) {
  return GROUPED[Number.isInteger(n) || n >= 100 ? 0 : 2].format(n);
}

function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

function decimal(n) {
  return GROUPED[n >= 1000 ? 0 : 2].format(n);
}

function percent(share) {
  const value = share * 100;
  return `${GROUPED[value >= 9.95 || value < 0.05 ? 0 : 1].format(value)} %`;
}

function times(factor) {
  return `${GROUPED[factor < 10 ? 1 : 0].format(factor)}×`;
}

function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  return `${GROUPED[unit > 0 && value < 9.95 ? 1 : 0].format(value)} ${units[unit]}`;
}
