//! Rows with names for their columns, as a CSV file or a query has them.

use super::{ColumnKey, Rows};

/// Rows that were read for parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// Empty where columns have no names.
    names: Vec<String>,
    n_columns: usize,
    pub(crate) rows: Rows,
    /// The line of each row, where they are of a file.
    lines: Vec<usize>,
}

/// Text that is no CSV, with the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {reason}")]
pub(crate) struct CsvError {
    line: usize,
    reason: String,
}

/// A line of a CSV file, or several where a value holds ends of lines.
struct Record {
    line: usize,
    fields: Vec<Option<String>>,
}

impl Table {
    /// Makes a table of what a query has returned.
    pub(crate) fn new(names: Vec<String>, rows: Vec<Vec<Option<String>>>) -> Self {
        Self { n_columns: names.len(), names, rows: rows.into(), lines: Vec::new() }
    }

    /// Reads CSV as COPY does (manual, "COPY", "CSV Format"): a value without quotes that is empty is NULL.
    pub(crate) fn of_csv(text: &str, has_header: bool) -> Result<Self, CsvError> {
        let mut records = records(text)?.into_iter();
        let header = if has_header { records.next() } else { None };
        let names: Vec<String> =
            header.into_iter().flat_map(|header| header.fields).map(Option::unwrap_or_default).collect();
        let records: Vec<Record> = records.collect();
        let n_columns =
            if has_header { names.len() } else { records.first().map_or(0, |record| record.fields.len()) };
        if let Some(odd) = records.iter().find(|record| record.fields.len() != n_columns) {
            let reason = format!("it has {} values instead of {n_columns}", odd.fields.len());
            return Err(CsvError { line: odd.line, reason });
        }
        let lines = records.iter().map(|record| record.line).collect();
        let rows = records.into_iter().map(|record| record.fields).collect();
        Ok(Self { names, n_columns, rows, lines })
    }

    /// Returns where a column's value is in each row, or what there is instead.
    pub(crate) fn column(&self, key: &ColumnKey) -> Result<usize, String> {
        let found = match key {
            ColumnKey::Number(number) => number.checked_sub(1).filter(|at| *at < self.n_columns),
            ColumnKey::Name(name) => self.names.iter().position(|known| known == name),
        };
        found.ok_or_else(|| {
            let wanted = match key {
                ColumnKey::Number(number) => number.to_string(),
                ColumnKey::Name(name) => format!("\"{name}\""),
            };
            let known = match &self.names[..] {
                [] => format!("it has {}", self.n_columns),
                names => format!("it has {}", names.join(", ")),
            };
            format!("there is no column {wanted}; {known}")
        })
    }

    /// Returns the line of a row; `None` where rows are not of a file.
    pub(crate) fn line(&self, row: usize) -> Option<usize> {
        self.lines.get(row).copied()
    }
}

/// Cuts CSV into its records; empty lines are none.
fn records(text: &str) -> Result<Vec<Record>, CsvError> {
    let mut records = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
            (rest, line) = (after, line + 1);
            continue;
        }
        let mut record = Record { line, fields: Vec::new() };
        loop {
            let (field, after) =
                field(rest).map_err(|reason| CsvError { line, reason: reason.to_owned() })?;
            line += rest[..rest.len() - after.len()].matches('\n').count();
            record.fields.push(field);
            rest = after;
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        let end = rest.strip_prefix('\r').unwrap_or(rest);
        rest = match end.strip_prefix('\n') {
            Some(after) => after,
            None if end.is_empty() => end,
            None => {
                let reason = "a value in quotes goes on after them".to_owned();
                return Err(CsvError { line, reason });
            }
        };
        line += 1;
        records.push(record);
    }
    Ok(records)
}

/// Reads a value, and returns what follows it.
fn field(text: &str) -> Result<(Option<String>, &str), &'static str> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
        let value = &text[..end];
        return Ok(((!value.is_empty()).then(|| value.to_owned()), &text[end..]));
    };
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote does not end")?;
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            None => return Ok((Some(value), after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, has_header: bool) -> Vec<Vec<String>> {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        let table = Table::of_csv(text, has_header).unwrap();
        table.rows.iter().map(|row| row.iter().map(shown).collect()).collect()
    }

    #[test]
    fn reads_what_copy_writes() {
        let text = "id,name\r\n1,\"O'Hara, \"\"Jo\"\"\"\r\n\n2,\n3,\"\"\n4,\"two\nlines\"";
        assert_eq!(
            rows(text, true),
            [["1", "O'Hara, \"Jo\""], ["2", "NULL"], ["3", ""], ["4", "two\nlines"]]
        );
        assert_eq!(rows("7\n8\n", false), [["7"], ["8"]]);
        assert!(rows("id\n", true).is_empty() && rows("", true).is_empty());
        let table = Table::of_csv("id\n\n1\n\"a\nb\"\n2\n", true).unwrap();
        assert_eq!([0, 1, 2].map(|row| table.line(row)), [Some(3), Some(4), Some(6)]);
    }

    #[test]
    fn finds_columns_by_name_and_number() {
        let table = Table::of_csv("id,name\n1,a\n", true).unwrap();
        assert_eq!(table.column(&ColumnKey::Name("name".into())), Ok(1));
        assert_eq!(table.column(&ColumnKey::Number(1)), Ok(0));
        let error = table.column(&ColumnKey::Name("nam".into())).unwrap_err();
        assert_eq!(error, "there is no column \"nam\"; it has id, name");
        let error = Table::of_csv("1,2", false).unwrap().column(&ColumnKey::Number(3)).unwrap_err();
        assert_eq!(error, "there is no column 3; it has 2");
        let query = Table::new(vec!["a".into()], vec![vec![None]]);
        assert_eq!((query.column(&ColumnKey::Number(1)), query.line(0)), (Ok(0), None));
    }

    #[test]
    fn says_where_a_file_is_broken() {
        let fails = |text: &str| Table::of_csv(text, true).unwrap_err().to_string();
        assert_eq!(fails("id\n1\n2,3\n"), "3: it has 2 values instead of 1");
        assert_eq!(fails("id\n\"1\n"), "2: a quote does not end");
        assert_eq!(fails("id\n\"1\"2\n"), "2: a value in quotes goes on after them");
    }
}
