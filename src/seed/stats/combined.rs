//! Combinations of values as frequent as a list of most common ones says (`pg_mcv_list`), each value with exactly its rows.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::random;
use crate::seed::exact::{count, rounded};
use crate::seed::keys::permutation::Permutation;

/// Columns with more combinations of known values, and of others, are left as they are: all of them are in the plan.
const MOST_CELLS: usize = 1 << 14;
/// Rounds in which what is not listed is fitted to the rows that values have left (iterative proportional fitting).
const N_ROUNDS: usize = 40;
/// Shares of samples do not add up to those of single values: so often they are scaled down where they are more.
const N_SCALINGS: usize = 3;

/// What a list says of some columns: combinations of values, `None` for NULL, with their shares of the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Combinations {
    pub(crate) columns: Vec<String>,
    pub(crate) items: Vec<(Vec<Option<String>>, f64)>,
}

/// The known values of a column by their places in the order of its values: which of `0..n_rows` each has, in that order.
pub(super) type Known = Vec<Range<u64>>;

/// The places of one of the columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Combined {
    /// Rows in the order of their combinations, the same for all of the columns.
    scatter: Permutation,
    /// For each cell the first of these, and where its rows have their places: from a place on, or from a number of the places
    /// of other values on.
    cells: Vec<(u64, To)>,
    /// The places of other values: the number of the first, and its place.
    others: Vec<(u64, u64)>,
    /// Other values meet by chance.
    mixed: Permutation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum To {
    Known(u64),
    Others(u64),
}

impl Combined {
    /// Returns the place of a row; both are below the number of rows.
    pub(super) fn place(&self, row: u64) -> u64 {
        let at = self.scatter.apply(row);
        let cell = self.cells.partition_point(|(first, _)| *first <= at).saturating_sub(1);
        match self.cells.get(cell) {
            Some((first, To::Known(place))) => place + (at - first),
            Some((first, To::Others(number))) => {
                let number = self.mixed.apply(number + (at - first));
                let stretch = self.others.partition_point(|(first, _)| *first <= number).saturating_sub(1);
                self.others.get(stretch).map_or(number, |(first, place)| place + (number - first))
            }
            None => at,
        }
    }
}

/// Gives the rows of columns places such that combinations have their shares: one for each column, of whose known values the items say
/// the place. `None` where there are too many combinations.
pub(super) fn combined(
    n_rows: u64,
    columns: &[Known],
    items: &[(Vec<usize>, f64)],
    key: u64,
) -> Option<Vec<Combined>> {
    let others: Vec<Vec<Range<u64>>> = columns.iter().map(|known| between(n_rows, known)).collect();
    let rooms: Vec<Vec<u64>> = columns
        .iter()
        .zip(&others)
        .map(|(known, others)| {
            let n_others = others.iter().map(|range| range.end - range.start).sum();
            known.iter().map(|range| range.end - range.start).chain([n_others]).collect()
        })
        .collect();
    let cells = cells(n_rows, &rooms, items)?;
    let scatter = Permutation::new(n_rows, key);
    let laid = (0..).zip(columns).zip(others.iter().zip(&rooms)).map(|((column, known), (others, rooms))| {
        let mut used = vec![0; rooms.len()];
        let mut first = 0;
        let mut own = Vec::new();
        for (bins, n) in &cells {
            let bin = bins[column];
            let to = match known.get(bin) {
                Some(range) => To::Known(range.start + used[bin]),
                None => To::Others(used[bin]),
            };
            own.push((first, to));
            used[bin] += n;
            first += n;
        }
        let numbered = others.iter().scan(0, |number, range| {
            let first = *number;
            *number += range.end - range.start;
            Some((first, range.start))
        });
        let n_others = rooms.last().copied().unwrap_or(0);
        let mixed = Permutation::new(n_others, random::at(key, column as u64 + 1));
        Combined { scatter, cells: own, others: numbered.collect(), mixed }
    });
    Some(laid.collect())
}

/// Returns what is left of `0..n_rows`.
fn between(n_rows: u64, known: &Known) -> Vec<Range<u64>> {
    let mut sorted = known.clone();
    sorted.sort_unstable_by_key(|range| range.start);
    let starts = [0].into_iter().chain(sorted.iter().map(|range| range.end));
    let ends = sorted.iter().map(|range| range.start).chain([n_rows]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
}

/// Returns how many rows each combination has, by the places of its values: as many as there are, of each value as many as it has room
/// for. The last place of a column is that of all other values.
fn cells(n_rows: u64, rooms: &[Vec<u64>], items: &[(Vec<usize>, f64)]) -> Option<Vec<(Vec<usize>, u64)>> {
    let n_cells = rooms.iter().try_fold(1_usize, |n, rooms| n.checked_mul(rooms.len()))?;
    if n_cells > MOST_CELLS {
        return None;
    }
    let mut listed: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
    for (bins, share) in items {
        *listed.entry(bins.clone()).or_default() += share * count(n_rows);
    }
    for _ in 0..N_SCALINGS {
        for (column, rooms) in rooms.iter().enumerate() {
            let sums = sums(rooms.len(), listed.iter().map(|(bins, rows)| (bins[column], *rows)));
            for (bins, rows) in &mut listed {
                let (room, sum) = (count(rooms[bins[column]]), sums[bins[column]]);
                if sum > room {
                    *rows *= room / sum;
                }
            }
        }
    }
    let mut found: Vec<(Vec<usize>, u64)> =
        listed.iter().map(|(bins, rows)| (bins.clone(), rounded(*rows))).collect();
    found.extend(rest(n_rows, rooms, &listed));
    settle(&mut found, rooms);
    found.retain(|(_, n)| *n > 0);
    Some(found)
}

/// Spreads what is not listed over the other combinations: as if the columns were independent, as far as that fits the rows that their
/// values have left.
fn rest(n_rows: u64, rooms: &[Vec<u64>], listed: &BTreeMap<Vec<usize>, f64>) -> Vec<(Vec<usize>, u64)> {
    let left: Vec<Vec<f64>> = rooms
        .iter()
        .enumerate()
        .map(|(column, rooms)| {
            let taken = sums(rooms.len(), listed.iter().map(|(bins, rows)| (bins[column], *rows)));
            rooms.iter().zip(taken).map(|(room, taken)| (count(*room) - taken).max(0.0)).collect()
        })
        .collect();
    let n_all = count(n_rows).max(1.0);
    let mut all: Vec<(Vec<usize>, f64)> = vec![(Vec::new(), n_all)];
    for left in &left {
        all = all
            .iter()
            .flat_map(|(bins, rows)| {
                let rows = rows / n_all;
                left.iter().enumerate().map(move |(bin, n)| ([&bins[..], &[bin]].concat(), rows * n))
            })
            .collect();
    }
    all.retain(|(bins, rows)| *rows > 0.0 && !listed.contains_key(bins));
    for _ in 0..N_ROUNDS {
        for (column, left) in left.iter().enumerate() {
            let sums = sums(left.len(), all.iter().map(|(bins, rows)| (bins[column], *rows)));
            for (bins, rows) in &mut all {
                *rows *= left[bins[column]] / sums[bins[column]].max(f64::MIN_POSITIVE);
            }
        }
    }
    // Sums of what came before are rounded, so that the whole is as much as the parts.
    let (mut sum, mut given) = (0.0, 0);
    all.into_iter()
        .map(|(bins, rows)| {
            sum += rows;
            let own = rounded(sum).saturating_sub(given);
            given += own;
            (bins, own)
        })
        .collect()
}

/// Takes rows away where a value has no room for them, from what is listed last, and lets those come together that are left over.
fn settle(cells: &mut Vec<(Vec<usize>, u64)>, rooms: &[Vec<u64>]) {
    let mut left: Vec<Vec<u64>> = Vec::new();
    for (column, rooms) in rooms.iter().enumerate() {
        let mut left_here = rooms.clone();
        for (bins, n) in cells.iter_mut() {
            let room = &mut left_here[bins[column]];
            *n = (*n).min(*room);
            *room -= *n;
        }
        left.push(left_here);
    }
    // A later column may have taken rows from cells of an earlier one.
    for (column, rooms) in rooms.iter().enumerate() {
        left[column].clone_from(rooms);
        for (bins, n) in cells.iter() {
            left[column][bins[column]] -= n;
        }
    }
    loop {
        let next: Option<Vec<usize>> =
            left.iter().map(|rooms| rooms.iter().position(|room| *room > 0)).collect();
        let Some(bins) = next.filter(|bins| !bins.is_empty()) else { return };
        let n = bins.iter().zip(&left).map(|(bin, rooms)| rooms[*bin]).min().unwrap_or(0);
        for (bin, rooms) in bins.iter().zip(&mut left) {
            rooms[*bin] -= n;
        }
        cells.push((bins, n));
    }
}

fn sums(n: usize, items: impl Iterator<Item = (usize, f64)>) -> Vec<f64> {
    let mut sums = vec![0.0; n];
    for (bin, rows) in items {
        sums[bin] += rows;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many rows each combination has of known values, and of others.
    fn counts(n_rows: u64, columns: &[Known], laid: &[Combined]) -> BTreeMap<Vec<usize>, u64> {
        let mut counts = BTreeMap::new();
        for row in 0..n_rows {
            let bin = |(known, combined): (&Known, &Combined)| {
                let place = combined.place(row);
                known.iter().position(|range| range.contains(&place)).unwrap_or(known.len())
            };
            *counts.entry(columns.iter().zip(laid).map(bin).collect()).or_default() += 1;
        }
        counts
    }

    fn check(n_rows: u64, columns: &[Known], items: &[(Vec<usize>, f64)]) {
        let laid = combined(n_rows, columns, items, 7).unwrap();
        let counts = counts(n_rows, columns, &laid);
        for (bins, share) in items {
            let found = count(counts.get(bins).copied().unwrap_or(0)) / count(n_rows);
            assert!((found - share).abs() < 0.002, "{bins:?}: {found} instead of {share}");
        }
    }

    #[test]
    fn combinations_have_their_shares() {
        let halves: Known = vec![0..5_000, 5_000..10_000];
        // All that there is, together and apart; and less than by chance.
        check(10_000, &[halves.clone(), halves.clone()], &[(vec![0, 0], 0.5), (vec![1, 1], 0.5)]);
        check(10_000, &[halves.clone(), halves.clone()], &[(vec![0, 0], 0.1), (vec![1, 1], 0.1)]);
        // A part of it: others have what is left, and the listed ones no more.
        let thirds: Known = vec![0..3_000, 5_000..8_000];
        check(10_000, &[thirds.clone(), thirds.clone()], &[(vec![0, 0], 0.02), (vec![0, 1], 0.2)]);
        let three = [thirds.clone(), halves, thirds];
        check(10_000, &three, &[(vec![0, 0, 0], 0.25), (vec![1, 1, 1], 0.2), (vec![1, 0, 0], 0.01)]);
    }

    #[test]
    fn too_many_combinations_are_left_alone() {
        let many: Known = (0..200).map(|n| n..n + 1).collect();
        assert_eq!(combined(200, &[many.clone(), many], &[], 1), None);
    }

    proptest! {
        #[test]
        fn every_place_has_one_row(
            n_rows in 1u64..600,
            cuts in prop::collection::vec(prop::collection::btree_set(0u64..600, 0..6), 2..4),
            items in prop::collection::vec((prop::collection::vec(0usize..3, 3), 0.0f64..0.6), 0..6),
            key: u64,
        ) {
            let columns: Vec<Known> = cuts
                .into_iter()
                .map(|cuts| {
                    let cuts: Vec<u64> = cuts.into_iter().filter(|cut| *cut <= n_rows).collect();
                    cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
                })
                .collect();
            let is_known = |bins: &Vec<usize>| columns.iter().zip(bins).all(|(known, bin)| *bin < known.len());
            let items: Vec<_> = items
                .into_iter()
                .map(|(bins, share)| (bins[..columns.len()].to_vec(), share))
                .filter(|(bins, _)| is_known(bins))
                .collect();
            for combined in combined(n_rows, &columns, &items, key).unwrap() {
                let mut places: Vec<u64> = (0..n_rows).map(|row| combined.place(row)).collect();
                places.sort_unstable();
                prop_assert!(places.into_iter().eq(0..n_rows));
            }
        }
    }
}
