//! Runs with more and more data.

use serde_json::{Value, json};

use super::text;
use crate::budget::growth::{Growth, Run};
use crate::report::results::{Case, Level, Problem, Suite};
use crate::report::{Align, Document, Format, SCHEMA_VERSION, Style, Table, junit};
use crate::unit;

pub(crate) struct ScaleReport<'a> {
    pub(crate) runs: &'a [Run],
    pub(crate) grown: &'a [Growth],
}

impl ScaleReport<'_> {
    pub(crate) fn document<'a>(&'a self, style: &Style) -> Document<'a> {
        let document = Document::new(self.json())
            .form(Format::Junit, || junit::text(&self.suites()))
            .heading("queries by the size of the data")
            .table(self.table());
        let lines: Vec<String> = self.grown.iter().map(|growth| line(growth, style)).collect();
        if lines.is_empty() {
            document.text("passed: no statement runs more often with more rows")
        } else {
            document.text(lines.join("\n"))
        }
    }

    fn table(&self) -> Table {
        let right = |name| (name, Align::Right);
        let mut table =
            Table::new([("scope", Align::Left), right("rows"), right("queries"), right("statements")]);
        for run in self.runs {
            for (scope, counted) in &run.tally.scopes {
                table.row([
                    scope.to_string(),
                    unit::count(run.size),
                    unit::count(counted.queries),
                    unit::count(counted.statements.len() as u64),
                ]);
            }
        }
        table
    }

    fn json(&self) -> Value {
        let runs = self.runs.iter().map(|run| {
            let scopes = run.tally.scopes.iter().map(|(scope, counted)| {
                json!({
                    "scope": scope.to_string(),
                    "queries": counted.queries,
                    "statements": counted.statements.len(),
                })
            });
            json!({"rows": run.size, "scopes": scopes.collect::<Vec<_>>()})
        });
        let grown = self.grown.iter().map(|growth| {
            let counts = growth.counts.iter().map(|(rows, calls)| json!({"rows": rows, "calls": calls}));
            json!({
                "scope": growth.scope.to_string(),
                "fingerprint": growth.statement.as_ref().map(|(fingerprint, _)| fingerprint.to_string()),
                "statement": growth.statement.as_ref().map(|(_, text)| text),
                "calls_per_row": (growth.slope * 1000.0).round() / 1000.0,
                "counts": counts.collect::<Vec<_>>(),
            })
        });
        json!({
            "schema_version": SCHEMA_VERSION,
            "passed": self.grown.is_empty(),
            "runs": runs.collect::<Vec<_>>(),
            "growth": grown.collect::<Vec<_>>(),
        })
    }

    fn suites(&self) -> Vec<Suite> {
        let scopes: std::collections::BTreeSet<_> =
            self.runs.iter().flat_map(|run| run.tally.scopes.keys()).collect();
        let cases = scopes.into_iter().map(|scope| Case {
            name: scope.to_string(),
            time_ms: None,
            problems: self
                .grown
                .iter()
                .filter(|growth| growth.scope == *scope)
                .map(|growth| Problem {
                    rule: "growth".to_owned(),
                    level: Level::Error,
                    message: line(growth, &Style::PLAIN),
                    detail: None,
                    place: None,
                })
                .collect(),
        });
        vec![Suite { name: "scale".to_owned(), cases: cases.collect() }]
    }
}

/// As in `run: 2 calls at 2 rows, 10 at 10: SELECT …`.
fn line(growth: &Growth, style: &Style) -> String {
    let counts: Vec<String> = growth
        .counts
        .iter()
        .enumerate()
        .map(|(n, (rows, calls))| {
            let (calls, rows) = (unit::count(*calls), unit::count(*rows));
            if n == 0 { format!("{calls} calls for {rows} rows") } else { format!("{calls} for {rows}") }
        })
        .collect();
    let statement = match &growth.statement {
        Some((fingerprint, statement)) => format!("{}  [{fingerprint}]", text(statement, style)),
        None => "all queries together".to_owned(),
    };
    format!("{} grows with the data, {}: {statement}", growth.scope, counts.join(", "))
}
