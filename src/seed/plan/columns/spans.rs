//! Ranges that two columns are the ends of, as in `EXCLUDE USING gist (room_id WITH =, daterange(starts, ends) WITH &&)`: among the
//! rows that are equal otherwise each has a stretch of its own.

use super::Planner;
use crate::query::check::{self, Check};
use crate::query::{condition, quote};
use crate::seed::condition::domain::{Class, Unit};
use crate::seed::make::{Cut, Derived, Draw, Values};
use crate::seed::plan::suit::{self, uniform};
use crate::seed::schema::{ColumnId, Exclusion, Key, KeyPart, Relation};
use crate::seed::time::DAY_US;

/// Stretches begin on 2022-01-01, or with the number 1.
const FIRST_DAY: i64 = 8_036;
/// Days, and moments, over which the stretches of a table are spread, as far as they are not too short or too long then.
const N_DAYS: i64 = 20 * 365;
const PERIOD_US: i64 = 2 * 365 * DAY_US;
const MINUTE_US: i64 = 60_000_000;

/// The ends of ranges that must not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The place of the constraint.
    pub(crate) exclusion: usize,
    pub(crate) start: ColumnId,
    pub(crate) end: ColumnId,
}

/// Returns what EXCLUDE constraints say of the ends of ranges.
pub(crate) fn spans(relation: &Relation) -> impl Iterator<Item = Span> {
    let span = |(exclusion, of): (usize, &Exclusion)| {
        of.parts.iter().find_map(|(part, operator)| {
            let KeyPart::Opaque { sql, .. } = part else { return None };
            let [start, end] = condition::range_ends(sql).filter(|_| operator == "&&")?;
            let (start, end) = (relation.column(&start)?, relation.column(&end)?);
            let (of_start, of_end) = (&relation.field(start).ty, &relation.field(end).ty);
            (start != end && of_start == of_end && unit(relation, start).is_some()).then_some(Span {
                exclusion,
                start,
                end,
            })
        })
    };
    relation.exclusions.iter().enumerate().filter_map(span)
}

fn unit(relation: &Relation, column: ColumnId) -> Option<Unit> {
    match suit::class(&relation.field(column).ty, None) {
        Class::Number(unit @ (Unit::Date | Unit::Timestamp | Unit::Int { .. })) => Some(unit),
        _ => None,
    }
}

impl Planner<'_> {
    /// What has to hold for ranges to be made and to have two ends.
    pub(super) fn of_spans(&self) -> Vec<Check> {
        let condition = |span: Span| {
            let [start, end] =
                [span.start, span.end].map(|of| quote::quote_identifier(&self.relation.field(of).name));
            let sql = format!("(({start} IS NOT NULL) AND ({end} IS NOT NULL) AND ({start} < {end}))");
            check::check(&self.relation.exclusions[span.exclusion].name, &sql, &[])
        };
        self.spans.iter().copied().map(condition).collect()
    }

    /// What has to hold so that two rows are never the same pair the other way round, as a key with `LEAST(a, b)` asks.
    pub(super) fn of_pairs(&self) -> Vec<Check> {
        let parts = self.relation.keys.iter().flat_map(|key| key.parts.iter().map(move |part| (key, part)));
        let condition = |(key, part): (&Key, &KeyPart)| {
            let KeyPart::Opaque { sql, .. } = part else { return None };
            let [first, second] = condition::least_of(sql)?.map(|name| quote::quote_identifier(&name));
            Some(check::check(&key.name, &format!("({first} <= {second})"), &[]))
        };
        parts.filter_map(condition).collect()
    }

    /// How far the starts of a span's stretches are from each other, in the units of the column.
    fn cell(&self, span: Span) -> Option<i64> {
        let n = i64::try_from(self.n_rows.max(1)).unwrap_or(i64::MAX);
        Some(match unit(self.relation, span.start)? {
            Unit::Date => (N_DAYS / n).clamp(3, 30),
            Unit::Timestamp => (PERIOD_US / n / MINUTE_US).clamp(10, 24 * 60) * MINUTE_US,
            _ => ((1 << 14) / n).clamp(3, 100),
        })
    }

    /// The starts of stretches that do not overlap, if the column has them.
    pub(super) fn starts(&self, column: usize) -> Option<(Draw, Values)> {
        let span = self.spans.iter().copied().find(|span| usize::from(span.start) == column)?;
        let unit = unit(self.relation, span.start)?;
        let first = match unit {
            Unit::Date => FIRST_DAY,
            Unit::Timestamp => FIRST_DAY * DAY_US,
            _ => 1,
        };
        // After those that are there.
        let low = match self.builder.known.first_keys.get(&(self.table, span.end)) {
            Some(greatest) => greatest.checked_add(1)?.max(first),
            None => first,
        };
        let step = self.cell(span)?;
        let n = u64::try_from((unit.limits().1 - i128::from(low)) / i128::from(step)).ok()?.checked_sub(1)?;
        Some((Draw::Serial, Values::Int { low, step, n }))
    }

    /// Ends what follows the start of a stretch before the next one begins.
    pub(super) fn within_stretch(&self, column: usize, derived: &mut Derived) {
        let spans = self.spans.iter().copied();
        for span in spans.filter(|span| usize::from(span.end) == column) {
            let Derived::Beyond { of, low, step, draw: draw @ Draw::Uniform { .. }, cut } = derived else {
                continue;
            };
            let Some(cell) = self.cell(span).filter(|_| *of == span.start && *step > 0) else { continue };
            // A range may have its end in it.
            let n = ((cell - 1 - *low) / *step).max(0).unsigned_abs() + 1;
            if let Draw::Uniform { n: most } = draw {
                *draw = uniform(n.min(*most));
            }
            *cut = Cut::None;
        }
    }
}
