//! Hashes of what executions were sent and gave. They tell where the values of a loop come from, and nothing else.

use super::record::{Bound, Executed, Rows, Sql};
use super::request::{number, until_zero};
use super::writer::Input;
use crate::trace::{Hashes, Redaction, SessionId, Value, value};

/// Columns of a result that are looked at: keys stand in front.
const MAX_COLUMNS: usize = 16;
/// No key is longer.
const MAX_VALUE_BYTES: usize = 64;
/// Types that nobody looks rows up by (`pg_type.dat`): `bool`, `bytea`, `json`, `float4`, `float8`, `time`, `timestamp`, `timestamptz`,
/// `jsonb`. Their values would be equal to others by chance.
const NO_KEYS: [u32; 9] = [16, 17, 114, 700, 701, 1083, 1114, 1184, 3802];

/// Returns the hash of a value; 0 for NULL and what is not known.
pub(super) fn of(key: Redaction, value: &Value) -> u32 {
    key.hash(value).unwrap_or(0)
}

/// Returns the hashes of an execution whose parameters have these; `None` when there is nothing to tell.
pub(super) fn of_execution(key: Redaction, executed: &Executed, parameters: Vec<u32>) -> Option<Hashes> {
    let (columns, values) = result(key, executed).unwrap_or_default();
    let is_empty = values.is_empty() && parameters.iter().all(|hash| *hash == 0);
    (!is_empty).then_some(Hashes { session: SessionId(executed.session), parameters, columns, values })
}

/// A column as `RowDescription` has it.
struct Column {
    name: String,
    type_oid: u32,
    format: u16,
}

fn result(key: Redaction, executed: &Executed) -> Option<(Vec<String>, Vec<u32>)> {
    let Rows { columns, bytes, n, .. } = &executed.rows;
    let described = match (columns, &executed.sql) {
        (Some(columns), _) => columns,
        (None, Sql::Prepared(prepared)) => prepared.columns.get()?,
        (None, Sql::Query { .. }) => return None,
    };
    let mut columns = read_columns(described)?;
    if let Some(formats) = executed.bound.as_deref().map(result_formats) {
        let formats = formats?;
        for (at, column) in columns.iter_mut().enumerate() {
            // None means text, and one is that of all.
            column.format = formats.get(if formats.len() == 1 { 0 } else { at }).copied().unwrap_or(0);
        }
    }
    let n_kept = columns.len().min(MAX_COLUMNS);
    let mut values = Vec::with_capacity(n * n_kept);
    let mut input = Input(bytes);
    for _ in 0..*n {
        let n_values = usize::from(input.word()?);
        if n_values != columns.len() {
            return None;
        }
        for (at, column) in columns.iter().enumerate() {
            let length = input.length()?;
            let value = usize::try_from(length).ok().map(|length| input.take(length));
            if at < n_kept {
                values.push(value.map_or(0, |value| hash(key, column, value)));
            }
        }
    }
    columns.truncate(n_kept);
    Some((columns.into_iter().map(|column| column.name).collect(), values))
}

fn hash(key: Redaction, column: &Column, bytes: &[u8]) -> u32 {
    if bytes.len() > MAX_VALUE_BYTES || NO_KEYS.contains(&column.type_oid) {
        return 0;
    }
    let value = match column.format {
        0 => value::of_text(bytes),
        _ => value::of_binary(column.type_oid, bytes),
    };
    of(key, &value)
}

fn read_columns(body: &[u8]) -> Option<Vec<Column>> {
    /// Bytes of a column behind its name: table, attribute, type, length, modifier, format.
    const FIELD_BYTES: usize = 18;
    let mut input = Input(body);
    let n = input.word()?;
    let mut rest = input.0;
    let mut columns = Vec::new();
    for _ in 0..n {
        let (name, after) = until_zero(rest);
        let (field, after) = after.split_at_checked(FIELD_BYTES)?;
        rest = after;
        columns.push(Column {
            name: String::from_utf8_lossy(name).into_owned(),
            type_oid: number(&field[6..10]),
            format: u16::from_be_bytes([field[16], field[17]]),
        });
    }
    Some(columns)
}

/// The formats that a Bind message asks for; `None` when the message was cut.
fn result_formats(bound: &Bound) -> Option<Vec<u16>> {
    let mut input = Input(&bound.0);
    for _ in 0..input.word()? {
        input.word()?;
    }
    for _ in 0..input.word()? {
        if let Ok(length) = usize::try_from(input.length()?)
            && input.take(length).len() < length
        {
            return None;
        }
    }
    let n = input.word()?;
    (0..n).map(|_| input.word()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};

    use super::super::record::Prepared;
    use super::*;
    use crate::trace::{Outcome, Protocol, Transaction};

    const KEY: Redaction = Redaction { key: [1, 2] };

    fn description(columns: &[(&str, u32)]) -> Vec<u8> {
        let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for (name, type_oid) in columns {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(&[0; 6]);
            body.extend_from_slice(&type_oid.to_be_bytes());
            body.extend_from_slice(&[0; 8]);
        }
        body
    }

    fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(value.unwrap_or_default());
        }
        body
    }

    /// The hashes of a result that came in this format.
    fn hashes(columns: &[(&str, u32)], rows: &[Vec<u8>], format: u16) -> Option<Hashes> {
        let prepared = Prepared {
            text: (*b"SELECT 1").into(),
            stated_types: Box::default(),
            types: OnceLock::new(),
            columns: OnceLock::from(description(columns).into_boxed_slice()),
        };
        let mut kept = Rows::default();
        for row in rows {
            kept.push(row, row.len());
        }
        let bound = [&[0, 0, 0, 0, 0, 1][..], &format.to_be_bytes()].concat();
        let executed = Executed {
            session: 7,
            sql: Sql::Prepared(Arc::new(prepared)),
            bound: Some(Arc::new(Bound(bound.into()))),
            protocol: Protocol::Extended,
            started_at: 0,
            first_answer_at: None,
            ended_at: 0,
            is_client_slow: false,
            outcome: Outcome::Complete,
            n_rows: None,
            result_bytes: 0,
            rows: kept,
            transaction: Transaction::default(),
        };
        of_execution(KEY, &executed, Vec::new())
    }

    #[test]
    fn values_are_equal_however_they_are_sent() {
        let columns = [("id", 23), ("name", 25), ("is_new", 16)];
        let text = hashes(&columns, &[row(&[Some(b"7"), Some(b"a"), Some(b"t")])], 0).unwrap();
        let binary =
            hashes(&columns, &[row(&[Some(&7_i32.to_be_bytes()), Some(b"a"), Some(&[1])])], 1).unwrap();
        assert_eq!(text, binary);
        assert_eq!(text.columns, ["id", "name", "is_new"]);
        assert_eq!(text.values[0], of(KEY, &Value::Literal("7".to_owned())));
        assert_eq!(text.values[1], of(KEY, &Value::Literal("'a'".to_owned())));
        assert_eq!(text.values[2], 0, "nobody looks rows up by booleans");
        assert_ne!(text.values[0], of(Redaction { key: [1, 3] }, &Value::Text("7".to_owned())));
    }

    #[test]
    fn what_is_long_or_null_has_none() {
        let long = [b'x'; MAX_VALUE_BYTES + 1];
        let found = hashes(&[("a", 25), ("b", 25)], &[row(&[None, Some(&long)])], 0).unwrap();
        assert_eq!(found.values, [0, 0]);
        let many: Vec<(&str, u32)> = (0..40).map(|_| ("c", 23)).collect();
        let found = hashes(&many, &[row(&[Some(&b"1"[..]); 40])], 0).unwrap();
        assert_eq!(found.values.len(), MAX_COLUMNS);
        assert!(hashes(&[("a", 25)], &[], 0).is_none());
        // A result that is not what was described.
        assert!(hashes(&[("a", 25)], &[row(&[None, None])], 0).is_none());
    }

    #[test]
    fn a_result_is_kept_up_to_its_limits() {
        let mut rows = Rows::default();
        for _ in 0..500 {
            rows.push(b"0123456789", 10);
        }
        assert!(rows.n == 100 && rows.is_full);
        let mut wide = Rows::default();
        wide.push(&vec![0; 20_000], 20_000);
        wide.push(b"a", 1);
        assert!(wide.n == 0 && wide.is_full, "rows are those from the first on");
    }
}
