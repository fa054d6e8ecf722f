//! References that conditions restrict: to parents whose key fits, to pairs of which one comes before the other, to another
//! parent than the one of another reference.

use std::collections::BTreeSet;
use std::iter;

use super::Planner;
use super::conditions::Conditions;
use super::keys::Arranged;
use super::references::edge_id;
use crate::query::check::{Comparison, Literal};
use crate::seed::condition::domain::{Class, Domain};
use crate::seed::keys::arrangement::Role;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;
use crate::seed::make::block::{Patches, Scratch};
use crate::seed::make::lane::{Cells, Lane};
use crate::seed::make::world::World;
use crate::seed::make::{Draw, Maker, Values};
use crate::seed::plan::edges::{Choice, Edges, Followed, Target};
use crate::seed::plan::suit;
use crate::seed::plan::{EdgeId, Pick, n_pairs};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field};
use crate::seed::wire::Wire;

/// So many parents are looked at for those that fit.
const MAX_LOOKED_AT: u64 = 20_000;

impl Planner<'_> {
    /// Restricts edges to the parents that conditions allow, and that other edges go with.
    pub(super) fn narrow(&self, edges: &mut Edges, conditions: &Conditions, dropped: &BTreeSet<usize>) {
        for (column, (edge, parent_column)) in edges.owners.clone() {
            let edge = &mut edges.followed[usize::from(edge)];
            if edge.target == Target::Complete
                && edge.choice == Choice::All
                && let Some(rows) = self.fitting(column, (edge, parent_column), conditions)
            {
                edge.n_parents = rows.len() as u64;
                edge.choice = Choice::Among(rows);
            }
        }
        self.follow_members(edges);
        for (first, second) in self.ordered(edges, conditions) {
            let n = n_pairs(edges.followed[first].n_parents).filter(|n| *n > 0);
            let can = [first, second].iter().all(|place| {
                let edge = &edges.followed[*place];
                edge.target == Target::Complete && edge.choice == Choice::All
            });
            let Some(n) = n.filter(|_| can && self.are_together([first, second], edges, dropped)) else {
                continue;
            };
            for (place, with, is_second) in [(first, second, false), (second, first, true)] {
                edges.followed[place].n_parents = n;
                edges.followed[place].choice = Choice::Pairs { with, is_second };
            }
        }
    }

    /// The rows of a parent whose key a condition on the column allows; nothing where all or none are allowed.
    fn fitting(
        &self,
        column: ColumnId,
        (edge, parent_column): (&Followed, ColumnId),
        conditions: &Conditions,
    ) -> Option<Vec<u64>> {
        let allowed = conditions.allowed(usize::from(column));
        let domains: Vec<&Domain> =
            allowed.iter().map(|it| &it.domain).filter(|domain| **domain != Domain::Never).collect();
        // Which case a row takes says nothing of its parent yet.
        let (first, others) = domains.split_first()?;
        if **first == Domain::Any || others.iter().any(|other| other != first) {
            return None;
        }
        let parent = edge.key.parent;
        let relation = self.builder.relation(parent);
        let of = &self.builder.plan.tables[usize::from(parent)].columns[usize::from(parent_column)];
        let rows: Vec<u64> = (0..edge.n_parents.min(MAX_LOOKED_AT)).collect();
        let (patches, mut lane) = (Patches::default(), Lane::default());
        World::new(&self.builder.plan, &patches).make_of_parents(
            parent,
            parent_column,
            &rows,
            of,
            &mut Scratch::default(),
            &mut lane,
        );
        let class = suit::class(&relation.field(parent_column).ty, Some(&of.wire));
        let fits = |place: usize| {
            value(relation.field(parent_column), &of.wire, &class, &lane, place)
                .is_some_and(|value| first.accepts(&value))
        };
        let fitting: Vec<u64> =
            rows.iter().enumerate().filter(|(place, _)| fits(*place)).map(|(_, row)| *row).collect();
        let is_some = !fitting.is_empty() && fitting.len() < rows.len();
        is_some.then_some(fitting)
    }

    /// Restricts an edge through which another one finds its parents to what that one finds some for: of owners whose rows are
    /// many in one table, others may have none in the other.
    fn follow_members(&self, edges: &mut Edges) {
        for place in 0..edges.followed.len() {
            let edge = &edges.followed[place];
            let Target::Within { through, ours, ref further, theirs } = edge.target else { continue };
            let tables = &self.builder.plan.tables;
            let through = usize::from(through);
            let leading = &edges.followed[through];
            let theirs = tables[usize::from(edge.key.parent)].edges[usize::from(theirs)].pick.laid();
            let Some((_, their_curve, their_ranks)) = theirs else { continue };
            let n_used = their_curve.n_used();
            let has_members = |owner: u64| owner < their_ranks.n() && their_ranks.invert(owner) < n_used;
            let choice = match (ours, &leading.choice) {
                (None, Choice::All | Choice::First(_))
                    if n_used < leading.n_parents && their_ranks.n() == leading.n_parents =>
                {
                    let before = match leading.choice {
                        Choice::First(n) => n,
                        _ => u64::MAX,
                    };
                    Choice::First(n_used.min(before).max(1))
                }
                (Some(ours), Choice::All | Choice::Among(_)) => {
                    let pick = tables[usize::from(leading.key.parent)].edges[usize::from(ours)].pick.laid();
                    let is_kept_anyway =
                        |(_, curve, ranks): (_, &Curve, _)| curve.n_used() <= n_used && ranks == their_ranks;
                    if further.is_empty() && pick.is_some_and(is_kept_anyway) {
                        continue;
                    }
                    let rows: Vec<u64> = match &leading.choice {
                        Choice::Among(rows) => rows.clone(),
                        _ => (0..leading.n_parents.min(MAX_LOOKED_AT)).collect(),
                    };
                    let steps: Vec<EdgeId> = iter::once(ours).chain(further.iter().copied()).collect();
                    let mut owners = rows.clone();
                    let patches = Patches::default();
                    let world = World::new(&self.builder.plan, &patches);
                    world.ancestors(leading.key.parent, &steps, &mut Scratch::default(), &mut owners);
                    let kept = rows.into_iter().zip(owners).filter(|(_, owner)| has_members(*owner));
                    let rows: Vec<u64> = kept.map(|(row, _)| row).collect();
                    if rows.is_empty() || rows.len() as u64 == leading.n_parents {
                        continue;
                    }
                    Choice::Among(rows)
                }
                _ => continue,
            };
            let leading = &mut edges.followed[through];
            if let Choice::Among(rows) = &choice {
                leading.n_parents = rows.len() as u64;
            }
            leading.choice = choice;
        }
    }

    /// Edges to one parent of which a condition asks that the first refers to a smaller key than the second.
    fn ordered(&self, edges: &Edges, conditions: &Conditions) -> Vec<(usize, usize)> {
        let is_rising = |edge: &Followed, column: ColumnId| {
            let parent = &self.builder.plan.tables[usize::from(edge.key.parent)];
            let is_serial = matches!(
                &parent.columns[usize::from(column)].maker,
                Maker::Drawn { draw: Draw::Serial, values: Values::Int { step: 1.., .. } }
            );
            is_serial && parent.existing.is_none()
        };
        let relations =
            related(edges, conditions, |it| matches!(it, Comparison::Less | Comparison::LessOrEqual));
        relations
            .filter(|((first, column), _)| is_rising(&edges.followed[*first], *column))
            .map(|((first, _), (second, _))| (first, second))
            .collect()
    }

    /// Whether no key has the columns of only one of two edges.
    fn are_together(&self, pair: [usize; 2], edges: &Edges, dropped: &BTreeSet<usize>) -> bool {
        self.distinct(dropped).iter().all(|(_, columns)| {
            let [first, second] = pair.map(|place| {
                let key = edges.followed[place].key;
                key.columns.iter().any(|column| columns.contains(column))
            });
            first == second
        })
    }

    /// How an edge picks where it must not refer to what another one refers to, and that one does not see to it.
    pub(super) fn another(
        &self,
        place: usize,
        edges: &Edges,
        conditions: &Conditions,
        arranged: &Arranged,
    ) -> Option<Pick> {
        let edge = &edges.followed[place];
        if edge.n_parents < 2 || edge.choice != Choice::All {
            return None;
        }
        let can = |place: usize, role: &Role| {
            edges.followed[place].target == Target::Complete
                && edges.followed[place].choice == Choice::All
                && self.one_parent(&edges.followed[place]).is_none()
                && !edges.followed.iter().any(|it| is_through(it, place))
                && arranged.edges[place] == *role
        };
        // Of two that could, the later one looks at the other: so none looks at itself in the end.
        let looks = |other: usize, role: &Role| can(place, role) && (place > other || !can(other, role));
        let mut than: Vec<usize> = Vec::new();
        for ((first, _), (second, _)) in related(edges, conditions, |it| it == Comparison::NotEqual) {
            let other = if first == place { second } else { first };
            if first != place && second != place {
                continue;
            }
            if can(other, &Role::Unique) && looks(other, &Role::Unique) {
                return Some(Pick::Next { than: edge_id(other), n: edge.n_parents });
            }
            if looks(other, &Role::Plain) && !than.contains(&other) {
                than.push(other);
            }
        }
        if than.is_empty() {
            return None;
        }
        let key = self.stream(&format!("fk {} other", edge.key.name));
        let ranks = Permutation::new(edge.n_parents, key);
        let curve = self.fanout(edge, edge.n_parents, self.n_rows);
        Some(Pick::Other { than: than.into_iter().map(edge_id).collect(), curve, ranks })
    }
}

/// Whether a condition keeps a self reference from referring to its own row.
pub(super) fn is_never_itself(edge: &Followed, conditions: &Conditions) -> bool {
    let is_side = |one: usize, other: usize| {
        edge.key
            .columns
            .iter()
            .zip(&edge.key.parent_columns)
            .any(|(column, parent)| (usize::from(*column), usize::from(*parent)) == (one, other))
    };
    conditions.components.iter().any(|component| {
        component.cases.iter().flat_map(|case| &case.relations).any(|relation| {
            let sides = (component.columns[relation.left], component.columns[relation.right]);
            !matches!(relation.comparison, Comparison::Equal | Comparison::LessOrEqual)
                && relation.shift == 0
                && (is_side(sides.0, sides.1) || is_side(sides.1, sides.0))
        })
    })
}

/// Pairs of edges to one parent with the parent's column, between whose columns a condition has such a relation.
fn related(
    edges: &Edges,
    conditions: &Conditions,
    is_it: impl Fn(Comparison) -> bool,
) -> impl Iterator<Item = ((usize, ColumnId), (usize, ColumnId))> {
    let owner = |column: usize| {
        let (edge, parent_column) = edges.owners.get(&ColumnId::try_from(column).ok()?)?;
        Some((usize::from(*edge), *parent_column))
    };
    let mut pairs = Vec::new();
    for component in &conditions.components {
        for relation in component.cases.iter().flat_map(|case| &case.relations) {
            let sides = owner(component.columns[relation.left]).zip(owner(component.columns[relation.right]));
            let Some((left, right)) = sides.filter(|_| is_it(relation.comparison) && relation.shift == 0)
            else {
                continue;
            };
            let is_one_parent = edges.followed[left.0].key.parent == edges.followed[right.0].key.parent;
            if is_one_parent && left.1 == right.1 && left.0 != right.0 && !pairs.contains(&(left, right)) {
                pairs.push((left, right));
            }
        }
    }
    pairs.into_iter()
}

/// Whether an edge asks for the row that `place` refers to.
fn is_through(edge: &Followed, place: usize) -> bool {
    matches!(edge.target, Target::Within { through, .. } | Target::OwnWithin { through } if usize::from(through) == place)
}

/// A cell as a constant, where conditions can be asked of it.
pub(in crate::seed::plan) fn value(
    field: &Field,
    wire: &Wire,
    class: &Class,
    lane: &Lane,
    place: usize,
) -> Option<Literal> {
    if lane.is_null(place) {
        return None;
    }
    match (class, &lane.cells, wire) {
        (Class::Bool, Cells::Int(values), _) => Some(Literal::Bool(values[place] != 0)),
        (Class::Enum(labels), Cells::Int(values), Wire::Labels(_)) => {
            let label = labels.get(usize::try_from(values[place]).ok()?)?;
            Some(Literal::Text(label.clone()))
        }
        (Class::Number(_), Cells::Int(values), Wire::Int2 | Wire::Int4 | Wire::Int8)
            if field.ty != Type::Money =>
        {
            Some(Literal::Int(i128::from(values[place])))
        }
        (Class::Number(_), Cells::Int(values), Wire::Date) => {
            i32::try_from(values[place]).ok().map(Literal::Date)
        }
        (Class::Text { .. }, Cells::Bytes { .. }, _) => {
            String::from_utf8(lane.bytes_at(place).to_vec()).ok().map(Literal::Text)
        }
        _ => None,
    }
}
