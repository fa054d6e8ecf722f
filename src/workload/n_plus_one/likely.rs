//! Loops that counters of statements make likely (`pg_stat_statements`): no parameters and no sessions are known there.
//!
//! A query for each row of another runs as often as the other gives rows. Over many readings at different load that can be told from
//! what merely runs as often: the calls of the one follow the rows of the other, and better than its calls. Measured on one
//! application with a true loop among look-ups of sessions and settings, these limits chose the loop alone. A single reading has no
//! more than the ratio: then the tables must refer to each other as well.

use std::collections::{BTreeMap, HashMap};

use super::facts::{Facts, Use};
use crate::catalog::{Catalog, Table};
use crate::query;
use crate::trace::{Nanos, Time, Totals};
use crate::workload::StatementKind;

/// Readings that a slope is told from.
const MIN_READINGS: usize = 20;
/// Calls of the child for each row of the parent.
const SLOPE: std::ops::RangeInclusive<f64> = 0.9..=1.1;
/// How much of the child's calls the parent's rows explain.
const MIN_FIT: f64 = 0.9;
/// Calls of the child for each call of the parent, and rows of the parent for each of its calls.
const MIN_RATIO: f64 = 3.0;
/// Rows of the child for each of its calls.
const MAX_CHILD_ROWS: f64 = 5.0;
/// Calls below which a ratio says nothing.
const MIN_CALLS: u64 = 20;

/// Counters of statements over time.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// By statement, and by time: users and databases are added up.
    series: BTreeMap<usize, BTreeMap<Time, Reading>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    calls: u64,
    n_rows: u64,
    execution: Nanos,
}

/// A statement that seems to run for each row of another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) child: usize,
    pub(super) parent: usize,
    /// The parameter that varies, from 0, and what it is compared with.
    pub(super) parameter: usize,
    pub(super) key: String,
    pub(super) n_parent_calls: u64,
    pub(super) n_calls: u64,
    /// Calls for one call of the parent.
    pub(super) repeats: usize,
    pub(super) wasted: Nanos,
    pub(super) doubt: &'static str,
}

/// What ran between the first and the last reading.
struct Spent {
    calls: u64,
    n_rows: u64,
    execution: Nanos,
}

impl Counters {
    pub(super) fn take(&mut self, statement: usize, totals: &Totals) {
        let reading = self.series.entry(statement).or_default().entry(totals.at).or_default();
        reading.calls += totals.calls;
        reading.n_rows += totals.n_rows;
        reading.execution = reading.execution.saturating_add(totals.execution);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Returns the likely loops; of several parents of one child the one that fits best.
    pub(super) fn pairs(&self, known: &[(&str, &Facts)], catalog: Option<&Catalog>) -> Vec<Pair> {
        let spent: HashMap<usize, Spent> =
            self.series.iter().map(|(statement, series)| (*statement, spent(series))).collect();
        let is_query = |statement: &usize| {
            let facts = known[*statement].1;
            facts.kind == StatementKind::Select && !facts.is_background && !facts.is_control
        };
        let statements: Vec<usize> = self.series.keys().copied().filter(is_query).collect();
        let mut pairs = Vec::new();
        for child in &statements {
            let facts = known[*child].1;
            let found = &spent[child];
            let is_look_up = !facts.has_limit || facts.is_count || ratio(found.n_rows, found.calls) <= 1.0;
            let keys = keys(facts);
            if found.calls < MIN_CALLS
                || ratio(found.n_rows, found.calls) > MAX_CHILD_ROWS
                || !is_look_up
                || keys.is_empty()
            {
                continue;
            }
            let candidates = statements.iter().filter(|parent| {
                let of = &spent[parent];
                *parent != child
                    && !known[**parent].1.is_count
                    && of.calls > 0
                    && ratio(of.n_rows, of.calls) >= MIN_RATIO
                    && ratio(found.calls, of.calls) >= MIN_RATIO
            });
            let fits = candidates.filter_map(|parent| {
                let key = related(known[*parent].0, known[*child].0, &keys, catalog);
                let (fit, doubt) = self.fit(*child, *parent, &spent)?;
                // Readings over time speak for themselves where nothing is known of the tables.
                let key = match (key, catalog.is_some(), doubt) {
                    (Some(key), ..) => key,
                    (None, false, OVER_TIME) => keys[0].clone(),
                    _ => return None,
                };
                Some((fit, *parent, key, doubt))
            });
            let best = fits.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            if let Some((_, parent, (parameter, key), doubt)) = best {
                let of = &spent[&parent];
                pairs.push(Pair {
                    child: *child,
                    parent,
                    parameter,
                    key,
                    n_parent_calls: of.calls,
                    n_calls: found.calls,
                    repeats: usize::try_from(found.calls / of.calls.max(1)).unwrap_or(usize::MAX),
                    wasted: found.execution - found.execution / (found.calls / of.calls.max(1)).max(1),
                    doubt,
                });
            }
        }
        pairs
    }

    /// How well the calls of a statement follow the rows of another, with what that rests on.
    fn fit(&self, child: usize, parent: usize, spent: &HashMap<usize, Spent>) -> Option<(f64, &'static str)> {
        let (of_child, of_parent) = (&self.series[&child], &self.series[&parent]);
        let steps = steps(of_child, of_parent);
        if steps.len() + 1 >= MIN_READINGS {
            let calls: Vec<f64> = steps.iter().map(|step| step[0]).collect();
            let rows: Vec<f64> = steps.iter().map(|step| step[1]).collect();
            let parent_calls: Vec<f64> = steps.iter().map(|step| step[2]).collect();
            let (slope, by_rows) = line(&rows, &calls)?;
            let (_, by_calls) = line(&parent_calls, &calls)?;
            let is_fit = SLOPE.contains(&slope) && by_rows >= MIN_FIT && by_rows >= by_calls;
            return is_fit.then_some((by_rows, OVER_TIME));
        }
        let per_row = ratio(spent[&child].calls, spent[&parent].n_rows);
        SLOPE.contains(&per_row).then_some((1.0 - (per_row - 1.0).abs(), ONCE))
    }
}

const OVER_TIME: &str = "only counters are known: its calls follow the rows of the query before";
const ONCE: &str = "only counters are known: it runs as often as the query before gave rows";

/// What ran between the first and the last reading, or up to the only one.
fn spent(series: &BTreeMap<Time, Reading>) -> Spent {
    let zero = Reading::default();
    let (first, last) = match (series.first_key_value(), series.last_key_value()) {
        (Some((a, _)), Some((b, last))) if a == b => (&zero, last),
        (Some((_, first)), Some((_, last))) if first.calls <= last.calls => (first, last),
        // They were reset in between.
        (_, Some((_, last))) => (&zero, last),
        _ => (&zero, &zero),
    };
    Spent {
        calls: last.calls.saturating_sub(first.calls),
        n_rows: last.n_rows.saturating_sub(first.n_rows),
        execution: last.execution.saturating_sub(first.execution),
    }
}

/// Calls of the child, rows and calls of the parent between two readings that have both. Where one was reset there is none.
fn steps(child: &BTreeMap<Time, Reading>, parent: &BTreeMap<Time, Reading>) -> Vec<[f64; 3]> {
    let both: Vec<(&Reading, &Reading)> =
        child.iter().filter_map(|(at, reading)| Some((reading, parent.get(at)?))).collect();
    let steps = both.windows(2).filter_map(|pair| {
        let [(a, of_a), (b, of_b)] = [pair[0], pair[1]];
        Some([
            as_f64(b.calls.checked_sub(a.calls)?),
            as_f64(of_b.n_rows.checked_sub(of_a.n_rows)?),
            as_f64(of_b.calls.checked_sub(of_a.calls)?),
        ])
    });
    steps.collect()
}

/// The slope of the line through points, and how much of `y` it explains (R²); `None` where nothing varies.
fn line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let n = as_f64(x.len() as u64);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| f(x - mean_x, y - mean_y)).sum()
    };
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    (xx > 0.0 && yy > 0.0).then(|| (xy / xx, xy * xy / (xx * yy)))
}

/// The parameters that are compared with columns.
fn keys(facts: &Facts) -> Vec<(usize, String)> {
    let pages = facts.parameters.iter().any(|it| matches!(it, Use::Offset));
    let keys = facts.parameters.iter().enumerate().filter_map(|(at, it)| match it {
        Use::Equal(column) if !pages => Some((at, column.clone())),
        _ => None,
    });
    keys.collect()
}

/// The key by which the child's table and one of the parent's refer to each other.
fn related(
    parent: &str,
    child: &str,
    keys: &[(usize, String)],
    catalog: Option<&Catalog>,
) -> Option<(usize, String)> {
    let catalog = catalog?;
    let shape = |sql: &str| Some(query::parse(&query::plannable(sql)).ok()?.shape(catalog));
    let (parent, child) = (shape(parent)?, shape(child)?);
    let parents: Vec<&Table> = parent.uses.iter().filter_map(|it| catalog.table(&it.table)).collect();
    keys.iter()
        .find(|(at, column)| {
            let compared = child.parameters.iter().find(|it| it.number() == at + 1);
            let table = compared.and_then(|it| it.column()).and_then(|(table, _)| catalog.table(table));
            table.is_some_and(|table| {
                parents.iter().any(|parent| {
                    refers(parent, table, None, column) || refers(table, parent, Some(column), "")
                })
            })
        })
        .cloned()
}

/// Whether a table has a foreign key to another: by this column of its own, or to this column.
fn refers(from: &Table, to: &Table, by: Option<&str>, column: &str) -> bool {
    from.constraints.iter().any(|it| {
        it.references.as_ref().is_some_and(|reference| {
            reference.table == to.oid
                && match by {
                    Some(by) => it.columns == [by],
                    None => reference.columns == [column],
                }
        })
    })
}

fn ratio(part: u64, all: u64) -> f64 {
    as_f64(part) / as_f64(all.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::super::facts::facts;
    use super::*;
    use crate::catalog::{Column, Constraint, Reference};
    use crate::trace::{Blocks, StatementId};

    const LIST: &str = "SELECT id, author_id FROM posts ORDER BY id LIMIT $1";
    const AUTHOR: &str = "SELECT name FROM authors WHERE id = $1";
    const SESSION: &str = "SELECT user_id FROM sessions WHERE token = $1";
    const TAGS: &str = "SELECT tag FROM post_tags WHERE post_id = ANY ($1)";

    fn totals(at: u64, calls: u64, n_rows: u64) -> Totals {
        Totals {
            statement: StatementId(1),
            at: Time(at),
            user_id: 1,
            database_id: 1,
            query_id: 1,
            is_top_level: true,
            calls,
            execution: calls * 1_000_000,
            planning: 0,
            n_rows,
            blocks: Blocks::default(),
            since: None,
        }
    }

    /// The tables of posts and their authors, with a foreign key between them.
    fn catalog() -> Catalog {
        let table = |oid: u32, name: &str, columns: &[&str]| Table {
            oid,
            schema: "public".to_owned(),
            name: name.to_owned(),
            columns: columns
                .iter()
                .map(|name| Column { name: (*name).to_owned(), ..Column::default() })
                .collect(),
            ..Table::default()
        };
        let mut posts = table(1, "posts", &["id", "author_id"]);
        posts.constraints.push(Constraint {
            kind: 'f',
            columns: vec!["author_id".to_owned()],
            references: Some(Reference { table: 2, columns: vec!["id".to_owned()], ..Reference::default() }),
            ..Constraint::default()
        });
        let tables =
            vec![posts, table(2, "authors", &["id", "name"]), table(3, "sessions", &["token", "user_id"])];
        Catalog { tables, search_path: vec!["public".to_owned()], ..Catalog::default() }
    }

    /// Counters after each of some seconds, in which the list was asked for so often and gave so many rows.
    fn app(seconds: u64) -> Counters {
        let mut counters = Counters::default();
        let mut sums = [0_u64; 5];
        for second in 0..seconds {
            let (lists, rows_each) = (5 + second * 7 % 11, 4 + second * 5 % 13);
            sums[0] += lists;
            sums[1] += lists * rows_each;
            // Each request asks for its session twice and for a setting twelve times.
            sums[2] += 2 * lists;
            sums[3] += 12 * lists;
            sums[4] += lists;
            counters.take(0, &totals(second, sums[0], sums[1]));
            counters.take(1, &totals(second, sums[1], sums[1]));
            counters.take(2, &totals(second, sums[3], sums[3]));
            counters.take(3, &totals(second, sums[4], 3 * sums[4]));
        }
        counters
    }

    fn found(counters: &Counters, catalog: Option<&Catalog>) -> Vec<(usize, usize)> {
        let facts: Vec<Facts> = [LIST, AUTHOR, SESSION, TAGS].map(facts).into();
        let known: Vec<(&str, &Facts)> = [LIST, AUTHOR, SESSION, TAGS].into_iter().zip(&facts).collect();
        counters.pairs(&known, catalog).iter().map(|pair| (pair.child, pair.parent)).collect()
    }

    #[test]
    fn calls_that_follow_the_rows_of_another_are_a_loop() {
        assert_eq!(found(&app(45), None), [(1, 0)]);
        assert_eq!(found(&app(45), Some(&catalog())), [(1, 0)]);
    }

    #[test]
    fn one_reading_needs_tables_that_refer_to_each_other() {
        let mut once = Counters::default();
        once.take(0, &totals(0, 100, 1000));
        once.take(1, &totals(0, 1010, 1010));
        once.take(2, &totals(0, 1000, 1000));
        assert_eq!(found(&once, None), []);
        assert_eq!(found(&once, Some(&catalog())), [(1, 0)]);
        once.take(1, &totals(0, 3000, 3000));
        assert_eq!(found(&once, Some(&catalog())), [], "it runs for something else as well");
    }

    #[test]
    fn a_reset_leaves_a_gap() {
        let mut counters = app(45);
        for (statement, series) in &mut counters.series {
            let last = series.last_key_value().map(|(at, _)| at.0).unwrap();
            series.insert(Time(last + 1), Reading { calls: *statement as u64, ..Reading::default() });
        }
        assert_eq!(steps(&counters.series[&1], &counters.series[&0]).len(), 44);
    }

    #[test]
    fn lines_have_a_slope_and_a_fit() {
        let (slope, fit) = line(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap();
        assert!((slope - 2.0).abs() < 1e-9 && (fit - 1.0).abs() < 1e-9);
        assert!(line(&[1.0, 1.0], &[1.0, 2.0]).is_none());
    }
}
