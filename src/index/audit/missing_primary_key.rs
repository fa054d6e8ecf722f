//! A table that has no primary key, or whose replica identity is gone.
//!
//! Why it matters: nothing names a row, so that logical replication refuses UPDATE and DELETE, tools that copy or repack refuse
//! the table, and duplicates stay unseen. Example: a join table without a key; a table whose REPLICA IDENTITY index was
//! dropped, which succeeds silently. Remedy: make a unique index of columns that are never null the primary key, or
//! add one. Wrong when: the table is a log that is only appended to and never replicated.
//!
//! Condition: no PRIMARY KEY on an ordinary or partitioned table (a partition is judged by its parent), or replica
//! identity `i` without an index of that mark; there is no threshold. Empty tables are a note.

use super::{Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Index, IndexKey, Table, TableKind};
use crate::query::quote;

pub(super) const RULE: &str = "missing-primary-key";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let judged = |table: &&Table| {
        matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned) && table.partition_of.is_none()
    };
    context.tables().filter(judged).filter_map(|table| observation(context, table)).collect()
}

fn observation(context: &Context, table: &Table) -> Option<Observation> {
    let lost_identity =
        table.replica_identity == 'i' && !table.indexes.iter().any(|index| index.is_replica_identity);
    let relation = quote::qualified(&table.schema, &table.name);
    if table.primary_key().is_some() {
        // The index went, and with it what published UPDATEs and DELETEs need.
        return lost_identity.then(|| {
            let identity = |what: &str| format!("ALTER TABLE {relation} REPLICA IDENTITY {what}");
            Observation::of(Finding {
                severity: Severity::Medium,
                message: format!(
                    "the index that was the replica identity of {} is gone: UPDATE and DELETE fail once it is published",
                    table.name
                ),
                remedy: "Make the primary key its replica identity.".to_owned(),
                fix: Some(Fix::Statements {
                    sql: vec![identity("DEFAULT")],
                    undo_sql: vec![identity("NOTHING")],
                }),
                ..Finding::of_table(RULE, table, Vec::new())
            })
        });
    }
    let has_identity = match table.replica_identity {
        'f' => true,
        'i' => !lost_identity,
        _ => false,
    };
    let effect = if has_identity { "" } else { ", nor a replica identity" };
    let severity = if table.n_rows == 0.0 || has_identity { Severity::Low } else { Severity::Medium };
    let candidate = table.indexes.iter().find(|index| could_be_key(table, index));
    let (remedy, fix, columns) = match candidate {
        Some(index) => {
            let name = quote::identifier(&index.name);
            let fix = (!index.is_constraint && table.kind == TableKind::Ordinary).then(|| Fix::Statements {
                sql: vec![format!(
                    "ALTER TABLE {relation} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name}"
                )],
                undo_sql: std::iter::once(format!("ALTER TABLE {relation} DROP CONSTRAINT {name}"))
                    .chain(context.restoration(table, index))
                    .collect(),
            });
            let remedy = if index.is_constraint {
                format!(
                    "{} is unique and never null: make it the primary key in place of its constraint.",
                    index.name
                )
            } else {
                format!("Make {} the primary key: it is unique and its columns are never null.", index.name)
            };
            let columns = index.keys.iter().filter_map(|key| key.column.clone()).collect();
            (remedy, fix, columns)
        }
        None => ("Add one, if need be as an identity column of its own.".to_owned(), None, Vec::new()),
    };
    Some(Observation::of(Finding {
        severity,
        message: format!("{} has no primary key{effect}", table.name),
        remedy,
        fix,
        ..Finding::of_table(RULE, table, columns)
    }))
}

/// Whether ADD PRIMARY KEY USING INDEX takes an index without reading the table (manual, "ALTER TABLE").
fn could_be_key(table: &Table, index: &Index) -> bool {
    let is_plain = |key: &IndexKey| {
        let column = key.column.as_deref().and_then(|name| table.column(name));
        column.is_some_and(|column| column.not_null)
            && !key.descending
            && !key.nulls_first
            && key.opclass.is_none()
            && !key.has_other_collation
    };
    index.is_unique
        && index.is_valid
        && index.is_ready
        && !index.is_deferrable
        // Minor releases of PostgreSQL 16 and later refuse it: "primary keys cannot use NULLS NOT DISTINCT indexes".
        && !index.nulls_not_distinct
        && index.method == "btree"
        && index.predicate.is_none()
        && index.keys.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, partition, table};
    use super::*;

    fn check_table(table: Table, expected: Option<(Severity, &str)>) -> Option<Fix> {
        let found = Fixture::new(vec![table]).check(check).pop().map(|observation| observation.finding);
        let said = found.as_ref().map(|finding| (finding.severity, finding.message.as_str()));
        assert_eq!(said, expected);
        found?.fix
    }

    fn with(indexes: Vec<Index>) -> Table {
        table("t", &["id int8!", "email text!", "note text"], indexes)
    }

    /// Checks 45 and 56 of the research.
    #[test]
    fn speaks_where_no_row_has_a_name() {
        let told = Some((Severity::Medium, "t has no primary key, nor a replica identity"));
        assert_eq!(check_table(with(vec![]), told), None);
        check_table(with(vec![owned(index("t_pkey", &["id"]))]), None);
        let empty = Table { n_rows: 0.0, ..with(vec![]) };
        check_table(empty, Some((Severity::Low, "t has no primary key, nor a replica identity")));
        let full = Table { replica_identity: 'f', ..with(vec![]) };
        check_table(full, Some((Severity::Low, "t has no primary key")));
        check_table(Table { kind: TableKind::MaterializedView, ..with(vec![]) }, None);
    }

    #[test]
    fn takes_a_unique_index() {
        let comment = Some("as ORMs name rows".to_owned());
        let unique =
            |keys: &[&str]| Index { is_unique: true, comment: comment.clone(), ..index("t_key", keys) };
        let told = Some((Severity::Medium, "t has no primary key, nor a replica identity"));
        let fix = check_table(with(vec![unique(&["id", "email"])]), told);
        let sql = vec!["ALTER TABLE public.t ADD CONSTRAINT t_key PRIMARY KEY USING INDEX t_key".to_owned()];
        let undo_sql = vec![
            "ALTER TABLE public.t DROP CONSTRAINT t_key".to_owned(),
            "CREATE UNIQUE INDEX CONCURRENTLY t_key ON public.t USING btree (id, email)".to_owned(),
            "COMMENT ON INDEX public.t_key IS 'as ORMs name rows'".to_owned(),
        ];
        assert_eq!(fix, Some(Fix::Statements { sql, undo_sql }));
        for other in [
            unique(&["note"]),
            unique(&["lower(email)"]),
            unique(&["-id"]),
            index("plain", &["id"]),
            Index { predicate: Some("(id > 5)".into()), ..unique(&["id"]) },
            Index { nulls_not_distinct: true, ..unique(&["id"]) },
            owned(unique(&["id"])),
        ] {
            assert_eq!(check_table(with(vec![other]), told), None);
        }
    }

    /// Trap 22: DROP INDEX of a replica identity succeeds silently.
    #[test]
    fn speaks_where_the_replica_identity_is_gone() {
        let keyed = || with(vec![owned(index("t_pkey", &["id"]))]);
        let told = "the index that was the replica identity of t is gone: UPDATE and DELETE fail once it is published";
        check_table(Table { replica_identity: 'i', ..keyed() }, Some((Severity::Medium, told)));
        let mut whole = Table { replica_identity: 'i', ..keyed() };
        whole.indexes.push(Index { is_replica_identity: true, is_unique: true, ..index("i", &["email"]) });
        check_table(whole, None);
    }

    #[test]
    fn judges_partitions_by_their_parent() {
        let mut fixture =
            Fixture::new(vec![table("t", &["id int8!"], vec![]), table("t_1", &["id int8!"], vec![])]);
        partition(&mut fixture.catalog, "t", "t_1");
        assert_eq!(fixture.messages(check), ["t has no primary key, nor a replica identity"]);
    }
}
