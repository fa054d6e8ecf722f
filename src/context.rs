//! What every command works with: the terminal, the environment, the configuration and Ctrl-C.

use std::time::Duration;

use crate::cli::{ConnectArgs, ProgramsArgs};
use crate::config::{self, ConfigFile, ConnectSource, Environment, Timeouts};
use crate::error::{Error, Result};
use crate::pg::conninfo::Conninfo;
use crate::pg::server::{Programs, Sandbox, State};
use crate::pg::{self, Access, Connection, Interrupt, Target};
use crate::ui::Ui;

/// Building and loading take as long as they take; this keeps a forgotten run from lasting for ever.
pub(crate) const LONG_STATEMENT_TIMEOUT: Duration = Duration::from_hours(12);

/// One run of perfkit.
pub(crate) struct Context {
    pub(crate) ui: Ui,
    pub(crate) environment: Environment,
    /// The file that `--config` names, or ./perfkit.yaml.
    pub(crate) config: Option<ConfigFile>,
    pub(crate) interrupt: Interrupt,
}

impl Context {
    pub(crate) fn new(ui: Ui, environment: Environment, config: Option<ConfigFile>) -> Self {
        Self { ui, environment, config, interrupt: Interrupt::new() }
    }

    /// Returns the same for what must be done after Ctrl-C as well.
    pub(crate) fn uninterrupted(&self) -> Self {
        Self {
            ui: self.ui.clone(),
            environment: self.environment.clone(),
            config: self.config.clone(),
            interrupt: Interrupt::new(),
        }
    }

    /// Returns the database that the arguments, the environment or the configuration name, else a running sandbox.
    pub(crate) fn target(&self, args: &ConnectArgs) -> Result<Target> {
        let timeouts = Timeouts::new(args, self.config.as_ref());
        let target = if let Some((conninfo, source)) =
            config::conninfo(args, &self.environment, self.config.as_ref())?
        {
            let target = Target::new(conninfo, &self.environment, timeouts)?;
            let origin = match source {
                ConnectSource::Flag => "--database-url",
                ConnectSource::DatabaseUrl => "DATABASE_URL",
                ConnectSource::LibpqVariables => "PG* variables",
                ConnectSource::ConfigFile => "configuration file",
            };
            self.ui.status(format_args!("database: {} ({origin})", target.label()));
            target
        } else {
            let sandbox = Sandbox::of_user(&self.environment)?;
            if sandbox.state() != State::Running {
                return Err(Error::usage("no database is configured, and no sandbox is running")
                    .hint("Name one with `--database-url`, DATABASE_URL or the PG* variables, or `perfkit sandbox start`.")
                    .hint("`perfkit demo` shows everything and needs no database."));
            }
            self.ui.status("database: the sandbox (nothing else is configured)");
            sandbox.target(timeouts)?
        };
        self.warn_of(&target);
        Ok(target)
    }

    /// Returns the same database for a command that can do without; `None` where none is named and no sandbox runs.
    pub(crate) fn target_if_any(&self, args: &ConnectArgs) -> Result<Option<Target>> {
        let is_named = config::conninfo(args, &self.environment, self.config.as_ref())?.is_some();
        let is_there = is_named || Sandbox::of_user(&self.environment)?.state() == State::Running;
        is_there.then(|| self.target(args)).transpose()
    }

    /// Returns a database beside the one that the command is about, with the same limits.
    pub(crate) fn another_target(&self, args: &ConnectArgs, conninfo: Conninfo) -> Result<Target> {
        let target = Target::new(conninfo, &self.environment, Timeouts::new(args, self.config.as_ref()))?;
        self.warn_of(&target);
        Ok(target)
    }

    /// Returns the database that the value of an option names, as [`Self::another_target`].
    pub(crate) fn target_of_option(&self, args: &ConnectArgs, option: &str, url: &str) -> Result<Target> {
        let conninfo = Conninfo::parse(url).map_err(|error| {
            Error::usage(format!("invalid connection string in {option}"))
                .cause(error)
                .hint("Write it as postgresql://user@host:5432/database or as \"host=… dbname=…\".")
        })?;
        self.another_target(args, conninfo)
    }

    fn warn_of(&self, target: &Target) {
        for warning in &target.warnings {
            self.ui.warn(warning);
        }
    }

    /// Asks before a change, unless `--yes` was given. Ctrl-C is a no.
    pub(crate) async fn confirm(&self, question: &str, yes: bool) -> Result<bool> {
        if yes {
            return Ok(true);
        }
        let answer = self.ui.ask(question)?;
        tokio::select! {
            answer = answer => Ok(answer.unwrap_or(false)),
            () = self.interrupt.raised() => Err(pg::Error::Interrupted.into()),
        }
    }

    pub(crate) async fn connect(&self, args: &ConnectArgs, access: Access) -> Result<Connection> {
        let target = self.target(args)?;
        Ok(target.connect(access, &self.interrupt).await?)
    }

    /// Finds the programs of a local server, of this major version if they are there.
    pub(crate) fn programs(&self, args: &ProgramsArgs, wanted_major: Option<u32>) -> Result<Programs> {
        Ok(Programs::find(args.pg_bin.as_deref(), &self.environment, wanted_major)?)
    }
}
