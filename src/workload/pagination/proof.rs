//! Whether pages by key are the pages of a list, as a walk over them on a database has shown.

use crate::query::{Source, Template};
use crate::trace::{Nanos, Value};

/// A statement with the values of one call: constants of the text stand in it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runnable {
    pub(crate) sql: String,
    /// Of `$1`, `$2` and so on; `None` is NULL.
    pub(crate) values: Vec<Option<String>>,
}

/// What a walk has shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proof {
    pub(crate) verdict: Verdict,
    pub(crate) page_size: u64,
    /// Pages and rows that were compared, each way.
    pub(crate) n_pages: usize,
    pub(crate) n_rows: usize,
    pub(crate) times: Vec<PageTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same rows in the same order, forward and backward.
    Equal,
    /// What differs.
    Differs(String),
}

/// How long one page takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PageTime {
    /// From 1.
    pub(crate) page: u64,
    pub(crate) by_offset: Nanos,
    pub(crate) by_key: Nanos,
}

/// Puts the constants of a call back into its text; `None` where a value was not kept.
pub(crate) fn runnable(text: &str, parameters: &[Value]) -> Option<Runnable> {
    let (sql, kept) = Template::new(text).inlined(|number| match parameters.get(number) {
        Some(Value::Literal(literal)) => Some(literal.as_str()),
        _ => None,
    });
    let value = |number: &usize| match parameters.get(*number)? {
        Value::Text(text) => Some(Some(text.clone())),
        Value::Null => Some(None),
        _ => None,
    };
    let values = kept.iter().map(value).collect::<Option<Vec<_>>>()?;
    Some(Runnable { sql, values })
}

/// Returns the values of a page's parameters.
pub(crate) fn values(
    sources: &[Source],
    given: &[Option<String>],
    key: &[Option<String>],
) -> Option<Vec<Option<String>>> {
    let of = |source: &Source| match source {
        Source::Given(number) => given.get(*number).cloned(),
        Source::Key(item) => key.get(*item).cloned(),
    };
    sources.iter().map(of).collect()
}

/// A row as text, and its key.
pub(crate) type Row = (String, Vec<Option<String>>);

/// Compares the pages of a list with those by key, forward and then backward.
///
/// `backward` begins before the last row of the last page, and its pages come in reverse.
pub(crate) fn judge_walk(by_offset: &[Vec<Row>], forward: &[Vec<Row>], backward: &[Vec<Row>]) -> Verdict {
    let expected: Vec<&Row> = by_offset.iter().flatten().collect();
    let seen: Vec<&Row> = forward.iter().flatten().collect();
    if let Some(difference) = difference(&expected, &seen) {
        return Verdict::Differs(format!("forward, {difference}"));
    }
    let reversed: Vec<&Row> = expected.iter().rev().skip(1).copied().collect();
    let seen: Vec<&Row> = backward.iter().flatten().collect();
    if let Some(difference) = difference(&reversed, &seen) {
        return Verdict::Differs(format!("backward, {difference}"));
    }
    Verdict::Equal
}

fn difference(expected: &[&Row], seen: &[&Row]) -> Option<String> {
    let at = expected.iter().zip(seen).position(|(a, b)| a != b);
    match at {
        Some(at) => Some(format!("row {} is another one", at + 1)),
        None if expected.len() != seen.len() => {
            Some(format!("{} rows instead of {}", seen.len(), expected.len()))
        }
        None => None,
    }
}

/// The pages that are timed: the hundredth, the ten thousandth, and the deepest that was asked for.
pub(crate) fn timed_pages(page_size: u64, deepest_offset: u64) -> Vec<u64> {
    let mut pages = vec![2, 100, 10_000, deepest_offset / page_size.max(1) + 1];
    pages.retain(|page| *page > 1);
    pages.sort_unstable();
    pages.dedup();
    pages
}
