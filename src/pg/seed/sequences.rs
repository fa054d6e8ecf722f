//! Sequences: a run takes its keys before it loads them, and gives them back when it is cleaned.

use tokio_postgres::Client;

use super::Event;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::manifest::{Move, Run, SequenceMove};

/// Refuses a plan whose keys somebody may have taken since it was made.
pub(super) async fn check(client: &Client, moves: &[SequenceMove]) -> Result<()> {
    for sequence in moves {
        if last_value(client, sequence).await? != sequence.before {
            return Err(Error::SequenceMoved { sequence: sequence.name.clone() });
        }
    }
    Ok(())
}

/// Moves sequences past the keys of a run, unless that is done.
pub(super) async fn reserve(client: &Client, run: &Run, on: &dyn Fn(Event<'_>)) -> Result<()> {
    for sequence in &run.sequences {
        let last_value = last_value(client, sequence).await?;
        match sequence.reserve(last_value) {
            Move::Nothing => {}
            Move::Set(..) if !sequence.may_update => on(Event::Warning(format!(
                "this role may not set sequence {name}; have its owner run: SELECT setval('{name}', {after})",
                name = sequence.name,
                after = sequence.after,
            ))),
            Move::Set(value, is_called) => {
                if !set(client, sequence, (value, is_called), last_value).await? {
                    return Err(Error::SequenceMoved { sequence: sequence.name.clone() });
                }
            }
            Move::Taken => return Err(Error::SequenceMoved { sequence: sequence.name.clone() }),
        }
    }
    Ok(())
}

/// Moves sequences back to where they were before a run, unless somebody has moved them since.
pub(super) async fn undo(client: &Client, run: &Run, on: &dyn Fn(Event<'_>)) -> Result<()> {
    for sequence in run.sequences.iter().filter(|sequence| sequence.may_update) {
        let last_value = last_value(client, sequence).await?;
        let is_set = match sequence.undo(last_value) {
            Move::Nothing => true,
            Move::Set(value, is_called) => set(client, sequence, (value, is_called), last_value).await?,
            Move::Taken => false,
        };
        if !is_set {
            on(Event::Warning(format!(
                "sequence {} stays where it is: it was used after the run",
                sequence.name
            )));
        }
    }
    Ok(())
}

async fn last_value(client: &Client, sequence: &SequenceMove) -> Result<Option<i64>> {
    let row = client
        .query_one(sql::SEED_SEQUENCE_VALUE, &[&sequence.name])
        .await
        .map_err(Error::query(format!("read sequence {}", sequence.name)))?;
    get(&row, "last_value")
}

/// Sets a sequence; false if it has moved meanwhile.
async fn set(
    client: &Client,
    sequence: &SequenceMove,
    (value, is_called): (i64, bool),
    seen: Option<i64>,
) -> Result<bool> {
    let row = client
        .query_opt(sql::SEED_SEQUENCE_SET, &[&sequence.name, &value, &is_called, &seen])
        .await
        .map_err(Error::query(format!("set sequence {}", sequence.name)))?;
    Ok(row.is_some())
}
