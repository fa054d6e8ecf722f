//! EXPLAIN output to [`Plan`].
//!
//! [`plans`] takes what people have: a saved file, a paste from psql or a browser, a server log. `decode` makes text of
//! the bytes; `frame` and `log` find the `Block`s of lines that hold plans and take off what stands around them; a
//! reader for each format turns a block into [`Raw`]: nodes in order with the keys of EXPLAIN's JSON format, whatever
//! the input looked like. `shape` then takes from the keys what perfkit knows and leaves the rest as details.

mod block;
mod border;
mod cell;
mod decode;
mod foreign;
mod frame;
mod json;
mod log;
mod report;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod xml;
mod yaml;

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::plan::Plan;

pub(crate) use json::to_json;
#[cfg(test)]
pub(crate) use json::{plan, to_text};
pub(crate) use shape::shape;

/// What an input holds.
#[derive(Debug, Default)]
pub(crate) struct Reading<T = Plan> {
    /// At least one.
    pub(crate) plans: Vec<T>,
    /// Plans that are there but could not be read, in the order of the input.
    pub(crate) skipped: Vec<Skipped>,
}

/// A plan that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// In the input, from 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) reason: String,
}

/// An input, or a part of it, that is no plan.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("there is no object with the key \"Plan\"")]
    NoPlan,
    #[error("node {id} has no \"Node Type\"")]
    NoNodeType { id: usize },
    /// `problem` says what is there and what was expected instead.
    #[error("line {line}, column {column}: {problem}")]
    At { line: usize, column: usize, problem: String },
}

/// A plan as it was written: `properties` has the keys of EXPLAIN's JSON format.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Raw {
    /// Parents before children.
    pub(crate) nodes: Vec<RawNode>,
    /// What stands beside the root: `Planning Time`, `Triggers`, `JIT`, `Settings`, `Query Text`, …
    pub(crate) top: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RawNode {
    pub(crate) parent: Option<usize>,
    /// Without `Plans`.
    pub(crate) properties: Map<String, Value>,
}

/// A line of the input, after frames and quotes around it were taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// In the input, from 1.
    pub(crate) number: usize,
    /// Where the text begins in the line of the input, in characters, from 1.
    pub(crate) column: usize,
    pub(crate) text: Cow<'a, str>,
}

/// Reads every plan in a text, whatever its format and whatever stands around the plans.
///
/// Nothing readable at all is an error; a plan that is broken beside others that are not is named in
/// [`Reading::skipped`].
pub(crate) fn plans(input: &[u8]) -> Result<Reading, Error> {
    read(input, shape)
}

/// Reads every plan in a text as [`plans`] does, with the keys that it was written with.
pub(crate) fn raws(input: &[u8]) -> Result<Reading<Raw>, Error> {
    read(input, |raw| shape(raw.clone()).map(|_| raw))
}

/// Reads every plan in a text and makes of it what is wanted.
fn read<T: Default>(input: &[u8], make: fn(Raw) -> Result<T, Error>) -> Result<Reading<T>, Error> {
    let text = decode::text(input)?;
    // What programs write is JSON with nothing around it, and may be large: it needs no lines.
    if let Some(reading) = json::whole(&text).map(|raws| Reading::default().with(raws, (1, 1), make))
        && !reading.plans.is_empty()
    {
        return Ok(reading);
    }
    if let Some(error) = foreign::plan_of_another_system(&text) {
        return Err(error);
    }
    let blocks = if log::has_entries(&text) {
        log::blocks(&text)
    } else {
        frame::blocks(&text).into_iter().map(Ok).collect()
    };
    let mut reading = Reading::default();
    for block in blocks {
        match block {
            Ok(block) => {
                reading = match block.raws() {
                    Ok(raws) => reading.with(raws, block.start(), make),
                    // Statements, results and prose around the plans.
                    Err(Error::NoPlan) if block.is_loose() => reading,
                    Err(error) => reading.without(error, block.start()),
                }
            }
            Err(skipped) => reading.skipped.push(skipped),
        }
    }
    if !reading.plans.is_empty() {
        return Ok(reading);
    }
    Err(match reading.skipped.into_iter().next() {
        Some(Skipped { line, column, reason }) => Error::At { line, column, problem: reason },
        None => foreign::no_plan(&text),
    })
}

impl<T> Reading<T> {
    /// Adds what was read from a place of the input.
    fn with(mut self, raws: Vec<Raw>, start: (usize, usize), make: fn(Raw) -> Result<T, Error>) -> Self {
        for raw in raws {
            match make(raw) {
                Ok(plan) => self.plans.push(plan),
                Err(error) => self = self.without(error, start),
            }
        }
        self
    }

    /// Notes what could not be read; an error without a place of its own is at `start`.
    fn without(mut self, error: Error, start: (usize, usize)) -> Self {
        let (line, column, reason) = match error {
            Error::At { line, column, problem } => (line, column, problem),
            other => (start.0, start.1, other.to_string()),
        };
        self.skipped.push(Skipped { line, column, reason });
        self
    }
}
