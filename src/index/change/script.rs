//! A change as SQL that a person can run, with the SQL that takes it back.

use std::collections::HashMap;

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

/// Writes changes of one database as SQL.
pub(crate) struct Writer<'c> {
    /// By schema and name.
    tables: HashMap<(&'c str, &'c str), &'c Table>,
    /// The partitions of each table, by its oid.
    partitions: HashMap<u32, Vec<&'c Table>>,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(catalog: &'c Catalog) -> Self {
        let mut partitions: HashMap<u32, Vec<&Table>> = HashMap::new();
        for table in &catalog.tables {
            if let Some((parent, _)) = &table.partition_of {
                partitions.entry(*parent).or_default().push(table);
            }
        }
        let by_name = |table: &'c Table| ((table.schema.as_str(), table.name.as_str()), table);
        Self { tables: catalog.tables.iter().map(by_name).collect(), partitions }
    }

    /// Returns a change as SQL that blocks writers as little as PostgreSQL allows: an index of a partitioned table can only be
    /// built without blocking them partition by partition, and not be dropped so at all.
    pub(crate) fn script(&self, change: &Change) -> Script {
        match change {
            Change::Create { definition, replaces, .. } => {
                let mut script = self.creation(definition);
                for index in replaces {
                    let drop = self.removal(index);
                    script.sql.extend(drop.sql);
                    // What was there comes back before what replaced it goes.
                    script.undo_sql.splice(0..0, drop.undo_sql);
                }
                script
            }
            Change::Drop { index, .. } => self.removal(index),
            Change::Reindex { index, .. } => {
                Script { sql: vec![steps::reindex(index)], undo_sql: Vec::new() }
            }
        }
    }

    fn creation(&self, definition: &Definition) -> Script {
        let name = name_of(definition);
        let table = self.tables.get(&(definition.schema.as_str(), definition.table.as_str()));
        match table.filter(|table| table.kind == TableKind::Partitioned) {
            None => Script {
                sql: vec![definition.ddl_concurrently()],
                undo_sql: vec![drop_index(&name.schema, &name.name, false)],
            },
            Some(table) => Script {
                sql: self.tree_creation(definition, table),
                undo_sql: vec![drop_index(&name.schema, &name.name, true)],
            },
        }
    }

    /// Builds the index of each partition for itself; with the last one attached the whole becomes valid.
    fn tree_creation(&self, definition: &Definition, table: &Table) -> Vec<String> {
        if table.kind != TableKind::Partitioned {
            return vec![definition.ddl_concurrently()];
        }
        let on = quote::qualified(&definition.schema, &definition.table);
        let mut sql = vec![definition.ddl().replacen(&format!(" ON {on}"), &format!(" ON ONLY {on}"), 1)];
        for child in self.partitions(table) {
            let own =
                Definition { schema: child.schema.clone(), table: child.name.clone(), ..definition.clone() };
            sql.extend(self.tree_creation(&own, child));
            sql.push(steps::attach(&name_of(definition), &name_of(&own)));
        }
        sql
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

fn name_of(definition: &Definition) -> IndexName {
    IndexName { schema: definition.schema.clone(), table: definition.table.clone(), name: definition.name() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Key;

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

    fn named(table: &str, name: &str) -> IndexName {
        IndexName { schema: "public".to_owned(), table: table.to_owned(), name: name.to_owned() }
    }

    fn check(change: &Change, sql: &[&str], undo_sql: &[&str]) {
        let catalog = catalog();
        let script = Writer::new(&catalog).script(change);
        assert_eq!(script.sql, sql);
        assert_eq!(script.undo_sql, undo_sql);
    }

    #[test]
    fn a_drop_comes_back() {
        check(
            &Change::Drop { index: named("orders", "orders_note"), size_bytes: 0 },
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
        let replaces = vec![named("orders", "orders_note")];
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
                "CREATE INDEX logs_a_idx ON ONLY public.logs (a)",
                "CREATE INDEX CONCURRENTLY \"Logs 1_a_idx\" ON public.\"Logs 1\" (a)",
                "ALTER INDEX public.logs_a_idx ATTACH PARTITION public.\"Logs 1_a_idx\"",
            ],
            &["DROP INDEX public.logs_a_idx"],
        );
        check(
            &Change::Drop { index: named("logs", "logs_at"), size_bytes: 0 },
            &["DROP INDEX public.logs_at"],
            &[
                "CREATE INDEX logs_at ON ONLY public.logs USING btree (at)",
                "CREATE INDEX CONCURRENTLY \"Logs 1_at\" ON public.\"Logs 1\" USING btree (at)",
                "ALTER INDEX public.logs_at ATTACH PARTITION public.\"Logs 1_at\"",
            ],
        );
    }

    #[test]
    fn a_rebuild_changes_nothing_else() {
        check(
            &Change::Reindex { index: named("logs", "logs_at"), size_bytes: 0 },
            &["REINDEX INDEX CONCURRENTLY public.logs_at"],
            &[],
        );
    }
}
