//! The rows that scans read and throw away, and why no index spared them.

use super::indexable::{Indexable, indexable, is_free_cast, is_own, is_partition};
use super::rows::{removed_at_least, rows_a_loop};
use super::{Node, Subject};
use crate::query::condition::{Condition, Operator, Wrapping};
use crate::unit::estimate;

/// What a scan's filter left, over all loops and processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Discarded {
    pub(crate) kept: f64,
    pub(crate) discarded: f64,
    /// The fewest rows that can have been discarded, because EXPLAIN rounds averages.
    pub(crate) at_least: f64,
    /// The most rows that can have been kept.
    pub(crate) kept_at_most: f64,
    /// Rows that one scan read, by all its processes.
    pub(crate) read_a_scan: f64,
}

/// What keeps an index from serving a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    /// A key of a JSON document is compared.
    Json(Condition),
    /// A function, a cast or arithmetic stands around the column.
    Unsargable(Condition),
    /// Nothing: every condition compares a column with one value.
    OnlyEquality,
    /// There is more than one way to serve the conditions, or none.
    Mixed,
}

/// A scan, or all those of one table's partitions, that another index might make cheaper.
#[derive(Debug)]
pub(crate) struct CostlyScan<'p> {
    /// The scan that takes most of the time.
    pub(crate) node: &'p Node,
    /// What was read for what, as in `Seq Scan on t reads 1,000 rows and keeps 1`.
    pub(crate) message: String,
    /// Time of the rows that were read for nothing, in the unit of `Subject::self_ms`.
    pub(crate) saves: f64,
    pub(crate) is_measured: bool,
    pub(crate) cause: Cause,
    pub(crate) indexable: Indexable,
}

/// Share of the rows that a sequential scan must discard before an index would be chosen (pgexplain: 0.9).
const MIN_DISCARDED_SHARE: f64 = 0.9;
/// Rows in a table below which an index would hardly be used (pgexplain for Go: 1000).
const MIN_READ_ROWS: f64 = 1000.0;
/// Share of the rows fetched by an index that must be discarded (`research/explain.md` §2, rules 3 and 9: half).
pub(crate) const MIN_FETCHED_SHARE: f64 = 0.5;
/// Rows fetched for nothing below which nobody would change an index (joe: 100).
const MIN_FETCHED_ROWS: f64 = 100.0;
/// Scans of an inner side from which on the join is at fault (rpg's threshold, that of `nested-loop-seq-scan`).
const MIN_REPEATED: f64 = 100.0;
/// Cost from which on an estimated scan is large: about 5000 rows (dryrun), at 100 rows a page and 0.0125 a row.
const MIN_COST: f64 = 100.0;
/// An index must be estimated to spare at least this share of the cost: estimates of rows are often wrong by two.
const MIN_ESTIMATED_SHARE: f64 = 0.5;
/// Operators that look into a `jsonb` document, some of them into arrays too (manual, "JSON Functions and Operators").
const JSON_OPERATORS: [&str; 5] = ["@>", "?", "?|", "?&", "@?"];
/// `random_page_cost` where nothing else is known.
const DEFAULT_RANDOM_PAGE_COST: f64 = 4.0;

/// Returns what the filter behind `key` (`Rows Removed by Filter`, …) left; `None` when it was not measured.
pub(crate) fn discarded(subject: &Subject, node: &Node, key: &str) -> Option<Discarded> {
    let actual = node.actual.filter(|actual| actual.loops > 0.0)?;
    let removed = node.number(key)?;
    let at_least = removed_at_least(node, key)?;
    let kept_at_most = rows_a_loop(actual, subject.plan.has_fractional_rows).1 * actual.loops;
    Some(Discarded {
        kept: actual.rows * actual.loops,
        discarded: removed * actual.loops,
        at_least,
        kept_at_most,
        read_a_scan: (actual.rows + removed) * subject.times.nodes[node.id].participants,
    })
}

impl Discarded {
    /// Share of the rows that were discarded, by the printed numbers.
    pub(crate) fn share(&self) -> f64 {
        self.discarded / (self.discarded + self.kept).max(1.0)
    }

    /// The smallest share of the rows that can have been discarded.
    pub(crate) fn share_at_least(&self) -> f64 {
        self.at_least / (self.at_least + self.kept_at_most).max(f64::MIN_POSITIVE)
    }

    /// Share of a bitmap scan's time that went into rows which the recheck discarded. Comparing a row takes a third of
    /// what passing it on takes: measured on PostgreSQL 15, 19 ms for 334,000 rows beside 16 ms for 100,000.
    pub(crate) fn recheck_share(&self) -> f64 {
        let compared = self.discarded / 3.0;
        compared / (compared + self.kept).max(1.0)
    }

    /// Returns what the scan did, to follow its title.
    pub(crate) fn verdict(&self) -> String {
        format!("reads {} rows and keeps {}", estimate(self.discarded + self.kept), estimate(self.kept))
    }
}

/// Returns why no index serves a scan's filter, and what one could serve of it.
pub(crate) fn cause(subject: &Subject, scan: &Node) -> Option<(Cause, Indexable)> {
    let indexable = indexable(subject, scan, scan.text("Filter")?);
    let is_only_equality = !indexable.equality.is_empty()
        && indexable.any.is_empty()
        && indexable.ranges.is_empty()
        && indexable.nulls.is_empty()
        && indexable.others.is_empty();
    let cause = if is_only_equality {
        Cause::OnlyEquality
    } else if !indexable.is_empty() {
        Cause::Mixed
    } else if let Some(condition) = indexable.others.iter().find(|condition| is_json(condition)) {
        Cause::Json(condition.clone())
    } else if let Some(condition) =
        indexable.others.iter().find(|condition| is_wrapped(subject, scan, condition))
    {
        Cause::Unsargable(condition.clone())
    } else {
        Cause::Mixed
    };
    Some((cause, indexable))
}

/// Returns the sequential scans that read much for little, by their measured rows, else by their cost.
pub(crate) fn costly_scans<'p>(subject: &Subject<'p>) -> Vec<CostlyScan<'p>> {
    let is_measured = subject.plan.is_analyzed();
    let scans = subject.plan.nodes.iter().filter(|node| node.is_a("Seq Scan"));
    let scans = scans.filter(|scan| scan.relation.is_some() && !is_repeated(subject, scan));
    by_table(subject, scans)
        .into_iter()
        .filter_map(|scans| {
            let (message, saves) =
                if is_measured { measured(subject, &scans)? } else { estimated(subject, &scans)? };
            let node = longest(subject, &scans)?;
            let (cause, indexable) = cause(subject, node)?;
            Some(CostlyScan { node, message, saves, is_measured, cause, indexable })
        })
        .collect()
}

/// Returns the scans by an index whose filter throws most of the fetched rows away.
pub(crate) fn discarding_index_scans<'p>(subject: &Subject<'p>) -> Vec<CostlyScan<'p>> {
    let is_by_index = |node: &&Node| {
        ["Index Scan", "Index Only Scan", "Bitmap Heap Scan"].iter().any(|kind| node.is_a(kind))
    };
    by_table(subject, subject.plan.nodes.iter().filter(is_by_index))
        .into_iter()
        .filter_map(|scans| {
            let rows = discarded_in_all(subject, &scans);
            if rows.at_least < MIN_FETCHED_ROWS || rows.share_at_least() < MIN_FETCHED_SHARE {
                return None;
            }
            let node = longest(subject, &scans)?;
            let (cause, indexable) = cause(subject, node)?;
            let message = format!("{} {}", title(&scans), rows.verdict());
            let saves = scans.iter().map(|scan| subject.self_ms(scan.id)).sum::<f64>() * rows.share();
            Some(CostlyScan { node, message, saves, is_measured: true, cause, indexable })
        })
        .collect()
}

/// Puts the scans of one table's partitions together, as one defect: those below the same node with the same filter.
pub(crate) fn by_table<'p>(subject: &Subject, scans: impl Iterator<Item = &'p Node>) -> Vec<Vec<&'p Node>> {
    let mut groups: Vec<(Option<_>, Vec<&Node>)> = Vec::new();
    for scan in scans {
        let group = is_partition(subject, scan).then(|| (scan.parent, unqualified_filter(scan)));
        match groups.iter_mut().find(|(known, _)| group.is_some() && *known == group) {
            Some((_, scans)) => scans.push(scan),
            None => groups.push((group, vec![scan])),
        }
    }
    groups.into_iter().map(|(_, scans)| scans).collect()
}

/// Returns the scan that takes most of the time, the first of them where there are several.
pub(crate) fn longest<'p>(subject: &Subject, scans: &[&'p Node]) -> Option<&'p Node> {
    let ms = |scan: &Node| subject.self_ms(scan.id);
    scans.iter().copied().max_by(|a, b| ms(a).total_cmp(&ms(b)).then(b.id.cmp(&a.id)))
}

/// Returns a condition as long as a message can hold.
pub(crate) fn short(condition: &str) -> String {
    const MAX_CHARS: usize = 60;
    if condition.chars().count() <= MAX_CHARS {
        return condition.to_owned();
    }
    condition.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}

/// Whether the bitmap of a scan did not fit into memory. An index that only knows pages (BRIN) gives no exact ones.
pub(crate) fn is_out_of_memory(scan: &Node) -> bool {
    let blocks = |key: &str| scan.number(key).unwrap_or(0.0);
    blocks("Lossy Heap Blocks") > 0.0 && blocks("Exact Heap Blocks") > 0.0
}

/// Whether a scan is repeated for each row of a join, which makes it the join's defect.
fn is_repeated(subject: &Subject, scan: &Node) -> bool {
    let rescans = scan.actual.map_or(0.0, |actual| actual.loops / subject.times.nodes[scan.id].participants);
    let is_below_loop = scan.parent.is_some_and(|parent| subject.plan.nodes[parent].is_a("Nested Loop"));
    is_below_loop && scan.relationship.as_deref() == Some("Inner") && rescans >= MIN_REPEATED
}

fn measured(subject: &Subject, scans: &[&Node]) -> Option<(String, f64)> {
    let rows = discarded_in_all(subject, scans);
    let saves = scans.iter().map(|scan| subject.self_ms(scan.id)).sum::<f64>() * rows.share();
    (rows.read_a_scan >= MIN_READ_ROWS && rows.share_at_least() >= MIN_DISCARDED_SHARE)
        .then(|| (format!("{} {}", title(scans), rows.verdict()), saves))
}

/// Adds up what the filters of several scans left.
fn discarded_in_all(subject: &Subject, scans: &[&Node]) -> Discarded {
    let mut sum = Discarded::default();
    for rows in scans.iter().filter_map(|scan| discarded(subject, scan, "Rows Removed by Filter")) {
        sum.kept += rows.kept;
        sum.kept_at_most += rows.kept_at_most;
        sum.discarded += rows.discarded;
        sum.at_least += rows.at_least;
        sum.read_a_scan += rows.read_a_scan;
    }
    sum
}

/// Returns what an index would spare at the most: one that returns the estimated rows reads a page for each at worst.
fn estimated(subject: &Subject, scans: &[&Node]) -> Option<(String, f64)> {
    let cost: f64 = scans.iter().map(|scan| subject.self_ms(scan.id)).sum();
    let rows: f64 = scans.iter().filter_map(|scan| scan.plan_rows).sum();
    let saves = cost - rows * random_page_cost(subject);
    (cost >= MIN_COST && saves >= cost * MIN_ESTIMATED_SHARE).then(|| {
        (
            format!(
                "{} reads all for an estimated {} rows, at cost {}",
                title(scans),
                estimate(rows),
                estimate(cost)
            ),
            saves,
        )
    })
}

fn random_page_cost(subject: &Subject) -> f64 {
    let printed = subject.plan.settings.get("random_page_cost").and_then(serde_json::Value::as_str);
    let known = printed.or_else(|| subject.server?.setting("random_page_cost"));
    known.and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_RANDOM_PAGE_COST)
}

/// Names a scan, or the first of several partitions.
pub(crate) fn title(scans: &[&Node]) -> String {
    let title = scans.first().map(|scan| scan.title()).unwrap_or_default();
    match scans.len() {
        0 | 1 => title,
        2 => format!("{title} with another partition"),
        n => format!("{title} with {} more partitions", n - 1),
    }
}

fn unqualified_filter(scan: &Node) -> String {
    let filter = scan.text("Filter").unwrap_or_default();
    let qualifier = scan.alias.as_deref().or(scan.relation.as_deref()).unwrap_or_default();
    filter.replace(&format!("{qualifier}."), "")
}

/// Whether a condition looks into a JSON document, be it under a cast.
fn is_json(condition: &Condition) -> bool {
    let looks_into = |expression: &String| expression.contains("->") || expression.contains("#>");
    let is_operator_of_json = matches!(
        &condition.operator,
        Operator::Other(operator) if JSON_OPERATORS.contains(&operator.as_str())
    );
    condition.expression.as_ref().is_some_and(looks_into)
        || is_operator_of_json && condition.wrapping.is_none() && is_about_json(&condition.sql)
}

fn is_about_json(sql: &str) -> bool {
    sql.contains("::jsonb")
        || sql.contains("::jsonpath")
        || sql.contains(" ? ")
        || sql.contains(" ?| ")
        || sql.contains(" ?& ")
}

/// Whether something stands around the one column that a condition compares with a value.
fn is_wrapped(subject: &Subject, scan: &Node, condition: &Condition) -> bool {
    let compares = matches!(
        condition.operator,
        Operator::Equal | Operator::Any | Operator::Range | Operator::Like { .. }
    );
    let own = condition.columns.iter().filter(|column| is_own(scan, column)).count();
    let Some(column) = condition.column.as_ref().filter(|column| is_own(scan, column)) else { return false };
    let stands_around = match &condition.wrapping {
        Some(Wrapping::Cast(to)) => !is_free_cast(subject, scan, column, to),
        Some(Wrapping::Function(_) | Wrapping::Expression) => true,
        Some(Wrapping::Json(_) | Wrapping::Row(_)) | None => false,
    };
    compares && own == 1 && stands_around
}
