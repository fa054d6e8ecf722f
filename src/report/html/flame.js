// The flame graph: a frame's width is what a node took with everything below it.

/** Frames narrower than this part of the graph are drawn together as one. */
const NARROW = 0.0012;

function makeFlame(view) {
  const graph = h("div.frames", { role: "group", "aria-label": "Frames" });
  const said = h("span.said");
  const tools = h("div.tools");
  let frames = [];

  graph.addEventListener("click", (event) => choose(frames[event.target.closest(".frame")?.dataset.frame]));
  graph.addEventListener("keydown", onKey);
  for (const type of ["mouseover", "focusin"]) {
    graph.addEventListener(type, (event) => say(frames[event.target.closest(".frame")?.dataset.frame]));
  }
  view.append(tools, graph);

  function update(model, { measure, zoom, node }) {
    const zoomed = model.byId.get(zoom) ?? null;
    const back = zoomed && h("a.reset", { href: address({ zoom: null }) }, "Show all");
    fill(tools, measureLinks(model, measure), back, said);
    const hadFocus = graph.contains(document.activeElement);
    frames = framesOf(model, measure, zoomed);
    const rows = Math.max(0, ...frames.map((frame) => frame.row)) + 1;
    graph.style.setProperty("--rows", rows);
    fill(graph, frames.map((frame, i) => element(frame, i, node)));
    const first = frames.find((frame) => frame.node?.id === (zoom ?? node)) ?? frames[0];
    const entry = graph.children[frames.indexOf(first)];
    if (entry) entry.tabIndex = 0;
    if (hadFocus) entry?.focus();
    say(null);
  }

  function element(frame, i, selected) {
    const { left, width, row, own, kind, node } = frame;
    const id = node?.id;
    return h(
      "button",
      {
        type: "button",
        class: `frame ${kind}`,
        tabindex: -1,
        "data-frame": i,
        "data-node": id,
        "data-heat": kind === "plan" || kind === "above" ? heat(own) : null,
        "aria-label": `${frame.name}, ${described(frame)}`,
        "aria-current": id != null && id === selected && "true",
        css: { "--left": `${(left * 100).toFixed(4)}%`, "--width": `${(width * 100).toFixed(4)}%`, "--row": row },
      },
      width > 0.02 && h("span", frame.name),
    );
  }

  function say(frame) {
    const hint = "Click or press Enter to zoom; arrow keys move, Escape zooms out.";
    fill(said, frame ? [h("b", frame.name), " ", described(frame), frame.more] : hint);
  }

  function choose(frame) {
    if (!frame) return;
    if (frame.node) go({ node: frame.node.id, zoom: state.zoom === frame.node.id ? null : frame.node.id });
    else if (frame.kind === "whole") go({ zoom: null });
  }

  function onKey(event) {
    const button = event.target.closest(".frame");
    const at = frames[button?.dataset.frame];
    if (!at || event.altKey || event.ctrlKey || event.metaKey) return;
    const level = (row) => frames.filter((frame) => frame.row === row);
    const side = level(at.row);
    const center = at.left + at.width / 2;
    const holds = (frame) => frame.left <= center && center < frame.left + frame.width;
    const within = level(at.row + 1).filter((frame) => frame.left >= at.left - 1e-9 && frame.left < at.left + at.width);
    const targets = {
      ArrowRight: () => side[side.indexOf(at) + 1],
      ArrowLeft: () => side[side.indexOf(at) - 1],
      ArrowUp: () => level(at.row - 1).find(holds),
      ArrowDown: () => within.sort((a, b) => b.width - a.width)[0],
    };
    if (event.key === "Escape") go({ zoom: null });
    if (!targets[event.key]) return;
    event.preventDefault();
    const target = targets[event.key]();
    if (!target) return;
    button.tabIndex = -1;
    const next = graph.children[frames.indexOf(target)];
    next.tabIndex = 0;
    next.focus();
  }

  return { update };
}

function described({ value, share }) {
  return share == null ? value : `${value}, ${percent(share)}`;
}

/** Returns the frames from the statement down; `left` and `width` are parts of the graph's width. */
function framesOf(model, measure, zoomed) {
  const { write } = MEASURES[measure];
  const isTime = measure === "time";
  const planning = isTime ? number(model.plan.planning_ms) : 0;
  const parts = isTime ? [{ name: "planning", ms: planning }, ...model.parts].filter((part) => part.ms > 0) : [];
  const inside = model.sums[measure];
  const all = inside + sum(parts.map((part) => part.ms));
  if (!(all > 0)) return [];
  const whole = isTime ? model.whole.time : inside;
  const frames = [];
  const add = (frame) => frames.push({ more: "", own: 0, ...frame });
  add({ name: "statement", kind: "whole", left: 0, width: 1, row: 0, share: null, value: write(all) });
  const path = [];
  for (let node = zoomed; node; node = node.parent) path.unshift(node);
  const frame = (node, left, width, kind) => {
    const [own, total] = [node.own[measure], node.total[measure]];
    const more = own < total ? `; itself ${write(own)}, ${percent(own / whole)}` : "";
    const value = write(total);
    return { node, name: plainTitle(node), kind, left, width, row: node.depth + 1, share: total / whole, own: own / whole, value, more };
  };
  for (const above of path.slice(0, -1)) add(frame(above, 0, 1, "above"));
  const scale = 1 / (zoomed ? zoomed.total[measure] || 1 : all);
  let left = 0;
  const place = (name, ms, kind) => {
    add({ name, kind, left, width: ms * scale, row: 1, share: kind === "planning" ? null : ms / whole, value: write(ms) });
    left += ms * scale;
  };
  if (!zoomed && planning > 0) place("planning", planning, "planning");
  const stack = (zoomed ? [zoomed] : model.nodes.filter((node) => !node.parent)).map((node) => {
    const at = left;
    left += node.total[measure] * scale;
    return { node, left: at };
  });
  while (stack.length > 0) {
    const { node, left: at } = stack.pop();
    add(frame(node, at, node.total[measure] * scale, "plan"));
    let next = at;
    let narrow = null;
    const flush = () => {
      if (!narrow) return;
      const { n, total, left: from } = narrow;
      const name = `${count(n)} narrow nodes`;
      add({ name, kind: "narrow", left: from, width: total * scale, row: node.depth + 2, share: total / whole, value: write(total) });
      narrow = null;
    };
    for (const child of node.children) {
      const total = child.total[measure];
      if (total * scale >= NARROW) {
        flush();
        stack.push({ node: child, left: next });
      } else if (total > 0) {
        narrow ??= { n: 0, total: 0, left: next };
        narrow.n += 1;
        narrow.total += total;
      }
      next += total * scale;
    }
    flush();
  }
  if (!zoomed) for (const { name, ms } of model.parts) if (isTime) place(name, ms, "outside");
  return frames.sort((a, b) => a.row - b.row || a.left - b.left);
}
