//! Writes changes as migration files of a framework.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::index::migration::{Framework, MigrationFile, Place};
use crate::sources;

#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Migration files")]
pub(crate) struct MigrationArgs {
    /// Write the changes as a migration of rails, django, flyway, sqlx, golang-migrate or plain (up.sql and down.sql)
    #[arg(long, value_name = "FRAMEWORK")]
    migration: Option<Framework>,
    /// Write it to this folder, not to the framework's usual one
    #[arg(long, value_name = "FOLDER", requires = "migration")]
    migration_dir: Option<PathBuf>,
}

impl MigrationArgs {
    /// Whether files are wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.migration.is_some()
    }
}

/// Writes the files and returns their paths; none without a framework, or when there is nothing to change.
pub(crate) fn write(
    args: &MigrationArgs,
    files: impl FnOnce(Framework, &Place<'_>) -> Result<Vec<MigrationFile>>,
) -> Result<Vec<PathBuf>> {
    let Some(framework) = args.migration else { return Ok(Vec::new()) };
    let folder = match (&args.migration_dir, framework.folder()) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => PathBuf::from(folder),
        (None, None) => {
            return Err(Error::usage(format!("each {} app has migrations of its own", framework.name()))
                .hint("Name the app's folder, as in `--migration-dir shop/migrations`."));
        }
    };
    let failed = |error: std::io::Error| {
        Error::usage(format!("could not write migrations to {:?}", folder.display()))
            .cause(error)
            .hint("Name the folder of the project's migrations with `--migration-dir`.")
    };
    let existing = names(&folder).map_err(failed)?;
    let app = folder
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    let place = Place {
        timestamp: sources::utc_timestamp(),
        existing: &existing,
        app: app.as_deref().unwrap_or_default(),
    };
    let mut written = Vec::new();
    for file in files(framework, &place)? {
        let path = folder.join(&file.name);
        if path.exists() {
            return Err(Error::usage(format!("{:?} exists", path.display()))
                .hint("Move it away, or name another folder with `--migration-dir`."));
        }
        fs::write(&path, file.text).map_err(failed)?;
        written.push(path);
    }
    Ok(written)
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
