//! What the server runs for each foreign key when rows of the parent go or change their key (`ri_triggers.c`).

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Constraint, Reference, Table, TableKind};
use crate::query::{Condition, Operand, ParameterUse, StatementShape, TableName, TableUse, Test, quote};
use crate::workload::StatementKind;

/// What a statement of the workload does to a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// The table's OID.
    pub(crate) table: u32,
    /// Only UPDATE and DELETE make the server look for children.
    pub(crate) kind: StatementKind,
    /// The columns that an UPDATE sets.
    pub(crate) columns: Vec<String>,
    /// How many rows of the table it writes, over all its runs.
    pub(crate) n_rows: f64,
}

/// A statement that the server runs on its own, for each row that is written.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKeyCheck {
    /// As in `foreign key orders_customer_id_fkey`.
    pub(crate) name: String,
    /// For the server's planner; it has `FROM ONLY` and `FOR KEY SHARE`.
    pub(crate) sql: String,
    pub(crate) kind: StatementKind,
    /// What it asks of the child.
    pub(crate) shape: StatementShape,
    /// How often it runs, on the scale of [`Written::n_rows`].
    pub(crate) weight: f64,
}

/// What a foreign key does when its parent row is deleted or gets another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// NO ACTION and RESTRICT.
    Refuse,
    Cascade,
    SetNull,
    SetDefault,
}

/// Returns what the server runs to keep foreign keys while the workload writes, each statement once, with the sum of
/// its runs.
///
/// A DELETE that cascades deletes rows of the child, which has children in turn. An UPDATE counts as if it changed
/// every key column that it sets: the server looks for children only where the value differs.
pub(crate) fn foreign_key_checks(written: &[Written], catalog: &Catalog) -> Vec<ForeignKeyCheck> {
    let mut checks: BTreeMap<(String, String), ForeignKeyCheck> = BTreeMap::new();
    // What is written, and the foreign keys by whose cascade.
    let mut pending: Vec<(Vec<(u32, &str)>, Written)> =
        written.iter().map(|written| (Vec::new(), written.clone())).collect();
    while let Some((path, written)) = pending.pop() {
        for (child, constraint, reference) in references(&written, catalog) {
            let Some(parent) = catalog.table_by_oid(written.table) else { continue };
            let action = action(&constraint.definition, written.kind);
            let sql = sql(child, parent, constraint, reference, written.kind, action);
            let name = format!("foreign key {}", constraint.name);
            let check = checks.entry((name.clone(), sql.clone())).or_insert_with(|| ForeignKeyCheck {
                name,
                sql,
                kind: kind(written.kind, action),
                shape: shape(child, constraint, first_key(constraint, written.kind, action)),
                weight: 0.0,
            });
            check.weight += written.n_rows;
            let step = (child.oid, constraint.name.as_str());
            // Of a tree within one table, the first level tells enough.
            if action == Action::Cascade && written.n_rows > 0.0 && !path.contains(&step) {
                let n_rows = written.n_rows * children_per_parent(child, &constraint.columns);
                let (table, kind, columns) = (child.oid, written.kind, constraint.columns.clone());
                let path = [path.as_slice(), &[step]].concat();
                pending.push((path, Written { table, kind, columns, n_rows }));
            }
        }
    }
    checks.into_values().collect()
}

/// Returns the foreign keys that refer to what is written, with their tables.
fn references<'c>(
    written: &Written,
    catalog: &'c Catalog,
) -> impl Iterator<Item = (&'c Table, &'c Constraint, &'c Reference)> {
    let is_touched = |reference: &Reference| match written.kind {
        StatementKind::Delete => true,
        StatementKind::Update => reference.columns.iter().any(|column| written.columns.contains(column)),
        _ => false,
    };
    let keys = catalog.tables.iter().flat_map(|table| {
        table.constraints.iter().filter_map(move |constraint| {
            // A partition has the foreign keys of its parent once more; the check reads the parent.
            let is_inherited = table.partition_of.as_ref().is_some_and(|(parent, _)| {
                let parent = catalog.table_by_oid(*parent);
                parent.is_some_and(|parent| {
                    let is_same = |other: &Constraint| {
                        other.references == constraint.references && other.columns == constraint.columns
                    };
                    parent.constraints.iter().any(is_same)
                })
            });
            (!is_inherited).then_some((table, constraint, constraint.references.as_ref()?))
        })
    });
    keys.filter(|(_, _, reference)| reference.table == written.table && is_touched(reference))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Reads the action off `pg_get_constraintdef`, which leaves NO ACTION out.
fn action(definition: &str, kind: StatementKind) -> Action {
    let event = if kind == StatementKind::Delete { " ON DELETE " } else { " ON UPDATE " };
    let Some((_, action)) = definition.rsplit_once(event) else { return Action::Refuse };
    if action.starts_with("CASCADE") {
        Action::Cascade
    } else if action.starts_with("SET NULL") {
        Action::SetNull
    } else if action.starts_with("SET DEFAULT") {
        Action::SetDefault
    } else {
        Action::Refuse
    }
}

/// Writes the statement as `ri_triggers.c` does, with the parent's key in `$1`, `$2`, ….
fn sql(
    child: &Table,
    parent: &Table,
    constraint: &Constraint,
    reference: &Reference,
    kind: StatementKind,
    action: Action,
) -> String {
    let only = if child.kind == TableKind::Partitioned { "" } else { "ONLY " };
    let table = format!("{only}{}", quote::quote_qualified(&child.schema, &child.name));
    let first = first_key(constraint, kind, action);
    let keys = constraint.columns.iter().zip(&reference.columns).enumerate();
    let conditions: Vec<String> = keys
        .map(|(i, (column, referred))| {
            let own = child.column(column).map(|column| &column.base_type);
            // A placeholder would take the child's type, but the value has the parent's.
            let cast = parent
                .column(referred)
                .filter(|referred| Some(&referred.base_type) != own)
                .map_or_else(String::new, |referred| format!("::{}", referred.type_name));
            format!("${}{cast} = {}", first + i, quote::quote_identifier(column))
        })
        .collect();
    let conditions = conditions.join(" AND ");
    let set = |value: &dyn Fn(usize) -> String| {
        let columns = constraint.columns.iter().enumerate();
        let items: Vec<String> = columns
            .map(|(i, column)| format!("{} = {}", quote::quote_identifier(column), value(i)))
            .collect();
        format!("UPDATE {table} SET {} WHERE {conditions}", items.join(", "))
    };
    match (action, kind) {
        (Action::Refuse, _) => format!("SELECT 1 FROM {table} x WHERE {conditions} FOR KEY SHARE OF x"),
        (Action::Cascade, StatementKind::Delete) => format!("DELETE FROM {table} WHERE {conditions}"),
        (Action::Cascade, _) => set(&|i| format!("${}", i + 1)),
        (Action::SetNull, _) => set(&|_| "NULL".to_owned()),
        (Action::SetDefault, _) => set(&|_| "DEFAULT".to_owned()),
    }
}

/// Returns the number of the first placeholder of the old key: an UPDATE that cascades has the new key before it.
fn first_key(constraint: &Constraint, kind: StatementKind, action: Action) -> usize {
    let is_cascading = kind == StatementKind::Update && action == Action::Cascade;
    if is_cascading { constraint.columns.len() + 1 } else { 1 }
}

fn kind(written: StatementKind, action: Action) -> StatementKind {
    match (action, written) {
        (Action::Refuse, _) => StatementKind::Select,
        (Action::Cascade, StatementKind::Delete) => StatementKind::Delete,
        _ => StatementKind::Update,
    }
}

/// Returns what the statement asks of the child: all rows with one key, from the table itself.
fn shape(child: &Table, constraint: &Constraint, first: usize) -> StatementShape {
    let table = TableName { schema: Some(child.schema.clone()), name: child.name.clone() };
    let mut table_use = TableUse { is_written: true, columns: None, ..TableUse::new(table.clone()) };
    let mut parameters = Vec::new();
    for (i, column) in constraint.columns.iter().enumerate() {
        let operand = Operand::Column(column.clone());
        table_use.conditions.push(Condition { operand, test: Test::Equal, fixed: None });
        let (table, column) = (table.clone(), column.clone());
        parameters.push(ParameterUse::Column { number: first + i, table, column, bound: None });
    }
    StatementShape { uses: vec![table_use], parameters }
}

/// Returns how many rows of the child a row of the parent has on average.
fn children_per_parent(child: &Table, columns: &[String]) -> f64 {
    let n_rows = child.planned_rows();
    let keys = columns.iter().filter_map(|column| child.column(column)).map(|column| column.distinct(n_rows));
    n_rows / keys.fold(1.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::catalog::TableKind;

    /// A child of `users`, with the end of its foreign key's definition.
    fn catalog(rules: &str) -> Catalog {
        let mut catalog = fixture::catalog(&[
            ("users", &["id bigint", "email text"]),
            ("orders", &["id bigint", "user_id int4"]),
            ("items", &["order_id bigint"]),
        ]);
        for (child, column, parent) in [(1, "user_id", 1), (2, "order_id", 2)] {
            let name = format!("{}_{column}_fkey", catalog.tables[child].name);
            catalog.tables[child].constraints.push(Constraint {
                name,
                kind: 'f',
                definition: format!("FOREIGN KEY ({column}) REFERENCES parent(id){rules}"),
                columns: vec![column.into()],
                references: Some(Reference {
                    table: parent,
                    columns: vec!["id".into()],
                    ..Reference::default()
                }),
                ..Constraint::default()
            });
        }
        catalog
    }

    fn check(catalog: &Catalog, kind: StatementKind, columns: &[&str], expected: &[&str]) {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        let written = [Written { table: 1, kind, columns, n_rows: 10.0 }];
        let found: Vec<String> = foreign_key_checks(&written, catalog)
            .into_iter()
            .map(|check| format!("{} {}: {}", check.weight, check.name, check.sql))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn as_the_server_does() {
        check(
            &catalog(""),
            StatementKind::Delete,
            &[],
            &["10 foreign key orders_user_id_fkey: SELECT 1 FROM ONLY \"public\".\"orders\" x \
               WHERE $1::bigint = \"user_id\" FOR KEY SHARE OF x"],
        );
        check(
            &catalog(" ON UPDATE CASCADE ON DELETE SET NULL"),
            StatementKind::Delete,
            &[],
            &[
                "10 foreign key orders_user_id_fkey: UPDATE ONLY \"public\".\"orders\" SET \"user_id\" = NULL \
               WHERE $1::bigint = \"user_id\"",
            ],
        );
        check(
            &catalog(" ON UPDATE CASCADE ON DELETE SET NULL"),
            StatementKind::Update,
            &["id"],
            &["10 foreign key orders_user_id_fkey: UPDATE ONLY \"public\".\"orders\" SET \"user_id\" = $1 \
               WHERE $2::bigint = \"user_id\""],
        );
    }

    #[test]
    fn nothing_where_no_key_changes() {
        check(&catalog(""), StatementKind::Update, &["email"], &[]);
        check(&catalog(""), StatementKind::Insert, &[], &[]);
    }

    #[test]
    fn cascades_reach_grandchildren() {
        // The fixture's tables have 1,000,000 rows and, without statistics, 200 values a column.
        check(
            &catalog(" ON DELETE CASCADE"),
            StatementKind::Delete,
            &[],
            &[
                "50000 foreign key items_order_id_fkey: DELETE FROM ONLY \"public\".\"items\" WHERE $1 = \"order_id\"",
                "10 foreign key orders_user_id_fkey: DELETE FROM ONLY \"public\".\"orders\" \
                 WHERE $1::bigint = \"user_id\"",
            ],
        );
    }

    #[test]
    fn a_ring_of_cascades_ends() {
        let mut catalog = catalog(" ON DELETE CASCADE");
        catalog.tables[2].constraints[0].references =
            Some(Reference { table: 3, columns: vec!["order_id".into()], ..Reference::default() });
        let written = [Written { table: 3, kind: StatementKind::Delete, columns: vec![], n_rows: 1.0 }];
        let found = foreign_key_checks(&written, &catalog);
        assert_eq!(found.iter().map(|check| check.weight).collect::<Vec<_>>(), [5001.0]);
    }

    #[test]
    fn partitions_are_checked_through_their_parent() {
        let mut catalog = catalog("");
        catalog.tables[1].kind = TableKind::Partitioned;
        let mut leaf = catalog.tables[1].clone();
        (leaf.oid, leaf.name, leaf.kind) = (9, "orders_1".into(), TableKind::Ordinary);
        leaf.partition_of = Some((2, "DEFAULT".into()));
        catalog.tables.push(leaf);
        check(
            &catalog,
            StatementKind::Delete,
            &[],
            &["10 foreign key orders_user_id_fkey: SELECT 1 FROM \"public\".\"orders\" x \
               WHERE $1::bigint = \"user_id\" FOR KEY SHARE OF x"],
        );
    }

    #[test]
    fn its_shape_gets_the_index() {
        let catalog = catalog("");
        let written = [Written { table: 1, kind: StatementKind::Delete, columns: vec![], n_rows: 1.0 }];
        let shapes: Vec<_> =
            foreign_key_checks(&written, &catalog).into_iter().map(|check| check.shape).collect();
        assert_eq!(fixture::found(&shapes, &catalog, 2), ["orders (user_id)"]);
    }
}
