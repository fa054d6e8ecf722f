//! What a run that counts looks at between its batches: how busy the server is, and what people want.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use crate::counter::backfill::pace::LoadSample;
use crate::counter::journal::Order;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};
use crate::run_id::RunId;

/// How busy a server is, for a run of these sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) sample: LoadSample,
    /// Whether anybody else works in this database.
    pub(crate) has_company: bool,
    /// Whether somebody waits for a lock of the run.
    pub(crate) is_waited_for: bool,
}

/// Asks how busy the server is, what the user's query says, and what was asked of the run.
pub(crate) async fn load(
    connection: &Connection,
    own_pids: &[i32],
    run: &RunId,
    query: Option<&str>,
) -> Result<Load> {
    let doing = || Error::query("ask how busy the server is");
    let row = connection.query_one(sql::COUNTER_LOAD, &[&own_pids]).await.map_err(doing())?;
    let lag_s: Option<f64> = get(&row, "lag_s")?;
    let order = connection.query_opt(sql::COUNTER_ORDER, &[&run.0]).await.map_err(doing())?;
    let order: Option<String> = order.map(|row| get(&row, "order")).transpose()?;
    let pause = serde_json::to_value(Order::Pause).ok();
    let sample = LoadSample {
        lag: lag_s.map(|lag_s| Duration::try_from_secs_f64(lag_s).unwrap_or_default()),
        slot_bytes: get::<Option<i64>>(&row, "slot_bytes")?.map(i64::unsigned_abs),
        n_active: get::<i64>(&row, "n_active")?.unsigned_abs(),
        query: match query {
            Some(query) => Some(says_to_wait(connection, query).await?),
            None => None,
        },
        has_pause_file: false,
        is_paused: order.is_some() && order.as_deref() == pause.as_ref().and_then(serde_json::Value::as_str),
    };
    Ok(Load { sample, has_company: get(&row, "has_company")?, is_waited_for: get(&row, "is_waited_for")? })
}

/// Asks the user's query whether to wait.
pub(crate) async fn says_to_wait(connection: &Connection, query: &str) -> Result<bool> {
    let messages = connection.simple_query(query).await.map_err(Error::query("ask `--pause-when`"))?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row.map(|row| row.try_get(0)).transpose().map_err(Error::query("ask `--pause-when`"))?.flatten() {
        Some("t" | "true" | "on" | "1") => Ok(true),
        None | Some("f" | "false" | "off" | "0") => Ok(false),
        Some(other) => Err(Error::NoAnswer { query: query.to_owned(), answer: other.to_owned() }),
    }
}
