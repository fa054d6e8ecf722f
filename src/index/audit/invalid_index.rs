//! An index that no query can use, left by a build, a drop or a rebuild that did not finish.
//!
//! Why it matters: once it is ready, every write maintains it, for no scan at all; a unique one rejects rows besides. Example:
//! CREATE INDEX CONCURRENTLY that was cancelled while it waited for old snapshots. Remedy: rebuild it, which makes it
//! valid, or drop it. Wrong when: somebody builds it at this moment, which `pg_stat_progress_create_index` shows and the
//! rule leaves out.
//!
//! Condition: `indisvalid` is false; there is no threshold. `_ccnew` and `_ccold` are what REINDEX CONCURRENTLY calls the
//! index that it builds and the one that it replaces (manual, "REINDEX"): both can go when the index of the plain name
//! is there. An invalid index of a partitioned table waits for its partitions' indexes to be attached.

use super::cover::{Cover, cover};
use super::{Change, Context, Finding, Fix, Observation, Seen, Severity};
use crate::catalog::{Index, Table, TableKind};
use crate::index::change::name::{MAX_NAME_BYTES, child_name};
use crate::query::index_ddl::index_ddl;
use crate::query::quote;
use crate::unit;

pub(super) const RULE: &str = "invalid-index";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        for index in table.indexes.iter().filter(|index| !index.is_valid) {
            if context.subject.evidence.in_progress.contains(&index.oid) {
                continue;
            }
            found.push(match table.kind {
                TableKind::Partitioned => partitioned(context, table, index),
                _ => plain(context, table, index),
            });
        }
    }
    found
}

fn plain(context: &Context, table: &Table, index: &Index) -> Observation {
    let bytes = context.size_bytes(index);
    let (severity, cost) = if index.is_ready {
        (Severity::High, "each write still maintains it")
    } else {
        (Severity::Medium, "writes do not maintain it")
    };
    let rejects =
        if index.is_unique && index.is_ready { ", and it may reject rows because it is unique" } else { "" };
    let message =
        format!("{} ({}) is invalid: no query uses it, {cost}{rejects}", index.name, unit::bytes(bytes));
    let of_index = Finding { severity, ..Finding::of_index(RULE, table, index) };
    let (leftover, base) = leftover_of(table, index).unzip();
    let same = table.indexes.iter().find(|it| {
        it.oid != index.oid
            && context.is_usable(it)
            && matches!(cover(table, index, it), Some(Cover::Identical | Cover::Covered(_)))
    });
    let may_drop = !index.is_constraint && index.parent.is_none() && index.extension.is_none();
    if let Some(stays) = base.or(same).filter(|_| may_drop) {
        let remedy = match leftover {
            Some(Leftover::New) => {
                format!(
                    "Drop it and rebuild {}: an earlier REINDEX CONCURRENTLY of that did not finish.",
                    stays.name
                )
            }
            Some(Leftover::Old) => {
                format!("Drop it: REINDEX CONCURRENTLY has replaced it by {} already.", stays.name)
            }
            None => format!("Drop it: {} does the same.", stays.name),
        };
        return Observation {
            finding: Finding {
                message,
                remedy,
                fix: Some(Fix::Change(context.drop(table, index))),
                frees_bytes: bytes,
                ..of_index
            },
            relies_on: vec![stays.oid],
            changes: vec![index.oid],
        };
    }
    let duplicates =
        if index.is_unique { " Rows that are not unique make that fail: look for them first." } else { "" };
    let instead = if may_drop { ", or drop it if nobody wants it" } else { "" };
    Observation {
        finding: Finding {
            message,
            remedy: format!("Rebuild it, which makes it valid{instead}.{duplicates}"),
            fix: Some(Fix::Change(Change::Reindex { index: Seen::of(table, index), size_bytes: bytes })),
            ..of_index
        },
        relies_on: Vec::new(),
        changes: vec![index.oid],
    }
}

/// What REINDEX CONCURRENTLY left.
enum Leftover {
    New,
    Old,
}

/// Returns the index that a leftover was to replace, or that replaced it: the same one of the name without the suffix, which
/// has a number behind it when the name was taken, and cuts a long name (`ChooseRelationName`). Anybody may choose such a
/// name for another index.
fn leftover_of<'a>(table: &'a Table, index: &Index) -> Option<(Leftover, &'a Index)> {
    let name = index.name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (base, leftover) = if let Some(base) = name.strip_suffix("_ccnew") {
        (base, Leftover::New)
    } else {
        (name.strip_suffix("_ccold")?, Leftover::Old)
    };
    let is_cut = index.name.len() >= MAX_NAME_BYTES - 3;
    let own = index_ddl(&index.definition)?;
    let is_base = |it: &&Index| {
        it.oid != index.oid
            && (it.name == base || is_cut && it.name.starts_with(base))
            && index_ddl(&it.definition).is_some_and(|ddl| own.is_same(&ddl))
    };
    let base = table.indexes.iter().find(is_base)?;
    Some((leftover, base))
}

/// An index of a partitioned table becomes valid when each partition has one attached to it.
fn partitioned(context: &Context, table: &Table, index: &Index) -> Observation {
    let attached = context.attached(index);
    let lacking: Vec<&Table> = context
        .partitions(table)
        .iter()
        .copied()
        .filter(|partition| !partition.indexes.iter().any(|it| it.parent == Some(index.oid)))
        .collect();
    let n_partitions = context.partitions(table).len();
    let of_index = Finding { severity: Severity::Medium, ..Finding::of_index(RULE, table, index) };
    // With a part of each partition the whole becomes valid (`validatePartitionedIndex`): never, where one cannot have any.
    let foreign = context.partitions(table).iter().find(|partition| partition.kind == TableKind::Foreign);
    if let Some(foreign) = foreign {
        return Observation::of(Finding {
            message: format!(
                "{} of a partitioned table is invalid, and attaching cannot make it valid: partition {} is a foreign table",
                index.name, foreign.name
            ),
            remedy: "Drop it and build it with one CREATE INDEX on the whole table, which leaves foreign tables out but \
                     blocks writers meanwhile."
                .to_owned(),
            ..of_index
        });
    }
    if lacking.is_empty() {
        let invalid: Vec<&str> =
            attached.iter().filter(|it| !it.is_valid).map(|it| it.name.as_str()).collect();
        let because = match invalid.as_slice() {
            [] => "though each partition has its index attached".to_owned(),
            names => format!("because {} of a partition is", names.join(", ")),
        };
        return Observation::of(Finding {
            message: format!("{} of a partitioned table is invalid, {because}", index.name),
            remedy:
                "Rebuild what is invalid below it, then attach one of the partitions' indexes anew, which \
                     checks it again."
                    .to_owned(),
            ..of_index
        });
    }
    let sql: Option<Vec<Vec<String>>> =
        lacking.iter().map(|partition| attach(context, table, index, partition)).collect();
    Observation::of(Finding {
        message: format!(
            "{} of a partitioned table is invalid: {} of {n_partitions} partitions {} no index attached to it ({})",
            index.name,
            lacking.len(),
            if lacking.len() == 1 { "has" } else { "have" },
            named(&lacking)
        ),
        remedy: "Build the index on each of these and attach it; new partitions get it by themselves."
            .to_owned(),
        // Nothing takes an attached index off again but dropping the whole.
        fix: sql.map(|sql| Fix::Statements { sql: sql.concat(), undo_sql: Vec::new() }),
        ..of_index
    })
}

/// Returns the names of the first few partitions.
fn named(partitions: &[&Table]) -> String {
    const MAX_NAMED: usize = 3;
    let mut names: Vec<&str> = partitions.iter().take(MAX_NAMED).map(|it| it.name.as_str()).collect();
    if partitions.len() > MAX_NAMED {
        names.push("…");
    }
    names.join(", ")
}

/// Returns the statements that give a partition its index; `None` where a person has to write them.
fn attach(context: &Context, table: &Table, index: &Index, partition: &Table) -> Option<Vec<String>> {
    let parent = quote::qualified(&table.schema, &index.name);
    let attach = |name: &str| {
        format!("ALTER INDEX {parent} ATTACH PARTITION {}", quote::qualified(&partition.schema, name))
    };
    // The server compares more than what statements can tell (`CompareIndexInfo` of index.c).
    let is_same = |it: &&Index| {
        let complete = Index { is_valid: true, is_ready: true, ..index.clone() };
        it.is_valid
            && it.parent.is_none()
            && (it.is_unique, it.nulls_not_distinct) == (index.is_unique, index.nulls_not_distinct)
            && it.include == index.include
            && cover(partition, it, &complete) == Some(Cover::Identical)
    };
    if let Some(own) = partition.indexes.iter().find(is_same) {
        return Some(vec![attach(&own.name)]);
    }
    if partition.kind == TableKind::Partitioned || index.is_constraint {
        return None;
    }
    let ddl = index_ddl(&index.definition)?;
    let name = context.free_name(&partition.schema, &child_name(&partition.name, &table.name, &index.name));
    let on = quote::qualified(&partition.schema, &partition.name);
    Some(vec![ddl.create("CONCURRENTLY ", &name, &on), attach(&name)])
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, partition, table};
    use super::*;

    fn invalid(name: &str, keys: &[&str]) -> Index {
        Index { is_valid: false, ..index(name, keys) }
    }

    fn fixture(indexes: Vec<Index>) -> Fixture {
        Fixture::new(vec![table("t", &["id int8!", "a int4"], indexes)])
    }

    /// Checks the message and what the fix does.
    fn check_indexes(indexes: Vec<Index>, expected: (Severity, &str, &str)) -> String {
        let finding = fixture(indexes).check(check).remove(0).finding;
        let action = match &finding.fix {
            Some(Fix::Change(Change::Drop { .. })) => "drop",
            Some(Fix::Change(Change::Reindex { .. })) => "reindex",
            _ => "none",
        };
        assert_eq!((finding.severity, finding.message.as_str(), action), expected);
        finding.remedy
    }

    /// Check 10: what is ready costs writes.
    #[test]
    fn ready_or_not() {
        let told = "x (30 MB) is invalid: no query uses it, each write still maintains it";
        check_indexes(vec![invalid("x", &["a"])], (Severity::High, told, "reindex"));
        let told = "x (30 MB) is invalid: no query uses it, writes do not maintain it";
        let unready = Index { is_ready: false, ..invalid("x", &["a"]) };
        check_indexes(vec![unready], (Severity::Medium, told, "reindex"));
        assert!(fixture(vec![index("x", &["a"])]).check(check).is_empty());
    }

    #[test]
    fn a_unique_one_rejects_rows() {
        let told = "x (30 MB) is invalid: no query uses it, each write still maintains it, and it may reject rows \
                    because it is unique";
        let unique = Index { is_unique: true, ..invalid("x", &["a"]) };
        let remedy = check_indexes(vec![unique], (Severity::High, told, "reindex"));
        assert!(remedy.contains("look for them first"), "{remedy}");
    }

    /// Trap 8.
    #[test]
    fn somebody_builds_it() {
        let mut fixture = fixture(vec![invalid("x", &["a"])]);
        let oid = fixture.index_mut("x").oid;
        fixture.evidence.in_progress.push(oid);
        assert!(fixture.check(check).is_empty());
    }

    /// Check 9.
    #[test]
    fn leftovers_of_reindex() {
        let told = |name: &str| {
            format!("{name} (30 MB) is invalid: no query uses it, each write still maintains it")
        };
        for (name, remedy) in [
            ("x_ccnew", "Drop it and rebuild x: an earlier REINDEX CONCURRENTLY of that did not finish."),
            ("x_ccnew1", "Drop it and rebuild x: an earlier REINDEX CONCURRENTLY of that did not finish."),
            ("x_ccold", "Drop it: REINDEX CONCURRENTLY has replaced it by x already."),
        ] {
            let indexes = vec![index("x", &["a"]), invalid(name, &["a"])];
            assert_eq!(check_indexes(indexes, (Severity::High, &told(name), "drop")), remedy);
        }
        // Somebody chose that name.
        for other in [index("y", &["id"]), index("x", &["id"])] {
            let indexes = vec![other, invalid("x_ccnew", &["a"])];
            check_indexes(indexes, (Severity::High, &told("x_ccnew"), "reindex"));
        }
    }

    #[test]
    fn another_one_does_the_same() {
        let told = "x (30 MB) is invalid: no query uses it, each write still maintains it";
        let indexes = vec![invalid("x", &["a"]), index("y", &["a", "id"])];
        assert_eq!(check_indexes(indexes, (Severity::High, told, "drop")), "Drop it: y does the same.");
        let attached = Index { parent: Some(7), ..invalid("x", &["a"]) };
        check_indexes(vec![attached, index("y", &["a", "id"])], (Severity::High, told, "reindex"));
    }

    /// Trap 11: CREATE INDEX ON ONLY that was left half attached.
    #[test]
    fn a_partitioned_one_waits_for_its_partitions() {
        let columns = ["id int8!", "a int4"];
        let whole = Index { size_bytes: 0, oid: 50, ..invalid("t_a_idx", &["a"]) };
        let attached = Index { parent: Some(50), ..index("t_1_a_idx", &["a"]) };
        let mut fixture = Fixture::new(vec![
            table("t", &columns, vec![whole]),
            table("t_1", &columns, vec![attached]),
            table("t_2", &columns, vec![index("mine", &["a"])]),
            table("t_3", &columns, vec![index("other", &["id"])]),
        ]);
        for name in ["t_1", "t_2", "t_3"] {
            partition(&mut fixture.catalog, "t", name);
        }
        let found = fixture.check(check);
        assert_eq!(
            found[0].finding.message,
            "t_a_idx of a partitioned table is invalid: 2 of 3 partitions have no index attached to it (t_2, t_3)"
        );
        let sql = [
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.mine",
            "CREATE INDEX CONCURRENTLY t_3_a_idx ON public.t_3 USING btree (a)",
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_3_a_idx",
        ];
        let fix = Fix::Statements { sql: sql.map(str::to_owned).to_vec(), undo_sql: vec![] };
        assert_eq!(found[0].finding.fix, Some(fix));
    }

    /// What is built for a partition says all that the whole says, under a name that is free.
    #[test]
    fn a_part_is_built_as_the_whole_says() {
        let columns = ["id int8!", "a int4"];
        let whole = Index {
            size_bytes: 0,
            oid: 50,
            is_unique: true,
            nulls_not_distinct: true,
            definition: "CREATE UNIQUE INDEX t_a_idx ON ONLY public.t USING btree (a) NULLS NOT DISTINCT WITH (fillfactor='70')"
                .into(),
            ..invalid("t_a_idx", &["a"])
        };
        // Without NULLS NOT DISTINCT it cannot be attached.
        let own = Index { is_unique: true, ..index("t_1_a_idx", &["a"]) };
        let mut fixture =
            Fixture::new(vec![table("t", &columns, vec![whole]), table("t_1", &columns, vec![own])]);
        partition(&mut fixture.catalog, "t", "t_1");
        let sql = [
            "CREATE UNIQUE INDEX CONCURRENTLY t_1_a_idx_2 ON public.t_1 USING btree (a) NULLS NOT DISTINCT WITH \
             (fillfactor='70')",
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_1_a_idx_2",
        ];
        let fix = Fix::Statements { sql: sql.map(str::to_owned).to_vec(), undo_sql: vec![] };
        assert_eq!(fixture.check(check)[0].finding.fix, Some(fix));
        fixture.index_mut("t_1_a_idx").nulls_not_distinct = true;
        let attach = "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_1_a_idx".to_owned();
        let fix = Fix::Statements { sql: vec![attach], undo_sql: vec![] };
        assert_eq!(fixture.check(check)[0].finding.fix, Some(fix));
    }

    /// No index can be attached for a foreign table, so that attaching others does not help.
    #[test]
    fn a_foreign_table_keeps_the_whole_invalid() {
        let whole = Index { size_bytes: 0, oid: 50, ..invalid("t_a_idx", &["a"]) };
        let mut fixture =
            Fixture::new(vec![table("t", &["a int4"], vec![whole]), table("far", &["a int4"], vec![])]);
        partition(&mut fixture.catalog, "t", "far");
        fixture.table_mut("far").kind = TableKind::Foreign;
        let found = fixture.check(check);
        let told = "t_a_idx of a partitioned table is invalid, and attaching cannot make it valid: partition far is a foreign table";
        assert_eq!((found[0].finding.message.as_str(), &found[0].finding.fix), (told, &None));
    }
}
