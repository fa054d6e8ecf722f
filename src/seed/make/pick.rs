//! Picks: the row of the parent that each row refers to.

use super::block::{Block, Parents, Scratch};
use super::draw::{digit, drawn, image, located};
use super::world::{NONE, World, to_place};
use crate::random;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;
use crate::seed::plan::{Born, Edge, EdgeId, Nulls, Pick, pair};
use crate::seed::schema::TableId;
use crate::seed::time::DAY_US;
use crate::seed::wire::Wire;

/// How often a parent is drawn by its popularity until one is old enough; then all that are old enough are alike.
const N_TRIES: u64 = 8;
/// How many rows of the same owner are looked at for an earlier one: of many rows one in 17 finds none, and is a root.
const N_TRIES_WITHIN: u64 = 16;
/// One in so many rows of a tree refers to the first chunk, the others to their own.
const TREE_FAR: u64 = 8;

/// Appends the rows' parents, and for a laid edge the ranks and ordinals, regardless of what is NULL.
pub(super) fn find(
    world: &World,
    edge: &Edge,
    block: &mut Block,
    scratch: &mut Scratch,
    found: &mut Parents,
) {
    find_by(&edge.pick, world, edge, block, scratch, found);
}

fn find_by(
    pick: &Pick,
    world: &World,
    edge: &Edge,
    block: &mut Block,
    scratch: &mut Scratch,
    found: &mut Parents,
) {
    let parents = &mut found.parents;
    match pick {
        Pick::Drawn { curve, ranks, born: None } => {
            block.bits(edge.key, parents);
            for parent in parents.iter_mut() {
                *parent = image(ranks, drawn(curve, *parent));
            }
        }
        Pick::Drawn { curve, ranks, born: Some(born) } => {
            born_before(world, edge, (curve, ranks), born, block, scratch, parents);
        }
        Pick::Laid { slots, curve, ranks } => {
            for &row in &block.rows {
                let (rank, ordinal) = located(curve, image(slots, row));
                parents.push(image(ranks, rank));
                found.ranks.push(rank);
                found.ordinals.push(ordinal);
            }
        }
        Pick::Axis { slots, curve, n_parents } => {
            for &row in &block.rows {
                let (rank, ordinal) = located(curve, slots.apply(row));
                parents.push(spread_parent(rank, curve.n_ranks(), *n_parents));
                found.ranks.push(rank);
                found.ordinals.push(ordinal);
            }
        }
        Pick::Distinct { lead, curve, ranks, not_self } => {
            world.follow(block, *lead, scratch);
            block.bits(edge.key, parents);
            let lead_edge = &world.table(block.table).edges[usize::from(*lead)];
            let Some(fanout) = lead_edge.pick.fanout() else {
                // Without a laid lead there are no ordinals: any parent.
                for parent in parents.iter_mut() {
                    *parent = image(ranks, drawn(curve, *parent));
                }
                return;
            };
            let lead = &block.edges[usize::from(*lead)].of;
            let n_used = curve.n_used();
            for (place, parent) in parents.iter_mut().enumerate() {
                let degree = fanout.degree(lead.ranks[place]);
                let itself =
                    (*not_self && lead.parents[place] < ranks.n()).then(|| ranks.invert(lead.parents[place]));
                let rank = distinct_rank((curve, n_used), lead.ordinals[place], degree, itself, *parent);
                *parent = image(ranks, rank);
            }
        }
        Pick::OneToOne { rows } => parents.extend(block.rows.iter().map(|&row| image(rows, row))),
        Pick::Digit { cells, divisor, n } => {
            block.distinct(cells.n(), parents);
            for parent in parents.iter_mut() {
                *parent = digit(image(cells, *parent), *divisor, *n);
            }
        }
        Pick::Within { through, ours, further, theirs } => {
            let steps: Vec<u16> = ours.iter().chain(further).copied().collect();
            within(world, edge, (*through, &steps, *theirs), block, scratch, parents);
        }
        Pick::Tree { roots, not_self } => tree(world, edge, (*roots, *not_self), block, parents),
        Pick::TreeWithin { through, roots } => {
            tree_within(world, edge, (*through, *roots), block, scratch, parents);
        }
        Pick::Wave => wave(world, edge, block, parents),
        Pick::Mutual => mutual(world, edge, block, parents),
        Pick::Circular { through } => circular(world, edge, through, block, parents),
        Pick::Itself => {
            let n_existing = world.n_existing(edge.parent);
            parents.extend(block.rows.iter().map(|row| n_existing + row));
        }
        Pick::Listed { rows } => {
            block.bits(edge.key, parents);
            for parent in parents {
                let place = random::below(*parent, rows.len().max(1) as u64);
                *parent = rows.get(to_place(place)).copied().unwrap_or(NONE);
            }
        }
        Pick::Constant(row) => parents.resize(block.n_rows(), *row),
        Pick::Other { than, curve, ranks } => {
            other(world, edge, (than, curve, ranks), block, scratch, parents);
        }
        Pick::Next { than, n } => {
            world.follow(block, *than, scratch);
            let theirs = &block.edges[usize::from(*than)].of.parents;
            let next = |their: &u64| if *their == NONE { NONE } else { (their + 1) % (*n).max(1) };
            parents.extend(theirs.iter().map(next));
        }
        Pick::Pair { of, is_second } => {
            find_by(of, world, edge, block, scratch, found);
            for parent in &mut found.parents {
                let (first, second) = pair(*parent);
                *parent = if *is_second { second } else { first };
            }
        }
        Pick::Among { rows, of } => {
            find_by(of, world, edge, block, scratch, found);
            for parent in &mut found.parents {
                *parent = usize::try_from(*parent).ok().and_then(|at| rows.get(at)).copied().unwrap_or(NONE);
            }
        }
    }
}

/// Picks in proportion: the first row of a parent's children refers back to that parent, and fewer children than parents are one
/// to one.
fn wave(world: &World, edge: &Edge, block: &Block, parents: &mut Vec<u64>) {
    let n_existing = world.n_existing(edge.parent);
    for &row in &block.rows {
        let number = row / chunk_rows(world, block.table);
        let theirs = own_chunk(world, edge.parent, number).or_else(|| own_chunk(world, edge.parent, 0));
        let parent = theirs
            .zip(own_chunk(world, block.table, number))
            .map(|(theirs, ours)| n_existing + theirs.0 + in_proportion(row - ours.0, ours.1, theirs.1));
        parents.push(parent.unwrap_or(NONE));
    }
}

/// Picks the first row of the parent whose own pick, in proportion, is this row.
fn mutual(world: &World, edge: &Edge, block: &Block, parents: &mut Vec<u64>) {
    let n_existing = world.n_existing(edge.parent);
    for &row in &block.rows {
        let number = row / chunk_rows(world, block.table);
        let theirs = own_chunk(world, edge.parent, number);
        let parent = theirs.zip(own_chunk(world, block.table, number)).and_then(|(theirs, ours)| {
            let place = row - ours.0;
            let at = in_proportion(place, ours.1, theirs.1);
            let refers_back = |at: &u64| *at < theirs.1 && in_proportion(*at, theirs.1, ours.1) == place;
            [at, at + 1].into_iter().find(refers_back).map(|at| n_existing + theirs.0 + at)
        });
        parents.push(parent.unwrap_or(NONE));
    }
}

/// Picks the first row of the parent from which the picks in proportion, table by table, lead to this row.
fn circular(world: &World, edge: &Edge, through: &[TableId], block: &Block, parents: &mut Vec<u64>) {
    let n_existing = world.n_existing(edge.parent);
    for &row in &block.rows {
        let number = row / chunk_rows(world, block.table);
        let ours = own_chunk(world, block.table, number);
        let chunks: Option<Vec<(u64, u64)>> =
            through.iter().map(|table| own_chunk(world, *table, number)).chain([ours]).collect();
        let parent = chunks.zip(ours).and_then(|(chunks, (start, _))| {
            let leads_to =
                |at: u64| chunks.windows(2).fold(at, |at, pair| in_proportion(at, pair[0].1, pair[1].1));
            let ((first, n), place) = (chunks[0], row - start);
            let at = first_of(n, |at| leads_to(at) >= place);
            (at < n && leads_to(at) == place).then_some(n_existing + first + at)
        });
        parents.push(parent.unwrap_or(NONE));
    }
}

/// The first of `0..n` for which something holds that holds for all after it; `n` without any.
fn first_of(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The place among `n` that stands where `place` does among `of`.
fn in_proportion(place: u64, of: u64, n: u64) -> u64 {
    let at = u128::from(place) * u128::from(n) / u128::from(of);
    u64::try_from(at).expect("below the rows of a chunk")
}

/// Draws parents that the row has on none of the edges `than`.
fn other(
    world: &World,
    edge: &Edge,
    (than, curve, ranks): (&[EdgeId], &Curve, &Permutation),
    block: &mut Block,
    scratch: &mut Scratch,
    parents: &mut Vec<u64>,
) {
    for than in than {
        world.follow(block, *than, scratch);
    }
    block.bits(edge.key, parents);
    for (place, parent) in parents.iter_mut().enumerate() {
        let is_theirs =
            |parent: u64| than.iter().any(|than| block.edges[usize::from(*than)].of.parents[place] == parent);
        // Each of the others is in the way once at most.
        let rank = drawn(curve, *parent);
        let near = (0..=than.len() as u64).map(|i| image(ranks, (rank + i) % ranks.n().max(1)));
        let free = near.clone().find(|parent| !is_theirs(*parent));
        *parent = free.unwrap_or_else(|| image(ranks, rank));
    }
}

/// Draws parents whose moment is before the row's own: those of earlier hours of their series are the first rows.
fn born_before(
    world: &World,
    edge: &Edge,
    (curve, ranks): (&Curve, &Permutation),
    born: &Born,
    block: &mut Block,
    scratch: &mut Scratch,
    parents: &mut Vec<u64>,
) {
    world.make_column(block, born.moment, scratch);
    block.bits(edge.key, parents);
    let moments = block.lane(born.moment);
    let is_date = world.table(block.table).columns[usize::from(born.moment)].wire == Wire::Date;
    let unit = if is_date { DAY_US } else { 1 };
    let series = &born.series;
    let n_existing = world.n_existing(edge.parent);
    for (place, parent) in parents.iter_mut().enumerate() {
        let since = moments.as_ints()[place].saturating_mul(unit).saturating_sub(series.from_us);
        let rank = u64::try_from(since / series.step_us.max(1)).unwrap_or(0);
        let n_born = series.curve.start(rank.min(series.curve.n_ranks()));
        let n = (n_existing + n_born).max(1);
        let bits = *parent;
        *parent = (0..N_TRIES)
            .map(|i| image(ranks, drawn(curve, random::at(bits, i))))
            .find(|&parent| parent < n)
            .unwrap_or_else(|| random::below(bits, n));
    }
}

/// Returns a rank that no other ordinal of `0..degree` has, and not the rank `itself`.
///
/// Ranks are cut into `degree` intervals with about the same number of slots each: the cuts of `0..n - degree`, which may fall
/// together, are made to rise by adding to each how many there were before. In its interval a rank is as likely as it has slots.
fn distinct_rank(
    (curve, n_used): (&Curve, u64),
    ordinal: u64,
    degree: u64,
    itself: Option<u64>,
    bits: u64,
) -> u64 {
    let degree = degree.max(1);
    let n = if degree < n_used { n_used } else { curve.n_ranks() };
    let n = n.saturating_sub(itself.is_some().into());
    let room = n.saturating_sub(degree);
    let cut = |i: u64| {
        if i >= degree {
            return room;
        }
        let slot = u128::from(curve.n_slots()) * u128::from(i) / u128::from(degree);
        located(curve, u64::try_from(slot).expect("below the number of slots")).0.min(room)
    };
    let (low, high) = (cut(ordinal) + ordinal, cut(ordinal + 1) + ordinal + 1);
    let (start, end) = (curve.start(low.min(n)), curve.start(high.min(n)));
    let rank = if start < end {
        located(curve, start + random::below(bits, end - start)).0
    } else {
        low + random::below(bits, high - low)
    };
    rank + u64::from(itself.is_some_and(|itself| rank >= itself))
}

/// Finds rows of the parent that have the same grandparent as the row on the edge `through` leads to.
fn within(
    world: &World,
    edge: &Edge,
    (through, steps, theirs): (u16, &[u16], u16),
    block: &mut Block,
    scratch: &mut Scratch,
    parents: &mut Vec<u64>,
) {
    world.follow(block, through, scratch);
    block.bits(edge.key, parents);
    let near = &block.edges[usize::from(through)].of.parents;
    let mut grandparents = scratch.numbers();
    grandparents.extend_from_slice(near);
    let table = world.table(block.table).edges[usize::from(through)].parent;
    world.ancestors(table, steps, scratch, &mut grandparents);
    let theirs = &world.table(edge.parent).edges[usize::from(theirs)].pick;
    let n_existing = world.n_existing(edge.parent);
    for (parent, &grandparent) in parents.iter_mut().zip(&grandparents) {
        let bits = *parent;
        *parent =
            member(theirs, grandparent, |n| random::below(bits, n)).map_or(NONE, |row| n_existing + row);
    }
    scratch.keep_numbers(grandparents);
}

impl World<'_> {
    /// Puts in place of rows of a table those that they refer to by the first step, then what these refer to by the next one.
    pub(crate) fn ancestors(
        &self,
        mut table: TableId,
        steps: &[EdgeId],
        scratch: &mut Scratch,
        rows: &mut [u64],
    ) {
        for &step in steps {
            let n_existing = self.n_existing(table);
            let is_own = |row: u64| row != NONE && row >= n_existing;
            let own = rows.iter().filter(|&&row| is_own(row)).map(|row| row - n_existing);
            let mut part = self.block(table, own, scratch);
            self.follow(&mut part, step, scratch);
            let mut found = part.edges[usize::from(step)].of.parents.iter().copied();
            for row in rows.iter_mut() {
                *row = if is_own(*row) { found.next().unwrap_or(NONE) } else { NONE };
            }
            scratch.keep_block(part);
            table = self.table(table).edges[usize::from(step)].parent;
        }
    }
}

/// Spreads ranks evenly over the parents, in their order.
fn spread_parent(rank: u64, n_ranks: u64, n_parents: u64) -> u64 {
    let place = u128::from(rank) * u128::from(n_parents) / u128::from(n_ranks.max(1));
    u64::try_from(place).expect("below the number of parents")
}

/// Returns a row that refers to a parent: the one whose place is taken of so many.
fn member(pick: &Pick, parent: u64, take: impl Fn(u64) -> u64) -> Option<u64> {
    let of_rank = |curve: &Curve, rank: u64| {
        let degree = if rank < curve.n_ranks() { curve.degree(rank) } else { 0 };
        (degree > 0).then(|| curve.start(rank) + take(degree))
    };
    match pick {
        Pick::Laid { slots, curve, ranks } if parent < ranks.n() => {
            of_rank(curve, ranks.invert(parent)).map(|slot| slots.invert(slot))
        }
        Pick::Axis { slots, curve, n_parents } if parent < *n_parents => {
            // The rank, if any, whose parent this is.
            let product = u128::from(parent) * u128::from(curve.n_ranks());
            let rank = u64::try_from(product.div_ceil(u128::from(*n_parents))).ok()?;
            let is_it = rank < curve.n_ranks() && spread_parent(rank, curve.n_ranks(), *n_parents) == parent;
            if is_it { of_rank(curve, rank).map(|slot| slots.invert(slot)) } else { None }
        }
        Pick::OneToOne { rows } if parent < rows.n() => Some(rows.invert(parent)),
        // The parents are in their order.
        Pick::Among { rows, of } => member(of, rows.binary_search(&parent).ok()? as u64, take),
        _ => None,
    }
}

/// Draws for each row one before it in its chunk, or in the first chunk.
fn tree(
    world: &World,
    edge: &Edge,
    (roots, not_self): (u32, bool),
    block: &mut Block,
    parents: &mut Vec<u64>,
) {
    block.bits(edge.key, parents);
    let n_existing = world.n_existing(block.table);
    let n_first = chunk_rows(world, block.table).min(world.table(block.table).n_rows);
    for (parent, &row) in parents.iter_mut().zip(&block.rows) {
        let bits = *parent;
        let offset = row % chunk_rows(world, block.table);
        *parent = if row == 0 || random::at(bits, 0) >> 32 < u64::from(roots) {
            match edge.nulls {
                Nulls::Never if not_self && row == 0 && n_first > 1 => n_existing + 1,
                Nulls::Never => n_existing + row,
                _ => NONE,
            }
        } else if offset == row || (offset > 0 && random::below(random::at(bits, 1), TREE_FAR) > 0) {
            n_existing + row - offset + random::below(random::at(bits, 2), offset)
        } else {
            n_existing + random::below(random::at(bits, 2), n_first)
        };
    }
}

/// Draws for each row an earlier one that has the same parent on the edge `through`.
fn tree_within(
    world: &World,
    edge: &Edge,
    (through, roots): (EdgeId, u32),
    block: &mut Block,
    scratch: &mut Scratch,
    parents: &mut Vec<u64>,
) {
    world.follow(block, through, scratch);
    block.bits(edge.key, parents);
    let Edge { pick: theirs, nulls, .. } = &world.table(block.table).edges[usize::from(through)];
    let owners = &block.edges[usize::from(through)].of.parents;
    let n_existing = world.n_existing(block.table);
    let root = |row: u64| if edge.nulls == Nulls::Never { n_existing + row } else { NONE };
    for ((parent, &row), &owner) in parents.iter_mut().zip(&block.rows).zip(owners) {
        let bits = *parent;
        let is_root = owner == NONE || random::at(bits, 0) >> 32 < u64::from(roots);
        let earlier = match theirs {
            _ if is_root || row == 0 => None,
            // All rows have this owner.
            Pick::Constant(_) => Some(random::below(random::at(bits, 1), row)),
            // One after another, so that all of few are seen.
            theirs => (0..N_TRIES_WITHIN)
                .map_while(|i| member(theirs, owner, |n| (random::below(random::at(bits, 1), n) + i) % n))
                .find(|drawn| *drawn < row),
        };
        *parent = earlier.map_or_else(|| root(row), |earlier| n_existing + earlier);
    }
    if *nulls == Nulls::Never {
        return;
    }
    // What would have this owner may have none.
    let mut owners = scratch.numbers();
    owners.extend_from_slice(parents);
    world.ancestors(block.table, &[through], scratch, &mut owners);
    for ((parent, &row), &owner) in parents.iter_mut().zip(&block.rows).zip(&owners) {
        if owner == NONE {
            *parent = root(row);
        }
    }
    scratch.keep_numbers(owners);
}

fn chunk_rows(world: &World, table: TableId) -> u64 {
    u64::from(world.table(table).rows_per_chunk).max(1)
}

/// Returns the first row and the number of rows of a chunk that has any.
fn own_chunk(world: &World, table: TableId, number: u64) -> Option<(u64, u64)> {
    let start = number.checked_mul(chunk_rows(world, table))?;
    let n_rows = world.table(table).n_rows.checked_sub(start)?.min(chunk_rows(world, table));
    (n_rows > 0).then_some((start, n_rows))
}
