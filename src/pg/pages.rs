//! Pages of a list by OFFSET and by key, side by side in one snapshot.

use std::time::{Duration, Instant};

use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::catalog;
use super::connect::Connection;
use super::error::{Error, Result};
use super::value::TextValue;
use crate::query::{KeysetQuery, List, SortKey, Way};
use crate::workload::pagination::{self, PageTime, Proof, Row, Verdict, judge_walk, timed_pages};

/// Pages that are compared from one place on, each way.
const N_PAGES: u64 = 5;
/// Rows that are compared in one page at most.
const MAX_PAGE_SIZE: u64 = 1000;
/// Each page is read so often, and the fastest time counts.
const N_RUNS: usize = 3;

/// A list whose pages are compared.
pub(crate) struct Paged<'l> {
    pub(crate) list: &'l List,
    pub(crate) key: &'l [SortKey],
    /// The values of its parameters.
    pub(crate) values: &'l [Option<String>],
    pub(crate) page_size: u64,
    pub(crate) deepest_offset: u64,
}

/// Walks over the pages of a list, by OFFSET and by key, and takes the time of some; `None` where the list has too few rows.
///
/// # Errors
///
/// What the server refuses: a statement that does not run there, or that takes longer than the statement timeout.
pub(crate) async fn prove(connection: &mut Connection, paged: &Paged<'_>) -> Result<Option<Proof>> {
    let transaction = catalog::snapshot(connection).await?;
    let page_size = paged.page_size.clamp(1, MAX_PAGE_SIZE);
    let n_first = paged.rows_at(&transaction, 0, page_size * N_PAGES).await?.len() as u64;
    if n_first < 2 {
        return Ok(None);
    }
    // A short list has as many pages, of fewer rows.
    let size = page_size.min((n_first / N_PAGES).max(1));
    let mut proof = Proof { verdict: Verdict::Equal, page_size, n_pages: 0, n_rows: 0, times: Vec::new() };
    let mut starts = vec![0];
    starts.extend(Some(paged.deepest_offset).filter(|offset| *offset > size * N_PAGES));
    for start in starts {
        let verdict = paged.walk(&transaction, start, size, &mut proof).await?;
        if verdict != Verdict::Equal {
            proof.verdict = verdict;
            return Ok(Some(proof));
        }
    }
    for page in timed_pages(page_size, paged.deepest_offset) {
        match paged.time(&transaction, page, page_size).await {
            Ok(Some(time)) => proof.times.push(time),
            // Beyond the end, or too deep for the statement timeout: so are all after it.
            Ok(None) => break,
            Err(error) if error.is_cancelled() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Some(proof))
}

impl Paged<'_> {
    /// Compares pages from a position on; rows before it come back when the walk turns.
    async fn walk(
        &self,
        transaction: &Transaction<'_>,
        start: u64,
        size: u64,
        proof: &mut Proof,
    ) -> Result<Verdict> {
        let mut by_offset: Vec<Vec<Row>> = Vec::new();
        for page in 0..N_PAGES {
            let rows = self.rows_at(transaction, start + page * size, size).await?;
            if rows.is_empty() {
                break;
            }
            by_offset.push(rows);
        }
        let Some(first) = by_offset.first() else { return Ok(Verdict::Equal) };
        let mut forward = vec![first.clone()];
        while forward.len() < by_offset.len() {
            let page = self.rows_beyond(transaction, last(&forward), Way::Forward, size).await?;
            if page.is_empty() {
                break;
            }
            forward.push(page);
        }
        let n_rows: usize = by_offset.iter().map(Vec::len).sum();
        let mut backward: Vec<Vec<Row>> = Vec::new();
        let mut n_left = n_rows - 1;
        while n_left > 0 {
            let from = if backward.is_empty() { last(&by_offset) } else { last(&backward) };
            let n_wanted = size.min(n_left as u64);
            let page = self.rows_beyond(transaction, from, Way::Backward, n_wanted).await?;
            if page.is_empty() {
                break;
            }
            n_left = n_left.saturating_sub(page.len());
            backward.push(page);
        }
        proof.n_pages += by_offset.len();
        proof.n_rows += n_rows;
        Ok(judge_walk(&by_offset, &forward, &backward))
    }

    /// Takes the time of one page both ways, in turns; `None` where the list does not go so far.
    async fn time(&self, transaction: &Transaction<'_>, page: u64, size: u64) -> Result<Option<PageTime>> {
        let offset = (page - 1) * size;
        let before = self.rows_at(transaction, offset - 1, 1).await?;
        let Some((_, key)) = before.first() else { return Ok(None) };
        let (mut by_offset, mut by_key) = (Duration::MAX, Duration::MAX);
        for _ in 0..N_RUNS {
            let start = Instant::now();
            self.rows_at(transaction, offset, size).await?;
            by_offset = by_offset.min(start.elapsed());
            let start = Instant::now();
            self.rows_beyond(transaction, key, Way::Forward, size).await?;
            by_key = by_key.min(start.elapsed());
        }
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Ok(Some(PageTime { page, by_offset: ns(by_offset), by_key: ns(by_key) }))
    }

    async fn rows_at(&self, transaction: &Transaction<'_>, offset: u64, limit: u64) -> Result<Vec<Row>> {
        self.rows(transaction, &self.list.rows_at(self.key, offset, limit), &[]).await
    }

    async fn rows_beyond(
        &self,
        transaction: &Transaction<'_>,
        key: &[Option<String>],
        way: Way,
        limit: u64,
    ) -> Result<Vec<Row>> {
        self.rows(transaction, &self.list.rows_beyond(self.key, way, limit), key).await
    }

    async fn rows(
        &self,
        transaction: &Transaction<'_>,
        page: &KeysetQuery,
        key: &[Option<String>],
    ) -> Result<Vec<Row>> {
        let values = pagination::values(&page.parameters, self.values, key).ok_or_else(|| Error::Answer {
            what: "the pages of a list".to_owned(),
            reason: "a parameter has no value".to_owned(),
        })?;
        let values: Vec<TextValue> = values.into_iter().map(TextValue).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let failed = |source| Error::Statement { statement: page.sql.clone(), offset: 0, source };
        let prepared = transaction.prepare(&page.sql).await.map_err(failed)?;
        let rows = transaction.query(&prepared, &values).await.map_err(failed)?;
        rows.iter()
            .map(|row| {
                let text = |at: usize| row.try_get(at).map_err(Error::query("read a page"));
                let key = (1..row.len()).map(text).collect::<Result<Vec<Option<String>>>>()?;
                Ok((text(0)?.unwrap_or_default(), key))
            })
            .collect()
    }
}

/// The key of the last row of the last page.
fn last(pages: &[Vec<Row>]) -> &[Option<String>] {
    pages.last().and_then(|page| page.last()).map_or(&[], |(_, key)| key)
}
