//! The statements that compare counters with what they count.
//!
//! At each moment every committed row has been counted, so one snapshot suffices: no lock is taken, and a standby serves as well.
//! The child must have been locked in ACCESS SHARE before the snapshot, for TRUNCATE is not MVCC-safe.

use super::backfill::sql::{counted, has_key};
use super::drift::{Cause, Drifted};
use super::name;
use super::site::{Counter, Mode, Site};
use super::triggers::sink::{GONE, ID};
use super::triggers::{each, equal};
use crate::query::quote;

/// What a comparison has found of a site.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// With the counters that were looked at.
    pub(crate) site: Site,
    pub(crate) n_checked: u64,
    /// Of each counter.
    pub(crate) totals: Vec<Total>,
    /// The worst of those that are wrong.
    pub(crate) drifted: Vec<Drifted>,
    /// With how many of these each explains.
    pub(crate) causes: Vec<(Cause, usize)>,
}

/// How wrong a counter is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Total {
    pub(crate) n_drifted: u64,
    /// The sum of the differences, as the server writes it.
    pub(crate) absolute_error: String,
}

impl Verdict {
    pub(crate) fn is_right(&self) -> bool {
        self.totals.iter().all(|total| total.n_drifted == 0)
    }

    /// Each counter with its total.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&Counter, &Total)> {
        self.site.counters.iter().zip(&self.totals)
    }

    /// The worst of one counter.
    pub(crate) fn drifted_of<'v>(&'v self, counter: &'v Counter) -> impl Iterator<Item = &'v Drifted> {
        self.drifted.iter().filter(move |drifted| drifted.column == counter.column)
    }
}

/// Counts the rows that have counters: column `n_checked`.
pub(crate) fn checked(site: &Site) -> String {
    format!("SELECT pg_catalog.count(*) AS n_checked FROM {}", site.parent)
}

/// Selects the keys whose counters are wrong, those that are wrong by most first, and those that were never counted before all:
/// `k1` …, and of each counter `kept1` … and `counted1` …, all as text, and `is_wrong1` …; then of all such keys, however few are asked for (the
/// parameter), for each counter how many are wrong, `n1` …, and as text the sum of the differences, `error1` ….
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
    // Elsewhere a key with a NULL meets no parent, and the test would be made for each child.
    let children = if site.is_side() { has_key(site) } else { "true".to_owned() };
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
    let totals = (1..=site.counters.len()).map(|i| {
        let (differs, error) = (&differs[i - 1], &error[i - 1]);
        format!(
            "pg_catalog.count(*) FILTER (WHERE {differs}) OVER () AS n{i}, \
             (pg_catalog.sum({error}) OVER ())::pg_catalog.text AS error{i}"
        )
    });
    let totals = totals.collect::<Vec<_>>().join(", ");
    let is_null: Vec<String> = (1..=site.counters.len()).map(|i| format!("kept{i} IS NULL")).collect();
    let texts = |prefix: &str, n: usize| -> Vec<String> {
        (1..=n).map(|i| format!("{prefix}{i}::pg_catalog.text AS {prefix}{i}")).collect()
    };
    let mut columns = texts("k", site.key.len());
    columns.extend(texts("kept", site.counters.len()));
    columns.extend(texts("counted", site.counters.len()));
    columns.extend(differs.iter().zip(1..).map(|(differs, i)| format!("{differs} AS is_wrong{i}")));
    format!(
        "WITH compared AS (
  SELECT {keys}, {kept}, {} FROM ({}) AS p
  {kind} JOIN ({}) AS c ON {}{pending}),
drifted AS MATERIALIZED (SELECT *, {} AS error FROM compared WHERE {})
SELECT {}, {totals}
FROM drifted ORDER BY ({}) DESC, drifted.error DESC, {} LIMIT $1",
        each(site.counters.len(), |i| format!("coalesce(c.d{i}, 0) AS counted{i}")),
        numbered(site, &site.parent.sql(), false),
        counted(site, &children),
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
    let mut pending = format!("{} AS d", name::pending(site));
    if site.mode == Mode::Queue {
        let matches = equal(&site.key, |pair| {
            let column = quote::identifier(&pair.parent);
            (format!("gone.{column}"), format!("d.{column}"))
        });
        pending = format!(
            "{pending} WHERE NOT EXISTS (SELECT FROM {} AS gone WHERE {matches} AND gone.{GONE} AND gone.{ID} > d.{ID})",
            name::pending(site),
        );
    }
    let sums = numbered(site, &pending, true);
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
