//! Which statements an index could serve, whoever it was proposed for.

use super::demand::Demand;
use super::indexable::{self, Family};
use crate::index::{Definition, Key, Method};
use crate::query::{Operand, Test};

/// Number of values of the first key up to which a scan may look for a later one under each of them (the skip scan of
/// PostgreSQL 18; before it, such a scan reads the whole index).
const MAX_SKIPPED: f64 = 1000.0;

/// Whether the planner could use an index of the table for one use of it. It errs on the side of yes: a wrong yes costs
/// planner calls, a wrong no loses what the index saves.
pub(super) fn can_serve(definition: &Definition, demand: &Demand) -> bool {
    if !can_imply_predicate(definition, demand) {
        return false;
    }
    let is_read_whole =
        definition.predicate.is_some() || definition.method == Method::Btree && covers(definition, demand);
    is_read_whole
        || match definition.method {
            Method::Btree => {
                let leads = |key: &Key| searches(key, demand) || orders(key, demand);
                let (first, rest) = definition.keys.split_first().expect("an index has keys");
                leads(first)
                    || demand.distinct(&first.operand) <= MAX_SKIPPED
                        && rest.iter().any(|key| searches(key, demand))
            }
            method => definition.keys.iter().any(|key| finds(method, key, demand)),
        }
}

/// Whether the conditions speak of all columns that the predicate tests; whether they imply it the planner finds out.
fn can_imply_predicate(definition: &Definition, demand: &Demand) -> bool {
    definition.predicate.iter().flat_map(|predicate| &predicate.columns).all(|column| {
        demand
            .conditions
            .iter()
            .map(|condition| &condition.operand)
            .chain(demand.joins.iter().copied())
            .any(|operand| operand.columns().contains(column))
    })
}

/// Whether an index-only scan finds all that is read.
fn covers(definition: &Definition, demand: &Demand) -> bool {
    let holds = |column: &String| {
        definition.include.contains(column) || definition.keys.iter().any(|key| key.column() == Some(column))
    };
    demand.read.is_some_and(|read| read.iter().all(holds))
}

/// Whether a condition or a join looks for values of the key.
fn searches(key: &Key, demand: &Demand) -> bool {
    let is_network = indexable::family(&key.operand, demand.table) == Family::Network;
    let is_found = |test: Test| match test {
        Test::Infix | Test::Matches => false,
        Test::Other => is_network,
        _ => true,
    };
    demand.conditions.iter().any(|condition| condition.operand == key.operand && is_found(condition.test))
        || demand.joins.contains(&&key.operand)
}

/// Whether rows are wanted in an order, or in groups, of the key.
fn orders(key: &Key, demand: &Demand) -> bool {
    let is_wanted = |operand: &Operand| *operand == key.operand;
    key.opclass.is_none()
        && (demand.orders.iter().any(|order| order.items.iter().any(|item| is_wanted(&item.operand)))
            || demand.groups.iter().any(|group| group.iter().any(is_wanted)))
}

/// Whether a condition is one that the method finds by the key.
fn finds(method: Method, key: &Key, demand: &Demand) -> bool {
    demand.conditions.iter().filter(|condition| condition.operand == key.operand).any(|condition| {
        let is_network = indexable::family(&key.operand, demand.table) == Family::Network;
        match method {
            Method::Brin => matches!(condition.test, Test::Range | Test::Equal | Test::In | Test::IsNull),
            Method::Gin | Method::Gist => {
                (is_network || condition.test != Test::Other) && condition.test != Test::NotEqual
            }
            Method::Btree => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, on, statement};
    use super::super::{Kinds, Options, candidates};
    use crate::catalog::{Catalog, ColumnStatistics};
    use crate::query::{TableUse, Test};

    /// Checks which of two statements the index that the first one asks for could serve.
    fn check(catalog: &Catalog, index: &str, first: TableUse, second: TableUse, expected: &[usize]) {
        let shapes = [statement([first]), statement([second])];
        let found = candidates(&shapes, catalog, &Options { max_columns: 3, kinds: Kinds::default() });
        let proposal = found.iter().find(|proposal| proposal.definition.describe() == index);
        let serves = proposal.map(|proposal| proposal.serves.iter().copied().collect::<Vec<_>>());
        assert_eq!(serves.as_deref(), Some(expected), "{index}");
    }

    #[test]
    fn others_than_who_asked() {
        let mut catalog = fixture::catalog(&[(
            "t",
            &["a int4", "b int4", "c int4", "d text", "data jsonb", "gone timestamptz"],
        )]);
        let ab = || on("t").test("a", Test::Equal).test("b", Test::Range);
        check(&catalog, "t (a, b)", ab(), on("t").order(&["a"]), &[0, 1]);
        check(&catalog, "t (a, b)", ab(), on("t").join("a"), &[0, 1]);
        check(&catalog, "t (a, b)", ab(), on("t").test("c", Test::Equal), &[0]);
        // Two hundred values of `a` can be skipped over.
        check(&catalog, "t (a, b)", ab(), on("t").test("b", Test::Equal), &[0, 1]);
        // All that is read, whatever is searched.
        check(&catalog, "t (a, b)", ab(), on("t").test("c", Test::Equal).read(&["a", "b"]), &[0, 1]);
        let by_path = || on("t").test("data", Test::Contains);
        check(&catalog, "t USING gin (data)", by_path(), on("t").test("data", Test::HasKey), &[0, 1]);
        check(&catalog, "t USING gin (data)", by_path(), on("t").test("a", Test::Equal), &[0]);
        let current = || on("t").test("c", Test::Equal).test("gone", Test::IsNull);
        let partial = "t (c) WHERE gone IS NULL";
        check(&catalog, partial, current(), on("t").test("c", Test::Equal), &[0]);
        check(&catalog, partial, current(), on("t").test("gone", Test::IsNull), &[0, 1]);
        check(
            &catalog,
            "t (d text_pattern_ops)",
            on("t").test("d", Test::Prefix),
            on("t").order(&["d"]),
            &[0],
        );
        let unique = ColumnStatistics { n_distinct: -1.0, ..ColumnStatistics::default() };
        fixture::statistics(&mut catalog, "a", &unique);
        check(&catalog, "t (a, b)", ab(), on("t").test("b", Test::Equal), &[0]);
    }
}
