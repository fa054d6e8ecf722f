//! Compares counters with what they count, as one snapshot has both.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

use super::{batch, facts};
use crate::counter::backfill::pace::delay;
use crate::counter::backfill::sql::LOCK_TIMEOUT;
use crate::counter::chosen::chosen;
use crate::counter::drift::{self, Drifted, Evidence, LeafCount};
use crate::counter::name;
use crate::counter::refusal::Refusal;
use crate::counter::site::{QualifiedName, Site};
use crate::counter::state::State;
use crate::counter::verify::{self, Total, Verdict};
use crate::index::change::failure::Failure;
use crate::pg::catalog::{get, snapshot};
use crate::pg::stat;
use crate::pg::{Connection, Error, Interrupt, Result};
use crate::query;

const DOING: &str = "compare counters with what they count";
/// How often somebody may be in the way of the locks, or change counters before they are held: half a minute in all.
const MAX_TRIES: u32 = 20;
/// Keys of which it is looked where their children are: enough to see what they have in common.
const MAX_EXAMINED: usize = 100;
/// Statements of the application that are named as a cause.
const MAX_WRITERS: usize = 3;

/// Compares the counters that are named as TABLE.COLUMN, or all, with what they count; of those that are wrong so many keys of each
/// site are returned at the most. Returns the state of the same snapshot as well.
pub(crate) async fn verify(
    connection: &mut Connection,
    names: &[String],
    n_keys: usize,
    interrupt: &Interrupt,
) -> Result<(State, Vec<Verdict>)> {
    let patience = batch::patience(connection, LOCK_TIMEOUT).await?;
    let mut attempt = 0;
    let (state, verdicts) = loop {
        attempt += 1;
        match in_one_snapshot(connection, names, n_keys, patience).await {
            Ok(Some(found)) => break found,
            Ok(None) if attempt < MAX_TRIES => {}
            Ok(None) => return Err(Error::CountersChange),
            Err(error) if error.failure() == Failure::Busy && attempt < MAX_TRIES => {}
            Err(error) => return Err(error),
        }
        interrupt.pause(delay(attempt)).await?;
    };
    let verdicts = explained(connection, &state, verdicts).await?;
    Ok((state, verdicts))
}

/// What was found of sites, with where the children of the examined keys are.
type Found = Vec<(Verdict, Vec<LeafCount>)>;

/// Compares counters; `None` where somebody has added or dropped some, or changed their mode, before they were locked.
async fn in_one_snapshot(
    connection: &mut Connection,
    names: &[String],
    n_keys: usize,
    patience: Duration,
) -> Result<Option<(State, Found)>> {
    let state = facts::load(connection, &[]).await?;
    let locked = tables(&chosen(&state, names).map_err(Error::UnknownCounter)?, &state);
    let transaction = snapshot(connection).await?;
    if !locked.is_empty() {
        // Whoever waits here gives way before a deadlock is looked for: TRUNCATE of several tables locks them in another order.
        let timeout = format!("SET LOCAL lock_timeout = '{}ms'", patience.as_millis());
        transaction.batch_execute(&timeout).await.map_err(Error::query(DOING))?;
        // Before the snapshot, which the first query takes: TRUNCATE is not MVCC-safe.
        let names = locked.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let lock = format!("LOCK TABLE {names} IN ACCESS SHARE MODE");
        transaction.batch_execute(&lock).await.map_err(Error::query(format!("look at {names}")))?;
    }
    let state = facts::load_in(&transaction, &[]).await?;
    let sites = chosen(&state, names).map_err(Error::UnknownCounter)?;
    if !locked.is_superset(&tables(&sites, &state)) {
        transaction.rollback().await.map_err(Error::query(DOING))?;
        return Ok(None);
    }
    let verdicts = verdicts(&transaction, &state, sites, n_keys).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok(Some((state, verdicts)))
}

/// The tables that are read: what is counted, the counters, and what is pending.
fn tables(sites: &[Site], state: &State) -> BTreeSet<QualifiedName> {
    let of_site = |site: &Site| [site.child.clone(), site.parent.clone(), name::pending(site)];
    sites.iter().flat_map(of_site).filter(|table| state.table(table).is_some()).collect()
}

async fn verdicts(
    transaction: &Transaction<'_>,
    state: &State,
    sites: Vec<Site>,
    n_keys: usize,
) -> Result<Found> {
    let mut verdicts = Vec::new();
    for site in sites {
        for table in [&site.child, &site.parent] {
            if state.table(table).is_some_and(|table| table.rights.hides_rows) {
                return Err(Error::Counter(Box::new(Refusal::HiddenRows(table.clone()))));
            }
        }
        let verdict = verdict(transaction, site, n_keys).await?;
        let by_leaf = by_leaf(transaction, &verdict).await?;
        verdicts.push((verdict, by_leaf));
    }
    Ok(verdicts)
}

async fn verdict(transaction: &Transaction<'_>, site: Site, n_keys: usize) -> Result<Verdict> {
    let row = transaction.query_one(&verify::checked(&site), &[]).await.map_err(Error::query(DOING))?;
    let n_checked: i64 = get(&row, "n_checked")?;
    let limit = i64::try_from(n_keys.max(1)).unwrap_or(i64::MAX);
    let rows = transaction.query(&verify::drifted(&site), &[&limit]).await.map_err(Error::query(DOING))?;
    let mut drifted = Vec::new();
    for row in &rows {
        let key = key(row, &site)?;
        for (i, counter) in site.counters.iter().enumerate() {
            let kept: Option<String> = get(row, &format!("kept{}", i + 1))?;
            let counted: String = get(row, &format!("counted{}", i + 1))?;
            // Not by the texts: 10 and 10.00 are equal.
            if get(row, &format!("is_wrong{}", i + 1))? {
                drifted.push(Drifted { key: key.clone(), column: counter.column.clone(), kept, counted });
            }
        }
    }
    let totals = (1..=site.counters.len()).map(|i| match rows.first() {
        None => Ok(Total { n_drifted: 0, absolute_error: "0".to_owned() }),
        Some(row) => Ok(Total {
            n_drifted: get::<i64>(row, &format!("n{i}"))?.unsigned_abs(),
            absolute_error: get(row, &format!("error{i}"))?,
        }),
    });
    let totals = totals.collect::<Result<_>>()?;
    Ok(Verdict { site, n_checked: n_checked.unsigned_abs(), totals, drifted, causes: Vec::new() })
}

fn key(row: &Row, site: &Site) -> Result<Vec<String>> {
    (1..=site.key.len()).map(|i| get(row, &format!("k{i}"))).collect()
}

async fn by_leaf(transaction: &Transaction<'_>, verdict: &Verdict) -> Result<Vec<LeafCount>> {
    let site = &verdict.site;
    let keys: BTreeSet<&Vec<String>> =
        verdict.drifted.iter().take(MAX_EXAMINED).map(|drifted| &drifted.key).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<Vec<&str>> =
        (0..site.key.len()).map(|i| keys.iter().map(|key| key[i].as_str()).collect()).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
    let rows = transaction.query(&verify::by_leaf(site), &parameters).await.map_err(Error::query(DOING))?;
    let mut counts = Vec::new();
    for row in &rows {
        for (i, counter) in site.counters.iter().enumerate() {
            counts.push(LeafCount {
                leaf: get(row, "leaf")?,
                key: key(row, site)?,
                column: counter.column.clone(),
                counted: get(row, &format!("d{}", i + 1))?,
            });
        }
    }
    Ok(counts)
}

/// Adds the likely causes.
async fn explained(connection: &Connection, state: &State, verdicts: Found) -> Result<Vec<Verdict>> {
    let is_right = verdicts.iter().all(|(verdict, _)| verdict.is_right());
    let statements = if is_right { Vec::new() } else { stat::writes(connection).await? };
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let explained = verdicts.into_iter().map(|(mut verdict, by_leaf)| {
        let writers = writers(&statements, &verdict.site);
        verdict.causes =
            drift::causes(&verdict.drifted, &verdict.site, state, &Evidence { by_leaf, writers });
        verdict
    });
    Ok(explained.collect())
}

/// Returns the statements that write counters. Those of triggers do not count as an application's, nor do perfkit's own.
fn writers(statements: &[&str], site: &Site) -> Vec<String> {
    let writes = |sql: &&&str| {
        let Ok(parsed) = query::parse(sql) else { return false };
        parsed.writes().iter().any(|write| {
            write.table.name == site.parent.name
                && write.table.schema.as_ref().is_none_or(|schema| *schema == site.parent.schema)
                && write.columns.iter().any(|column| site.counter(column).is_some())
        })
    };
    statements.iter().filter(writes).take(MAX_WRITERS).map(|sql| (*sql).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;

    #[test]
    fn writers_are_told_from_readers() {
        let statements = [
            "UPDATE keywords SET mentions_count = $1 WHERE id = $2",
            "UPDATE app.keywords SET word = $1, mentions_count = mentions_count + $2 WHERE id = $3",
            "UPDATE keywords SET word = $1",
            "UPDATE other.keywords SET mentions_count = $1",
            "SELECT mentions_count FROM keywords",
            "not sql",
        ];
        assert_eq!(writers(&statements, &fixture::mentions()), statements[..2]);
    }
}
