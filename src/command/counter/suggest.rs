//! `perfkit counter suggest`: finds what a workload counts, and which counters would spare it.

use std::collections::BTreeSet;

use clap::Args;

use crate::catalog::Catalog;
use crate::cli::{ConnectArgs, WorkloadArgs};
use crate::context::Context;
use crate::counter::state::State;
use crate::counter::suggest::{self, Benefit, Refused, Suggestion, Wanted};
use crate::error::{ExitStatus, Result};
use crate::pg::counter::{facts, suggest as asked};
use crate::pg::{self, Access, Connection, explain};
use crate::query;
use crate::report;
use crate::report::counter::Advice;
use crate::sources;
use crate::workload::{Source, Statement};

/// Refusals that are shown one by one; reports list all.
const MAX_SHOWN: usize = 5;

/// Suggest counters for what the workload counts
///
/// Finds `count(*)` and `sum(…)` for each row of a parent: in statements that run once for each row of a list, beside the rows of
/// a query, and by group, also over several tables. Says what a counter saves, as the planner sees it, and what it costs the
/// writers. Creates nothing.
#[derive(Args, Debug)]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

/// A counter with the statements that could read it, by their numbers.
struct Candidate {
    wanted: Wanted,
    uses: Vec<(usize, Wanted)>,
}

pub(crate) async fn run(context: &Context, args: &SuggestArgs) -> Result<ExitStatus> {
    let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let catalog = pg::catalog::load(&mut connection).await?;
    let workload =
        sources::load_to_plan(context, &args.workload.workload, Some(&connection), &catalog).await?;
    let (candidates, mut refused) = candidates(&workload.statements, &catalog);
    let state = facts::load(&mut connection, &tables(&candidates)).await?;
    let has_rates = workload.source == Source::PgStatStatements;
    let mut suggestions = Vec::new();
    for candidate in &candidates {
        match suggestion(context, &connection, candidate, (&workload.statements, has_rates), &catalog, &state)
            .await?
        {
            Ok(suggestion) => suggestions.push(suggestion),
            Err(reason) => refused.extend(candidate.uses.iter().map(|(at, _)| {
                let statement = &workload.statements[*at];
                Refused {
                    statement: statement.name.clone(),
                    sql: statement.sql.clone(),
                    reason: reason.clone(),
                }
            })),
        }
    }
    suggestions.sort_by(|a, b| b.saving().total_cmp(&a.saving()));

    for refused in refused.iter().take(MAX_SHOWN) {
        context.ui.status(format_args!(
            "no counter for {}: {}",
            sources::one_line(&refused.sql),
            refused.reason
        ));
    }
    if refused.len() > MAX_SHOWN {
        context.ui.status(format_args!("no counter for {} more, see --json", refused.len() - MAX_SHOWN));
    }
    let advice =
        Advice { suggestions, refused, n_statements: workload.statements.len(), skipped: workload.skipped };
    context.ui.publish(&report::counter::suggestions(&advice))?;
    if advice.suggestions.is_empty() {
        context.ui.status("the workload counts nothing that a counter would spare");
    }
    Ok(ExitStatus::Success)
}

/// Returns the counters that statements could read, each once.
fn candidates(statements: &[Statement], catalog: &Catalog) -> (Vec<Candidate>, Vec<Refused>) {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut refused = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        // A workload's statements parse.
        let countings = query::parse(&statement.sql).map(|it| it.countings(catalog)).unwrap_or_default();
        for counting in &countings {
            let mut wanted = match suggest::wanted(counting, catalog) {
                Ok(wanted) => wanted,
                Err(reason) => {
                    let (statement, sql) = (statement.name.clone(), statement.sql.clone());
                    refused.push(Refused { statement, sql, reason });
                    continue;
                }
            };
            if let Some(known) =
                candidates.iter_mut().find(|it| suggest::is_same(&it.wanted.wish, &wanted.wish))
            {
                known.uses.push((at, wanted));
                continue;
            }
            let taken: Vec<_> = candidates.iter().map(|it| it.wanted.wish.clone()).collect();
            suggest::apart(&taken, &mut wanted.wish);
            candidates.push(Candidate { uses: vec![(at, wanted.clone())], wanted });
        }
    }
    (candidates, refused)
}

fn tables(candidates: &[Candidate]) -> Vec<String> {
    let named = candidates.iter().flat_map(|it| {
        let wish = &it.wanted.wish;
        [&wish.table, &wish.counts].into_iter().chain(&wish.through.0).cloned()
    });
    named.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Prices a counter; an error says why it is not suggested.
async fn suggestion(
    context: &Context,
    connection: &Connection,
    candidate: &Candidate,
    (statements, has_rates): (&[Statement], bool),
    catalog: &Catalog,
    state: &State,
) -> Result<Result<Suggestion, String>> {
    let wanted = &candidate.wanted;
    let sum_type = match &wanted.wish.sum {
        Some(sum) => asked::sum_type(connection, &wanted.wish.counts, sum, state).await?,
        None => None,
    };
    match suggest::kept(&wanted.wish, sum_type.as_deref(), state) {
        Ok(None) => {}
        Ok(Some(column)) => return Ok(Err(format!("{column} holds that already; read it"))),
        Err(reason) => return Ok(Err(reason)),
    }
    let Some(probes) = suggest::probes(wanted, catalog) else {
        return Ok(Err("its tables are not known".to_owned()));
    };
    let mut costs = [0.0; 3];
    for (cost, probe) in costs.iter_mut().zip(&probes) {
        *cost = explain::generic_cost(connection, probe).await?;
    }
    let mut benefits = Vec::new();
    for (at, wanted) in &candidate.uses {
        let statement = &statements[*at];
        let (cost_before, rows) = match explain::generic_estimate(connection, &statement.sql).await {
            Ok(estimate) => estimate,
            Err(error) => return Ok(Err(sources::reason(context, error)?)),
        };
        benefits.push(Benefit {
            statement: statement.name.clone(),
            sql: statement.sql.clone(),
            form: wanted.form,
            calls: statement.weight,
            mean_ms: statement.mean_ms,
            cost_before,
            cost_after: suggest::cost_after(wanted.form, cost_before, rows, costs.into()),
        });
    }
    let calls: f64 = benefits.iter().map(|benefit| benefit.calls).sum();
    let reads_per_s = catalog.counted_s.filter(|counted_s| has_rates && *counted_s >= 1.0);
    let mut price = suggest::price(wanted, catalog);
    price.n_waiting = asked::n_waiting(connection, wanted.parent).await?;
    let has_index = suggest::has_key_index(wanted, catalog);
    let (mode, mode_reason) =
        suggest::mode(&price, has_index, reads_per_s.map(|counted_s| calls / counted_s));
    let mut wish = wanted.wish.clone();
    wish.mode = mode_reason.is_some().then_some(mode);
    let suggestion = Suggestion { wish, benefits, price, mode_reason };
    if suggestion.saving() <= 0.0 {
        return Ok(Err("reading a counter would cost as much as counting".to_owned()));
    }
    Ok(Ok(suggestion))
}
