//! Foreign keys of a table: which of them are followed, which column takes its value from which, and which rows they pick.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::build::Builder;
use super::request::Repair;
use super::{EdgeId, Gap, Pick};
use crate::query::quote::qualified;
use crate::seed::schema::{ColumnId, ForeignKey, Relation, Schema, TableId};

/// The foreign keys of a table that refer to something.
pub(super) struct Edges<'b> {
    pub(super) followed: Vec<Followed<'b>>,
    /// Columns that take their value from a parent: the edge and the parent's column.
    pub(super) owners: BTreeMap<ColumnId, (EdgeId, ColumnId)>,
    /// Columns of foreign keys that stay NULL.
    pub(super) nulls: BTreeSet<ColumnId>,
    pub(super) gaps: Vec<Gap>,
}

pub(super) struct Followed<'b> {
    pub(super) key: &'b ForeignKey,
    pub(super) n_parents: u64,
    /// Whether the reference may be NULL in some rows.
    pub(super) is_nullable: bool,
    pub(super) target: Target,
    pub(super) choice: Choice,
}

/// Which parents an edge chooses from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    All,
    /// Those whose key fits a condition, or which rows of another parent go with.
    Among(Vec<u64>),
    /// So many of the most popular.
    First(u64),
    /// Pairs: with the edge `with` one comes before the other.
    Pairs {
        with: usize,
        is_second: bool,
    },
}

impl Followed<'_> {
    /// Whether the parent can be made to differ where a key asks for it.
    pub(super) fn can_tell_apart(&self) -> bool {
        matches!(self.target, Target::Complete | Target::Wave | Target::Own | Target::OwnWithin { .. })
    }
}

/// Why a foreign key is NULL in all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhyNull {
    /// A condition or a repair leaves nothing else.
    Kept,
    /// There is no row to refer to.
    NoParent,
    /// Its values would be made of themselves.
    Circle,
}

/// Where the parents of an edge are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// In a table that is complete by then.
    Complete,
    /// In the same table.
    Own,
    /// In another table of the same wave.
    Wave,
    /// In another table of the same wave, among the rows that refer to this one.
    Mutual,
    /// In another table of the same wave, among the rows that lead to this one through these tables, of which it is the first.
    Circular(Vec<TableId>),
    /// Rows that have to share columns with the parent of another edge.
    Within { through: EdgeId, ours: Option<EdgeId>, further: Vec<EdgeId>, theirs: EdgeId },
    /// In the same table, among the rows that have the same parent on another edge and so share columns.
    OwnWithin { through: EdgeId },
    /// The row itself: the only one that is known to have the same values.
    Itself,
}

impl<'b> Edges<'b> {
    /// The reason when a reference that must not be NULL finds nothing.
    /// `always_null` are columns that conditions leave nothing else.
    pub(super) fn new(
        builder: &'b Builder<'b>,
        table: TableId,
        wave: &[TableId],
        always_null: &BTreeSet<ColumnId>,
    ) -> Result<Self, String> {
        let ordered = |is_reversed| Self::ordered(builder, table, wave, always_null, is_reversed);
        let first = ordered(false);
        if first.as_ref().is_ok_and(|edges| edges.gaps.is_empty()) {
            return first;
        }
        // Which of two alike comes first decides where the other one has to look.
        match (ordered(true), &first) {
            (Ok(second), Err(_)) => Ok(second),
            (Ok(second), Ok(first)) if second.gaps.len() < first.gaps.len() => Ok(second),
            _ => first,
        }
    }

    /// Follows the foreign keys, of those that are alike the last ones first where that is said.
    fn ordered(
        builder: &'b Builder<'b>,
        table: TableId,
        wave: &[TableId],
        always_null: &BTreeSet<ColumnId>,
        is_reversed: bool,
    ) -> Result<Self, String> {
        let relation = builder.relation(table);
        let mut edges =
            Self { followed: Vec::new(), owners: BTreeMap::new(), nulls: BTreeSet::new(), gaps: Vec::new() };
        let is_followed = |place: u16| {
            let others = [Repair::MadeFor(table, place), Repair::BelowExisting(table, place)];
            !builder.known.repairs.iter().any(|repair| others.contains(repair))
        };
        let followed = (0..).zip(&relation.foreign_keys).filter(|(place, _)| is_followed(*place));
        let mut keys: Vec<&ForeignKey> = followed.map(|(_, key)| key).collect();
        let is_untied = |key: &ForeignKey| {
            let place = relation.foreign_keys.iter().position(|other| other == key);
            place.is_some_and(|place| builder.untied.contains(&(table, place)))
        };
        // Fewer columns first: `tenant_id` decides what `(tenant_id, project_id)` may be. What must be there comes before what
        // may be NULL.
        if is_reversed {
            keys.reverse();
        }
        keys.sort_by_key(|key| (key.columns.len(), is_nullable(relation, key)));
        let repaired = builder.known.repairs.iter().filter_map(|repair| match repair {
            Repair::AlwaysNull(of, column) if *of == table => Some(*column),
            _ => None,
        });
        let forced: BTreeSet<ColumnId> = always_null.iter().copied().chain(repaired).collect();
        for (place, key) in keys.iter().enumerate() {
            // What another one finds it has found for this one as well; of two that say the same the first is followed.
            let is_implied = keys.iter().enumerate().any(|(other_place, other)| {
                // What a row of the same table has found somebody has to find first.
                let is_before = other.parent != table || key.parent == table;
                (place != other_place && is_before)
                    && (!is_nullable(relation, other) || is_nullable(relation, key))
                    && implies(builder.schema, other, key, MAX_STEPS)
                    && !(place < other_place && implies(builder.schema, key, other, MAX_STEPS))
            });
            if is_implied {
                continue;
            }
            let is_kept_null = key.columns.iter().any(|column| forced.contains(column));
            let returning = returning(builder.schema, (table, wave), key);
            let target = if is_kept_null || is_untied(key) {
                None
            } else {
                edges.target(builder, (table, wave), key, &returning)
            };
            let is_own = matches!(target, Some(Target::Own | Target::OwnWithin { .. }));
            let n_parents =
                if is_own { builder.n_rows[usize::from(table)] } else { builder.n_referable(key.parent) };
            match target {
                Some(target) if n_parents > 0 => {
                    edges.follow(relation, (key, &returning), n_parents, target);
                }
                _ => {
                    let why = match is_kept_null {
                        true => WhyNull::Kept,
                        false if is_untied(key) => WhyNull::Circle,
                        false => WhyNull::NoParent,
                    };
                    edges.leave_null(builder, relation, key, why)?;
                }
            }
        }
        Ok(edges)
    }

    fn follow(
        &mut self,
        relation: &Relation,
        (key, returning): (&'b ForeignKey, &[ColumnId]),
        n_parents: u64,
        target: Target,
    ) {
        let edge = EdgeId::try_from(self.followed.len()).expect("few foreign keys");
        let mut is_free = true;
        for (column, parent_column) in key.columns.iter().zip(&key.parent_columns) {
            if !self.owners.contains_key(column) && !returning.contains(column) {
                self.owners.insert(*column, (edge, *parent_column));
                is_free &= !relation.field(*column).not_null;
            } else {
                is_free &= !key.is_match_full;
            }
        }
        let choice = Choice::All;
        self.followed.push(Followed { key, n_parents, is_nullable: is_free, target, choice });
    }

    /// Leaves the columns of a foreign key NULL; the reason where they must not be.
    fn leave_null(
        &mut self,
        builder: &Builder,
        relation: &Relation,
        key: &ForeignKey,
        why: WhyNull,
    ) -> Result<(), String> {
        let free: Vec<ColumnId> = key
            .columns
            .iter()
            .copied()
            .filter(|column| !relation.field(*column).not_null && !self.owners.contains_key(column))
            .collect();
        let parent = builder.relation(key.parent);
        let parent = qualified(&parent.schema, &parent.name);
        let circle = || format!("its values would go round in a circle (foreign key {})", key.name);
        if free.is_empty() {
            return Err(match why {
                WhyNull::Circle => circle(),
                WhyNull::Kept | WhyNull::NoParent => {
                    format!("needs a row of {parent} (foreign key {})", key.name)
                }
            });
        }
        let reason = match why {
            WhyNull::Kept => None,
            WhyNull::NoParent => {
                Some(format!("no row of {parent} can be referred to (foreign key {})", key.name))
            }
            WhyNull::Circle => Some(circle()),
        };
        self.gaps.extend(reason.map(|reason| Gap::Column {
            table: qualified(&relation.schema, &relation.name),
            column: relation.field(free[0]).name.clone(),
            reason,
        }));
        self.nulls.extend(free);
        Ok(())
    }

    fn target(
        &self,
        builder: &Builder,
        (table, wave): (TableId, &[TableId]),
        key: &ForeignKey,
        returning: &[ColumnId],
    ) -> Option<Target> {
        let shared: Vec<(ColumnId, ColumnId)> = key
            .columns
            .iter()
            .zip(&key.parent_columns)
            .filter(|(column, _)| self.owners.contains_key(column))
            .map(|(column, parent_column)| (*column, *parent_column))
            .collect();
        if key.parent == table {
            let nothing_there = builder.n_rows[usize::from(table)] == 0;
            return match shared.is_empty() && returning.is_empty() {
                _ if nothing_there => None,
                true => Some(Target::Own),
                false => {
                    let is_same = key.columns != key.parent_columns
                        && shared.iter().all(|(column, parent_column)| column == parent_column);
                    let through = || self.owner_of_all(key, returning);
                    // The row itself has its own values.
                    is_same.then(|| through().map_or(Target::Itself, |through| Target::OwnWithin { through }))
                }
            };
        }
        if wave.contains(&key.parent) {
            let circle =
                returning.first().and_then(|column| circle(builder.schema, (table, wave), key, *column));
            let target = match circle {
                None => Target::Wave,
                Some(through) if through.len() == 1 => Target::Mutual,
                Some(through) => Target::Circular(through),
            };
            return shared.is_empty().then_some(target);
        }
        if shared.is_empty() {
            return Some(Target::Complete);
        }
        self.within(builder, key, &shared)
    }

    /// The edge to a complete table that has all these columns of a foreign key, of which others are free.
    fn owner_of_all(&self, key: &ForeignKey, columns: &[ColumnId]) -> Option<EdgeId> {
        let (through, _) = *self.owners.get(columns.first()?)?;
        let is_its = |column: &ColumnId| self.owners.get(column).is_some_and(|(edge, _)| *edge == through);
        let is_complete = self.followed[usize::from(through)].target == Target::Complete;
        let are_others_free =
            key.columns.iter().all(|column| columns.contains(column) || !self.owners.contains_key(column));
        (is_complete && are_others_free && columns.iter().all(is_its)).then_some(through)
    }

    /// Finds the grandparent through which an edge shares columns with one that is followed already.
    fn within(&self, builder: &Builder, key: &ForeignKey, shared: &[(ColumnId, ColumnId)]) -> Option<Target> {
        let (through, _) = self.owners[&shared[0].0];
        let leading = &self.followed[usize::from(through)];
        if leading.target != Target::Complete {
            return None;
        }
        // What the shared columns are in the leading edge's parent.
        let ours: Option<Vec<ColumnId>> = shared
            .iter()
            .map(|(column, _)| {
                let place = leading.key.columns.iter().position(|of| of == column)?;
                Some(leading.key.parent_columns[place])
            })
            .collect();
        let (ours, theirs): (Vec<ColumnId>, Vec<ColumnId>) =
            (ours?, shared.iter().map(|(_, parent_column)| *parent_column).collect());
        // Their edge to the grandparent has exactly these columns, laid out and never NULL.
        let laid = |table: TableId, columns: &[ColumnId]| {
            let plan = &builder.plan.tables[usize::from(table)];
            (0..).zip(&plan.edges).find(|(_, edge)| {
                edge.columns == columns
                    && matches!(edge.pick, Pick::Laid { .. } | Pick::Axis { .. })
                    && edge.nulls == super::Nulls::Never
                    && plan.existing.is_none()
            })
        };
        let (theirs_id, theirs_edge) = laid(key.parent, &theirs)?;
        let owner = (theirs_edge.parent, &theirs_edge.parent_columns);
        let mut steps = Vec::new();
        let mut at = (leading.key.parent, ours);
        while (at.0, &at.1) != owner {
            if u32::try_from(steps.len()).is_ok_and(|n| n >= MAX_STEPS) {
                return None;
            }
            let (step, next) = above(&builder.plan.tables[usize::from(at.0)], &at.1)?;
            steps.push(step);
            at = next;
        }
        let mut steps = steps.into_iter();
        Some(Target::Within { through, ours: steps.next(), further: steps.collect(), theirs: theirs_id })
    }
}

/// The foreign key of a table that has all of these columns and is never NULL, with where it leads from them.
fn above(table: &super::TablePlan, columns: &[ColumnId]) -> Option<(EdgeId, (TableId, Vec<ColumnId>))> {
    let is_whole = table.existing.is_none();
    (0..).zip(&table.edges).filter(|_| is_whole).find_map(|(id, edge)| {
        let place = |column: &ColumnId| edge.columns.iter().position(|own| own == column);
        let theirs: Option<Vec<ColumnId>> =
            columns.iter().map(|column| Some(edge.parent_columns[place(column)?])).collect();
        (edge.nulls == super::Nulls::Never).then_some((id, (edge.parent, theirs?)))
    })
}

/// More foreign keys in a row, each the key of its table, are not seen in schemas; a bound, as they may go in circles.
const MAX_STEPS: u32 = 8;

/// The columns of a foreign key within a wave that its parent has from this very row, by a foreign key back or several in a row:
/// they have values of their own, and the parent's row is one that leads to this one. So has a column that a row of the same table
/// is to have as well.
fn returning(schema: &Schema, (table, wave): (TableId, &[TableId]), key: &ForeignKey) -> Vec<ColumnId> {
    if key.parent == table {
        let pairs = key.columns.iter().zip(&key.parent_columns);
        return pairs.filter(|(column, parents)| column == parents).map(|(column, _)| *column).collect();
    }
    let is_given = |column: &ColumnId| circle(schema, (table, wave), key, *column).is_some();
    key.columns.iter().copied().filter(is_given).collect()
}

/// The tables, from the parent of a foreign key on, through which the parent has a column from this very row: the shortest way.
/// Of the foreign keys of such a circle the one with the most columns returns, of those the last one of the last table.
fn circle(
    schema: &Schema,
    (table, wave): (TableId, &[TableId]),
    key: &ForeignKey,
    column: ColumnId,
) -> Option<Vec<TableId>> {
    if key.parent == table || !wave.contains(&key.parent) {
        return None;
    }
    let place = key.columns.iter().position(|own| *own == column)?;
    let place_of = |table: TableId, key: &ForeignKey| {
        schema.relations[usize::from(table)].foreign_keys.iter().position(|other| other == key)
    };
    let rank = |table: TableId, key: &ForeignKey| (key.columns.len(), table, place_of(table, key));
    let start = (key.parent, key.parent_columns[place]);
    let mut seen = BTreeSet::from([start]);
    let mut open = VecDeque::from([vec![start]]);
    while let Some(way) = open.pop_front() {
        let (at, of) = way[way.len() - 1];
        for back in &schema.relations[usize::from(at)].foreign_keys {
            let is_before = rank(at, back) < rank(table, key);
            let Some(place) = back.columns.iter().position(|own| *own == of) else { continue };
            let next = (back.parent, back.parent_columns[place]);
            if !is_before || back.parent == at || !wave.contains(&back.parent) {
                continue;
            }
            if next == (table, column) {
                return Some(way.into_iter().map(|(table, _)| table).collect());
            }
            if seen.insert(next) {
                open.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

/// The circles of a wave whose every row must have a row that leads back to it: a table, then those through which that is so, the
/// nearest first. None may have more rows than the next one.
pub(super) fn circles(schema: &Schema, wave: &[TableId]) -> Vec<Vec<TableId>> {
    let of_table = |table: TableId| {
        let relation = &schema.relations[usize::from(table)];
        let keys = relation.foreign_keys.iter().filter(|key| !is_nullable(relation, key));
        keys.filter_map(move |key| {
            let mut columns = key.columns.iter();
            let through = columns.find_map(|column| circle(schema, (table, wave), key, *column))?;
            Some([vec![table], through.into_iter().rev().collect()].concat())
        })
    };
    wave.iter().copied().flat_map(of_table).collect()
}

/// Whether a row that `key` finds leads, by the foreign keys of its table, to what `other` looks for.
fn implies(schema: &Schema, key: &ForeignKey, other: &ForeignKey, n_steps: u32) -> bool {
    let their_column = |column: &ColumnId| {
        let place = key.columns.iter().position(|own| own == column)?;
        Some(key.parent_columns[place])
    };
    let Some(columns) = other.columns.iter().map(their_column).collect::<Option<Vec<_>>>() else {
        return false;
    };
    leads_to(schema, (key.parent, &columns), (other.parent, &other.parent_columns), n_steps)
}

fn leads_to(schema: &Schema, from: (TableId, &[ColumnId]), to: (TableId, &[ColumnId]), n_steps: u32) -> bool {
    let above = |key: &ForeignKey| {
        let place = |column| key.columns.iter().position(|own| own == column);
        let columns = from.1.iter().map(|column| Some(key.parent_columns[place(column)?]));
        Some((key.parent, columns.collect::<Option<Vec<_>>>()?))
    };
    let parents = || schema.relations[usize::from(from.0)].foreign_keys.iter().filter_map(above);
    from == to
        || n_steps > 0
            && parents().any(|(table, columns)| leads_to(schema, (table, &columns), to, n_steps - 1))
}

/// Whether a row may refer to nothing: some column of the foreign key may be NULL, or with MATCH FULL all of them.
fn is_nullable(relation: &Relation, key: &ForeignKey) -> bool {
    let mut are_nullable = key.columns.iter().map(|column| !relation.field(*column).not_null);
    if key.is_match_full { are_nullable.all(|it| it) } else { are_nullable.any(|it| it) }
}
