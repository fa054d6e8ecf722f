//! `perfkit seed`: fills tables with large, deterministic data, all or nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;

use crate::catalog::{Catalog, TableKind};
use crate::cli::ConnectArgs;
use crate::config::ConfigFile;
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access, Connection, Transaction, sql};
use crate::query;
use crate::random;
use crate::report;
use crate::scenario::{self, SCENARIOS, Scenario};
use crate::seed::{self, SeedConfig, SeedPlan, SeedReport, SeededTable};
use crate::sources;
use crate::ui::{Ui, Unit};

/// The table that `--users` sizes.
const ROOT_TABLE: &str = "users";

/// Fill tables with large, realistic, deterministic data
///
/// Seeds the tables of a built-in scenario; in a database without tables the scenario's schema is created first.
/// The same seed gives the same bytes. Everything is loaded in one transaction: all of it or nothing.
#[derive(Args, Debug)]
pub(crate) struct SeedArgs {
    /// How many users; the other tables follow in proportion [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    users: Option<u64>,
    /// Choose other data
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Add to tables that are not empty
    #[arg(long)]
    append: bool,
    /// End all time series here [default: today, 00:00 UTC]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Option<NaiveDate>,
    /// Create this scenario's schema in a database without tables
    #[arg(long, value_name = "NAME", default_value = "bedtime", value_parser = scenario::find)]
    scenario: &'static Scenario,
    /// Show what would be loaded and load nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

fn parse_date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("{text:?} is not a date; write it as in 2026-01-31"))
}

/// What decides a run, apart from the database.
pub(crate) struct Request {
    pub(crate) n_users: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) append: bool,
    pub(crate) as_of: Option<NaiveDate>,
    /// The file that says what to seed, for errors that name the place.
    pub(crate) file: Option<ConfigFile>,
}

pub(crate) async fn run(context: &Context, args: &SeedArgs) -> Result<ExitStatus> {
    let mut target = context.target(&args.connect)?;
    if args.connect.statement_timeout.is_none() {
        target = target.with_statement_timeout(LONG_STATEMENT_TIMEOUT);
    }
    let mut connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    connection.require_primary()?;
    let catalog = pg::catalog::load(&mut connection).await?;
    let (config, schema) = choose(context, &catalog, args.scenario)?;
    let is_from_file =
        schema.is_none() && context.config.as_ref().is_some_and(|file| !file.config.seed.tables.is_empty());
    let request = Request {
        n_users: args.users,
        seed: args.seed,
        append: args.append,
        as_of: args.as_of,
        file: context.config.clone().filter(|_| is_from_file),
    };

    if args.dry_run {
        return dry_run(context, &catalog, &config, schema, &request);
    }
    let report = seed(&context.ui, &mut connection, &config, schema, &request).await?;

    context.ui.publish(&report::seed::document(&report))?;
    Ok(ExitStatus::Success)
}

/// Returns what to seed, and the scenario whose schema must be created first.
fn choose(
    context: &Context,
    catalog: &Catalog,
    scenario: &'static Scenario,
) -> Result<(SeedConfig, Option<&'static Scenario>)> {
    if let Some(file) = &context.config
        && !file.config.seed.tables.is_empty()
        && !catalog.tables.is_empty()
    {
        context.ui.status(format_args!("seed: as {} says", file.path.display()));
        return Ok((file.config.seed.clone(), None));
    }
    if catalog.tables.is_empty() {
        context.ui.status(format_args!(
            "the database has no tables: creating the built-in scenario {}",
            scenario.name
        ));
        return Ok((sources::scenario_config(scenario)?.config.seed, Some(scenario)));
    }
    if let Some((known, mut config)) = known_scenario(catalog)? {
        config.tables.retain(|name, _| find(catalog, name).is_some());
        context.ui.status(format_args!("the tables of the built-in scenario {} are here", known.name));
        return Ok((config, None));
    }
    let tables: Vec<String> = catalog.tables.iter().take(8).map(|table| table.name.clone()).collect();
    let scenarios: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    Err(Error::usage("cannot tell how to seed this database: its tables are of no built-in scenario")
        .cause(format_args!("it has {}", tables.join(", ")))
        .hint(format!(
            "Use a database without tables for one of the built-in scenarios: {}.",
            scenarios.join(", ")
        ))
        .hint("Or describe the tables under `seed` in perfkit.yaml."))
}

/// Returns the built-in scenario that shares `users` and another table with the database, all columns included.
fn known_scenario(catalog: &Catalog) -> Result<Option<(&'static Scenario, SeedConfig)>> {
    for scenario in &SCENARIOS {
        let config = sources::scenario_config(scenario)?.config.seed;
        let has_columns = |name: &String, table: &seed::TableConfig| {
            find(catalog, name)
                .is_some_and(|found| table.columns.keys().all(|column| found.column(column).is_some()))
        };
        let root =
            config.tables.get(ROOT_TABLE).is_some_and(|table| has_columns(&ROOT_TABLE.to_owned(), table));
        let fits = config
            .tables
            .iter()
            .all(|(name, table)| find(catalog, name).is_none() || has_columns(name, table));
        if root && fits {
            return Ok(Some((scenario, config)));
        }
    }
    Ok(None)
}

fn find<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c crate::catalog::Table> {
    catalog.table(&query::TableName { schema: None, name: name.to_owned() })
}

fn dry_run(
    context: &Context,
    catalog: &Catalog,
    config: &SeedConfig,
    schema: Option<&Scenario>,
    request: &Request,
) -> Result<ExitStatus> {
    let mut table = report::Table::new([("table", report::Align::Left), ("rows", report::Align::Right)]);
    let mut tables = Vec::new();
    if let Some(scenario) = schema {
        context.ui.status(format_args!("dry run: scenario {} would be created", scenario.name));
    }
    for (name, n_rows) in
        seed::row_counts(config, &rows(request)).map_err(|error| plan_error(&error, request))?
    {
        let is_filled = find(catalog, &name).is_some_and(|found| found.n_pages > 0);
        table.row([
            format!("{name}{}", if is_filled { " (not empty)" } else { "" }),
            crate::unit::count(n_rows),
        ]);
        tables.push(serde_json::json!({ "table": name, "rows": n_rows, "is_empty": !is_filled }));
    }
    let json =
        serde_json::json!({ "schema_version": report::SCHEMA_VERSION, "dry_run": true, "tables": tables });
    context.ui.publish(&report::Document::new(json).table(table))?;
    Ok(ExitStatus::Success)
}

/// Creates the schema if asked and loads all tables, in one transaction.
pub(crate) async fn seed(
    ui: &Ui,
    connection: &mut Connection,
    config: &SeedConfig,
    scenario: Option<&Scenario>,
    request: &Request,
) -> Result<SeedReport> {
    let label = connection.label.clone();
    let (plan, mut tables) = match load(ui, connection, config, scenario, request).await {
        Ok(loaded) => loaded,
        Err(error) => {
            // The server rolls an unfinished transaction back, whatever ended it.
            return Err(error.hint(format!("Nothing was loaded: {label} is as it was before.")));
        }
    };
    let spinner = ui.spinner("vacuum and analyze");
    for (planned, seeded) in plan.tables.iter().zip(&mut tables) {
        let name = sql::quote_qualified(&planned.schema, &planned.name);
        let doing = || pg::Error::query(format!("vacuum table \"{}\"", planned.name));
        connection.batch_execute(&format!("VACUUM (ANALYZE) {name}")).await.map_err(doing())?;
        let sizes = connection.query_one(sql::RELATION_SIZES, &[&name]).await.map_err(doing())?;
        let bytes: i64 = pg::catalog::get(&sizes, "table_bytes")?;
        seeded.size_bytes = u64::try_from(bytes).unwrap_or(0);
    }
    drop(spinner);
    let as_of = as_of(request);
    let identity =
        format!("{} {} {:?}", request.seed, as_of, plan.tables.iter().map(|t| t.n_rows).collect::<Vec<_>>());
    Ok(SeedReport {
        tables,
        seed: request.seed,
        as_of: as_of.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        run_id: format!("{:016x}", random::substream(0, &identity)),
    })
}

async fn load(
    ui: &Ui,
    connection: &mut Connection,
    config: &SeedConfig,
    scenario: Option<&Scenario>,
    request: &Request,
) -> Result<(SeedPlan, Vec<SeededTable>)> {
    let begin = || pg::Error::query("start a transaction");
    let transaction = connection.client_mut().transaction().await.map_err(begin())?;
    let row = transaction.query_one(sql::SEED_LOCK, &[]).await.map_err(begin())?;
    if !pg::catalog::get::<bool>(&row, "locked")? {
        return Err(
            Error::server("another perfkit is seeding this database").hint("Wait until it has ended.")
        );
    }
    // Indexes and foreign keys are made after the rows: one build is faster than a million insertions.
    let statements = match scenario {
        Some(scenario) => query::split(scenario.schema_sql).expect("a built-in schema parses"),
        None => Vec::new(),
    };
    let (before, after): (Vec<&str>, Vec<&str>) =
        statements.into_iter().partition(|statement| statement.starts_with("CREATE TABLE"));
    execute_all(&transaction, &before).await?;
    let catalog = pg::catalog::load_in(&transaction).await?;
    let key_bases = key_bases(&transaction, config, &catalog, request.append).await?;
    let as_of_us = as_of(request).timestamp_micros();
    let plan = SeedPlan::new(config, &catalog, &rows(request), &key_bases, request.seed, as_of_us)
        .map_err(|error| plan_error(&error, request))?;
    let mut tables = Vec::new();
    for table in &plan.tables {
        let start = Instant::now();
        let progress = ui.progress(&format!("seed {}", table.name), table.n_rows, Unit::Rows);
        pg::copy::copy_table(&transaction, &plan, table, |n| progress.advance(n)).await?;
        tables.push(SeededTable {
            name: table.name.clone(),
            n_rows: table.n_rows,
            size_bytes: 0,
            elapsed: start.elapsed(),
        });
        if let Some((column, last)) = table.last_key() {
            let name = sql::quote_qualified(&table.schema, &table.name);
            transaction
                .query(sql::SYNC_SEQUENCE, &[&name, &column, &last])
                .await
                .map_err(pg::Error::query(format!("set the sequence of table \"{}\"", table.name)))?;
        }
    }
    if !after.is_empty() {
        let progress = ui.progress("indexes and foreign keys", after.len() as u64, Unit::Steps);
        for statement in after {
            execute_all(&transaction, &[statement]).await?;
            progress.advance(1);
        }
    }
    transaction.commit().await.map_err(pg::Error::query("commit"))?;
    Ok((plan, tables))
}

async fn execute_all(transaction: &Transaction<'_>, statements: &[&str]) -> Result<()> {
    for statement in statements {
        transaction
            .batch_execute(statement)
            .await
            .map_err(pg::Error::query("create the scenario's schema"))?;
    }
    Ok(())
}

/// Returns the greatest key of each table that has rows; refuses such tables without `--append`.
async fn key_bases(
    transaction: &Transaction<'_>,
    config: &SeedConfig,
    catalog: &Catalog,
    append: bool,
) -> Result<BTreeMap<String, u64>> {
    let mut bases = BTreeMap::new();
    for name in config.tables.keys() {
        let Some(table) = find(catalog, name) else { continue };
        if !matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned) {
            return Err(Error::usage(format!("\"{name}\" is not a table that can be seeded")));
        }
        let qualified = sql::quote_qualified(&table.schema, &table.name);
        let doing = || pg::Error::query(format!("look into table \"{name}\""));
        let is_filled: bool = transaction
            .query_one(&format!("SELECT EXISTS (SELECT 1 FROM {qualified}) AS is_filled"), &[])
            .await
            .map_err(doing())
            .and_then(|row| pg::catalog::get(&row, "is_filled"))?;
        if !is_filled {
            continue;
        }
        if !append {
            return Err(Error::usage(format!("table \"{name}\" is not empty"))
                .hint("Add `--append` to seed beside the rows that are there."));
        }
        let Some([key]) = table.primary_key().map(|key| key.columns.as_slice()) else { continue };
        let greatest: Option<i64> = transaction
            .query_one(
                &format!(
                    "SELECT max({})::pg_catalog.int8 AS greatest FROM {qualified}",
                    sql::quote_identifier(key)
                ),
                &[],
            )
            .await
            .map_err(doing())
            .and_then(|row| pg::catalog::get(&row, "greatest"))?;
        bases.insert(name.clone(), greatest.and_then(|key| u64::try_from(key).ok()).unwrap_or(0));
    }
    Ok(bases)
}

fn rows(request: &Request) -> BTreeMap<String, u64> {
    request.n_users.map(|n| (ROOT_TABLE.to_owned(), n)).into_iter().collect()
}

/// Returns the end of the time series: the start of a day, so that a day's runs give the same bytes.
fn as_of(request: &Request) -> DateTime<Utc> {
    let date = request.as_of.unwrap_or_else(|| {
        DateTime::from_timestamp_micros(sources::now_us()).unwrap_or_default().date_naive()
    });
    date.and_time(chrono::NaiveTime::MIN).and_utc()
}

fn plan_error(error: &seed::PlanError, request: &Request) -> Error {
    let failed = match &request.file {
        Some(file) => file.error_at(error.word(), error.to_string()),
        None => Error::usage("cannot seed this schema").cause(error),
    };
    failed.hint("Describe the table's columns under `seed` in perfkit.yaml, or give the column a default.")
}
