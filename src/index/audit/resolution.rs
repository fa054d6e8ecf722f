//! Takes fixes back that contradict one another, so that all that remain can be applied together.

use std::collections::BTreeSet;

use super::{Change, Context, Finding, Fix, Observation, Seen};

/// Returns the findings, in their order, each with its fix where no earlier fix stands against it.
///
/// An index is changed once at the most. What a fix relies on stays, and what goes is relied on by none. Indexes of
/// partitions go with the index that they are attached to, so that relying on one is relying on that one.
pub(super) fn resolved(observations: Vec<Observation>, context: &Context) -> Vec<Finding> {
    let root = |oid: &u32| {
        let mut oid = *oid;
        while let Some(parent) = context.index(oid).and_then(|(_, index)| index.parent) {
            oid = parent;
        }
        oid
    };
    let name = |oid: u32| context.index(oid).map_or_else(String::new, |(_, index)| index.name.clone());
    let mut changed: BTreeSet<u32> = BTreeSet::new();
    let mut relied_on: BTreeSet<u32> = BTreeSet::new();
    let mut findings: Vec<Finding> = Vec::with_capacity(observations.len());
    for Observation { mut finding, relies_on, changes } in observations {
        if finding.fix.is_none() {
            findings.push(finding);
            continue;
        }
        let own = relies_on;
        let relies_on: Vec<u32> = own.iter().flat_map(|oid| [*oid, root(oid)]).collect();
        let objection = if let Some(gone) = relies_on.iter().find(|oid| changed.contains(oid)) {
            Some(format!("it stays for now, because {} is changed", name(*gone)))
        } else if changes.iter().any(|oid| relied_on.contains(oid)) {
            Some("it stays for now, because the change of another index relies on it".to_owned())
        } else if changes.iter().any(|oid| changed.contains(oid)) {
            Some("another finding changes it already".to_owned())
        } else {
            None
        };
        if let Some(objection) = objection {
            take_back(&mut finding, &objection, "Audit again once the other findings are put right.");
        } else {
            if let Some(Fix::Change(Change::Drop { covered_by, .. })) = &mut finding.fix {
                // Who applies it later can see whether they are still there.
                let covers = own.iter().filter_map(|oid| context.index(*oid));
                covered_by.extend(covers.map(|(table, index)| Seen::of(table, index)));
            }
            changed.extend(changes);
            relied_on.extend(relies_on);
            if let Some(other) = merge(&finding, &mut findings) {
                let objection = format!("the fix of {other} builds the index that puts this right, too");
                take_back(
                    &mut finding,
                    &objection,
                    "Put the other finding right: it needs no more than that.",
                );
            }
        }
        findings.push(finding);
    }
    findings
}

fn take_back(finding: &mut Finding, objection: &str, remedy: &str) {
    finding.message = format!("{}; {objection}", finding.message);
    remedy.clone_into(&mut finding.remedy);
    finding.fix = None;
    finding.frees_bytes = 0;
}

/// Lets an earlier fix that builds the same index replace what this one replaces. Returns which finding that is; `None` where
/// there is no such fix.
fn merge(finding: &Finding, earlier: &mut [Finding]) -> Option<String> {
    let Some(Fix::Change(Change::Create { definition, size_bytes, replaces })) = &finding.fix else {
        return None;
    };
    earlier.iter_mut().find_map(|other| {
        let Some(Fix::Change(Change::Create { definition: known, replaces: goes, .. })) = &mut other.fix
        else {
            return None;
        };
        let is_same = (&known.schema, &known.table) == (&definition.schema, &definition.table)
            && (&known.options, &known.tablespace) == (&definition.options, &definition.tablespace)
            && known.is_within(definition)
            && definition.is_within(known);
        if !is_same {
            return None;
        }
        // Both have paid for the new index out of what they free.
        let is_paid_twice = !goes.is_empty() && !replaces.is_empty();
        other.frees_bytes += finding.frees_bytes + if is_paid_twice { *size_bytes } else { 0 };
        goes.extend(replaces.iter().cloned());
        let of = other.index.as_ref().unwrap_or(&other.table);
        Some(format!("{} of {of}", other.rule))
    })
}

#[cfg(test)]
mod tests {
    use super::super::cover::tests::any_table;
    use super::super::cover::{Cover, cover, protection};
    use super::super::fixture::{Fixture, foreign_key, index, table};
    use super::super::serving::serves;
    use super::super::{Options, Severity};
    use super::*;
    use crate::catalog::{Index, Table};
    use crate::index::{Definition, Key};
    use proptest::prelude::*;

    fn drop(table: &Table, index: &Index, relies_on: &[u32]) -> Observation {
        let drop = Change::Drop { index: Seen::of(table, index), size_bytes: 1, covered_by: Vec::new() };
        Observation {
            finding: Finding {
                message: format!("{} is no use", index.name),
                fix: Some(Fix::Change(drop)),
                ..Finding::of_index("test", table, index)
            },
            relies_on: relies_on.to_vec(),
            changes: vec![index.oid],
        }
    }

    /// Checks which of these drops, each with what it relies on, keep their fix.
    fn check(drops: &[(usize, &[u32])], expected: &[&str]) {
        let indexes = vec![index("x", &["a"]), index("y", &["a"]), index("z", &["a"])];
        let fixture = Fixture::new(vec![table("t", &["a int4"], indexes)]);
        let (subject, options) = (fixture.subject(), Options::default());
        let table = &fixture.catalog.tables[0];
        let observations = drops.iter().map(|(at, relies_on)| drop(table, &table.indexes[*at], relies_on));
        let found = resolved(observations.collect(), &Context::new(&subject, &options));
        let messages: Vec<&str> = found.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages, expected);
        for finding in found {
            assert_eq!(finding.fix.is_none(), finding.message.contains(';'));
        }
    }

    /// The indexes have the numbers 101, 102 and 103.
    #[test]
    fn takes_fixes_back() {
        check(&[(0, &[103]), (1, &[103])], &["x is no use", "y is no use"]);
        check(
            &[(0, &[102]), (1, &[101])],
            &["x is no use", "y is no use; it stays for now, because x is changed"],
        );
        check(
            &[(0, &[102]), (1, &[103])],
            &[
                "x is no use",
                "y is no use; it stays for now, because the change of another index relies on it",
            ],
        );
        check(&[(0, &[]), (0, &[])], &["x is no use", "x is no use; another finding changes it already"]);
    }

    /// Two findings that ask for the same index get it once, and both of their indexes go for it.
    #[test]
    fn the_same_index_is_built_once() {
        let indexes = vec![index("x", &["a", "b"]), index("y", &["a"]), index("z", &["b"])];
        let fixture = Fixture::new(vec![table("t", &["a int4", "b int4"], indexes)]);
        let (subject, options) = (fixture.subject(), Options::default());
        let table = &fixture.catalog.tables[0];
        let create = |at: Option<usize>, keys: &[&str], frees_bytes: u64| {
            let keys = keys.iter().map(|key| Key::ascending(key)).collect();
            let definition = Definition::btree("public", "t", keys);
            let index = &table.indexes[at.unwrap_or_default()];
            let replaces = at.map(|_| Seen::of(table, index)).into_iter().collect();
            let fix = Some(Fix::Change(Change::Create { definition, size_bytes: 10, replaces }));
            let message = "it is no good".to_owned();
            Observation {
                finding: Finding { message, fix, frees_bytes, ..Finding::of_index("test", table, index) },
                relies_on: Vec::new(),
                changes: at.map(|_| index.oid).into_iter().collect(),
            }
        };
        let resolve = |observations: Vec<Observation>| {
            let found = resolved(observations, &Context::new(&subject, &options));
            let fixes = found.iter().map(|it| match &it.fix {
                Some(Fix::Change(Change::Create { replaces, .. })) => {
                    let names: Vec<&str> = replaces.iter().map(|seen| seen.index.name.as_str()).collect();
                    format!("{} for {} frees {}", it.index.as_ref().unwrap(), names.join(" "), it.frees_bytes)
                }
                _ => it.message.clone(),
            });
            fixes.collect::<Vec<_>>()
        };
        let told = "it is no good; the fix of test of x builds the index that puts this right, too";
        let same = resolve(vec![create(Some(0), &["b", "a"], 20), create(Some(1), &["b", "a"], 30)]);
        assert_eq!(same, ["x for x y frees 60", told]);
        let mut elsewhere = create(Some(1), &["b", "a"], 30);
        if let Some(Fix::Change(Change::Create { definition, .. })) = &mut elsewhere.finding.fix {
            definition.tablespace = Some("fast".to_owned());
        }
        let placed = resolve(vec![create(Some(0), &["b", "a"], 20), elsewhere]);
        assert_eq!(placed, ["x for x frees 20", "y for y frees 30"]);
        let beside = resolve(vec![create(None, &["b", "a"], 0), create(Some(1), &["b", "a"], 30)]);
        assert_eq!(beside, ["x for y frees 30", told]);
        let other = resolve(vec![create(Some(0), &["b", "a"], 20), create(Some(1), &["b"], 30)]);
        assert_eq!(other, ["x for x frees 20", "y for y frees 30"]);
        // What goes for the one is changed once, as ever.
        let twice = resolve(vec![create(Some(0), &["b", "a"], 20), create(Some(0), &["b", "a"], 20)]);
        assert_eq!(twice, ["x for x frees 20", "it is no good; another finding changes it already"]);
    }

    #[test]
    fn a_drop_says_what_it_relies_on() {
        let indexes = vec![index("narrow", &["a"]), index("wide", &["a", "b"])];
        let fixture = Fixture::new(vec![table("t", &["a int4", "b int4"], indexes)]);
        let drops: Vec<_> = fixture.findings().into_iter().filter_map(|it| it.fix).collect();
        let [Fix::Change(Change::Drop { index, covered_by, .. })] = &drops[..] else { panic!("{drops:?}") };
        let table = &fixture.catalog.tables[0];
        assert_eq!(*index, Seen::of(table, &table.indexes[0]));
        assert_eq!(covered_by[..], [Seen::of(table, &table.indexes[1])]);
    }

    #[test]
    fn the_gravest_and_largest_come_first() {
        let sized =
            |name: &str, column: &str, size_bytes: u64| Index { size_bytes, ..index(name, &[column]) };
        let indexes = vec![
            sized("a1", "a", 20 << 20),
            sized("a2", "a", 20 << 20),
            sized("b1", "b", 40 << 20),
            sized("b2", "b", 40 << 20),
            Index { is_valid: false, ..index("c", &["a", "b"]) },
        ];
        let mut fixture = Fixture::new(vec![table("t", &["a int4", "b int4"], indexes)]);
        let names = |fixture: &Fixture| {
            fixture
                .findings()
                .into_iter()
                .map(|it| (it.severity, it.index.unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        let expected = [
            (Severity::High, "c"),
            (Severity::Medium, "b2"),
            (Severity::Medium, "a2"),
            (Severity::Medium, ""),
        ];
        assert_eq!(names(&fixture), expected.map(|(severity, name)| (severity, name.to_owned())));
        fixture.options.min_size_bytes = 30 << 20;
        fixture.options.ignored = vec!["missing-primary-key".parse().unwrap()];
        let left = [(Severity::High, "c"), (Severity::Medium, "b2")];
        assert_eq!(names(&fixture), left.map(|(severity, name)| (severity, name.to_owned())));
    }

    proptest! {
        #[test]
        fn what_stays_does_all_that_went(own in any_table(), clustered in 0_usize..8, referenced in 0_usize..8, old in any::<bool>()) {
            let mut own = own;
            own.constraints.push(foreign_key("t_a_fk", &["a"], 1, &["id"]));
            own.constraints.push(foreign_key("t_b_fk", &["b", "u"], 1, &["id", "x"]));
            for (number, index) in own.indexes.iter_mut().enumerate() {
                index.is_clustered = number == clustered;
                if number == referenced && index.is_unique {
                    index.referencing = vec!["child_fk".into()];
                }
            }
            let mut fixture = Fixture::new(vec![table("parent", &["id int4!", "x int4!"], vec![]), own]);
            if !old {
                fixture.evidence.counted_s = None;
            }
            let table = &fixture.catalog.tables[1];
            let findings = fixture.findings();
            let dropped = |rule: &str| -> Vec<&Index> {
                findings.iter().filter(|it| rule.is_empty() || it.rule == rule).filter_map(|it| match &it.fix {
                    Some(Fix::Change(Change::Drop { index, .. })) => {
                        table.indexes.iter().find(|it| it.name == index.index.name)
                    }
                    _ => None,
                }).collect()
            };
            let gone = dropped("");
            let mut names: Vec<&String> = gone.iter().map(|it| &it.name).collect();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), gone.len(), "dropped once at the most");
            let staying: Vec<&Index> =
                table.indexes.iter().filter(|it| !gone.iter().any(|gone| gone.oid == it.oid)).collect();
            for index in &gone {
                prop_assert_eq!(protection(index), None);
                if index.is_unique {
                    prop_assert!(staying.iter().any(|it| cover(table, index, it).is_some()));
                }
            }
            for rule in ["duplicate-index", "redundant-index"] {
                for index in dropped(rule) {
                    let is_covered = staying.iter().any(|it| {
                        matches!(cover(table, index, it), Some(Cover::Identical | Cover::Covered(_)))
                    });
                    prop_assert!(is_covered, "{} by {findings:#?}", index.definition);
                }
            }
            for key in &table.constraints {
                let Some(reference) = &key.references else { continue };
                let is_served = |indexes: &[&Index]| indexes.iter().any(|it| serves(it, key, reference));
                let all: Vec<&Index> = table.indexes.iter().collect();
                prop_assert!(!is_served(&all) || is_served(&staying), "{}", key.name);
            }
        }
    }
}
