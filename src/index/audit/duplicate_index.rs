//! An index has the same entries in the same order as another one of its table.
//!
//! Why it matters: every write maintains both, every vacuum reads both, and the planner uses one. Example: a plain index on
//! the columns of a primary key. Remedy: drop the one that nothing else needs. Wrong when: the two differ in storage on
//! purpose (another tablespace or fillfactor while one replaces the other).
//!
//! Condition: [`Cover::Identical`]; there is no threshold. The one that stays is, in this order, the primary key, of a
//! constraint, the replica identity, relied on by a foreign key, named in ON CONFLICT by the workload, the one to cluster on,
//! unique, scanned most, smaller, older. Of two equal indexes the planner takes the newer one, so that the other looks unused: both may never go.

use super::cover::{Cover, cover, protection, rank};
use super::{Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Index, Table, TableKind};
use crate::query::quote;
use crate::unit;

pub(super) const RULE: &str = "duplicate-index";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        for (index, stays) in duplicates(context, table) {
            found.push(observation(context, table, index, stays));
        }
    }
    found
}

/// Returns the indexes that are the same as one that stays, with that one.
pub(super) fn duplicates<'a>(context: &Context, table: &'a Table) -> Vec<(&'a Index, &'a Index)> {
    let mut indexes: Vec<&Index> = table.indexes.iter().filter(|index| context.is_usable(index)).collect();
    indexes.sort_by_cached_key(|it| {
        let n_scans = context.n_scans(it).unwrap_or_default();
        std::cmp::Reverse(rank(table, it, is_arbiter(context, table, it), n_scans))
    });
    let mut staying: Vec<&Index> = Vec::new();
    let mut found = Vec::new();
    for index in indexes {
        let same = staying.iter().find(|it| cover(table, index, it) == Some(Cover::Identical));
        match same {
            // Partitioned indexes are judged, not what is attached to them.
            Some(stays) if index.parent.is_none() && index.extension.is_none() => found.push((index, *stays)),
            _ => staying.push(index),
        }
    }
    found
}

fn observation(context: &Context, table: &Table, index: &Index, stays: &Index) -> Observation {
    let bytes = context.size_bytes(index);
    let (fix, remedy) = match protection(index) {
        None => (
            Some(Fix::Change(context.drop(table, index))),
            "Drop it; no statement can tell the difference.".to_owned(),
        ),
        Some(_) if is_arbiter(context, table, index) => (
            None,
            "It cannot go as it is, because statements of the workload name its constraint in ON CONFLICT ON CONSTRAINT. \
             Let them name the columns instead, then drop one of the two."
                .to_owned(),
        ),
        Some(_) if is_free_constraint(table, index) => (
            drop_constraint(context, table, index),
            "Drop its constraint: no foreign key relies on it, and the other one forbids the same."
                .to_owned(),
        ),
        Some(reason) => (
            None,
            format!("It cannot go as it is, because {reason}. Change that first, then drop one of the two."),
        ),
    };
    let is_fixed = fix.is_some();
    Observation {
        finding: Finding {
            severity: if is_fixed { Severity::of_waste(bytes) } else { Severity::Low },
            message: format!("{} ({}) is the same as {}", index.name, unit::bytes(bytes), stays.name),
            remedy,
            fix,
            frees_bytes: if is_fixed { bytes } else { 0 },
            ..Finding::of_index(RULE, table, index)
        },
        relies_on: vec![stays.oid],
        changes: vec![index.oid],
    }
}

/// Whether statements of the workload name the constraint of the index: of two equal ones they need this one.
fn is_arbiter(context: &Context, table: &Table, index: &Index) -> bool {
    let constraint = table.constraints.iter().find(|own| own.index == Some(index.oid) && own.kind != 'f');
    let is_named =
        |name: &String| context.writes(table).any(|(_, write)| write.arbiter.as_ref() == Some(name));
    index.is_constraint && constraint.is_some_and(|constraint| is_named(&constraint.name))
}

/// Whether the index belongs to a UNIQUE constraint that nothing else needs.
fn is_free_constraint(table: &Table, index: &Index) -> bool {
    let is_unique_constraint =
        table.constraints.iter().any(|own| own.kind == 'u' && own.index == Some(index.oid));
    is_unique_constraint && protection(&Index { is_constraint: false, ..index.clone() }).is_none()
}

/// Of a partitioned table the way back would block writers: a person should plan that.
fn drop_constraint(context: &Context, table: &Table, index: &Index) -> Option<Fix> {
    let constraint = table.constraints.iter().find(|own| own.index == Some(index.oid))?;
    if table.kind == TableKind::Partitioned {
        return None;
    }
    let qualified = quote::qualified(&table.schema, &table.name);
    let name = quote::identifier(&constraint.name);
    Some(Fix::Statements {
        sql: vec![format!("ALTER TABLE {qualified} DROP CONSTRAINT {name}")],
        undo_sql: context.restoration(table, index),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Change;
    use super::super::fixture::{Fixture, index, never_scanned, owned, table};
    use super::*;
    use crate::catalog::IndexUsage;

    fn fixture(indexes: Vec<Index>) -> Fixture {
        Fixture::new(vec![table("t", &["id int8!", "a int4"], indexes)])
    }

    fn check_dropped(indexes: Vec<Index>, expected: &[&str]) {
        let found = fixture(indexes).check(check);
        let dropped = found.iter().filter_map(|it| match &it.finding.fix {
            Some(Fix::Change(Change::Drop { index, .. })) => Some(index.index.name.as_str()),
            _ => None,
        });
        assert_eq!(dropped.collect::<Vec<_>>(), expected, "{found:?}");
    }

    /// Checks 1 and 5: copies of a key are found though their definitions differ.
    #[test]
    fn drops_the_copy() {
        check_dropped(vec![owned(index("t_pkey", &["id"])), index("copy", &["id"])], &["copy"]);
        let unique = Index { is_unique: true, ..index("copy", &["id"]) };
        check_dropped(vec![unique, owned(index("t_pkey", &["id"]))], &["copy"]);
        check_dropped(vec![index("x", &["a"]), index("y", &["-a"]), index("z", &["a", "id"])], &["y"]);
        let found = fixture(vec![index("x", &["a"]), index("y", &["a"])]).messages(check);
        assert_eq!(found, ["y (30 MB) is the same as x"]);
    }

    /// Trap 17: the planner takes the newer of two equal indexes, so that the other looks unused.
    #[test]
    fn keeps_the_one_that_is_scanned() {
        check_dropped(vec![never_scanned(index("older", &["a"])), index("newer", &["a"])], &["older"]);
        let scanned = |name: &str, n_scans: u64| Index {
            usage: Some(IndexUsage { n_scans, ..IndexUsage::default() }),
            ..index(name, &["a"])
        };
        check_dropped(vec![scanned("x", 5), scanned("y", 7), scanned("z", 6)], &["z", "x"]);
    }

    /// Check 5: a foreign key may rely on one of two equal constraints.
    #[test]
    fn drops_the_constraint_that_no_foreign_key_needs() {
        let referenced = Index { referencing: vec!["child_fk".into()], ..owned(index("t_x_key", &["a"])) };
        let found = fixture(vec![owned(index("t_a_key", &["a"])), referenced.clone()]).check(check);
        let sql = vec!["ALTER TABLE public.t DROP CONSTRAINT t_a_key".to_owned()];
        let undo_sql = vec![
            "CREATE UNIQUE INDEX CONCURRENTLY t_a_key ON public.t USING btree (a)".to_owned(),
            "ALTER TABLE public.t ADD CONSTRAINT t_a_key UNIQUE USING INDEX t_a_key".to_owned(),
        ];
        assert_eq!(found[0].finding.fix, Some(Fix::Statements { sql, undo_sql }));
        let other = Index { name: "t_y_key".into(), ..referenced.clone() };
        let found = fixture(vec![referenced, other]).check(check);
        assert_eq!(found[0].finding.fix, None);
        assert_eq!(found[0].finding.severity, Severity::Low);
    }

    /// `ON CONFLICT ON CONSTRAINT` finds its arbiter by name alone.
    #[test]
    fn keeps_the_constraint_that_statements_name() {
        let dropped = |statements: &[&str]| {
            let keys = || vec![owned(index("t_a_key", &["a"])), owned(index("t_a_again", &["a"]))];
            let found = fixture(keys()).asking(statements).check(check).remove(0).finding;
            (found.index.unwrap(), found.fix.is_some())
        };
        let naming =
            |name: &str| format!("INSERT INTO t (a) VALUES ($1) ON CONFLICT ON CONSTRAINT {name} DO NOTHING");
        assert!(dropped(&["INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO NOTHING"]).1);
        assert_eq!(dropped(&[&naming("t_a_key")]), ("t_a_again".to_owned(), true));
        assert_eq!(dropped(&[&naming("t_a_again")]), ("t_a_key".to_owned(), true));
        assert!(!dropped(&[&naming("t_a_key"), &naming("t_a_again")]).1);
    }

    /// R12: what is attached goes with its parent; a copy of a partition's own can go alone.
    #[test]
    fn leaves_attached_indexes_alone() {
        let attached = |name: &str, parent: u32| Index { parent: Some(parent), ..index(name, &["a"]) };
        check_dropped(vec![attached("x", 1), attached("y", 2)], &[]);
        check_dropped(vec![index("own", &["a"]), never_scanned(attached("x", 1))], &["own"]);
    }

    #[test]
    fn leaves_alone_what_is_being_built() {
        let mut fixture = fixture(vec![index("x", &["a"]), index("y", &["a"])]);
        fixture.evidence.in_progress.push(fixture.catalog.tables[0].indexes[1].oid);
        assert!(fixture.check(check).is_empty());
    }
}
