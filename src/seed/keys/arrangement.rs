//! How all keys of a table are kept at once: by what each column and foreign key is made of, never by trying again.

use std::collections::BTreeSet;

/// A column or a foreign key, as far as keys care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A foreign key to one of so many rows.
    Edge { parent: u16, n_parents: u64, leads: Leads },
    /// A column that has a value of its own for every row. A position counts the rows of a parent, by its name.
    Large { is_position: bool },
    /// A column with so many values.
    Finite(u64),
}

/// Whether a foreign key can be laid out freely: which row it is, and so the rows of each parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leads {
    Never,
    Can,
    /// Another foreign key asks for the rows of one parent.
    Should,
}

/// What a unit does for the keys that it is in. The values of a role are those of the units' draws and picks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing: it is made as if there were no keys.
    Plain,
    /// Never the same twice; an edge then is one to one.
    Unique,
    /// Laid out, no parent with more than so many rows: others tell its rows apart by their ordinals.
    Lead { max_degree: u64 },
    /// The ordinal of the row among those of the lead's parent.
    Ordinal { lead: usize },
    /// Another parent for each ordinal.
    Distinct { lead: usize },
    /// `(ordinal / divisor) % n`.
    OrdinalDigit { lead: usize, divisor: u64, n: u64 },
    /// `(cell / divisor) % n` of the row's own cell among `n_cells`.
    Digit { n_cells: u64, divisor: u64, n: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrangement {
    /// One for each unit.
    pub(crate) roles: Vec<Role>,
    /// At most as many as were wanted.
    pub(crate) n_rows: u64,
    /// The keys that allow no more, when that is fewer.
    pub(crate) limiting: Vec<usize>,
}

/// Gives each unit a role so that no two of `n_rows` rows are equal in all units of a key.
///
/// A key is kept by one unit that is never the same twice, or by a lead with something that tells its rows apart, or by cells:
/// every combination of all its units once. Keys must not be empty. `n_before` rows that were made before have the first values
/// of columns; which parents they have is not known here.
pub(crate) fn arrange(units: &[Unit], keys: &[BTreeSet<usize>], n_wanted: u64, n_before: u64) -> Arrangement {
    let roles = vec![Role::Plain; units.len()];
    let mut search = Search { units, n_wanted, n_before, roles, caps: Vec::new() };
    // A key that contains another one is kept with it.
    let is_smallest = |key: &usize| {
        !keys.iter().enumerate().any(|(other, units)| {
            units.is_subset(&keys[*key]) && (units.len() < keys[*key].len() || other < *key)
        })
    };
    let mut open: Vec<usize> = (0..keys.len()).filter(is_smallest).collect();
    // Keys of one unit leave no choice.
    for key in open.iter().filter(|key| keys[**key].len() == 1) {
        search.make_unique(*key, &keys[*key], *keys[*key].first().expect("one unit"));
    }
    open.retain(|key| !search.has_unique(&keys[*key]));
    for key in open.clone() {
        let is_free = |unit: &&usize| match units[**unit] {
            Unit::Large { is_position } => !is_position || !search.can_be_led(&keys[key]),
            _ => false,
        };
        if search.has_unique(&keys[key]) {
            continue;
        }
        if let Some(unit) = keys[key].iter().find(is_free) {
            search.roles[*unit] = Role::Unique;
        }
    }
    open.retain(|key| !search.has_unique(&keys[*key]));
    while !open.is_empty() {
        let Some(lead) = search.next_lead(keys, &open) else { break };
        let led: Vec<usize> = open.iter().copied().filter(|key| keys[*key].contains(&lead)).collect();
        search.lead(lead, keys, &led);
        open.retain(|key| !led.contains(key));
    }
    for key in open {
        search.cells_or_diagonal(key, &keys[key]);
    }
    let n_rows = search.caps.iter().map(|(_, cap)| *cap).fold(n_wanted, u64::min);
    let limiting = search.caps.iter().filter(|(_, cap)| n_rows < n_wanted && *cap == n_rows);
    let limiting = limiting.map(|(key, _)| *key).collect();
    Arrangement { roles: search.roles, n_rows, limiting }
}

struct Search<'u> {
    units: &'u [Unit],
    n_wanted: u64,
    n_before: u64,
    roles: Vec<Role>,
    /// The rows that keys allow.
    caps: Vec<(usize, u64)>,
}

impl Search<'_> {
    fn size(&self, unit: usize) -> u64 {
        match self.units[unit] {
            Unit::Edge { n_parents, .. } => n_parents,
            Unit::Large { .. } => u64::MAX,
            Unit::Finite(n) => n,
        }
    }

    fn has_unique(&self, key: &BTreeSet<usize>) -> bool {
        key.iter().any(|unit| self.roles[*unit] == Role::Unique)
    }

    fn make_unique(&mut self, key: usize, units: &BTreeSet<usize>, unit: usize) {
        self.roles[unit] = Role::Unique;
        self.caps.push((key, self.left(units, self.size(unit))));
    }

    /// How many of `n` combinations of a key's units are left by the rows that were made before, one at least.
    fn left(&self, units: &BTreeSet<usize>, n: u64) -> u64 {
        let are_columns = units.iter().all(|unit| matches!(self.units[*unit], Unit::Finite(_)));
        if are_columns { n.saturating_sub(self.n_before).max(1) } else { n }
    }

    fn leads(&self, unit: usize) -> bool {
        let is_free = matches!(self.roles[unit], Role::Plain | Role::Lead { .. });
        is_free && self.can_lead(unit) > Leads::Never
    }

    fn can_lead(&self, unit: usize) -> Leads {
        match self.units[unit] {
            Unit::Edge { leads, .. } => leads,
            _ => Leads::Never,
        }
    }

    fn can_be_led(&self, key: &BTreeSet<usize>) -> bool {
        key.iter().any(|unit| self.leads(*unit))
    }

    /// The edge in most of the open keys that can all be told apart under it; of those one that should lead, or the one with most
    /// parents.
    fn next_lead(&self, keys: &[BTreeSet<usize>], open: &[usize]) -> Option<usize> {
        let can = |lead: usize, key: usize| {
            let (degree, _) = self.told_apart(lead, &keys[key])?;
            Some(degree)
        };
        let n_led = |lead: usize| {
            open.iter().filter(|key| keys[**key].contains(&lead) && can(lead, **key).is_some()).count()
        };
        // No lead that leaves out rows which cells would hold.
        let is_enough = |lead: usize| {
            open.iter().filter(|key| keys[**key].contains(&lead)).all(|key| {
                let held = can(lead, *key).map_or(0, |degree| degree.saturating_mul(self.size(lead)));
                let cells = keys[*key].iter().map(|unit| self.size(*unit)).fold(1, u64::saturating_mul);
                let is_alone = keys[*key].iter().all(|unit| self.roles[*unit] == Role::Plain);
                held >= self.n_wanted.min(cells) || (held > 0 && (!is_alone || keys[*key].len() == 2))
            })
        };
        let candidates = (0..self.units.len()).filter(|unit| self.leads(*unit) && n_led(*unit) > 0);
        candidates
            .filter(|lead| is_enough(*lead))
            .max_by_key(|lead| (n_led(*lead), self.can_lead(*lead), self.size(*lead), usize::MAX - lead))
    }

    /// How many rows of one parent of `lead` can be told apart in a key, and by which units.
    fn told_apart(&self, lead: usize, key: &BTreeSet<usize>) -> Option<(u64, Vec<usize>)> {
        let rest = || key.iter().copied().filter(|unit| *unit != lead && self.roles[*unit] == Role::Plain);
        let Unit::Edge { parent: lead_parent, .. } = self.units[lead] else { return None };
        if let Some(position) = rest().find(|unit| matches!(self.units[*unit], Unit::Large { .. })) {
            return Some((u64::MAX, vec![position]));
        }
        let edge = |unit: usize| match self.units[unit] {
            // A row seldom refers to one parent in two ways.
            Unit::Edge { parent, n_parents, leads: Leads::Can | Leads::Should } => {
                Some(n_parents - u64::from(parent == lead_parent && n_parents > 1))
            }
            _ => None,
        };
        let best = rest()
            .filter_map(|unit| Some((edge(unit)?, unit)))
            .max_by_key(|(n, unit)| (*n, usize::MAX - unit));
        let finite: Vec<usize> = rest().filter(|unit| matches!(self.units[*unit], Unit::Finite(_))).collect();
        let n_finite = finite.iter().map(|unit| self.size(*unit)).fold(1, u64::saturating_mul);
        match best {
            Some((n, unit)) if n >= n_finite => Some((n, vec![unit])),
            _ if finite.is_empty() => None,
            _ => Some((n_finite, finite)),
        }
    }

    fn lead(&mut self, lead: usize, keys: &[BTreeSet<usize>], led: &[usize]) {
        let mut max_degree = match self.roles[lead] {
            Role::Lead { max_degree } => max_degree,
            _ => u64::MAX,
        };
        for key in led {
            let is_told_apart = keys[*key].iter().any(|unit| match self.roles[*unit] {
                Role::Ordinal { lead: of } | Role::Distinct { lead: of } => of == lead,
                _ => false,
            });
            if is_told_apart {
                continue;
            }
            let Some((degree, by)) = self.told_apart(lead, &keys[*key]) else {
                self.cells_or_diagonal(*key, &keys[*key]);
                continue;
            };
            let mut divisor: u64 = 1;
            for unit in &by {
                self.roles[*unit] = match self.units[*unit] {
                    Unit::Edge { .. } => Role::Distinct { lead },
                    Unit::Large { .. } => Role::Ordinal { lead },
                    Unit::Finite(n) => Role::OrdinalDigit { lead, divisor, n },
                };
                divisor = divisor.saturating_mul(self.size(*unit));
            }
            max_degree = max_degree.min(degree);
            self.caps.push((*key, self.size(lead).saturating_mul(degree)));
        }
        if self.roles[lead] != Role::Unique {
            self.roles[lead] = Role::Lead { max_degree };
        }
    }

    /// Keeps a key without a lead: by cells of units that do nothing else, else by the largest unit alone.
    fn cells_or_diagonal(&mut self, key: usize, units: &BTreeSet<usize>) {
        if self.has_unique(units) {
            return;
        }
        let is_free = |unit: &usize| {
            let can = !matches!(self.units[*unit], Unit::Edge { leads: Leads::Never, .. });
            self.roles[*unit] == Role::Plain && can
        };
        let free: Vec<usize> = units.iter().copied().filter(is_free).collect();
        let n_cells = free.iter().map(|unit| self.size(*unit)).fold(1, u64::saturating_mul);
        let largest = units.iter().copied().max_by_key(|unit| self.size(*unit)).expect("keys are not empty");
        if free.len() < 2 || n_cells <= self.size(largest) {
            // It keeps what it did as well: what is never the same twice tells the rows of a lead apart.
            self.make_unique(key, units, largest);
            return;
        }
        let mut divisor: u64 = 1;
        for unit in free {
            let n = self.size(unit);
            self.roles[unit] = Role::Digit { n_cells, divisor, n };
            divisor = divisor.saturating_mul(n);
        }
        self.caps.push((key, self.left(units, n_cells)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edge(parent: u16, n_parents: u64) -> Unit {
        Unit::Edge { parent, n_parents, leads: Leads::Can }
    }

    fn key(units: &[usize]) -> BTreeSet<usize> {
        units.iter().copied().collect()
    }

    fn check(units: &[Unit], keys: &[&[usize]], n_wanted: u64, expected: (&[Role], u64)) {
        let keys: Vec<_> = keys.iter().map(|units| key(units)).collect();
        let arrangement = arrange(units, &keys, n_wanted, 0);
        assert_eq!((&*arrangement.roles, arrangement.n_rows), expected);
    }

    #[test]
    fn rows_made_before_have_the_first_values_of_columns() {
        let left = |units: &[Unit], n_before: u64| {
            let all = (0..units.len()).collect();
            arrange(units, &[all], 100, n_before).n_rows
        };
        assert_eq!(left(&[Unit::Finite(36)], 10), 26);
        assert_eq!(left(&[Unit::Finite(6), Unit::Finite(5)], 10), 20);
        assert_eq!(left(&[Unit::Finite(6)], 10), 1);
        assert_eq!(left(&[Unit::Finite(1_000)], 950), 50);
        assert_eq!(left(&[edge(0, 5)], 3), 5);
    }

    #[test]
    fn known_shapes() {
        use Role::{Distinct, Lead, Ordinal, Plain, Unique};
        let position = Unit::Large { is_position: true };
        let free = Unit::Large { is_position: false };
        // A primary key, and a column that is in none.
        check(&[free, free], &[&[0]], 9, (&[Unique, Plain], 9));
        // One to one.
        check(&[edge(0, 5)], &[&[0]], 9, (&[Unique], 5));
        // Follows: other users for each user, not oneself.
        check(
            &[edge(0, 5), edge(0, 5)],
            &[&[0, 1]],
            99,
            (&[Lead { max_degree: 4 }, Distinct { lead: 0 }], 20),
        );
        let asked = Unit::Edge { parent: 1, n_parents: 3, leads: Leads::Should };
        check(&[edge(0, 5), asked], &[&[0, 1]], 9, (&[Distinct { lead: 1 }, Lead { max_degree: 5 }], 9));
        // Positions of a list.
        check(
            &[edge(0, 5), position],
            &[&[0, 1]],
            99,
            (&[Lead { max_degree: u64::MAX }, Ordinal { lead: 0 }], 99),
        );
        check(&[edge(0, 5), free], &[&[0, 1]], 99, (&[Plain, Unique], 99));
        // A locale for each of two parents' rows.
        let digit = Role::OrdinalDigit { lead: 0, divisor: 1, n: 3 };
        check(&[edge(0, 5), Unit::Finite(3)], &[&[0, 1]], 12, (&[Lead { max_degree: 3 }, digit], 12));
        // No lead holds them, cells do.
        let cell = |divisor, n| Role::Digit { n_cells: 1000, divisor, n };
        let edges = [edge(0, 10), edge(1, 10), edge(2, 10)];
        check(&edges, &[&[0, 1, 2]], 500, (&[cell(1, 10), cell(10, 10), cell(100, 10)], 500));
        // What overlaps.
        check(&[Unit::Finite(4), Unit::Finite(7)], &[&[0], &[0, 1]], 99, (&[Unique, Plain], 4));
    }

    /// The values of a row: what draws and picks make of the roles.
    fn row(units: &[Unit], arrangement: &Arrangement, row: u64) -> Vec<u64> {
        let laid = |lead: usize| {
            let Unit::Edge { n_parents, .. } = units[lead] else { panic!("only edges lead") };
            (row % n_parents, row / n_parents)
        };
        let value = |(unit, role): (usize, &Role)| match role {
            Role::Plain => 0,
            Role::Unique => row,
            Role::Lead { max_degree } => {
                let (parent, ordinal) = laid(unit);
                assert!(ordinal < *max_degree, "a parent has too many rows");
                parent
            }
            Role::Ordinal { lead } | Role::Distinct { lead } => laid(*lead).1,
            Role::OrdinalDigit { lead, divisor, n } => laid(*lead).1 / divisor % n,
            Role::Digit { n_cells, divisor, n } => {
                assert!(row < *n_cells);
                row / divisor % n
            }
        };
        arrangement.roles.iter().enumerate().map(value).collect()
    }

    fn unit() -> impl Strategy<Value = Unit> {
        prop_oneof![
            (0u16..3, 1u64..12, prop::sample::select(&[Leads::Never, Leads::Can, Leads::Should][..]))
                .prop_map(|(parent, n_parents, leads)| Unit::Edge { parent, n_parents, leads }),
            any::<bool>().prop_map(|is_position| Unit::Large { is_position }),
            (1u64..6).prop_map(Unit::Finite),
        ]
    }

    proptest! {
        #[test]
        fn every_key_is_kept(
            units in prop::collection::vec(unit(), 1..6),
            masks in prop::collection::vec(1u8..64, 0..5),
            n_wanted in 1u64..200,
        ) {
            let of = |mask: &u8| (0..units.len()).filter(|unit| mask >> unit & 1 == 1).collect::<BTreeSet<_>>();
            let keys: Vec<_> = masks.iter().map(of).filter(|units| !units.is_empty()).collect();
            let arrangement = arrange(&units, &keys, n_wanted, 0);
            prop_assert!(arrangement.n_rows > 0 && arrangement.n_rows <= n_wanted);
            prop_assert_eq!(arrangement.limiting.is_empty(), arrangement.n_rows == n_wanted);
            let rows: Vec<_> = (0..arrangement.n_rows).map(|at| row(&units, &arrangement, at)).collect();
            for (unit, role) in arrangement.roles.iter().enumerate() {
                let limit = match units[unit] {
                    Unit::Edge { n_parents, .. } => n_parents,
                    Unit::Finite(n) => n,
                    Unit::Large { .. } => u64::MAX,
                };
                prop_assert!(rows.iter().all(|row| row[unit] < limit), "{:?} has no such value", role);
            }
            for key in &keys {
                let seen: BTreeSet<Vec<u64>> =
                    rows.iter().map(|row| key.iter().map(|unit| row[*unit]).collect()).collect();
                prop_assert_eq!(seen.len(), rows.len(), "key {:?} of {:?}", key, arrangement.roles);
            }
        }
    }
}
