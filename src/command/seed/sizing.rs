//! `perfkit seed --size`: measures small plans of the same tables, and plans what takes the wanted space.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::pg::Connection;
use crate::pg::seed::load::Options;
use crate::pg::seed::measure::{self, Manner};
use crate::seed::plan::{Plan, Size};
use crate::seed::schema::{Schema, TableId};
use crate::seed::size::calibrate::{self, Found, Model, Point};
use crate::unit;

/// So near to what is wanted a size counts as reached.
const TOLERANCE: f64 = 0.03;
/// The greater of the two plans that are measured takes about so much, or this share of the wanted size if that is more: a
/// few seconds of loading, far more than the pages that are begun and not full.
const MEASURED_BYTES: u64 = 48 << 20;
const MEASURED_SHARE: u64 = 64;
/// The plans that are measured are halves of halves of the whole one, at least a quarter: pages of indexes on random values fill
/// and split all at about the same time, so that an index is as dense as one with twice or four times as many keys, but not as
/// one with three times as many.
const LEAST_HALVINGS: i32 = 2;
/// The smaller plan is a quarter of the greater one.
const HALVINGS_BETWEEN: i32 = 2;
/// Tables of the smaller and the greater plan with fewer rows, for each partition, are measured with so many rows of the whole
/// plan: with fewer, an index has so few pages that its root and the page that was split last decide its size. Tables of fewer
/// rows than the second are measured whole.
const LEAST_ROWS: [u64; 2] = [1_000, 4_000];
/// Tables with indexes that do not grow in proportion to the rows, such as GIN with its list of pending entries, are measured
/// whole up to so many rows: those of larger tables are built after the rows.
const MOST_ROWS_UNEVEN: u64 = 100_000;
/// Indexes of large tables are built after the rows, and are denser then. Where the sizes that were measured make another table
/// large, or one not large any more, they are measured again.
const MAX_ROUNDS: usize = 3;
/// The first major version whose COPY adds several pages at once.
const FIRST_TO_ADD_MANY: u32 = 16;
/// What a row takes besides its columns, about: its header, its place in a page and in the index of a key.
const ROW_BYTES: u64 = 60;

/// What a size is to be found for.
pub(super) struct Sizing<'s> {
    pub(super) connection: &'s mut Connection,
    pub(super) schema: &'s Schema,
    pub(super) wanted_bytes: u64,
    pub(super) options: Options,
    /// Plans at a scale, and of that so large a share.
    pub(super) build: &'s dyn Fn(f64, f64) -> Result<Plan>,
}

impl Sizing<'_> {
    /// Returns the plan whose tables take the wanted space.
    pub(super) async fn plan(mut self) -> Result<Plan> {
        let rough = |scale: f64| Ok::<_, Error>(rough_bytes(&(self.build)(scale, 1.0)?));
        let guess = calibrate::nearest(self.wanted_bytes, 1.0, rough)?;
        // A first, coarse measurement tells how large the plans of the second one have to be.
        let halvings = halvings(self.wanted_bytes.max(guess.bytes));
        let coarse = halvings + HALVINGS_BETWEEN;
        let mut uneven = BTreeSet::new();
        let (mut found, mut plan) = self.measured(guess.scale, &[coarse], &mut uneven).await?;
        for _ in 0..MAX_ROUNDS {
            let large = measure::large(&plan, self.options.n_streams);
            (found, plan) = self.measured(found.scale, &[coarse, halvings], &mut uneven).await?;
            if measure::large(&plan, self.options.n_streams) == large {
                break;
            }
        }
        let estimated_bytes = found.bytes;
        self.check(found, &plan)?;
        Ok(Plan { size: Some(Size { wanted_bytes: self.wanted_bytes, estimated_bytes }), ..plan })
    }

    /// Measures small plans of the one at a scale, each after so many halvings, and finds the scale that fits.
    /// `uneven` are the tables known, and found, to grow unevenly.
    async fn measured(
        &mut self,
        scale: f64,
        halvings: &[i32],
        uneven: &mut BTreeSet<TableId>,
    ) -> Result<(Found, Plan)> {
        let whole = (self.build)(scale, 1.0)?;
        let small =
            halvings.iter().map(|n| (self.build)(scale, 0.5_f64.powi(*n))).collect::<Result<Vec<_>>>()?;
        let existing = measure::sizes(self.connection, &whole).await?;
        let n_streams = self.options.n_streams;
        let built_after = if self.options.keep_indexes {
            BTreeSet::new()
        } else {
            measure::built_after(self.connection, &whole, n_streams).await?
        };
        let manner = Manner { built_after, n_streams };
        let mut models = Vec::new();
        for (id, (table, existing)) in (0..).zip(whole.tables.iter().zip(&existing)) {
            let mut points: Vec<Point> = Vec::new();
            let mut n_indexes = 0;
            for (plan, n_rows) in samples(&whole, &small, id, uneven.contains(&id)) {
                if points.iter().all(|point| point.n_rows != n_rows) {
                    let n_chunks = table.n_rows.div_ceil(u64::from(table.rows_per_chunk.max(1)));
                    let measured =
                        measure::point(self.connection, plan, id, n_rows, n_chunks, &manner).await?;
                    points.push(measured.point);
                    n_indexes = measured.n_indexes;
                    if measured.is_uneven {
                        uneven.insert(id);
                    }
                }
            }
            let is_filled = self.schema.relations[usize::from(id)].is_filled;
            let existing_bytes = if is_filled { existing.total_bytes } else { 0 };
            let model = Model::new(n_indexes, points);
            let adds_many_pages = self.connection.major() >= FIRST_TO_ADD_MANY && !table.is_staged;
            models.push((table.n_rows > 0).then(|| TableSize {
                model: if adds_many_pages { model.with_spare_pages() } else { model },
                is_filled,
                existing_bytes,
            }));
        }
        let total = |scale: f64| {
            let plan = (self.build)(scale, 1.0)?;
            let tables = plan.tables.iter().zip(&models).filter(|(table, _)| table.n_rows > 0);
            Ok::<_, Error>(tables.filter_map(|(table, size)| Some(size.as_ref()?.bytes(table.n_rows))).sum())
        };
        let found = calibrate::nearest(self.wanted_bytes, scale, total)?;
        Ok((found, (self.build)(found.scale, 1.0)?))
    }

    /// Refuses a size that cannot be reached.
    fn check(&self, found: Found, plan: &Plan) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a share of bytes")]
        let share = found.bytes as f64 / self.wanted_bytes.max(1) as f64;
        let rows = |plan: &Plan| plan.tables.iter().map(|table| table.n_rows).collect::<Vec<_>>();
        let is_scaled = |scale: f64| (self.build)(scale, 1.0).map(|other| rows(&other) != rows(plan));
        let (wanted, bytes) = (unit::bytes(self.wanted_bytes), unit::bytes(found.bytes));
        if share > 1.0 + TOLERANCE && !is_scaled(found.scale / 2.0)? {
            return Err(Error::usage(format!("cannot fill the tables with only {wanted}"))
                .cause(format_args!(
                    "with the rows that are there or were asked for they take {bytes} at the least"
                ))
                .hint("Ask for a greater size."));
        }
        if share < 1.0 - TOLERANCE && !is_scaled(found.scale * 2.0)? {
            return Err(Error::usage(format!("cannot fill the tables with {wanted}"))
                .cause(format_args!(
                    "they take {bytes} at the most: their keys hold no more, or their rows were asked for"
                ))
                .hint("Ask for a smaller size, or for more rows with `--rows`."));
        }
        Ok(())
    }
}

/// What a table takes, with the rows that are there.
struct TableSize {
    model: Model,
    is_filled: bool,
    existing_bytes: u64,
}

impl TableSize {
    fn bytes(&self, n_rows: u64) -> u64 {
        let empty = if self.is_filled { self.model.bytes(0) } else { 0 };
        self.existing_bytes + self.model.bytes(n_rows) - empty
    }
}

/// Returns the plans of which a table is measured, each with the number of its first rows.
fn samples<'p>(whole: &'p Plan, small: &'p [Plan], table: TableId, is_uneven: bool) -> Vec<(&'p Plan, u64)> {
    let planned = |plan: &'p Plan| &plan.tables[usize::from(table)];
    let n_whole = planned(whole).n_rows;
    let n_partitions = planned(whole).routing.as_ref().map_or(1, |routing| routing.leaves.len() as u64);
    let least = LEAST_ROWS.map(|n| n * n_partitions);
    match n_whole {
        0 => Vec::new(),
        n if n <= least[1] || (is_uneven && n <= MOST_ROWS_UNEVEN) => vec![(whole, n)],
        _ => small
            .iter()
            .zip(least)
            .map(|(plan, least)| (plan, planned(plan).n_rows, least))
            .map(|(plan, n, least)| if n < least { (whole, least) } else { (plan, n) })
            .collect(),
    }
}

/// Returns how often a plan of so many bytes is halved for the greater of the plans that are measured.
fn halvings(bytes: u64) -> i32 {
    let most = MEASURED_BYTES.max(bytes / MEASURED_SHARE);
    (LEAST_HALVINGS..64).find(|n| bytes >> n <= most).unwrap_or(LEAST_HALVINGS)
}

/// Returns what tables take by the types of their columns.
fn rough_bytes(plan: &Plan) -> u64 {
    let tables = plan.tables.iter().map(|table| {
        let columns: u64 = table.columns.iter().map(|column| column.wire.bytes_about()).sum();
        table.n_rows.saturating_mul(columns + ROW_BYTES)
    });
    tables.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{plan, table};

    #[test]
    fn small_plans_are_halves_of_halves() {
        let check = |bytes: u64, expected: i32| assert_eq!(halvings(bytes), expected, "{bytes}");
        check(0, 2);
        check(60 << 20, 2);
        check(200 << 20, 3);
        check(1 << 30, 5);
        check(10 << 30, 6);
        check(1 << 40, 6);
    }

    #[test]
    fn small_tables_are_measured_whole_and_large_ones_in_part() {
        let plan_of = |n_rows: u64| plan(vec![table("t", n_rows, 1_000)]);
        let check = |whole: u64, small: [u64; 2], expected: &[u64]| {
            let (whole, small) = (plan_of(whole), small.map(plan_of));
            let found: Vec<u64> = samples(&whole, &small, 0, false).into_iter().map(|(_, n)| n).collect();
            assert_eq!(found, expected);
            let found = samples(&whole, &small, 0, true);
            assert!(found.iter().all(|(_, n)| *n == whole.tables[0].n_rows), "{whole:?}");
        };
        check(0, [0, 0], &[]);
        check(4_000, [250, 1_000], &[4_000]);
        check(80_000, [5_000, 20_000], &[5_000, 20_000]);
        check(40_000, [200, 8_000], &[1_000, 8_000]);
    }
}
