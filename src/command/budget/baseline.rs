//! The file that `--update` writes: what a run sent, to hold later ones against it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::budget::{Baseline, Tally};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::report::budget::baseline_text;

/// The baseline when none is named.
const DEFAULT_FILE: &str = "perfkit-budget.json";

pub(super) struct File {
    pub(super) path: PathBuf,
    is_named: bool,
}

impl File {
    pub(super) fn new(named: Option<&Path>) -> Self {
        Self { path: named.unwrap_or(Path::new(DEFAULT_FILE)).to_owned(), is_named: named.is_some() }
    }

    /// Reads the baseline; `None` where nobody has named one and there is none.
    pub(super) fn read(&self) -> Result<Option<Baseline>> {
        let fail = || {
            Error::usage(format!("could not read baseline {:?}", self.path.display()))
                .hint("Write one with `perfkit budget --update`.")
        };
        let json = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_named => return Ok(None),
            read => read.map_err(|error| fail().cause(error))?,
        };
        let baseline = Baseline::parse(&json).map_err(|error| fail().cause(&error).causes_of(&error))?;
        Ok(Some(baseline))
    }

    pub(super) fn write(&self, context: &Context, tally: &Tally) -> Result<()> {
        fs::write(&self.path, baseline_text(&Baseline::of(tally))).map_err(|error| {
            Error::usage(format!("could not write baseline {:?}", self.path.display()))
                .cause(error)
                .hint("Name a file in a folder that can be written.")
        })?;
        context.ui.status(format_args!("wrote {}", self.path.display()));
        Ok(())
    }
}
