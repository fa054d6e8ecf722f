//! A change as SQL that a person can run, with the SQL that takes it back.

use std::collections::HashMap;

use super::plan::creation;
use super::record::{Record, Storage};
use super::restore::restore_dropped;
use super::state::State;
use super::{Change, IndexName, steps};
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::{Definition, drop_index};

/// Statements without semicolons, in the order in which they are run, one at a time and outside of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) sql: Vec<String>,
    /// Nothing where there is nothing to take back.
    pub(crate) undo_sql: Vec<String>,
}

/// Writes changes of one database as SQL, to be run one after the other: each index that they build has a name of its own.
pub(crate) struct Writer<'c> {
    /// By schema and name.
    tables: HashMap<(&'c str, &'c str), &'c Table>,
    /// The partitions of each table, by its oid.
    partitions: HashMap<u32, Vec<&'c Table>>,
    storage: &'c Storage,
    state: State,
}

impl<'c> Writer<'c> {
    /// `reserved` are names, with their schemas, that other statements or objects have beside those of the catalog.
    pub(crate) fn new(
        catalog: &'c Catalog,
        storage: &'c Storage,
        reserved: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let by_name = |table: &'c Table| ((table.schema.as_str(), table.name.as_str()), table);
        let mut state = State::of_catalog(catalog);
        state.taken.extend(reserved);
        let tables = catalog.tables.iter().map(by_name).collect();
        Self { tables, partitions: catalog.partitions(), storage, state }
    }

    /// Returns a change as SQL that blocks writers as little as PostgreSQL allows: an index of a partitioned table can only be
    /// built without blocking them partition by partition, and not be dropped so at all.
    pub(crate) fn script(&mut self, change: &Change) -> Script {
        match change {
            Change::Create { definition, replaces, .. } => {
                let mut script = self.creation(definition);
                for seen in replaces {
                    let drop = self.removal(&seen.index);
                    script.sql.extend(drop.sql);
                    // What was there comes back before what replaced it goes.
                    script.undo_sql.splice(0..0, drop.undo_sql);
                }
                script
            }
            Change::Drop { index, .. } => self.removal(&index.index),
            Change::Reindex { index, .. } => {
                Script { sql: vec![steps::reindex(&index.index)], undo_sql: Vec::new() }
            }
        }
    }

    fn creation(&mut self, definition: &Definition) -> Script {
        let table = self.tables.get(&(definition.schema.as_str(), definition.table.as_str()));
        let is_partitioned = table.is_some_and(|table| table.kind == TableKind::Partitioned);
        let (name, mut sql) = creation(definition, &mut self.state);
        sql.extend(analysis(definition));
        Script { sql, undo_sql: vec![drop_index(&definition.schema, &name, is_partitioned)] }
    }

    fn removal(&self, name: &IndexName) -> Script {
        let table = self.tables.get(&(name.schema.as_str(), name.table.as_str()));
        let found = table
            .and_then(|table| Some((*table, table.indexes.iter().find(|index| index.name == name.name)?)));
        let Some((table, index)) = found else {
            return Script { sql: vec![drop_index(&name.schema, &name.name, false)], undo_sql: Vec::new() };
        };
        let is_partitioned = table.kind == TableKind::Partitioned;
        Script {
            sql: vec![drop_index(&name.schema, &name.name, is_partitioned)],
            undo_sql: restoration(table, index, self.storage, &self.partitions),
        }
    }
}

/// Returns the statements that bring an index back as it was, once it was dropped, with those that are attached to it.
pub(crate) fn restoration(
    table: &Table,
    index: &Index,
    storage: &Storage,
    partitions: &HashMap<u32, Vec<&Table>>,
) -> Vec<String> {
    let record = Record::of_catalog(table, index, storage, partitions);
    restore_dropped(&record).into_iter().map(|statement| statement.sql).collect()
}

/// Returns the statement that gathers the statistics of an index's expressions, if it has any.
pub(crate) fn analysis(definition: &Definition) -> Option<String> {
    definition.has_expression().then(|| steps::analyze(&definition.schema, &definition.table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::IndexKey;
    use crate::index::Key;
    use crate::index::change::Seen;
    use crate::index::change::record::StatisticsTarget;
    use crate::query::Operand;

    fn index(oid: u32, name: &str, definition: &str, parent: Option<u32>) -> Index {
        let (name, definition) = (name.to_owned(), definition.to_owned());
        Index { oid, name, definition, parent, is_valid: true, is_ready: true, ..Index::default() }
    }

    fn table(oid: u32, name: &str, indexes: Vec<Index>) -> Table {
        Table { oid, schema: "public".to_owned(), name: name.to_owned(), indexes, ..Table::default() }
    }

    fn catalog() -> Catalog {
        let mut orders = index(
            2,
            "orders_note",
            "CREATE UNIQUE INDEX orders_note ON public.orders USING btree (note)",
            None,
        );
        orders.comment = Some("it's needed".to_owned());
        let whole = index(4, "logs_at", "CREATE INDEX logs_at ON ONLY public.logs USING btree (at)", None);
        let part = index(
            6,
            "Logs 1_at",
            "CREATE INDEX \"Logs 1_at\" ON public.\"Logs 1\" USING btree (at)",
            Some(4),
        );
        let logs = Table { kind: TableKind::Partitioned, ..table(3, "logs", vec![whole]) };
        let bound = "FOR VALUES IN (1)".to_owned();
        let child = Table { partition_of: Some((3, bound)), ..table(5, "Logs 1", vec![part]) };
        Catalog { tables: vec![table(1, "orders", vec![orders]), logs, child], ..Catalog::default() }
    }

    fn existing(table: &str, name: &str) -> Seen {
        let (schema, table, name) = ("public".to_owned(), table.to_owned(), name.to_owned());
        Seen { index: IndexName { schema, table, name }, definition: None, n_scans: None }
    }

    fn drop(table: &str, name: &str) -> Change {
        Change::Drop { index: existing(table, name), size_bytes: 0, covered_by: Vec::new() }
    }

    fn check(change: &Change, sql: &[&str], undo_sql: &[&str]) {
        let (catalog, storage) = (catalog(), Storage::default());
        let script = Writer::new(&catalog, &storage, []).script(change);
        assert_eq!(script.sql, sql);
        assert_eq!(script.undo_sql, undo_sql);
    }

    #[test]
    fn a_drop_comes_back() {
        check(
            &drop("orders", "orders_note"),
            &["DROP INDEX CONCURRENTLY public.orders_note"],
            &[
                "CREATE UNIQUE INDEX CONCURRENTLY orders_note ON public.orders USING btree (note)",
                "COMMENT ON INDEX public.orders_note IS 'it''s needed'",
            ],
        );
    }

    /// All that `pg_get_indexdef` leaves out comes back with it, and what ANALYZE has gathered.
    #[test]
    fn a_drop_comes_back_as_it_was() {
        let mut catalog = catalog();
        let index = &mut catalog.tables[0].indexes[0];
        index.keys = vec![IndexKey { expression: Some("lower(note)".to_owned()), ..IndexKey::default() }];
        index.is_clustered = true;
        let storage = Storage {
            tablespaces: [(2, "fast".to_owned()), (4, "other".to_owned())].into(),
            statistics_targets: [(2, vec![StatisticsTarget { column: 1, target: 500 }])].into(),
        };
        let script = Writer::new(&catalog, &storage, []).script(&drop("orders", "orders_note"));
        let expected = [
            "CREATE UNIQUE INDEX CONCURRENTLY orders_note ON public.orders USING btree (note) TABLESPACE fast",
            "ALTER INDEX public.orders_note ALTER COLUMN 1 SET STATISTICS 500",
            "COMMENT ON INDEX public.orders_note IS 'it''s needed'",
            "ALTER TABLE public.orders CLUSTER ON orders_note",
            "ANALYZE public.orders",
        ];
        assert_eq!(script.undo_sql, expected);
    }

    #[test]
    fn expressions_are_analyzed_once_they_are_indexed() {
        let operand = Operand::Expression { sql: "lower(note)".to_owned(), columns: vec!["note".to_owned()] };
        let definition = Definition::btree("public", "orders", vec![Key::of(operand)]);
        let replaces = vec![existing("orders", "orders_note")];
        let change = Change::Create { definition, size_bytes: 0, replaces };
        let (catalog, storage) = (catalog(), Storage::default());
        let script = Writer::new(&catalog, &storage, []).script(&change);
        let expected = [
            "CREATE INDEX CONCURRENTLY orders_lower_note_idx ON public.orders (lower(note))",
            "ANALYZE public.orders",
            "DROP INDEX CONCURRENTLY public.orders_note",
        ];
        assert_eq!(script.sql, expected);
    }

    #[test]
    fn what_is_replaced_goes_last_and_comes_back_first() {
        let definition = Definition::btree("public", "orders", vec![Key::ascending("a")]);
        let replaces = vec![existing("orders", "orders_note")];
        check(
            &Change::Create { definition, size_bytes: 0, replaces },
            &[
                "CREATE INDEX CONCURRENTLY orders_a_idx ON public.orders (a)",
                "DROP INDEX CONCURRENTLY public.orders_note",
            ],
            &[
                "CREATE UNIQUE INDEX CONCURRENTLY orders_note ON public.orders USING btree (note)",
                "COMMENT ON INDEX public.orders_note IS 'it''s needed'",
                "DROP INDEX CONCURRENTLY public.orders_a_idx",
            ],
        );
    }

    #[test]
    fn partitions_are_built_one_by_one() {
        check(
            &Change::Create {
                definition: Definition::btree("public", "logs", vec![Key::ascending("a")]),
                size_bytes: 0,
                replaces: Vec::new(),
            },
            &[
                "CREATE INDEX CONCURRENTLY \"Logs 1_a_idx\" ON public.\"Logs 1\" (a)",
                "CREATE INDEX logs_a_idx ON ONLY public.logs (a)",
                "ALTER INDEX public.logs_a_idx ATTACH PARTITION public.\"Logs 1_a_idx\"",
            ],
            &["DROP INDEX public.logs_a_idx"],
        );
        check(
            &drop("logs", "logs_at"),
            &["DROP INDEX public.logs_at"],
            &[
                "CREATE INDEX logs_at ON ONLY public.logs USING btree (at)",
                "CREATE INDEX CONCURRENTLY \"Logs 1_at\" ON public.\"Logs 1\" USING btree (at)",
                "ALTER INDEX public.logs_at ATTACH PARTITION public.\"Logs 1_at\"",
            ],
        );
    }

    /// All scripts of a report can be run, in their order.
    #[test]
    fn names_are_free() {
        let mut catalog = catalog();
        catalog.tables[0].indexes[0].name = "orders_a_idx".to_owned();
        let reserved = ("public".to_owned(), "orders_a_idx_2".to_owned());
        let storage = Storage::default();
        let mut writer = Writer::new(&catalog, &storage, [reserved]);
        let mut create = |table: &str| {
            let definition = Definition::btree("public", table, vec![Key::ascending("a")]);
            writer.script(&Change::Create { definition, size_bytes: 0, replaces: Vec::new() })
        };
        for n in [3, 4] {
            let script = create("orders");
            assert_eq!(
                script.sql,
                [format!("CREATE INDEX CONCURRENTLY orders_a_idx_{n} ON public.orders (a)")]
            );
            assert_eq!(script.undo_sql, [format!("DROP INDEX CONCURRENTLY public.orders_a_idx_{n}")]);
        }
        create("logs");
        let second = [
            "CREATE INDEX CONCURRENTLY \"Logs 1_a_idx_2\" ON public.\"Logs 1\" (a)",
            "CREATE INDEX logs_a_idx_2 ON ONLY public.logs (a)",
            "ALTER INDEX public.logs_a_idx_2 ATTACH PARTITION public.\"Logs 1_a_idx_2\"",
        ];
        assert_eq!(create("logs").sql, second);
    }

    /// The parts of a whole with a foreign table do not make it valid.
    #[test]
    fn foreign_tables_have_no_index() {
        let mut catalog = catalog();
        let bound = "FOR VALUES IN (2)".to_owned();
        let far =
            Table { partition_of: Some((3, bound)), kind: TableKind::Foreign, ..table(7, "far", Vec::new()) };
        catalog.tables.push(far);
        let definition = Definition::btree("public", "logs", vec![Key::ascending("a")]);
        let change = Change::Create { definition, size_bytes: 0, replaces: Vec::new() };
        let storage = Storage::default();
        let script = Writer::new(&catalog, &storage, []).script(&change);
        assert_eq!(script.sql, ["CREATE INDEX logs_a_idx ON public.logs (a)"]);
    }

    #[test]
    fn a_rebuild_changes_nothing_else() {
        check(
            &Change::Reindex { index: existing("logs", "logs_at"), size_bytes: 0 },
            &["REINDEX INDEX CONCURRENTLY public.logs_at"],
            &[],
        );
    }
}
