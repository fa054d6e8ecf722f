//! Orders of equality columns in which one index serves several statements: sets of columns as chains of prefixes.
//!
//! An index on (a, b, c) serves equality on {a}, {a, b} and {a, b, c}. The fewest indexes that serve all of some sets
//! are a minimum chain cover of the sets ordered by inclusion, which is a largest matching of the graph "is a subset
//! of" (Dilworth; Subotić et al.: "Automatic Index Selection for Large-Scale Datalog Computation", VLDB 2018).

use std::collections::BTreeSet;

/// Returns one order of elements for each chain of a minimum chain cover. Among the elements that one set adds to the
/// one before it, those with the smallest `rank` come first.
pub(super) fn orders<T: Ord + Clone, R: Ord>(
    sets: &BTreeSet<BTreeSet<T>>,
    rank: impl Fn(&T) -> R,
) -> Vec<Vec<T>> {
    let sets: Vec<&BTreeSet<T>> = sets.iter().collect();
    let supersets: Vec<Vec<usize>> = sets
        .iter()
        .map(|set| {
            let is_wider = |other: &&BTreeSet<T>| other.len() > set.len() && set.is_subset(other);
            (0..sets.len()).filter(|other| is_wider(&sets[*other])).collect()
        })
        .collect();
    // What each set is the next one of, and the other way round.
    let mut before: Vec<Option<usize>> = vec![None; sets.len()];
    for set in 0..sets.len() {
        extend_matching(set, &supersets, &mut before, &mut vec![false; sets.len()]);
    }
    let mut after = vec![None; sets.len()];
    for (set, earlier) in before.iter().enumerate() {
        if let Some(earlier) = *earlier {
            after[earlier] = Some(set);
        }
    }
    let starts = (0..sets.len()).filter(|set| before[*set].is_none());
    starts
        .map(|start| {
            let mut order: Vec<T> = Vec::new();
            for set in std::iter::successors(Some(start), |set| after[*set]) {
                let mut added: Vec<T> =
                    sets[set].iter().filter(|element| !order.contains(element)).cloned().collect();
                added.sort_by_key(|element| rank(element));
                order.extend(added);
            }
            order
        })
        .collect()
}

/// Finds a superset that can follow `set`, moving others where it must (Kuhn's algorithm).
fn extend_matching(
    set: usize,
    supersets: &[Vec<usize>],
    before: &mut [Option<usize>],
    is_tried: &mut [bool],
) -> bool {
    for &next in &supersets[set] {
        if std::mem::replace(&mut is_tried[next], true) {
            continue;
        }
        if before[next].is_none_or(|other| extend_matching(other, supersets, before, is_tried)) {
            before[next] = Some(set);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sets: &[&str], expected: &[&str]) {
        let sets = sets.iter().map(|set| set.chars().collect()).collect();
        let found: Vec<String> = orders(&sets, |c| *c).into_iter().map(String::from_iter).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn as_few_as_can_be() {
        check(&["a", "ab", "abc"], &["abc"]);
        check(&["b", "ab", "abc"], &["bac"]);
        check(&["ab", "bc"], &["ab", "bc"]);
        // {b} must give {ab} to {a}.
        check(&["a", "b", "ab", "bc"], &["ab", "bc"]);
        check(&[], &[]);
    }

    proptest! {
        #[test]
        fn every_set_is_a_prefix(sets in prop::collection::btree_set(
            prop::collection::btree_set(0u8..6, 1..5), 0..12,
        )) {
            let found = orders(&sets, |element| *element);
            prop_assert!(found.len() <= sets.len());
            for set in &sets {
                let is_prefix = |order: &&Vec<u8>| {
                    order.len() >= set.len() && order[..set.len()].iter().copied().collect::<BTreeSet<_>>() == *set
                };
                prop_assert!(found.iter().any(|order| is_prefix(&order)), "{set:?} in {found:?}");
            }
        }
    }
}
