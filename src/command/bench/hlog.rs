//! `--hlog FILE`: the histograms as a file of their own.

use std::fs;
use std::path::Path;

use crate::bench::{BenchReport, hlog};
use crate::context::Context;
use crate::error::{Error, Result};

/// Refuses a file that cannot be written, before there is anything to write.
pub(super) fn check(path: Option<&Path>) -> Result<()> {
    let folder = path.and_then(Path::parent).filter(|folder| *folder != Path::new(""));
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => {
            Err(Error::usage(format!("folder {:?} of the interval log does not exist", folder.display()))
                .hint("Create it, or name another file with `--hlog`."))
        }
        None => Ok(()),
    }
}

pub(super) fn write(context: &Context, path: &Path, report: &BenchReport) -> Result<()> {
    fs::write(path, hlog::write(report)).map_err(|error| {
        Error::usage(format!("could not write interval log {:?}", path.display())).cause(error)
    })?;
    context.ui.status(format_args!("wrote {}", path.display()));
    Ok(())
}
