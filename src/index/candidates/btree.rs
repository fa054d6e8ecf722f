//! Key lists of btrees: what has one value, then the order that is wanted, then one range.

use std::collections::BTreeSet;

use super::demand::Demand;
use super::{Motive, chains, sort_keys, without_repeats};
use crate::index::Key;
use crate::query::Operand;

/// Up to this number of operands with one value, all their orders are tried.
const MAX_PERMUTED: usize = 3;
/// Up to this number, all ordered pairs.
const MAX_PAIRED: usize = 5;
/// Up to this number of columns, all orders of a GROUP BY or DISTINCT are tried.
const MAX_GROUP_PERMUTED: usize = 3;

/// A key list and why it could help.
pub(super) type Keys = (Motive, Vec<Key>);

/// Returns the key lists that serve one use of a table, no longer than `max_columns`, the natural ones first.
pub(super) fn key_lists(demand: &Demand, shared: &[Vec<Operand>], max_columns: usize) -> Vec<Keys> {
    let ranges = demand.ranges();
    let sorts = sorts(demand);
    let lists: Vec<Key> = demand.lists().into_iter().cloned().map(Key::of).collect();
    let mut found: Vec<Keys> = Vec::new();
    let mut add = |motive: Motive, parts: &[&[Key]]| {
        let mut keys = without_repeats(parts.concat());
        keys.truncate(max_columns);
        if !keys.is_empty() {
            found.push((motive, keys));
        }
    };
    for (motive, prefix) in prefixes(demand, shared) {
        let prefix: Vec<Key> = prefix.into_iter().map(Key::of).collect();
        add(motive, &[&prefix]);
        for (sort_motive, sort) in &sorts {
            let motive = motive.max(*sort_motive);
            add(motive, &[&prefix, sort]);
            // Rows are tested inside the index while the order is kept, which a list in front would lose.
            let other: Vec<Key> = prefix.iter().filter(|key| !lists.contains(key)).cloned().collect();
            if !lists.is_empty() {
                add(motive, &[&other, sort, &lists]);
            }
            for range in &ranges {
                add(motive, &[&other, sort, &lists, std::slice::from_ref(range)]);
                add(motive, &[&prefix, sort, std::slice::from_ref(range)]);
            }
        }
        for range in &ranges {
            add(motive, &[&prefix, std::slice::from_ref(range)]);
            // The second range bounds nothing, but is tested before the table is read.
            for second in ranges.iter().filter(|second| second.operand != range.operand) {
                let both = [range.clone(), second.clone()];
                add(Motive::Permuted, &[&prefix, &both]);
            }
        }
    }
    found.sort_by_key(|(motive, _)| *motive);
    let mut known = BTreeSet::new();
    found.retain(|(_, keys)| known.insert(keys.clone()));
    found
}

/// Returns the orders that rows are wanted in, each as keys; a comparison of rows is a range in such an order.
pub(super) fn sorts(demand: &Demand) -> Vec<Keys> {
    let is_indexable = |keys: &Vec<Key>| keys.iter().all(|key| demand.is_btree_key(&key.operand));
    let mut sorts: Vec<Keys> = demand
        .orders
        .iter()
        .map(|order| (Motive::Natural, without_repeats(sort_keys(&order.items))))
        .collect();
    let rows = demand.rows.iter().map(|row| row.iter().cloned().map(Key::of).collect());
    sorts.extend(rows.map(|row| (Motive::Natural, without_repeats(row))));
    for group in demand.groups {
        let keys: Vec<Key> = without_repeats(group.iter().cloned().map(Key::of).collect());
        let orders =
            if keys.len() <= MAX_GROUP_PERMUTED { permutations(&keys, keys.len()) } else { vec![keys] };
        for (i, keys) in orders.into_iter().enumerate() {
            sorts.push((if i == 0 { Motive::Natural } else { Motive::Permuted }, keys));
        }
    }
    sorts.retain(|(_, keys)| !keys.is_empty() && is_indexable(keys));
    sorts
}

/// Returns the operands whose conditions or joins fix them to one value, in the orders worth trying; also none.
fn prefixes(demand: &Demand, shared: &[Vec<Operand>]) -> Vec<(Motive, Vec<Operand>)> {
    let fixed: Vec<Operand> = demand.equalities().into_iter().cloned().collect();
    let joins: Vec<Operand> =
        demand.join_keys().into_iter().filter(|join| !fixed.contains(join)).cloned().collect();
    let all = [fixed.as_slice(), &joins].concat();
    let mut prefixes = vec![(Motive::Natural, Vec::new()), (Motive::Natural, fixed.clone())];
    for operand in &all {
        prefixes.push((Motive::Natural, vec![operand.clone()]));
    }
    // A key of several columns is joined by all of them.
    prefixes.push((Motive::Natural, joins.clone()));
    for join in &joins {
        prefixes.push((Motive::Natural, [fixed.as_slice(), std::slice::from_ref(join)].concat()));
        prefixes.push((Motive::Natural, [std::slice::from_ref(join), &fixed].concat()));
    }
    let set: BTreeSet<&Operand> = all.iter().collect();
    for order in shared {
        // As much of another statement's order as this one has conditions on.
        let own: Vec<Operand> = order.iter().take_while(|operand| set.contains(operand)).cloned().collect();
        if own.len() > 1 {
            let rest = fixed.iter().filter(|operand| !own.contains(operand)).cloned();
            prefixes.push((Motive::Natural, own.iter().cloned().chain(rest).collect()));
        }
    }
    let longest = match all.len() {
        0..=MAX_PERMUTED => all.len(),
        n if n <= MAX_PAIRED => 2,
        _ => 0,
    };
    for length in 2..=longest {
        prefixes.extend(permutations(&all, length).into_iter().map(|order| (Motive::Permuted, order)));
    }
    prefixes
}

/// Returns orders of the operands that each demand has one value of, so that one index serves many of them.
pub(super) fn shared_orders(demands: &[Demand]) -> Vec<Vec<Operand>> {
    let sets: BTreeSet<BTreeSet<Operand>> = demands
        .iter()
        .map(|demand| demand.equalities().into_iter().cloned().collect::<BTreeSet<_>>())
        .filter(|set| !set.is_empty())
        .collect();
    let Some(first) = demands.first() else { return Vec::new() };
    // The most selective first; distinct values as whole numbers, which have a total order.
    #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
    let rank = |operand: &Operand| (-(first.distinct(operand) as i64), operand.clone());
    chains::orders(&sets, rank)
}

/// Returns every order of `length` of the items; the given order first.
pub(super) fn permutations<T: Clone>(items: &[T], length: usize) -> Vec<Vec<T>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in items.iter().enumerate() {
        let rest = [&items[..at], &items[at + 1..]].concat();
        for mut permutation in permutations(&rest, length - 1) {
            permutation.insert(0, first.clone());
            all.push(permutation);
        }
    }
    all
}

/// Returns lists that serve what two of the given lists serve: the columns of one, then the other's, where both begin
/// alike (Chaudhuri and Narasayya: "Index Merging", ICDE 1999).
///
/// One that is too long is cut only where the second list has all its columns: what is left serves the first still.
pub(super) fn merged(lists: &BTreeSet<Vec<Key>>, max_columns: usize) -> Vec<Vec<Key>> {
    let mut found = BTreeSet::new();
    for first in lists.iter().filter(|keys| keys.len() > 1) {
        for second in lists.iter().filter(|second| second.len() > 1 && second[0] == first[0]) {
            let mut keys = without_repeats([first.as_slice(), second].concat());
            if keys.len() > max_columns && keys.len() > second.len() {
                continue;
            }
            keys.truncate(max_columns);
            if !lists.contains(&keys) {
                found.insert(keys);
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, found, on, statement};
    use crate::catalog::{Catalog, ColumnStatistics};
    use crate::query::Test;

    fn catalog() -> Catalog {
        fixture::catalog(&[
            (
                "records",
                &[
                    "id int8!",
                    "user_id int8!",
                    "bedtime timestamptz!",
                    "wake_time timestamptz",
                    "score int4!",
                ],
            ),
            ("wide", &["a int4", "b int4", "c int4", "d int4", "e int4", "f int4"]),
            ("customers", &["id int8!", "email text", "data jsonb", "doc json", "body text"]),
        ])
    }

    #[test]
    fn equality_before_sort_before_range() {
        check(
            &catalog(),
            on("records").test("user_id", Test::Equal).order(&["-bedtime"]),
            &["(user_id, bedtime)", "(user_id)", "(bedtime)", "!(bedtime, user_id)"],
        );
        check(
            &catalog(),
            on("records").test("bedtime", Test::Range).test("user_id", Test::Equal),
            &["(user_id, bedtime)", "(user_id)", "(bedtime)", "!(bedtime, user_id)"],
        );
        check(
            &catalog(),
            on("records").test("user_id", Test::Equal).test("score", Test::Range).order(&["bedtime"]),
            &["(user_id, bedtime, score)", "(user_id, score)"],
        );
    }

    #[test]
    fn mixed_directions() {
        let sorted = |items: &[&str]| on("records").order(items);
        check(&catalog(), sorted(&["-score", "bedtime"]), &["(score, bedtime DESC)", "!(score, bedtime)"]);
        check(&catalog(), sorted(&["score", "-bedtime nulls last"]), &["(score, bedtime DESC NULLS LAST)"]);
        check(&catalog(), sorted(&["-score", "-bedtime"]), &["(score, bedtime)"]);
        check(&catalog(), sorted(&["-score nulls last", "id"]), &["(score NULLS FIRST, id DESC)"]);
    }

    #[test]
    fn a_list_behind_the_order_that_it_would_break() {
        check(
            &catalog(),
            on("records").test("score", Test::In).order(&["bedtime"]),
            &["(bedtime, score)", "(score, bedtime)", "(score)"],
        );
    }

    #[test]
    fn comparisons_of_rows() {
        let mut keyset = on("records").test("user_id", Test::Equal).test("bedtime", Test::Range);
        keyset.rows.push(vec![fixture::operand("bedtime"), fixture::operand("id")]);
        check(&catalog(), keyset, &["(user_id, bedtime, id)", "(user_id, bedtime)", "(bedtime, id)"]);
    }

    #[test]
    fn joins_before_and_behind_conditions() {
        check(
            &catalog(),
            on("records").join("user_id").test("score", Test::Equal).test("bedtime", Test::Range),
            &[
                "(user_id, score, bedtime)",
                "(score, user_id, bedtime)",
                "(user_id, bedtime)",
                "(user_id)",
                "(score)",
            ],
        );
    }

    #[test]
    fn groups_in_any_order() {
        check(
            &catalog(),
            on("records").group(&["user_id", "score"]),
            &["(user_id, score)", "(score, user_id)", "!(user_id)"],
        );
    }

    #[test]
    fn expressions_like_columns() {
        let email = "lower(email)@email";
        check(&catalog(), on("customers").test(email, Test::Equal).order(&["id"]), &["(lower(email), id)"]);
        check(&catalog(), on("customers").test(email, Test::Prefix), &["(lower(email) text_pattern_ops)"]);
        check(
            &catalog(),
            on("customers").test("data ->> 'city'@data", Test::Equal),
            &["((data ->> 'city'))"],
        );
    }

    #[test]
    fn beginnings_of_texts() {
        let mut catalog = catalog();
        check(
            &catalog,
            on("customers").test("id", Test::Equal).test("email", Test::Prefix),
            &["(email text_pattern_ops)", "(id, email text_pattern_ops)", "!(email)"],
        );
        catalog.tables[2].columns[1].is_ordered_by_bytes = true;
        check(&catalog, on("customers").test("email", Test::Prefix), &["(email)"]);
        catalog.tables[2].columns[1].is_ordered_by_bytes = false;
        catalog.tables[2].columns[1].base_type = "bpchar".into();
        check(&catalog, on("customers").test("email", Test::Prefix), &["(email bpchar_pattern_ops)"]);
    }

    #[test]
    fn nothing_of_types_and_widths_that_a_btree_has_not() {
        let mut catalog = catalog();
        let wide = ColumnStatistics { avg_width: 2000, ..ColumnStatistics::default() };
        fixture::statistics(&mut catalog, "body", &wide);
        for operand in ["doc", "body", "ctid"] {
            let shape = statement([on("customers").test(operand, Test::Equal)]);
            assert_eq!(found(&[shape], &catalog, 3), [""; 0], "{operand}");
        }
        catalog.tables[0].columns[4].is_virtual = true;
        let shape = statement([on("records").test("score", Test::Equal).order(&["score"])]);
        assert_eq!(found(&[shape], &catalog, 3), [""; 0]);
    }

    #[test]
    fn an_existing_composite_serves_its_prefix() {
        let mut catalog = catalog();
        catalog.tables[0].indexes.push(fixture::index(&["user_id", "score"], None));
        check(&catalog, on("records").test("user_id", Test::Equal), &["!(user_id)"]);
        check(&catalog, on("records").test("score", Test::Equal), &["(score)"]);
    }

    #[test]
    fn orders_that_other_statements_share() {
        let many = |columns: &[&str]| {
            let table_use =
                columns.iter().fold(on("wide"), |table_use, column| table_use.test(column, Test::Equal));
            statement([table_use])
        };
        // Of five columns, only the orders that begin with what the others want.
        let shapes = [many(&["a", "b", "c", "d", "e"]), many(&["e", "c"]), many(&["e", "c", "a"])];
        let found = found(&shapes, &catalog(), 5);
        assert!(found.contains(&"wide (c, e, a, b, d)".to_owned()), "{found:#?}");
        assert!(found.contains(&"wide (e, c, a)".to_owned()), "{found:#?}");
    }

    #[test]
    fn two_statements_in_one_index() {
        let shapes = [
            statement([on("wide").test("a", Test::Equal).test("b", Test::Equal).test("c", Test::Range)]),
            statement([on("wide").test("a", Test::Equal).test("d", Test::Range)]),
        ];
        let found = found(&shapes, &catalog(), 4);
        assert!(found.contains(&"wide (a, d, b, c)".to_owned()), "{found:#?}");
        assert!(found.contains(&"wide (a, b, c, d)".to_owned()), "{found:#?}");
    }
}
