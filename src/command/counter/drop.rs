//! `perfkit counter drop`: takes counters away with all that keeps them.

use clap::Args;

use super::execute::Work;
use super::{ChangeArgs, Job, carry_out, table_and_column};
use crate::context::Context;
use crate::counter::chain;
use crate::counter::name;
use crate::counter::plan::{Goal, plan};
use crate::counter::site::{QualifiedName, Site};
use crate::counter::state::{ColumnState, State};
use crate::error::{Error, ExitStatus, Result};
use crate::pg::counter::facts;
use crate::pg::{Access, journal};

/// Remove counters with their triggers, functions and tables
///
/// Columns that were there before perfkit kept them stay in any case.
#[derive(Args, Debug)]
pub(crate) struct DropArgs {
    /// The counters, as TABLE.COLUMN
    #[arg(value_name = "TABLE.COLUMN", required = true)]
    counters: Vec<String>,
    /// Leave the columns as they are
    #[arg(long)]
    keep_columns: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &Context, args: &DropArgs) -> Result<ExitStatus> {
    let asked = args.counters.iter().map(|text| table_and_column(text)).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = asked.iter().map(|(table, _)| table.clone()).collect();
    let target = context.target(&args.change.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    connection.require_primary()?;
    let state = facts::load(&mut connection, &names).await?;
    let told = journal::told_of_counters(&connection).await?;
    drop(connection);
    let mut doomed = asked.iter().map(|asked| place(&state, asked)).collect::<Result<Vec<_>>>()?;
    let sites: Vec<Site> = state.readable_sites().collect();
    refuse_read(&sites, &doomed)?;
    // What adds a counter up goes before it.
    let order: Vec<QualifiedName> = chain::in_order(sites)
        .map_err(|error| Error::usage(error.to_string()))?
        .into_iter()
        .map(|site| site.parent)
        .collect();
    let place = |table: &QualifiedName| order.iter().rposition(|parent| parent == table);
    doomed.sort_by_key(|(table, _)| (std::cmp::Reverse(place(table)), table.clone()));
    let goals: Vec<Goal> = doomed
        .into_iter()
        .map(|(parent, column)| Goal::Lack {
            parent,
            columns: vec![column],
            keeps_columns: args.keep_columns,
        })
        .collect();
    let steps = plan(&goals, &state, &told.counted);

    let job = Job {
        work: Work::Goals(goals),
        names,
        steps,
        notes: Vec::new(),
        sites: Vec::new(),
        nothing: "nothing of it is left",
    };
    carry_out(context, &target, job, &args.change).await
}

/// Finds the table in which a counter stands.
fn place(state: &State, (table, column): &(String, String)) -> Result<(QualifiedName, String)> {
    let bare = table.rsplit_once('.').map_or(table.as_str(), |(_, name)| name);
    let stands_in = |site: &Site| {
        let key: Vec<&str> = site.key.iter().map(|pair| pair.child.as_str()).collect();
        site.is_side() && site.parent == name::side_table(bare, &site.child, &key)
    };
    let mut sites = state.readable_sites();
    if let Some(site) = sites.find(|site| site.counter(column).is_some() && stands_in(site)) {
        return Ok((site.parent, column.clone()));
    }
    let Some(there) = state.named(table) else {
        return Err(Error::usage(format!("table \"{table}\" does not exist")));
    };
    let mut sites = state.readable_sites();
    let is_kept = sites.any(|site| site.parent == there.name && site.counter(column).is_some());
    let is_ours = there.column(column).is_some_and(ColumnState::is_ours);
    // An add that was cut short has left guards.
    let is_begun = state.half_made().iter().any(|site| site.parent == there.name);
    if is_kept || is_ours || is_begun {
        return Ok((there.name.clone(), column.clone()));
    }
    Err(Error::usage(format!("perfkit keeps no counter \"{column}\" in table {}", there.name)))
}

/// Refuses to drop what a counter that stays adds up.
fn refuse_read(sites: &[Site], doomed: &[(QualifiedName, String)]) -> Result<()> {
    for (table, column) in doomed {
        for site in sites.iter().filter(|site| site.child == *table) {
            let stays = |name: &str| !doomed.iter().any(|(table, it)| *table == site.parent && it == name);
            let mut readers = site.counters.iter().filter(|it| chain::reads(it, column));
            if let Some(reader) = readers.find(|it| stays(&it.column)) {
                let reader = format!("{}.{}", site.parent, reader.column);
                return Err(Error::usage(format!("{reader} adds up {table}.{column}"))
                    .hint(format!("Drop both: perfkit counter drop {reader} {table}.{column}.")));
            }
        }
    }
    Ok(())
}
