//! The search for rows that the server refuses, so that others can take their place.

use std::ops::Range;

use tokio_postgres::error::SqlState;

use super::Event;
use super::feed::To;
use super::stream::{At, Failed, Stream, Tries, is_gone};
use crate::pg::error::{Error, Result};
use crate::seed::chunk::Chunk;
use crate::seed::manifest::{Refused, most_refused};
use crate::seed::schema::TableId;

/// How often rows are looked for that the server has refused, and then takes after all.
const MAX_IN_VAIN: u32 = 3;

impl Stream<'_> {
    /// Lets other rows take the place of those that the server refuses.
    pub(super) async fn patch(&mut self, chunk: &Chunk, error: Error, tries: &mut Tries) -> Result<()> {
        self.roll_back().await;
        let found = self.refused_of(chunk).await;
        self.roll_back().await;
        self.forget().await;
        let refused = match found {
            Ok(refused) if refused.is_empty() && tries.n_in_vain < MAX_IN_VAIN => {
                tries.n_in_vain += 1;
                return Ok(());
            }
            Ok(refused) if refused.is_empty() => return Err(self.not_found(chunk, error)),
            Ok(refused) => refused,
            // What it is decides the next try.
            Err(failed) if is_gone(failed.error.failure()) => {
                self.session = None;
                return Ok(());
            }
            Err(failed) => return Err(failed.error),
        };
        let patches =
            self.shared.queue.patches_for(&refused, chunk.n_rows()).map_err(|given_up| Error::Refused {
                table: self.shared.plan.tables[usize::from(refused[0].table)].name.clone(),
                reason: given_up.to_string(),
            })?;
        self.shared.coordinator.patch(self.shared.run, &patches).await?;
        self.shared.queue.patched(&patches);
        for patch in &patches {
            (self.shared.on)(Event::Patched(patch));
        }
        Ok(())
    }

    /// Returns the rows of a chunk that the server refuses.
    async fn refused_of(&mut self, chunk: &Chunk) -> Result<Vec<Refused>, Failed> {
        // The session may have gone with the transaction that failed, and a crash may have taken away what rows refer to.
        self.connect().await.map_err(|error| Failed { error, at: At::Manifest })?;
        if !self.shared.queue.is_ready(chunk) {
            return Ok(Vec::new());
        }
        let is_in_wave = chunk.parts.len() > 1;
        let mut all = Vec::new();
        for (table, rows) in &chunk.parts {
            all.extend(self.refused(*table, rows.clone(), is_in_wave).await?);
            self.roll_back().await;
            if self.session.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// Says which tables a refused row may be of.
    fn not_found(&self, chunk: &Chunk, error: Error) -> Error {
        let names: Vec<&str> = chunk
            .parts
            .iter()
            .map(|(table, _)| self.shared.plan.tables[usize::from(*table)].name.as_str())
            .collect();
        let [first, _, ..] = names[..] else { return error };
        Error::Refused {
            table: first.to_owned(),
            reason: format!(
                "{}; which row it is cannot be found out, because rows of {} refer to each other",
                reason(&error),
                names.join(", ")
            ),
        }
    }

    /// Returns the rows of a table that the server refuses, by trying ever smaller ranges in a transaction that is rolled back.
    ///
    /// Rows of a wave lack those of the other tables. The server looks at each row alone before it looks for these, so that a
    /// range that it refuses only for their lack is as good as taken.
    async fn refused(
        &mut self,
        table: TableId,
        rows: Range<u64>,
        is_in_wave: bool,
    ) -> Result<Vec<Refused>, Failed> {
        let manifest = |error| Failed { error, at: At::Manifest };
        self.prepare_stages(&[(table, rows.clone())]).await.map_err(manifest)?;
        self.execute("BEGIN; SET CONSTRAINTS ALL IMMEDIATE").await.map_err(manifest)?;
        let most = most_refused(rows.end - rows.start);
        let mut open = vec![rows];
        let mut refused: Vec<Refused> = Vec::new();
        while let Some(rows) = open.pop() {
            if refused.len() > most {
                break;
            }
            self.execute("SAVEPOINT perfkit").await.map_err(manifest)?;
            // Into the table, whose lines are the rows in their order.
            self.feed.ask(table, rows.clone(), self.shared.queue.patches(), To::Table);
            let parts = [(table, rows.clone())];
            let Err(failed) = self.put(&parts, false).await else {
                self.execute("RELEASE SAVEPOINT perfkit").await.map_err(manifest)?;
                continue;
            };
            self.forget().await;
            if !is_refusal(&failed.error) || self.shared.interrupt.is_raised() {
                return Err(failed);
            }
            self.execute("ROLLBACK TO SAVEPOINT perfkit; RELEASE SAVEPOINT perfkit")
                .await
                .map_err(manifest)?;
            let named = match failed.at {
                At::Rows(Some(row)) if rows.contains(&row) => Some(row),
                _ if rows.end - rows.start == 1 => Some(rows.start),
                _ => None,
            };
            if is_in_wave && failed.error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
                continue;
            }
            let pieces = if let Some(row) = named {
                refused.push(Refused { table, row, reason: reason(&failed.error) });
                [row + 1..rows.end, rows.start..row]
            } else {
                let middle = rows.start + (rows.end - rows.start) / 2;
                [middle..rows.end, rows.start..middle]
            };
            open.extend(pieces.into_iter().filter(|rows| !rows.is_empty()));
        }
        Ok(refused)
    }
}

/// Whether a row was refused for what it is: data exceptions, constraints, and what triggers raise.
pub(super) fn is_refusal(error: &Error) -> bool {
    error.sqlstate().is_some_and(|code| code.starts_with("22") || code.starts_with("23") || code == "P0001")
}

fn reason(error: &Error) -> String {
    let Error::Query { source, .. } = error else { return error.to_string() };
    source.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

/// Returns the line that the server names, from 1.
pub(super) fn line(error: &Error) -> Option<u64> {
    let Error::Query { source, .. } = error else { return None };
    line_in(source.as_db_error()?.where_()?)
}

/// Reads `COPY name, line 7, column …`, the last line of the context, in any language: the first number after the name and a
/// comma (`CopyFromErrorCallback` in copyfrom.c). A name with a comma and a number in it is not understood.
fn line_in(context: &str) -> Option<u64> {
    let place = context.lines().rev().find(|line| line.starts_with("COPY "))?;
    let after = &place[place.find([',', '、'])?..];
    let digits = after.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_line_is_read() {
        let check =
            |context: &str, expected: Option<u64>| assert_eq!(line_in(context), expected, "{context}");
        check("COPY t, line 7", Some(7));
        check("COPY t2, line 12, column id", Some(12));
        check("PL/pgSQL function no() line 3 at RAISE\nCOPY t, line 7", Some(7));
        check("COPY t, Zeile 3", Some(3));
        check("SQL statement \"SELECT 1 FROM ONLY p\"", None);
        check("COPY t2", None);
        check("", None);
    }
}
