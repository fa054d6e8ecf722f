//! Lets the server judge the conditions and sums that people write, and write them so that they mean the same in every session.
//!
//! An index may hold only what a counter may go by: columns of its table, constants and immutable functions. So each condition and
//! each sum becomes those of an index on an empty table of the same columns, in a transaction that is rolled back.

use tokio_postgres::Transaction;

use crate::counter::check::{Canonical, CanonicalSum};
use crate::counter::site::QualifiedName;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};
use crate::query::{quote, words};

/// What stands for the child where this role may not create temporary tables; it may create in the child's schema, as a counter
/// asks for it.
const PROBE: &str = "perfkit_count_probe";
const DOING: &str = "try a condition or sum";

/// A condition and a sum over the columns of a table, as they were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) child: &'a QualifiedName,
    pub(crate) condition: Option<&'a str>,
    pub(crate) sum: Option<&'a str>,
    /// Columns that the child will have by then, with their types.
    pub(crate) planned: &'a [(String, String)],
}

/// Returns what the server makes of a condition and a sum. The session must not be read-only, yet nothing stays of it.
pub(crate) async fn canonical(connection: &mut Connection, written: Written<'_>) -> Result<Canonical> {
    if written.condition.is_none() && written.sum.is_none() {
        return Ok(Canonical::default());
    }
    let texts = [written.condition, written.sum].into_iter().flatten();
    if let Some(text) = texts.into_iter().find(|text| !words::is_enclosable(text)) {
        return Err(Error::NoExpression { text: text.to_owned() });
    }
    let transaction = connection.client_mut().transaction().await.map_err(Error::query(DOING))?;
    let canonical = judge(&transaction, written).await;
    let rolled_back = transaction.rollback().await.map_err(Error::query(DOING));
    canonical.and_then(|canonical| rolled_back.map(|()| canonical))
}

async fn judge(transaction: &Transaction<'_>, written: Written<'_>) -> Result<Canonical> {
    let Written { child, condition, sum, planned } = written;
    let row = transaction.query_one(sql::MAY_CREATE_TEMPORARY, &[]).await.map_err(Error::query(DOING))?;
    // A temporary table may have the name of the child, with which its columns may be qualified.
    let (kind, table) = if get(&row, "may_create")? {
        ("TEMPORARY ", quote::qualified("pg_temp", &child.name))
    } else {
        ("", quote::qualified(&child.schema, PROBE))
    };
    let create = format!("CREATE {kind}TABLE {table} (LIKE {child})");
    transaction.batch_execute(&create).await.map_err(Error::query(DOING))?;
    for (column, type_name) in planned {
        let column = quote::identifier(column);
        let add = format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type_name}");
        transaction.batch_execute(&add).await.map_err(Error::query(DOING))?;
    }
    let type_name = match sum {
        Some(sum) => Some(type_of(transaction, &table, sum).await?),
        None => None,
    };
    if let (Some(sum), Some(type_name)) = (sum, &type_name)
        && !is_number(type_name)
    {
        // It is refused, and it may have no order, so that no index could hold it.
        let sum = CanonicalSum { sql: sum.to_owned(), type_name: type_name.clone() };
        return Ok(Canonical { condition: None, sum: Some(sum) });
    }
    let predicate = condition.map(|condition| format!(" WHERE (\n{condition}\n)")).unwrap_or_default();
    let create = format!("CREATE INDEX ON {table} ((\n{}\n)){predicate}", sum.unwrap_or("1"));
    let text = [condition, sum].into_iter().flatten().collect::<Vec<_>>().join(", ");
    // By the protocol that takes one statement alone.
    transaction.execute(&create, &[]).await.map_err(|source| Error::Expression { text, source })?;
    transaction.query(sql::SEARCH_PATH_OF_CATALOG, &[]).await.map_err(Error::query(DOING))?;
    let row = transaction.query_one(sql::COUNTER_PROBE, &[&table]).await.map_err(Error::query(DOING))?;
    let sum = match type_name {
        Some(type_name) => Some(CanonicalSum { sql: get(&row, "sum")?, type_name }),
        None => None,
    };
    Ok(Canonical { condition: get(&row, "condition")?, sum })
}

/// Returns the type of a sum, as `format_type` writes it.
async fn type_of(transaction: &Transaction<'_>, table: &str, sum: &str) -> Result<String> {
    let select = format!("SELECT (\n{sum}\n) FROM {table}");
    let prepared = transaction.prepare(&select).await;
    let prepared = prepared.map_err(|source| Error::Expression { text: sum.to_owned(), source })?;
    let oid = prepared.columns().first().map_or(0, |column| column.type_().oid());
    let row = transaction.query_one(sql::TYPE_NAME, &[&oid]).await.map_err(Error::query(DOING))?;
    get(&row, "type_name")
}

fn is_number(type_name: &str) -> bool {
    matches!(type_name, "smallint" | "integer" | "bigint" | "numeric")
}
