//! What a load sends, once it is known to run.

use std::sync::Arc;

use super::Plan;
use crate::bench::server::{self, PlanShape};
use crate::bench::validity::Blocks;
use crate::bench::{Picker, Schedule, ServerWork};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::load::{self, Load, Playbook, Protocol, Request};
use crate::pg::bench::Watch;
use crate::pg::{self, Access, Connection, Endpoint, Target};
use crate::sources;
use crate::workload::parameter::Generator;
use crate::workload::{Skipped, Statement};

/// Statements that are known to run, and the way to their server.
pub(super) struct Checked {
    pub(super) statements: Vec<Statement>,
    pub(super) generators: Vec<Vec<Generator>>,
    /// The identity of each statement's plan.
    pub(super) shapes: Vec<String>,
    pub(super) requests: Vec<Request>,
    /// Scripts in the place of statements.
    pub(super) playbook: Option<Arc<Playbook>>,
    pub(super) endpoint: Arc<Endpoint>,
}

impl Checked {
    pub(super) async fn new(
        context: &Context,
        target: &Target,
        connection: &mut Connection,
        all: Vec<Statement>,
        generators_of_all: Vec<Vec<Generator>>,
        plan: &Plan,
    ) -> Result<Self> {
        let (mut shapes, mut statements, mut generators) = (Vec::new(), Vec::new(), Vec::new());
        let mut left_out = Vec::new();
        for (statement, drawn_by) in all.into_iter().zip(generators_of_all) {
            // A statement that cannot even be planned would only count errors for the whole run.
            let values = sources::draw(&drawn_by, plan.seed);
            match pg::bench::plan_shape(connection, &statement.sql, &values).await {
                Ok(shape) => shapes.push(shape),
                Err(error) if statement.is_observed => {
                    left_out.push(Skipped { sql: statement.sql, reason: sources::reason(context, error)? });
                    continue;
                }
                Err(error) => {
                    let doing = format!("statement \"{}\" cannot be run", statement.name);
                    return Err(Error::from(error).context(doing));
                }
            }
            statements.push(statement);
            generators.push(drawn_by);
        }
        sources::report_left_out(context, &left_out);
        if statements.is_empty() {
            return Err(sources::nothing_left(&left_out));
        }
        let access = if plan.allow_writes { Access::ReadWrite } else { Access::ReadOnly };
        Ok(Self {
            requests: requests(connection, &statements, &generators, plan.protocol).await?,
            playbook: None,
            endpoint: Arc::new(target.endpoint(connection, access)?),
            statements,
            generators,
            shapes,
        })
    }

    /// Returns what the server did during a load, with the blocks of its halves, and whether plans are others now.
    pub(super) async fn server_work(
        &self,
        connection: &Connection,
        watch: Watch<'_>,
        seed: u64,
    ) -> (ServerWork, Option<[Blocks; 2]>) {
        let texts: Vec<(&str, &str)> = self
            .statements
            .iter()
            .map(|statement| (statement.name.as_str(), statement.sql.as_str()))
            .collect();
        let (mut work, blocks) = watch.finish(&texts).await;
        for ((statement, generators), shape) in self.statements.iter().zip(&self.generators).zip(&self.shapes)
        {
            let values = sources::draw(generators, seed);
            let then = pg::bench::plan_shape(connection, &statement.sql, &values).await;
            let then = match then {
                Ok(then) => (then != *shape).then_some(then),
                Err(error) => {
                    work.notes.push(format!("plans were not looked at after the load: {error}"));
                    break;
                }
            };
            work.plans.push(PlanShape { statement: statement.name.clone(), shape: shape.clone(), then });
        }
        (work, server::halves(&blocks))
    }

    fn weights(&self) -> impl Iterator<Item = f64> {
        let scripts = self.playbook.iter().flat_map(|playbook| &playbook.scripts.scripts);
        let statements = self.statements.iter().map(|statement| statement.weight);
        statements.chain(scripts.map(|script| script.weight))
    }

    /// Opens the connections of a load.
    pub(super) async fn open(&self, context: &Context, plan: &Plan) -> Result<load::Ready> {
        let load = Load {
            requests: self.requests.clone(),
            playbook: self.playbook.clone(),
            connects_each: plan.connects_each,
            think: plan.think,
            max_tries: plan.max_tries,
            picker: Picker::new(self.weights()),
            schedule: Schedule::new(plan.stages.clone(), plan.arrivals, plan.seed),
            connections: plan.connections,
            threads: plan.threads,
            seed: plan.seed,
            warm_up: plan.warm_up,
        };
        Ok(load::open(load, self.endpoint.clone(), &context.interrupt).await?)
    }
}

/// Makes the statements ready to be sent.
async fn requests(
    connection: &Connection,
    statements: &[Statement],
    generators: &[Vec<Generator>],
    protocol: Protocol,
) -> Result<Vec<Request>> {
    let texts: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
    let are_binary = pg::explain::binary_results(connection, &texts).await?;
    let requests = statements.iter().zip(generators).zip(are_binary).enumerate();
    Ok(requests
        .map(|(i, ((statement, generators), is_binary))| {
            Request::new(i, (&statement.name, &statement.sql), generators.clone(), protocol, is_binary)
        })
        .collect())
}
