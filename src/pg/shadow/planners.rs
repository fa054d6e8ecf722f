//! Planners: copies of the shadow's database that are asked side by side.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use tokio_postgres::Statement;

use super::members::Members;
use super::{Question, Shadow, TEMPLATE, adopt, files};
use crate::index::Answer;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::value::TextValue;
use crate::pg::{explain, sql};
use crate::workload::ParameterType;

/// One copy and its sessions.
pub(super) struct Planner {
    database: String,
    oid: u32,
    /// Plans, without being a superuser.
    session: Connection,
    /// Switches indexes, which takes one.
    superuser: Connection,
    prepared: BTreeMap<String, Statement>,
    /// The members that the planner sees now.
    pub(super) visible: BTreeSet<usize>,
}

impl Shadow {
    /// Lets this many planners share the questions from now on.
    pub(crate) async fn start_planners(&mut self, n: usize) -> Result<()> {
        self.n_planners = n.max(1);
        if self.planners.len() > self.n_planners {
            self.stop_planners().await?;
        }
        while self.planners.len() < self.n_planners {
            let planner = self.start_planner().await?;
            self.planners.push(planner);
        }
        Ok(())
    }

    /// Answers all questions, in their order.
    pub(crate) async fn answers(&mut self, questions: &[Question<'_>]) -> Result<Vec<Answer>> {
        self.start_planners(self.n_planners).await?;
        self.n_calls += questions.len() as u64;
        // Questions about the same indexes are asked one after the other, so that there is less to switch.
        let mut order: Vec<usize> = (0..questions.len()).collect();
        order.sort_by_key(|at| (questions[*at].visible, questions[*at].statement, *at));
        let share = order.len().div_ceil(self.planners.len()).max(1);
        let members = &self.members;
        let shares = self.planners.iter_mut().zip(order.chunks(share)).map(|(planner, share)| async move {
            let mut answers = Vec::with_capacity(share.len());
            for at in share {
                answers.push((*at, planner.answer(&questions[*at], members).await?));
            }
            Ok::<_, Error>(answers)
        });
        // All of them end, so that no planner is left in the middle of something when one fails.
        let answered: Result<Vec<_>> = future::join_all(shares).await.into_iter().collect();
        let mut answers: Vec<(usize, Answer)> = answered?.into_iter().flatten().collect();
        answers.sort_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Returns the estimated rows of a statement's result, with the indexes that the target has.
    pub(crate) async fn rows(&mut self, statement: &str) -> Result<f64> {
        let planner = self.first_planner().await?;
        let text = explain::estimate(&planner.session, statement, &[]).await?;
        explain::plan_rows(&text)
    }

    /// Returns the plan of a statement, with the indexes that the target has and all that EXPLAIN knows of it without
    /// running it.
    pub(crate) async fn explain(&mut self, statement: &str, parameters: &[TextValue]) -> Result<String> {
        let planner = self.first_planner().await?;
        let mut text = explain::estimate_verbosely(&planner.session, statement, parameters).await?;
        for (here, there) in self.members.renamed() {
            text = text.replace(&in_json(here), &in_json(there));
        }
        Ok(text)
    }

    /// Returns the types that the server gives a statement's parameters.
    pub(crate) async fn parameter_types(&mut self, statement: &str) -> Result<Vec<ParameterType>> {
        explain::parameter_types(&self.first_planner().await?.session, statement).await
    }

    /// Returns what a statement costs for any values when the planner sees exactly these members.
    pub(crate) async fn generic_cost(&mut self, visible: &BTreeSet<usize>, statement: &str) -> Result<f64> {
        self.first_planner().await?;
        self.planners[0].show(visible, &self.members).await?;
        explain::generic_cost(&self.planners[0].session, statement).await
    }

    /// A planner that sees the indexes that the target has.
    async fn first_planner(&mut self) -> Result<&Planner> {
        if self.planners.is_empty() {
            let planner = self.start_planner().await?;
            self.planners.push(planner);
        }
        self.n_calls += 1;
        let planner = &mut self.planners[0];
        planner.show(&self.members.existing().collect(), &self.members).await?;
        Ok(planner)
    }

    /// Ends all planners; the next question starts new ones.
    pub(super) async fn stop_planners(&mut self) -> Result<()> {
        for planner in std::mem::take(&mut self.planners) {
            // WITH (FORCE) ends the sessions, too.
            let drop = format!("DROP DATABASE {} WITH (FORCE)", sql::quote_identifier(&planner.database));
            std::mem::drop(planner);
            self.admin.batch_execute(&drop).await.map_err(Error::query("drop a copy of the shadow"))?;
        }
        Ok(())
    }

    async fn start_planner(&mut self) -> Result<Planner> {
        let doing = || Error::query("copy the shadow");
        self.n_copies += 1;
        let database = format!("{TEMPLATE}_{}", self.n_copies);
        // The other way, by the log, is there since 15 and keeps pages of the copy in the server's memory.
        let strategy = if self.admin.major() >= 15 { " STRATEGY file_copy" } else { "" };
        let name = sql::quote_identifier(&database);
        self.admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}{strategy}"))
            .await
            .map_err(doing())?;
        let row = self.admin.query_one(sql::DATABASE_EXISTS, &[&database]).await.map_err(doing())?;
        let oid = get(&row, "oid")?;
        match self.planners.first() {
            // Nobody writes to these files, so that all copies can have the same ones.
            Some(first) => files::share(&self.host.cluster, first.oid, oid, self.files())?,
            None => files::lay_out(&self.host.cluster, oid, self.files())?,
        }
        let session = self.host.owner(&database).await?;
        adopt(&session, &self.session).await?;
        let superuser = self.host.superuser(&database).await?;
        let visible = self.members.existing().collect();
        Ok(Planner { database, oid, session, superuser, prepared: BTreeMap::new(), visible })
    }
}

impl Planner {
    async fn answer(&mut self, question: &Question<'_>, members: &Members) -> Result<Answer> {
        self.show(question.visible, members).await?;
        let statement = question.statement;
        if !self.prepared.contains_key(statement) {
            let prepared = self
                .session
                .prepare(&format!("EXPLAIN (FORMAT JSON) {statement}"))
                .await
                .map_err(Error::query("plan the statement in the shadow"))?;
            self.prepared.insert(statement.to_owned(), prepared);
        }
        let prepared = &self.prepared[statement];
        let text = explain::run_prepared(&self.session, prepared, question.parameters).await?;
        let used = explain::index_names(&text).filter_map(|name| members.by_name(&name)).collect();
        Ok(Answer { cost: explain::total_cost(&text)?, used })
    }

    /// Shows the planner exactly these members.
    async fn show(&mut self, visible: &BTreeSet<usize>, members: &Members) -> Result<()> {
        let changed = self.visible.symmetric_difference(visible);
        let oids: Vec<u32> = changed.flat_map(|member| members.oids(*member)).copied().collect();
        if !oids.is_empty() {
            let shown: Vec<u32> = visible.iter().flat_map(|member| members.oids(*member)).copied().collect();
            self.superuser
                .execute(sql::SET_INDEXES_VALID, &[&oids, &shown])
                .await
                .map_err(Error::query("switch indexes of the shadow"))?;
        }
        self.visible.clone_from(visible);
        Ok(())
    }
}

fn in_json(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}
