//! A foreign key whose rows no index finds when a row of the parent is deleted or gets another key.
//!
//! Why it matters: each such row reads the whole referencing table, under locks. Example: `orders.user_id` without an index
//! while users are deleted. Remedy: an index on the key's columns. Wrong when: parents are never deleted and nothing joins
//! from the parent; then the index costs writes for nothing.
//!
//! Condition: no index serves ([`super::serving`], where each case was observed). Medium from [`LARGE_BYTES`] of referencing
//! table on (the gate of `pgx_scripts`), high where the deletes that were counted would have read [`MANY_PAGES`]; below that it
//! is a note without a fix.

use super::serving::is_served;
use super::{Change, Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Constraint, Table};
use crate::index::{BLOCK_BYTES, Definition, Key, Measures, estimate_tree};
use crate::unit;

pub(super) const RULE: &str = "unindexed-foreign-key";

const LARGE_BYTES: u64 = 9 << 20;
/// 8 GB of 8 kB pages: what a disk reads in a minute or so.
const MANY_PAGES: u64 = 1_000_000;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        let mut unserved: Vec<&Constraint> = table
            .constraints
            .iter()
            .filter(|it| {
                it.references.as_ref().is_some_and(|reference| {
                    // No index could serve what the check casts: that is another finding.
                    reference.families.iter().any(|families| !families.is_empty())
                        && !is_served(context, table, it, reference, &|_| true)
                })
            })
            .collect();
        // An index for more columns serves keys of its first one as well.
        unserved.sort_by_key(|it| std::cmp::Reverse(it.columns.len()));
        let mut proposed: Vec<&Constraint> = Vec::new();
        for foreign_key in unserved {
            let first = |other: &&&Constraint| {
                indexed_columns(other).first().is_some_and(|first| foreign_key.columns.contains(first))
            };
            let same = proposed.iter().find(first).copied();
            found.extend(observation(context, table, foreign_key, same));
            if same.is_none() {
                proposed.push(foreign_key);
            }
        }
    }
    found
}

/// The columns that an index can find rows by: the first ones of it must be such.
fn indexed_columns(foreign_key: &Constraint) -> Vec<&String> {
    let families = foreign_key.references.iter().flat_map(|reference| &reference.families);
    let columns = foreign_key.columns.iter().zip(families);
    columns.filter(|(_, families)| !families.is_empty()).map(|(column, _)| column).collect()
}

fn observation(
    context: &Context,
    table: &Table,
    foreign_key: &Constraint,
    same: Option<&Constraint>,
) -> Option<Observation> {
    let reference = foreign_key.references.as_ref()?;
    let parent = context.table(reference.table);
    let n_pages = context.n_pages(table);
    let n_deleted = parent.and_then(|it| it.activity).map_or(0, |activity| activity.n_deleted);
    let severity = if n_pages * BLOCK_BYTES < LARGE_BYTES {
        Severity::Low
    } else if n_deleted.saturating_mul(n_pages) >= MANY_PAGES {
        Severity::High
    } else {
        Severity::Medium
    };
    let of_parent = parent.map_or("the parent", |it| it.name.as_str());
    let columns = foreign_key.columns.join(", ");
    let deletes = match n_deleted {
        0 => String::new(),
        n => format!("; {} rows of {of_parent} were deleted so far", unit::count(n)),
    };
    let message = format!(
        "no index finds the rows of {} ({columns}) by {}: each deleted row of {of_parent} reads all {} of it{deletes}",
        table.name,
        foreign_key.name,
        unit::bytes(n_pages * BLOCK_BYTES)
    );
    let keys = indexed_columns(foreign_key).into_iter().map(|column| Key::ascending(column)).collect();
    let definition = Definition::btree(&table.schema, &table.name, keys);
    let (fix, remedy) = match (severity, same) {
        (_, Some(other)) => (None, format!("The index for {} serves this one too.", other.name)),
        (Severity::Low, None) => {
            (None, format!("Leave it while the table is that small, else index {}.", definition.describe()))
        }
        (_, None) => {
            let leaves = context.leaves(table);
            let size_bytes = estimate_tree(&definition, &leaves, &Measures::default()).bytes();
            let remedy = format!(
                "Index {columns}, which joins from {of_parent} use as well; spare it if rows of {of_parent} are never \
                 deleted and their keys never change."
            );
            (Some(Fix::Change(Change::Create { definition, size_bytes, replaces: Vec::new() })), remedy)
        }
    };
    Some(Observation::of(Finding {
        severity,
        message,
        remedy,
        fix,
        ..Finding::of_table(RULE, table, foreign_key.columns.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, index, partition, table};
    use super::*;
    use crate::catalog::{Activity, Index};

    /// A child with this index, whose foreign key of two columns refers to a parent.
    fn served_by(index: Index, types: &[&str], parent_types: &[&str]) -> bool {
        let mut child = table("child", types, vec![index]);
        child.constraints.push(foreign_key("child_fk", &["a", "b"], 1, &["p", "q"]));
        let fixture = Fixture::new(vec![table("parent", parent_types, vec![]), child]);
        fixture.check(check).is_empty()
    }

    /// F1 to F9 of the research, observed by deleting parents.
    #[test]
    fn knows_which_indexes_serve() {
        let (ints, parent) = (["a int4!", "b int4!", "x int4"], ["p int4!", "q int4!"]);
        let ints = |index: Index| served_by(index, &ints, &parent);
        assert!(ints(index("i", &["a", "b"])));
        assert!(ints(index("permuted", &["b", "a"])));
        assert!(ints(index("first column", &["a", "x", "b"])));
        assert!(ints(index("one column", &["a"])));
        assert!(!ints(index("not first", &["x", "a", "b"])));
        let partial = |sql: &str| Index { predicate: Some(sql.into()), ..index("partial", &["a", "b"]) };
        assert!(ints(partial("(a IS NOT NULL)")));
        assert!(ints(partial("((a IS NOT NULL) AND (b IS NOT NULL))")));
        assert!(!ints(partial("(x IS NOT NULL)")));
        assert!(!ints(partial("(a > 0)")));
        assert!(ints(Index { method: "hash".into(), ..index("hash", &["a"]) }));
        assert!(ints(Index { method: "gin".into(), ..index("gin", &["x", "a"]) }));
        assert!(!ints(Index { method: "brin".into(), ..index("brin", &["a", "b"]) }));
        assert!(!ints(Index { include: vec!["a".into(), "b".into()], ..index("include", &["x"]) }));
        assert!(!ints(index("expression", &["abs(a)"])));
        assert!(!ints(Index { is_valid: false, ..index("invalid", &["a", "b"]) }));
        assert!(!ints(Index { is_ready: false, ..index("not ready", &["a", "b"]) }));
    }

    #[test]
    fn knows_which_types_serve() {
        let keys = || index("i", &["a", "b"]);
        assert!(served_by(keys(), &["a int4!", "b int4!"], &["p int8!", "q int8!"]));
        assert!(served_by(keys(), &["a varchar!", "b varchar!"], &["p text!", "q text!"]));
        // Both columns are cast: another rule says so.
        assert!(served_by(keys(), &["a int4!", "b int4!"], &["p numeric!", "q numeric!"]));
        let texts =
            |key: &str| served_by(index("i", &[key]), &["a text!", "b text!"], &["p text!", "q text!"]);
        assert!(texts("a text_pattern_ops"));
        assert!(!texts("a collate C"));
        // Only the second column can be looked up.
        let mixed =
            |key: &str| served_by(index("i", &[key]), &["a int4!", "b int4!"], &["p numeric!", "q int4!"]);
        assert!(mixed("b") && !mixed("a"));
    }

    fn grown(n_pages: u32, n_deleted: u64) -> Fixture {
        let mut child = table("child", &["id int8!", "parent_id int8"], vec![]);
        child.constraints.push(foreign_key("child_parent_fk", &["parent_id"], 1, &["id"]));
        child.n_pages = n_pages;
        let mut parent = table("parent", &["id int8!"], vec![]);
        parent.activity = Some(Activity { n_deleted, ..Activity::default() });
        Fixture::new(vec![parent, child])
    }

    #[test]
    fn weighs_sizes_and_deletes() {
        for (n_pages, n_deleted, expected, is_fixed) in [
            (100, 1_000_000, Severity::Low, false),
            (20_000, 0, Severity::Medium, true),
            (20_000, 49, Severity::Medium, true),
            (20_000, 50, Severity::High, true),
        ] {
            let found = grown(n_pages, n_deleted).check(check);
            assert_eq!(found[0].finding.severity, expected, "{n_pages} {n_deleted}");
            assert_eq!(found[0].finding.fix.is_some(), is_fixed);
        }
        let found = grown(20_000, 50).check(check);
        assert_eq!(
            found[0].finding.message,
            "no index finds the rows of child (parent_id) by child_parent_fk: each deleted row of parent reads all \
             156 MB of it; 50 rows of parent were deleted so far"
        );
    }

    #[test]
    fn proposes_one_index_for_keys_that_share_it() {
        let mut child = table("child", &["a int8", "b int8"], vec![]);
        child.constraints.push(foreign_key("narrow", &["a"], 1, &["p"]));
        child.constraints.push(foreign_key("wide", &["a", "b"], 1, &["p", "q"]));
        let found = Fixture::new(vec![table("parent", &["p int8!", "q int8!"], vec![]), child]).check(check);
        let fixed: Vec<bool> = found.iter().map(|it| it.finding.fix.is_some()).collect();
        assert_eq!(fixed, [true, false]);
        assert_eq!(found[1].finding.remedy, "The index for wide serves this one too.");
    }

    #[test]
    fn partitions_serve_together() {
        let children = ["child_1", "child_2"];
        let columns = ["parent_id int8"];
        let mut whole = table("child", &columns, vec![]);
        whole.constraints.push(foreign_key("child_fk", &["parent_id"], 1, &["id"]));
        let mut tables = vec![table("parent", &["id int8!"], vec![]), whole];
        tables.extend(children.map(|name| table(name, &columns, vec![index(name, &["parent_id"])])));
        let mut fixture = Fixture::new(tables);
        for child in children {
            partition(&mut fixture.catalog, "child", child);
        }
        assert!(fixture.check(check).is_empty());
        fixture.index_mut("child_2").is_valid = false;
        let found = fixture.check(check);
        let Some(Fix::Change(Change::Create { size_bytes, definition, .. })) = &found[0].finding.fix else {
            panic!("{found:?}");
        };
        assert_eq!(definition.describe(), "child (parent_id)");
        assert!(*size_bytes > 10 << 20);
    }
}
