//! A btree on a column whose values come in the order of the rows, searched for ranges alone: a BRIN index does that.
//!
//! Why it matters: BRIN keeps the least and the greatest value of each 128 pages; what is as large as a share of the
//! table in a btree is some kilobytes there, and an INSERT hardly touches it. Example: `created_at` of a log: 24 kB in
//! the place of 11 MB, and 8 days are read from 901 pages in the place of 969 (500,000 rows, PostgreSQL 15). Remedy: the
//! BRIN index in the place of the btree.
//!
//! Wrong when: narrow ranges are wanted, as BRIN reads 128 pages at the least (one minute: 130 pages, with the btree 4);
//! single values, the least or the greatest one, an order, a join or the check of a foreign key: BRIN gives none of
//! these; rows are updated or deleted, as others then fill their places out of order. Then it is silent; without a
//! workload it only tells.

use super::asked::{self, Asked, Narrowing};
use super::judged::{self, Cure, Judged, Verdict};
use super::serving::foreign_keys;
use super::{Context, Observation, Severity};
use crate::catalog::IndexKey;
use crate::index::Method;
use crate::query::Test;
use crate::unit;

pub(super) const RULE: &str = "btree-on-append-only";
/// Correlation of the values with the places of their rows (`research/audit.md` §3).
const MIN_CORRELATION: f32 = 0.95;
/// Updates and deletes for each insert (`research/audit.md` §3).
const MAX_CHANGES_PER_INSERT: f64 = 0.01;
/// Pages, 8 kB each, or rows from which on the difference matters: 1 GB (`research/audit.md` §3).
const MIN_PAGES: f64 = 131_072.0;
const MIN_ROWS: f64 = 10_000_000.0;
/// Entries that a scan reads on the average, from which on scans are of long ranges: BRIN reads that many rows anyway.
const MIN_ENTRIES_PER_SCAN: f64 = 10_000.0;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::btrees(context).filter_map(|it| observe(context, &it)).collect()
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let index = judged.index;
    let [key] = index.keys.as_slice() else { return None };
    let column = key.column.as_ref()?;
    let is_large = judged.n_pages() >= MIN_PAGES || judged.n_rows >= MIN_ROWS;
    // A foreign key's check looks for single values, whichever table of the tree has the key.
    let refers = foreign_keys(context, judged.table).iter().any(|(_, it, _)| it.columns.contains(column));
    let is_plain = index.include.is_empty() && index.predicate.is_none() && !judged.is_protected();
    if !is_large || refers || !is_plain || !is_append_only(judged) {
        return None;
    }
    let correlation = correlation(judged, column)?;
    if correlation < MIN_CORRELATION {
        return None;
    }
    let asked: Vec<Asked> = context.uses(judged.table).filter(|asked| asked.names(key)).collect();
    if !asked.iter().all(|asked| wants_range_alone(asked, judged, key)) {
        return None;
    }
    let definition = judged.definition()?.by_method(Method::Brin);
    let brin_bytes = judged.fresh_bytes(&definition, &judged.measures());
    let message = format!(
        "{} takes {} for values that come in the order of the rows (correlation {correlation:.2}): a BRIN index takes {}",
        judged.describe(),
        unit::bytes(judged.size_bytes()),
        unit::bytes(brin_bytes),
    );
    let narrow =
        "A BRIN index reads 128 pages for the shortest range, and it serves no order and no single values";
    // Whatever the workload says: ranges of a few rows are what a BRIN index is worst at.
    let usage = index.usage.unwrap_or_default();
    let per_scan = judged::to_f64(usage.n_entries_read) / judged::to_f64(usage.n_scans).max(1.0);
    if usage.n_scans > 0 && per_scan < MIN_ENTRIES_PER_SCAN {
        return None;
    }
    let (severity, remedy, cure) = if asked.is_empty() {
        let remedy = format!(
            "Replace it if statements only want long ranges of it, which the workload tells. {narrow}."
        );
        (Severity::Low, remedy, Cure::default())
    } else {
        let remedy = format!(
            "Replace it: the workload's statements want nothing but ranges of it. {narrow}; keep the btree if the ranges \
             are of a few rows. Set autosummarize, so that new pages are summarized before VACUUM comes."
        );
        (Severity::Medium, remedy, judged.replace_by(definition))
    };
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// Whether hardly any row was changed or taken away. A server that has counted nothing says nothing.
fn is_append_only(judged: &Judged) -> bool {
    judged.activity().is_some_and(|activity| {
        let n_changed = judged::to_f64(activity.n_updated + activity.n_deleted);
        activity.n_inserted > 0 && n_changed < MAX_CHANGES_PER_INSERT * judged::to_f64(activity.n_inserted)
    })
}

/// How much the values lie in the order of the rows: of partitions the least that one has, as that of the whole is of
/// no use to any index.
fn correlation(judged: &Judged, column: &str) -> Option<f32> {
    let of_parts =
        judged.parts().into_iter().filter(|part| part.planned_rows() > 0.0).map(|part| {
            part.column(column).and_then(|it| it.statistics.as_ref()).and_then(|it| it.correlation)
        });
    of_parts.map(|correlation| correlation.map(f32::abs)).reduce(|a, b| Some(a?.min(b?))).flatten()
}

fn wants_range_alone(asked: &Asked, judged: &Judged, key: &IndexKey) -> bool {
    asked.narrowing(key) == Some(Narrowing::Range)
        && asked.tests(key).all(|test| test == Test::Range)
        && asked
            .table_use
            .orders
            .iter()
            .all(|order| order.items.iter().all(|item| !asked::is_key(&item.operand, key)))
        && asked.table_use.rows.is_empty()
        && !asked.is_covered_by(judged.index)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, index, owned, partition, table};
    use super::super::statistics_fixture::{correlated, values};
    use super::*;
    use crate::catalog::{Activity, Index, IndexUsage, Table};

    const RANGE: &str = "SELECT * FROM t WHERE created_at BETWEEN $1 AND $2";
    const BRIN: &str = "medium: create t USING brin (created_at) for i";

    /// Half a million times scanned, for a hundred thousand entries each.
    fn log(indexed: Index) -> Fixture {
        let usage = IndexUsage { n_scans: 500_000, n_entries_read: 50_000_000_000, ..IndexUsage::default() };
        let indexed = Index { usage: Some(usage), ..indexed };
        let mut log = table("t", &["id int8!", "created_at timestamptz", "line text"], vec![indexed]);
        (log.n_rows, log.n_pages) = (50_000_000.0, 800_000);
        log.activity = Some(Activity { n_inserted: 50_000_000, n_deleted: 1000, ..Activity::default() });
        Fixture::new(vec![log])
            .with_statistics("created_at", correlated(0.999, values(-1.0, &[])))
            .with_statistics("id", correlated(0.999, values(-1.0, &[])))
    }

    fn by_time() -> Fixture {
        log(index("i", &["created_at"]))
    }

    #[test]
    fn the_workload_decides() {
        for (statements, expected) in [
            (&[RANGE][..], BRIN),
            (&["SELECT * FROM t WHERE created_at > $1 AND line LIKE $2"], BRIN),
            (&["SELECT * FROM t WHERE line = $1", RANGE], BRIN),
            // Single values, orders, ends, joins and index-only scans are not for BRIN.
            (&["SELECT * FROM t WHERE created_at = $1"], ""),
            (&["SELECT * FROM t WHERE created_at > $1 ORDER BY created_at"], ""),
            (&["SELECT * FROM t ORDER BY created_at DESC LIMIT 10", RANGE], ""),
            (&["SELECT max(created_at) FROM t"], ""),
            (&["SELECT * FROM u JOIN t ON t.created_at = u.at"], ""),
            (&["SELECT count(*) FROM t WHERE created_at > $1"], ""),
            (&["SELECT * FROM t WHERE created_at IS NOT NULL AND created_at > $1"], ""),
        ] {
            by_time().asking(statements).check_verdict(check, expected);
        }
    }

    #[test]
    fn brin_has_no_direction() {
        log(index("i", &["-created_at"])).asking(&[RANGE]).check_verdict(check, BRIN);
    }

    /// Both sizes are shown, and what a narrow range would cost.
    #[test]
    fn shows_both() {
        let found = by_time().asking(&[RANGE]).check(check);
        assert_eq!(
            found[0].finding.message,
            "i (created_at) takes 30 MB for values that come in the order of the rows (correlation 1.00): a BRIN index \
             takes 224 kB"
        );
        assert!(found[0].finding.remedy.contains("128 pages"), "{found:?}");
    }

    /// Scans of few entries tell that single rows or narrow ranges are wanted, whatever the statements look like.
    #[test]
    fn counters_tell_of_narrow_ranges() {
        by_time().check_verdict(check, "low: no fix");
        let mut fixture = by_time();
        fixture.index_mut("i").usage.as_mut().unwrap().n_entries_read = 5_000_000;
        fixture.check_verdict(check, "");
        fixture.asking(&[RANGE]).check_verdict(check, "");
    }

    #[test]
    fn not_where_rows_change() {
        let with = |activity: Option<Activity>| {
            let mut fixture = by_time().asking(&[RANGE]);
            fixture.table_mut("t").activity = activity;
            fixture
        };
        let inserted = Activity { n_inserted: 1_000_000, ..Activity::default() };
        with(Some(inserted)).check_verdict(check, BRIN);
        with(Some(Activity { n_updated: 20_000, ..inserted })).check_verdict(check, "");
        with(Some(Activity { n_deleted: 20_000, ..inserted })).check_verdict(check, "");
        // A standby, or counters that were just reset.
        with(Some(Activity::default())).check_verdict(check, "");
        with(None).check_verdict(check, "");
    }

    #[test]
    fn not_small_tables_or_scattered_values() {
        let mut fixture = by_time().asking(&[RANGE]);
        let small = fixture.table_mut("t");
        (small.n_rows, small.n_pages) = (5_000_000.0, 80_000);
        fixture.check_verdict(check, "");
        let scattered = correlated(0.9, values(-1.0, &[]));
        by_time().with_statistics("created_at", scattered).asking(&[RANGE]).check_verdict(check, "");
        let backwards = correlated(-0.98, values(-1.0, &[]));
        by_time().with_statistics("created_at", backwards).asking(&[RANGE]).check_verdict(check, BRIN);
    }

    #[test]
    fn not_what_does_more() {
        let ranges = "SELECT * FROM t WHERE id > $1 AND id < $2";
        log(owned(index("t_pkey", &["id"]))).asking(&[ranges]).check_verdict(check, "");
        log(Index { is_unique: true, ..index("i", &["id"]) }).asking(&[ranges]).check_verdict(check, "");
        log(index("i", &["created_at", "id"])).asking(&[RANGE]).check_verdict(check, "");
        let included = Index { include: vec!["line".into()], ..index("i", &["created_at"]) };
        log(included).asking(&[RANGE]).check_verdict(check, "");
        let mut fixture = log(index("i", &["id"])).asking(&[ranges]);
        fixture.table_mut("t").constraints.push(foreign_key("fk", &["id"], 1, &["id"]));
        fixture.check_verdict(check, "");
    }

    /// The order within each partition counts, not that of the whole.
    #[test]
    fn of_partitions() {
        let mut fixture = by_time();
        let mut part = fixture.catalog.tables[0].clone();
        (part.oid, part.name) = (2, "part".into());
        part.indexes[0] =
            Index { oid: 201, parent: Some(101), name: "part_i".into(), ..part.indexes[0].clone() };
        fixture.catalog.tables.push(part);
        partition(&mut fixture.catalog, "t", "part");
        let column = &mut fixture.table_mut("t").columns[1];
        column.tree_statistics = column.statistics.take().map(|it| correlated(0.1, it));
        let mut fixture = fixture.asking(&[RANGE]);
        fixture.check_verdict(check, BRIN);
        fixture.table_mut("t").constraints.push(foreign_key("fk", &["created_at"], 1, &["created_at"]));
        fixture.check_verdict(check, "");
    }

    /// A partition's rows are checked by the foreign keys of its parent, of which it need not show any.
    #[test]
    fn parents_refer_for_their_partitions() {
        let mut fixture = by_time().asking(&[RANGE]);
        fixture.catalog.tables.push(Table { oid: 2, ..table("whole", &["created_at timestamptz"], vec![]) });
        partition(&mut fixture.catalog, "whole", "t");
        fixture.check_verdict(check, BRIN);
        fixture.table_mut("whole").constraints.push(foreign_key("fk", &["created_at"], 2, &["created_at"]));
        fixture.check_verdict(check, "");
    }
}
