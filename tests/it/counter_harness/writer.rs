//! One session that writes at random.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::SinkExt as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::Case;
use super::random::Random;
use super::step::{Act, Step};
use crate::support::pg::Database;

/// After so many steps the first writer does what is done once.
const ONCE_AFTER: u64 = 60;

/// What a writer has done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) n_committed: u64,
    pub(crate) n_rolled_back: u64,
    /// By a constraint, or because others had changed the same rows.
    pub(crate) n_refused: u64,
    pub(crate) deadlocks: Vec<String>,
    /// What was committed.
    pub(crate) by_name: BTreeMap<&'static str, u64>,
}

impl Written {
    pub(crate) fn add(&mut self, other: Self) {
        self.n_committed += other.n_committed;
        self.n_rolled_back += other.n_rolled_back;
        self.n_refused += other.n_refused;
        self.deadlocks.extend(other.deadlocks);
        for (name, n) in other.by_name {
            *self.by_name.entry(name).or_default() += n;
        }
    }
}

pub(crate) fn write(
    database: &Database,
    case: &Case,
    mut random: Random,
    does_once: bool,
    is_over: &AtomicBool,
) -> Written {
    let mut written = Written::default();
    let ended = database.with_client(|client| {
        let written = &mut written;
        async move {
            let mut n_steps = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                n_steps += 1;
                if does_once && n_steps == ONCE_AFTER {
                    for step in &case.once {
                        take(&client, step, written).await?;
                    }
                }
                take(&client, &(case.step)(&mut random), written).await?;
            }
            Ok(())
        }
    });
    if let Err(error) = ended {
        panic!("{}: {error:?}", case.name);
    }
    written
}

async fn take(client: &Client, step: &Step, written: &mut Written) -> Result<(), Error> {
    match transact(client, step).await {
        Ok(()) if step.is_rolled_back => {
            client.batch_execute("ROLLBACK").await?;
            written.n_rolled_back += 1;
        }
        Ok(()) => match client.batch_execute("COMMIT").await {
            Ok(()) => {
                written.n_committed += 1;
                *written.by_name.entry(step.name).or_default() += 1;
            }
            Err(error) => refused(client, step, written, error).await?,
        },
        Err(error) => refused(client, step, written, error).await?,
    }
    Ok(())
}

async fn transact(client: &Client, step: &Step) -> Result<(), Error> {
    let isolation = if step.is_repeatable_read { " ISOLATION LEVEL REPEATABLE READ" } else { "" };
    client.batch_execute(&format!("BEGIN{isolation}")).await?;
    for lock in &step.locks {
        client.batch_execute(&lock.sql()).await?;
    }
    for act in &step.acts {
        match act {
            Act::Sql(sql) => client.batch_execute(sql).await?,
            Act::Copy { into, rows } => {
                let sink = client.copy_in(&format!("COPY {into} FROM STDIN (FORMAT csv)")).await?;
                futures_util::pin_mut!(sink);
                sink.send(bytes::Bytes::from(rows.clone())).await?;
                sink.finish().await?;
            }
        }
    }
    Ok(())
}

/// Takes note of what a constraint or other writers do not allow; anything else is a fault.
async fn refused(client: &Client, step: &Step, written: &mut Written, error: Error) -> Result<(), Error> {
    let state = error.code().cloned();
    client.batch_execute("ROLLBACK").await?;
    match state {
        Some(SqlState::T_R_DEADLOCK_DETECTED) => written.deadlocks.push(format!("{}: {error:?}", step.name)),
        Some(
            SqlState::FOREIGN_KEY_VIOLATION
            | SqlState::UNIQUE_VIOLATION
            // No partition for the row.
            | SqlState::CHECK_VIOLATION
            | SqlState::NOT_NULL_VIOLATION
            // A row was changed by others, or moved to another partition.
            | SqlState::T_R_SERIALIZATION_FAILURE,
        ) => written.n_refused += 1,
        _ => return Err(error),
    }
    Ok(())
}
