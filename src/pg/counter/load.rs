//! What a run that counts looks at between its batches: how busy the server is, and what people want.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use crate::counter::backfill::pace::{Answer, LoadSample, passes};
use crate::counter::journal::Order;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};
use crate::run_id::RunId;

/// A query that takes longer is no brake: the batches wait for it.
const PAUSE_WHEN_TIMEOUT: Duration = Duration::from_secs(2);

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
            Some(query) => Some(answer(connection, query).await?),
            None => None,
        },
        has_pause_file: false,
        is_paused: order.is_some() && order.as_deref() == pause.as_ref().and_then(serde_json::Value::as_str),
    };
    Ok(Load { sample, has_company: get(&row, "has_company")?, is_waited_for: get(&row, "is_waited_for")? })
}

/// Asks the user's query whether to wait.
pub(crate) async fn answer(connection: &Connection, query: &str) -> Result<Answer> {
    let doing = || Error::query("ask `--pause-when`");
    // The session that asks waits for as long as it takes elsewhere. All of one message is one transaction.
    let timeout = PAUSE_WHEN_TIMEOUT.as_millis();
    let asked =
        connection.simple_query(&format!("SET LOCAL statement_timeout = '{timeout}ms';\n{query}")).await;
    let messages = match asked {
        Ok(messages) => messages,
        Err(error) => match error.as_db_error() {
            Some(db) if passes(db.code().code()) => return Ok(Answer::Failed(db.message().to_owned())),
            _ => return Err(doing()(error)),
        },
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row.map(|row| row.try_get(0)).transpose().map_err(doing())?.flatten() {
        Some("t" | "true" | "on" | "1") => Ok(Answer::Wait),
        None | Some("f" | "false" | "off" | "0") => Ok(Answer::GoOn),
        Some(other) => Err(Error::NoAnswer { query: query.to_owned(), answer: other.to_owned() }),
    }
}
