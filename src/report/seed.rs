//! What a seed run will load, has loaded, and has deleted.

mod copy;

use std::time::Duration;

use chrono::DateTime;
use serde_json::json;

use super::{Align, Document, SCHEMA_VERSION, Table};
use crate::pg::seed::clean::Cleaned;
use crate::pg::seed::load::Loaded;
use crate::pg::seed::manifest::Listed;
use crate::pg::seed::measure;
use crate::plan::outline::Pair;
use crate::query::check::Literal;
use crate::seed::plan::describe::{maker, rows_from, source};
use crate::seed::plan::partitions::NewPartition;
use crate::seed::plan::request::Answer;
use crate::seed::plan::{Gap, Plan, Step};
use crate::seed::stats::delta::Delta;
use crate::unit;

/// Times of a run.
pub(crate) struct Times {
    /// For each table of the plan, all streams together.
    pub(crate) tables: Vec<Duration>,
    /// From the first row to the last commit of rows.
    pub(crate) rows: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) n_bytes: u64,
}

/// A run that came to its end.
pub(crate) struct Report {
    pub(crate) loaded: Loaded,
    /// Of each table of the plan.
    pub(crate) sizes: Vec<measure::Size>,
    pub(crate) times: Times,
    pub(crate) n_streams: usize,
    /// What ANALYZE said of the columns, beside the source of `--from-stats`.
    pub(crate) deltas: Option<Vec<Delta>>,
    /// Of `--workload`, in the source and here.
    pub(crate) plans: Option<Vec<Pair>>,
}

/// What is not as it was asked for, in one line.
pub(crate) fn gap(gap: &Gap) -> String {
    match gap {
        Gap::Column { table, column, reason } => format!("column {column} of {table} stays empty: {reason}"),
        Gap::Table { table, reason } => format!("table {table} gets no rows: {reason}"),
        Gap::Rows { table, asked, given, reason } => {
            format!("table {table} gets {} of {} rows: {reason}", unit::count(*given), unit::count(*asked))
        }
        Gap::Statistics { table, column, reason } => {
            format!("column {column} of {table} is not as in the source: {reason}")
        }
        Gap::Changed { table, column, reason } => format!("column {column} of {table} is changed: {reason}"),
    }
}

/// The tables of a plan in the order of loading: the number of the step and the place among the tables.
fn in_order(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    plan.steps.iter().enumerate().flat_map(|(place, step)| match step {
        Step::Table(table) => vec![(place + 1, usize::from(*table))],
        Step::Wave(tables) => tables.iter().map(|table| (place + 1, usize::from(*table))).collect(),
    })
}

/// What would be loaded. `answers` are what the server said of conditions that perfkit does not understand.
pub(crate) fn plan(plan: &Plan, answers: &[Answer]) -> Document<'static> {
    let mut tables = Table::new([
        ("step", Align::Right),
        ("table", Align::Left),
        ("rows", Align::Right),
        ("why", Align::Left),
    ]);
    let mut columns = Table::new([
        ("table", Align::Left),
        ("column", Align::Left),
        ("values", Align::Left),
        ("by", Align::Left),
    ]);
    let mut json_tables = Vec::new();
    for (step, table) in in_order(plan) {
        let table = &plan.tables[table];
        tables.row([step.to_string(), table.name.clone(), unit::count(table.n_rows), rows_from(plan, table)]);
        let mut json_columns = Vec::new();
        for column in &table.columns {
            let values = maker(plan, table, column);
            json_columns.push(json!({
                "column": column.name,
                "type": column.type_name,
                "values": values,
                "by": source(column.source),
            }));
            let by = source(column.source).to_owned();
            columns.row([table.name.clone(), column.name.clone(), values, by]);
        }
        json_tables.push(json!({
            "step": step,
            "schema": table.schema,
            "table": table.name,
            "rows": table.n_rows,
            "why": rows_from(plan, table),
            "columns": json_columns,
        }));
    }
    let mut checks = Table::new([
        ("table", Align::Left),
        ("condition of functions", Align::Left),
        ("usual rows that pass", Align::Right),
    ]);
    let mut json_checks = Vec::new();
    for Answer { table, constraints, acceptance } in answers {
        let table = &plan.tables[usize::from(*table)];
        checks.row([table.name.clone(), constraints.join(", "), format!("{:.1} %", acceptance * 100.0)]);
        json_checks.push(json!({
            "schema": table.schema,
            "table": table.name,
            "constraint": constraints.join(", "),
            "acceptance": acceptance,
        }));
    }
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": true,
        "seed": plan.seed,
        "tables": json_tables,
        "checks": json_checks,
        "gaps": plan.gaps,
        "partitions": partitions(plan),
        "wanted_bytes": plan.size.map(|size| size.wanted_bytes),
        "estimated_bytes": plan.size.map(|size| size.estimated_bytes),
    });
    let mut document = Document::new(json).table(tables).table(columns);
    if let Some(size) = plan.size {
        document = document.text(format!(
            "about {} with indexes, {}",
            unit::bytes(size.estimated_bytes),
            against(size.estimated_bytes, size.wanted_bytes)
        ));
    }
    if !answers.is_empty() {
        document = document.table(checks);
    }
    if !plan.partitions.is_empty() {
        let mut made = Table::new([("partitions to make", Align::Left)]);
        for partition in &plan.partitions {
            made.row([partition.statement(plan)]);
        }
        document = document.table(made);
    }
    if !plan.gaps.is_empty() {
        let mut gaps = Table::new([("not as asked for", Align::Left)]);
        for of in &plan.gaps {
            gaps.row([gap(of)]);
        }
        document = document.table(gaps);
    }
    document
}

/// The partitions that a run makes.
fn partitions(plan: &Plan) -> Vec<serde_json::Value> {
    let of = |partition: &NewPartition| {
        json!({
            "schema": partition.schema,
            "table": plan.tables[usize::from(partition.table)].name,
            "partition": partition.name,
            "ddl": partition.statement(plan),
        })
    };
    plan.partitions.iter().map(of).collect()
}

/// What was loaded.
pub(crate) fn loaded(report: &Report) -> Document<'static> {
    let run = &report.loaded.run;
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("time", Align::Right),
        ("rows/s", Align::Right),
    ]);
    let mut tables = Vec::new();
    for (_, place) in in_order(&run.plan) {
        let (planned, bytes, took) =
            (&run.plan.tables[place], report.sizes[place].table_bytes, report.times.tables[place]);
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
        let rate = planned.n_rows as f64 / took.as_secs_f64().max(1e-9);
        table.row([
            planned.name.clone(),
            unit::count(planned.n_rows),
            unit::bytes(bytes),
            format!("{:.2} s", took.as_secs_f64()),
            if took.is_zero() { String::new() } else { unit::estimate(rate) },
        ]);
        tables.push(json!({
            "table": planned.name,
            "rows": planned.n_rows,
            "bytes": bytes,
            "elapsed_ms": unit::json_ms(unit::as_ms(took)),
        }));
    }
    let with_rows = run.plan.tables.iter().zip(&report.sizes).filter(|(table, _)| table.n_rows > 0);
    let total_bytes: u64 = with_rows.map(|(_, size)| size.total_bytes).sum();
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "tables": tables,
        "run_id": run.id.to_string(),
        "seed": run.plan.seed,
        "as_of": as_of(&run.plan),
        "streams": report.n_streams,
        "elapsed_ms": unit::json_ms(unit::as_ms(report.times.elapsed)),
        "rows_ms": unit::json_ms(unit::as_ms(report.times.rows)),
        "bytes_sent": report.times.n_bytes,
        "rows_loaded": report.loaded.n_rows,
        "rows_replaced": report.loaded.n_patches,
        "indexes_rebuilt": report.loaded.n_indexes,
        "gaps": run.plan.gaps,
        "partitions": partitions(&run.plan),
        "wanted_bytes": run.plan.size.map(|size| size.wanted_bytes),
        "estimated_bytes": run.plan.size.map(|size| size.estimated_bytes),
        "total_bytes": total_bytes,
        "statistics": report.deltas.as_deref().map(copy::statistics),
        "plans": report.plans.as_deref().map(copy::plans),
    });
    let mut document = Document::new(json).table(table);
    if let Some(size) = run.plan.size {
        let against = against(total_bytes, size.wanted_bytes);
        document = document.text(format!("{} with indexes, {against}", unit::bytes(total_bytes)));
    }
    if let Some(deltas) = &report.deltas
        && deltas.iter().any(|delta| !delta.misses().is_empty())
    {
        document = document.table(copy::outside(deltas));
    }
    if let Some(pairs) = &report.plans {
        document = document.text(copy::n_same(pairs));
        if !pairs.iter().all(Pair::is_same) {
            document = document.table(copy::parted(pairs));
        }
    }
    document
}

/// How a size compares with the one that was asked for.
fn against(bytes: u64, wanted_bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let percent = (bytes as f64 / wanted_bytes.max(1) as f64 - 1.0) * 100.0;
    let wanted = unit::bytes(wanted_bytes);
    let (off, more) = (format!("{:.1} %", percent.abs()), if percent > 0.0 { "more" } else { "less" });
    if off == "0.0 %" {
        format!("the {wanted} asked for")
    } else {
        format!("{off} {more} than the {wanted} asked for")
    }
}

/// The end of a plan's time series, as in ISO 8601.
fn as_of(plan: &Plan) -> Option<String> {
    Literal::Timestamp(plan.as_of_us).text().map(|text| format!("{}Z", text.replacen(' ', "T", 1)))
}

/// What was deleted.
pub(crate) fn cleaned(cleaned: &Cleaned) -> Document<'static> {
    let mut table = Table::new([("table", Align::Left), ("deleted rows", Align::Right)]);
    let mut tables = Vec::new();
    for (planned, n_rows) in cleaned.run.plan.tables.iter().zip(&cleaned.n_rows) {
        if *n_rows > 0 {
            table.row([planned.name.clone(), unit::count(*n_rows)]);
            tables.push(json!({ "table": planned.name, "rows": n_rows }));
        }
    }
    let mut of_triggers = Vec::new();
    for made in &cleaned.made {
        if made.n_deleted > 0 {
            table.row([format!("{} (made by triggers)", made.table), unit::count(made.n_deleted)]);
        }
        of_triggers.push(json!({
            "schema": made.schema,
            "table": made.table,
            "rows": made.n_deleted,
            "left_rows": made.n_left,
            "reason": made.reason,
        }));
    }
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "run_id": cleaned.run.id.to_string(),
        "tables": tables,
        "trigger_tables": of_triggers,
    });
    Document::new(json).table(table)
}

/// When a run was started, in UTC.
fn started(run: &Listed) -> String {
    let moment = DateTime::from_timestamp_micros(run.started_us).unwrap_or_default();
    moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The runs of a database, oldest first.
pub(crate) fn runs(runs: &[Listed]) -> Document<'static> {
    let mut table = Table::new([
        ("run", Align::Left),
        ("state", Align::Left),
        ("started", Align::Left),
        ("rows", Align::Right),
        ("loaded", Align::Right),
    ]);
    let mut listed = Vec::new();
    for run in runs {
        table.row([
            run.id.to_string(),
            run.state.name().to_owned(),
            started(run),
            unit::count(run.n_rows),
            unit::count(run.n_rows_loaded),
        ]);
        listed.push(json!({
            "run_id": run.id.to_string(),
            "state": run.state.name(),
            "started": started(run),
            "rows": run.n_rows,
            "loaded_rows": run.n_rows_loaded,
            "perfkit_version": run.perfkit_version,
        }));
    }
    Document::new(json!({ "schema_version": SCHEMA_VERSION, "runs": listed })).table(table)
}
