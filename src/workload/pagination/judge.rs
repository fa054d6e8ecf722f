//! The rules of lists: what is wrong with how a list is read.

use super::{Count, Seen};
use crate::query::Amount;
use crate::trace::{Fingerprint, Nanos, Time};

/// An OFFSET beyond this is deep.
const DEEP_OFFSET: u64 = 1000;
/// So many rows skipped for each one that comes back are a waste.
const MAX_SKIPPED_PER_ROW: u64 = 50;
/// … if OFFSET skips that many at all.
const MIN_OFFSET: u64 = 100;
/// So many pages one after the other are a walk over a list; each page skips all pages before it again.
const MIN_WALK: u64 = 5;
/// A result with more rows is no page.
const LONG_RESULT: u64 = 1000;
/// Without this many calls nothing can be said of their trend.
const MIN_CALLS_FOR_TREND: usize = 20;
/// A result is out of proportion at so many times the median.
const MAX_TIMES_MEDIAN: u64 = 10;

/// What the user allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The greatest LIMIT that clients may ask for.
    pub(crate) max_page_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProblemKind {
    DeepOffset,
    OffsetWalk,
    UnstableOrder,
    UnboundedList,
    LargePage,
    CountTwin,
}

impl ProblemKind {
    /// As users write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DeepOffset => "deep-offset",
            Self::OffsetWalk => "offset-walk",
            Self::UnstableOrder => "unstable-order",
            Self::UnboundedList => "unbounded-list",
            Self::LargePage => "large-page",
            Self::CountTwin => "count-twin",
        }
    }

    /// Whether the pages should begin after a key.
    pub(crate) fn wants_key(self) -> bool {
        matches!(self, Self::DeepOffset | Self::OffsetWalk | Self::UnstableOrder)
    }
}

/// Something that is wrong with how a list is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
    /// The statement that counts the same rows.
    pub(crate) twin: Option<Twin>,
}

/// A count of the rows of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Twin {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statement: String,
    pub(crate) calls: u64,
    pub(crate) time: Nanos,
}

const BY_KEY: &str = "begin each page after the last row of the page before it";

pub(super) fn problems(seen: &Seen, count: Option<&Count>, limits: Limits) -> Vec<Problem> {
    let rules =
        [deep_offset(seen), offset_walk(seen), unordered(seen), unbounded(seen), large_page(seen, limits)];
    let twin = count.and_then(|count| count_twin(seen, count));
    rules.into_iter().flatten().chain(twin).collect()
}

fn problem(kind: ProblemKind, reason: String, remedy: &'static str) -> Problem {
    Problem { kind, reason, remedy, twin: None }
}

/// OFFSET reads what it skips.
fn deep_offset(seen: &Seen) -> Option<Problem> {
    let per_row = seen.n_skipped / seen.n_rows.max(1);
    let is_wasteful = per_row > MAX_SKIPPED_PER_ROW && seen.max_offset >= MIN_OFFSET;
    (seen.max_offset > DEEP_OFFSET || is_wasteful).then(|| {
        let rate = if seen.n_counted > 0 {
            format!(", {per_row} rows skipped for each one returned")
        } else {
            String::new()
        };
        problem(ProblemKind::DeepOffset, format!("OFFSET goes up to {}{rate}", seen.max_offset), BY_KEY)
    })
}

/// One after the other, the pages of a list read its beginning again and again.
fn offset_walk(seen: &Seen) -> Option<Problem> {
    (seen.longest_walk >= MIN_WALK).then(|| {
        let reason = format!(
            "a session read {} pages one after the other; together they skip {} times the rows of a page",
            seen.longest_walk,
            seen.longest_walk * (seen.longest_walk - 1) / 2
        );
        problem(ProblemKind::OffsetWalk, reason, BY_KEY)
    })
}

/// Pages of rows in no order. Whether an order leaves ties, the database knows; see [`unstable`].
fn unordered(seen: &Seen) -> Option<Problem> {
    let is_paged = seen.list.offset != Amount::None && seen.list.limit != Amount::None;
    (is_paged && seen.list.order.is_empty()).then(|| {
        let reason = "its pages have no ORDER BY: rows may come twice or never".to_owned();
        problem(ProblemKind::UnstableOrder, reason, "order by a unique key")
    })
}

/// Pages of an order in which rows may be equal.
pub(crate) fn unstable(order: &str) -> Problem {
    let reason = format!(
        "rows that are equal in {order} come in any order: a page may repeat or lack rows of another"
    );
    problem(ProblemKind::UnstableOrder, reason, "add a unique key to the end of ORDER BY")
}

/// A list that grows with its table.
fn unbounded(seen: &Seen) -> Option<Problem> {
    if seen.list.limit != Amount::None || seen.samples.rows.is_empty() {
        return None;
    }
    let mut sizes: Vec<u64> = seen.samples.rows.iter().map(|(_, n_rows)| *n_rows).collect();
    sizes.sort_unstable();
    let quantile = |percent: usize| sizes[(sizes.len() - 1) * percent / 100];
    let (median, high) = (quantile(50), quantile(99));
    if high <= LONG_RESULT {
        return None;
    }
    let reason = if high > MAX_TIMES_MEDIAN * median {
        format!("no LIMIT: the median result has {median} rows, the 99th percentile {high}")
    } else if grows(&seen.samples.rows) {
        format!("no LIMIT, and its results grow: the 99th percentile has {high} rows")
    } else {
        return None;
    };
    Some(problem(ProblemKind::UnboundedList, reason, "give it a LIMIT, and pages by key"))
}

/// Whether results grow over time: the later half has the greater median, and the line through all points rises by a tenth.
fn grows(rows: &[(Time, u64)]) -> bool {
    if rows.len() < MIN_CALLS_FOR_TREND {
        return false;
    }
    let mut ordered = rows.to_vec();
    ordered.sort_by_key(|(at, _)| *at);
    let median = |part: &[(Time, u64)]| {
        let mut sizes: Vec<u64> = part.iter().map(|(_, n_rows)| *n_rows).collect();
        sizes.sort_unstable();
        sizes[sizes.len() / 2]
    };
    let (early, late) = ordered.split_at(ordered.len() / 2);
    median(late) * 10 > median(early) * 11
}

/// A client chooses how much it gets.
fn large_page(seen: &Seen, limits: Limits) -> Option<Problem> {
    let is_chosen = matches!(seen.list.limit, Amount::Parameter(_)) && seen.sizes.len() > 1;
    let largest = seen.sizes.keys().next_back().copied().filter(|largest| *largest > limits.max_page_size)?;
    is_chosen.then(|| {
        let reason = format!("LIMIT varies and goes up to {largest}, more than {}", limits.max_page_size);
        problem(ProblemKind::LargePage, reason, "cap what a client may ask for")
    })
}

/// Counting all rows costs more than a page of them.
fn count_twin(seen: &Seen, count: &Count) -> Option<Problem> {
    (seen.list.limit != Amount::None && seen.calls > 0).then(|| {
        let reason = format!("the same rows are counted, {} times for {} pages", count.calls, seen.calls);
        let twin = Twin {
            fingerprint: count.fingerprint,
            statement: count.text.clone(),
            calls: count.calls,
            time: count.time,
        };
        let remedy = "ask for one row more than a page to know whether there is another, or show an estimate";
        Problem { twin: Some(twin), ..problem(ProblemKind::CountTwin, reason, remedy) }
    })
}
