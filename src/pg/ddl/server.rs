//! What else of a server matters to a build: whether it takes writes, how busy it is, how much space it has.

use std::path::PathBuf;
use std::time::Duration;

use crate::index::change::duplicates;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::query::index_ddl::IndexDdl;

/// How busy a server and its replicas are.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// The replica that is furthest behind, where one says how far.
    pub(crate) lag: Option<(String, Duration)>,
    /// Sessions of others that run a statement.
    pub(crate) n_active: u64,
}

/// Where a server keeps its data, as far as this role may know.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) folder: PathBuf,
    /// What a build sorts in memory.
    pub(crate) work_mem_bytes: u64,
}

/// Whether a server of this `server_version_num` may leave rows out of an index that it builds or rebuilds CONCURRENTLY, if they
/// are updated meanwhile (release notes of 14.4).
pub(crate) fn may_miss_rows(version: u32) -> bool {
    (140_000..140_004).contains(&version)
}

/// Returns why the server takes no writes, if so.
pub(crate) async fn refuses_writes(connection: &Connection) -> Result<Option<&'static str>> {
    let row = connection
        .query_one(sql::TAKES_WRITES, &[])
        .await
        .map_err(Error::query("ask whether writes are taken"))?;
    Ok(match (get(&row, "is_standby")?, get(&row, "is_read_only")?) {
        (true, _) => Some("it is a standby"),
        (_, true) => Some("default_transaction_read_only is on"),
        _ => None,
    })
}

/// Returns the name of this role if [`load`] tells it nothing, because it may not see what others do.
pub(crate) async fn blind_role(connection: &Connection) -> Result<Option<String>> {
    let row = connection
        .query_one(sql::SEES_ACTIVITY, &[])
        .await
        .map_err(Error::query("ask what this role may see"))?;
    Ok(if get(&row, "sees_activity")? { None } else { Some(get(&row, "role")?) })
}

pub(crate) async fn load(connection: &Connection) -> Result<Load> {
    let row =
        connection.query_one(sql::LOAD, &[]).await.map_err(Error::query("ask how busy the server is"))?;
    let (replica, lag_s): (Option<String>, Option<f64>) = (get(&row, "replica")?, get(&row, "lag_s")?);
    let lag = lag_s
        .map(|lag_s| (replica.unwrap_or_default(), Duration::try_from_secs_f64(lag_s).unwrap_or_default()));
    Ok(Load { lag, n_active: get::<i64>(&row, "n_active")?.unsigned_abs() })
}

pub(crate) async fn disk(connection: &Connection) -> Result<Option<Disk>> {
    let row = connection
        .query_opt(sql::DATA_DIRECTORY, &[])
        .await
        .map_err(Error::query("ask for the data folder"))?;
    let Some(row) = row else { return Ok(None) };
    let folder: String = get(&row, "folder")?;
    Ok(Some(Disk {
        folder: PathBuf::from(folder),
        work_mem_bytes: get::<i64>(&row, "work_mem_bytes")?.unsigned_abs(),
    }))
}

/// Returns how many bytes may still be written below the data folder; `None` where the server is on another machine.
pub(crate) fn free_bytes(connection: &Connection, disk: &Disk) -> Option<u64> {
    // A folder of the same name proves nothing; a socket does.
    if !connection.label.starts_with('/') {
        return None;
    }
    let of_file_system = nix::sys::statvfs::statvfs(&disk.folder).ok()?;
    Some(of_file_system.blocks_available() * of_file_system.fragment_size())
}

/// Returns the keys that a unique index does not allow, each with the number of its rows.
pub(crate) async fn duplicates(
    connection: &Connection,
    ddl: &IndexDdl,
    schema: &str,
    table: &str,
) -> Result<Vec<(Vec<Option<String>>, u64)>> {
    let rows = connection.query(&duplicates::duplicates(ddl, schema, table), &[]).await;
    rows.map_err(Error::query("look for duplicate keys"))?
        .iter()
        .map(|row| Ok((get(row, "key")?, get::<i64>(row, "n_rows")?.unsigned_abs())))
        .collect()
}
