//! `--write-baseline FILE` and `--baseline FILE`: what statements need, kept and held against later runs.

use std::fs;
use std::path::Path;

use super::{Checked, Plan, processors};
use crate::bench::BenchReport;
use crate::bench::baseline::{Baseline, FORM, Fingerprint, Measured, Work};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::load::processor_model;
use crate::pg::{self, Connection};
use crate::query;
use crate::random;
use crate::report::bench::baseline::text;
use crate::sources;

/// Executions of each statement that are counted. More find rarer plans, and take longer.
const EXECUTIONS: u64 = 20;

/// Reads a baseline.
pub(super) fn read(path: &Path) -> Result<Baseline> {
    let fail = || {
        Error::usage(format!("could not read baseline {:?}", path.display()))
            .hint("Write one with `perfkit bench --write-baseline FILE`.")
    };
    let json = fs::read_to_string(path).map_err(|error| fail().cause(error))?;
    let baseline: Baseline = serde_json::from_str(&json).map_err(|error| fail().cause(error))?;
    if baseline.baseline_version != FORM {
        return Err(fail().cause(format!(
            "its form has version {}, and this perfkit reads {FORM}",
            baseline.baseline_version
        )));
    }
    Ok(baseline)
}

pub(super) fn write(context: &Context, path: &Path, baseline: &Baseline) -> Result<()> {
    fs::write(path, text(baseline)).map_err(|error| {
        Error::usage(format!("could not write baseline {:?}", path.display()))
            .cause(error)
            .hint("Name a file in a folder that can be written.")
    })?;
    context.ui.status(format_args!("wrote {}", path.display()));
    Ok(())
}

/// Runs each statement a few times with known parameters, one after the other, and counts what that needs. What it changes is
/// rolled back.
pub(super) async fn work(connection: &mut Connection, checked: &Checked, plan: &Plan) -> Result<Vec<Work>> {
    let mut all = Vec::with_capacity(checked.statements.len());
    for (statement, generators) in checked.statements.iter().zip(&checked.generators) {
        let mut sum = Work::default();
        // The first fills what the session keeps, which reads blocks as well, and does not count.
        for n in std::iter::once(0).chain(0..EXECUTIONS) {
            let values = sources::draw(generators, random::at(random::substream(plan.seed, "work"), n));
            let work = pg::bench::work(connection, &statement.sql, &values, plan.allow_writes).await;
            let work = work.map_err(|error| {
                Error::from(error)
                    .context(format!("the work of statement \"{}\" cannot be counted", statement.name))
            })?;
            if n == 0 {
                sum = Work::default();
            }
            sum.add(work);
        }
        all.push(sum);
    }
    Ok(all)
}

/// Returns what a run is, for later ones.
pub(super) async fn of_run(
    connection: &Connection,
    checked: &Checked,
    plan: &Plan,
    work: Vec<Work>,
    report: &BenchReport,
) -> Result<Baseline> {
    let (n_tables, table_bytes) = pg::bench::data(connection).await?;
    let stages: Vec<String> = plan
        .stages
        .iter()
        .map(|stage| match (stage.rate, stage.ramp_to) {
            (None, _) => "full speed".to_owned(),
            (Some(rate), None) => format!("{rate}/s"),
            (Some(rate), Some(end)) => format!("{rate} to {end}/s"),
        })
        .collect();
    let fingerprint = Fingerprint {
        perfkit_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_version_num: connection.version,
        settings: pg::bench::settings(connection).await?,
        n_tables,
        table_bytes,
        seed: plan.seed,
        executions: EXECUTIONS,
        load: format!("{} connections, {:?}, {}", plan.connections, plan.protocol, stages.join(", ")),
        machine: format!(
            "{} processors ({})",
            processors(),
            processor_model().unwrap_or_else(|| "unknown".to_owned())
        ),
    };
    let statements = checked.statements.iter().zip(&report.statements).zip(work);
    let measured = statements.map(|((statement, stats), work)| {
        let summary = stats.response.summary();
        Measured {
            name: statement.name.clone(),
            text: query::parse(&statement.sql).map(|parsed| parsed.fingerprint).unwrap_or_default(),
            writes: statement.kind.writes(),
            work,
            p50_ms: summary.map(|it| it.p50_ms),
            p99_ms: summary.map(|it| it.p99_ms),
        }
    });
    Ok(Baseline { baseline_version: FORM, fingerprint, statements: measured.collect() })
}
