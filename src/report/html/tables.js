// What was done by table, by index and by node type.

const TABLES = { by_table: "Tables", by_index: "Indexes", by_node_type: "Node types" };

/** A column's key in the report, its head and how a value is written; names sort upwards, numbers downwards. */
const TABLE_COLUMNS = [
  ["name", "Name", (value) => value],
  ["table", "Table", (value) => value],
  ["n_nodes", "Nodes", count],
  ["self_ms", "Self, ms", milliseconds],
  ["share", "Share", percent],
  ["rows", "Rows", count],
  ["loops", "Loops", count],
  ["blocks", "Blocks", count],
];

function showTables(view, { json, timed }, { sort }) {
  const tables = Object.entries(TABLES)
    .map(([key, caption]) => [key, caption, (json[key] ?? []).map((group) => ({ ...group, blocks: group.buffers && blockCount(group.buffers) }))])
    .filter(([, , groups]) => groups.length > 0);
  const focused = document.activeElement?.dataset?.sort;
  fill(view, tables.map(([key, caption, groups]) => table(key, caption, groups, sort, timed)));
  if (focused) [...view.querySelectorAll("[data-sort]")].find((button) => button.dataset.sort === focused)?.focus();
}

function table(key, caption, groups, sort, timed) {
  const columns = TABLE_COLUMNS.filter(([column]) => groups.some((group) => group[column] != null));
  const [sorted, column, direction] = sort?.match(/^(\w+)\.(\w+?)(-up)?$/)?.slice(1) ?? [];
  const by = sorted === key && columns.some(([name]) => name === column) ? column : columns.find(([name]) => name === "share")?.[0];
  const isUp = sorted === key && direction != null;
  const compare = (a, b) => {
    const [x, y] = [a[by] ?? -1, b[by] ?? -1];
    return x < y ? -1 : x > y ? 1 : 0;
  };
  const rows = by ? groups.toSorted((a, b) => (isUp ? compare(a, b) : compare(b, a))) : groups;
  const head = ([name, text]) => {
    const isText = name === "name" || name === "table";
    const next = name === by ? !isUp : isText;
    const turn = `${key}.${name}${next ? "-up" : ""}`;
    return h(
      "th",
      { scope: "col", class: name, "aria-sort": name === by ? (isUp ? "ascending" : "descending") : null },
      h("button", { type: "button", "data-sort": `${key}.${name}`, on: { click: () => go({ sort: turn }) } }, name === "self_ms" && !timed ? "Self cost" : text),
    );
  };
  const cell = (group, [name, , write]) => {
    const value = group[name];
    if (name === "name") {
      const link = h("a", { href: address({ view: "plan", node: null, find: value }), title: "Find in the plan" }, value);
      return h("th", { scope: "row", class: name }, link);
    }
    if (name === "share") return h("td", { class: name }, bar(value), h("span.percent", write(value)));
    return h("td", { class: name }, value != null && write(value));
  };
  return h(
    "div.scroll",
    h(
      "table",
      { id: key },
      h("caption", caption),
      h("thead", h("tr", columns.map(head))),
      h("tbody", rows.map((group) => h("tr", columns.map((column) => cell(group, column))))),
    ),
  );
}
