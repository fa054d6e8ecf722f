//! Which tables are loaded before which, which together, and which cannot be filled because others are not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::plan::{Gap, Step};
use super::schema::{ForeignKey, Relation, Schema, TableId};
use crate::query::quote::qualified;

/// Returns the order of loading: parents before their children, each table once.
///
/// Tables that refer to each other in a cycle are one wave, even where a foreign key of the cycle may stay NULL: a wave fills
/// it too. A reference to the own table is no cycle. A table that no row is loaded into waits for nobody and nobody for it.
/// `together` are pairs of a table and one that refers to it which are to come in one wave as well, `after` pairs of a table and
/// one that is to come before it, if that ties nothing together.
pub(crate) fn order(
    schema: &Schema,
    together: &[(TableId, TableId)],
    after: &[(TableId, TableId)],
) -> Vec<Step> {
    let relations = &schema.relations;
    let mut parents: Vec<Vec<usize>> =
        relations.iter().map(|relation| loaded_parents(schema, relation)).collect();
    for (table, child) in together {
        if [table, child].iter().all(|table| relations[usize::from(**table)].is_loadable()) {
            parents[usize::from(*table)].push(usize::from(*child));
        }
    }
    for (table, before) in after {
        let (table, before) = (usize::from(*table), usize::from(*before));
        if relations[before].is_loadable() && !reaches(&parents, before, table) {
            parents[table].push(before);
        }
    }
    let mut levels = vec![0_u32; relations.len()];
    let mut steps = Vec::new();
    for component in components(&parents) {
        let below = |parent: &usize| if component.contains(parent) { 0 } else { levels[*parent] + 1 };
        let level = component.iter().flat_map(|table| &parents[*table]).map(below).max().unwrap_or(0);
        for table in &component {
            levels[*table] = level;
        }
        steps.push((level, component));
    }
    // Tables of one level need not wait for each other, so streams can take several at once.
    steps.sort();
    let step = |component: Vec<usize>| {
        let mut tables: Vec<TableId> = component.into_iter().map(table_id).collect();
        if tables.len() == 1 { Step::Table(tables.remove(0)) } else { Step::Wave(tables) }
    };
    steps.into_iter().map(|(_, component)| step(component)).collect()
}

/// Returns the tables that cannot be filled because a foreign key of theirs, which cannot be NULL, finds nothing to refer to,
/// when nothing is loaded into `skipped`.
pub(crate) fn fallout(schema: &Schema, skipped: &[TableId]) -> Vec<(TableId, Gap)> {
    let mut chains: BTreeMap<TableId, String> = BTreeMap::new();
    let mut known: BTreeSet<TableId> = skipped.iter().copied().collect();
    let mut queue: VecDeque<TableId> = known.iter().copied().collect();
    // Breadth first, so that the reason is the shortest chain.
    while let Some(parent) = queue.pop_front() {
        let relation = &schema.relations[usize::from(parent)];
        if relation.is_filled {
            continue;
        }
        let needed = match chains.get(&parent) {
            Some(chain) => format!("{}, which needs {chain}", name(relation)),
            None => format!("{}, which is not filled", name(relation)),
        };
        for (table, child) in (0..).zip(&schema.relations) {
            let needs = |key: &ForeignKey| key.parent == parent && !may_be_null(child, key);
            if child.is_loadable() && child.foreign_keys.iter().any(needs) && known.insert(table) {
                chains.insert(table, needed.clone());
                queue.push_back(table);
            }
        }
    }
    let gap = |(table, chain): (TableId, String)| {
        let relation = &schema.relations[usize::from(table)];
        (table, Gap::Table { table: name(relation), reason: format!("needs a row of {chain}") })
    };
    chains.into_iter().map(gap).collect()
}

/// Whether a row can do without a parent (manual, CREATE TABLE, "REFERENCES": MATCH SIMPLE is content with one NULL).
fn may_be_null(child: &Relation, key: &ForeignKey) -> bool {
    let mut columns = key.columns.iter().map(|column| !child.field(*column).not_null);
    if key.is_match_full {
        columns.all(|is_nullable| is_nullable)
    } else {
        columns.any(|is_nullable| is_nullable)
    }
}

fn name(relation: &Relation) -> String {
    qualified(&relation.schema, &relation.name)
}

/// Returns the other tables that have to be loaded before the rows of `relation`, each once.
fn loaded_parents(schema: &Schema, relation: &Relation) -> Vec<usize> {
    if !relation.is_loadable() {
        return Vec::new();
    }
    let parents: BTreeSet<usize> = relation.foreign_keys.iter().map(|key| usize::from(key.parent)).collect();
    let is_loaded = |parent: &usize| {
        schema.relations[*parent].is_loadable() && schema.relations[*parent].oid != relation.oid
    };
    parents.into_iter().filter(is_loaded).collect()
}

/// Whether edges lead from one node to another.
fn reaches(edges: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        open.extend(edges[node].iter().copied().filter(|next| seen.insert(*next)));
    }
    false
}

fn table_id(place: usize) -> TableId {
    TableId::try_from(place).expect("a place among the relations, whose places fit")
}

/// Returns the strongly connected components of a graph, each sorted, and after all others that it has edges to.
///
/// Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1 (1972), without recursion: a chain of
/// thousands of tables must not overflow the stack.
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search { visits: vec![None; edges.len()], ..Search::default() };
    // Each open visit with the edges that it has followed.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..edges.len() {
        if search.visits[root].is_none() {
            search.open(root);
            path.push((root, 0));
        }
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            if let Some(&next) = edges[node].get(*followed) {
                *followed += 1;
                match search.visits[next] {
                    None => {
                        search.open(next);
                        path.push((next, 0));
                    }
                    Some(visit) if visit.is_open => search.reach(node, visit.number),
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            let lowest = search.close(node);
            if let Some((parent, _)) = path.last() {
                search.reach(*parent, lowest);
            }
        }
    }
    search.components
}

#[derive(Default)]
struct Search {
    visits: Vec<Option<Visit>>,
    n_visits: usize,
    /// Nodes whose component is not known yet, in the order of their visits.
    open: Vec<usize>,
    components: Vec<Vec<usize>>,
}

#[derive(Clone, Copy)]
struct Visit {
    number: usize,
    /// The first visit of the same component that was reached from here.
    lowest: usize,
    is_open: bool,
}

impl Search {
    fn open(&mut self, node: usize) {
        self.visits[node] = Some(Visit { number: self.n_visits, lowest: self.n_visits, is_open: true });
        self.n_visits += 1;
        self.open.push(node);
    }

    fn reach(&mut self, node: usize, number: usize) {
        if let Some(visit) = &mut self.visits[node] {
            visit.lowest = visit.lowest.min(number);
        }
    }

    /// Ends a visit and, where it began a component, the component; returns the first visit that was reached.
    fn close(&mut self, node: usize) -> usize {
        let Some(visit) = self.visits[node] else { return usize::MAX };
        if visit.lowest < visit.number {
            return visit.lowest;
        }
        let start = self.open.iter().rposition(|open| *open == node).expect("it was opened");
        let mut component = self.open.split_off(start);
        component.sort_unstable();
        for member in &component {
            if let Some(visit) = &mut self.visits[*member] {
                visit.is_open = false;
            }
        }
        self.components.push(component);
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seed::schema::Field;
    use crate::seed::schema::types::Type;

    /// A table of columns `c0, c1 …` that refer to a parent each; with `true` they are NOT NULL.
    fn relation(place: usize, parents: &[(usize, bool)]) -> Relation {
        let field = |(_, not_null): &(usize, bool)| Field {
            name: "c".to_owned(),
            ty: Type::Int4,
            type_name: "integer".to_owned(),
            not_null: *not_null,
            default: None,
            sequence: None,
            is_always_identity: false,
            domain_checks: Vec::new(),
            folds_case: false,
        };
        let key = |(column, (parent, _)): (u16, &(usize, bool))| ForeignKey {
            name: format!("fk{column}"),
            columns: vec![column],
            parent: table_id(*parent),
            parent_columns: vec![0],
            is_match_full: false,
            is_deferrable: false,
        };
        Relation {
            oid: u32::from(table_id(place)) + 1,
            schema: "public".to_owned(),
            name: format!("t{place}"),
            is_asked: true,
            fields: parents.iter().map(field).collect(),
            foreign_keys: (0..).zip(parents).map(key).collect(),
            ..Relation::default()
        }
    }

    fn schema(parents: &[&[(usize, bool)]]) -> Schema {
        Schema {
            relations: parents.iter().enumerate().map(|(place, of)| relation(place, of)).collect(),
            ..Schema::default()
        }
    }

    fn check_order(schema: &Schema, expected: &str) {
        let step = |step: &Step| match step {
            Step::Table(table) => table.to_string(),
            Step::Wave(tables) => format!("{tables:?}"),
        };
        assert_eq!(order(schema, &[], &[]).iter().map(step).collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn parents_come_first_level_by_level() {
        check_order(&schema(&[]), "");
        check_order(&schema(&[&[(1, true)], &[(3, true)], &[], &[]]), "2 3 1 0");
    }

    #[test]
    fn a_cycle_is_a_wave_even_where_it_may_be_null() {
        // 0 and 1 refer to each other, 2 to both, both to 3; 4 to itself.
        let tables =
            schema(&[&[(1, true), (3, true)], &[(0, false)], &[(0, true), (1, false)], &[], &[(4, true)]]);
        check_order(&tables, "3 4 [0, 1] 2");
    }

    #[test]
    fn tables_come_together_that_are_said_to() {
        let mut tables = schema(&[&[], &[(0, true), (2, true)], &[], &[(0, true)]]);
        let steps = |tables: &Schema| order(tables, &[(0, 1)], &[]);
        assert_eq!(steps(&tables), [Step::Table(2), Step::Wave(vec![0, 1]), Step::Table(3)]);
        tables.relations[1].refusal = Some("has no partition".to_owned());
        assert_eq!(steps(&tables), [0, 1, 2, 3].map(Step::Table));
    }

    #[test]
    fn a_table_comes_after_another_unless_that_refers_to_it() {
        let tables = schema(&[&[], &[(0, true)], &[], &[(2, true)]]);
        let check = |after: &[(TableId, TableId)], expected: [TableId; 4]| {
            assert_eq!(order(&tables, &[], after), expected.map(Step::Table), "{after:?}");
        };
        check(&[], [0, 2, 1, 3]);
        check(&[(0, 2)], [2, 0, 3, 1]);
        check(&[(0, 1)], [0, 2, 1, 3]);
        check(&[(0, 3), (2, 1)], [2, 3, 0, 1]);
    }

    #[test]
    fn a_table_that_gets_no_rows_ties_nothing_together() {
        let mut tables = schema(&[&[(1, false)], &[(0, true)], &[(1, false)]]);
        tables.relations[1].refusal = Some("has no partition".to_owned());
        check_order(&tables, "0 1 2");
    }

    #[test]
    fn thousands_of_tables_in_a_row_do_not_overflow_the_stack() {
        let n = 20_000;
        let next: Vec<_> = (0..n).map(|place| vec![(place + 1).min(n - 1)]).collect();
        assert_eq!(components(&next).len(), n);
        let ring: Vec<_> = (0..n).map(|place| vec![(place + 1) % n]).collect();
        assert_eq!(components(&ring).len(), 1);
    }

    fn check_fallout(schema: &Schema, skipped: &[TableId], expected: &[(TableId, &str)]) {
        let found = fallout(schema, skipped);
        let reasons: Vec<_> = found
            .iter()
            .map(|(table, gap)| match gap {
                Gap::Table { reason, .. } => (*table, reason.as_str()),
                _ => (*table, ""),
            })
            .collect();
        assert_eq!(reasons, expected);
    }

    #[test]
    fn children_of_a_skipped_table_are_named_with_the_chain() {
        // 1 needs 0, 2 needs 1, 3 may go without 1, 4 has a composite key of which one column may be NULL.
        let mut tables = schema(&[&[], &[(0, true)], &[(1, true)], &[(1, false)], &[(1, true), (1, false)]]);
        tables.relations[4].foreign_keys.truncate(1);
        tables.relations[4].foreign_keys[0].columns = vec![0, 1];
        check_fallout(
            &tables,
            &[0],
            &[
                (1, "needs a row of public.t0, which is not filled"),
                (2, "needs a row of public.t1, which needs public.t0, which is not filled"),
            ],
        );
        check_fallout(&tables, &[3], &[]);
        tables.relations[4].foreign_keys[0].is_match_full = true;
        check_fallout(
            &tables,
            &[1],
            &[
                (2, "needs a row of public.t1, which is not filled"),
                (4, "needs a row of public.t1, which is not filled"),
            ],
        );
        // Rows that are there can be referred to.
        tables.relations[0].is_filled = true;
        check_fallout(&tables, &[0], &[]);
    }

    /// Which nodes each node reaches, by one edge or more (Warshall).
    fn reachable(edges: &[Vec<usize>]) -> Vec<Vec<bool>> {
        let n = edges.len();
        let mut reaches = vec![vec![false; n]; n];
        for (from, tos) in edges.iter().enumerate() {
            for to in tos {
                reaches[from][*to] = true;
            }
        }
        for through in 0..n {
            for from in 0..n {
                for to in 0..n {
                    reaches[from][to] |= reaches[from][through] && reaches[through][to];
                }
            }
        }
        reaches
    }

    fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1..=9_usize).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n, 0..4), n))
    }

    proptest! {
        #[test]
        fn components_are_what_reaches_each_other(edges in graphs()) {
            let reaches = reachable(&edges);
            let found = components(&edges);
            let mut place = vec![usize::MAX; edges.len()];
            for (at, component) in found.iter().enumerate() {
                for node in component {
                    prop_assert_eq!(place[*node], usize::MAX, "twice");
                    place[*node] = at;
                }
            }
            for from in 0..edges.len() {
                for to in 0..edges.len() {
                    let together = from == to || reaches[from][to] && reaches[to][from];
                    prop_assert_eq!(place[from] == place[to], together);
                    prop_assert!(!reaches[from][to] || place[to] <= place[from]);
                }
            }
        }

        #[test]
        fn the_order_has_every_table_once_after_its_parents(edges in graphs()) {
            let with_null: Vec<Vec<(usize, bool)>> =
                edges.iter().map(|parents| parents.iter().map(|parent| (*parent, false)).collect()).collect();
            let tables = schema(&with_null.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let mut loaded = BTreeSet::new();
            for step in order(&tables, &[], &[]) {
                let together = match step {
                    Step::Table(table) => vec![table],
                    Step::Wave(tables) => tables,
                };
                for table in &together {
                    for parent in &edges[usize::from(*table)] {
                        let parent = table_id(*parent);
                        prop_assert!(loaded.contains(&parent) || together.contains(&parent));
                    }
                }
                for table in together {
                    prop_assert!(loaded.insert(table));
                }
            }
            prop_assert_eq!(loaded.len(), edges.len());
        }
    }
}
