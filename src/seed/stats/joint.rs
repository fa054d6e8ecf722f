//! Columns that go together: what extended statistics say of functional dependencies.

use super::slots::Slots;
use crate::seed::exact::count;
use crate::seed::make::{Draw, Maker};
use crate::seed::plan::{ColumnPlan, Nulls};

/// Weaker dependencies are as good as none.
const LEAST_DEGREE: f64 = 0.05;
/// Columns further than this from the order that they would have by chance are made by their order instead.
const MAX_ORDER: f64 = 0.1;
/// A group of rows with one value moves as a whole if it is no larger: a value that depends on it is off by half of it at most.
const MAX_GROUP: f64 = 0.02;

/// In a share of the rows (`pg_dependencies`) the value of one column says that of another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependency {
    pub(crate) of: String,
    pub(crate) on: String,
    pub(crate) degree: f64,
}

/// Reads the dependencies of single columns on single columns, from the server's own format in hexadecimal digits.
///
/// `statext_dependencies_serialize` in dependencies.c: magic number, type and number of items in 4 bytes each; then for each item
/// its degree in 8, the number of columns in 2 and their numbers in 2 each, the dependent one last. `columns` has their names.
pub(crate) fn dependencies(hex: &str, columns: &[(i16, String)]) -> Option<Vec<Dependency>> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    let mut rest = bytes.get(12..)?;
    let mut take = |n: usize| {
        let (taken, after) = rest.split_at_checked(n)?;
        rest = after;
        Some(taken)
    };
    let mut dependencies = Vec::new();
    while let Some(degree) = take(8) {
        let degree = f64::from_le_bytes(degree.try_into().ok()?);
        let n_columns = i16::from_le_bytes(take(2)?.try_into().ok()?);
        let numbers = take(2 * usize::try_from(n_columns).ok()?)?;
        let numbers: Vec<i16> =
            numbers.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let name = |number: i16| columns.iter().find(|it| it.0 == number).map(|it| it.1.clone());
        if let [on, of] = numbers[..]
            && let (Some(on), Some(of)) = (name(on), name(of))
        {
            dependencies.push(Dependency { of, on, degree });
        }
    }
    Some(dependencies)
}

/// Lets columns follow those that they depend on, where neither is made by the order of the rows.
pub(crate) fn follow(
    columns: &mut [ColumnPlan],
    dependencies: &[Dependency],
    correlation: &dyn Fn(&str) -> Option<f64>,
) {
    let mut strongest: Vec<&Dependency> =
        dependencies.iter().filter(|dependency| dependency.degree >= LEAST_DEGREE).collect();
    strongest.sort_by(|a, b| b.degree.total_cmp(&a.degree));
    let mut settled: Vec<usize> = Vec::new();
    for Dependency { of, on, degree } in strongest {
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let (Some(of), Some(on)) = (place(of), place(on)) else { continue };
        let is_free = |at: usize| {
            let Some((_, curve)) = axis(&columns[at]) else { return false };
            let by_chance = curve.sum_of_squared_shares();
            // What is there once each says everything anyway, and is said by nothing.
            curve.n_ranks() < curve.n_slots()
                && correlation(&columns[at].name).is_none_or(|it| (it - by_chance).abs() < MAX_ORDER)
        };
        if of == on || settled.contains(&of) || !is_free(of) || !is_free(on) {
            continue;
        }
        let (Some((slots, curve)), Some((own, _))) = (axis(&columns[on]), axis(&columns[of])) else {
            continue;
        };
        let is_even = count(curve.max_degree()) <= MAX_GROUP * count(curve.n_slots());
        let followed = Slots::following(own, slots, is_even.then_some(curve), *degree);
        settled.extend([of, on]);
        let column = &mut columns[of];
        if let Nulls::Slots(nulls) = &mut column.nulls {
            nulls.clone_from(&followed);
        }
        if let Maker::Drawn { draw: Draw::Axis { slots, .. }, .. } = &mut column.maker {
            *slots = followed;
        }
    }
}

fn axis(column: &ColumnPlan) -> Option<(&Slots, &crate::seed::keys::curve::Curve)> {
    match &column.maker {
        Maker::Drawn { draw: Draw::Axis { slots, curve, .. }, .. } => Some((slots, curve)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::keys::curve::Curve;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn reads_what_the_server_writes() {
        // Of (a, b) with numbers 2 and 4: 2 => 4: 1.0; 4 => 2: 0.25; and one of two columns.
        let item = |degree: f64, numbers: &[i16]| -> Vec<u8> {
            let n = i16::try_from(numbers.len()).unwrap().to_le_bytes();
            let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
            degree.to_le_bytes().into_iter().chain(n).chain(numbers).collect()
        };
        let bytes = [vec![0; 12], item(1.0, &[2, 4]), item(0.25, &[4, 2]), item(0.5, &[2, 4, 5])].concat();
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|it| char::from_digit(it.into(), 16).unwrap());
        let hex: String = bytes.iter().flat_map(digits).collect();
        let columns = [(2, "a".to_owned()), (4, "b".to_owned())];
        let found = dependencies(&hex, &columns).unwrap();
        let found: Vec<(&str, &str, f64)> =
            found.iter().map(|it| (it.on.as_str(), it.of.as_str(), it.degree)).collect();
        assert_eq!(found, [("a", "b", 1.0), ("b", "a", 0.25)]);
        assert_eq!(dependencies(&hex[..50], &columns), None);
        assert_eq!(dependencies("zz", &columns), None);
    }

    /// The share of rows in groups of one value that have a single other value (`dependency_degree` in dependencies.c).
    fn degree(pairs: &[(u64, u64)]) -> f64 {
        let mut groups: BTreeMap<u64, (u64, BTreeSet<u64>)> = BTreeMap::new();
        for (on, of) in pairs {
            let group = groups.entry(*on).or_default();
            group.0 += 1;
            group.1.insert(*of);
        }
        let n: u64 = groups.values().filter(|(_, of)| of.len() == 1).map(|(n, _)| n).sum();
        count(n) / count(pairs.len() as u64)
    }

    #[test]
    fn columns_depend_as_much_as_was_asked_for() {
        let (of, on) = (Curve::even(20, 9_000), Curve::even(300, 10_000));
        for asked in [1.0, 0.7, 0.2] {
            let slots = Slots::scattered(10_000, 10_000, 1);
            let own = Slots::scattered(10_000, 9_000, 2);
            let followed = Slots::following(&own, &slots, Some(&on), asked);
            let pairs: Vec<(u64, u64)> = (0..10_000)
                .map(|row| {
                    (on.locate(slots.apply(row)).0, followed.place(row).map_or(99, |it| of.locate(it).0))
                })
                .collect();
            let found = degree(&pairs);
            assert!((found - asked).abs() < 0.05, "{found} instead of {asked}");
            let n_nulls = (0..10_000).filter(|row| followed.place(*row).is_none()).count();
            assert!(n_nulls.abs_diff(1_000) < 50, "{n_nulls}");
        }
    }
}
