//! Two plans compared: one tree of both, or side by side where there is room, what changed, and why.

use serde_json::{Value, json};

use super::explain::{escaped, fit};
use super::style::visible_width;
use super::{Document, SCHEMA_VERSION, Style};
use crate::plan::diff::{Change, Difference, Mark, Row, Severity};
use crate::plan::{Basis, Explained, Node, Plan};
use crate::unit;

/// Narrower than this, two trees beside each other are cut too short to read.
const MIN_SIDE_BY_SIDE: usize = 120;
const INDENT: usize = 2;

/// Returns the document of a comparison.
pub(crate) fn document(
    before: &Explained,
    after: &Explained,
    difference: &Difference,
    style: &Style,
) -> Document<'static> {
    let sides = Sides { before, after, difference };
    let tree = if style.terminal && style.width >= MIN_SIDE_BY_SIDE {
        sides.side_by_side(style)
    } else {
        sides.merged(style)
    };
    let plain = Style { color: false, terminal: false, width: style.width };
    let causes = causes(difference, style);
    Document::new(json(before, after, difference))
        .prose(tree, fenced(&sides.merged(&plain)))
        .prose([changes(difference, style), causes].join("\n"), markdown(difference))
}

/// Writes a merged tree as a block that GitHub and GitLab color by the first character of each line.
fn fenced(tree: &str) -> String {
    // `!` is the mark of a changed line there.
    let lines = tree.lines().map(|line| match line.strip_prefix('~') {
        Some(rest) => format!("!{rest}\n"),
        None => format!("{line}\n"),
    });
    format!("```diff\n{}```\n", lines.collect::<Vec<_>>().concat())
}

/// Writes changes and causes as lists.
pub(super) fn markdown(difference: &Difference) -> String {
    let changes = difference.changes.iter().map(|change| {
        format!("- **{}** {} `{}`\n", change.severity.name(), escaped(&change.message), change.rule)
    });
    let causes = difference
        .causes
        .iter()
        .map(|cause| format!("- Because {} `{}`\n", escaped(&cause.message), cause.kind.name()));
    format!("{}- {}\n", changes.chain(causes).collect::<Vec<_>>().concat(), shape(difference))
}

fn shape(difference: &Difference) -> String {
    if difference.is_same_shape() {
        format!("same shape {}", difference.after_shape)
    } else {
        format!("shape {} → {}", difference.before_shape, difference.after_shape)
    }
}

/// Returns the changes, a line each, and whether the shape is the same.
pub(crate) fn changes(difference: &Difference, style: &Style) -> String {
    let lines = difference.changes.iter().map(|change| line(change, style));
    lines.chain([shape(difference)]).collect::<Vec<_>>().join("\n")
}

fn line(change: &Change, style: &Style) -> String {
    let word = format!("{:<8}", change.severity.name());
    let word = match change.severity {
        Severity::Critical => style.red(&word),
        Severity::Warning => style.yellow(&word),
        Severity::Better => style.green(&word),
        Severity::Info => word,
    };
    format!("{word}  {}  {}", change.message, style.dim(&format!("[{}]", change.rule)))
}

/// Returns the likely causes, a line each.
pub(crate) fn causes(difference: &Difference, style: &Style) -> String {
    let lines = difference.causes.iter().map(|cause| {
        format!(
            "{}  {}  {}",
            style.cyan("because"),
            cause.message,
            style.dim(&format!("[{}]", cause.kind.name()))
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

struct Sides<'a> {
    before: &'a Explained,
    after: &'a Explained,
    difference: &'a Difference,
}

/// A figure of a node, as text.
type Figure = fn(&Explained, &Node) -> Option<String>;

impl Sides<'_> {
    /// Returns the figures that both plans have, with their headers.
    fn figures(&self) -> Vec<(&'static str, Figure)> {
        let both = |has: fn(&Explained) -> bool| has(self.before) && has(self.after);
        let mut figures: Vec<(&'static str, Figure)> = Vec::new();
        if both(|explained| explained.times.basis == Basis::Time) {
            figures.push(("self ms", |explained, node| {
                Some(unit::milliseconds(explained.times.nodes[node.id].self_ms))
            }));
        }
        if both(|explained| explained.plan.nodes.first().is_some_and(|root| root.buffers.is_some())) {
            figures.push(("own blocks", |explained, node| {
                Some(unit::count(explained.resources[node.id].buffers?.shared()))
            }));
        } else {
            figures.push(("cost", |_, node| Some(format!("{:.2}", node.total_cost?))));
        }
        if both(|explained| explained.plan.is_analyzed()) {
            figures.push(("rows", |_, node| node.rows_in_all().map(unit::estimate)));
        } else {
            figures.push(("expected", |_, node| node.plan_rows.map(unit::estimate)));
        }
        figures
    }

    fn node(explained: &Explained, id: Option<usize>) -> Option<&Node> {
        Some(&explained.plan.nodes[id?])
    }

    /// Writes one tree with the nodes of both plans: `-` of the one before, `+` of the one after, `~`
    /// changed.
    fn merged(&self, style: &Style) -> String {
        let figures = self.figures();
        let mut lines: Vec<(Row, Vec<String>, String)> = Vec::new();
        for row in &self.difference.rows {
            let before = Self::node(self.before, row.before_id);
            let after = Self::node(self.after, row.after_id);
            let cells = figures.iter().map(|(_, figure)| {
                let old = before.and_then(|node| figure(self.before, node));
                let new = after.and_then(|node| figure(self.after, node));
                match (old, new) {
                    (Some(old), Some(new)) if old != new => format!("{old} → {new}"),
                    (old, new) => new.or(old).unwrap_or_default(),
                }
            });
            lines.push((*row, cells.collect(), self.titled(row)));
        }
        let widths: Vec<usize> = figures
            .iter()
            .enumerate()
            .map(|(i, (name, _))| {
                lines
                    .iter()
                    .map(|line| visible_width(&line.1[i]))
                    .chain([visible_width(name)])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let pad = |cells: &mut dyn Iterator<Item = &str>| {
            cells.zip(&widths).map(|(cell, width)| format!("{cell:>width$}  ")).collect::<Vec<_>>().concat()
        };
        let header = pad(&mut figures.iter().map(|(name, _)| *name));
        let mut text = vec![style.bold(&format!("  {header}plan"))];
        for (row, cells, title) in &lines {
            let numbers = pad(&mut cells.iter().map(String::as_str));
            let line = fit(&format!("{} {numbers}{title}", sign(row.mark)), style, 0);
            text.push(painted(row.mark, &line, style));
        }
        text.join("\n")
    }

    /// Names a row of the merged tree, indented.
    fn titled(&self, row: &Row) -> String {
        let before = Self::node(self.before, row.before_id);
        let after = Self::node(self.after, row.after_id);
        let (plan, node) = match (before, after) {
            (_, Some(node)) => (&self.after.plan, node),
            (Some(node), None) => (&self.before.plan, node),
            (None, None) => return String::new(),
        };
        let title = title(node);
        let note = match (row.mark, before) {
            (Mark::MovedAway | Mark::MovedHere, _) => "  (moved)".to_owned(),
            (Mark::Changed, Some(old)) if self::title(old) != title => {
                format!("  (was {})", self::title(old))
            }
            (Mark::Changed, _) => "  (other conditions)".to_owned(),
            _ => String::new(),
        };
        format!("{:indent$}{title}{note}", "", indent = depth(plan, node) * INDENT)
    }

    /// Writes the plan before on the left and the plan after on the right.
    fn side_by_side(&self, style: &Style) -> String {
        let figures = self.figures();
        // Three columns between the sides hold the mark.
        let half = style.width.saturating_sub(3) / 2;
        let sides = [(self.before, "before"), (self.after, "after")];
        let widths: Vec<usize> = figures
            .iter()
            .map(|(name, figure)| {
                let cells = sides.iter().flat_map(|(explained, _)| {
                    explained.plan.nodes.iter().filter_map(|node| figure(explained, node))
                });
                cells.map(|cell| visible_width(&cell)).chain([visible_width(name)]).max().unwrap_or(0)
            })
            .collect();
        let pad = |cells: &mut dyn Iterator<Item = String>| {
            cells.zip(&widths).map(|(cell, width)| format!("{cell:>width$}  ")).collect::<Vec<_>>().concat()
        };
        let side = |explained: &Explained, id: Option<usize>| {
            let Some(node) = Self::node(explained, id) else { return String::new() };
            let numbers =
                pad(&mut figures.iter().map(|(_, figure)| figure(explained, node).unwrap_or_default()));
            let indent = depth(&explained.plan, node) * INDENT;
            format!("{numbers}{:indent$}{}", "", title(node))
        };
        let header =
            |name: &str| format!("{}{name}", pad(&mut figures.iter().map(|(name, _)| (*name).to_owned())));
        let beside = |left: &str, mark: char, right: &str| {
            let cut = |side: &str| fit(side, style, style.width.saturating_sub(half));
            let (left, right) = (cut(left), cut(right));
            let gap = half.saturating_sub(visible_width(&left));
            format!("{left}{:gap$} {mark} {right}", "").trim_end().to_owned()
        };
        let mut lines = vec![style.bold(&beside(&header(sides[0].1), ' ', &header(sides[1].1)))];
        for row in &self.difference.rows {
            let line =
                beside(&side(self.before, row.before_id), sign(row.mark), &side(self.after, row.after_id));
            lines.push(painted(row.mark, &line, style));
        }
        lines.join("\n")
    }
}

fn title(node: &Node) -> String {
    match &node.subplan_name {
        Some(name) => format!("[{name}] {}", node.title()),
        None => node.title(),
    }
}

fn depth(plan: &Plan, node: &Node) -> usize {
    plan.ancestors(node.id).count()
}

fn sign(mark: Mark) -> char {
    match mark {
        Mark::Same => ' ',
        Mark::Changed => '~',
        Mark::Removed | Mark::MovedAway => '-',
        Mark::Added | Mark::MovedHere => '+',
    }
}

fn painted(mark: Mark, line: &str, style: &Style) -> String {
    match sign(mark) {
        '~' => style.yellow(line),
        '-' => style.red(line),
        '+' => style.green(line),
        _ => line.to_owned(),
    }
}

/// Returns a comparison as JSON, without a version: it is a part of other documents too.
pub(crate) fn difference_json(before: &Explained, after: &Explained, difference: &Difference) -> Value {
    let changes: Vec<Value> = difference
        .changes
        .iter()
        .map(|change| {
            json!({
                "rule": change.rule,
                "severity": change.severity.name(),
                "before_node_id": change.before_id,
                "after_node_id": change.after_id,
                "message": change.message,
            })
        })
        .collect();
    let causes: Vec<Value> = difference
        .causes
        .iter()
        .map(|cause| json!({ "kind": cause.kind.name(), "message": cause.message }))
        .collect();
    let nodes: Vec<Value> = difference
        .rows
        .iter()
        .map(|row| {
            json!({
                "mark": row.mark.name(),
                "before_node_id": row.before_id,
                "after_node_id": row.after_id,
                "before": row.before_id.map(|id| before.plan.nodes[id].title()),
                "after": row.after_id.map(|id| after.plan.nodes[id].title()),
            })
        })
        .collect();
    json!({
        "same_shape": difference.is_same_shape(),
        "regression": difference.is_regression(),
        "before": side_json(before, &difference.before_shape),
        "after": side_json(after, &difference.after_shape),
        "changes": changes,
        "causes": causes,
        "nodes": nodes,
    })
}

fn side_json(explained: &Explained, shape: &str) -> Value {
    let root = explained.plan.nodes.first();
    let buffers = root.and_then(|root| root.buffers);
    json!({
        "shape": shape,
        "total_cost": root.and_then(|root| root.total_cost),
        "rows": root.and_then(Node::rows_in_all),
        "shared_blocks": buffers.map(|buffers| buffers.shared()),
        "temp_written_blocks": buffers.map(|buffers| buffers.temp_written),
        "planning_ms": explained.plan.planning_ms.map(unit::json_ms),
        "execution_ms": explained.plan.execution_ms.map(unit::json_ms),
    })
}

fn json(before: &Explained, after: &Explained, difference: &Difference) -> Value {
    let mut json = json!({ "schema_version": SCHEMA_VERSION });
    if let (Value::Object(json), Value::Object(rest)) =
        (&mut json, difference_json(before, after, difference))
    {
        json.extend(rest);
    }
    json
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;
    use crate::plan::diff::diff;
    use crate::plan::read;
    use serde::Deserialize;

    fn explained(root: &Value) -> Explained {
        Explained::new(read::plan(json!({ "Plan": root })).unwrap(), None)
    }

    fn pair() -> (Explained, Explained) {
        let scan = |node_type: &str, blocks: u32, rest: &Value| {
            let mut scan = json!({"Node Type": node_type, "Relation Name": "t", "Alias": "t", "Plan Rows": 5,
                                  "Actual Rows": 5.0, "Actual Loops": 1, "Shared Hit Blocks": blocks});
            scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            scan
        };
        let sort = |child: &Value| {
            json!({"Node Type": "Sort", "Sort Key": ["b"], "Plan Rows": 5, "Actual Rows": 5.0, "Actual Loops": 1,
                   "Shared Hit Blocks": child["Shared Hit Blocks"], "Plans": [child]})
        };
        let limit = |child: &Value| {
            json!({"Node Type": "Limit", "Plan Rows": 5, "Actual Rows": 5.0, "Actual Loops": 1,
                   "Shared Hit Blocks": child["Shared Hit Blocks"], "Plans": [child]})
        };
        let before = limit(&scan("Index Scan", 4, &json!({"Index Name": "i", "Index Cond": "(a = 5)"})));
        let after = limit(&sort(&scan("Seq Scan", 500, &json!({"Filter": "(a = 5)"}))));
        (explained(&before), explained(&after))
    }

    fn render(format: Format, style: &Style) -> String {
        let (before, after) = pair();
        document(&before, &after, &diff(&before, &after), style).render(format, style).unwrap()
    }

    #[test]
    fn one_tree_has_marks() {
        let expected = "  own blocks  rows  plan
           0     5  Limit
+          0     5    Sort
~    4 → 500     5      Seq Scan on t  (was Index Scan using i on t)

critical  Seq Scan on t (500 blocks) instead of Index Scan using i on t (4 blocks)  [index-to-seq-scan]
critical  500 shared blocks instead of 4 (+12400 %), most of them in Seq Scan on t  [buffers]
info      5 rows are sorted by b, which were not before  [sort-added]
shape ";
        let text = render(Format::Text, &Style::PLAIN);
        let (start, hashes) = text.split_at(expected.len());
        assert_eq!((start, hashes.matches(" → ").count()), (expected, 1));
    }

    #[test]
    fn wide_terminals_have_two_trees() {
        let style = Style { color: false, terminal: true, width: 120 };
        let text = render(Format::Text, &style);
        let lines: Vec<&str> = text.lines().take(4).collect();
        let right = |line: &str| line.chars().skip(58).collect::<String>();
        assert_eq!(lines[0].split_whitespace().last(), Some("after"));
        assert_eq!(right(lines[2]), " +          0     5    Sort");
        assert!(lines[3].starts_with("         4     5    Index Scan using i on t"), "{text}");
        assert_eq!(right(lines[3]), " ~        500     5      Seq Scan on t");
        assert!(lines.iter().all(|line| line.chars().count() <= 120));
    }

    #[test]
    fn colors_hold_no_meaning() {
        let style = Style { color: true, terminal: false, width: 80 };
        colored::control::set_override(true);
        let colored = render(Format::Text, &style);
        let mut plain = String::new();
        let mut rest = colored.as_str();
        while let Some((text, escape)) = rest.split_once('\u{1b}') {
            plain += text;
            rest = escape.split_once('m').unwrap().1;
        }
        assert_ne!(colored, plain.clone() + rest);
        assert_eq!(plain + rest, render(Format::Text, &Style::PLAIN));
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Mirror {
        schema_version: u32,
        same_shape: bool,
        regression: bool,
        before: Side,
        after: Side,
        changes: Vec<ChangeMirror>,
        causes: Vec<CauseMirror>,
        nodes: Vec<NodeMirror>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Side {
        shape: String,
        total_cost: Option<f64>,
        rows: Option<f64>,
        shared_blocks: Option<u64>,
        temp_written_blocks: Option<u64>,
        planning_ms: Option<f64>,
        execution_ms: Option<f64>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct ChangeMirror {
        rule: String,
        severity: String,
        before_node_id: Option<usize>,
        after_node_id: Option<usize>,
        message: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct CauseMirror {
        kind: String,
        message: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct NodeMirror {
        mark: String,
        before_node_id: Option<usize>,
        after_node_id: Option<usize>,
        before: Option<String>,
        after: Option<String>,
    }

    #[test]
    fn json_is_an_interface() {
        let mirror: Mirror = serde_json::from_str(&render(Format::Json, &Style::PLAIN)).unwrap();
        assert!(mirror.regression && !mirror.same_shape);
        assert_eq!(mirror.before.shared_blocks, Some(4));
        let marks: Vec<&str> = mirror.nodes.iter().map(|node| node.mark.as_str()).collect();
        assert_eq!(marks, ["same", "added", "changed"]);
    }

    #[test]
    fn markdown_has_a_diff_and_a_list() {
        let markdown = render(Format::Markdown, &Style::PLAIN);
        let (tree, list) = markdown.split_once("```\n\n").unwrap();
        assert!(tree.starts_with("```diff\n  own blocks"), "{markdown}");
        assert!(tree.contains("\n!    4 → 500"), "{markdown}");
        assert!(list.starts_with("- **critical** Seq Scan on t"), "{markdown}");
        assert!(list.contains("`index-to-seq-scan`"), "{markdown}");
    }
}
