//! Statements that bring rows into tables: COPY, or COPY into a temporary stage and INSERT from there.
//!
//! COPY FROM does not work where row security applies, and rows of tables that refer to each other have to come with one statement:
//! foreign keys are checked when it ends.

use crate::query::quote;
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;

/// Returns the stage of a table, for this session alone.
pub(super) fn name(table: TableId) -> String {
    format!("pg_temp.perfkit_stage_{table}")
}

/// Returns the statement that creates a table's stage. It has the columns' types and none of their constraints.
pub(super) fn create(table: &TablePlan, id: TableId) -> String {
    let name = name(id);
    let from = quote::qualified(&table.schema, &table.name);
    format!(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS SELECT {} FROM {from} WITH NO DATA",
        columns(table)
    )
}

/// Returns what the rows of a table, or of one of its partitions, are copied into when they are loaded.
pub(super) fn destination(table: &TablePlan, id: TableId, leaf: Option<u16>) -> String {
    let leaf = leaf.and_then(|leaf| table.routing.as_ref()?.leaves.get(usize::from(leaf)));
    match leaf {
        _ if table.is_staged => name(id),
        Some((schema, name)) => quote::qualified(schema, name),
        None => quote::qualified(&table.schema, &table.name),
    }
}

/// Returns the statement that rows of a table are sent to, or of its stage.
pub(super) fn copy(table: &TablePlan, into: &str) -> String {
    format!("COPY {into} ({}) FROM STDIN (FORMAT binary)", columns(table))
}

/// Returns the statement that moves the rows of all stages at once, and gives their numbers in one row.
pub(super) fn insert(plan: &Plan, tables: &[TableId]) -> String {
    let mut inserts = Vec::new();
    let mut counts = Vec::new();
    for (place, id) in tables.iter().enumerate() {
        let table = &plan.tables[usize::from(*id)];
        let insert = insert_from(table, *id, &quote::qualified(&table.schema, &table.name));
        inserts.push(format!("i{place} AS ({insert} RETURNING 1)"));
        counts.push(format!("(SELECT pg_catalog.count(*) FROM i{place}) AS n{place}"));
    }
    format!("WITH {} SELECT {}", inserts.join(", "), counts.join(", "))
}

/// Returns the statement that moves the rows of one stage.
pub(super) fn insert_from(table: &TablePlan, id: TableId, into: &str) -> String {
    let (columns, stage) = (columns(table), name(id));
    format!("INSERT INTO {into} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {stage}")
}

/// Returns the statement that empties stages within a transaction.
pub(super) fn empty(tables: &[TableId]) -> String {
    let names: Vec<String> = tables.iter().map(|table| name(*table)).collect();
    format!("TRUNCATE {}", names.join(", "))
}

fn columns(table: &TablePlan) -> String {
    let names: Vec<_> = table.columns.iter().map(|column| quote::identifier(&column.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{plan, serial, table};

    #[test]
    fn rows_go_through_stages_where_they_must() {
        let mut plain = table("T", 1, 1);
        plain.columns = vec![serial("id", 1, 1), serial("select", 1, 1)];
        assert_eq!(
            copy(&plain, &destination(&plain, 3, None)),
            "COPY public.\"T\" (id, \"select\") FROM STDIN (FORMAT binary)"
        );
        let staged = TablePlan { is_staged: true, ..plain };
        assert_eq!(
            copy(&staged, &destination(&staged, 3, None)),
            "COPY pg_temp.perfkit_stage_3 (id, \"select\") FROM STDIN (FORMAT binary)"
        );
        assert_eq!(
            create(&staged, 3),
            "CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.perfkit_stage_3 ON COMMIT DELETE ROWS AS \
             SELECT id, \"select\" FROM public.\"T\" WITH NO DATA"
        );
        let mut other = table("o", 1, 1);
        other.columns = vec![serial("id", 1, 1)];
        assert_eq!(
            insert(&plan(vec![staged, other]), &[0, 1]),
            "WITH i0 AS (INSERT INTO public.\"T\" (id, \"select\") OVERRIDING SYSTEM VALUE SELECT id, \"select\" FROM \
             pg_temp.perfkit_stage_0 RETURNING 1), i1 AS (INSERT INTO public.o (id) OVERRIDING SYSTEM VALUE SELECT id FROM \
             pg_temp.perfkit_stage_1 RETURNING 1) SELECT (SELECT pg_catalog.count(*) FROM i0) AS n0, \
             (SELECT pg_catalog.count(*) FROM i1) AS n1"
        );
        assert_eq!(empty(&[0, 1]), "TRUNCATE pg_temp.perfkit_stage_0, pg_temp.perfkit_stage_1");
    }
}
