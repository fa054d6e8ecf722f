//! The baseline file of an audit.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, Utc};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::audit::baseline::{Baseline, Held};
use crate::yaml;

/// Reads a baseline; without a file nothing is accepted.
pub(super) fn read(path: Option<&Path>) -> Result<Baseline> {
    let Some(path) = path else { return Ok(Baseline::default()) };
    let text = fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("could not read baseline {:?}", path.display()))
            .cause(error)
            .hint("Write one with `perfkit index audit --write-baseline FILE`.")
    })?;
    let baseline: Baseline = yaml::parse(path, &text)?;
    for entry in &baseline.accepted {
        if let Err(reason) = entry.last_day() {
            let word = entry.until.as_deref().unwrap_or_default();
            return Err(yaml::error_at(path, &text, word, reason).into());
        }
    }
    Ok(baseline)
}

pub(super) fn write(context: &Context, path: &Path, baseline: &Baseline) -> Result<()> {
    fs::write(path, baseline.to_yaml()).map_err(|error| {
        Error::usage(format!("could not write baseline {:?}", path.display()))
            .cause(error)
            .hint("Check that its folder exists and can be written to.")
    })?;
    context.ui.status(format_args!("accepted {} findings in {}", baseline.accepted.len(), path.display()));
    Ok(())
}

/// Today, in UTC.
pub(super) fn today() -> NaiveDate {
    DateTime::<Utc>::from(SystemTime::now()).date_naive()
}

/// Says which entries no longer accept anything.
pub(super) fn report(context: &Context, held: &Held) {
    for entry in &held.expired {
        let day = entry.until.as_deref().unwrap_or_default();
        context.ui.warn(format_args!("\"{}\" was accepted until {day}", entry.finding));
    }
    for entry in &held.stale {
        context.ui.warn(format_args!("the baseline accepts \"{}\", which is no longer found", entry.finding));
    }
}
