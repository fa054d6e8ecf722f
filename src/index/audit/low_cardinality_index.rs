//! An index has a single key with few different values, most of which it cannot find faster than the table can be read.
//!
//! Why it matters: beyond some 10 % of the rows the planner reads the whole table, so the entries of common values are
//! written for nothing; they also keep updates of the column from being heap-only. Example: `(status)` on orders of
//! which 97 % are `done`, searched by `status = 'pending'`. Remedy: a partial index on the rare value, with the key
//! that its statements sort by; where all values are common, none.
//!
//! Wrong when: a foreign key needs it (deletes of parents look for their children); statements read, group or sort by
//! nothing but the column, for which an index-only scan is best; rows with the same value lie together, so that the
//! index reads a part of the table in one go; a value that the statistics have not seen is searched for; or it is
//! combined with others in a bitmap. What is unique, partial already, or has more columns is left alone, and so are
//! columns that are mostly NULL (`null-heavy-index`). Without a workload it only tells.

use super::asked::{self, Asked};
use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::{ColumnStatistics, IndexKey};
use crate::index::candidates::share_of_rows;
use crate::index::{Definition, Predicate};
use crate::query::quote;

pub(super) const RULE: &str = "low-cardinality-index";
/// Values up to which a column is a state rather than a measure (`research/audit.md` §3).
const MAX_VALUES: f64 = 10.0;
/// … or that many values have this share of the rows together (the check of dataegret's `pg-utils`).
const N_COMMON_VALUES: usize = 5;
const MIN_COMMON_SHARE: f64 = 0.95;
/// Share of the rows up to which an index finds a value faster than the whole table is read (`research/audit.md` §3).
const MAX_RARE_SHARE: f64 = 0.1;
/// Share of nulls from which on it is `null-heavy-index` that speaks.
const MAX_NULLS: f32 = 0.5;
/// Rows with the same value lie together from here on, as the planner counts with the square of it.
const CLUSTERED: f32 = 0.9;
/// Smaller indexes are in memory anyway.
const MIN_BYTES: u64 = 1 << 20;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::btrees(context).filter_map(|it| observe(context, &it)).collect()
}

/// How the rows fall on the values.
struct Values {
    n: f64,
    /// The share of the most common one, and of all that are too common for the index.
    greatest: f64,
    common: f64,
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let index = judged.index;
    let [key] = index.keys.as_slice() else { return None };
    let is_plain = index.include.is_empty() && index.predicate.is_none() && !judged.is_protected();
    if !is_plain || judged.size_bytes() < MIN_BYTES || judged.is_alone_for_foreign_key() {
        return None;
    }
    let values = values(judged.statistics(key)?, judged.n_rows)?;
    let asked: Vec<Asked> = context.uses(judged.table).filter(|asked| asked.names(key)).collect();
    let needs_all = |asked: &Asked| asked.sorting(key).is_some() || asked.is_covered_by(index);
    if asked.iter().any(needs_all) {
        return None;
    }
    let (severity, remedy, cure) = if asked.is_empty() {
        without_workload(judged, &values)?
    } else {
        put_right(judged, key, &values, &asked)?
    };
    let message = format!(
        "{} has {} values, of which the most common one has {:.0} % of the rows: the index does not help to find what \
         {:.0} % of the rows have",
        judged.describe(),
        values.n.round(),
        100.0 * values.greatest,
        100.0 * values.common,
    );
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// Returns `None` for a column of many values, of clustered ones, or one that is mostly NULL.
fn values(statistics: &ColumnStatistics, n_rows: f64) -> Option<Values> {
    let mut shares: Vec<f64> =
        statistics.most_common_freqs.iter().flatten().map(|share| f64::from(*share)).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    let n = judged::n_distinct(statistics, n_rows)?;
    let top: f64 = shares.iter().take(N_COMMON_VALUES).sum();
    let is_low = n <= MAX_VALUES || top >= MIN_COMMON_SHARE;
    let is_clustered = statistics.correlation.is_some_and(|correlation| correlation.abs() >= CLUSTERED);
    let common: f64 = shares.iter().filter(|share| **share > MAX_RARE_SHARE).sum();
    // Where correlation is of one value that nearly all rows have, it says nothing of the others.
    let is_useless =
        common > 0.0 && (!is_clustered || shares.first().is_some_and(|share| *share >= MIN_COMMON_SHARE));
    (is_low && is_useless && statistics.null_frac < MAX_NULLS).then(|| Values {
        n,
        greatest: shares.first().copied().unwrap_or_default(),
        common,
    })
}

fn without_workload(judged: &Judged, values: &Values) -> Option<(Severity, String, Cure)> {
    let usage = judged.index.usage.unwrap_or_default();
    // Whoever reads a rare value alone reads few entries a scan.
    let per_scan = judged::to_f64(usage.n_entries_read) / judged::to_f64(usage.n_scans).max(1.0);
    // Index-only scans fetch no rows; bitmap scans do, but their fetches are counted with the table: they look the same.
    let is_read_alone = usage.n_entries_read > 0 && usage.n_rows_fetched == 0;
    if is_read_alone
        || usage.n_scans > 0 && per_scan <= MAX_RARE_SHARE * judged.n_rows && values.common < MIN_COMMON_SHARE
    {
        return None;
    }
    let column = judged.index.keys.first().map(judged::key_sql).unwrap_or_default();
    let remedy = format!(
        "If only rare values of {column} are searched for, index the rows that have them (CREATE INDEX … WHERE {column} \
         = …), with the key that they are sorted by; if common ones are, drop it, as the table is read anyway. Which it \
         is, the workload tells."
    );
    Some((Severity::Low, remedy, Cure::default()))
}

/// Returns what to do for what the workload asks; `None` when the index is right for it.
fn put_right(
    judged: &Judged,
    key: &IndexKey,
    values: &Values,
    asked: &[Asked],
) -> Option<(Severity, String, Cure)> {
    let column = judged::key_sql(key);
    let conditions = asked.iter().flat_map(|asked| {
        let of_key = asked.table_use.conditions.iter().filter(|it| asked::is_key(&it.operand, key));
        of_key.map(move |condition| (asked, condition))
    });
    let conditions: Vec<_> = conditions.collect();
    let share = |at: usize| {
        conditions[at].1.fixed.as_ref().and_then(|_| share_of_rows(conditions[at].1, judged.table))
    };
    let is_rare = |at: &usize| share(*at).is_some_and(|share| share <= MAX_RARE_SHARE);
    let is_common = |at: &usize| share(*at).is_some_and(|share| share > MAX_RARE_SHARE);
    let is_joined = asked.iter().any(|asked| asked.is_joined_by(key));
    let rare: Vec<usize> = (0..conditions.len()).filter(is_rare).collect();
    let is_all_known = !is_joined && (0..conditions.len()).all(|at| is_rare(&at) || is_common(&at));
    if values.common >= 1.0 - f64::EPSILON.sqrt() || is_all_known && rare.is_empty() {
        let remedy = format!(
            "Drop it: what the workload's statements want of {column} is so much of the table that it is read as a \
             whole. Keep it where a statement outside of the workload reads {column} alone."
        );
        return Some((Severity::Medium, remedy, judged.drop()));
    }
    if !is_all_known {
        // A value that comes as a parameter may be a rare one, and then the index is right.
        return None;
    }
    let texts: Vec<&str> = rare.iter().filter_map(|at| conditions[*at].1.fixed.as_deref()).collect();
    let first = texts.first()?;
    if texts.iter().any(|text| text != first) {
        let remedy = format!(
            "Index only the rows that are searched for: a partial index for each of {}, or one for all of them.",
            texts.join(" and ")
        );
        return Some((Severity::Medium, remedy, Cure::default()));
    }
    let sorted = rare.iter().find_map(|at| {
        let order = conditions[*at].0.table_use.orders.first()?;
        Some(order.items.iter().map(judged::sort_key).collect::<Vec<_>>())
    });
    let definition = judged.definition()?;
    let keys = sorted.filter(|keys| !keys.is_empty()).unwrap_or_else(|| definition.keys.clone());
    let predicate = Predicate { sql: (*first).to_owned(), columns: key.column.iter().cloned().collect() };
    let table = quote::identifier(&judged.table.name);
    let remedy = format!(
        "Index only what is searched for: {first} is the only condition on {column} in the workload's statements on \
         {table}. A statement that has the value as a parameter cannot use the partial index."
    );
    let partial = Definition { keys, predicate: Some(predicate), ..definition };
    Some((Severity::Medium, remedy, judged.replace_by(partial)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, index, owned, table};
    use super::super::statistics_fixture::{common, correlated, values, with_nulls};
    use super::*;
    use crate::catalog::{Index, IndexUsage};

    const PENDING: &str = "SELECT * FROM t WHERE status = 'pending'";
    const PENDING_SORTED: &str = "SELECT * FROM t WHERE status = 'pending' ORDER BY created_at LIMIT 10";
    const DONE: &str = "SELECT * FROM t WHERE status = 'done'";
    const ANY: &str = "SELECT * FROM t WHERE status = $1";
    const PARTIAL: &str = "medium: create t (status) WHERE status = 'pending' for i";

    fn orders(indexed: Index, statistics: ColumnStatistics) -> Fixture {
        let columns =
            &["id int8!", "status text", "created_at timestamptz", "is_paid bool", "customer_id int8"];
        let fixture = Fixture::new(vec![table("t", columns, vec![indexed])]);
        let column = fixture.catalog.tables[0].indexes[0].keys[0].column.clone();
        fixture.with_statistics(column.as_deref().unwrap_or("status"), statistics)
    }

    fn skewed() -> ColumnStatistics {
        common("{done,pending,failed}", &[0.97, 0.02, 0.01])
    }

    fn by_status(statistics: ColumnStatistics) -> Fixture {
        orders(index("i", &["status"]), statistics)
    }

    #[test]
    fn the_workload_decides() {
        for (statements, expected) in [
            (&[][..], "low: no fix"),
            (&[PENDING], PARTIAL),
            (&[PENDING_SORTED], "medium: create t (created_at) WHERE status = 'pending' for i"),
            // Common values are not found by it anyway.
            (&[PENDING, DONE], PARTIAL),
            (&[DONE], "medium: drop i"),
            (&[PENDING, "SELECT * FROM t WHERE status = 'failed'"], "medium: no fix"),
            // A parameter may be the rare value.
            (&[ANY], ""),
            (&[PENDING, ANY], ""),
            (&["SELECT * FROM t JOIN u ON u.status = t.status"], ""),
        ] {
            by_status(skewed()).asking(statements).check_verdict(check, expected);
        }
    }

    #[test]
    fn says_what_is_common() {
        let found = by_status(skewed()).asking(&[PENDING]).messages(check);
        assert_eq!(
            found,
            [
                "i (status) has 3 values, of which the most common one has 97 % of the rows: the index does not help to \
              find what 97 % of the rows have"
            ]
        );
    }

    #[test]
    fn what_is_put_right_is_silent() {
        let partial =
            Index { predicate: Some("(status = 'pending'::text)".into()), ..index("i", &["status"]) };
        orders(partial, skewed()).asking(&[PENDING]).check_verdict(check, "");
    }

    #[test]
    fn where_no_value_is_rare() {
        let balanced = || common("{a,b,c,d}", &[0.25, 0.25, 0.25, 0.25]);
        by_status(balanced()).asking(&[ANY]).check_verdict(check, "medium: drop i");
        by_status(balanced()).check_verdict(check, "low: no fix");
        let paid = |share: f32| orders(index("i", &["is_paid"]), common("{t,f}", &[share, 1.0 - share]));
        paid(0.5).asking(&["SELECT * FROM t WHERE NOT is_paid"]).check_verdict(check, "medium: drop i");
        paid(0.97)
            .asking(&["SELECT * FROM t WHERE NOT is_paid"])
            .check_verdict(check, "medium: create t (is_paid) WHERE NOT is_paid for i");
    }

    /// A trailing or included boolean is no boolean index.
    #[test]
    fn not_columns_beside_others() {
        let statements = &["SELECT * FROM t WHERE status = 'pending' AND created_at > $1"];
        for indexed in [
            index("i", &["status", "created_at"]),
            index("i", &["created_at", "is_paid"]),
            Index { include: vec!["is_paid".into()], ..index("i", &["status"]) },
        ] {
            orders(indexed, skewed()).asking(statements).check_verdict(check, "");
        }
    }

    #[test]
    fn not_what_does_more_than_serve_scans() {
        orders(owned(index("i", &["status"])), skewed()).check_verdict(check, "");
        let unique = Index { is_unique: true, ..index("i", &["status"]) };
        orders(unique, skewed()).asking(&[PENDING]).check_verdict(check, "");
        let identity = Index { is_replica_identity: true, ..index("i", &["status"]) };
        orders(identity, skewed()).asking(&[PENDING]).check_verdict(check, "");
        let mut referring = table("t", &["status text"], vec![index("i", &["status"])]);
        referring.constraints.push(foreign_key("t_status_fkey", &["status"], 2, &["name"]));
        Fixture::new(vec![referring, table("states", &["name text!"], Vec::new())])
            .with_statistics("status", skewed())
            .asking(&[DONE])
            .check_verdict(check, "");
    }

    /// Counting and listing values reads the index alone.
    #[test]
    fn not_index_only_scans() {
        for sql in [
            "SELECT status, count(*) FROM t GROUP BY status",
            "SELECT DISTINCT status FROM t",
            "SELECT count(*) FROM t WHERE status = 'done'",
            "SELECT * FROM t ORDER BY status LIMIT 5",
        ] {
            by_status(skewed()).asking(&[DONE, sql]).check_verdict(check, "");
        }
        let mut fixture = by_status(skewed());
        fixture.index_mut("i").usage = Some(IndexUsage {
            n_scans: 9,
            n_entries_read: 9_000_000,
            n_rows_fetched: 0,
            scanned_s_ago: None,
        });
        fixture.check_verdict(check, "");
    }

    /// Where rows with the same value lie together, the index reads a part of the table in one go. Of a value that nearly
    /// all rows have the correlation says nothing.
    #[test]
    fn not_clustered_values() {
        let balanced = common("{a,b,c,d}", &[0.25, 0.25, 0.25, 0.25]);
        by_status(correlated(0.98, balanced)).asking(&[ANY]).check_verdict(check, "");
        by_status(correlated(0.98, skewed())).asking(&[PENDING]).check_verdict(check, PARTIAL);
    }

    #[test]
    fn not_many_values_or_few_rows() {
        by_status(values(1000.0, &[])).asking(&[PENDING]).check_verdict(check, "");
        by_status(values(-0.3, &[0.2])).asking(&[PENDING]).check_verdict(check, "");
        // Five values of twenty have nearly all rows.
        let mut twenty = common("{done,pending,a,b,c}", &[0.9, 0.03, 0.01, 0.01, 0.01]);
        twenty.n_distinct = 20.0;
        by_status(twenty).asking(&[PENDING]).check_verdict(check, PARTIAL);
        let mut fixture = by_status(skewed()).asking(&[PENDING]);
        fixture.table_mut("t").n_rows = 500.0;
        fixture.check_verdict(check, "");
        // Mostly NULL: another rule speaks.
        by_status(with_nulls(0.9, common("{x}", &[0.1]))).asking(&[ANY]).check_verdict(check, "");
    }

    /// Scans that read few entries each look for the rare value, and find it.
    #[test]
    fn counters_say_when_it_is_right() {
        let mut fixture = by_status(common("{done,pending}", &[0.92, 0.08]));
        fixture.check_verdict(check, "");
        fixture.index_mut("i").usage.as_mut().unwrap().n_entries_read = 900_000_000;
        fixture.check_verdict(check, "low: no fix");
    }
}
