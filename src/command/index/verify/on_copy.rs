//! Verification on a local copy: the indexes are switched between single runs, so that both sides see the same caches
//! and the same machine.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Case, MAX_STATEMENT_TIME, MIN_RUNS, Source, Trials, VerifyArgs, run, skipped, without_effects};
use crate::catalog::{Catalog, Table};
use crate::cli::ProgramsArgs;
use crate::config::Timeouts;
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::Result;
use crate::index::change::IndexName;
use crate::index::verification::{self, Measured, Verification};
use crate::index::{Advice, Definition};
use crate::pg::sampled_copy::SampledCopy;
use crate::pg::{self, Access, Connection, trial};
use crate::query::TableName;
use crate::ui::Progress;

pub(super) async fn verify(
    context: &Context,
    args: &VerifyArgs,
    programs: &ProgramsArgs,
    timeouts: Timeouts,
    source: &Source<'_>,
    cases: &[Case<'_>],
    advice: &Advice,
) -> Result<Verification> {
    let spinner = context.ui.spinner("copy the schema");
    let mut connection = source
        .target
        .clone()
        .with_statement_timeout(LONG_STATEMENT_TIMEOUT)
        .connect(Access::ReadOnly, &context.interrupt)
        .await?;
    let programs = context.programs(programs, Some(connection.major()))?;
    let mut copy = SampledCopy::create(
        &programs,
        &context.environment,
        Timeouts { statement: LONG_STATEMENT_TIMEOUT, ..timeouts },
        &context.interrupt,
        (source.catalog, source.surroundings),
    )
    .await?;
    let mut verification = Verification { place: "a local copy".to_owned(), ..Verification::default() };
    verification.missing.extend(copy.missing().iter().map(|missing| format!("the copy lacks {missing}")));

    let mut runnable = Vec::new();
    let mut wanted = BTreeSet::new();
    for case in without_effects(cases, &mut verification) {
        match tables_of(&copy, case, source.catalog).await {
            Ok(tables) => {
                wanted.extend(tables);
                runnable.push(case);
            }
            Err(error) => verification.skipped.push(skipped(context, case, error)?),
        }
    }
    let samplings = verification::samplings(source.catalog, &wanted, args.verify_rows);
    verification.tables = copy
        .load(&mut connection, &samplings, |table| spinner.message(format!("copy rows of {table}")))
        .await?;
    drop(connection);

    let mut indexes = Trials::default();
    for (number, suggestion) in advice.suggestions.iter().enumerate() {
        let definition = &suggestion.definition;
        spinner.message(format!("build {}", definition.describe()));
        let tree = trial::build(copy.connection(), number, definition).await?;
        let share = share_of(&verification, source.catalog, definition);
        indexes.add(number, tree, definition, suggestion.size_bytes, share);
    }
    for advised in &advice.drops {
        let IndexName { schema, name, .. } = &advised.seen.index;
        let tree = trial::tree(copy.connection(), schema, name).await?;
        if tree.oids.is_empty() {
            verification.missing.push(format!("dropping index \"{name}\": the copy does not have it"));
        }
        indexes.dropped.extend(tree.oids);
    }
    spinner.message("vacuum and analyze".to_owned());
    copy.analyze(&verification.tables).await?;
    trial::set_statement_timeout(copy.connection(), timeouts.statement).await?;

    let measured =
        interleaved(context, args, &spinner, copy.connection(), &runnable, &indexes, &mut verification);
    let measured = measured.await?;
    (verification.statements, verification.indexes) = verification::judge(&measured, indexes.built, |of| {
        let mut gone = advice.drops.iter().map(|drop| &drop.seen.index);
        gone.any(|index| (&index.schema, &index.table) == (&of.schema, &of.table))
    });
    verification.n_runs = usize::from(args.runs);
    Ok(verification)
}

/// The tables that a case reads or writes, and those that its keys make it look into.
async fn tables_of(
    copy: &SampledCopy,
    case: &Case<'_>,
    catalog: &Catalog,
) -> pg::Result<BTreeSet<(String, String)>> {
    let mut tables = BTreeSet::new();
    for values in case.value_sets {
        tables.extend(copy.tables_of(case.sql, values).await?);
    }
    if case.kind.writes() {
        let named: Vec<_> = tables.iter().filter_map(|(schema, name)| find(catalog, schema, name)).collect();
        let near = catalog.tables.iter().filter(|table| {
            named.iter().any(|written| refers_to(written, table.oid) || refers_to(table, written.oid))
        });
        tables.extend(near.map(|table| (table.schema.clone(), table.name.clone())));
    }
    Ok(tables)
}

fn refers_to(table: &Table, oid: u32) -> bool {
    let references = table.constraints.iter().filter_map(|constraint| constraint.references.as_ref());
    references.into_iter().any(|reference| reference.table == oid)
}

fn find<'c>(catalog: &'c Catalog, schema: &str, name: &str) -> Option<&'c Table> {
    catalog.table(&TableName { schema: Some(schema.to_owned()), name: name.to_owned() })
}

/// The share of the rows that an index was built on: of a partitioned table that of its least copied partition.
fn share_of(verification: &Verification, catalog: &Catalog, definition: &Definition) -> f64 {
    let of = find(catalog, &definition.schema, &definition.table);
    let tables = verification.tables.iter().filter(|copied| {
        let table = find(catalog, &copied.schema, &copied.name);
        table.zip(of).is_some_and(|(table, of)| is_part_of(catalog, table, of.oid))
    });
    tables.map(|copied| copied.share).reduce(f64::min).unwrap_or(0.0)
}

fn is_part_of(catalog: &Catalog, table: &Table, whole: u32) -> bool {
    table.oid == whole
        || table.partition_of.as_ref().is_some_and(|(parent, _)| {
            catalog.table_by_oid(*parent).is_some_and(|parent| is_part_of(catalog, parent, whole))
        })
}

/// Runs each case without and with the set in turns.
async fn interleaved(
    context: &Context,
    args: &VerifyArgs,
    spinner: &Progress,
    connection: &mut Connection,
    cases: &[&Case<'_>],
    indexes: &Trials,
    verification: &mut Verification,
) -> Result<Vec<Measured>> {
    let all: Vec<u32> = indexes.created.iter().chain(&indexes.dropped).copied().collect();
    let mut measured = Vec::new();
    for case in cases {
        spinner.message(format!("run {}", case.name));
        let mut runs = Measured { name: case.name.to_owned(), ..Measured::default() };
        let start = Instant::now();
        let mut failed = None;
        // The first round warms the caches up and is not counted.
        for round in 0..=usize::from(args.runs) {
            for (live, is_after) in [(&indexes.dropped, false), (&indexes.created, true)] {
                trial::switch(connection, &all, live).await?;
                match run(connection, case, case.kind.writes()).await {
                    Ok((run, names)) if round > 0 => {
                        if is_after { &mut runs.after } else { &mut runs.before }.push(run);
                        if is_after {
                            runs.used.extend(indexes.used(&names));
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if failed.is_some() || round >= MIN_RUNS && start.elapsed() > MAX_STATEMENT_TIME {
                break;
            }
        }
        match failed {
            None => measured.push(runs),
            Some(error) => verification.skipped.push(skipped(context, case, error)?),
        }
    }
    Ok(measured)
}
