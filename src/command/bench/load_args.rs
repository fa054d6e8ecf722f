//! What is sent, and how: the arguments that `bench`, `bench compare` and `bench find-max` have in common.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::checked::Checked;
use super::script::{self, ScriptArgs};
use super::{Plan, check_stages, processors};
use crate::bench::{Arrivals, BenchConfig, Stage};
use crate::cli::{ConnectArgs, WorkloadArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::load::Protocol;
use crate::pg::{self, Access, Connection, Target};
use crate::sources;

const DEFAULT_CONNECTIONS: usize = 8;

#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    /// Use this many connections [default: 8]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(super) connections: Option<u16>,
    /// Drive the connections by this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Let the statements of a rate come like this
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    arrivals: ArrivalsArg,
    /// Send statements like this
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    protocol: ProtocolArg,
    /// Let each connection wait this long after an answer, as a user does; without a rate
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    think: Option<Duration>,
    /// Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_tries: u32,
    /// Open a connection for each execution, and count that time
    #[arg(short = 'C', long = "connect")]
    connects_each: bool,
    /// Run statements that change data too
    #[arg(long)]
    pub(super) allow_writes: bool,
    /// Draw other parameters and another order
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(super) seed: u64,
    #[command(flatten)]
    pub(super) scripts: ScriptArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
    #[command(flatten)]
    pub(super) workload: WorkloadArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ArrivalsArg {
    /// All the same time apart
    #[default]
    Constant,
    /// At random, independent of each other (a Poisson process)
    Poisson,
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arg: ArrivalsArg) -> Self {
        match arg {
            ArrivalsArg::Constant => Self::Constant,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ProtocolArg {
    /// As one text with the values inside
    Simple,
    /// With the values apart, parsed every time
    Extended,
    /// Prepared once for each connection
    #[default]
    Prepared,
}

impl From<ProtocolArg> for Protocol {
    fn from(arg: ProtocolArg) -> Self {
        match arg {
            ProtocolArg::Simple => Self::Simple,
            ProtocolArg::Extended => Self::Extended,
            ProtocolArg::Prepared => Self::Prepared,
        }
    }
}

impl LoadArgs {
    /// Returns how to measure these stages; what only some commands ask for is as it mostly is.
    pub(super) fn plan(&self, config: &BenchConfig, stages: Vec<Stage>, warm_up: Duration) -> Result<Plan> {
        check_stages(&stages)?;
        let has_rate = stages.iter().any(|stage| stage.rate.is_some());
        if self.think.is_some() && has_rate {
            return Err(Error::usage("with a rate, no connection waits of its own accord")
                .hint("Leave out `--think`, or the rate."));
        }
        // That of the file is for loads without a rate.
        let think = self.think.or(config.think.filter(|_| !has_rate)).unwrap_or_default();
        Ok(Plan {
            stages,
            warm_up,
            arrivals: self.arrivals.into(),
            protocol: self.protocol.into(),
            threads: self.threads.map_or_else(processors, usize::from),
            connections: self
                .connections
                .map(usize::from)
                .or(config.connections)
                .unwrap_or(DEFAULT_CONNECTIONS),
            thresholds: Vec::new(),
            is_strict: false,
            allow_writes: self.allow_writes,
            seed: self.seed,
            start_at: None,
            connects_each: self.connects_each,
            think,
            max_tries: self.max_tries,
        })
    }

    /// Connects for a look, and returns what is sent to the target: scripts, or the workload.
    pub(super) async fn checked(
        &self,
        context: &Context,
        target: &Target,
        plan: &Plan,
    ) -> Result<(Connection, Checked)> {
        let mut connection = connect(context, target, plan.allow_writes).await?;
        if self.scripts.are_given() {
            let checked = script::checked(self, &self.scripts, target, &mut connection, plan).await?;
            return Ok((connection, checked));
        }
        let catalog = pg::catalog::load(&mut connection).await?;
        let named = &self.workload.workload;
        let statements = super::workload(context, named, &connection, &catalog, plan.allow_writes).await?;
        let generators = sources::generators(context, &connection, &catalog, &statements, plan.seed).await?;
        let checked = Checked::new(context, target, &mut connection, statements, generators, plan).await?;
        Ok((connection, checked))
    }
}

/// Returns the `bench` section of the configuration.
pub(super) fn config(context: &Context) -> BenchConfig {
    context.config.as_ref().map(|file| file.config.bench.clone()).unwrap_or_default()
}

/// Connects for a look at the server; what is to be written needs a primary.
pub(super) async fn connect(context: &Context, target: &Target, allow_writes: bool) -> Result<Connection> {
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    if allow_writes {
        connection.require_primary()?;
    }
    Ok(connection)
}
