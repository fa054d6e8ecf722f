//! A scan visits far more pages than its rows need.
//!
//! Why it matters: each page is a visit, and a read when it is not in memory. Example: 10,000 orders of one customer on 10,000
//! pages; a table of 100 rows on 5000 pages after a mass DELETE. Remedy: the table in the order of the index, or without its
//! dead space. Wrong when: the table is read by another order just as often. Needs BUFFERS. Silent where `not-index-only` or
//! `index-discards-rows` offers an index that needs fewer visits.

use super::{Observation, Subject, not_index_only};
use crate::plan::discarded::{MIN_FETCHED_SHARE, by_table, discarded, longest, title};
use crate::plan::indexable::{table, table_name};
use crate::plan::{Node, heap};
use crate::query::quote;
use crate::unit::estimate;

pub(super) const RULE: &str = "scattered-reads";
/// Pages below which a scan is fast anyway: 8 MB.
const MIN_PAGES: f64 = 1000.0;
/// Pages a row from which on rows count as scattered.
const MIN_PAGES_A_ROW: f64 = 0.5;
/// Rows that fit on a page at least: larger ones are moved to TOAST (`TOAST_TUPLES_PER_PAGE`).
const MIN_ROWS_A_PAGE: f64 = 4.0;
/// Rows that one search must find: a search for a single row visits a page of its own by nature.
const MIN_ROWS_A_SEARCH: f64 = 10.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let of_kind = |kinds: &'static [&'static str]| {
        let nodes = subject.plan.nodes.iter().filter(|node| node.is_run() && node.relation.is_some());
        nodes.filter(|node| kinds.contains(&node.kind.as_str()))
    };
    let by_index = by_table(subject, of_kind(&["Index Scan", "Bitmap Heap Scan"]));
    let scattered = by_index.into_iter().filter_map(|scans| scattered(subject, &scans));
    scattered.chain(of_kind(&["Seq Scan"]).filter_map(|scan| sparse(subject, scan))).collect()
}

/// What index scans visited.
#[derive(Clone, Copy, Debug, Default)]
struct Visits {
    rows: f64,
    pages: f64,
    /// Pages that would hold the rows if they lay together.
    needed: f64,
    /// Times that the index was searched.
    searches: f64,
    ms: f64,
}

fn scattered(subject: &Subject, scans: &[&Node]) -> Option<Observation> {
    let mut sum = Visits::default();
    for visits in scans.iter().filter_map(|scan| visits(subject, scan)) {
        sum.rows += visits.rows;
        sum.pages += visits.pages;
        sum.needed += visits.needed;
        sum.searches += visits.searches;
        sum.ms += visits.ms;
    }
    let is_scattered = sum.pages >= MIN_PAGES
        && sum.pages >= sum.rows * MIN_PAGES_A_ROW
        && sum.rows >= sum.searches * MIN_ROWS_A_SEARCH;
    let node = longest(subject, scans).filter(|_| is_scattered)?;
    let name = table_name(subject, node);
    let index = node.index.as_deref().or_else(|| {
        subject.plan.descendants(node.id).find(|below| below.is_a("Bitmap Index Scan"))?.index.as_deref()
    });
    let remedy = match index {
        Some(index) => format!(
            "{}CLUSTER {name} USING {}; brings rows that are read together onto the same pages; it locks the table, which \
             pg_repack does not. Repeat it as rows change, or let an index hold the columns that are read.",
            if scans.len() > 1 { "For each partition, as in " } else { "" },
            quote::identifier(index)
        ),
        None => {
            format!("Keep rows of {name} that are read together on the same pages: CLUSTER, or pg_repack.")
        }
    };
    let spared = (1.0 - sum.needed / sum.pages).max(0.0);
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(sum.ms * heap::visit_share(sum.rows, sum.rows, sum.pages) * spared),
        message: format!(
            "{} visits {} pages for {} rows",
            title(scans),
            estimate(sum.pages),
            estimate(sum.rows)
        ),
        remedy,
        index: None,
    })
}

fn visits(subject: &Subject, node: &Node) -> Option<Visits> {
    let removed = |key: &str| discarded(subject, node, key);
    let filtered = removed("Rows Removed by Filter");
    let is_others_matter = filtered.is_some_and(|rows| rows.share() >= MIN_FETCHED_SHARE);
    if is_others_matter || not_index_only::finding(subject, node).is_some() {
        return None;
    }
    let gone = [filtered, removed("Rows Removed by Index Recheck")].into_iter().flatten();
    let rows = node.rows_in_all()? + gone.map(|rows| rows.discarded).sum::<f64>();
    let pages = if node.is_a("Index Scan") {
        heap::page_visits(subject, node, rows)?
    } else {
        heap::blocks(subject, node)?.min(rows)
    };
    let searches = node.actual?.loops / subject.times.nodes[node.id].participants;
    Some(Visits {
        rows,
        pages,
        needed: rows / rows_a_page(subject, node),
        searches,
        ms: subject.self_ms(node.id),
    })
}

/// Returns what dead space costs a sequential scan.
fn sparse(subject: &Subject, node: &Node) -> Option<Observation> {
    let blocks = heap::blocks(subject, node).filter(|blocks| *blocks >= MIN_PAGES)?;
    // A filter may have read long values from TOAST, which are blocks too.
    let n_pages = table(subject.server, node).map(|table| f64::from(table.n_pages));
    if node.text("Filter").is_some() && n_pages.is_none_or(|n_pages| blocks > n_pages) {
        return None;
    }
    let loops = node.actual?.loops;
    let rows = node.rows_in_all()? + node.number("Rows Removed by Filter").unwrap_or(0.0) * loops;
    // Up to half a row of each loop may be lost to rounding.
    let rows_at_most = rows + if loops > 1.0 { loops / 2.0 } else { 0.0 };
    let needed = rows_at_most / MIN_ROWS_A_PAGE;
    if rows_at_most >= blocks {
        return None;
    }
    let name = table_name(subject, node);
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(subject.self_ms(node.id) * (1.0 - needed / blocks)),
        message: format!(
            "{} reads {} pages for {} rows: most of them are dead space",
            node.title(),
            estimate(blocks),
            estimate(rows)
        ),
        remedy: format!(
            "VACUUM (FULL, ANALYZE) {name}; gives the space back; it locks the table, which pg_repack does not. If it grows \
             again, vacuum oftener: ALTER TABLE {name} SET (autovacuum_vacuum_scale_factor = 0.02);"
        ),
        index: None,
    })
}

fn rows_a_page(subject: &Subject, node: &Node) -> f64 {
    table(subject.server, node)
        .filter(|table| table.n_pages > 0)
        .map_or(MIN_ROWS_A_PAGE, |table| table.planned_rows() / f64::from(table.n_pages))
        .max(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn scan(kind: &str, rows: f64, rest: &Value) -> Value {
        let mut scan = node(kind, 10.0, rows, &json!({"Relation Name": "t"}), &[]);
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        scan
    }

    #[test]
    fn finds_rows_on_pages_of_their_own() {
        let blocks = |n: u32| json!({"Shared Hit Blocks": n, "Index Name": "i"});
        assert_eq!(saves(check, &scan("Index Scan", 5000.0, &blocks(5053))), [6.0]);
        assert!(saves(check, &scan("Index Scan", 5000.0, &blocks(1053))).is_empty());
        assert_eq!(
            saves(check, &scan("Bitmap Heap Scan", 5000.0, &json!({"Shared Read Blocks": 5000}))),
            [6.0]
        );
        assert!(saves(check, &scan("Index Scan", 5000.0, &json!({}))).is_empty());
    }

    #[test]
    fn single_rows_are_not_scattered() {
        let rest = json!({"Shared Hit Blocks": 20_000, "Actual Loops": 5000, "Actual Total Time": 0.002});
        let inner = scan("Index Scan", 1.0, &rest);
        assert!(saves(check, &node("Nested Loop", 20.0, 5000.0, &json!({}), &[inner])).is_empty());
    }

    #[test]
    fn finds_dead_space() {
        assert_eq!(saves(check, &scan("Seq Scan", 100.0, &json!({"Shared Hit Blocks": 5000}))), [10.0]);
        assert!(saves(check, &scan("Seq Scan", 50_000.0, &json!({"Shared Hit Blocks": 5000}))).is_empty());
        // The blocks may be those of long values.
        let filtered = json!({"Shared Hit Blocks": 5000, "Filter": "(length(body) > 5)"});
        assert!(saves(check, &scan("Seq Scan", 100.0, &filtered)).is_empty());
        let never = json!({"Shared Hit Blocks": 0, "Actual Loops": 0});
        assert!(saves(check, &scan("Seq Scan", 0.0, &never)).is_empty());
    }
}
