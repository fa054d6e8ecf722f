//! Rows that triggers have made while the run was loaded, or while it is cleaned: they go as well, where it is certain that they
//! are of the run.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::error::SqlState;

use super::references::{Reference, joined, only, place, reference};
use crate::pg;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::seed::effects::{self, Recorder, Table};
use crate::pg::sql;
use crate::query::quote;
use crate::run_id::RunId;
use crate::seed::effect::{Effect, Made, made};
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;

/// One transaction looks through so many pages: 4 MB.
const PAGES: u64 = 512;
/// So often is looked for rows that triggers have made while rows that triggers have made were deleted.
const MAX_ROUNDS: usize = 8;

/// What has become of the rows that triggers have made in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeRows {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) n_deleted: u64,
    /// Rows that transactions of the run have made or changed, and that are left.
    pub(crate) n_left: u64,
    /// Why.
    pub(crate) reason: Option<String>,
}

/// Deletes what triggers have made. What there is of it is read anew each time, because deleting fires triggers as well.
pub(super) struct Maker<'c> {
    run: &'c RunId,
    plan: &'c Plan,
    recorder: &'c Recorder,
    are_triggers_off: bool,
    /// By table: what was deleted, and of which transactions.
    deleted: BTreeMap<u32, Deleted>,
}

#[derive(Default)]
struct Deleted {
    n_rows: u64,
    /// The transactions that had done something there when rows were deleted: there is nothing more to do until others have.
    settled: BTreeSet<String>,
    reason: Option<String>,
    /// The table (schema and name) whose rows refer to some of them.
    kept_by: Option<(String, String)>,
}

/// A table that rows are to be deleted from.
struct Target {
    table: Table,
    /// Its parts that hold rows, with their sizes in pages.
    leaves: Vec<(String, u64)>,
    /// Whose rows go.
    xids: BTreeSet<String>,
    /// Why others stay.
    doubt: Option<&'static str>,
    made: Made,
    references: Vec<Reference>,
}

/// Why rows are still there.
enum Kept {
    /// Others refer to them, which may go: rows of this table (schema and name).
    Referenced(Option<(String, String)>),
    /// Nothing helps.
    For(String),
}

/// Rows of triggers in a table that can be told from others, as it was when cleaning began.
pub(super) struct MadeThere {
    /// The transactions whose rows there are all theirs or the run's, as an array of `xmin`.
    pub(super) xids: String,
    /// The foreign keys that lead to the table. Their `parent` counts this table alone, and is none of the plan's.
    pub(super) references: Vec<Reference>,
}

impl MadeThere {
    pub(super) async fn new(
        connection: &Connection,
        plan: &Plan,
        table: &Table,
        made: &Made,
        own: &BTreeSet<String>,
    ) -> Result<Option<Self>, pg::Error> {
        let leaves = leaves(connection, table).await?;
        let (xids, _) = theirs(connection, plan, table, &leaves, made, own).await?;
        if xids.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { xids: array(&xids), references: references(connection, plan, table).await? }))
    }
}

impl<'c> Maker<'c> {
    pub(super) fn new(
        run: &'c RunId,
        plan: &'c Plan,
        recorder: &'c Recorder,
        are_triggers_off: bool,
    ) -> Self {
        Self { run, plan, recorder, are_triggers_off, deleted: BTreeMap::new() }
    }

    /// Deletes what can go now. Tables for which `is_waiting` holds have rows of the plan that go first.
    pub(super) async fn delete(
        &mut self,
        connection: &Connection,
        is_waiting: impl Fn(TableId) -> bool,
    ) -> Result<(), pg::Error> {
        // Each time triggers may make more rows, in the worst case for ever.
        for _ in 0..MAX_ROUNDS {
            let (mut open, own) = self.targets(connection, &is_waiting).await?;
            let mut has_moved = false;
            loop {
                let n_before = open.len();
                let mut kept = Vec::new();
                // Tables that refer to others mostly came after them.
                for target in open.into_iter().rev() {
                    if !self.goes(connection, &target, &own).await? {
                        kept.push(target);
                    }
                }
                kept.reverse();
                open = kept;
                if open.len() == n_before {
                    break;
                }
                has_moved = true;
            }
            if !has_moved {
                break;
            }
        }
        Ok(())
    }

    /// Deletes the rows of a table, unless others refer to them that may go; then it has to be tried again.
    async fn goes(
        &mut self,
        connection: &Connection,
        target: &Target,
        own: &BTreeSet<String>,
    ) -> Result<bool, pg::Error> {
        let deleted = self.delete_from(connection, target, own).await?;
        let known = self.deleted.entry(target.table.oid).or_default();
        let (n_rows, reason) = match deleted {
            Ok(n) => (n, target.doubt.map(str::to_owned)),
            Err(Kept::For(reason)) => (0, Some(reason)),
            Err(Kept::Referenced(by)) => {
                known.reason = Some("other rows refer to them".to_owned());
                known.kept_by = by;
                return Ok(false);
            }
        };
        known.n_rows += n_rows;
        known.reason = reason;
        known.kept_by = None;
        known.settled.extend(target.made.all.iter().cloned());
        Ok(true)
    }

    /// The tables with rows of triggers that are still to be deleted, and the transactions of the run.
    async fn targets(
        &mut self,
        connection: &Connection,
        is_waiting: &impl Fn(TableId) -> bool,
    ) -> Result<(Vec<Target>, BTreeSet<String>), pg::Error> {
        let (tables, effects) = effects::read(connection, self.run).await?;
        let own = own_xids(connection, self.run, &effects).await?;
        let mut made = made(&effects);
        let mut targets = Vec::new();
        for table in tables {
            let Some(made) = made.remove(&table.oid) else { continue };
            let deleted = self.deleted.get(&table.oid);
            let is_settled = deleted.is_some_and(|it| made.all.is_subset(&it.settled));
            let kept_by = deleted.and_then(|it| it.kept_by.as_ref());
            let is_kept =
                kept_by.and_then(|(schema, name)| self.planned(schema, name)).is_some_and(is_waiting);
            if is_settled || is_kept || self.planned(&table.schema, &table.name).is_some_and(is_waiting) {
                continue;
            }
            let leaves = leaves(connection, &table).await?;
            let (xids, doubt) = theirs(connection, self.plan, &table, &leaves, &made, &own).await?;
            let references = references(connection, self.plan, &table).await?;
            targets.push(Target { table, leaves, xids, doubt, made, references });
        }
        Ok((targets, own))
    }

    /// The table of the plan that rows were loaded into.
    fn planned(&self, schema: &str, name: &str) -> Option<TableId> {
        let is_it = |(_, planned): &(TableId, &TablePlan)| {
            planned.schema == schema && planned.name == name && planned.is_loaded()
        };
        (0..).zip(&self.plan.tables).find(is_it).map(|(id, _)| id)
    }

    /// Deletes a table's rows of triggers, and says how many; or why they stay.
    async fn delete_from(
        &self,
        connection: &Connection,
        target: &Target,
        own: &BTreeSet<String>,
    ) -> Result<Result<u64, Kept>, pg::Error> {
        if target.xids.is_empty() {
            return Ok(Ok(0));
        }
        if let Some(child) = self.bound(connection, target, own).await? {
            return Ok(Err(Kept::For(format!("rows of others refer to them in table {child}"))));
        }
        let mut n_deleted = 0;
        for (leaf, n_pages) in &target.leaves {
            let mut start = 0;
            while start < *n_pages {
                let pages = format!("t.ctid >= '({start},0)' AND t.ctid < '({},0)'", start + PAGES);
                match self.delete_rows(connection, target, leaf, &pages).await? {
                    Ok(n) => n_deleted += n,
                    // They may refer to each other from page to page.
                    Err(Kept::Referenced(_)) if *n_pages > PAGES => {
                        match self.delete_rows(connection, target, leaf, "true").await? {
                            Ok(n) => n_deleted += n,
                            Err(kept) => return Ok(Err(kept)),
                        }
                        break;
                    }
                    Err(kept) => return Ok(Err(kept)),
                }
                start += PAGES;
            }
        }
        Ok(Ok(n_deleted))
    }

    /// The table in which a foreign key would change rows of others, or whose rows would refer to nothing.
    async fn bound(
        &self,
        connection: &Connection,
        target: &Target,
        own: &BTreeSet<String>,
    ) -> Result<Option<String>, pg::Error> {
        for reference in target.references.iter().filter(|it| it.changes_rows || self.are_triggers_off) {
            let statement = format!(
                "SELECT EXISTS (SELECT 1 FROM {} AS c JOIN {} AS t ON {} \
                 WHERE t.xmin = ANY ({XIDS}) AND NOT (c.xmin = ANY ({}))) AS is_bound",
                reference.only(),
                only(&target.table.schema, &target.table.name, target.table.is_partitioned),
                joined(reference),
                XIDS.replace("$1", "$2"),
            );
            let row = connection
                .query_one(&statement, &[&array(&target.xids), &array(own)])
                .await
                .map_err(doing(&target.table))?;
            if get(&row, "is_bound")? {
                return Ok(Some(quote::qualified(&reference.schema, &reference.table)));
            }
        }
        Ok(None)
    }

    /// Deletes rows of a part of a table in a transaction of their own, which notes what triggers do then.
    async fn delete_rows(
        &self,
        connection: &Connection,
        target: &Target,
        leaf: &str,
        pages: &str,
    ) -> Result<Result<u64, Kept>, pg::Error> {
        let execute = |statement: &'static str| async move {
            connection.batch_execute(statement).await.map_err(doing(&target.table))
        };
        execute("BEGIN").await?;
        let before = effects::counts(connection).await?;
        let delete = format!("DELETE FROM ONLY {leaf} AS t WHERE {pages} AND t.xmin = ANY ({XIDS})");
        let deleted = connection.execute(&delete, &[&array(&target.xids)]).await;
        let deleted = match deleted {
            Ok(n) => {
                self.recorder.record(connection, &before, &[]).await?;
                connection.batch_execute("COMMIT").await.map(|()| n)
            }
            Err(error) => Err(error),
        };
        let error = match deleted {
            Ok(n) => return Ok(Ok(n)),
            Err(error) => error,
        };
        let Some(db) = error.as_db_error().filter(|db| is_about_rows(db.code())) else {
            return Err(doing(&target.table)(error));
        };
        let kept = if *db.code() == SqlState::FOREIGN_KEY_VIOLATION {
            Kept::Referenced(
                db.schema().zip(db.table()).map(|(schema, name)| (schema.to_owned(), name.to_owned())),
            )
        } else {
            Kept::For(format!("the server does not let them go: {}", db.message()))
        };
        execute("ROLLBACK").await?;
        Ok(Err(kept))
    }

    /// Says what has become of all rows that triggers have made, and forgets them.
    pub(super) async fn finish(self, connection: &Connection) -> Result<Vec<MadeRows>, pg::Error> {
        let (tables, effects) = effects::read(connection, self.run).await?;
        let made = made(&effects);
        let mut found = Vec::new();
        for table in tables.iter().filter(|table| made.contains_key(&table.oid)) {
            let of_table = effects.iter().filter(|effect| effect.oid == table.oid && effect.is_known);
            let xids: BTreeSet<String> = of_table.flat_map(Effect::xids).collect();
            let mut n_left = 0;
            for (leaf, _) in leaves(connection, table).await? {
                let count = format!(
                    "SELECT pg_catalog.count(*) AS n FROM ONLY {leaf} AS t WHERE t.xmin = ANY ({XIDS})"
                );
                let row = connection.query_one(&count, &[&array(&xids)]).await.map_err(doing(table))?;
                n_left += get::<i64>(&row, "n")?.unsigned_abs();
            }
            let deleted = self.deleted.get(&table.oid);
            let reason = deleted.and_then(|deleted| deleted.reason.clone());
            found.push(MadeRows {
                schema: table.schema.clone(),
                table: table.name.clone(),
                n_deleted: deleted.map_or(0, |deleted| deleted.n_rows),
                n_left,
                reason: reason.filter(|_| n_left > 0),
            });
        }
        connection
            .execute(sql::SEED_EFFECT_DELETE, &[&self.run.0])
            .await
            .map_err(pg::Error::query("write the manifest"))?;
        Ok(found)
    }
}

/// Transactions, bound as one text. There may be one for each row: the server hashes what a query gives, but not a parameter.
const XIDS: &str = "SELECT pg_catalog.unnest($1::pg_catalog.text::pg_catalog.xid[])";

/// Returns the transactions whose rows in a table are all of the run, its own ones and those that triggers have made, and why there
/// may be others.
async fn theirs(
    connection: &Connection,
    plan: &Plan,
    table: &Table,
    leaves: &[(String, u64)],
    made: &Made,
    own: &BTreeSet<String>,
) -> Result<(BTreeSet<String>, Option<&'static str>), pg::Error> {
    if !made.is_doubtful {
        Ok((made.sure.clone(), None))
    } else if is_all_own(connection, plan, table, leaves, own).await? {
        Ok((own.clone(), None))
    } else {
        Ok((made.sure.clone(), Some(DOUBT)))
    }
}

/// Whether a table was empty before the run, and nobody but the run has put rows there or changed them.
async fn is_all_own(
    connection: &Connection,
    plan: &Plan,
    table: &Table,
    leaves: &[(String, u64)],
    own: &BTreeSet<String>,
) -> Result<bool, pg::Error> {
    let is_it = |planned: &&TablePlan| planned.schema == table.schema && planned.name == table.name;
    if own.is_empty() || plan.tables.iter().find(is_it).is_none_or(|planned| planned.was_filled) {
        return Ok(false);
    }
    for (leaf, _) in leaves {
        let statement = format!(
            "SELECT EXISTS (SELECT FROM ONLY {leaf} AS t WHERE NOT (t.xmin = ANY ({XIDS}))) AS has_others"
        );
        let row = connection.query_one(&statement, &[&array(own)]).await.map_err(doing(table))?;
        if get(&row, "has_others")? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn references(
    connection: &Connection,
    plan: &Plan,
    table: &Table,
) -> Result<Vec<Reference>, pg::Error> {
    let (schemas, names) = ([table.schema.as_str()], [table.name.as_str()]);
    let rows = connection.query(sql::SEED_REFERENCES, &[&schemas.as_slice(), &names.as_slice()]).await;
    rows.map_err(doing(table))?.iter().map(|row| reference(row, plan)).collect()
}

pub(super) fn array(xids: &BTreeSet<String>) -> String {
    format!("{{{}}}", xids.iter().map(String::as_str).collect::<Vec<_>>().join(","))
}

/// The transactions of a run; none where they cannot be told from others any more, as in a restored database.
pub(super) async fn own_xids(
    connection: &Connection,
    run: &RunId,
    effects: &[Effect],
) -> Result<BTreeSet<String>, pg::Error> {
    let known: Vec<&Effect> = effects.iter().filter(|effect| effect.is_known).collect();
    if known.len() < effects.len() || known.is_empty() {
        return Ok(BTreeSet::new());
    }
    let of_chunks = effects::xids(connection, run).await?;
    Ok(known.into_iter().flat_map(Effect::xids).chain(of_chunks).collect())
}

/// Why some of the rows that triggers have made are not deleted.
const DOUBT: &str = "triggers have changed rows of others there as well, or made theirs too long ago, so that they cannot be told apart";

/// Whether the server refuses what was asked for, rather than that anything is wrong with the session.
fn is_about_rows(code: &SqlState) -> bool {
    // Manual: PostgreSQL Error Codes.
    ["08", "25", "40", "53", "55", "57", "58", "XX"].iter().all(|class| !code.code().starts_with(class))
}

async fn leaves(connection: &Connection, table: &Table) -> Result<Vec<(String, u64)>, pg::Error> {
    let rows = connection.query(sql::SEED_LEAVES, &[&[table.oid].as_slice()]).await.map_err(doing(table))?;
    let leaf = |row: &tokio_postgres::Row| {
        debug_assert_eq!(place(row, "place").ok(), Some(0));
        let name = quote::qualified(&get::<String>(row, "schema")?, &get::<String>(row, "name")?);
        Ok((name, get::<i64>(row, "n_pages")?.unsigned_abs()))
    };
    rows.iter().map(leaf).collect()
}

fn doing(table: &Table) -> impl FnOnce(tokio_postgres::Error) -> pg::Error + use<> {
    pg::Error::query(format!(
        "delete rows that triggers have made in table {}",
        quote::qualified(&table.schema, &table.name)
    ))
}
