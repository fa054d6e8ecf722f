//! Reads what a plan of changes goes by.

use std::collections::BTreeSet;

use crate::index::change::IndexName;
use crate::index::change::plan::Goal;
use crate::index::change::state::{Builder, IndexState, Kind, Protection, State, TableState};
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::index_record;
use crate::pg::sql;
use crate::query::index_ddl::RelationName;

const DOING: &str = "read the tables to change";
/// Names of indexes that begin as a wanted one does, in so many bytes, are read: what is cut off a long name is less.
const PREFIX_BYTES: usize = 40;

/// Reads the state of the tables that these goals are about.
pub(crate) async fn read_state(connection: &Connection, goals: &[Goal]) -> Result<State> {
    let indexes: Vec<&IndexName> = goals.iter().flat_map(Goal::indexes).collect();
    let tables: BTreeSet<(&str, &str)> =
        indexes.iter().map(|index| (index.schema.as_str(), index.table.as_str())).collect();
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables.into_iter().unzip();
    let mut state = State::default();
    for row in connection.query(sql::CHANGE_TABLES, &[&schemas, &names]).await.map_err(Error::query(DOING))? {
        let kind: &str = get(&row, "kind")?;
        state.tables.push(TableState {
            oid: get(&row, "oid")?,
            schema: get(&row, "schema")?,
            name: get(&row, "name")?,
            kind: match kind {
                "r" | "m" => Kind::Ordinary,
                "p" => Kind::Partitioned,
                "f" => Kind::Foreign,
                _ => Kind::Other,
            },
            parent: get(&row, "parent")?,
            size_bytes: get::<i64>(&row, "size_bytes")?.unsigned_abs(),
            indexes: Vec::new(),
        });
    }
    let oids: Vec<u32> = state.tables.iter().map(|table| table.oid).collect();
    // The journal has definitions in that form.
    for row in index_record::qualified(connection, connection.query(sql::CHANGE_INDEXES, &[&oids])).await? {
        let table: u32 = get(&row, "table")?;
        let protection: Option<&str> = get(&row, "protection")?;
        let index = IndexState {
            oid: get(&row, "oid")?,
            name: get(&row, "name")?,
            definition: get(&row, "definition")?,
            is_valid: get(&row, "is_valid")?,
            is_partitioned: get(&row, "is_partitioned")?,
            parent: get(&row, "parent")?,
            protection: protection.map(|it| match it {
                "constraint" => Protection::Constraint,
                "replica identity" => Protection::ReplicaIdentity,
                _ => Protection::ForeignKey,
            }),
            has_statistics: get(&row, "has_statistics")?,
            size_bytes: get::<i64>(&row, "size_bytes")?.unsigned_abs(),
            n_scans: get::<i64>(&row, "n_scans")?.unsigned_abs(),
        };
        if let Some(table) = state.tables.iter_mut().find(|it| it.oid == table) {
            table.indexes.push(index);
        }
    }
    for row in connection.query(sql::CHANGE_BUILDERS, &[&oids]).await.map_err(Error::query(DOING))? {
        state.builders.push(Builder { table: get(&row, "table")?, pid: get(&row, "pid")? });
    }
    let (schemas, prefixes) = name_space(&state, &indexes);
    for row in
        connection.query(sql::CHANGE_NAMES, &[&schemas, &prefixes]).await.map_err(Error::query(DOING))?
    {
        state.taken.insert((get(&row, "schema")?, get(&row, "name")?));
    }
    Ok(state)
}

/// Whether an index is the one that was seen, and still not valid. A drop goes by name, and what somebody has put in its place
/// meanwhile must stay.
pub(crate) async fn is_leftover(connection: &Connection, index: &IndexName, oid: u32) -> Result<bool> {
    let row = connection
        .query_one(sql::IS_LEFTOVER, &[&index.schema, &index.name, &oid])
        .await
        .map_err(Error::query("look for the leftover"))?;
    get(&row, "is_leftover")
}

/// Returns the schemas in which names may be needed, and how these begin: as a wanted index, or as a table of its tree.
fn name_space(state: &State, indexes: &[&IndexName]) -> (Vec<String>, Vec<String>) {
    let schemas: BTreeSet<String> = state.tables.iter().map(|table| table.schema.clone()).collect();
    let start = |name: &str| {
        let mut end = name.len().min(PREFIX_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name[..end].to_owned()
    };
    let own = indexes.iter().map(|index| start(&index.name));
    let of_partitions =
        state.tables.iter().filter(|table| table.parent.is_some()).map(|table| start(&table.name));
    let prefixes: BTreeSet<String> = own.chain(of_partitions).collect();
    (schemas.into_iter().collect(), prefixes.into_iter().collect())
}

/// Finds relations by name, through the search path where there is no schema. Of an index it says the table, of all else the
/// name itself; `None` for what is not there.
pub(crate) async fn resolve(
    connection: &Connection,
    names: &[RelationName],
) -> Result<Vec<Option<IndexName>>> {
    let texts: Vec<String> = names
        .iter()
        .map(|name| match &name.schema {
            Some(schema) => sql::quote_qualified(schema, &name.name),
            None => sql::quote_identifier(&name.name),
        })
        .collect();
    let mut found = vec![None; names.len()];
    let rows = connection.query(sql::RESOLVE_RELATIONS, &[&texts]).await;
    for row in rows.map_err(Error::query("look up names"))? {
        let (name, table): (String, Option<String>) = (get(&row, "name")?, get(&row, "table")?);
        let number = usize::try_from(get::<i64>(&row, "number")?).unwrap_or(0);
        if let Some(place) = number.checked_sub(1).and_then(|at| found.get_mut(at)) {
            let table = table.unwrap_or_else(|| name.clone());
            *place = Some(IndexName { schema: get(&row, "schema")?, table, name });
        }
    }
    Ok(found)
}
