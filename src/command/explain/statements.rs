//! Statements to explained plans: what is run, with which values, how often.

use super::{ExplainArgs, RunArgs, index_check, read_input, values};
use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::catalog::Surroundings;
use crate::pg::shadow::Shadow;
use crate::pg::{self, Access, Connection, TextValue};
use crate::plan::run::{Alternative, median};
use crate::plan::{self, Explained, Plan, Server};
use crate::query;
use crate::sources;
use crate::workload::{Skipped, Statement};

/// The values that statements are explained with come from this stream.
pub(super) const SEED: u64 = 1;

/// One statement to explain.
pub(super) struct Task {
    name: Option<String>,
    sql: String,
    values: Vec<TextValue>,
    /// Other values that the plan is compared with, as is the plan for any values: name and values. `None` when nobody
    /// had to choose values.
    others: Option<Vec<(String, Vec<TextValue>)>>,
    /// Whether the rest goes on without it if the server does not take it.
    is_observed: bool,
}

/// Why a statement is not explained.
pub(super) enum Failure {
    /// perfkit does not run it.
    Refused(Error),
    Server(pg::Error),
    /// It is not about the statement.
    Run(Error),
}

impl From<pg::Error> for Failure {
    fn from(error: pg::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Run(error) => error,
            Failure::Server(error) => error.into(),
        }
    }
}

impl Failure {
    /// Returns why the statement is left out, unless it is one to stop at.
    fn reason(self, context: &Context, task: &Task) -> Result<Skipped> {
        let reason = match self {
            Self::Refused(error) if task.is_observed => error.message().to_owned(),
            Self::Server(error) if task.is_observed => sources::reason(context, error)?,
            failure => return Err(failure.into()),
        };
        Ok(Skipped { sql: task.sql.clone(), reason })
    }
}

/// Explains what the arguments name.
pub(super) async fn explain(context: &Context, args: &ExplainArgs) -> Result<Vec<Explained>> {
    let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let (server, surroundings) = pg::catalog::load_server(&mut connection).await?;
    let tasks = tasks(context, args, &mut connection, &server.catalog).await?;
    if args.running.estimate_only {
        return estimate_in_shadow(context, args, &connection, &server, &surroundings, tasks).await;
    }
    let n_wanted = n_wanted(args, &tasks);
    let (mut explained, mut left_out) = (Vec::new(), Vec::new());
    for task in &tasks {
        if explained.len() == n_wanted {
            break;
        }
        let mut one = match explain_task(&mut connection, &server, task, &args.running).await {
            Ok(one) => one,
            Err(failure) => {
                left_out.push(failure.reason(context, task)?);
                continue;
            }
        };
        index_check::check(
            context,
            &args.programs,
            &connection,
            (&server, &surroundings),
            &mut one,
            &task.values,
        )
        .await?;
        explained.push(one);
    }
    usable(context, explained, &left_out)
}

/// How many of the tasks are explained: all that were named, or the costliest of a workload.
fn n_wanted(args: &ExplainArgs, tasks: &[Task]) -> usize {
    if args.sql.is_some() || args.file.is_some() { tasks.len() } else { usize::from(args.top) }
}

/// Names what is left out; an error if that is all.
fn usable(context: &Context, explained: Vec<Explained>, left_out: &[Skipped]) -> Result<Vec<Explained>> {
    sources::report_left_out(context, left_out);
    if explained.is_empty() && !left_out.is_empty() {
        return Err(sources::nothing_left(left_out));
    }
    Ok(explained)
}

async fn tasks(
    context: &Context,
    args: &ExplainArgs,
    connection: &mut Connection,
    catalog: &Catalog,
) -> Result<Vec<Task>> {
    let script = match (&args.sql, &args.file) {
        (Some(sql), _) if sql == "-" => text(read_input("-".as_ref(), "the statement")?, "standard input")?,
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => text(read_input(file, "file")?, &file.display().to_string())?,
        (None, None) => return workload_tasks(context, args, connection, catalog).await,
    };
    let statements = query::split(&script).map_err(|error| Error::usage(format!("the SQL {error}")))?;
    match (&args.file, statements.len()) {
        (_, 0) => return Err(Error::usage("there is no statement to explain")),
        (None, 2..) => {
            return Err(Error::usage(format!("there are {} statements instead of one", statements.len()))
                .hint("Put them into a file and give it with `--file`."));
        }
        _ => {}
    }
    let mut tasks = Vec::new();
    for sql in statements {
        let sets = values::sets(context, connection, catalog, sql).await?;
        let text = |values: Vec<Option<String>>| values.into_iter().map(TextValue).collect();
        let mut sets = sets.into_iter().map(|set| (set.label, text(set.values)));
        let (values, others) = match sets.next() {
            Some((_, values)) => (values, Some(sets.collect())),
            None => (Vec::new(), None),
        };
        tasks.push(Task { name: None, sql: sql.to_owned(), values, others, is_observed: false });
    }
    Ok(tasks)
}

fn text(bytes: Vec<u8>, place: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| Error::usage(format!("{place} is not UTF-8 text")).cause(error))
}

/// The statements of the workload, those first on which it spends most.
async fn workload_tasks(
    context: &Context,
    args: &ExplainArgs,
    connection: &mut Connection,
    catalog: &Catalog,
) -> Result<Vec<Task>> {
    let mut workload = sources::load(context, &args.workload.workload, Some(connection), catalog).await?;
    if !args.running.allow_writes && !args.running.estimate_only {
        workload.skip_if(|statement| statement.kind.writes().then(|| "changes data".to_owned()));
        if workload.statements.is_empty() {
            return Err(Error::usage("every statement of the workload changes data").hint(
                "Add `--allow-writes` to run them (what they do is rolled back), or `--estimate-only` to plan them alone.",
            ));
        }
    }
    costliest(context, connection, catalog, &workload.statements).await
}

/// Explains the statements on which the workload spends most; those that change data are left out.
pub(crate) async fn explain_costliest(
    context: &Context,
    connection: &mut Connection,
    server: &Server,
    statements: &[Statement],
    top: usize,
) -> Result<Vec<Explained>> {
    let tasks = costliest(context, connection, &server.catalog, statements).await?;
    let mut explained = Vec::new();
    for task in tasks.iter().take(top) {
        explained.push(explain_task(connection, server, task, &RunArgs::default()).await?);
    }
    Ok(explained)
}

async fn costliest(
    context: &Context,
    connection: &mut Connection,
    catalog: &Catalog,
    statements: &[Statement],
) -> Result<Vec<Task>> {
    let mut by_load = Vec::new();
    for (statement, task) in statements.iter().zip(drawn(context, connection, catalog, statements).await?) {
        let each = match statement.mean_ms {
            Some(mean_ms) => mean_ms,
            // Cost units stand in for times that nobody has measured.
            None => match estimated_cost(connection, &task.sql, &task.values).await {
                // Its turn comes last, and then it is left out.
                Err(Failure::Server(error)) if task.is_observed => {
                    sources::reason(context, error).map(|_| 0.0)?
                }
                cost => cost?,
            },
        };
        by_load.push((each * statement.weight, task));
    }
    by_load.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(by_load.into_iter().map(|(_, task)| task).collect())
}

/// Returns the statements of a workload with the same values each time.
pub(super) async fn drawn(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    statements: &[Statement],
) -> Result<Vec<Task>> {
    let generators = sources::generators(context, connection, catalog, statements, SEED).await?;
    Ok(statements
        .iter()
        .zip(&generators)
        .map(|(statement, generators)| Task {
            name: Some(statement.name.clone()),
            sql: statement.sql.clone(),
            values: sources::draw(generators, SEED),
            others: None,
            is_observed: statement.is_observed,
        })
        .collect())
}

async fn estimated_cost(connection: &Connection, sql: &str, values: &[TextValue]) -> Result<f64, Failure> {
    let plan = read(&pg::explain::estimate(connection, sql, values).await?)?;
    Ok(total_cost(&plan).unwrap_or(0.0))
}

fn total_cost(plan: &Plan) -> Option<f64> {
    plan.nodes.first().and_then(|root| root.total_cost)
}

/// Reads the server's own answer.
fn read(json: &str) -> Result<Plan, Failure> {
    let fail = || Error::server("could not read the server's plan");
    let hint = "Please report this as a bug of perfkit.";
    let reading =
        plan::read::plans(json.as_bytes()).map_err(|error| Failure::Run(fail().cause(error).hint(hint)))?;
    reading.plans.into_iter().next().ok_or_else(|| Failure::Run(fail().hint(hint)))
}

/// Runs a statement and judges its plan.
pub(super) async fn explain_task(
    connection: &mut Connection,
    server: &Server,
    task: &Task,
    running: &RunArgs,
) -> Result<Explained, Failure> {
    refuse_effects(&task.sql, running).map_err(Failure::Refused)?;
    let mut plans = Vec::new();
    for run in 0..running.n_warm_ups() + running.n_runs() {
        let json = pg::explain::analyze(connection, &task.sql, &task.values, running.allow_writes).await?;
        if run >= running.n_warm_ups() {
            plans.push(read(&json)?);
        }
    }
    let (mut plan, runs) = median(plans).expect("there is one run at least");
    plan.query = Some(task.sql.clone());
    let mut explained = Explained::new(plan, Some(server));
    explained.name.clone_from(&task.name);
    explained.runs = (runs.n_runs > 1).then_some(runs);
    explained.parameters = task.values.iter().map(|value| value.0.clone()).collect();
    if let Some(others) = &task.others {
        explained.alternatives = alternatives(connection, task, others, running, &explained.plan).await?;
    }
    Ok(explained)
}

/// Runs the statement with its other values, and plans it without any.
async fn alternatives(
    connection: &mut Connection,
    task: &Task,
    others: &[(String, Vec<TextValue>)],
    running: &RunArgs,
    shown: &Plan,
) -> Result<Vec<Alternative>, Failure> {
    let mut alternatives = vec![Alternative::of_plan("typical", parameters(&task.values), shown, shown)];
    for (name, values) in others {
        let ran = pg::explain::analyze(connection, &task.sql, values, running.allow_writes).await;
        alternatives.push(match ran {
            Ok(json) => Alternative::of_plan(name, parameters(values), &read(&json)?, shown),
            // Other values may take too long or fail; the plan that was asked for is there.
            Err(error @ pg::Error::Query { .. }) if error.code().is_some() => {
                Alternative::failed(name, parameters(values), error.to_string())
            }
            Err(error) => return Err(error.into()),
        });
    }
    let generic = read(&pg::explain::generic(connection, &task.sql, task.values.len()).await?)?;
    alternatives.push(Alternative::of_plan("generic plan", Vec::new(), &generic, shown));
    Ok(alternatives)
}

fn parameters(values: &[TextValue]) -> Vec<Option<String>> {
    values.iter().map(|value| value.0.clone()).collect()
}

/// Refuses what has no plan and what a rollback would not undo, and what changes data unless it is asked for.
fn refuse_effects(sql: &str, running: &RunArgs) -> Result<()> {
    /// Statements that EXPLAIN does not take (manual, "SQL Commands"), by their first words.
    const UTILITIES: &str = "ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY DEALLOCATE \
                             DISCARD DO DROP END FETCH GRANT IMPORT LISTEN LOAD LOCK MOVE NOTIFY PREPARE REASSIGN REINDEX \
                             RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SET SHOW START TRUNCATE UNLISTEN VACUUM";
    let word: String = sql.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
    if word == "EXPLAIN" {
        return Err(Error::usage("the statement begins with EXPLAIN, which perfkit adds itself")
            .hint("Give the statement alone, or the output of EXPLAIN with `--plan`."));
    }
    if UTILITIES.split(' ').any(|utility| utility == word) {
        return Err(Error::usage(format!("{word} has no plan, so it is not run"))
            .hint("Give a SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES or CREATE TABLE AS."));
    }
    let effects = query::outside_effects(sql);
    if !running.allow_effects && !effects.is_empty() {
        return Err(Error::usage(format!(
            "the statement calls {}, whose effects a rollback does not undo",
            effects.join(" and ")
        ))
        .cause(sources::one_line(sql))
        .hint("Add `--allow-effects` to run it all the same, or `--estimate-only` to plan it alone."));
    }
    // The server refuses most of it by itself, but EXPLAIN lets CREATE TABLE AS pass in a read-only transaction.
    if !running.allow_writes && query::parse(sql).is_ok_and(|parsed| parsed.kind.writes()) {
        return Err(Error::usage("the statement changes data").cause(sources::one_line(sql)).hint(
            "Add `--allow-writes` to run it (what it does is rolled back), or `--estimate-only` to plan it alone.",
        ));
    }
    Ok(())
}

/// Plans the statements where they cannot do anything: on an empty copy of schema and statistics.
async fn estimate_in_shadow(
    context: &Context,
    args: &ExplainArgs,
    connection: &Connection,
    server: &Server,
    surroundings: &Surroundings,
    tasks: Vec<Task>,
) -> Result<Vec<Explained>> {
    let programs = context.programs(&args.programs, Some(connection.major()))?;
    let catalog = &server.catalog;
    let mut shadow = index_check::shadow(context, &programs, (catalog, surroundings), &[]).await?;
    warn_of_gaps(context, &shadow);
    let n_wanted = n_wanted(args, &tasks);
    let (mut explained, mut left_out) = (Vec::new(), Vec::new());
    for task in tasks {
        if explained.len() == n_wanted {
            break;
        }
        let json = match shadow.explain(&task.sql, &task.values).await {
            Ok(json) => json,
            Err(error) => {
                left_out.push(Failure::Server(error).reason(context, &task)?);
                continue;
            }
        };
        let mut plan = read(&json)?;
        plan.query = Some(task.sql);
        let mut one = Explained::new(plan, Some(server));
        one.name = task.name;
        one.parameters = parameters(&task.values);
        explained.push(one);
    }
    usable(context, explained, &left_out)
}

fn warn_of_gaps(context: &Context, shadow: &Shadow) {
    for missing in &shadow.missing {
        context.ui.warn(format_args!("the local copy lacks {missing}"));
    }
}
