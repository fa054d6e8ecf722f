//! Which node of the plan before is which node of the plan after, as a person would say.
//!
//! Several passes, from exact to loose; each takes what the ones before left over. A node is known by what it
//! does to which tables (relation, alias, the set of aliases below), not by its place in the tree.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::identity::{Identity, Role, identities};
use crate::plan::{Node, Plan};

/// The nodes of two plans side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matches {
    /// By node id of the plan before.
    after: Vec<Option<usize>>,
    /// By node id of the plan after.
    before: Vec<Option<usize>>,
}

impl Matches {
    /// Returns the node after that the node before became.
    pub(super) fn after(&self, before: usize) -> Option<usize> {
        self.after[before]
    }

    /// Returns the node before that the node after was.
    pub(super) fn before(&self, after: usize) -> Option<usize> {
        self.before[after]
    }

    /// Returns the pairs, in the order of the plan after.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.before.iter().enumerate().filter_map(|(after, before)| Some(((*before)?, after)))
    }

    /// Returns both plans as one list in the order of the trees: nodes that kept their place as pairs, all
    /// others alone.
    pub(super) fn rows(&self) -> Vec<(Option<usize>, Option<usize>)> {
        let kept = self.longest_run();
        let mut rows = Vec::with_capacity(self.after.len() + self.before.len());
        let (mut next_before, mut next_after) = (0, 0);
        for (before, after) in kept.into_iter().chain([(self.after.len(), self.before.len())]) {
            rows.extend((next_before..before).map(|id| (Some(id), None)));
            rows.extend((next_after..after).map(|id| (None, Some(id))));
            if before < self.after.len() {
                rows.push((Some(before), Some(after)));
            }
            (next_before, next_after) = (before + 1, after + 1);
        }
        rows
    }

    /// Returns the most pairs that stand in the same order in both plans (longest increasing subsequence).
    fn longest_run(&self) -> Vec<(usize, usize)> {
        let pairs: Vec<(usize, usize)> = self.pairs().collect();
        // For each length the pair that ends such a run earliest, and for each pair the one before it.
        let mut ends: Vec<usize> = Vec::new();
        let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
        for (i, (before, _)) in pairs.iter().enumerate() {
            let length = ends.partition_point(|end| pairs[*end].0 < *before);
            previous.push(length.checked_sub(1).map(|shorter| ends[shorter]));
            if length == ends.len() {
                ends.push(i);
            } else {
                ends[length] = i;
            }
        }
        let mut run: Vec<(usize, usize)> =
            std::iter::successors(ends.last().copied(), |i| previous[*i]).map(|i| pairs[i]).collect();
        run.reverse();
        run
    }
}

/// What a node must share with its counterpart in one pass; `None` takes no part in it.
type Key = fn(&Node, &Identity) -> Option<String>;

/// From exact to loose.
const PASSES: [Key; 7] = [
    // Nothing but numbers and constants changed.
    |node, own| {
        let index = node.index.as_deref();
        Some(format!(
            "{:?} {:?} {index:?}",
            node.node_type,
            (own.role, &own.level, &own.conditions, place(own))
        ))
    },
    // Another access path, join method, aggregation strategy or index.
    |_, own| Some(format!("{:?}", (own.role, &own.level, &own.conditions, place(own)))),
    // Other conditions.
    |_, own| Some(format!("{:?}", (own.role, &own.level, place(own)))),
    // A subquery that was pulled up, or a CTE that was inlined.
    |_, own| Some(format!("{:?}", (own.role, place(own)))),
    // The same keys over other tables: a sort or aggregation that moved up or down.
    |_, own| {
        let moves = matches!(own.role, Role::Sort | Role::Group) && !own.conditions.is_empty();
        moves.then(|| format!("{:?}", (own.role, &own.conditions)))
    },
    // The same table under another alias.
    |_, own| own.relation.map(|relation| format!("{:?}", (own.role, &own.level, relation))),
    // What there is rarely more than one of: Limit, Gather, Result.
    |_, own| {
        let is_rare = match own.role {
            Role::Append | Role::Gather => true,
            Role::Other(kind) => !matches!(kind, "Hash" | "Materialize" | "Memoize"),
            _ => false,
        };
        is_rare.then(|| format!("{:?}", (own.role, &own.level, own.tables.is_empty())))
    },
];

/// What a node works on.
fn place<'i>(own: &'i Identity) -> (Option<&'i str>, Option<&'i str>, &'i [&'i str]) {
    (own.relation, own.alias, &own.tables)
}

/// Matches the nodes of two plans.
pub(super) fn matches(before: &Plan, after: &Plan) -> Matches {
    let (own_before, own_after) = (identities(before), identities(after));
    let mut matches =
        Matches { after: vec![None; before.nodes.len()], before: vec![None; after.nodes.len()] };
    for key in PASSES {
        let mut waiting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for node in before.nodes.iter().filter(|node| matches.after[node.id].is_none()) {
            if let Some(key) = key(node, &own_before[node.id]) {
                waiting.entry(key).or_default().push(node.id);
            }
        }
        for node in &after.nodes {
            if matches.before[node.id].is_some() {
                continue;
            }
            let Some(candidates) = key(node, &own_after[node.id]).and_then(|key| waiting.get_mut(&key))
            else {
                continue;
            };
            // Of several equal ones that below the same parent, else the first.
            let parent = node.parent.and_then(|parent| matches.before[parent]);
            let at = candidates.iter().position(|id| parent.is_some() && before.nodes[*id].parent == parent);
            if !candidates.is_empty() {
                matches.join(candidates.remove(at.unwrap_or(0)), node.id);
            }
        }
    }
    matches.join_joins(&own_before, &own_after);
    matches.join_parts(before, after, &own_before, &own_after);
    matches
}

impl Matches {
    fn join(&mut self, before: usize, after: usize) {
        self.after[before] = Some(after);
        self.before[after] = Some(before);
    }

    /// Matches the joins of another order, most tables in common first.
    fn join_joins(&mut self, own_before: &[Identity], own_after: &[Identity]) {
        let mut candidates = Vec::new();
        for (before, own) in own_before.iter().enumerate() {
            if own.role != Role::Join || self.after[before].is_some() {
                continue;
            }
            for (after, other) in own_after.iter().enumerate() {
                if other.role == Role::Join && self.before[after].is_none() && own.level == other.level {
                    let tables: BTreeSet<&&str> = own.tables.iter().collect();
                    let n_common = other.tables.iter().filter(|table| tables.contains(table)).count();
                    let n_all = own.tables.len() + other.tables.len() - n_common;
                    if n_common > 0 {
                        // Thousandths, so that they have an order.
                        candidates.push((n_common * 1000 / n_all.max(1), before, after));
                    }
                }
            }
        }
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, before, after) in candidates {
            if self.after[before].is_none() && self.before[after].is_none() {
                self.join(before, after);
            }
        }
    }

    /// Matches what serves the same node in the same way: the parts of a bitmap scan, the Hash of a join.
    fn join_parts(&mut self, before: &Plan, after: &Plan, own_before: &[Identity], own_after: &[Identity]) {
        for node in &after.nodes {
            let Some(parent) = node.parent.and_then(|parent| self.before[parent]) else { continue };
            let serves = matches!(own_after[node.id].role, Role::Bitmap | Role::Other(_));
            if self.before[node.id].is_some() || !serves {
                continue;
            }
            let counterpart = before.children(parent).find(|candidate| {
                self.after[candidate.id].is_none() && own_before[candidate.id].role == own_after[node.id].role
            });
            if let Some(counterpart) = counterpart {
                self.join(counterpart.id, node.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn plan(root: &Value) -> Plan {
        read::plan(json!({ "Plan": root })).unwrap()
    }

    /// Checks the ids before that the nodes after were.
    fn check(before: &Value, after: &Value, expected: &[Option<usize>]) {
        assert_eq!(matches(&plan(before), &plan(after)).before, expected);
    }

    fn scan(node_type: &str, relation: &str, alias: &str, condition: Option<(&str, &str)>) -> Value {
        let mut scan = json!({"Node Type": node_type, "Relation Name": relation, "Alias": alias});
        if let Some((key, condition)) = condition {
            scan[key] = json!(condition);
        }
        scan
    }

    fn seq(relation: &str, alias: &str) -> Value {
        scan("Seq Scan", relation, alias, None)
    }

    fn over(node_type: &str, rest: Value, children: &[Value]) -> Value {
        let mut node = rest;
        node["Node Type"] = json!(node_type);
        node["Plans"] = json!(children);
        node
    }

    fn hash_join(outer: Value, inner: Value) -> Value {
        let hash = over("Hash", json!({"Parent Relationship": "Inner"}), &[inner]);
        over("Hash Join", json!({}), &[outer, hash])
    }

    #[test]
    fn a_scan_is_the_same_whatever_the_access_path() {
        check(
            &scan("Index Scan", "t", "t", Some(("Index Cond", "(a = 5)"))),
            &over(
                "Sort",
                json!({"Sort Key": ["b"]}),
                &[scan("Seq Scan", "t", "t", Some(("Filter", "(a = 5)")))],
            ),
            &[None, Some(0)],
        );
    }

    #[test]
    fn a_self_join_stays_apart_by_alias() {
        check(
            &hash_join(seq("t", "a"), seq("t", "b")),
            &hash_join(seq("t", "b"), seq("t", "a")),
            // The Hash serves the same join, with the other table.
            &[Some(0), Some(3), Some(2), Some(1)],
        );
    }

    #[test]
    fn joins_of_another_order_are_matched() {
        check(
            &hash_join(hash_join(seq("a", "a"), seq("b", "b")), seq("c", "c")),
            &hash_join(seq("a", "a"), hash_join(seq("b", "b"), seq("c", "c"))),
            &[Some(0), Some(2), None, Some(1), Some(4), Some(5), Some(6)],
        );
    }

    #[test]
    fn a_join_method_may_change() {
        check(
            &hash_join(seq("a", "a"), seq("b", "b")),
            &over(
                "Nested Loop",
                json!({}),
                &[seq("a", "a"), scan("Index Scan", "b", "b", Some(("Index Cond", "(id = a.b_id)")))],
            ),
            &[Some(0), Some(1), Some(3)],
        );
    }

    #[test]
    fn numbers_of_init_plans_do_not_matter() {
        let plan = |name: &str, filter: &str| {
            let mut init = seq("u", "u");
            init["Parent Relationship"] = json!("InitPlan");
            init["Subplan Name"] = json!(name);
            over("Seq Scan", json!({"Relation Name": "t", "Alias": "t", "Filter": filter}), &[init])
        };
        check(
            &plan("InitPlan 1 (returns $0)", "(a > $0)"),
            &plan("InitPlan 2", "(a > (InitPlan 2).col1)"),
            &[Some(0), Some(1)],
        );
    }

    #[test]
    fn partitions_are_known_by_name() {
        let partitions = |names: &[&str]| {
            let scans: Vec<Value> =
                names.iter().enumerate().map(|(i, name)| seq(name, &format!("p_{}", i + 1))).collect();
            over("Append", json!({}), &scans)
        };
        check(&partitions(&["p1", "p2", "p3"]), &partitions(&["p2", "p3"]), &[Some(0), Some(2), Some(3)]);
    }

    #[test]
    fn partial_aggregates_are_added_below() {
        let group = |mode: &str, child: Value| {
            over("Aggregate", json!({"Partial Mode": mode, "Group Key": ["a"]}), &[child])
        };
        check(
            &group("Simple", seq("t", "t")),
            &group("Finalize", over("Gather", json!({}), &[group("Partial", seq("t", "t"))])),
            &[Some(0), None, None, Some(1)],
        );
    }

    #[test]
    fn a_renamed_index_keeps_its_bitmap() {
        let bitmap = |index: &str| {
            let part =
                json!({"Node Type": "Bitmap Index Scan", "Index Name": index, "Index Cond": "(a = 1)"});
            over(
                "Bitmap Heap Scan",
                json!({"Relation Name": "t", "Alias": "t", "Recheck Cond": "(a = 1)"}),
                &[part],
            )
        };
        check(&bitmap("i"), &bitmap("j"), &[Some(0), Some(1)]);
    }

    #[test]
    fn rows_keep_the_order_of_both_plans() {
        let before = plan(&hash_join(seq("t", "a"), seq("t", "b")));
        let after = plan(&hash_join(seq("t", "b"), seq("t", "a")));
        let rows = matches(&before, &after).rows();
        let kept: Vec<_> = rows.iter().filter(|row| row.0.is_some() && row.1.is_some()).collect();
        assert!(kept.len() >= 2, "{rows:?}");
        let befores: Vec<usize> = rows.iter().filter_map(|row| row.0).collect();
        let afters: Vec<usize> = rows.iter().filter_map(|row| row.1).collect();
        assert_eq!((befores, afters), ((0..4).collect(), (0..4).collect()));
    }

    prop_compose! {
        /// A left-deep join of some of four tables in some order.
        fn any_joins()(tables in proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4).prop_shuffle()) -> Value {
            let mut tables = tables.into_iter().map(|table| seq(table, table));
            let first = tables.next().unwrap();
            tables.fold(first, hash_join)
        }
    }

    proptest! {
        #[test]
        fn a_plan_matches_itself(joins in any_joins()) {
            let plan = plan(&joins);
            let expected: Vec<Option<usize>> = (0..plan.nodes.len()).map(Some).collect();
            prop_assert_eq!(matches(&plan, &plan).before, expected);
        }

        #[test]
        fn matches_are_one_to_one_and_scans_keep_their_alias(before in any_joins(), after in any_joins()) {
            let (before, after) = (plan(&before), plan(&after));
            let matches = matches(&before, &after);
            for (a, b) in matches.pairs() {
                prop_assert_eq!(matches.after(a), Some(b));
                prop_assert_eq!(&before.nodes[a].alias, &after.nodes[b].alias);
            }
            let rows = matches.rows();
            let befores: Vec<usize> = rows.iter().filter_map(|row| row.0).collect();
            let afters: Vec<usize> = rows.iter().filter_map(|row| row.1).collect();
            prop_assert_eq!(befores, (0..before.nodes.len()).collect::<Vec<_>>());
            prop_assert_eq!(afters, (0..after.nodes.len()).collect::<Vec<_>>());
        }
    }
}
