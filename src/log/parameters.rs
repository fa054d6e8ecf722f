//! The values of parameters in details and contexts: `$1 = '5', $2 = NULL` (`BuildParamLogString`).

use memchr::memmem;

use crate::trace::Value;

/// What stands before the values, by version and by what the server did.
const BEFORE: [&[u8]; 3] = [b"Parameters: ", b"parameters: ", b"Query Parameters: "];

/// Reads the values of a detail or of a context; empty when it has none.
pub(super) fn read(text: &[u8]) -> Vec<Value> {
    let after = |before: &&[u8]| memmem::find(text, before).map(|at| &text[at + before.len()..]);
    let mut values = Vec::new();
    if let Some(mut rest) = BEFORE.iter().find_map(after) {
        while let Some((value, after)) = next(rest, values.len() + 1) {
            values.push(value);
            rest = after;
        }
    }
    values
}

/// Reads `$1 = '5'` and the comma behind it.
fn next(text: &[u8], number: usize) -> Option<(Value, &[u8])> {
    let rest = text.strip_prefix(b"$")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let found: usize = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    if found != number {
        return None;
    }
    let rest = rest[digits..].strip_prefix(b" = ")?;
    let (value, rest) = match rest.strip_prefix(b"'") {
        Some(quoted) => quoted_value(quoted),
        None => (Value::Null, rest.strip_prefix(b"NULL")?),
    };
    Some((value, rest.strip_prefix(b", ").unwrap_or(rest)))
}

/// Reads the rest of a value in quotes. One that `log_parameter_max_length` has cut ends with dots, and so may others:
/// what they are cannot be told, so they are no values to compare or to run with.
fn quoted_value(text: &[u8]) -> (Value, &[u8]) {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let Some(end) = memchr::memchr(b'\'', rest) else {
            bytes.extend_from_slice(rest);
            return (Value::Cut { start: bytes, n_bytes: 0 }, &[]);
        };
        bytes.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"'") {
            Some(after) => {
                bytes.push(b'\'');
                rest = after;
            }
            None => break,
        }
    }
    if bytes.ends_with(b"...") {
        bytes.truncate(bytes.len() - 3);
        return (Value::Cut { start: bytes, n_bytes: 0 }, rest);
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned());
    (Value::Text(text), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let values: Vec<String> = read(text.as_bytes())
            .into_iter()
            .map(|value| match value {
                Value::Null => "NULL".to_owned(),
                Value::Text(text) => text,
                Value::Cut { start, .. } => format!("{}…", String::from_utf8_lossy(&start)),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(values, expected, "{text}");
    }

    #[test]
    fn reads_values_in_all_spellings() {
        check("parameters: $1 = '5', $2 = NULL, $3 = 'it''s, $4 = '", &["5", "NULL", "it's, $4 = "]);
        check("Parameters: $1 = ''", &[""]);
        check("unnamed portal with parameters: $1 = '5'", &["5"]);
        check("portal \"C_1\" with parameters: $1 = '5'", &["5"]);
        check("prepare: PREPARE a AS SELECT 1", &[]);
        check("", &[]);
    }

    #[test]
    fn marks_values_that_were_cut() {
        check("parameters: $1 = 'abc...', $2 = '1'", &["abc…", "1"]);
        check("parameters: $1 = 'abc", &["abc…"]);
        check("parameters: $2 = '1'", &[]);
        check("parameters: $1 = x", &[]);
    }
}
