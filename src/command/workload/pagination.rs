//! `perfkit workload pagination`: lists that are read by OFFSET, without an order or without an end.

use std::path::PathBuf;

use clap::Args;

use super::inspect::InspectArgs;
use crate::catalog::Catalog;
use crate::command::capture::files;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::pages::Paged;
use crate::pg::{self, Connection};
use crate::query::{self, Way};
use crate::report::pagination::{self as report, Found, Rewrite, Unproven};
use crate::workload::pagination::{self, Limits, Pages, ProblemKind, SeenList};

/// Find lists that are read by OFFSET, in no certain order, or without an end
///
/// Shows deep OFFSETs, walks over all pages, orders that leave ties, results that grow, clients that ask for too much, and
/// counts of all rows beside a page. With a database, lists by OFFSET are rewritten so that a page begins after the last row of
/// the page before it; the rewrite is proved in one read-only snapshot, by a walk over pages both ways. Exits with status 1 if
/// something is found.
#[derive(Args, Debug)]
pub(crate) struct PaginationArgs {
    /// Look at these traces or server logs; logs in the order of time, .gz and .zst as well, `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Let clients ask for pages of so many rows
    #[arg(long, value_name = "ROWS", default_value_t = 1000)]
    max_page_size: u64,
    #[command(flatten)]
    inspect: InspectArgs,
}

pub(super) async fn run(context: &Context, args: &PaginationArgs) -> Result<ExitStatus> {
    let (paths, prefix) = (args.files.clone(), args.inspect.log_line_prefix.clone());
    let (pages, inputs) = files::read_into(context, paths, prefix, Pages::default(), Pages::take).await?;
    let report = pages.finish(Limits { max_page_size: args.max_page_size });
    if report.n_executions == 0 {
        return Err(Error::usage("there is no execution in what was read")
            .hint("Record some with `perfkit capture`, or log them with log_min_duration_statement = 0."));
    }
    let is_ignored = |list: &SeenList| args.inspect.is_ignored(list.fingerprint, &list.statement);
    let n_lists = report.lists.len();
    let lists: Vec<SeenList> = report.lists.into_iter().filter(|list| !is_ignored(list)).collect();

    let mut database = Database::open(context, args).await?;
    let mut found = Vec::new();
    for mut list in lists {
        let rewrite = match &mut database {
            Some(database) => database.rewrite(context, &mut list).await?,
            None => Err("no database was named, so that nothing is known of keys".to_owned()),
        };
        if !list.problems.is_empty() {
            let wants_key = list.problems.iter().any(|problem| problem.kind.wants_key());
            found.push(Found { list, rewrite: wants_key.then_some(rewrite) });
        }
    }

    context.ui.publish(&report::pagination(&found, report.n_executions, n_lists, context.ui.style()))?;
    if inputs.has_failed() {
        return Ok(ExitStatus::Usage);
    }
    Ok(if found.is_empty() { ExitStatus::Success } else { ExitStatus::Findings })
}

/// The database that the lists are of.
struct Database {
    connection: Connection,
    catalog: Catalog,
}

impl Database {
    /// Connects if there is a database.
    async fn open(context: &Context, args: &PaginationArgs) -> Result<Option<Self>> {
        let Some(mut connection) = args.inspect.database(context).await? else { return Ok(None) };
        let catalog = pg::catalog::load(&mut connection).await?;
        Ok(Some(Self { connection, catalog }))
    }

    /// Writes a list by key and proves it; adds what the database knows of its order. `Err` says why there is no rewrite.
    async fn rewrite(&mut self, context: &Context, seen: &mut SeenList) -> Result<Result<Rewrite, String>> {
        let Some(runnable) = pagination::runnable(&seen.example.text, &seen.example.parameters) else {
            return Ok(Err("the values of its calls were not kept".to_owned()));
        };
        let list_of = |sql: &str| {
            let parsed = query::parse(sql).map_err(|error| format!("its text {error}"))?;
            parsed.list(&self.catalog).ok_or_else(|| "its text is no list".to_owned())
        };
        let list = match list_of(&runnable.sql) {
            Ok(list) => list,
            Err(reason) => return Ok(Err(reason)),
        };
        let key = match pagination::key(&list, &self.catalog) {
            Ok(key) => key,
            Err(reason) => return Ok(Err(reason)),
        };
        let is_known = seen.problems.iter().any(|problem| problem.kind == ProblemKind::UnstableOrder);
        if seen.is_paged && key.n_added > 0 && !is_known {
            let own = &key.items[..key.items.len() - key.n_added];
            let order: Vec<&str> = own.iter().map(|item| item.sql.as_str()).collect();
            seen.problems.push(pagination::unstable(&order.join(", ")));
        }
        if !seen.problems.iter().any(|problem| problem.kind.wants_key()) {
            return Ok(Err("its pages need no other key".to_owned()));
        }
        // People read the text as it was sent, with its parameters; constants that are no parameters to the server stand in it.
        let shown = list_of(&seen.example.text).unwrap_or_else(|_| list.clone());
        let paged = Paged {
            list: &list,
            key: &key.items,
            values: &runnable.values,
            page_size: seen.page_size.unwrap_or(1),
            deepest_offset: seen.example.offset,
        };
        let proof = match pg::pages::prove(&mut self.connection, &paged).await {
            Ok(Some(proof)) => Ok(proof),
            Ok(None) => Err(Unproven("the list has fewer than two rows here".to_owned())),
            // What the server refuses is no proof; without an answer of it there is nothing more to do.
            Err(error) if error.sqlstate().is_some() && !context.interrupt.is_raised() => {
                Err(Unproven(error.to_string()))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Ok(Rewrite {
            first: shown.first_page(&key.items, None).sql,
            next: shown.next_page(&key.items, Way::Forward, None).sql,
            previous: shown.next_page(&key.items, Way::Backward, None).sql,
            key: key.items.iter().map(|item| item.sql.clone()).collect(),
            index: key.index,
            proof,
        }))
    }
}
