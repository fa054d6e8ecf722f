//! INSERT, UPDATE and DELETE for many rows at once. Such a statement is told, never run.

use std::ops::Range;

use sqlparser::ast::{Expr, SetExpr, Statement};

use super::edit::{Edit, Text};
use super::{Obstacle, Repeated};
use crate::query::{self, grammar};

/// One statement in the place of many that change a row each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) sql: String,
    /// The faster way for many rows, where it does the same.
    pub(crate) copy: Option<String>,
    /// What it does otherwise than the loop.
    pub(crate) caution: Option<&'static str>,
}

/// Returns the statement that changes all rows at once.
pub(crate) fn change(repeated: &Repeated<'_>) -> Result<Change, Obstacle> {
    let parsed = query::parse(&grammar::plannable(repeated.sql))
        .map_err(|error| Obstacle::Unread(error.to_string()))?;
    let text = Text::new(&grammar::plannable(repeated.sql));
    if text.outer_words("with").iter().any(|place| place.start == 0) {
        return Err(Obstacle::Other("it has a WITH query"));
    }
    let change = Rows { repeated, rows: text.free_name("rows"), text };
    match &parsed.statement {
        Statement::Insert(insert) => change.insert(insert),
        Statement::Update(update) if update.from.is_none() => change.update(),
        Statement::Delete(delete) if delete.using.is_none() => change.delete(),
        Statement::Update(_) | Statement::Delete(_) => Err(Obstacle::Other("it joins other tables already")),
        _ => Err(Obstacle::Other("it is neither INSERT nor UPDATE nor DELETE")),
    }
}

struct Rows<'a> {
    repeated: &'a Repeated<'a>,
    text: Text,
    /// The name of the arrays' rows.
    rows: String,
}

impl Rows<'_> {
    fn insert(&self, insert: &sqlparser::ast::Insert) -> Result<Change, Obstacle> {
        let Some(SetExpr::Values(values)) = insert.source.as_deref().map(|source| &*source.body) else {
            return Err(Obstacle::Other("it inserts what a query returns"));
        };
        let [row] = values.rows.as_slice() else {
            return Err(Obstacle::Other("it inserts several rows already"));
        };
        let is_default = |expr: &Expr| matches!(expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"));
        if row.iter().any(is_default) {
            return Err(Obstacle::Other("it inserts a DEFAULT: name several rows in VALUES instead"));
        }
        let unread = || Obstacle::Unread("has no VALUES that can be found".to_owned());
        let start = self.text.outer_words("values").first().cloned().ok_or_else(unread)?;
        let end = self.text.closing(start.end).ok_or_else(unread)?;
        let is_within = |place: &Range<usize>| place.start > start.end && place.end < end.end;
        let varies = |number: &usize| self.repeated.keys.contains(number);
        if self.text.parameters().iter().any(|(place, number)| varies(number) && !is_within(place)) {
            return Err(Obstacle::Other("a value that varies stands outside of its VALUES"));
        }
        let opening = self.text.iter().find(|(place, _)| place.start >= start.end).map(|(place, _)| place);
        let opening = opening.ok_or_else(unread)?;
        let mut edits = self.edits();
        let space = self.text.space_before(start.start);
        edits.push((space.start..opening.end, "\nSELECT ".to_owned()));
        let rest = self.text.sql[end.end..].trim_start();
        let more = if rest.is_empty() { "" } else { "\n" };
        edits.push((end.start..self.text.sql.len() - rest.len(), format!("\nFROM {}{more}", self.unnest())));
        let is_value = |expr: &Expr| matches!(expr, Expr::Value(_));
        let can_copy = insert.on.is_none() && insert.returning.is_none() && row.iter().all(is_value);
        let copy = (can_copy && !insert.columns.is_empty()).then(|| {
            let columns: Vec<String> = insert.columns.iter().map(ToString::to_string).collect();
            format!("COPY {} ({}) FROM STDIN", insert.table, columns.join(", "))
        });
        let caution = insert.on.as_ref().map(
            |_| "ON CONFLICT DO UPDATE refuses a row that comes twice in one statement: send each key once",
        );
        Ok(Change { sql: self.text.with(edits), copy, caution })
    }

    fn update(&self) -> Result<Change, Obstacle> {
        let place = self.condition()?;
        let mut edits = self.edits();
        edits.push((self.text.space_before(place.start), format!("\nFROM {}\n", self.unnest())));
        let caution = Some("of rows with the same key only one is applied: send each key once");
        Ok(Change { sql: self.text.with(edits), copy: None, caution })
    }

    fn delete(&self) -> Result<Change, Obstacle> {
        let place = self.condition()?;
        if let [key] = self.repeated.keys
            && let [only] =
                self.text.parameters().iter().filter(|(_, number)| number == key).collect::<Vec<_>>()[..]
            && self.text.before(only.0.start).is_some_and(|it| it.text == "=")
            && self.text.after(only.0.end).is_none_or(|it| it.text != "::")
        {
            let mut edits: Vec<Edit> = self.edits();
            edits.retain(|(place, _)| *place != only.0);
            edits.push((only.0.clone(), format!("ANY ($1::{}[])", self.key_type(0))));
            return Ok(Change { sql: self.text.with(edits), copy: None, caution: None });
        }
        let mut edits = self.edits();
        edits.push((self.text.space_before(place.start), format!("\nUSING {}\n", self.unnest())));
        Ok(Change { sql: self.text.with(edits), copy: None, caution: None })
    }

    /// Where its condition begins.
    fn condition(&self) -> Result<Range<usize>, Obstacle> {
        match self.text.outer_words("where").as_slice() {
            [place] => Ok(place.clone()),
            _ => Err(Obstacle::Other("it has no condition of its own")),
        }
    }

    /// Columns of the arrays' rows for values that vary, and numbers behind them for the others.
    fn edits(&self) -> Vec<Edit> {
        let keys = self.repeated.keys;
        let mut same: Vec<usize> = self.text.parameters().into_iter().map(|(_, number)| number).collect();
        same.sort_unstable();
        same.dedup();
        same.retain(|number| !keys.contains(number));
        let written = |number: usize| match keys.iter().position(|key| *key == number) {
            Some(at) => format!("{}.{}", self.rows, self.column(at)),
            None => format!("${}", keys.len() + same.iter().position(|it| *it == number).unwrap_or(0) + 1),
        };
        self.text.parameters().into_iter().map(|(place, number)| (place, written(number))).collect()
    }

    fn column(&self, at: usize) -> String {
        self.text.free_name(&format!("v{}", at + 1))
    }

    fn key_type(&self, at: usize) -> &str {
        self.repeated.types.get(self.repeated.keys[at]).map_or("text", String::as_str)
    }

    fn unnest(&self) -> String {
        let n = self.repeated.keys.len();
        let arrays: Vec<String> = (0..n).map(|at| format!("${}::{}[]", at + 1, self.key_type(at))).collect();
        let columns: Vec<String> = (0..n).map(|at| self.column(at)).collect();
        format!("unnest({}) AS {} ({})", arrays.join(", "), self.rows, columns.join(", "))
    }
}
