//! `--size`: what tables take on disk by their rows, as measured at a few numbers of rows, and the scale at which all of them take
//! what was asked for.

/// Bytes of a page, `BLCKSZ`; other sizes are rare.
pub(crate) const PAGE_BYTES: u64 = 8192;
/// Pages of a heap for each page at the bottom of its free space map (`LeafNodesPerPage` in `fsm_internals.h`), which has two more
/// above.
const PAGES_OF_FREE_SPACE_PAGE: u64 = 4069;
/// Pages of a heap for each page of its visibility map (`HEAPBLOCKS_PER_PAGE` in visibilitymap.c).
const PAGES_OF_VISIBILITY_PAGE: u64 = 32_672;

/// Since PostgreSQL 16 COPY adds up to so many pages at once (`MAX_BUFFERS_TO_EXTEND_BY` in hio.c), of which the last ones stay
/// empty.
const PAGES_ADDED: f64 = 64.0;
/// VACUUM gives them back where they are this share of a heap (`REL_TRUNCATE_FRACTION` in vacuumlazy.c).
const SHARE_GIVEN_BACK: f64 = 1.0 / 16.0;

/// A scale so small leaves every table that may shrink a row, and one so large is more than a disk.
const SCALES: (f64, f64) = (1e-7, 1e8);
/// The first steps away from where a search begins.
const STRIDE: f64 = 4.0;
/// A search ends within this of what is wanted, far below what measuring leaves open.
const CLOSE: f64 = 0.001;
/// Ends that differ by less give the same plan, or two with a jump between them.
const NARROW: f64 = 1.0 + 1e-7;
/// A search for a smooth curve takes five to ten steps; a bisection between neighbours in [`SCALES`] not so many.
const MAX_STEPS: usize = 60;

/// What a table took with so many rows, in pages; all partitions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) n_rows: u64,
    pub(crate) heap: u64,
    pub(crate) toast: u64,
    /// Of all indexes, those of TOAST tables too.
    pub(crate) indexes: u64,
    /// Heaps with rows: one, or as many as partitions got some.
    pub(crate) n_heaps: u64,
}

/// What a table takes by its rows: straight lines between measured points, and beyond the last one on as before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// By rising numbers of rows, the first is the empty table.
    points: Vec<Point>,
    /// COPY adds several pages at once.
    has_spare_pages: bool,
}

impl Model {
    /// A table with so many indexes, which have a page each even without rows.
    pub(crate) fn new(n_indexes: u64, mut points: Vec<Point>) -> Self {
        points.push(Point { indexes: n_indexes, ..Point::default() });
        points.sort_by_key(|point| point.n_rows);
        points.dedup_by_key(|point| point.n_rows);
        Self { points, has_spare_pages: false }
    }

    /// A table whose heaps end with pages that COPY has added and not filled.
    pub(crate) fn with_spare_pages(self) -> Self {
        Self { has_spare_pages: true, ..self }
    }

    /// Returns the bytes of the table after VACUUM, which adds the visibility map and the free space map.
    pub(crate) fn bytes(&self, n_rows: u64) -> u64 {
        let last = self.points.len() - 1;
        let right = self.points.partition_point(|point| point.n_rows < n_rows).clamp(last.min(1), last);
        let (low, high) = (&self.points[right.saturating_sub(1)], &self.points[right]);
        let pages = |of: fn(&Point) -> u64| {
            let (y0, y1) = (float(of(low)), float(of(high)));
            let width = float(high.n_rows - low.n_rows).max(1.0);
            let slope = ((y1 - y0) / width).max(0.0);
            whole(y0 + slope * (float(n_rows) - float(low.n_rows)))
        };
        let (used, toast) = (pages(|point| point.heap), pages(|point| point.toast));
        let n_heaps = if n_rows == 0 { 0 } else { high.n_heaps.max(1) };
        let heap = used + if self.has_spare_pages { spare_pages(used, n_heaps) } else { 0 };
        let maps = map_pages(heap, n_heaps) + map_pages(toast, n_heaps.min(toast));
        (heap + toast + pages(|point| point.indexes) + maps) * PAGE_BYTES
    }
}

/// Returns how many empty pages as many heaps, which have `used` pages together, may be expected to keep: any number up to
/// [`PAGES_ADDED`] is as likely as any other, and those that are many are given back.
fn spare_pages(used: u64, n_heaps: u64) -> u64 {
    let n_heaps = float(n_heaps.max(1));
    let most = (float(used) / n_heaps * SHARE_GIVEN_BACK).min(PAGES_ADDED);
    whole(n_heaps * most * most / 2.0 / PAGES_ADDED)
}

/// Returns the pages of the maps of so many heaps, which have as many pages together.
fn map_pages(pages: u64, n_heaps: u64) -> u64 {
    if pages == 0 || n_heaps == 0 {
        return 0;
    }
    let each = pages.div_ceil(n_heaps);
    let free_space = 2 + each.div_ceil(PAGES_OF_FREE_SPACE_PAGE);
    n_heaps * (free_space + each.div_ceil(PAGES_OF_VISIBILITY_PAGE))
}

/// Where a search has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) scale: f64,
    pub(crate) bytes: u64,
}

/// Returns the scale whose `total` is nearest to the wanted bytes, looking from `start` on. `total` must not fall as the scale
/// rises, by more than a little; where it never reaches what is wanted, the scale is the least or the greatest there is.
pub(crate) fn nearest<E>(
    wanted: u64,
    start: f64,
    mut total: impl FnMut(f64) -> Result<u64, E>,
) -> Result<Found, E> {
    let (least, greatest) = SCALES;
    let mut at = |scale: f64| total(scale).map(|bytes| Found { scale, bytes });
    let is_close = |found: &Found| (ratio(found.bytes, wanted) - 1.0).abs() <= CLOSE;
    let first = at(start.clamp(least, greatest))?;
    let (mut low, mut high) = (first, first);
    while low.bytes > wanted && low.scale > least {
        high = low;
        low = at((low.scale / STRIDE).max(least))?;
    }
    while high.bytes < wanted && high.scale < greatest {
        low = high;
        high = at((high.scale * STRIDE).min(greatest))?;
    }
    for step in 0..MAX_STEPS {
        if is_close(&low) || is_close(&high) || high.scale / low.scale < NARROW {
            break;
        }
        // Where the line between the ends says, in logarithms, as sizes are nearly proportional to the scale; now and then
        // the middle, which is never far from right.
        let share = (ratio(wanted, low.bytes).ln() / ratio(high.bytes, low.bytes).ln()).clamp(0.01, 0.99);
        let share = if step % 3 == 2 || !share.is_finite() { 0.5 } else { share };
        let middle = at(low.scale * (high.scale / low.scale).powf(share))?;
        if middle.bytes < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    let distance = |found: &Found| ratio(found.bytes, wanted).ln().abs();
    Ok(if distance(&low) < distance(&high) { low } else { high })
}

fn ratio(a: u64, b: u64) -> f64 {
    float(a.max(1)) / float(b.max(1))
}

/// Pages and rows are below 2^53.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; a cast saturates")]
fn whole(n: f64) -> u64 {
    n.round() as u64
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn point(n_rows: u64, heap: u64, toast: u64, indexes: u64) -> Point {
        Point { n_rows, heap, toast, indexes, n_heaps: u64::from(heap > 0) }
    }

    fn found(wanted: u64, start: f64, total: impl Fn(f64) -> u64) -> Found {
        nearest(wanted, start, |scale| Ok::<_, Infallible>(total(scale)))
            .unwrap_or_else(|never| match never {})
    }

    #[test]
    fn pages_follow_the_measured_points() {
        let check = |points: &[Point], n_rows: u64, expected_pages: u64| {
            let model = Model::new(2, points.to_vec());
            assert_eq!(model.bytes(n_rows), expected_pages * PAGE_BYTES, "{points:?} {n_rows}");
        };
        let twice = [point(100, 2, 0, 4), point(400, 8, 0, 10)];
        check(&twice, 0, 2);
        // One page of the visibility map, three of the free space map.
        check(&twice, 100, 2 + 4 + 1 + 3);
        check(&twice, 400, 8 + 10 + 1 + 3);
        check(&twice, 250, 5 + 7 + 1 + 3);
        check(&twice, 4_000, 80 + 82 + 1 + 3);
        // One point stands on the empty table; no point is an empty table.
        check(&[point(100, 10, 20, 12)], 200, 20 + 40 + 22 + 2 * (1 + 3));
        check(&[], 50, 2);
        // A point of no rows does not count twice.
        check(&[point(0, 0, 0, 2), point(10, 1, 0, 4)], 10, 1 + 4 + 1 + 3);
    }

    #[test]
    fn heaps_end_with_empty_pages() {
        let check = |used: u64, n_heaps: u64, expected: u64| {
            assert_eq!(spare_pages(used, n_heaps), expected, "{used} pages, {n_heaps} heaps");
        };
        check(0, 0, 0);
        check(100, 1, 0);
        check(512, 1, 8);
        check(1_024, 1, 32);
        check(1_000_000, 1, 32);
        check(2_048, 2, 64);
        let model = Model::new(0, vec![point(1_000, 2_048, 0, 0)]);
        assert_eq!(model.bytes(1_000) + 32 * PAGE_BYTES, model.with_spare_pages().bytes(1_000));
    }

    #[test]
    fn each_partition_has_its_maps() {
        let model = Model::new(0, vec![Point { n_heaps: 10, ..point(1_000, 100, 0, 0) }]);
        assert_eq!(model.bytes(1_000), (100 + 10 * (1 + 3)) * PAGE_BYTES);
        assert_eq!(map_pages(40_000, 1), 2 + 10 + 2);
        assert_eq!(map_pages(0, 3), 0);
    }

    #[test]
    fn the_ends_are_where_nothing_is_near() {
        let constant = |_: f64| 1_000_000;
        assert_eq!(found(10, 1.0, constant).bytes, 1_000_000);
        assert_eq!(found(1 << 40, 1.0, constant).bytes, 1_000_000);
        // A jump over what is wanted: the nearer side.
        let jump = |scale: f64| if scale < 3.0 { 90 } else { 400 };
        assert_eq!(found(100, 1.0, jump).bytes, 90);
        assert_eq!(found(350, 1.0, jump).bytes, 400);
    }

    proptest! {
        #[test]
        fn any_rising_total_is_met(
            wanted in 1_000_000_u64..1_000_000_000_000,
            start in -3.0..3.0_f64,
            fixed in 0_u64..1_000_000,
            tables in prop::collection::vec((1.0..1e7_f64, 0.3..1.7_f64), 1..6),
        ) {
            let total = |scale: f64| {
                tables.iter().fold(fixed, |sum, (bytes, power)| sum.saturating_add(whole(bytes * scale.powf(*power))))
            };
            prop_assume!((total(SCALES.0)..total(SCALES.1)).contains(&wanted));
            let mut n_steps = 0;
            let found = nearest(wanted, 10_f64.powf(start), |scale| {
                n_steps += 1;
                Ok::<_, Infallible>(total(scale))
            });
            let Ok(found) = found;
            prop_assert!((ratio(found.bytes, wanted) - 1.0).abs() <= CLOSE, "{found:?}");
            prop_assert_eq!(found.bytes, total(found.scale));
            prop_assert!(n_steps < 40, "{n_steps} steps");
        }

        #[test]
        fn more_rows_never_take_less(
            points in prop::collection::vec((1_u64..1_000_000, 0_u64..10_000, 0_u64..10_000, 0_u64..10_000), 0..4),
            n_rows in 0_u64..10_000_000,
            more in 0_u64..10_000_000,
        ) {
            // Pages of a table with more rows, as they are measured, are never fewer.
            let mut sum = Point::default();
            let points = points.iter().map(|(n_rows, heap, toast, indexes)| {
                sum.n_rows += n_rows;
                sum.heap += heap;
                sum.toast += toast;
                sum.indexes += indexes;
                sum.n_heaps = 1;
                sum
            });
            let model = Model::new(0, points.collect());
            prop_assert!(model.bytes(n_rows) <= model.bytes(n_rows + more));
        }
    }
}
