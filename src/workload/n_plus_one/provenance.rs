//! Where the values of a loop come from: which column of which query before holds what is asked for next.
//!
//! A trace of the proxy has hashes of values, so that equal ones can be told and nothing else. One value may be equal by chance, as
//! small numbers are; a column that holds nearly all values of a loop is where they come from.

use std::collections::{HashMap, HashSet};

use super::scope::Call;

/// Share of a loop's values that come from a column.
const MIN_SHARE: f64 = 0.8;
/// As few values may be equal by chance.
const MIN_MATCHES: usize = 2;

/// A column that the values of a loop come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    /// The place of the query among the statements.
    pub(super) statement: usize,
    /// Where in the scope its last run before the loop is.
    pub(super) call: usize,
    /// The column's place among those of the result, from 0.
    pub(super) at: usize,
    pub(super) column: String,
    /// The share of values that it holds.
    pub(super) share: f64,
    /// Whether they come in the order of its rows.
    pub(super) is_in_order: bool,
}

/// Finds where the values of a parameter come from. `places` are the calls of the loop, `key` is the column that they are compared
/// with.
pub(super) fn origin(
    calls: &[Call],
    places: &[usize],
    parameter: usize,
    key: Option<&str>,
    is_source: &dyn Fn(usize) -> bool,
) -> Option<Origin> {
    let asked: Vec<(usize, u32)> = places
        .iter()
        .filter_map(|place| {
            Some((*place, calls[*place].hashes.as_ref()?.parameters.get(parameter).copied()?))
        })
        .filter(|(_, hash)| *hash != 0)
        .collect();
    // Values that are not known cannot be found.
    if asked.len() < MIN_MATCHES || asked.len() * 2 < places.len() {
        return None;
    }
    let own = calls[*places.first()?].statement;
    let last = *places.last()?;
    let mut n_runs: HashMap<usize, usize> = HashMap::new();
    for call in &calls[..last] {
        *n_runs.entry(call.statement).or_default() += 1;
    }
    // What runs in every turn hands its row on; the rows that the loop runs for are another's.
    let is_turn = |statement: usize| n_runs.get(&statement).is_some_and(|n| n * 2 > places.len());
    let mut columns: HashMap<(usize, usize), Column> = HashMap::new();
    for (at, call) in calls[..last].iter().enumerate() {
        let Some(hashes) = call.hashes.as_ref().filter(|it| !it.columns.is_empty()) else { continue };
        if call.statement == own || !is_source(call.statement) || is_turn(call.statement) {
            continue;
        }
        for values in hashes.values.chunks_exact(hashes.columns.len()) {
            for (column, value) in values.iter().enumerate().filter(|(_, value)| **value != 0) {
                let found = columns
                    .entry((call.statement, column))
                    .or_insert_with(|| Column { name: hashes.columns[column].clone(), ..Column::default() });
                found.first.entry(*value).or_insert(at);
                if found.values.last() != Some(value) {
                    found.values.push(*value);
                }
                if at < places[0] || found.call.is_none() {
                    found.call = Some(at);
                }
            }
        }
    }
    let mut order: Vec<u32> = asked.iter().map(|(_, hash)| *hash).collect();
    order.dedup();
    let mut origins: Vec<Origin> = columns
        .into_iter()
        .filter_map(|((statement, at), column)| {
            let is_there =
                |(place, hash): &&(usize, u32)| column.first.get(hash).is_some_and(|it| it < place);
            let found: Vec<&(usize, u32)> = asked.iter().filter(is_there).collect();
            let n_distinct = found.iter().map(|(_, hash)| hash).collect::<HashSet<_>>().len();
            let share = ratio(found.len(), asked.len());
            (share >= MIN_SHARE && n_distinct >= MIN_MATCHES).then(|| Origin {
                statement,
                call: column.call.unwrap_or(0),
                at,
                share,
                is_in_order: is_in_order(&order, &column.values),
                column: column.name,
            })
        })
        .collect();
    // Two columns may hold the same values; the one of the same name or in the same order is meant, then the nearest.
    let rank = |it: &Origin| {
        let is_named = key.is_some_and(|key| is_named_alike(&it.column, key));
        (it.is_in_order, is_named, it.call, std::cmp::Reverse(it.at))
    };
    origins.sort_by(|a, b| rank(b).cmp(&rank(a)).then(b.share.total_cmp(&a.share)));
    origins.into_iter().next()
}

/// What a column held.
#[derive(Default)]
struct Column {
    name: String,
    /// The call in which each value was first seen.
    first: HashMap<u32, usize>,
    /// The values in their order, without repeats that follow each other.
    values: Vec<u32>,
    call: Option<usize>,
}

/// Whether most of what is asked for comes in the order of a column's values.
fn is_in_order(asked: &[u32], values: &[u32]) -> bool {
    let mut rest = values.iter();
    let n = asked.iter().filter(|hash| {
        let mut ahead = rest.clone();
        let is_ahead = ahead.any(|value| value == *hash);
        if is_ahead {
            rest = ahead;
        }
        is_ahead
    });
    let n = n.count();
    ratio(n, asked.len()) >= MIN_SHARE
}

/// Whether a column's name is that of the key, or that of a reference to it: `author_id` for `id`.
fn is_named_alike(column: &str, key: &str) -> bool {
    column == key || column.ends_with(&format!("_{key}")) || key.ends_with(&format!("_{column}"))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
fn ratio(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}
