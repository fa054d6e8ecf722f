//! Loads a step of the plan in the transaction of the rehearsal.

use std::iter;
use std::sync::Arc;

use bytes::Bytes;

use super::Rehearsal;
use super::triggers::Reach;
use crate::pg::error::{Error, Result};
use crate::pg::seed::stream::arrived_all;
use crate::pg::seed::{copy, existing, refused, stage};
use crate::pg::sql;
use crate::seed::chunk::{self, Chunk, of_step};
use crate::seed::make::world::World;
use crate::seed::plan::Plan;
use crate::seed::plan::repair::Failure;
use crate::seed::schema::TableId;
use crate::seed::wire::rows::RowWriter;

impl Rehearsal<'_> {
    /// Loads a step after those that are loaded, or says what the server has against it.
    pub(super) async fn load(&mut self, plan: &Arc<Plan>, step: usize) -> Result<Result<(), Failure>> {
        let place = self.loaded.len();
        // A lock that is not free is no fault of the plan: it ends the rehearsal before COPY asks for it.
        let lock = |table: &TableId| {
            let table = &plan.tables[usize::from(*table)];
            let name = sql::quote_qualified(&table.schema, &table.name);
            format!("LOCK TABLE {name} IN ROW EXCLUSIVE MODE; ")
        };
        let locks: String = of_step(&plan.steps[step]).iter().map(lock).collect();
        self.execute(&format!("{locks}SAVEPOINT perfkit_{place}")).await?;
        self.loaded.push((Arc::clone(plan), step));
        let chunks = chunk::chunks(plan).filter(|chunk| usize::try_from(chunk.step) == Ok(step));
        for chunk in chunks {
            if let Err(error) = self.put(plan, &chunk).await {
                let failure = self.failure(plan, step, error)?;
                self.back_to(place).await?;
                let source = self.trigger_sources(failure.table, Reach::Own).await?;
                let settings = self.trigger_settings(failure.table).await?;
                return Ok(Err(Failure { source, settings, ..failure }));
            }
        }
        Ok(Ok(()))
    }

    async fn put(&self, plan: &Plan, chunk: &Chunk) -> Result<()> {
        let patches = existing::rehearsed(self.connection, plan, chunk.tables()).await?;
        let world = World::new(plan, &patches);
        let mut staged = Vec::new();
        for (table, rows) in &chunk.parts {
            let planned = &plan.tables[usize::from(*table)];
            let doing = format!("copy rows into table \"{}\"", planned.name);
            if planned.is_staged {
                staged.push(*table);
                self.execute(&stage::create(planned, *table)).await?;
            }
            let bytes = RowWriter::new(&world, *table).copy(iter::once(rows.clone()));
            let into = stage::copy(planned, &stage::destination(planned, *table, None));
            let sink =
                self.connection.copy_in::<_, Bytes>(&into).await.map_err(Error::query(doing.clone()))?;
            let arrived = copy::send(sink, bytes).await.map_err(Error::query(doing))?;
            arrived_all(plan, *table, arrived, rows)?;
        }
        let [first, ..] = staged[..] else { return Ok(()) };
        let name = &plan.tables[usize::from(first)].name;
        let insert = self.connection.query_one(&stage::insert(plan, &staged), &[]).await;
        let row = insert.map_err(Error::query(format!("insert rows into table \"{name}\"")))?;
        let staged_parts = chunk.parts.iter().filter(|(table, _)| staged.contains(table));
        for (place, (table, rows)) in staged_parts.enumerate() {
            let arrived: i64 = row.try_get(place).map_err(Error::query("count the inserted rows"))?;
            arrived_all(plan, *table, arrived.unsigned_abs(), rows)?;
        }
        self.execute(&stage::empty(&staged)).await
    }

    /// Reads what the server has against rows. What is wrong with the session or the server stays an error.
    fn failure(&self, plan: &Plan, step: usize, error: Error) -> Result<Failure> {
        let tables = of_step(&plan.steps[step]);
        let id = |schema: &str, name: &str| -> Option<TableId> {
            let place = plan.tables.iter().position(|table| table.schema == schema && table.name == name);
            place.and_then(|place| TableId::try_from(place).ok())
        };
        let has_triggers = |table: &&TableId| !self.relation(**table).triggers.is_empty();
        let likeliest = tables.iter().find(has_triggers).unwrap_or(&tables[0]);
        let of = |message: String| Failure { table: *likeliest, message, ..Failure::default() };
        let db = match &error {
            Error::RowsLost { .. } => return Ok(of(format!("{error}: a trigger or rule keeps rows out"))),
            Error::Query { source, .. } => source.as_db_error(),
            _ => None,
        };
        let is_about_rows =
            |code: &str| ["08", "25", "40", "53", "55", "57", "58"].iter().all(|it| !code.starts_with(it));
        let Some(db) = db.filter(|db| is_about_rows(db.code().code())) else { return Err(error) };
        let named = db.schema().zip(db.table()).and_then(|(schema, name)| id(schema, name));
        let own = named.filter(|table| tables.contains(table));
        let table = own.unwrap_or(*likeliest);
        Ok(Failure {
            table,
            sqlstate: db.code().code().to_owned(),
            message: db.message().to_owned(),
            constraint: db.constraint().map(str::to_owned),
            column: db.column().map(str::to_owned),
            line: refused::line(&error),
            feeder: self.feeders.get(&table).copied(),
            other: named.filter(|table| !tables.contains(table)),
            source: String::new(),
            settings: Vec::new(),
        })
    }
}
