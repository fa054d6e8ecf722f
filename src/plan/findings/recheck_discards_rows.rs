//! An index finds more rows than match, and the table is visited to tell them apart.
//!
//! Why it matters: each of those rows is fetched and compared again. Example: a BRIN index over a column that does not follow
//! the order of the table, a trigram index for a short text. Remedy: an index that is exact, or finer. Wrong when: the index is
//! small for that very reason and the statement is rare. Silent where memory ran out, which is `lossy-bitmap`.

use super::{Observation, Subject};
use crate::plan::discarded::{self, discarded, short};
use crate::plan::indexable::{self, table};
use crate::plan::serving;
use crate::query::quote;
use crate::unit::estimate;

pub(super) const RULE: &str = "recheck-discards-rows";
/// Share of the fetched rows (pev2's colours begin at half).
const MIN_SHARE: f64 = 0.5;
/// Rows below which nobody would change an index (joe: 100).
const MIN_ROWS: f64 = 100.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| !discarded::is_out_of_memory(node))
        .filter_map(|node| {
            let rows = discarded(subject, node, "Rows Removed by Index Recheck")?;
            // What the filter then removes did pass the recheck.
            let filtered = discarded(subject, node, "Rows Removed by Filter").map_or(0.0, |rows| rows.discarded);
            let share = rows.discarded / (rows.discarded + rows.kept + filtered).max(1.0);
            if rows.at_least < MIN_ROWS || rows.share_at_least() < MIN_SHARE || share < MIN_SHARE {
                return None;
            }
            let scan = subject.plan.descendants(node.id).find(|below| below.is_a("Bitmap Index Scan"));
            let index = node.index.as_deref().or_else(|| scan?.index.as_deref());
            let condition = node.text("Recheck Cond").or_else(|| node.text("Index Cond")).unwrap_or("its condition");
            let method = table(subject.server, node)
                .and_then(|table| table.indexes.iter().find(|own| Some(own.name.as_str()) == index))
                .map(|index| index.method.as_str());
            // Only BRIN knows nothing but pages.
            let is_brin = method == Some("brin") || method.is_none() && node.number("Lossy Heap Blocks") > Some(0.0);
            let quoted = index.map_or("its index".into(), quote::identifier);
            let (remedy, btree) = if is_brin {
                let (remedy, btree) =
                    serving::remedy(subject, node, &indexable::indexable(subject, node, condition), &[]);
                let brin = format!(
                    "To stay with BRIN: ALTER INDEX {quoted} SET (pages_per_range = 16); REINDEX INDEX CONCURRENTLY \
                     {quoted}; it needs a table in the order of the column."
                );
                (format!("{remedy} {brin}"), btree)
            } else {
                let remedy = format!(
                    "Search for something longer or more exact in {}, or use an operator class of {quoted} that keeps \
                     more of the value.",
                    short(condition)
                );
                (remedy, None)
            };
            Some(Observation {
                node_id: Some(node.id),
                saves: Some(subject.self_ms(node.id) * rows.recheck_share()),
                message: format!(
                    "{} fetches {} rows by {quoted}, of which {} do not match",
                    node.title(),
                    estimate(rows.discarded + rows.kept + filtered),
                    estimate(rows.discarded)
                ),
                remedy,
                index: btree,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn finds_rows_that_do_not_match() {
        let scan = |rest: Value| {
            let mut scan = node("Bitmap Heap Scan", 10.0, 100.0, &json!({"Relation Name": "t"}), &[]);
            scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            scan
        };
        assert_eq!(
            saves(check, &scan(json!({"Rows Removed by Index Recheck": 900, "Exact Heap Blocks": 10}))),
            [8.0]
        );
        assert_eq!(
            saves(check, &scan(json!({"Rows Removed by Index Recheck": 900, "Lossy Heap Blocks": 10}))),
            [8.0]
        );
        assert!(saves(check, &scan(json!({"Rows Removed by Index Recheck": 90}))).is_empty());
        let by_filter = json!({"Rows Removed by Index Recheck": 200, "Rows Removed by Filter": 300});
        assert!(saves(check, &scan(by_filter)).is_empty());
        let no_memory =
            json!({"Rows Removed by Index Recheck": 900, "Exact Heap Blocks": 9, "Lossy Heap Blocks": 9});
        assert!(saves(check, &scan(no_memory)).is_empty());
        // Half a row of each of 1000 scans may be rounding.
        assert!(
            saves(
                check,
                &scan(json!({"Rows Removed by Index Recheck": 1, "Actual Rows": 1, "Actual Loops": 1000}))
            )
            .is_empty()
        );
    }
}
