//! The row of an answer that becomes variables of a script.

use std::io;

use bytes::Buf as _;

use super::play::invalid;
use crate::bench::script::{EvaluationError, Results, Value, Variables};

/// The result of a statement whose row becomes variables.
#[derive(Default)]
pub(super) struct RowKept {
    /// For each column, the variable.
    columns: Vec<Option<usize>>,
    n_rows: u64,
    /// The last row.
    row: Vec<u8>,
}

impl RowKept {
    pub(super) fn has_rows(&self) -> bool {
        self.n_rows > 0
    }

    pub(super) fn clear(&mut self) {
        self.columns.clear();
        self.n_rows = 0;
    }

    /// Reads the names of columns (manual, "Message Formats": `RowDescription`).
    pub(super) fn columns(&mut self, mut body: &[u8], results: &Results) -> io::Result<()> {
        /// What follows a name: the table, the column in it, the type with its length and modifier, the format.
        const REST_BYTES: usize = 18;
        let (Results::Row(assigned) | Results::Rows(assigned)) = results else { return Ok(()) };
        self.clear();
        for _ in 0..body.try_get_u16().map_err(io::Error::other)? {
            let length =
                body.iter().position(|byte| *byte == 0).ok_or_else(|| invalid("a name does not end"))?;
            let name = &body[..length];
            let variable = assigned.iter().find(|assigned| assigned.column.as_bytes() == name);
            self.columns.push(variable.map(|assigned| assigned.variable));
            body = body.get(length + 1 + REST_BYTES..).ok_or_else(|| invalid("a column is cut off"))?;
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, body: &[u8]) {
        self.n_rows += 1;
        self.row.clear();
        self.row.extend_from_slice(body);
    }

    /// Gives the only row to variables, or says that it is not the only one.
    pub(super) fn take_row(&self, variables: &mut Variables) -> io::Result<Option<EvaluationError>> {
        match self.n_rows {
            0 => Ok(Some(EvaluationError::NoRow)),
            1 => self.assign(variables).map(|()| None),
            _ => Ok(Some(EvaluationError::SeveralRows)),
        }
    }

    /// Gives the last row to variables (manual, "Message Formats": `DataRow`).
    pub(super) fn assign(&self, variables: &mut Variables) -> io::Result<()> {
        let mut row = &self.row[..];
        row.try_get_u16().map_err(io::Error::other)?;
        for column in &self.columns {
            let length = row.try_get_i32().map_err(io::Error::other)?;
            let text = match usize::try_from(length) {
                Err(_) => None,
                Ok(length) => {
                    let (text, rest) =
                        row.split_at_checked(length).ok_or_else(|| invalid("a row is cut off"))?;
                    row = rest;
                    Some(text)
                }
            };
            match (column, text) {
                (None, _) => {}
                (Some(variable), None) => variables.set(*variable, Value::Null),
                (Some(variable), Some(text)) => {
                    variables.set_text(*variable, std::str::from_utf8(text).map_err(io::Error::other)?);
                }
            }
        }
        Ok(())
    }
}
