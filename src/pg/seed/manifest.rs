//! Keeps the manifest: tables of schema `perfkit` in the database that is seeded.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Row};

use super::partition;
use crate::index::change::failure::Failure;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::random;
use crate::run_id::RunId;
use crate::seed::ALGORITHM;
use crate::seed::chunk::of_step;
use crate::seed::manifest::{Done, Patch, Run, RunState, left, sequence_moves};
use crate::seed::plan::{Plan, Step};
use crate::seed::schema::TableId;
use crate::sources::now_us;

/// How often it is waited for transactions of others on the manifest.
const MAX_LOCK_TRIES: u32 = 10;
/// The manifest, in messages.
const PLACE: &str = "perfkit.seed_run";

/// A run as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: RunId,
    pub(crate) state: RunState,
    pub(crate) perfkit_version: String,
    /// Microseconds since 1970.
    pub(crate) started_us: i64,
    pub(crate) n_rows: u64,
    pub(crate) n_rows_loaded: u64,
}

/// Creates what is missing. IF NOT EXISTS alone asks for the privilege even where there is nothing to create.
pub(super) async fn create(connection: &Connection) -> Result<()> {
    let there = exists(connection).await?;
    if there.has_tables && there.has_effects {
        return Ok(());
    }
    let tables = [
        sql::SEED_RUN_TABLE,
        sql::SEED_CHUNK_TABLE,
        sql::SEED_PATCH_TABLE,
        sql::SEED_EFFECT_TABLE,
        sql::SEED_EFFECT_NESTED,
    ];
    let schema = if there.has_schema { None } else { Some(sql::JOURNAL_SCHEMA) };
    for statement in schema.into_iter().chain(tables) {
        connection.batch_execute(statement).await.map_err(|source| Error::NoManifest { source })?;
    }
    Ok(())
}

/// What there is of a manifest.
struct There {
    has_schema: bool,
    has_tables: bool,
    /// The table of effects came later than the others, and a column of it later still.
    has_effects: bool,
}

/// Whether there are the manifest's tables, and their schema. `seed clean` deletes what a manifest says, so that tables which
/// somebody else may have put there are refused.
async fn exists(connection: &Connection) -> Result<There> {
    let row = connection
        .query_one(sql::SEED_MANIFEST_EXISTS, &[])
        .await
        .map_err(Error::query("look for the manifest"))?;
    match get::<Option<String>>(&row, "strange_owner")? {
        None => Ok(There {
            has_schema: get(&row, "has_schema")?,
            has_tables: get(&row, "has_tables")?,
            has_effects: get(&row, "has_effects")?,
        }),
        Some(owner) => Err(Error::Manifest {
            reason: format!(
                "a table of it belongs to role \"{owner}\", which is neither this role nor a superuser nor the database's owner"
            ),
            hint: "Have a superuser check the tables of schema \"perfkit\" and change their owner.",
        }),
    }
}

/// Writes a new run down, before it changes anything but that it makes its partitions, and returns it.
pub(super) async fn begin(connection: &Connection, plan: Plan) -> Result<Run> {
    let started_us = now_us();
    let bits = random::mix(u64::from(std::process::id()) ^ started_us.unsigned_abs());
    let run = Run {
        id: RunId::new(started_us, bits),
        state: RunState::Loading,
        perfkit_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_us,
        shape: shape(connection, &plan).await?,
        sequences: sequence_moves(&plan),
        index_run: None,
        plan,
    };
    let partitions: Vec<String> =
        run.plan.partitions.iter().map(|partition| partition.statement(&run.plan)).collect();
    if partitions.is_empty() {
        insert(connection, &run).await?;
        return Ok(run);
    }
    // With the run or not at all: what it has not made is not its to drop.
    let transaction = |statement: &'static str| async move {
        connection.batch_execute(statement).await.map_err(Error::query("make partitions"))
    };
    transaction("BEGIN").await?;
    let begun = async {
        partition::make(connection, &partitions).await?;
        insert(connection, &run).await
    };
    let begun = begun.await;
    transaction(if begun.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    begun.map(|()| run)
}

async fn insert(connection: &Connection, run: &Run) -> Result<()> {
    let json = |reason: serde_json::Error| unreadable(&reason);
    let chunks = left(&run.plan, &BTreeSet::new());
    let n_rows: u64 =
        chunks.iter().flat_map(|chunk| &chunk.parts).map(|(_, rows)| rows.end - rows.start).sum();
    connection
        .execute(
            sql::SEED_RUN_INSERT,
            &[
                &run.id.0,
                &run.state.name(),
                &i32::try_from(run.plan.algorithm).unwrap_or(i32::MAX),
                &run.perfkit_version,
                &run.started_us,
                &i64::try_from(n_rows).unwrap_or(i64::MAX),
                &serde_json::to_vec(&run.plan).map_err(json)?,
                &run.shape,
                &serde_json::to_vec(&run.sequences).map_err(json)?,
            ],
        )
        .await
        .map(drop)
        .map_err(Error::query("write the manifest"))
}

pub(super) async fn set_state(connection: &Connection, run: &RunId, state: RunState) -> Result<()> {
    connection
        .execute(sql::SEED_RUN_STATE, &[&run.0, &state.name()])
        .await
        .map(drop)
        .map_err(Error::query("write the manifest"))
}

pub(super) async fn set_index_run(connection: &Connection, run: &RunId, index_run: &RunId) -> Result<()> {
    connection
        .execute(sql::SEED_RUN_INDEXES, &[&run.0, &index_run.0])
        .await
        .map(drop)
        .map_err(Error::query("write the manifest"))
}

/// Returns the runs, oldest first; none when there is no manifest.
pub(crate) async fn runs(connection: &Connection) -> Result<Vec<Listed>> {
    if !exists(connection).await?.has_tables {
        return Ok(Vec::new());
    }
    let rows = connection.query(sql::SEED_RUNS, &[]).await.map_err(Error::query("read the manifest"))?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                id: RunId(get(row, "run")?),
                state: state(row)?,
                perfkit_version: get(row, "perfkit_version")?,
                started_us: get(row, "started_us")?,
                n_rows: get::<i64>(row, "n_rows")?.unsigned_abs(),
                n_rows_loaded: get::<i64>(row, "n_rows_loaded")?.unsigned_abs(),
            })
        })
        .collect()
}

/// Reads a run with its plan.
pub(crate) async fn read(connection: &Connection, id: &RunId) -> Result<Run> {
    let row = connection
        .query_one(sql::SEED_RUN_READ, &[&id.0])
        .await
        .map_err(Error::query("read the manifest"))?;
    let algorithm: i32 = get(&row, "algorithm")?;
    if u32::try_from(algorithm).ok() != Some(ALGORITHM) {
        return Err(Error::Manifest {
            reason: format!(
                "run {id} is of version {algorithm} of the generator; this perfkit has version {ALGORITHM}"
            ),
            hint: "Use the perfkit that has started the run.",
        });
    }
    Ok(Run {
        id: id.clone(),
        state: state(&row)?,
        perfkit_version: get(&row, "perfkit_version")?,
        started_us: get(&row, "started_us")?,
        plan: serde_json::from_slice(get(&row, "plan")?).map_err(|reason| unreadable(&reason))?,
        shape: get(&row, "shape")?,
        sequences: serde_json::from_slice(get(&row, "sequences")?).map_err(|reason| unreadable(&reason))?,
        index_run: get::<Option<String>>(&row, "index_run")?.map(RunId),
    })
}

/// Waits until the sessions of a perfkit that was killed have ended their transactions: a chunk that is committed now would
/// be missed.
pub(super) async fn settle(connection: &Connection) -> Result<()> {
    let mut tries = 0;
    loop {
        let statement = format!("BEGIN; {}; COMMIT", sql::SEED_CHUNK_LOCK);
        let settled = connection.batch_execute(&statement).await.map_err(Error::query("lock the manifest"));
        if settled.is_err() {
            connection.batch_execute("ROLLBACK").await.map_err(Error::query("lock the manifest"))?;
        }
        tries += 1;
        match settled {
            // Each try waits for as long as a lock may take.
            Err(error) if error.failure() == Failure::Busy && tries < MAX_LOCK_TRIES => {}
            settled => return settled,
        }
    }
}

/// Returns what has been committed of a run whose rows may have been lost in a crash of the server.
pub(super) async fn kept(client: &Client, run: &RunId, plan: &Plan) -> Result<Done> {
    forget_emptied(client, run, plan).await?;
    done(client, run).await
}

/// Takes chunks of unlogged tables out of the manifest that a crash has emptied. Tables of a step are alike: no foreign key leads
/// from a permanent table to an unlogged one.
async fn forget_emptied(client: &Client, run: &RunId, plan: &Plan) -> Result<()> {
    let doing = || Error::query("look for rows of unlogged tables");
    let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    for row in client.query(sql::SEED_UNLOGGED, &[&schemas, &names]).await.map_err(doing())? {
        let place = usize::try_from(get::<i32>(&row, "place")? - 1).unwrap_or(usize::MAX);
        let steps = (0_i32..).zip(&plan.steps);
        let of_table = |step: &Step| of_step(step).iter().any(|table| usize::from(*table) == place);
        let Some((step, _)) = steps.into_iter().find(|(_, step)| of_table(step)) else { continue };
        // One statement: it sees the rows of another stream with their manifest or neither.
        let forget = format!(
            "DELETE FROM perfkit.seed_chunk WHERE run = $1 AND step = $2 AND NOT EXISTS (SELECT FROM {})",
            sql::quote_qualified(&plan.tables[place].schema, &plan.tables[place].name)
        );
        client.execute(&forget, &[&run.0, &step]).await.map_err(doing())?;
    }
    Ok(())
}

/// Returns what has been committed of a run.
pub(super) async fn done(client: &Client, run: &RunId) -> Result<Done> {
    let doing = || Error::query("read the manifest");
    let mut done = Done::default();
    for row in client.query(sql::SEED_CHUNKS, &[&run.0]).await.map_err(doing())? {
        let number = |name| get::<i32>(&row, name).map(i32::unsigned_abs);
        done.chunks.insert((number("step")?, number("chunk")?));
    }
    for row in client.query(sql::SEED_PATCHES, &[&run.0]).await.map_err(doing())? {
        done.patch(&Patch {
            table: TableId::try_from(get::<i32>(&row, "table_number")?).unwrap_or(TableId::MAX),
            row: get::<i64>(&row, "row_number")?.unsigned_abs(),
            attempt: get::<i32>(&row, "attempt")?.unsigned_abs(),
            reason: get(&row, "reason")?,
        });
    }
    Ok(done)
}

/// Writes down which rows take the place of refused ones, before any of them is loaded.
pub(super) async fn patch(connection: &Connection, run: &RunId, patches: &[Patch]) -> Result<()> {
    let tables: Vec<i32> = patches.iter().map(|patch| i32::from(patch.table)).collect();
    let rows: Vec<i64> = patches.iter().map(|patch| signed(patch.row)).collect();
    let attempts: Vec<i32> =
        patches.iter().map(|patch| i32::try_from(patch.attempt).unwrap_or(i32::MAX)).collect();
    let reasons: Vec<&str> = patches.iter().map(|patch| patch.reason.as_str()).collect();
    connection
        .execute(sql::SEED_PATCH_INSERT, &[&run.0, &tables, &rows, &attempts, &reasons])
        .await
        .map(drop)
        .map_err(Error::query("write the manifest"))
}

/// Returns what the plan's columns are now, in words that change only when they do.
pub(super) async fn shape(connection: &Connection, plan: &Plan) -> Result<Vec<String>> {
    let columns = || plan.tables.iter().flat_map(|table| table.columns.iter().map(move |it| (table, it)));
    let schemas: Vec<&str> = columns().map(|(table, _)| table.schema.as_str()).collect();
    let tables: Vec<&str> = columns().map(|(table, _)| table.name.as_str()).collect();
    let names: Vec<&str> = columns().map(|(_, column)| column.name.as_str()).collect();
    let doing = || Error::query("look at the columns of the plan");
    // Names of types are written the same in every session.
    let statements = ["BEGIN READ ONLY; SET LOCAL search_path = pg_catalog", "COMMIT"];
    connection.batch_execute(statements[0]).await.map_err(doing())?;
    let rows = connection.query(sql::SEED_SHAPE, &[&schemas, &tables, &names]).await;
    connection.batch_execute(statements[1]).await.map_err(doing())?;
    rows.map_err(doing())?.iter().map(|row| get(row, "shape")).collect()
}

pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn state(row: &Row) -> Result<RunState> {
    let name: String = get(row, "state")?;
    RunState::of_name(&name).ok_or_else(|| Error::Manifest {
        reason: format!("a run is in state \"{name}\", which this perfkit does not know"),
        hint: "Use the perfkit that has started the run.",
    })
}

fn unreadable(reason: &serde_json::Error) -> Error {
    Error::Manifest {
        reason: format!("{PLACE}: {reason}"),
        hint: "Use the perfkit that has started the run.",
    }
}
