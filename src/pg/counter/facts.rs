//! Reads what counters have to know of a database: the tables that are asked for, and those that counters are kept of or in.

use std::collections::BTreeMap;

use tokio_postgres::{Row, Transaction};

use crate::counter::name;
use crate::counter::site::{QualifiedName, Site};
use crate::counter::state::{
    CheckState, ColumnState, ForeignKeyState, FunctionState, Kind, Looseness, Rights, State, TableState,
    TriggerState,
};
use crate::counter::triggers::registry;
use crate::pg::catalog::{get, snapshot};
use crate::pg::{Connection, Error, Result, sql};

const DOING: &str = "read the tables of counters";

/// Reads the state, with the tables that people name by `names`, from a transaction of its own.
pub(crate) async fn load(connection: &mut Connection, names: &[String]) -> Result<State> {
    let transaction = snapshot(connection).await?;
    let state = load_in(&transaction, names).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok(state)
}

/// Reads the state as a transaction sees it. Until its end, definitions name everything outside of `pg_catalog` with its schema.
pub(crate) async fn load_in(transaction: &Transaction<'_>, names: &[String]) -> Result<State> {
    let row = transaction.query_one(sql::COUNTER_SESSION, &[]).await.map_err(Error::query(DOING))?;
    let mut state =
        State { search_path: get(&row, "schemas")?, role: get(&row, "role")?, ..State::default() };
    transaction.query(sql::SEARCH_PATH_OF_CATALOG, &[]).await.map_err(Error::query(DOING))?;
    let mut function_oids: Vec<u32> = Vec::new();
    for row in transaction.query(sql::COUNTER_FUNCTIONS, &[]).await.map_err(Error::query(DOING))? {
        function_oids.push(get(&row, "oid")?);
        state.functions.push(FunctionState {
            name: qualified(&row, "schema", "name")?,
            body: get(&row, "body")?,
            is_security_definer: get(&row, "is_security_definer")?,
            config: get(&row, "config")?,
        });
    }
    let of_sites = tables_of_sites(&state);
    let (schemas, tables): (Vec<&str>, Vec<&str>) =
        of_sites.iter().map(|name| (name.schema.as_str(), name.name.as_str())).unzip();
    let rows = transaction
        .query(sql::COUNTER_TABLES, &[&names, &state.search_path, &schemas, &tables, &function_oids])
        .await
        .map_err(Error::query(DOING))?;
    state.tables = rows.iter().map(table).collect::<Result<_>>()?;
    read_parts(transaction, &mut state.tables).await?;
    if names.iter().any(|name| state.named(name).is_none()) {
        let rows = transaction.query(sql::COUNTER_NAMES, &[&state.search_path]).await;
        let rows = rows.map_err(Error::query(DOING))?;
        state.names = rows.iter().map(|row| get(row, "name")).collect::<Result<_>>()?;
    }
    Ok(state)
}

/// The tables that functions say they serve, and those that may have been made for them.
fn tables_of_sites(state: &State) -> Vec<QualifiedName> {
    let served = state.readable_sites();
    let guarded = state.functions.iter().filter_map(|function| registry::read_guard(&function.body));
    let tables = |site: Site| [name::pending(&site), site.child, site.parent];
    let mut tables: Vec<QualifiedName> = served.chain(guarded).flat_map(tables).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Reads what belongs to each of the tables.
async fn read_parts(transaction: &Transaction<'_>, tables: &mut [TableState]) -> Result<()> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let mut by_oid: BTreeMap<u32, &mut TableState> =
        tables.iter_mut().map(|table| (table.oid, table)).collect();
    for statement in
        [sql::COUNTER_COLUMNS, sql::COUNTER_INDEXES, sql::COUNTER_CONSTRAINTS, sql::COUNTER_TRIGGERS]
    {
        for row in transaction.query(statement, &[&oids]).await.map_err(Error::query(DOING))? {
            let Some(table) = by_oid.get_mut(&get(&row, "table")?) else { continue };
            match statement {
                sql::COUNTER_COLUMNS => table.columns.push(column(&row)?),
                sql::COUNTER_INDEXES => add_index(table, &row)?,
                sql::COUNTER_CONSTRAINTS => add_constraint(table, &row)?,
                _ => table.triggers.push(trigger(&row)?),
            }
        }
    }
    Ok(())
}

fn qualified(row: &Row, schema: &str, name: &str) -> Result<QualifiedName> {
    Ok(QualifiedName { schema: get(row, schema)?, name: get(row, name)? })
}

fn table(row: &Row) -> Result<TableState> {
    Ok(TableState {
        oid: get(row, "oid")?,
        name: qualified(row, "schema", "name")?,
        kind: match get(row, "kind")? {
            "r" => Kind::Ordinary,
            "p" => Kind::Partitioned,
            "f" => Kind::Foreign,
            "v" | "m" => Kind::View,
            "temporary" => Kind::Temporary,
            "system" => Kind::System,
            _ => Kind::Other,
        },
        comment: get(row, "comment")?,
        parents: get(row, "parents")?,
        owner: get(row, "owner")?,
        rights: Rights {
            is_owned: get(row, "is_owned")?,
            may_create_in_schema: get(row, "may_create_in_schema")?,
            hides_rows: get(row, "hides_rows")?,
        },
        is_subscribed: get(row, "is_subscribed")?,
        ..TableState::default()
    })
}

fn column(row: &Row) -> Result<ColumnState> {
    Ok(ColumnState {
        name: get(row, "name")?,
        type_name: get(row, "type_name")?,
        is_not_null: get(row, "is_not_null")?,
        default: get(row, "default")?,
        is_generated: get(row, "is_generated")?,
        comment: get(row, "comment")?,
        has_system_operators: get(row, "has_system_operators")?,
    })
}

fn add_index(table: &mut TableState, row: &Row) -> Result<()> {
    let columns: Vec<String> = get(row, "columns")?;
    if get(row, "is_key")? {
        table.unique_keys.push(columns.clone());
    }
    if get(row, "is_btree")? {
        table.indexes.push(columns);
    }
    Ok(())
}

fn add_constraint(table: &mut TableState, row: &Row) -> Result<()> {
    let is_validated = get(row, "is_validated")?;
    if !get::<bool>(row, "is_foreign_key")? {
        table.checks.push(CheckState { name: get(row, "name")?, is_validated });
        return Ok(());
    }
    let looseness = match (get(row, "is_enforced")?, is_validated, get(row, "is_deferrable")?) {
        (false, ..) => Some(Looseness::NotEnforced),
        (_, false, _) => Some(Looseness::NotValid),
        (.., true) => Some(Looseness::Deferrable),
        _ => None,
    };
    table.foreign_keys.push(ForeignKeyState {
        name: get(row, "name")?,
        columns: get(row, "columns")?,
        parent: qualified(row, "parent_schema", "parent_name")?,
        parent_columns: get(row, "parent_columns")?,
        looseness,
    });
    Ok(())
}

fn trigger(row: &Row) -> Result<TriggerState> {
    Ok(TriggerState {
        name: get(row, "name")?,
        function: qualified(row, "function_schema", "function_name")?,
        is_enabled: get(row, "is_enabled")?,
        fires_for_updated_rows: get(row, "fires_for_updated_rows")?,
    })
}
