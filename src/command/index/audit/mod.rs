//! `perfkit index audit`: reads the catalog and what speaks for or against its indexes, applies the rules, prints findings.

mod accepted;
mod inputs;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::catalog::{Catalog, Table};
use crate::cli::{ConnectArgs, WorkloadArgs, parse_duration, parse_size};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::audit::{self, BLOATED_INDEX, Finding, Fix, Options, Rule, UNUSED_INDEX};
use crate::index::change::IndexName;
use crate::index::change::script::Writer;
use crate::query::quote;
use crate::report;
use crate::report::audit::{Audit, Reported};
use crate::yaml::nearest;
use inputs::Inputs;

/// What `--schema` takes for all schemas.
const ALL_SCHEMAS: &str = "*";

/// Find indexes that cost without need, and keys and indexes that are missing
///
/// Reads the catalog, its statistics and the server's counters, and changes nothing; a standby and a role that may only read
/// are enough. Exits with status 1 if there are findings.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    /// Audit this schema (can be repeated, '*' for all) [default: those of the search path]
    #[arg(long = "schema", value_name = "NAME")]
    schemas: Vec<String>,
    /// Apply this rule only (can be repeated)
    #[arg(long, value_name = "RULE")]
    only: Vec<Rule>,
    /// Leave out this rule (can be repeated)
    #[arg(long = "ignore", value_name = "RULE", conflicts_with = "only")]
    ignored: Vec<Rule>,
    /// Leave out findings about smaller indexes, but for grave ones
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    min_size: Option<u64>,
    /// Call no index unused before the counters have counted this long [default: 7days]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    min_stats_age: Option<Duration>,
    /// Count the index scans of this standby as well (URL or keyword/value string; can be repeated)
    #[arg(long = "replica", value_name = "URL")]
    replicas: Vec<String>,
    /// Measure bloated indexes with pgstattuple, which reads all of them, instead of estimating only
    #[arg(long)]
    exact_bloat: bool,
    /// Report nothing that this file accepts
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Accept all findings of this run in this file, for `--baseline`, besides what it accepts and this run cannot judge
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Work from a file of `perfkit index suggest --snapshot`, without a database
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database_url", "replicas", "exact_bloat"])]
    from_snapshot: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

pub(crate) async fn run(context: &Context, args: &AuditArgs) -> Result<ExitStatus> {
    // Reasons and days of a file that is written again stay, and what this run cannot judge.
    let rewritten = args.write_baseline.as_deref().filter(|path| path.exists());
    let baseline = accepted::read(args.baseline.as_deref().or(rewritten))?;
    let mut inputs = inputs::read(context, args).await?;
    let options = options(args, schemas(&args.schemas, &inputs.catalog)?);
    let findings = findings(context, args, &mut inputs, &options).await?;
    let unproven =
        audit::unproven(&inputs.subject(), &options).filter(|_| is_applied(UNUSED_INDEX, &options));
    let held = baseline.hold(findings, accepted::today(), |rule, schema| {
        // What is not proven yet may be found again.
        let is_judged = rule != UNUSED_INDEX || unproven.is_none();
        is_judged && is_applied(rule, &options) && options.schemas.iter().any(|audited| audited == schema)
    });
    warn_of_others(context, &inputs.catalog, &options.schemas);
    let audit = Audit { unproven, ..audit(inputs, &held.findings, held.accepted.len(), options.schemas) };

    accepted::report(context, &held);
    context.ui.publish(&report::audit::document(&audit, context.ui.style()))?;
    if let Some(path) = &args.write_baseline {
        accepted::write(context, path, &baseline.accepting(&held))?;
        return Ok(ExitStatus::Success);
    }
    Ok(if held.findings.is_empty() { ExitStatus::Success } else { ExitStatus::Findings })
}

fn options(args: &AuditArgs, schemas: Vec<String>) -> Options {
    let default = Options::default();
    Options {
        only: args.only.clone(),
        ignored: args.ignored.clone(),
        schemas,
        min_size_bytes: args.min_size.unwrap_or(default.min_size_bytes),
        min_counted_s: args.min_stats_age.map_or(default.min_counted_s, |age| age.as_secs_f64()),
    }
}

fn is_applied(rule: &str, options: &Options) -> bool {
    let is_named = |rules: &[Rule]| rules.iter().any(|named| named.name() == rule);
    (options.only.is_empty() || is_named(&options.only)) && !is_named(&options.ignored)
}

/// Returns the schemas to audit, in order; all those named exist.
fn schemas(named: &[String], catalog: &Catalog) -> Result<Vec<String>> {
    let mut existing: Vec<&str> = catalog.tables.iter().map(|table| table.schema.as_str()).collect();
    existing.sort_unstable();
    existing.dedup();
    if named.iter().any(|name| name == ALL_SCHEMAS) {
        return Ok(existing.into_iter().map(str::to_owned).collect());
    }
    for name in named {
        if !existing.contains(&name.as_str()) {
            let error = Error::usage(format!("schema \"{name}\" does not exist, or has no tables"));
            return Err(match nearest(name, existing.iter().copied()) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error.hint("Name another schema with `--schema`, or all with `--schema '*'`."),
            });
        }
    }
    let wanted = if named.is_empty() { &catalog.search_path } else { named };
    Ok(wanted.to_vec())
}

/// Applies the rules; with `--exact-bloat` once more to what was measured of the indexes that seem bloated, or of which
/// statistics do not tell.
async fn findings(
    context: &Context,
    args: &AuditArgs,
    inputs: &mut Inputs,
    options: &Options,
) -> Result<Vec<Finding>> {
    let findings = audit::findings(&inputs.subject(), options);
    if !is_applied(BLOATED_INDEX, options) {
        return Ok(findings);
    }
    let unknown = audit::of_unknown_bloat(&inputs.subject(), options);
    if !args.exact_bloat {
        inputs.unseen.extend(not_estimated(&unknown));
        return Ok(findings);
    }
    let seeming =
        findings.iter().filter(|finding| finding.rule == BLOATED_INDEX).filter_map(Finding::index_name);
    inputs::measure_bloat(context, inputs, seeming.chain(unknown).collect()).await?;
    Ok(audit::findings(&inputs.subject(), options))
}

/// Says of which indexes the statistics do not tell how bloated they are.
fn not_estimated(unknown: &[IndexName]) -> Option<String> {
    let first = unknown.first()?.qualified();
    let others = match unknown.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "how bloated {first}{others} may be: the statistics do not tell; `--exact-bloat` measures btrees"
    ))
}

fn audit(inputs: Inputs, findings: &[Finding], n_accepted: usize, schemas: Vec<String>) -> Audit {
    let Inputs { catalog, evidence, unseen, .. } = inputs;
    let audited = || catalog.tables.iter().filter(|table| schemas.contains(&table.schema));
    let (n_tables, n_indexes) = (audited().count(), audited().map(|table| table.indexes.len()).sum());
    let of_sequences = evidence.sequences.iter().map(|it| (it.schema.clone(), it.name.clone()));
    let of_statements = findings.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(Fix::built_names);
    let mut writer = Writer::new(&catalog, &evidence.storage, of_sequences.chain(of_statements));
    let reported = |finding: &Finding| Reported::new(finding.clone(), |change| writer.script(change));
    Audit {
        findings: findings.iter().map(reported).collect(),
        n_accepted,
        unseen,
        n_tables,
        unproven: None,
        n_indexes,
        schemas,
        counted_s: evidence.counted_s,
        replicas: evidence.replicas.into_iter().map(|replica| (replica.label, replica.counted_s)).collect(),
    }
}

fn warn_of_others(context: &Context, catalog: &Catalog, audited: &[String]) {
    // What perfkit keeps of its own runs is nobody's concern.
    const OWN: &str = "perfkit";
    let is_other = |table: &&Table| !audited.contains(&table.schema) && table.schema != OWN;
    let others: Vec<&Table> = catalog.tables.iter().filter(is_other).collect();
    let mut schemas: Vec<_> = others.iter().map(|table| quote::identifier(&table.schema)).collect();
    schemas.sort_unstable();
    schemas.dedup();
    if !schemas.is_empty() {
        context.ui.status(format_args!(
            "not audited: {} tables of {}; add `--schema '*'` for all",
            others.len(),
            schemas.join(", ")
        ));
    }
}
