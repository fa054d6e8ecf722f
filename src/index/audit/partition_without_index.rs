//! A partition lacks an index that its siblings have, or all partitions have one that their parent lacks.
//!
//! Why it matters: statements are fast on some partitions and slow on others, or on every one that is added from now on.
//! Example: indexes that a script built partition by partition. Remedy: build what lacks; on the parent, build it `ON ONLY`
//! and attach what is there, so that new partitions get it. Wrong when: only old or only new partitions are searched that way,
//! on purpose: then most siblings do not have it.
//!
//! Condition: at least two siblings, and more than half of all, have an index of their own that does the same (partitions
//! have one for each valid index of the parent anyway). An invalid index of the parent is another rule's matter.

use super::cover::{Cover, cover};
use super::{Change, Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Index, Table, TableKind};
use crate::index::{Definition, Measures, estimate_tree};
use crate::query::quote;

pub(super) const RULE: &str = "partition-without-index";

const MIN_SIBLINGS: usize = 2;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables().filter(|table| table.kind == TableKind::Partitioned) {
        let partitions = indexable(context, table);
        for (at, partition) in partitions.iter().enumerate() {
            for index in partition.indexes.iter().filter(|it| is_local(it)) {
                // The first partition that has it speaks for all.
                if !partitions[..at].iter().any(|it| has_local(it, index)) {
                    found.extend(of_index(context, table, index));
                }
            }
        }
    }
    found
}

/// The partitions that can have indexes: a foreign table has none.
fn indexable<'a>(context: &Context<'a>, table: &Table) -> Vec<&'a Table> {
    let partitions = context.partitions(table).iter().copied();
    partitions.filter(|partition| partition.kind != TableKind::Foreign).collect()
}

/// Whether an index belongs to one partition alone.
fn is_local(index: &Index) -> bool {
    index.is_valid && index.is_ready && index.parent.is_none() && !index.is_constraint && !index.is_unique
}

fn has_local(partition: &Table, index: &Index) -> bool {
    partition.indexes.iter().any(|it| is_same_local(partition, index, it))
}

/// Whether one partition's own index can be attached where that of another one is: included columns have to come in the
/// same order (`CompareIndexInfo` of index.c).
fn is_same_local(partition: &Table, index: &Index, own: &Index) -> bool {
    is_local(own) && own.include == index.include && cover(partition, index, own) == Some(Cover::Identical)
}

fn of_index(context: &Context, table: &Table, index: &Index) -> Vec<Observation> {
    let partitions = indexable(context, table);
    let has_some = |partition: &Table| {
        let covers =
            |it: &Index| matches!(cover(partition, index, it), Some(Cover::Identical | Cover::Covered(_)));
        partition.indexes.iter().any(covers)
    };
    let (having, lacking): (Vec<&Table>, Vec<&Table>) = partitions.iter().partition(|it| has_some(it));
    let n_local = partitions.iter().filter(|it| has_local(it, index)).count();
    if n_local < MIN_SIBLINGS || having.len() * 2 <= partitions.len() {
        return Vec::new();
    }
    if lacking.is_empty() {
        // Where some have the index only as part of a wider one, nobody can say what the parent's should be.
        return if n_local == partitions.len() { vec![of_parent(context, table, index)] } else { Vec::new() };
    }
    lacking
        .iter()
        .filter_map(|partition| {
            let definition = Definition::existing(&partition.schema, &partition.name, index)?;
            let size_bytes =
                estimate_tree(&definition, &context.leaves(partition), &Measures::default()).bytes();
            Some(Observation::of(Finding {
                severity: Severity::Medium,
                message: format!(
                    "partition {} of {} has no index on {}, which {} of {} partitions have",
                    partition.name,
                    table.name,
                    columns(index).join(", "),
                    having.len(),
                    partitions.len()
                ),
                remedy: "Build it, unless this partition is searched in another way.".to_owned(),
                fix: Some(Fix::Change(Change::Create { definition, size_bytes, replaces: Vec::new() })),
                ..Finding::of_table(RULE, partition, columns(index))
            }))
        })
        .collect()
}

fn columns(index: &Index) -> Vec<String> {
    index.keys.iter().filter_map(|key| key.column.clone().or(key.expression.clone())).collect()
}

fn of_parent(context: &Context, table: &Table, index: &Index) -> Observation {
    let partitions = indexable(context, table);
    // With a foreign table among its parts, the whole becomes valid only if it is built at once (`validatePartitionedIndex`).
    let has_others = partitions.len() < context.partitions(table).len();
    let fix = Definition::existing(&table.schema, &table.name, index).map(|definition| {
        let name = context.free_name(&table.schema, &definition.name());
        let ddl = definition.ddl_named(&name);
        if has_others {
            return Fix::Statements { sql: vec![ddl], undo_sql: Vec::new() };
        }
        let parent = quote::qualified(&table.schema, &name);
        let on_only = ddl.replacen(" ON ", " ON ONLY ", 1);
        let attach = partitions.iter().filter_map(|partition| {
            let own = partition.indexes.iter().find(|it| is_same_local(partition, index, it))?;
            let own = quote::qualified(&partition.schema, &own.name);
            Some(format!("ALTER INDEX {parent} ATTACH PARTITION {own}"))
        });
        // Dropping the parent's index drops what is attached to it: there is no simple way back.
        Fix::Statements { sql: std::iter::once(on_only).chain(attach).collect(), undo_sql: Vec::new() }
    });
    let remedy = if has_others {
        "Build it on the parent with one statement, which attaches those of the partitions and takes no time but blocks \
         writers for a moment."
    } else {
        "Build it on the parent alone, which takes no time, and attach those of the partitions."
    };
    Observation::of(Finding {
        severity: Severity::Low,
        message: format!(
            "each of {} partitions has an index on {} of its own, and {} has none: new partitions will lack it",
            partitions.len(),
            columns(index).join(", "),
            table.name
        ),
        remedy: remedy.to_owned(),
        fix,
        ..Finding::of_table(RULE, table, columns(index))
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, partition, table};
    use super::*;

    /// Partitions of a table, each with these indexes.
    fn fixture(indexes: [&[&str]; 3]) -> Fixture {
        let columns = ["a int8!", "b int8"];
        let mut tables = vec![table("t", &columns, vec![])];
        for (number, keys) in indexes.into_iter().enumerate() {
            let name = format!("t_{number}");
            let of = |key: &&str| index(&format!("{name}_{key}_idx"), &[key]);
            tables.push(table(&name, &columns, keys.iter().map(of).collect()));
        }
        let mut fixture = Fixture::new(tables);
        for number in 0..3 {
            partition(&mut fixture.catalog, "t", &format!("t_{number}"));
        }
        fixture
    }

    /// Trap 11: a partition lacks what its siblings have.
    #[test]
    fn names_the_partition_that_lacks_an_index() {
        let told = "partition t_2 of t has no index on a, which 2 of 3 partitions have";
        let found = fixture([&["a"], &["a", "b"], &["b"]]);
        let other = "partition t_0 of t has no index on b, which 2 of 3 partitions have";
        assert_eq!(found.messages(check), [told, other]);
        let Some(Fix::Change(Change::Create { definition, .. })) = &found.check(check)[0].finding.fix else {
            panic!("a fix");
        };
        assert_eq!(definition.describe(), "t_2 (a)");
        assert!(fixture([&["a"], &[], &[]]).check(check).is_empty());
        assert!(fixture([&[], &[], &[]]).check(check).is_empty());
    }

    #[test]
    fn speaks_of_a_parent_without_the_index() {
        let found = fixture([&["a"], &["a"], &["a"]]).check(check);
        let told =
            "each of 3 partitions has an index on a of its own, and t has none: new partitions will lack it";
        assert_eq!(found.iter().map(|it| it.finding.message.as_str()).collect::<Vec<_>>(), [told]);
        let sql = [
            "CREATE INDEX t_a_idx ON ONLY public.t (a)",
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_0_a_idx",
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_1_a_idx",
            "ALTER INDEX public.t_a_idx ATTACH PARTITION public.t_2_a_idx",
        ];
        let fix = Fix::Statements { sql: sql.map(str::to_owned).to_vec(), undo_sql: vec![] };
        assert_eq!(found[0].finding.fix, Some(fix));
    }

    /// A foreign table has no indexes, and lacks none.
    #[test]
    fn foreign_tables_lack_nothing() {
        let mut foreign = fixture([&["a"], &["a"], &[]]);
        foreign.table_mut("t_2").kind = TableKind::Foreign;
        let found = foreign.check(check);
        let told =
            "each of 2 partitions has an index on a of its own, and t has none: new partitions will lack it";
        assert_eq!(found.iter().map(|it| it.finding.message.as_str()).collect::<Vec<_>>(), [told]);
        // Attaching alone would never make the whole valid.
        let fix =
            Fix::Statements { sql: vec!["CREATE INDEX t_a_idx ON public.t (a)".into()], undo_sql: vec![] };
        assert_eq!(found[0].finding.fix, Some(fix));
    }

    #[test]
    fn names_are_free_and_storage_stays() {
        let mut fixture = fixture([&["a"], &["a"], &["a"]]);
        for number in 0..3 {
            let index = fixture.index_mut(&format!("t_{number}_a_idx"));
            index.options = vec!["fillfactor=70".into()];
        }
        fixture.index_mut("t_1_a_idx").name = "t_a_idx".into();
        let Some(Fix::Statements { sql, .. }) = fixture.check(check).remove(0).finding.fix else { panic!() };
        assert_eq!(sql[0], "CREATE INDEX t_a_idx_2 ON ONLY public.t (a) WITH (fillfactor='70')");
    }

    #[test]
    fn what_is_attached_is_all_right() {
        let mut fixture = fixture([&["a"], &["a"], &["a"]]);
        for number in 0..3 {
            fixture.index_mut(&format!("t_{number}_a_idx")).parent = Some(999);
        }
        assert!(fixture.check(check).is_empty());
    }
}
