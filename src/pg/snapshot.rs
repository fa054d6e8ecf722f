//! A database's schema and statistics in a file, from which advice can be given without the database.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::catalog::Surroundings;
use super::error::{Error, Result};
use crate::catalog::Catalog;
use crate::workload::{Source, Workload};

/// What the file says it is.
const FORMAT: &str = "perfkit-snapshot";
/// Grows when older versions of perfkit cannot read the file.
const VERSION: u32 = 1;

/// What a snapshot file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    format: String,
    version: u32,
    /// The server's major version.
    pub(crate) major: u32,
    /// Whether the values of columns were left out.
    pub(crate) is_redacted: bool,
    pub(crate) catalog: Catalog,
    pub(crate) surroundings: Surroundings,
    /// The workload that the server itself had seen; none when it came from a file.
    statements: Vec<SavedStatement>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedStatement {
    name: String,
    sql: String,
    weight: f64,
    mean_ms: Option<f64>,
}

/// The beginning of any snapshot, of whatever version.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Snapshot {
    /// Takes a database's state. With `redact` the values of columns that statistics hold are left out, and with them
    /// some precision: the planner then knows how many values there are, not which.
    pub(crate) fn new(
        catalog: &Catalog,
        surroundings: &Surroundings,
        major: u32,
        workload: &Workload,
        redact: bool,
    ) -> Self {
        let mut catalog = catalog.clone();
        if redact {
            catalog.redact();
        }
        let is_servers = workload.source == Source::PgStatStatements;
        let statements = workload.statements.iter().filter(|_| is_servers).map(|statement| SavedStatement {
            name: statement.name.clone(),
            sql: statement.sql.clone(),
            weight: statement.weight,
            mean_ms: statement.mean_ms,
        });
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            major,
            is_redacted: redact,
            catalog,
            surroundings: surroundings.clone(),
            statements: statements.collect(),
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let unreadable = |reason: String| Error::Snapshot { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let head: Head = serde_json::from_str(&text)
            .map_err(|error| unreadable(format!("it is no snapshot of perfkit ({error})")))?;
        if head.format != FORMAT {
            return Err(unreadable(format!("it is a {:?}", head.format)));
        }
        if head.version > VERSION {
            return Err(unreadable(format!("it has version {}, this perfkit reads {VERSION}", head.version)));
        }
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self).expect("a snapshot is plain data");
        // Never half a file under the name.
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let doing = || Error::file(format!("write {path:?}"));
        fs::write(&partial, text).map_err(doing())?;
        fs::rename(&partial, path).map_err(doing())
    }

    /// The workload that the server had seen; `None` when there is none in the file.
    pub(crate) fn workload(&self) -> Option<Workload> {
        let mut workload = Workload::new(Source::PgStatStatements);
        for statement in &self.statements {
            let name = Some(statement.name.as_str());
            workload.add(name, &statement.sql, Vec::new(), statement.weight, statement.mean_ms);
        }
        (!workload.statements.is_empty()).then_some(workload)
    }
}
