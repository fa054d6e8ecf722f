//! What the commands that look for faults in a captured workload are told alike.

use clap::Args;

use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Access, Connection};
use crate::trace::Fingerprint;
use crate::workload::ignored::{Ignored, is_ignored};

#[derive(Args, Debug)]
pub(super) struct InspectArgs {
    /// What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]
    #[arg(long, value_name = "PREFIX")]
    pub(super) log_line_prefix: Option<String>,
    /// Leave out statements: by the first digits of a fingerprint, by a table, or by a text as in '*FROM audit*' (can be repeated)
    #[arg(long = "ignore", value_name = "STATEMENT")]
    ignored: Vec<Ignored>,
    /// Look at the files alone: connect to no database, and try nothing
    #[arg(long, requires = "files", conflicts_with = "database_url")]
    offline: bool,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

impl InspectArgs {
    pub(super) fn is_ignored(&self, fingerprint: Fingerprint, sql: &str) -> bool {
        is_ignored(&self.ignored, fingerprint, sql)
    }

    /// Connects to the database to try rewrites on, if there is one.
    pub(super) async fn database(&self, context: &Context) -> Result<Option<Connection>> {
        let target = if self.offline { None } else { context.target_if_any(&self.connect)? };
        let Some(target) = target else { return Ok(None) };
        let connected = target.connect(Access::ReadOnly, &context.interrupt).await;
        let connected = connected
            .map_err(|error| Error::from(error).hint("Or look at the files alone with `--offline`."));
        connected.map(Some)
    }
}
