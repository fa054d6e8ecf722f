//! The statements that compare counters with what they count.
//!
//! At each moment every committed row has been counted, so one snapshot suffices: no lock is taken, and a standby serves as well.
//! The child must have been locked in ACCESS SHARE before the snapshot, for TRUNCATE is not MVCC-safe.

use super::backfill::sql::{counted, has_key};
use super::name;
use super::site::Site;
use super::triggers::each;
use crate::query::quote;

/// Counts the rows that have counters: column `n_checked`.
pub(crate) fn checked(site: &Site) -> String {
    format!("SELECT pg_catalog.count(*) AS n_checked FROM {}", site.parent)
}

/// Selects the keys whose counters are wrong, those that are wrong by most first, and those that were never counted before all:
/// `k1` …, and of each counter `kept1` … and `counted1` …, all as text; then of all such keys, however few are asked for (the
/// parameter), `n_drifted`, and as text `error`, the sum of the differences.
pub(crate) fn drifted(site: &Site) -> String {
    let keys = each(site.key.len(), |i| {
        if site.is_side() { format!("coalesce(p.k{i}, c.k{i}) AS k{i}") } else { format!("p.k{i}") }
    });
    let join = |relation: &str| {
        let tests = (1..=site.key.len()).map(|i| format!("{relation}.k{i} = p.k{i}"));
        tests.collect::<Vec<_>>().join(" AND ")
    };
    let kept = each(site.counters.len(), |i| {
        if site.has_pending() {
            format!("p.d{i} + coalesce(q.d{i}, 0) AS kept{i}")
        } else {
            format!("p.d{i} AS kept{i}")
        }
    });
    // A child of a table of its own may have a key that has no row there.
    let kind = if site.is_side() { "FULL" } else { "LEFT" };
    let pending = if site.has_pending() {
        format!("\n  LEFT JOIN ({}) AS q ON {}", pending(site), join("q"))
    } else {
        String::new()
    };
    let differs: Vec<String> =
        (1..=site.counters.len()).map(|i| format!("kept{i} IS DISTINCT FROM counted{i}")).collect();
    let error: Vec<String> = (1..=site.counters.len())
        .map(|i| format!("pg_catalog.abs(coalesce(kept{i}, 0) - counted{i})"))
        .collect();
    let is_null: Vec<String> = (1..=site.counters.len()).map(|i| format!("kept{i} IS NULL")).collect();
    let texts = |prefix: &str, n: usize| -> Vec<String> {
        (1..=n).map(|i| format!("{prefix}{i}::pg_catalog.text AS {prefix}{i}")).collect()
    };
    let mut columns = texts("k", site.key.len());
    columns.extend(texts("kept", site.counters.len()));
    columns.extend(texts("counted", site.counters.len()));
    format!(
        "WITH compared AS (
  SELECT {keys}, {kept}, {} FROM ({}) AS p
  {kind} JOIN ({}) AS c ON {}{pending}),
drifted AS MATERIALIZED (SELECT *, {} AS error FROM compared WHERE {})
SELECT {}, pg_catalog.count(*) OVER () AS n_drifted, (pg_catalog.sum(error) OVER ())::pg_catalog.text AS error
FROM drifted ORDER BY ({}) DESC, drifted.error DESC, {} LIMIT $1",
        each(site.counters.len(), |i| format!("coalesce(c.d{i}, 0) AS counted{i}")),
        numbered(site, &site.parent.sql(), false),
        counted(site, &has_key(site)),
        join("c"),
        error.join(" + "),
        differs.join(" OR "),
        columns.join(", "),
        is_null.join(" OR "),
        each(site.key.len(), |i| format!("drifted.k{i}")),
    )
}

/// Counts the children of keys, which are parameters, in each table that holds any: `leaf`, `k1` …, and `d1` …, all as text.
pub(crate) fn by_leaf(site: &Site) -> String {
    let keys = site.key.iter().enumerate().map(|(i, pair)| {
        format!("({}::{})::pg_catalog.text AS k{}", quote::identifier(&pair.child), pair.type_name, i + 1)
    });
    let sums =
        site.counters.iter().enumerate().map(|(i, counter)| {
            format!("coalesce({}, 0)::pg_catalog.text AS d{}", counter.aggregate(), i + 1)
        });
    let columns: Vec<String> = keys.chain(sums).collect();
    format!(
        "SELECT {}.tableoid::pg_catalog.regclass::pg_catalog.text AS leaf, {} FROM {} WHERE {} GROUP BY {} ORDER BY {}",
        quote::identifier(&site.child.name),
        columns.join(", "),
        site.child,
        super::backfill::sql::is_among(site, "", |pair| &pair.child),
        each(site.key.len() + 1, |i| i.to_string()),
        each(site.key.len() + 1, |i| i.to_string()),
    )
}

fn pending(site: &Site) -> String {
    let sums = numbered(site, &name::pending(site).sql(), true);
    format!("{sums} GROUP BY {}", each(site.key.len(), |i| i.to_string()))
}

/// Selects keys and counters of a relation as `k1` … and `d1` …, the counters as they are or as sums.
fn numbered(site: &Site, relation: &str, is_sum: bool) -> String {
    let keys = site.key.iter().enumerate();
    let keys = keys.map(|(i, pair)| format!("{} AS k{}", quote::identifier(&pair.parent), i + 1));
    let counters = site.counters.iter().enumerate().map(|(i, counter)| {
        let column = quote::identifier(&counter.column);
        if is_sum {
            format!("pg_catalog.sum({column}) AS d{}", i + 1)
        } else {
            format!("{column} AS d{}", i + 1)
        }
    });
    let columns: Vec<String> = keys.chain(counters).collect();
    format!("SELECT {} FROM {relation}", columns.join(", "))
}
