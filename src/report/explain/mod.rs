//! Explained statements: a tree with self times, findings, and the same as JSON.

mod findings;
mod json;
mod tree;

use std::fmt::Write as _;

pub(super) use self::findings::escaped;
use self::json::Report;
pub(super) use self::tree::{broken, fit, wrap};
use super::{Align, Document, Format, Style, Table};
use crate::plan::flame::folded;
use crate::plan::summary::{Group, by_index, by_node_type, by_table};
use crate::plan::{Basis, Buffers, Explained};
use crate::unit;

/// Returns the document of one statement, or of a list of them.
pub(crate) fn document<'a>(explained: &'a [Explained], is_single: bool, style: &Style) -> Document<'a> {
    let document = Document::new(Report { explained, is_single })
        .html(title(explained))
        .form(Format::Folded, || explained.iter().map(folded_stacks).collect())
        .csv(|| nodes(explained));
    explained.iter().fold(document, |document, one| statement(document, one, style))
}

fn title(explained: &[Explained]) -> &str {
    let first = explained.first().and_then(|one| one.name.as_deref().or(one.sql.as_deref()));
    first.unwrap_or("plans")
}

fn folded_stacks(explained: &Explained) -> String {
    let statement = explained.name.as_deref().or(explained.sql.as_deref()).unwrap_or("statement");
    folded(&explained.plan, &explained.times, statement)
}

/// One row a node, for spreadsheets.
fn nodes(explained: &[Explained]) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new([
        ("statement", left),
        ("id", right),
        ("parent", right),
        ("node", left),
        ("self_ms", right),
        ("total_ms", right),
        ("loops", right),
        ("rows", right),
        ("expected", right),
        ("cost", right),
        ("blocks_hit", right),
        ("blocks_read", right),
    ]);
    for one in explained {
        for node in &one.plan.nodes {
            let time = one.times.nodes[node.id];
            let ms =
                |ms: f64| if one.times.basis == Basis::Time { format!("{ms:.3}") } else { String::new() };
            let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
            let own = one.resources[node.id].buffers;
            let blocks = |blocks: fn(&Buffers) -> u64| own.as_ref().map(blocks).map(|n| n.to_string());
            table.row([
                one.name.clone().unwrap_or_default(),
                node.id.to_string(),
                node.parent.map(|parent| parent.to_string()).unwrap_or_default(),
                node.title(),
                ms(time.self_ms),
                ms(time.total_ms),
                number(node.actual.map(|actual| actual.loops)),
                number(node.actual.map(|actual| actual.rows)),
                number(node.plan_rows),
                number(node.total_cost),
                blocks(|buffers| buffers.shared_hit).unwrap_or_default(),
                blocks(|buffers| buffers.shared_read).unwrap_or_default(),
            ]);
        }
    }
    table
}

fn statement<'a>(mut document: Document<'a>, explained: &Explained, style: &Style) -> Document<'a> {
    if let Some(name) = &explained.name {
        document = document.heading(name.clone());
        if let Some(sql) = &explained.sql {
            document = document.text(style.dim(&tree::fit(&one_line(sql), style, 0)));
        }
    }
    document = document.text(tree::tree(explained, style)).text(balance(explained));
    if !explained.alternatives.is_empty() {
        document = document.table(alternatives(explained));
    }
    document =
        document.prose(findings::text(&explained.judgement, style), findings::markdown(&explained.judgement));
    for (heading, table) in tables(explained) {
        document = document.appendix(heading, table);
    }
    document
}

/// What was done on each table and index, and by each type of node.
fn tables(explained: &Explained) -> [(&'static str, Table); 3] {
    let Explained { plan, times, resources, .. } = explained;
    [
        ("By table", groups("table", &by_table(plan, times, resources), times.basis)),
        ("By index", groups("index", &by_index(plan, times, resources), times.basis)),
        ("By node type", groups("node type", &by_node_type(plan, times, resources), times.basis)),
    ]
}

fn groups(what: &str, groups: &[Group], basis: Basis) -> Table {
    let right = |name| (name, Align::Right);
    let spent = match basis {
        Basis::Time => "self ms",
        Basis::Cost => "cost",
    };
    let mut table = Table::new([
        (what, Align::Left),
        right("nodes"),
        right(spent),
        right("%"),
        right("rows"),
        right("loops"),
        right("blocks hit"),
        right("blocks read"),
    ]);
    for group in groups {
        let blocks = |count: fn(&Buffers) -> u64| group.buffers.as_ref().map(count).map(unit::count);
        table.row([
            group.name.clone(),
            group.n_nodes.to_string(),
            unit::milliseconds(group.self_ms),
            format!("{:.0}", group.share * 100.0),
            group.rows.map(unit::estimate).unwrap_or_default(),
            group.loops.map(unit::estimate).unwrap_or_default(),
            blocks(|buffers| buffers.shared_hit).unwrap_or_default(),
            blocks(|buffers| buffers.shared_read).unwrap_or_default(),
        ]);
    }
    table
}

/// Returns text with each run of white space as one space.
pub(super) fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Spells out that the times add up: the self times and what is outside are the execution time.
fn balance(explained: &Explained) -> String {
    let Explained { plan, times, .. } = explained;
    let ms = unit::milliseconds;
    if times.basis == Basis::Cost {
        let state = if plan.is_analyzed() { "was run without timing" } else { "was not run" };
        return format!("estimates only: the statement {state}, so shares are of its cost");
    }
    let mut text = String::new();
    if let Some(planning_ms) = plan.planning_ms {
        text = format!("planning {} ms, ", ms(planning_ms));
    }
    let outside = &times.outside;
    let _ = write!(
        text,
        "execution {} ms = self times {} + outside {}",
        ms(times.whole_ms),
        ms(times.inside_ms()),
        ms(outside.total_ms())
    );
    let parts: Vec<String> = [
        ("triggers", outside.triggers_ms),
        ("serialization", outside.serialization_ms),
        ("shutdown of workers", outside.parallel_shutdown_ms),
    ]
    .into_iter()
    .filter(|(_, part_ms)| *part_ms > 0.0)
    .map(|(label, part_ms)| format!("{label} {}", ms(part_ms)))
    .collect();
    if !parts.is_empty() {
        let _ = write!(text, " ({})", parts.join(", "));
    }
    if let Some(runs) = explained.runs {
        let _ = write!(
            text,
            "\nthe run in the middle of {}: {} ms, between {} and {} ms",
            runs.n_runs,
            ms(runs.median_ms),
            ms(runs.min_ms),
            ms(runs.max_ms)
        );
    }
    if times.after_root_ms > 0.0 {
        let _ = write!(text, "\nrun after the root: data-modifying CTEs, {} ms", ms(times.after_root_ms));
    }
    for trigger in &plan.triggers {
        let time = trigger.time_ms.map(|time_ms| format!(" {} ms in", ms(time_ms))).unwrap_or_default();
        let _ = write!(text, "\ntrigger {}{time} {} calls", trigger.name, unit::estimate(trigger.calls));
    }
    text
}

/// The same statement with other values, and without any.
fn alternatives(explained: &Explained) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new([
        ("values", left),
        ("parameters", left),
        ("rows", right),
        ("ms", right),
        ("cost", right),
        ("plan", left),
    ]);
    for alternative in &explained.alternatives {
        let parameters: Vec<&str> =
            alternative.parameters.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
        let plan = match (alternative.is_same_plan, &alternative.error) {
            (_, Some(error)) => error.clone(),
            (Some(true), None) => "same".to_owned(),
            (_, None) => "other".to_owned(),
        };
        table.row([
            alternative.values.clone(),
            parameters.join(", "),
            alternative.rows.map(unit::estimate).unwrap_or_default(),
            alternative.execution_ms.map(unit::milliseconds).unwrap_or_default(),
            alternative.total_cost.map(unit::estimate).unwrap_or_default(),
            plan,
        ]);
    }
    table
}
