//! What a database keeps of a run of `perfkit seed`, and what is left of it to do.
//!
//! A chunk is in the manifest exactly when its rows are in their tables, because both come with one transaction.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::chunk::{Chunk, chunks};
use super::make::block::Patches;
use super::make::{Draw, Maker, Values};
use super::plan::{ColumnPlan, Nulls, Plan, TablePlan};
use super::schema::TableId;
use crate::query::quote;
use crate::run_id::RunId;

/// Refused rows of one chunk, and one in so many where that is more; more of them are no accident but a plan that does not fit the
/// schema.
const MAX_REFUSED: usize = 20;
const MAX_REFUSED_SHARE: u64 = 500;
/// How often another row takes the place of a refused one.
const MAX_ATTEMPTS: u32 = 8;

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) state: RunState,
    pub(crate) perfkit_version: String,
    /// Microseconds since 1970.
    pub(crate) started_us: i64,
    pub(crate) plan: Plan,
    /// What the columns of the plan were when it was made, in the server's words.
    pub(crate) shape: Vec<String>,
    pub(crate) sequences: Vec<SequenceMove>,
    /// The run of the index journal that has dropped indexes for this one.
    pub(crate) index_run: Option<RunId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    /// Chunks are missing.
    Loading,
    /// All rows are there; indexes may be missing.
    Finishing,
    Done,
    /// Chunks that are gone from the manifest are gone from their tables.
    Cleaning,
    Cleaned,
}

impl RunState {
    const ALL: [Self; 5] = [Self::Loading, Self::Finishing, Self::Done, Self::Cleaning, Self::Cleaned];

    /// Its word in the manifest.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Cleaning => "cleaning",
            Self::Cleaned => "cleaned",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What has been committed of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Done {
    /// By step and number.
    pub(crate) chunks: BTreeSet<(u32, u32)>,
    pub(crate) patches: Patches,
}

/// A row that the server refused, with the attempt that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) table: TableId,
    pub(crate) row: u64,
    pub(crate) attempt: u32,
    /// In the server's words.
    pub(crate) reason: String,
}

/// A row that the server has just refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) table: TableId,
    pub(crate) row: u64,
    pub(crate) reason: String,
}

/// Why refused rows are not tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GivenUp {
    #[error("row {row} was refused {n} times: {reason}")]
    Often { row: u64, n: u32, reason: String },
    #[error("more than {most} rows of a chunk were refused, the first of them: {reason}")]
    Many { most: usize, reason: String },
}

/// Returns how many rows of a chunk of `n_rows` may be refused.
pub(crate) fn most_refused(n_rows: u64) -> usize {
    usize::try_from(n_rows / MAX_REFUSED_SHARE).map_or(usize::MAX, |most| most.max(MAX_REFUSED))
}

impl Done {
    pub(crate) fn patch(&mut self, patch: &Patch) {
        self.patches.set(patch.table, patch.row, patch.attempt);
    }

    /// Returns what takes the place of refused rows of a chunk of `n_rows`.
    pub(crate) fn patches_for(&self, refused: &[Refused], n_rows: u64) -> Result<Vec<Patch>, GivenUp> {
        let most = most_refused(n_rows);
        if refused.len() > most {
            return Err(GivenUp::Many { most, reason: refused[0].reason.clone() });
        }
        refused
            .iter()
            .map(|Refused { table, row, reason }| {
                let attempt = self.patches.attempt(*table, *row) + 1;
                if attempt > MAX_ATTEMPTS {
                    return Err(GivenUp::Often { row: *row, n: attempt, reason: reason.clone() });
                }
                Ok(Patch { table: *table, row: *row, attempt, reason: reason.clone() })
            })
            .collect()
    }
}

/// Returns the chunks that are not committed yet, in the order in which they are started.
pub(crate) fn left(plan: &Plan, done: &BTreeSet<(u32, u32)>) -> Vec<Chunk> {
    chunks(plan).filter(|chunk| !done.contains(&(chunk.step, chunk.number))).collect()
}

/// How a run moves a sequence past the keys that it makes, and back when it is cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SequenceMove {
    /// With its schema, quoted.
    pub(crate) name: String,
    /// The last value before the run; `None` when it had given none.
    pub(crate) before: Option<i64>,
    /// The first value that it gives then.
    pub(crate) start: i64,
    pub(crate) after: i64,
    pub(crate) may_update: bool,
}

/// What is to be done with a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Nothing,
    /// It has given this value, or with `false` is going to.
    Set(i64, bool),
    /// Somebody has moved it.
    Taken,
}

impl SequenceMove {
    /// What reserves the run's keys, if this is the last value now.
    pub(crate) fn reserve(&self, last_value: Option<i64>) -> Move {
        if last_value == self.before {
            return Move::Set(self.after, true);
        }
        let is_falling = self.after < self.before.unwrap_or(self.start);
        let is_past =
            last_value.is_some_and(|last| if is_falling { last <= self.after } else { last >= self.after });
        if is_past { Move::Nothing } else { Move::Taken }
    }

    /// What brings it back when the run's rows are gone: nothing if somebody has taken keys since.
    pub(crate) fn undo(&self, last_value: Option<i64>) -> Move {
        if last_value == self.before {
            Move::Nothing
        } else if last_value != Some(self.after) {
            Move::Taken
        } else {
            self.before.map_or(Move::Set(self.start, false), |before| Move::Set(before, true))
        }
    }
}

/// Returns how the run moves each sequence: past the last key of the tables that it feeds.
pub(crate) fn sequence_moves(plan: &Plan) -> Vec<SequenceMove> {
    let mut moves: Vec<SequenceMove> = Vec::new();
    for (table, column) in
        plan.tables.iter().flat_map(|table| table.columns.iter().map(move |it| (table, it)))
    {
        let (Some(sequence), Some(last)) = (&column.sequence, last_key(table, column)) else { continue };
        let name = quote::qualified(&sequence.schema, &sequence.name);
        let is_rising = sequence.increment > 0;
        let is_past = |other: i64| if is_rising { other >= last } else { other <= last };
        // Keys may be below those of a sequence that starts later.
        let last_value = sequence.last_value.or(sequence.start.checked_sub(sequence.increment));
        if last_value.is_some_and(is_past) {
            continue;
        }
        match moves.iter_mut().find(|known| known.name == name) {
            Some(known) if is_past(known.after) => {}
            Some(known) => known.after = last,
            None => moves.push(SequenceMove {
                name,
                before: sequence.last_value,
                start: sequence.start,
                after: last,
                may_update: sequence.may_update,
            }),
        }
    }
    moves
}

/// The key of the table's last row, of a column whose keys are counted or that are all within known numbers.
fn last_key(table: &TablePlan, column: &ColumnPlan) -> Option<i64> {
    let Maker::Drawn { draw, values: Values::Int { low, step, n } } = &column.maker else { return None };
    let n = match draw {
        Draw::Serial => table.base + table.n_rows,
        _ => *n,
    };
    (table.n_rows > 0).then_some(())?;
    low.checked_add(step.checked_mul(i64::try_from(n.checked_sub(1)?).ok()?)?)
}

/// The numbers of a column that counts the rows, patched ones included: `low + step · serial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    low: i64,
    step: i64,
    base: u64,
}

impl Counted {
    pub(crate) fn of(table: &TablePlan, column: &ColumnPlan) -> Option<Self> {
        let Maker::Drawn { draw: Draw::Serial, values: Values::Int { low, step, .. } } = column.maker else {
            return None;
        };
        (column.nulls == Nulls::Never && step != 0).then_some(Self { low, step, base: table.base })
    }

    /// The least and the greatest number of rows `first..=last`.
    pub(crate) fn between(self, first: u64, last: u64) -> (i64, i64) {
        let number = |row: u64| {
            let serial = i64::try_from(self.base.saturating_add(row)).unwrap_or(i64::MAX);
            self.low.saturating_add(self.step.saturating_mul(serial))
        };
        let (a, b) = (number(first), number(last));
        (a.min(b), a.max(b))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{plan, serial, table};
    use super::*;
    use crate::seed::schema::Sequence;

    #[test]
    fn states_have_names() {
        for state in RunState::ALL {
            assert_eq!(RunState::of_name(state.name()), Some(state));
        }
        assert_eq!(RunState::of_name("lost"), None);
    }

    #[test]
    fn what_is_left_is_all_that_is_not_committed() {
        let plan = plan(vec![table("a", 25, 10), table("b", 5, 10)]);
        let check = |done: &[(u32, u32)], expected: &[(u32, u32)]| {
            let left = left(&plan, &done.iter().copied().collect());
            let left: Vec<_> = left.iter().map(|chunk| (chunk.step, chunk.number)).collect();
            assert_eq!(left, expected);
        };
        check(&[], &[(0, 0), (0, 1), (0, 2), (1, 0)]);
        check(&[(0, 1), (1, 0)], &[(0, 0), (0, 2)]);
        check(&[(0, 0), (0, 1), (0, 2), (1, 0)], &[]);
    }

    #[test]
    fn refused_rows_are_tried_again_but_not_for_ever() {
        let refused = |row| Refused { table: 1, row, reason: "no".to_owned() };
        let mut done = Done::default();
        for attempt in 1..=MAX_ATTEMPTS {
            let patches = done.patches_for(&[refused(7)], 1_000).unwrap();
            assert_eq!(patches[0].attempt, attempt);
            done.patch(&patches[0]);
        }
        assert_eq!(
            done.patches_for(&[refused(7)], 1_000),
            Err(GivenUp::Often { row: 7, n: MAX_ATTEMPTS + 1, reason: "no".to_owned() })
        );
        let many: Vec<Refused> = (0..=MAX_REFUSED as u64).map(refused).collect();
        assert_eq!(
            done.patches_for(&many, 1_000),
            Err(GivenUp::Many { most: MAX_REFUSED, reason: "no".to_owned() })
        );
    }

    #[test]
    fn sequences_go_past_the_keys_of_all_tables_that_they_feed() {
        let check = |increment: i64, last: Option<i64>, tables: &[(i64, u64, u64)], expected: Option<i64>| {
            let tables = tables.iter().map(|(low, base, n_rows)| {
                let mut column = serial("id", *low, increment);
                column.sequence = Some(Sequence {
                    schema: "s".to_owned(),
                    name: "Q".to_owned(),
                    increment,
                    min: 1,
                    max: i64::MAX,
                    last_value: last,
                    start: 1,
                    may_update: true,
                    is_owner: true,
                });
                TablePlan { base: *base, columns: vec![column], ..table("t", *n_rows, 10) }
            });
            let moves = sequence_moves(&plan(tables.collect()));
            assert_eq!(moves.first().map(|it| it.after), expected);
            assert!(moves.len() < 2 && moves.iter().all(|it| it.name == "s.\"Q\"" && it.before == last));
        };
        check(1, None, &[(1, 0, 100)], Some(100));
        check(1, Some(100), &[(1, 100, 50)], Some(150));
        check(1, None, &[(1, 0, 100), (101, 0, 20)], Some(120));
        check(1, None, &[(101, 0, 20), (1, 0, 100)], Some(120));
        check(-1, None, &[(-1, 0, 100)], Some(-100));
        check(10, None, &[(1, 0, 3)], Some(21));
        check(1, Some(500), &[(1, 0, 100)], None);
        check(1, None, &[(1, 0, 0)], None);
        check(2, None, &[(i64::MAX - 1, 0, 3)], None);
    }

    #[test]
    fn a_sequence_that_others_have_moved_is_left_alone() {
        let check = |before, after, last, reserve, undo| {
            let it = SequenceMove { name: String::new(), before, start: 5, after, may_update: true };
            assert_eq!((it.reserve(last), it.undo(last)), (reserve, undo), "{before:?} {after} {last:?}");
        };
        check(None, 100, None, Move::Set(100, true), Move::Nothing);
        check(None, 100, Some(100), Move::Nothing, Move::Set(5, false));
        check(None, 100, Some(101), Move::Nothing, Move::Taken);
        check(None, 100, Some(7), Move::Taken, Move::Taken);
        check(Some(50), 100, Some(50), Move::Set(100, true), Move::Nothing);
        check(Some(50), 100, Some(100), Move::Nothing, Move::Set(50, true));
        check(Some(50), 100, Some(51), Move::Taken, Move::Taken);
        check(Some(-1), -100, Some(-1), Move::Set(-100, true), Move::Nothing);
        check(Some(-1), -100, Some(-100), Move::Nothing, Move::Set(-1, true));
        check(Some(-1), -100, Some(-2), Move::Taken, Move::Taken);
    }

    #[test]
    fn counted_keys_are_a_range() {
        let check = |low, step, base, rows: (u64, u64), expected| {
            let table = TablePlan { base, columns: vec![serial("id", low, step)], ..table("t", 100, 10) };
            let counted = Counted::of(&table, &table.columns[0]).unwrap();
            assert_eq!(counted.between(rows.0, rows.1), expected);
        };
        check(1, 1, 0, (0, 99), (1, 100));
        check(1, 2, 10, (5, 5), (31, 31));
        check(-1, -1, 0, (0, 99), (-100, -1));
        check(i64::MAX, 1, 0, (0, 99), (i64::MAX, i64::MAX));
    }
}
