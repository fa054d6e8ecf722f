//! Which rows of its parent an edge picks, and where it is NULL.

use super::apart::is_never_itself;
use super::conditions::Conditions;
use super::keys::Arranged;
use super::{NULL_REFERENCES, Planner, ROOTS};
use crate::random;
use crate::seed::condition::Allowed;
use crate::seed::condition::domain::Domain;
use crate::seed::exact;
use crate::seed::keys::arrangement::Role;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::fanout::{Distribution, Fanout};
use crate::seed::keys::permutation::Permutation;
use crate::seed::plan::edges::{Choice, Edges, Followed, Target};
use crate::seed::plan::request::Repair;
use crate::seed::plan::{Edge, EdgeId, Nulls, Pick, build};
use crate::seed::schema::Key;
use crate::seed::spec::Generator;
use crate::seed::stats::column;

impl Planner<'_> {
    /// How many rows refer to each parent.
    pub(super) fn fanout(&self, edge: &Followed, n_parents: u64, n_rows: u64) -> Curve {
        let of_columns = edge.key.columns.iter().find_map(|column| {
            match self.generator(&self.relation.field(*column).name)? {
                Generator::Each { .. } => {
                    Some(Fanout { distribution: Distribution::Constant, childless: None })
                }
                Generator::Reference { skew, .. } | Generator::Other { skew, .. } => {
                    Some(Fanout { distribution: Distribution::Skewed { skew: *skew }, childless: None })
                }
                _ => None,
            }
        });
        let config = self.builder.named.config(self.table);
        let of_table = || {
            let config = config?;
            let per = config.per.as_deref()?;
            let is_it = build::find(self.builder.schema, per).ok() == Some(edge.key.parent);
            let constant = Fanout { distribution: Distribution::Constant, childless: None };
            is_it.then(|| config.fanout().cloned().unwrap_or(constant))
        };
        let default = Fanout { distribution: Distribution::Exponential, childless: None };
        of_columns.or_else(of_table).unwrap_or(default).curve(n_parents, n_rows)
    }

    /// The row of a parent that a rehearsal chose.
    pub(super) fn one_parent(&self, edge: &Followed) -> Option<u64> {
        self.builder.known.repairs.iter().find_map(|repair| match repair {
            Repair::OneParent(table, key, row) if *table == self.table => {
                (self.relation.foreign_keys.get(usize::from(*key)) == Some(edge.key)).then_some(*row)
            }
            _ => None,
        })
    }

    pub(super) fn edge(
        &self,
        place: usize,
        edge: &Followed,
        edges: &Edges,
        conditions: &Conditions,
        arranged: &Arranged,
    ) -> Edge {
        // Both sides of a pair are one pick.
        let first = match edge.choice {
            Choice::Pairs { with, is_second: true } => with,
            _ => place,
        };
        let key = self.stream(&format!("fk {}", edges.followed[first].key.name));
        let owned: Vec<usize> = edge
            .key
            .columns
            .iter()
            .filter(|column| edges.owners.get(column).is_some_and(|(edge, _)| *edge == edge_id(place)))
            .map(|column| usize::from(*column))
            .collect();
        let mut pick = self
            .another(place, edges, conditions, arranged)
            .unwrap_or_else(|| self.pick(place, first, key, edges, conditions, arranged));
        let tells_apart = arranged.edges[place] != Role::Plain;
        let mut nulls = match edge_nulls(edge, &owned, conditions) {
            Nulls::Share(_) if tells_apart && self.is_null_compared(edge) => Nulls::Never,
            nulls => nulls,
        };
        if let [column, ..] = owned[..] {
            self.state_edge(edge, column, &arranged.edges[place], key, &mut pick, &mut nulls);
        }
        Edge {
            name: edge.key.name.clone(),
            parent: edge.key.parent,
            columns: edge.key.columns.clone(),
            parent_columns: edge.key.parent_columns.clone(),
            pick,
            nulls,
            key,
        }
    }

    /// Whether a key takes rows without a parent for equal.
    fn is_null_compared(&self, edge: &Followed) -> bool {
        let compares = |key: &Key| {
            key.columns().any(|column| edge.key.columns.contains(&column) && key.compares_null(column))
        };
        self.relation.keys.iter().any(compares)
    }

    /// Lets a reference be what statistics say of its first own column, as far as keys leave that open.
    fn state_edge(
        &self,
        edge: &Followed,
        column: usize,
        role: &Role,
        key: u64,
        pick: &mut Pick,
        nulls: &mut Nulls,
    ) {
        let Some((source, statistics)) = self.statistics(column) else { return };
        let may_be_null = matches!(nulls, Nulls::Share(_));
        let parent = self.builder.relation(edge.key.parent);
        let n_source = source.table(&parent.schema, &parent.name).map_or(0.0, |table| table.n_rows);
        let null_share = exact::share(statistics.null_frac.into());
        if let (Pick::Laid { .. }, Role::Plain | Role::Lead { .. }) = (&*pick, role) {
            let of = (edge.n_parents, n_source);
            let (slots, curve) = column::reference(statistics, self.n_rows, may_be_null, of, key);
            let most = if let Role::Lead { max_degree } = role { *max_degree } else { u64::MAX };
            if curve.max_degree() <= most {
                if may_be_null {
                    *nulls = Nulls::Slots(slots.clone());
                }
                *pick = Pick::Axis { slots, curve, n_parents: edge.n_parents };
                return;
            }
        }
        match pick {
            Pick::Tree { roots, .. } | Pick::TreeWithin { roots, .. } if edge.is_nullable => {
                *roots = null_share;
            }
            _ if may_be_null => *nulls = Nulls::Share(null_share),
            _ => {}
        }
    }

    /// The pick of an edge by its part in keeping the keys.
    fn pick(
        &self,
        place: usize,
        first: usize,
        key: u64,
        edges: &Edges,
        conditions: &Conditions,
        arranged: &Arranged,
    ) -> Pick {
        let edge = &edges.followed[place];
        let of = || self.plain_pick(&edges.followed[first], &arranged.edges[first], key, edges);
        match (&edge.choice, of()) {
            (Choice::All, Pick::Tree { roots, .. }) => {
                Pick::Tree { roots, not_self: is_never_itself(edge, conditions) }
            }
            (Choice::All | Choice::First(_), pick) => pick,
            (Choice::Among(rows), pick) => Pick::Among { rows: rows.clone(), of: Box::new(pick) },
            (Choice::Pairs { is_second, .. }, pick) => {
                Pick::Pair { of: Box::new(pick), is_second: *is_second }
            }
        }
    }

    fn plain_pick(&self, edge: &Followed, role: &Role, key: u64, edges: &Edges) -> Pick {
        let n = self.n_rows;
        let n_parents = edge.n_parents;
        let parent = self.builder.relation(edge.key.parent);
        // Who is popular is so with all that refer to it.
        let popularity = format!("{}.{} popularity", parent.schema, parent.name);
        let ranks = Permutation::new(n_parents, random::substream(self.builder.request.seed, &popularity));
        let n_ranked = match edge.choice {
            Choice::First(n) => n,
            _ => n_parents,
        };
        let curve = || self.fanout(edge, n_ranked, n);
        let roots = if edge.is_nullable { ROOTS } else { 0 };
        if let (Target::Complete, Role::Plain, Some(row)) = (&edge.target, role, self.one_parent(edge)) {
            return Pick::Constant(row.min(n_parents - 1));
        }
        match (&edge.target, role) {
            (Target::Itself, _) | (Target::Own | Target::OwnWithin { .. }, Role::Unique) => Pick::Itself,
            (Target::Own, _) => Pick::Tree { roots, not_self: false },
            (Target::OwnWithin { through }, _) => Pick::TreeWithin { through: *through, roots },
            (Target::Wave, _) => Pick::Wave,
            (Target::Mutual, _) => Pick::Mutual,
            (Target::Circular(through), _) => Pick::Circular { through: through.clone() },
            (Target::Within { through, ours, further, theirs }, _) => {
                Pick::Within { through: *through, ours: *ours, further: further.clone(), theirs: *theirs }
            }
            (Target::Complete, Role::Unique) => Pick::OneToOne { rows: Permutation::new(n_parents, key) },
            (Target::Complete, Role::Digit { n_cells, divisor, n }) => Pick::Digit {
                cells: Permutation::new(*n_cells, self.stream("cells")),
                divisor: *divisor,
                n: *n,
            },
            (Target::Complete, Role::Distinct { lead }) => {
                let lead_edge = &edges.followed[*lead];
                let not_self = lead_edge.key.parent == edge.key.parent
                    && [&lead_edge.choice, &edge.choice] == [&Choice::All; 2];
                Pick::Distinct { lead: edge_id(*lead), curve: curve(), ranks, not_self }
            }
            (Target::Complete, Role::Lead { max_degree }) => {
                let curve = curve().clip(*max_degree);
                Pick::Laid { slots: Permutation::new(n, key), curve, ranks }
            }
            (Target::Complete, _) => Pick::Laid { slots: Permutation::new(n, key), curve: curve(), ranks },
        }
    }
}

pub(super) fn edge_id(place: usize) -> EdgeId {
    EdgeId::try_from(place).expect("few foreign keys")
}

/// In which rows a reference is NULL.
fn edge_nulls(edge: &Followed, owned: &[usize], conditions: &Conditions) -> Nulls {
    let is_never = |allowed: &Allowed| allowed.domain == Domain::Never;
    for column in owned {
        let allowed = conditions.allowed(*column);
        let (Some(component), true) = (conditions.component(*column), allowed.len() > 1) else { continue };
        if allowed.iter().any(|it| is_never(it)) {
            let component = u16::try_from(component).expect("few components");
            return Nulls::ByCase { component, is_null: allowed.into_iter().map(is_never).collect() };
        }
    }
    let may_be = owned.iter().all(|column| conditions.allowed(*column).iter().all(|it| it.null));
    match edge.target {
        _ if !edge.is_nullable || !may_be => Nulls::Never,
        // Roots are NULL already.
        Target::Own | Target::OwnWithin { .. } => Nulls::Share(0),
        _ => Nulls::Share(NULL_REFERENCES),
    }
}
