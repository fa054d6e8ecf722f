//! The plan of a run: plain data that alone decides every byte that is loaded.
//!
//! It is kept in the manifest, so that resuming and cleaning never plan anew.

pub(crate) mod build;
mod columns;
pub(crate) mod describe;
mod edges;
mod knots;
pub(crate) mod partitions;
mod pool;
pub(crate) mod repair;
pub(crate) mod request;
mod routing;
mod rows;
pub(crate) mod suit;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use self::columns::spans;
use self::partitions::NewPartition;
use super::keys::curve::Curve;
use super::keys::permutation::Permutation;
use super::make::guide::Guide;
use super::make::lane::Lane;
use super::make::{Maker, Series};
use super::schema::{ColumnId, Sequence, TableId};
use super::stats::delta::Asked;
use super::stats::slots::Slots;
use super::wire::Wire;

/// The place of an edge in [`TablePlan::edges`].
pub(crate) type EdgeId = u16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// [`super::ALGORITHM`] of the perfkit that made the plan.
    pub(crate) algorithm: u32,
    pub(crate) seed: u64,
    /// The end of all time series, µs since 2000-01-01 UTC.
    pub(crate) as_of_us: i64,
    pub(crate) tables: Vec<TablePlan>,
    /// The order of loading.
    pub(crate) steps: Vec<Step>,
    pub(crate) gaps: Vec<Gap>,
    /// With `--size`.
    #[serde(default)]
    pub(crate) size: Option<Size>,
    /// Neither triggers nor foreign keys act while rows come; foreign keys are checked at the end.
    #[serde(default)]
    pub(crate) are_triggers_off: bool,
    /// With `--from-stats`: what ANALYZE is to say afterwards, in numbers without values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) asked: Vec<Asked>,
    /// Made with the run, before its rows.
    #[serde(default)]
    pub(crate) partitions: Vec<NewPartition>,
}

/// The bytes of all tables that get rows, with their indexes and the rows that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) wanted_bytes: u64,
    pub(crate) estimated_bytes: u64,
}

/// What is loaded together, after everything before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    Table(TableId),
    /// Tables that refer to each other in a cycle: loaded chunk by chunk of all, each through stages and one statement.
    Wave(Vec<TableId>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TablePlan {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    pub(crate) rows_from: RowsFrom,
    /// Rows that earlier runs put here: a row's serial is `base + row`.
    pub(crate) base: u64,
    /// Rows of others that may be referred to: rows `0..n` of references, before the run's own.
    pub(crate) existing: Option<Existing>,
    pub(crate) columns: Vec<ColumnPlan>,
    pub(crate) edges: Vec<Edge>,
    /// Components of conditions: for each the weights of its cases, which are drawn by row.
    pub(crate) components: Vec<Component>,
    /// Columns after those that they are made of.
    pub(crate) fill_order: Vec<ColumnId>,
    pub(crate) routing: Option<Routing>,
    /// Loaded through a stage and INSERT: row security applies, or the table is in a wave.
    pub(crate) is_staged: bool,
    pub(crate) rows_per_chunk: u32,
    /// Tables without a foreign key to them that triggers of this one use: they are loaded before it.
    #[serde(default)]
    pub(crate) waits_for: Vec<TableId>,
    /// The table whose trigger makes these rows: nothing is loaded.
    pub(crate) fed_by: Option<TableId>,
    /// Whether rows were there when this was planned.
    #[serde(default)]
    pub(crate) was_filled: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RowsFrom {
    /// `--rows`, `--TABLE N` or perfkit.yaml.
    Asked,
    /// So many for each row of a parent.
    PerParent {
        parent: TableId,
        mean: f64,
    },
    Default,
    /// As many as the source has, or in proportion.
    Statistics,
    /// Its keys or domains hold no more.
    Capped {
        wanted: u64,
    },
}

/// Keys that are in a table already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Existing {
    pub(crate) n_rows: u64,
    pub(crate) columns: Vec<(ColumnId, Lane)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(crate) weights: Vec<u32>,
    /// The stream of its draws.
    pub(crate) key: u64,
    /// References that its conditions ask about: a row takes one of the cases that suit what it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) guides: Vec<Guide>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnPlan {
    pub(crate) name: String,
    /// As `format_type` writes it.
    pub(crate) type_name: String,
    pub(crate) wire: Wire,
    pub(crate) maker: Maker,
    pub(crate) nulls: Nulls,
    /// The stream of its random bits.
    pub(crate) key: u64,
    pub(crate) source: MakerFrom,
    /// The sequence to set after loading, of a column with serial keys.
    pub(crate) sequence: Option<Sequence>,
}

/// What decided how a column is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MakerFrom {
    Config,
    Key,
    Reference,
    Condition,
    Name,
    Type,
    Default,
    Statistics,
    /// Candidates that the server accepted.
    Candidates,
}

/// Which rows are NULL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Nulls {
    Never,
    /// So many of 2^32 rows, at random.
    Share(u32),
    /// Those that have no place: as many as statistics say.
    Slots(Slots),
    /// By the case of a component of conditions.
    ByCase {
        component: u16,
        is_null: Vec<bool>,
    },
}

/// A foreign key: which row of the parent each row refers to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub(crate) name: String,
    pub(crate) parent: TableId,
    pub(crate) columns: Vec<ColumnId>,
    /// In the order of `columns`.
    pub(crate) parent_columns: Vec<ColumnId>,
    pub(crate) pick: Pick,
    pub(crate) nulls: Nulls,
    /// The stream of its random bits.
    pub(crate) key: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pick {
    /// Each row alone: a rank by the curve, the parent of that rank. With `born` parents are those whose moment is not after
    /// the row's own, which must be made by then.
    Drawn { curve: Curve, ranks: Permutation, born: Option<Born> },
    /// Exact counts: slot by the permutation of the row, rank by the curve, parent by the permutation of ranks.
    Laid { slots: Permutation, curve: Curve, ranks: Permutation },
    /// As statistics say, in the order of the parents: place of the row, rank by the curve, ranks spread over the parents.
    Axis { slots: Slots, curve: Curve, n_parents: u64 },
    /// Another parent for each ordinal among the rows of one parent of `lead`: the ordinal's own interval of ranks.
    /// With `not_self` never the parent row that `lead` has.
    Distinct { lead: EdgeId, curve: Curve, ranks: Permutation, not_self: bool },
    /// Row `i` refers to parent `rows(i)`: never two to one.
    OneToOne { rows: Permutation },
    /// A digit of the serial's cell number: `(cells(serial) / divisor) % n`.
    Digit { cells: Permutation, divisor: u64, n: u64 },
    /// A row of the parent that shares columns with the parent of `through`: both tables refer to one grandparent by laid
    /// edges, `theirs` in this edge's parent and `ours` in the parent of `through`; `further` lead on from there, where the
    /// grandparent is more than one step away.
    Within {
        through: EdgeId,
        ours: Option<EdgeId>,
        #[serde(default)]
        further: Vec<EdgeId>,
        theirs: EdgeId,
    },
    /// Of the same table: a row in the same chunk with a smaller offset, or one of chunk 0. So many of 2^32 rows are roots, and
    /// the first row: NULL, or themselves where the edge is never NULL. With `not_self` the first row then refers to the second.
    Tree {
        roots: u32,
        #[serde(default)]
        not_self: bool,
    },
    /// Of the same table: an earlier row that has the same parent on the edge `through`, with which it shares columns. So many of
    /// 2^32 rows are roots, and those for which none is found: NULL, or themselves where the edge is never NULL.
    TreeWithin { through: EdgeId, roots: u32 },
    /// Of another table of the same wave: a row of the parent's chunk of the same number.
    Wave,
    /// Of another table of the same wave: the first row that refers to this one by [`Pick::Wave`]; NULL where there is none.
    Mutual,
    /// Of another table of the same wave: the first row that leads to this one by [`Pick::Wave`] through these tables, of which it
    /// is the first; NULL where there is none.
    Circular { through: Vec<TableId> },
    /// The row itself.
    Itself,
    /// One of these rows of the parent, at random: the fallback where rows have to fit by their values.
    Listed { rows: Vec<u64> },
    /// One parent row always.
    Constant(u64),
    /// Any parent but those that the row has on the edges `than`.
    Other { than: Vec<EdgeId>, curve: Curve, ranks: Permutation },
    /// The parent after the one that the row has on the edge `than`, the first after the last: where that is never the same
    /// twice, this is not either.
    Next { than: EdgeId, n: u64 },
    /// One of two parents of which one comes before the other; `of` picks the pair, as [`pair`] counts them.
    Pair { of: Box<Pick>, is_second: bool },
    /// One of these parents; `of` picks its place among them.
    Among { rows: Vec<u64>, of: Box<Pick> },
}

impl Plan {
    /// The tables that triggers fill and that rows of a table refer to, each with its columns that they refer to.
    pub(crate) fn fed_parents(&self, table: TableId) -> BTreeMap<TableId, BTreeSet<ColumnId>> {
        let edges = &self.tables[usize::from(table)].edges;
        let is_fed = |edge: &&Edge| self.tables[usize::from(edge.parent)].fed_by.is_some();
        let mut parents = BTreeMap::<_, BTreeSet<ColumnId>>::new();
        for edge in edges.iter().filter(is_fed) {
            parents.entry(edge.parent).or_default().extend(&edge.parent_columns);
        }
        parents
    }
}

impl TablePlan {
    /// How many rows perfkit loads: none where triggers of other tables make them.
    pub(crate) const fn n_loaded(&self) -> u64 {
        if self.fed_by.is_some() { 0 } else { self.n_rows }
    }

    pub(crate) const fn is_loaded(&self) -> bool {
        self.n_loaded() > 0
    }
}

impl Pick {
    /// The slots, curve and ranks of a pick that has exact counts, of parents or of what stands for them.
    pub(crate) fn laid(&self) -> Option<(&Permutation, &Curve, &Permutation)> {
        match self {
            Self::Laid { slots, curve, ranks } => Some((slots, curve, ranks)),
            Self::Pair { of, .. } | Self::Among { of, .. } => of.laid(),
            _ => None,
        }
    }

    /// Whether it refers to rows of its own table in any chunk before.
    pub(crate) fn is_of_any_before(&self) -> bool {
        match self {
            Self::TreeWithin { .. } => true,
            Self::Pair { of, .. } | Self::Among { of, .. } => of.is_of_any_before(),
            _ => false,
        }
    }

    /// The curve of a pick that has exact counts: how many rows refer to each rank.
    pub(crate) fn fanout(&self) -> Option<&Curve> {
        match self {
            Self::Axis { curve, .. } => Some(curve),
            pick => pick.laid().map(|(_, curve, _)| curve),
        }
    }
}

/// How many pairs of `n` rows there are, if that is a number that can be counted with.
pub(crate) fn n_pairs(n: u64) -> Option<u64> {
    n.checked_mul(n.saturating_sub(1)).map(|n| n / 2)
}

/// Returns the rows of a pair: pairs are ordered by the second row, then by the first, which is before it.
pub(crate) fn pair(number: u64) -> (u64, u64) {
    // The largest `second` with `second * (second - 1) / 2 <= number`.
    let root = (u128::from(number) * 8 + 1).isqrt();
    let second = u64::try_from(root.midpoint(1)).expect("a root of a number of 68 bits");
    (number - n_pairs(second).expect("not above the number"), second)
}

/// When the rows of a parent came to be, so that its children can be younger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Born {
    /// The moments of the parent's rows.
    pub(crate) series: Series,
    /// The column of the child that holds its own moment.
    pub(crate) moment: ColumnId,
}

/// Which partition each row goes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Routing {
    pub(crate) column: ColumnId,
    /// Partitions, as (schema, name).
    pub(crate) leaves: Vec<(String, String)>,
    pub(crate) by: RouteBy,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RouteBy {
    /// Sorted lower bounds (inclusive) of an integer lane with the leaf of each; below the first and in gaps nothing is made.
    Range(Vec<(i64, u16)>),
    /// Values of an integer or byte lane with their leaf.
    Ints(Vec<(i64, u16)>),
    Texts(Vec<(String, u16)>),
}

/// What is not as it was asked for, or not filled, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Gap {
    /// A column that stays NULL or at its default.
    Column {
        table: String,
        column: String,
        reason: String,
    },
    Table {
        table: String,
        reason: String,
    },
    Rows {
        table: String,
        asked: u64,
        given: u64,
        reason: String,
    },
    /// What the statistics of the source say cannot be kept.
    Statistics {
        table: String,
        column: String,
        reason: String,
    },
    /// A trigger changes what was loaded.
    Changed {
        table: String,
        column: String,
        reason: String,
    },
}

impl Gap {
    /// Whether something stays empty that was to be filled. Fewer rows than were asked for, and what triggers change, are not.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Column { .. } | Self::Table { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted() {
        let all: Vec<(u64, u64)> =
            (1..40).flat_map(|second| (0..second).map(move |first| (first, second))).collect();
        assert_eq!(n_pairs(40), u64::try_from(all.len()).ok());
        for (number, expected) in (0..).zip(all) {
            assert_eq!(pair(number), expected);
        }
        assert_eq!((n_pairs(0), n_pairs(1), n_pairs(u64::MAX)), (Some(0), Some(0), None));
        let n = n_pairs(3_000_000_000).unwrap();
        assert_eq!(pair(n - 1), (2_999_999_998, 2_999_999_999));
    }
}
