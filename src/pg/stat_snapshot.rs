//! Snapshots of `pg_stat_statements`, without and with its texts.

use tokio_postgres::Row;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use super::stat::{is_not_loaded, nanos};
use crate::trace::{Blocks, Time};
use crate::workload::snapshots::{Counters, Key, Snapshot};

const DOING: &str = "read pg_stat_statements";
const NAME: &str = "pg_stat_statements";
/// The extension's versions that have `toplevel` and `pg_stat_statements_info`, and `stats_since`.
const WITH_INFO: (u32, u32) = (1, 9);
const WITH_SINCE: (u32, u32) = (1, 11);
/// So often are the entries read where a reset comes between; whoever resets them without end sees no whole snapshot.
const MOST_LOOKS: usize = 3;

/// The view, with the statements that read it.
pub(crate) struct View<'c> {
    connection: &'c Connection,
    counters: String,
    info: String,
    texts: String,
    /// The role, unless it sees the statements of all roles.
    pub(crate) blind_role: Option<String>,
}

/// Entries that this role may not see, beside those that it may.
pub(crate) struct Looked {
    pub(crate) snapshot: Snapshot,
    pub(crate) n_hidden: u64,
}

/// What the server says of all entries.
struct Info {
    n_deallocations: u64,
    reset_at: Option<Time>,
}

impl<'c> View<'c> {
    /// Finds the view. Where it is missing or too old, the error says what to do.
    pub(crate) async fn find(connection: &'c Connection) -> Result<Self> {
        let row = connection.query_opt(sql::STATEMENT_EXTENSION, &[]).await.map_err(Error::query(DOING))?;
        let Some(row) = row else {
            return Err(Error::NoExtension {
                name: NAME,
                hint: "Add it to shared_preload_libraries, restart the server, and CREATE EXTENSION pg_stat_statements.",
            });
        };
        let version = version(&get::<String>(&row, "version")?);
        if version < WITH_INFO {
            return Err(Error::OldExtension { name: NAME });
        }
        let schema: String = get(&row, "schema")?;
        let qualified = |statement: &str| {
            ["pg_stat_statements_info", NAME].iter().fold(statement.to_owned(), |statement, name| {
                // The longer name first, of which the other is a part.
                let view = sql::quote_qualified(&schema, name);
                ["(", " AS"].iter().fold(statement, |statement, end| {
                    statement.replace(&format!("FROM {name}{end}"), &format!("FROM {view}{end}"))
                })
            })
        };
        let counters =
            if version < WITH_SINCE { sql::STATEMENT_COUNTERS } else { sql::STATEMENT_COUNTERS_PG17 };
        let (role, sees_all): (String, bool) = (get(&row, "role")?, get(&row, "sees_all")?);
        Ok(Self {
            connection,
            counters: qualified(counters),
            info: qualified(sql::STATEMENT_INFO),
            texts: qualified(sql::STATEMENT_TEXTS),
            blind_role: (!sees_all).then_some(role),
        })
    }

    /// Reads the counters of this database.
    pub(crate) async fn look(&self, at: Time) -> Result<Looked> {
        // Evictions are read before the entries: what is evicted in between is told next time.
        let mut info = self.info().await?;
        let mut rows = self.counters().await?;
        for _ in 1..MOST_LOOKS {
            let later = self.info().await?;
            if later.reset_at == info.reset_at {
                break;
            }
            // The entries may be from before the reset or from after it; they would count it twice.
            info = later;
            rows = self.counters().await?;
        }
        let mut entries = Vec::with_capacity(rows.len());
        let mut n_hidden = 0;
        for row in &rows {
            match get::<Option<i64>>(row, "query_id")? {
                Some(query_id) => entries.push((key(row, query_id)?, counters(row)?)),
                None => n_hidden += 1,
            }
        }
        let Info { n_deallocations, reset_at } = info;
        Ok(Looked { snapshot: Snapshot { at, entries, n_deallocations, reset_at }, n_hidden })
    }

    async fn info(&self) -> Result<Info> {
        let row = self.connection.query_one(&self.info, &[]).await.map_err(failed)?;
        Ok(Info {
            n_deallocations: number(&row, "deallocations")?,
            reset_at: get::<Option<f64>>(&row, "reset_at")?.map(time),
        })
    }

    async fn counters(&self) -> Result<Vec<Row>> {
        self.connection.query(&self.counters, &[]).await.map_err(failed)
    }

    /// Reads the texts of these statements; those that are evicted by now have none.
    pub(crate) async fn texts(&self, query_ids: &[i64]) -> Result<Vec<(i64, String)>> {
        let rows = self.connection.query(&self.texts, &[&query_ids]).await.map_err(failed)?;
        rows.iter().map(|row| Ok((get(row, "query_id")?, get(row, "query")?))).collect()
    }
}

fn failed(source: tokio_postgres::Error) -> Error {
    if is_not_loaded(&source) {
        return Error::NoExtension {
            name: NAME,
            hint: "It is created, but not loaded: add it to shared_preload_libraries, and restart the server.",
        };
    }
    Error::Query { doing: DOING.to_owned(), source }
}

fn key(row: &Row, query_id: i64) -> Result<Key> {
    let oid = |column: &str| Ok::<u32, Error>(u32::try_from(get::<i64>(row, column)?).unwrap_or(0));
    Ok(Key {
        user_id: oid("user_id")?,
        database_id: oid("database_id")?,
        query_id,
        is_top_level: get(row, "is_top_level")?,
    })
}

fn counters(row: &Row) -> Result<Counters> {
    Ok(Counters {
        calls: number(row, "calls")?,
        execution: nanos(get(row, "total_ms")?),
        planning: nanos(get(row, "planning_ms")?),
        n_rows: number(row, "rows")?,
        blocks: Blocks {
            shared_hit: number(row, "shared_hit")?,
            shared_read: number(row, "shared_read")?,
            shared_dirtied: number(row, "shared_dirtied")?,
            shared_written: number(row, "shared_written")?,
            temp_read: number(row, "temp_read")?,
            temp_written: number(row, "temp_written")?,
        },
        since: get::<Option<f64>>(row, "since")?.map(time),
    })
}

/// Reads a counter, which is never negative.
fn number(row: &Row, column: &str) -> Result<u64> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(0))
}

/// Seconds since 1970 as a time; to the microsecond, as the server has it.
fn time(seconds: f64) -> Time {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what is in range"
    )]
    let microseconds = (seconds * 1e6).round().clamp(0.0, 1e16) as u64;
    Time(microseconds * 1000)
}

/// Reads a version as in `1.10`.
fn version(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert!(version("1.10") > version("1.9"));
        assert_eq!((version("1.11"), version("2")), ((1, 11), (2, 0)));
        assert_eq!(time(1_700_000_000.123_456).0, 1_700_000_000_123_456_000);
    }
}
