//! Rows to COPY BINARY.

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::Transaction;

use super::error::{Error, Result};
use super::sql;
use crate::seed::{SeedPlan, TablePlan};

/// How much is encoded before it is sent: large enough to spare system calls, small enough to stay in cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// Copies all rows of `table` and returns the bytes that were sent.
///
/// `advance` is called with the number of rows of each chunk.
pub(crate) async fn copy_table(
    transaction: &Transaction<'_>,
    plan: &SeedPlan,
    table: &TablePlan,
    mut advance: impl FnMut(u64),
) -> Result<u64> {
    let columns: Vec<String> =
        table.columns.iter().map(|column| sql::quote_identifier(&column.name)).collect();
    let copy = format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        sql::quote_qualified(&table.schema, &table.name),
        columns.join(", ")
    );
    let doing = || Error::query(format!("copy rows into table \"{}\"", table.name));
    let sink = transaction.copy_in::<_, Bytes>(&copy).await.map_err(doing())?;
    futures_util::pin_mut!(sink);
    let mut buffer = Vec::with_capacity(CHUNK_BYTES + 4096);
    buffer.extend(SeedPlan::copy_header());
    let mut n_bytes = 0;
    let mut first_row = 0;
    while first_row < table.n_rows {
        let mut row = first_row;
        while row < table.n_rows && buffer.len() < CHUNK_BYTES {
            plan.encode_row(table, row, &mut buffer);
            row += 1;
        }
        n_bytes += buffer.len() as u64;
        let chunk = std::mem::replace(&mut buffer, Vec::with_capacity(CHUNK_BYTES + 4096));
        sink.send(Bytes::from(chunk)).await.map_err(doing())?;
        advance(row - first_row);
        first_row = row;
    }
    buffer.extend(SeedPlan::copy_trailer());
    n_bytes += buffer.len() as u64;
    sink.send(Bytes::from(buffer)).await.map_err(doing())?;
    let n_rows = sink.finish().await.map_err(doing())?;
    if n_rows == table.n_rows {
        Ok(n_bytes)
    } else {
        Err(Error::RowsLost { table: table.name.clone(), arrived: n_rows, sent: table.n_rows })
    }
}
