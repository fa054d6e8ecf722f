//! Asks the server which rows pass conditions that perfkit does not understand, before anything is loaded.

use std::collections::BTreeMap;
use std::iter;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_postgres::types::ToSql;

use super::copy;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::{Connection, Transaction, sql};
use crate::query::check::constants;
use crate::seed::condition::candidates::{Asked, Tuples, Verdict, tuples, verdict};
use crate::seed::make::block::Patches;
use crate::seed::make::lane::Lane;
use crate::seed::make::world::World;
use crate::seed::plan::request::{Answer, Known, Pool, Question, Repair};
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::{ColumnId, Relation, Schema, TableId};
use crate::seed::wire;
use crate::seed::wire::rows::RowWriter;

/// So many of the planned rows are tried: enough to see a share of a thousandth.
const N_USUAL: u64 = 1_000;
/// They are taken in so many places of the table.
const N_PLACES: u64 = 10;
/// So often rows are divided to find those that make a condition fail; what comes after is left out.
const MAX_QUESTIONS: u32 = 300;
/// So many are asked about first, and then more and more: a condition may take long for each of them.
const FIRST_ROWS: usize = 16;
/// No more is asked after so long. Rows that are equal are asked about once, so that only conditions that take many times as long as others
/// come near it.
const MAX_ASKING: Duration = Duration::from_mins(1);
/// Of so many cases of a condition values are tried.
const MAX_CASES: usize = 8;
const DOING: &str = "try conditions";
const STAGE: &str = "pg_temp.perfkit_usual";

/// The rows that were planned, as text, and what their columns are without domains.
struct Usual {
    base_types: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// Adds to what is known which rows pass: pools of such rows, and tables of which none does. Nothing is left in the database.
pub(crate) async fn answer(
    connection: &mut Connection,
    schema: &Schema,
    plan: &Plan,
    questions: &[Question],
    known: &mut Known,
) -> Result<()> {
    let mut by_table: BTreeMap<TableId, Vec<&Question>> = BTreeMap::new();
    for question in questions.iter().filter(|question| plan.tables[usize::from(question.table)].n_rows > 0) {
        by_table.entry(question.table).or_default().push(question);
    }
    for (table, questions) in by_table {
        let transaction = connection.client_mut().transaction().await.map_err(Error::query(DOING))?;
        let relation = &schema.relations[usize::from(table)];
        // Whoever may create no temporary table learns while loading what is refused.
        if let Some(usual) = usual(&transaction, plan, table).await? {
            for question in questions {
                let asker = Asker {
                    transaction: &transaction,
                    relation,
                    plan: &plan.tables[usize::from(table)],
                    usual: &usual,
                };
                asker.ask(question, known).await?;
            }
        }
        transaction.rollback().await.map_err(Error::query(DOING))?;
    }
    Ok(())
}

/// Has the server read planned rows, and returns them as it writes them; `None` where it does not.
async fn usual(transaction: &Transaction<'_>, plan: &Plan, table: TableId) -> Result<Option<Usual>> {
    let planned = &plan.tables[usize::from(table)];
    let types: Vec<&str> = planned.columns.iter().map(|column| column.type_name.as_str()).collect();
    let rows = transaction.query(sql::SEED_BASE_TYPES, &[&types]).await.map_err(Error::query(DOING))?;
    let base_types: Vec<String> = rows.iter().map(|row| get(row, "base")).collect::<Result<_>>()?;
    let columns: Vec<String> = base_types.iter().enumerate().map(|(n, ty)| format!("c{n} {ty}")).collect();
    let texts: Vec<String> =
        (0..base_types.len()).map(|n| format!("c{n}::pg_catalog.text AS c{n}")).collect();
    let bytes = rows_of(plan, table);
    let read = async {
        transaction.batch_execute("SAVEPOINT perfkit").await?;
        transaction
            .batch_execute(&format!(
                "CREATE TEMPORARY TABLE perfkit_usual ({}) ON COMMIT DROP",
                columns.join(", ")
            ))
            .await?;
        let sink =
            transaction.copy_in::<_, Bytes>(&format!("COPY {STAGE} FROM STDIN (FORMAT binary)")).await?;
        copy::send(sink, bytes).await?;
        transaction.query(&format!("SELECT {} FROM {STAGE} ORDER BY ctid", texts.join(", ")), &[]).await
    };
    let rows = match read.await {
        Ok(rows) => rows,
        Err(error) if error.as_db_error().is_some() => return Ok(None),
        Err(error) => return Err(Error::query(DOING)(error)),
    };
    let row = |row: &tokio_postgres::Row| {
        (0..base_types.len()).map(|n| get(row, &format!("c{n}"))).collect::<Result<Vec<Option<String>>>>()
    };
    let rows = rows.iter().map(row).collect::<Result<_>>()?;
    Ok(Some(Usual { base_types, rows }))
}

/// Returns planned rows of several places of a table as COPY BINARY.
fn rows_of(plan: &Plan, table: TableId) -> Vec<u8> {
    let patches = Patches::default();
    let mut writer = RowWriter::new(&World::new(plan, &patches), table);
    let n_rows = plan.tables[usize::from(table)].n_rows;
    if n_rows <= N_USUAL {
        return writer.copy(iter::once(0..n_rows));
    }
    writer.copy((0..N_PLACES).map(|place| {
        let start = (n_rows - N_USUAL / N_PLACES) / (N_PLACES - 1) * place;
        start..start + N_USUAL / N_PLACES
    }))
}

/// What the server says of some rows.
enum Judged {
    /// The numbers of those that pass.
    Passing(Vec<usize>),
    /// One of them makes a condition fail.
    Failing,
    /// The conditions fail whatever the rows are.
    Never,
}

struct Asker<'a> {
    transaction: &'a Transaction<'a>,
    relation: &'a Relation,
    plan: &'a TablePlan,
    usual: &'a Usual,
}

impl Asker<'_> {
    async fn ask(&self, question: &Question, known: &mut Known) -> Result<()> {
        let mut tuples = self.tuples(question);
        if !question.is_free {
            tuples.rows.truncate(tuples.n_usual);
        }
        if tuples.n_usual == 0 {
            return Ok(());
        }
        let Some((passed, n_judged)) = self.passed(question, &tuples).await? else { return Ok(()) };
        // Rows after the last question are as if they had never been.
        tuples.rows.truncate(n_judged);
        tuples.n_usual = tuples.n_usual.min(n_judged);
        let verdict = verdict(&tuples, &passed);
        let acceptance = match &verdict {
            Verdict::Usual { passing } | Verdict::Pool { passing, .. } => *passing,
            Verdict::Refused => 0.0,
        };
        let (table, constraints) = (question.table, question.constraints.clone());
        match verdict {
            Verdict::Refused if question.is_free => {
                let reason = format!("no row satisfies CHECK {}", constraints.join(", "));
                known.repairs.push(Repair::Skip(table, reason));
            }
            Verdict::Pool { rows, .. } if question.is_free => {
                let rows: Vec<&Vec<Option<String>>> = rows.iter().map(|row| &tuples.rows[*row]).collect();
                if let Some(cells) = self.lanes(question, &rows).await? {
                    known.pools.push(Pool { table, columns: question.columns.clone(), cells });
                }
            }
            // Rows that are refused while loading are made anew; what asks for the parents of references, which are not there yet,
            // may pass then.
            Verdict::Usual { .. } | Verdict::Pool { .. } | Verdict::Refused => {}
        }
        known.answers.push(Answer { table, constraints, acceptance });
        Ok(())
    }

    /// Rows to ask about: planned ones, and others that suit one of the cases.
    fn tuples(&self, question: &Question) -> Tuples {
        let usual: Vec<Vec<Option<String>>> = question
            .columns
            .iter()
            .map(|column| self.usual.rows.iter().map(|row| row[usize::from(*column)].clone()).collect())
            .collect();
        let defaults: Vec<Option<String>> =
            question.columns.iter().map(|column| default_text(self.relation, *column)).collect();
        let asked: Vec<Asked<'_>> = question
            .of
            .iter()
            .zip(&usual)
            .zip(&defaults)
            .map(|((column, usual), default)| Asked { column, default: default.as_deref(), usual })
            .collect();
        let mut all = Tuples { rows: Vec::new(), n_usual: 0 };
        for (place, case) in question.cases.iter().take(MAX_CASES).enumerate() {
            let of_case = tuples(case, &asked);
            if place == 0 {
                all = of_case;
            } else {
                all.rows.extend(of_case.rows.into_iter().skip(of_case.n_usual));
            }
        }
        all
    }

    /// Returns the places of the rows that pass, and how many rows were judged; `None` where the conditions cannot be tried.
    async fn passed(&self, question: &Question, tuples: &Tuples) -> Result<Option<(Vec<usize>, usize)>> {
        let all: Vec<ColumnId> = question.columns.iter().chain(&question.beside).copied().collect();
        // What is beside the conditions is as it was planned.
        let value = |row: usize, at: usize| match tuples.rows[row].get(at) {
            Some(value) => value.clone(),
            None => self.usual.rows[row % self.usual.rows.len()][usize::from(all[at])].clone(),
        };
        let conditions: Vec<String> =
            question.sql.iter().map(|sql| format!("({sql}\n) IS NOT FALSE")).collect();
        let arrays: Vec<String> = (1..=all.len()).map(|n| format!("${n}::pg_catalog.text[]")).collect();
        let query = format!(
            "SELECT o.n FROM {} WHERE {} ORDER BY o.n",
            self.source(&all, &arrays),
            conditions.join(" AND ")
        );
        let rows = (0..tuples.rows.len()).map(|row| (0..all.len()).map(|at| value(row, at)).collect());
        let (rows, places) = distinct(rows);
        let mut passes = vec![false; rows.len()];
        let (mut open, mut next, mut n_at_once): (Vec<Range<usize>>, _, _) = (Vec::new(), 0, FIRST_ROWS);
        let started = Instant::now();
        for _ in 0..MAX_QUESTIONS {
            if started.elapsed() > MAX_ASKING {
                break;
            }
            let range = open.pop().unwrap_or_else(|| {
                let piece = next..rows.len().min(next + n_at_once);
                next = piece.end;
                n_at_once *= 4;
                piece
            });
            if range.is_empty() {
                break;
            }
            match self.passing(&query, &rows[range.clone()], all.len()).await? {
                Judged::Passing(numbers) => {
                    for number in numbers {
                        passes[range.start + number] = true;
                    }
                }
                Judged::Never => return Ok(None),
                Judged::Failing if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                }
                Judged::Failing => {}
            }
        }
        let n_asked = open.last().map_or(next, |range| range.start);
        let n_judged = places.iter().position(|place| *place >= n_asked).unwrap_or(places.len());
        let passed = places.iter().enumerate().filter(|(_, place)| passes[**place]).map(|(row, _)| row);
        Ok(Some((passed.collect(), n_judged)))
    }

    /// Asks which of some rows pass.
    async fn passing(&self, query: &str, rows: &[Vec<Option<String>>], n_columns: usize) -> Result<Judged> {
        let arrays: Vec<Vec<Option<String>>> =
            (0..n_columns).map(|at| rows.iter().map(|row| row[at].clone()).collect()).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|it| it as _).collect();
        self.execute("SAVEPOINT perfkit").await?;
        match self.transaction.query(query, &parameters).await {
            Ok(rows) => {
                self.execute("RELEASE SAVEPOINT perfkit").await?;
                let number = |row: &tokio_postgres::Row| -> Result<Option<usize>> {
                    Ok(usize::try_from(get::<i64>(row, "n")? - 1).ok())
                };
                let numbers = rows.iter().filter_map(|row| number(row).transpose());
                Ok(Judged::Passing(numbers.collect::<Result<_>>()?))
            }
            Err(error) => {
                let Some(code) = error.code().map(|code| code.code().to_owned()) else {
                    return Err(Error::query(DOING)(error));
                };
                self.execute("ROLLBACK TO SAVEPOINT perfkit; RELEASE SAVEPOINT perfkit").await?;
                // Columns or functions that are not there for all to see: class 42, as all mistakes in SQL.
                Ok(if code.starts_with("42") { Judged::Never } else { Judged::Failing })
            }
        }
    }

    /// Returns the cells of rows of a question's columns; `None` where one cannot be read back.
    async fn lanes(&self, question: &Question, rows: &[&Vec<Option<String>>]) -> Result<Option<Vec<Lane>>> {
        let array = |at: usize| {
            let literal = |row: &&Vec<Option<String>>| match &row[at] {
                Some(text) => sql::quote_literal(text),
                None => "NULL".to_owned(),
            };
            format!("ARRAY[{}]::pg_catalog.text[]", rows.iter().map(literal).collect::<Vec<_>>().join(","))
        };
        let arrays: Vec<String> = (0..question.columns.len()).map(array).collect();
        let names: Vec<String> = question.columns.iter().map(|column| self.name(*column)).collect();
        let query = format!(
            "COPY (SELECT {} FROM {} ORDER BY o.n) TO STDOUT (FORMAT binary)",
            names.join(", "),
            self.source(&question.columns, &arrays)
        );
        let stream = self.transaction.copy_out(&query).await.map_err(Error::query(DOING))?;
        let bytes = copy::receive(stream).await.map_err(Error::query(DOING))?;
        let wires: Vec<_> = question
            .columns
            .iter()
            .map(|column| self.plan.columns[usize::from(*column)].wire.clone())
            .collect();
        Ok(wire::read::lanes(&bytes, &wires))
    }

    /// Rows of arrays of text as rows of the table, numbered as `o.n`.
    fn source(&self, columns: &[ColumnId], arrays: &[String]) -> String {
        let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        let cast = |(column, name): (&ColumnId, &String)| {
            format!("o.{name}::{} AS {}", self.usual.base_types[usize::from(*column)], self.name(*column))
        };
        let casts: Vec<String> = columns.iter().zip(&names).map(cast).collect();
        let arrays: Vec<String> = arrays.iter().map(|array| format!("pg_catalog.unnest({array})")).collect();
        format!(
            "ROWS FROM ({}) WITH ORDINALITY AS o ({}, n) CROSS JOIN LATERAL (SELECT {}) AS {}",
            arrays.join(", "),
            names.join(", "),
            casts.join(", "),
            sql::quote_identifier(&self.relation.name)
        )
    }

    fn name(&self, column: ColumnId) -> String {
        sql::quote_identifier(&self.relation.field(column).name)
    }

    async fn execute(&self, statement: &str) -> Result<()> {
        self.transaction.batch_execute(statement).await.map_err(Error::query(DOING))
    }
}

/// Returns different rows in the order in which they come, and for each row which of them it is.
fn distinct<T: Clone + Ord>(rows: impl Iterator<Item = T>) -> (Vec<T>, Vec<usize>) {
    let mut known: BTreeMap<T, usize> = BTreeMap::new();
    let mut different: Vec<T> = Vec::new();
    let places = rows.map(|row| {
        *known.entry(row).or_insert_with_key(|row| {
            different.push(row.clone());
            different.len() - 1
        })
    });
    let places = places.collect();
    (different, places)
}

/// Returns the text of a default that is one constant.
fn default_text(relation: &Relation, column: ColumnId) -> Option<String> {
    let default = relation.field(column).default.as_deref()?;
    let is_constant = default.starts_with(['\'', '-']) || default.starts_with(|it: char| it.is_ascii_digit());
    match &mut constants(default)[..] {
        [text] if is_constant => Some(std::mem::take(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_asked_about_once() {
        assert_eq!(
            distinct(["b", "a", "b", "c", "a"].into_iter()),
            (vec!["b", "a", "c"], vec![0, 1, 0, 2, 1])
        );
    }
}
