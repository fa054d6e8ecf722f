//! An index begins with a column that has hardly any value twice, so that its other keys never narrow a search.
//!
//! Why it matters: a search for one value of the first key finds one entry, whatever follows; a search for a range of
//! it reads the whole range, and compares the other keys entry by entry. Example: `(created_at, user_id)`, searched by
//! `user_id = $1 AND created_at > now() - interval '8 days'`: 207 pages, of `(user_id, created_at)` 13 (500,000 rows of
//! 5,000 users, PostgreSQL 15). Remedy: the keys that are compared for equality first, that column behind them; where
//! nothing else is compared, that column alone.
//!
//! Wrong when: the second key makes an order unique, as in keyset pagination by `(created_at, id)`; the index is all
//! that statements read; it is small, as a partial index on a queue; or the first rows of its order are wanted and the
//! other keys match often, which ends the scan soon. There it is silent; without a workload it only tells.
//!
//! Where some statements need the old order as well, the fix adds the new index first; the next audit then cuts the
//! old one.

use super::asked::{self, Asked, Narrowing};
use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::{ColumnStatistics, Index, IndexKey, Table};
use crate::index::{Definition, Key};
use crate::query::Test;

pub(super) const RULE: &str = "near-unique-leading-column";
/// Rows that a value of the first key has at the most, on the average: the other keys narrow a search by no more
/// (`research/audit.md` §3).
const MAX_ROWS_PER_VALUE: f64 = 1.1;
/// Rows of the most common value at the most: within a default or an epoch that thousands of rows share, the other
/// keys do narrow (`research/audit.md` §3).
const MAX_ROWS_OF_COMMON_VALUE: f64 = 50.0;
/// Share of the rows below which a partial index is small enough to be read whole (`research/audit.md` §3).
const MIN_PARTIAL_SHARE: f64 = 0.05;
/// Share of the entries read whose rows were fetched, below which the index was read alone: most pages are all visible.
const MAX_FETCHED_SHARE: f64 = 0.1;
/// Share of the rows that a value of an equality key has, from which on the first rows of an order are found at once:
/// a hundred entries a row, of which a page holds more.
const OFTEN: f64 = 0.01;
/// From here on values lie in the order of the rows, as for `btree-on-append-only`.
const IN_ORDER: f32 = 0.95;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::btrees(context).filter(is_candidate).filter_map(|it| observe(context, &it)).collect()
}

fn is_candidate(judged: &Judged) -> bool {
    let index = judged.index;
    let [first, second, ..] = index.keys.as_slice() else { return false };
    let is_small = index.predicate.is_some() && index.n_rows < MIN_PARTIAL_SHARE * judged.n_rows;
    // `ORDER BY created_at, id` needs both.
    let is_keyset = second.column.as_ref().is_some_and(|column| is_unique(judged.table, column));
    !index.is_unique
        && !index.is_constraint
        && !is_small
        && !is_keyset
        && judged.statistics(first).is_some_and(|statistics| is_near_unique(statistics, judged.n_rows))
}

fn is_near_unique(statistics: &ColumnStatistics, n_rows: f64) -> bool {
    let n_not_null = n_rows * (1.0 - f64::from(statistics.null_frac));
    // `IS NULL` is a search for one value as well.
    let most_common =
        statistics.most_common_freqs.iter().flatten().copied().fold(statistics.null_frac, f32::max);
    judged::n_distinct(statistics, n_rows).is_some_and(|n| n_not_null <= MAX_ROWS_PER_VALUE * n)
        && f64::from(most_common) * n_rows <= MAX_ROWS_OF_COMMON_VALUE
}

fn is_unique(table: &Table, column: &String) -> bool {
    let is_it = |index: &&Index| {
        index.is_unique && index.is_valid && index.predicate.is_none() && index.keys.len() == 1
    };
    table.indexes.iter().filter(is_it).any(|index| index.keys[0].column.as_ref() == Some(column))
}

/// What the statements of the workload do with the index.
#[derive(Default)]
struct Demand<'a> {
    /// Keys that are compared for equality where a range or the order of the first one is wanted, by the statement
    /// with the greatest share of the calls.
    equalities: Option<(f64, Vec<&'a IndexKey>)>,
    /// Whether the first key is searched for single values, and for ranges or an order without such equalities.
    has_points: bool,
    has_ranges: bool,
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let (first, rest) = judged.index.keys.split_first()?;
    let uses: Vec<Asked> = context
        .uses(judged.table)
        .filter(|asked| asked.narrowing(first).is_some() || asked.sorting(first).is_some())
        .collect();
    let mut demand = Demand::default();
    for asked in &uses {
        add(&mut demand, asked, judged, first, rest)?;
    }
    let (severity, remedy, cure) = if uses.is_empty() {
        // Whoever fetched hardly any row of the entries that it read found all in the index, or made a bitmap of them.
        let usage = judged.index.usage.unwrap_or_default();
        let is_read_alone = usage.n_entries_read > 0
            && judged::to_f64(usage.n_rows_fetched)
                < MAX_FETCHED_SHARE * judged::to_f64(usage.n_entries_read);
        if is_read_alone {
            return None;
        }
        (Severity::Low, without_workload(first, rest), Cure::default())
    } else {
        put_right(judged, &demand, first)?
    };
    let message = format!(
        "{} has about one row for each {}, so that no search gets narrower by {}",
        judged.describe(),
        judged::key_sql(first),
        names(rest),
    );
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// Adds what a statement asks; `None` when it is served well by the index as it is.
fn add<'a>(
    demand: &mut Demand<'a>,
    asked: &Asked,
    judged: &Judged,
    first: &IndexKey,
    rest: &'a [IndexKey],
) -> Option<()> {
    let needs_both = asked.sorting(first).is_some_and(|n_operands| n_operands > 1)
        || asked
            .table_use
            .rows
            .iter()
            .any(|row| row.first().is_some_and(|operand| asked::is_key(operand, first)));
    let is_read_alone = asked.is_covered_by(judged.index) && !covered_by_first(asked, first);
    if needs_both {
        return None;
    }
    if asked.narrowing(first) == Some(Narrowing::Point) {
        demand.has_points = true;
        return (!is_read_alone).then_some(());
    }
    let is_given = |key: &IndexKey| asked.tests(key).any(|test| matches!(test, Test::Equal | Test::In));
    let equalities: Vec<&IndexKey> =
        rest.iter().filter(|key| asked.is_joined_by(key) || is_given(key)).collect();
    if equalities.is_empty() {
        demand.has_ranges = true;
        // Conditions on the other keys are checked in the index, without reading rows.
        let is_filtered = rest.iter().any(|key| asked.tests(key).next().is_some());
        return (!is_filtered && !is_read_alone).then_some(());
    }
    let is_served = is_served_better(judged, &equalities, first);
    // A join may as well look up the other side for each row of the range, and of two statements one may not find its range
    // by the equalities of the other: they need the index as it is.
    let is_other = |known: &Vec<&IndexKey>| {
        known.len() != equalities.len() || known.iter().zip(&equalities).any(|(a, b)| !std::ptr::eq(*a, *b))
    };
    if !is_served
        && (!equalities.iter().all(|key| is_given(key))
            || demand.equalities.as_ref().is_some_and(|(_, known)| is_other(known)))
    {
        demand.has_ranges = true;
    }
    let matches_often = equalities.iter().map(|key| share_of_value(judged, key)).product::<f64>() >= OFTEN;
    if asked.is_top_of(first) && matches_often && !is_served {
        return None;
    }
    let share = asked.statement.share;
    if !is_served && demand.equalities.as_ref().is_none_or(|(known, _)| share > *known) {
        demand.equalities = Some((share, equalities));
    }
    Some(())
}

/// Whether nothing but the first key is read.
fn covered_by_first(asked: &Asked, first: &IndexKey) -> bool {
    let columns = asked.table_use.columns.as_ref();
    columns.is_some_and(|columns| columns.iter().all(|column| Some(column) == first.column.as_ref()))
}

/// Whether another index begins with the equalities and goes on with the first key.
fn is_served_better(judged: &Judged, equalities: &[&IndexKey], first: &IndexKey) -> bool {
    let same = |a: &IndexKey, b: &IndexKey| judged::operand_text(a) == judged::operand_text(b);
    judged.table.indexes.iter().any(|index| {
        let n = equalities.len();
        index.is_valid
            && index.method == "btree"
            && index.predicate == judged.index.predicate
            && index.keys.len() > n
            && index.keys[..n].iter().all(|key| equalities.iter().any(|wanted| same(key, wanted)))
            && same(&index.keys[n], first)
    })
}

/// The share of the rows that a value of a key has, as if all values had as many.
fn share_of_value(judged: &Judged, key: &IndexKey) -> f64 {
    let n_distinct = judged.statistics(key).and_then(|it| judged::n_distinct(it, judged.n_rows));
    n_distinct.map_or(1.0, |n| 1.0 / n.max(1.0))
}

/// Returns what to do for what the workload asks; `None` when all of it is served by other indexes.
fn put_right(judged: &Judged, demand: &Demand, first: &IndexKey) -> Option<(Severity, String, Cure)> {
    let definition = judged.definition();
    let is_kept =
        judged.is_protected() || demand.has_points || demand.has_ranges || judged.is_alone_for_foreign_key();
    if let Some((share, equalities)) = &demand.equalities {
        let front: Vec<String> = equalities.iter().map(|key| judged::key_sql(key)).collect();
        let remedy = format!(
            "Index {} before {}: statements of {:.0} % of the calls compare the former for equality.{}",
            front.join(", "),
            judged::key_sql(first),
            100.0 * share,
            if is_kept { " Others search by the latter alone: keep this index for them." } else { "" },
        );
        let cure = definition.map(|definition| {
            let reordered = reordered(definition, equalities);
            if is_kept { judged.add(reordered) } else { judged.replace_by(reordered) }
        });
        return Some((Severity::High, remedy, cure.unwrap_or_default()));
    }
    if !demand.has_points && !demand.has_ranges {
        return None;
    }
    let is_in_order = judged
        .statistics(first)
        .and_then(|statistics| statistics.correlation)
        .is_some_and(|correlation| correlation.abs() >= IN_ORDER);
    let brin = if is_in_order && !demand.has_points {
        " Its values lie in the order of the rows: for long ranges a BRIN index, thousands of times smaller, does as well."
    } else {
        ""
    };
    let remedy = format!(
        "Cut it to {}: no statement of the workload gains by its other keys.{brin}",
        judged::key_sql(first)
    );
    let cure = definition.filter(|_| !judged.is_protected()).map(|definition| {
        let keys = definition.keys.into_iter().take(1).collect();
        judged.replace_by(Definition { keys, include: Vec::new(), ..definition })
    });
    let severity = if demand.has_points { Severity::High } else { Severity::Medium };
    Some((severity, remedy, cure.unwrap_or_default()))
}

/// Puts the keys that are compared for equality before the others.
fn reordered(definition: Definition, equalities: &[&IndexKey]) -> Definition {
    let is_equality = |key: &Key| {
        let is_it = |wanted: &&IndexKey| asked::is_key(&key.operand, wanted);
        equalities.iter().any(is_it)
    };
    let (mut keys, others): (Vec<Key>, Vec<Key>) = definition.keys.into_iter().partition(is_equality);
    keys.extend(others);
    Definition { keys, ..definition }
}

fn without_workload(first: &IndexKey, rest: &[IndexKey]) -> String {
    format!(
        "If searches compare {} for equality and want a range of {}, put the latter last; if they want nothing but {}, \
         cut the index to it. Which it is, the workload tells.",
        names(rest),
        judged::key_sql(first),
        judged::key_sql(first)
    )
}

fn names(keys: &[IndexKey]) -> String {
    keys.iter().map(judged::key_sql).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, partition, table};
    use super::super::statistics_fixture::{correlated, values, with_nulls};
    use super::super::{Change, Fix};
    use super::*;
    use crate::catalog::IndexUsage;
    use crate::index::change::record::StatisticsTarget;

    const BY_USER: &str = "SELECT * FROM t WHERE user_id = $1 AND created_at > $2";
    const BY_TIME: &str = "SELECT * FROM t WHERE created_at > $1";
    const AT_TIME: &str = "SELECT * FROM t WHERE created_at = $1";
    const LATEST: &str = "SELECT * FROM t WHERE user_id = $1 ORDER BY created_at DESC LIMIT 20";

    /// Half a million visits of 5,000 users.
    fn visits(indexes: Vec<Index>) -> Fixture {
        let columns = &["id int8!", "user_id int8", "created_at timestamptz", "kind text"];
        let mut visits = table("t", columns, indexes);
        visits.n_rows = 500_000.0;
        Fixture::new(vec![visits])
            .with_statistics("created_at", values(-1.0, &[]))
            .with_statistics("user_id", values(5000.0, &[]))
            .with_statistics("id", values(-1.0, &[]))
    }

    fn by_time_and_user() -> Fixture {
        visits(vec![index("i", &["created_at", "user_id"])])
    }

    #[test]
    fn the_workload_decides() {
        let reordered = "high: create t (user_id, created_at) for i";
        for (statements, expected) in [
            (&[][..], "low: no fix"),
            (&[BY_USER], reordered),
            (&[LATEST], reordered),
            (
                &["SELECT * FROM t JOIN u ON u.id = t.user_id WHERE created_at > $1"],
                "high: create t (user_id, created_at)",
            ),
            (&[AT_TIME], "high: create t (created_at) for i"),
            (&[BY_TIME], "medium: create t (created_at) for i"),
            // The old order is still needed, and is cut by the next audit.
            (&[BY_USER, BY_TIME], "high: create t (user_id, created_at)"),
            // Nobody asks for what the index leads with.
            (&["SELECT * FROM t WHERE kind = $1"], "low: no fix"),
        ] {
            by_time_and_user().asking(statements).check_verdict(check, expected);
        }
    }

    #[test]
    fn what_is_put_right_is_silent() {
        let both = || vec![index("i", &["created_at", "user_id"]), index("j", &["user_id", "created_at"])];
        visits(both()).asking(&[BY_USER]).check_verdict(check, "");
        visits(both())
            .asking(&[BY_USER, BY_TIME])
            .check_verdict(check, "medium: create t (created_at) for i");
        visits(vec![both().remove(1)]).asking(&[BY_USER]).check_verdict(check, "");
        visits(vec![index("i", &["created_at"])]).asking(&[BY_TIME]).check_verdict(check, "");
        // Another index does already what the shorter one would.
        let shorter = vec![index("i", &["created_at", "user_id"]), index("j", &["created_at"])];
        let found = visits(shorter).asking(&[BY_TIME]).check(check);
        assert_eq!((found[0].relies_on.as_slice(), found[0].changes.as_slice()), (&[102][..], &[101][..]));
    }

    /// What takes the place of an index is stored as that was.
    #[test]
    fn replacements_keep_how_the_index_is_stored() {
        let ddl = |fixture: &Fixture| match &fixture.check(check)[0].finding.fix {
            Some(Fix::Change(Change::Create { definition, .. })) => definition.ddl(),
            other => panic!("{other:?}"),
        };
        let stored = Index {
            options: vec!["fillfactor=70".into()],
            include: vec!["id".into()],
            ..index("i", &["created_at", "user_id", "kind collate C"])
        };
        let mut fixture = visits(vec![stored]).asking(&[BY_USER]);
        fixture.evidence.storage.tablespaces = [(7, "other".into()), (101, "fast".into())].into();
        assert_eq!(
            ddl(&fixture),
            "CREATE INDEX t_user_id_created_at_kind_c_include_id_idx ON public.t (user_id, created_at, kind COLLATE \"C\") \
             INCLUDE (id) WITH (fillfactor='70') TABLESPACE fast"
        );
        let patterned = visits(vec![index("i", &["created_at", "user_id", "kind text_pattern_ops"])]);
        let expected = "(user_id, created_at, kind text_pattern_ops)";
        assert!(ddl(&patterned.asking(&[BY_USER])).ends_with(expected));
    }

    /// CREATE INDEX says no statistics targets of expressions.
    #[test]
    fn replacements_keep_statistics_targets() {
        let mut indexed = index("t_user_id_created_at_lower_idx", &["created_at", "user_id", "lower(kind)"]);
        indexed.statistics = vec![("lower".into(), values(9.0, &[]))];
        let mut fixture = visits(vec![indexed]).asking(&[BY_USER]);
        let replaced = "high: create t (user_id, created_at, lower(kind)) for t_user_id_created_at_lower_idx";
        let target = vec![StatisticsTarget { column: 3, target: 500 }];
        fixture.evidence.storage.statistics_targets = [(7, target.clone())].into();
        fixture.check_verdict(check, replaced);
        fixture.evidence.storage.statistics_targets = [(101, target)].into();
        let name = "t_user_id_created_at_lower_kind_idx";
        fixture.check_verdict(
            check,
            &format!(
                "high: CREATE INDEX CONCURRENTLY {name} ON public.t (user_id, created_at, lower(kind)); \
                 ALTER INDEX public.{name} ALTER COLUMN 3 SET STATISTICS 500; ANALYZE public.t; \
                 DROP INDEX CONCURRENTLY public.t_user_id_created_at_lower_idx / \
                 CREATE INDEX CONCURRENTLY t_user_id_created_at_lower_idx ON public.t USING btree (created_at, user_id, \
                 lower(kind)); ALTER INDEX public.t_user_id_created_at_lower_idx ALTER COLUMN 3 SET STATISTICS 500; \
                 ANALYZE public.t; DROP INDEX CONCURRENTLY public.{name}"
            ),
        );
    }

    #[test]
    fn says_what_it_costs() {
        let found = by_time_and_user().asking(&[BY_USER]).messages(check);
        assert_eq!(
            found,
            [
                "i (created_at, user_id) has about one row for each created_at, so that no search gets narrower by user_id"
            ]
        );
    }

    /// `ORDER BY created_at, id` pages through rows with the same time.
    #[test]
    fn not_keyset_pagination() {
        let indexes = vec![owned(index("t_pkey", &["id"])), index("i", &["created_at", "id"])];
        visits(indexes).asking(&[BY_TIME]).check_verdict(check, "");
        let rows = "SELECT * FROM t WHERE (created_at, user_id) < ($1, $2) ORDER BY created_at DESC, user_id DESC LIMIT 20";
        by_time_and_user().asking(&[rows]).check_verdict(check, "");
        let sorted = "SELECT * FROM t WHERE created_at > $1 ORDER BY created_at, user_id";
        by_time_and_user().asking(&[sorted]).check_verdict(check, "");
    }

    /// The first rows of the order have the wanted value soon.
    #[test]
    fn not_the_first_rows_where_values_match_often() {
        let of_kinds = |n| {
            let columns = &["kind text", "created_at timestamptz"];
            Fixture::new(vec![table("t", columns, vec![index("i", &["created_at", "kind"])])])
                .with_statistics("created_at", values(-1.0, &[]))
                .with_statistics("kind", values(n, &[]))
                .asking(&["SELECT * FROM t WHERE kind = $1 ORDER BY created_at DESC LIMIT 20"])
        };
        of_kinds(4.0).check_verdict(check, "");
        of_kinds(5000.0).check_verdict(check, "high: create t (kind, created_at) for i");
    }

    /// A default or an epoch that thousands of rows share makes the other keys useful; so do many nulls.
    #[test]
    fn not_where_one_value_is_common() {
        let with =
            |statistics| by_time_and_user().with_statistics("created_at", statistics).asking(&[BY_USER]);
        with(values(-0.95, &[0.01])).check_verdict(check, "");
        with(with_nulls(0.1, values(-0.9, &[]))).check_verdict(check, "");
        with(values(-0.95, &[0.0001])).check_verdict(check, "high: create t (user_id, created_at) for i");
    }

    /// Statements name the partitioned table, or a partition, whichever of them has the index.
    #[test]
    fn statements_name_the_whole_or_a_part() {
        let of_part = |statements: &[&str]| {
            let mut fixture = visits(vec![index("i", &["created_at", "user_id"])]);
            let columns = &["id int8!", "user_id int8", "created_at timestamptz", "kind text"];
            for (oid, name) in [(51, "half"), (52, "whole")] {
                fixture.catalog.tables.push(Table { oid, ..table(name, columns, Vec::new()) });
            }
            partition(&mut fixture.catalog, "half", "t");
            partition(&mut fixture.catalog, "whole", "half");
            fixture.asking(statements)
        };
        let reordered = "high: create t (user_id, created_at) for i";
        of_part(&["SELECT * FROM whole WHERE user_id = $1 AND created_at > $2"])
            .check_verdict(check, reordered);
        of_part(&["SELECT * FROM half WHERE created_at = $1 "])
            .check_verdict(check, "high: create t (created_at) for i");

        let mut fixture = visits(vec![index("i", &["created_at", "user_id"])]);
        let mut part = fixture.catalog.tables[0].clone();
        (part.oid, part.name) = (2, "part".into());
        part.indexes[0] =
            Index { oid: 201, parent: Some(101), name: "part_i".into(), ..part.indexes[0].clone() };
        fixture.catalog.tables.push(part);
        partition(&mut fixture.catalog, "t", "part");
        for column in &mut fixture.catalog.tables[0].columns {
            column.tree_statistics = column.statistics.take();
        }
        fixture
            .asking(&["SELECT * FROM part WHERE user_id = $1 AND created_at > $2"])
            .check_verdict(check, reordered);
    }

    /// ANALYZE underestimates the values of large clustered tables: a small number proves nothing, a large one does.
    #[test]
    fn not_small_numbers_of_values() {
        let with = |n| by_time_and_user().with_statistics("created_at", values(n, &[])).asking(&[BY_USER]);
        with(20_000.0).check_verdict(check, "");
        with(-0.5).check_verdict(check, "");
    }

    /// Dates, states and `date_trunc` are told by their statistics, not by their type or name.
    #[test]
    fn by_statistics_of_the_expression() {
        let by_day = |n| {
            let mut indexed = index("i", &["date_trunc('day', created_at)", "user_id"]);
            indexed.statistics = vec![("date_trunc".into(), values(n, &[]))];
            visits(vec![indexed])
        };
        by_day(365.0).check_verdict(check, "");
        by_day(-1.0).check_verdict(check, "low: no fix");
        // A unique type of another kind.
        let by_id = visits(vec![index("i", &["id", "user_id"])]);
        by_id
            .asking(&["SELECT * FROM t WHERE id = $1 AND kind = $2"])
            .check_verdict(check, "high: create t (id) for i");
    }

    #[test]
    fn not_unique_indexes_and_those_of_constraints() {
        visits(vec![owned(index("i", &["created_at", "user_id"]))])
            .asking(&[BY_USER])
            .check_verdict(check, "");
        let unique = Index { is_unique: true, ..index("i", &["created_at", "user_id"]) };
        visits(vec![unique]).asking(&[BY_USER]).check_verdict(check, "");
    }

    /// A partial index on a queue is small, and read whole.
    #[test]
    fn not_small_partial_indexes() {
        let partial = |n_rows| Index {
            predicate: Some("(kind = 'new'::text)".into()),
            n_rows,
            ..index("i", &["created_at", "user_id"])
        };
        visits(vec![partial(5_000.0)]).check_verdict(check, "");
        visits(vec![partial(400_000.0)]).check_verdict(check, "low: no fix");
    }

    #[test]
    fn not_tiny_or_stale_or_unknown_tables() {
        let changed = |change: fn(&mut Table)| {
            let mut fixture = by_time_and_user().asking(&[BY_USER]);
            change(fixture.table_mut("t"));
            fixture
        };
        changed(|t| t.n_rows = 9_000.0).check_verdict(check, "");
        changed(|t| t.activity.as_mut().unwrap().n_modified_since_analyze = 150_000).check_verdict(check, "");
        changed(|t| t.activity = None).check_verdict(check, "");
        changed(|t| t.columns[2].statistics = None).check_verdict(check, "");
    }

    /// All that is read is in the index.
    #[test]
    fn not_index_only_scans() {
        let only = "SELECT user_id FROM t WHERE created_at > $1";
        by_time_and_user().asking(&[only]).check_verdict(check, "");
        by_time_and_user()
            .asking(&["SELECT created_at FROM t WHERE created_at > $1"])
            .check_verdict(check, "medium: create t (created_at) for i");
        // A condition on the second key is checked within the index.
        by_time_and_user()
            .asking(&["SELECT * FROM t WHERE created_at > $1 AND user_id > $2"])
            .check_verdict(check, "");
        // Without a workload the counters tell.
        let mut fixture = by_time_and_user();
        fixture.index_mut("i").usage =
            Some(IndexUsage { n_scans: 10, n_entries_read: 100_000, n_rows_fetched: 5, scanned_s_ago: None });
        fixture.check_verdict(check, "");
    }

    /// The index may be the one that a foreign key's check needs.
    #[test]
    fn keeps_what_a_foreign_key_needs() {
        use super::super::fixture::foreign_key;
        let mut referring = table("t", &["a int8", "b int8"], vec![index("i", &["a", "b"])]);
        referring.constraints.push(foreign_key("t_a_fkey", &["a"], 2, &["id"]));
        Fixture::new(vec![referring, table("u", &["id int8!"], Vec::new())])
            .with_statistics("a", values(-1.0, &[]))
            .with_statistics("b", values(5000.0, &[]))
            .asking(&["SELECT * FROM t WHERE b = $1 AND a > $2"])
            .check_verdict(check, "high: create t (b, a)");
    }

    #[test]
    fn names_brin_where_rows_lie_in_order() {
        let fixture = by_time_and_user()
            .with_statistics("created_at", correlated(0.99, values(-1.0, &[])))
            .asking(&[BY_TIME]);
        assert!(fixture.check(check)[0].finding.remedy.contains("BRIN"));
        assert!(!by_time_and_user().asking(&[BY_TIME]).check(check)[0].finding.remedy.contains("BRIN"));
    }
}
