//! A change as SQL that a person can run, with the SQL that takes it back.

use std::collections::HashMap;

use super::plan::creation;
use super::state::State;
use super::{Change, IndexName, steps};
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::{Definition, build_concurrently, drop_index};
use crate::query::quote;

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
    state: State,
}

impl<'c> Writer<'c> {
    /// `reserved` are names, with their schemas, that other statements or objects have beside those of the catalog.
    pub(crate) fn new(catalog: &'c Catalog, reserved: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut partitions: HashMap<u32, Vec<&Table>> = HashMap::new();
        for table in &catalog.tables {
            if let Some((parent, _)) = &table.partition_of {
                partitions.entry(*parent).or_default().push(table);
            }
        }
        let by_name = |table: &'c Table| ((table.schema.as_str(), table.name.as_str()), table);
        let mut state = State::of_catalog(catalog);
        state.taken.extend(reserved);
        Self { tables: catalog.tables.iter().map(by_name).collect(), partitions, state }
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
        let (name, sql) = creation(definition, &mut self.state);
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
            undo_sql: self.restoration(table, index),
        }
    }

    /// Builds an index again as `pg_get_indexdef` describes it, with those that are attached to it.
    fn restoration(&self, table: &Table, index: &Index) -> Vec<String> {
        // For a partitioned table the definition says ON ONLY, which builds nothing and so blocks nobody for long.
        let mut sql = match table.kind {
            TableKind::Partitioned => vec![index.definition.clone()],
            _ => vec![build_concurrently(&index.definition)],
        };
        for child in self.partitions(table) {
            for part in child.indexes.iter().filter(|part| part.parent == Some(index.oid)) {
                sql.extend(self.restoration(child, part));
                sql.push(steps::attach(&IndexName::of(table, index), &IndexName::of(child, part)));
            }
        }
        if let Some(comment) = &index.comment {
            let name = IndexName::of(table, index).qualified();
            sql.push(format!("COMMENT ON INDEX {name} IS {}", quote::quote_literal(comment)));
        }
        sql
    }

    fn partitions(&self, table: &Table) -> &[&'c Table] {
        self.partitions.get(&table.oid).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Key;
    use crate::index::change::Seen;

    fn index(oid: u32, name: &str, definition: &str, parent: Option<u32>) -> Index {
        let (name, definition) = (name.to_owned(), definition.to_owned());
        Index { oid, name, definition, parent, ..Index::default() }
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
        Seen { index: IndexName { schema, table, name }, definition: None }
    }

    fn drop(table: &str, name: &str) -> Change {
        Change::Drop { index: existing(table, name), size_bytes: 0, covered_by: Vec::new() }
    }

    fn check(change: &Change, sql: &[&str], undo_sql: &[&str]) {
        let catalog = catalog();
        let script = Writer::new(&catalog, []).script(change);
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
        let mut writer = Writer::new(&catalog, [reserved]);
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
        let script = Writer::new(&catalog, []).script(&change);
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
