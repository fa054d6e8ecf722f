//! Reads what seeding has to know of the schemas that it fills, from one repeatable-read transaction.

use std::collections::BTreeSet;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Transaction};

use crate::pg::catalog::{get, snapshot};
use crate::pg::{Connection, Error, Result, sql};
use crate::query::check::SqlFunction;
use crate::seed::schema::of_catalog::{Check, Column, Facts, Index, IndexPart, Member, Reference, schema};
use crate::seed::schema::types::TypeFact;
use crate::seed::schema::{Schema, Sequence, TableId, Trigger};

const DOING: &str = "read the schema";
/// Of so many tables one statement asks whether they hold rows: the planner's memory for it stays small.
const TABLES_AT_ONCE: usize = 200;

/// Reads the tables of these schemas: none are those of the search path, `*` is all but the system's and perfkit's.
pub(crate) async fn load(connection: &mut Connection, schemas: &[String]) -> Result<Schema> {
    connection.query(sql::CHEAP_PLANNING, &[]).await.map_err(Error::query(DOING))?;
    let transaction = snapshot(connection).await?;
    match load_in(&transaction, schemas).await {
        Ok(schema) => {
            transaction.commit().await.map_err(Error::query(DOING))?;
            Ok(schema)
        }
        Err(Error::Query { source, .. }) if source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            transaction.rollback().await.map_err(Error::query(DOING))?;
            let locked = connection.query(sql::SEED_LOCKED, &[]).await.map_err(Error::query(DOING))?;
            let doing = match locked.first() {
                Some(row) => format!("read table {}", get::<String>(row, "name")?),
                None => DOING.to_owned(),
            };
            Err(Error::query(doing)(source))
        }
        Err(error) => Err(error),
    }
}

/// Reads the tables as a transaction sees them.
pub(crate) async fn load_in(transaction: &Transaction<'_>, schemas: &[String]) -> Result<Schema> {
    let facts = read(transaction, schemas).await?;
    let n_tables = facts.members.iter().filter(|member| member.oid == member.root).count();
    if n_tables > usize::from(TableId::MAX) {
        let reason = format!("{n_tables} tables are more than can be filled at once");
        return Err(Error::Answer { what: "the schema".to_owned(), reason });
    }
    Ok(schema(&facts))
}

async fn read(transaction: &Transaction<'_>, schemas: &[String]) -> Result<Facts> {
    let mut facts = Facts::default();
    for row in transaction.query(sql::SEED_TABLES, &[&schemas]).await.map_err(Error::query(DOING))? {
        facts.members.push(member(&row)?);
    }
    let roots: Vec<u32> = facts.members.iter().map(|member| member.root).collect();
    let members: Vec<u32> = facts.members.iter().map(|member| member.oid).collect();
    let of_members = |statement: &'static str| {
        let (roots, members) = (&roots, &members);
        async move { transaction.query(statement, &[roots, members]).await.map_err(Error::query(DOING)) }
    };
    for row in of_members(sql::SEED_COLUMNS).await? {
        facts.columns.push(column(&row)?);
    }
    for row in of_members(sql::SEED_CONSTRAINTS).await? {
        if get(&row, "is_foreign_key")? {
            facts.foreign_keys.push(reference(&row)?);
        } else {
            facts.checks.push(check(&row)?);
        }
    }
    for row in of_members(sql::SEED_KEYS).await? {
        facts.indexes.push(index(&row)?);
    }
    for row in of_members(sql::SEED_TRIGGERS).await? {
        facts.triggers.push((get(&row, "table")?, trigger(&row)?));
    }
    let types: BTreeSet<u32> = facts.columns.iter().map(|column| column.type_oid).collect();
    let types: Vec<u32> = types.into_iter().collect();
    for row in transaction.query(sql::SEED_TYPES, &[&types]).await.map_err(Error::query(DOING))? {
        facts.types.insert(get(&row, "oid")?, type_fact(&row)?);
    }
    for row in transaction.query(sql::SEED_FUNCTIONS, &[]).await.map_err(Error::query(DOING))? {
        facts.functions.push(function(&row)?);
    }
    facts.filled = filled(transaction, &facts.members).await?;
    Ok(facts)
}

/// Returns the tables that hold rows, of those that may be read.
async fn filled(transaction: &Transaction<'_>, members: &[Member]) -> Result<BTreeSet<u32>> {
    let tables: Vec<&Member> = members
        .iter()
        .filter(|member| member.oid == member.root && member.may_use_schema && member.may_select)
        .collect();
    let mut filled = BTreeSet::new();
    for tables in tables.chunks(TABLES_AT_ONCE) {
        let exists = |member: &&Member| {
            // Rows of inheriting tables are not its own; those of partitions are.
            let only = if member.kind == 'p' { "" } else { "ONLY " };
            format!("EXISTS (SELECT FROM {only}{})", sql::quote_qualified(&member.schema, &member.name))
        };
        let exists: Vec<String> = tables.iter().map(exists).collect();
        let statement = format!("SELECT ARRAY[{}] AS filled", exists.join(", "));
        let row = transaction.query_one(&statement, &[]).await.map_err(Error::query(DOING))?;
        let answers: Vec<bool> = get(&row, "filled")?;
        filled.extend(
            tables.iter().zip(answers).filter(|(_, is_filled)| *is_filled).map(|(table, _)| table.oid),
        );
    }
    Ok(filled)
}

fn member(row: &Row) -> Result<Member> {
    Ok(Member {
        oid: get(row, "member")?,
        root: get(row, "root")?,
        parent: get(row, "parent")?,
        is_asked: get(row, "is_asked")?,
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        kind: letter(get(row, "kind")?),
        strategy: get::<Option<i8>>(row, "strategy")?.map(letter),
        partition_columns: get(row, "partition_columns")?,
        bound: get(row, "bound")?,
        has_row_security: get(row, "has_row_security")?,
        rule: get(row, "rule")?,
        may_use_schema: get(row, "may_use_schema")?,
        may_insert: get(row, "may_insert")?,
        may_select: get(row, "may_select")?,
    })
}

/// Returns a value of the type `"char"`.
fn letter(byte: i8) -> char {
    char::from(byte.cast_unsigned())
}

fn column(row: &Row) -> Result<Column> {
    let has_sequence: bool = get(row, "has_sequence")?;
    Ok(Column {
        table: get(row, "table")?,
        name: get(row, "name")?,
        type_oid: get(row, "type")?,
        modifier: get(row, "modifier")?,
        type_name: get(row, "type_name")?,
        not_null: get(row, "not_null")?,
        is_generated: get(row, "is_generated")?,
        default: get(row, "default")?,
        is_always_identity: get(row, "is_always_identity")?,
        folds_case: get(row, "folds_case")?,
        sequence: has_sequence.then(|| sequence(row)).transpose()?,
    })
}

fn sequence(row: &Row) -> Result<Sequence> {
    Ok(Sequence {
        schema: get(row, "sequence_schema")?,
        name: get(row, "sequence")?,
        increment: get(row, "increment")?,
        min: get(row, "min")?,
        max: get(row, "max")?,
        last_value: get(row, "last_value")?,
        start: get(row, "start")?,
        may_update: get(row, "may_update")?,
        is_owner: get(row, "is_owner")?,
    })
}

fn check(row: &Row) -> Result<Check> {
    Ok(Check {
        table: get(row, "table")?,
        member: get(row, "member")?,
        name: get(row, "name")?,
        definition: get(row, "definition")?,
    })
}

fn reference(row: &Row) -> Result<Reference> {
    Ok(Reference {
        table: get(row, "table")?,
        name: get(row, "name")?,
        columns: get(row, "columns")?,
        parent: get(row, "parent")?,
        parent_columns: get(row, "parent_columns")?,
        is_match_full: get(row, "is_match_full")?,
        is_deferrable: get(row, "is_deferrable")?,
    })
}

fn index(row: &Row) -> Result<Index> {
    let columns: Vec<Option<String>> = get(row, "columns")?;
    let definitions: Vec<String> = get(row, "definitions")?;
    let folds_case: Vec<bool> = get(row, "folds_case")?;
    let parts = columns.into_iter().zip(definitions).zip(folds_case);
    Ok(Index {
        table: get(row, "table")?,
        name: get(row, "name")?,
        is_primary: get(row, "is_primary")?,
        nulls_distinct: get(row, "nulls_distinct")?,
        predicate: get(row, "predicate")?,
        parts: parts
            .map(|((column, definition), folds_case)| IndexPart { column, definition, folds_case })
            .collect(),
        operators: get(row, "operators")?,
    })
}

fn trigger(row: &Row) -> Result<Trigger> {
    Ok(Trigger {
        name: get(row, "name")?,
        function: get(row, "function")?,
        is_before: get(row, "is_before")?,
        is_row_level: get(row, "is_row_level")?,
        is_deferrable: get(row, "is_deferrable")?,
    })
}

fn function(row: &Row) -> Result<SqlFunction> {
    Ok(SqlFunction {
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        parameters: get(row, "parameters")?,
        body: get(row, "body")?,
    })
}

fn type_fact(row: &Row) -> Result<TypeFact> {
    let attributes: Vec<u32> = get(row, "attributes")?;
    let modifiers: Vec<i32> = get(row, "attribute_modifiers")?;
    let check_names: Vec<String> = get(row, "check_names")?;
    let checks: Vec<String> = get(row, "checks")?;
    Ok(TypeFact {
        name: get(row, "name")?,
        is_builtin: get(row, "is_builtin")?,
        kind: letter(get(row, "kind")?),
        has_no_binary: get(row, "has_no_binary")?,
        part: get(row, "part")?,
        modifier: get(row, "modifier")?,
        not_null: get(row, "not_null")?,
        default: get(row, "default")?,
        checks: check_names.into_iter().zip(checks).collect(),
        labels: get(row, "labels")?,
        attributes: attributes.into_iter().zip(modifiers).collect(),
    })
}
