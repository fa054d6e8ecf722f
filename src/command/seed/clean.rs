//! `perfkit seed clean`: deletes the rows of a run, and nothing else.

use clap::Args;

use super::progress::Watch;
use super::{LoadArgs, Triggers, long_target};
use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::Access;
use crate::pg::seed::{clean, manifest};
use crate::query::quote;
use crate::report;
use crate::unit;

/// Delete exactly the rows of a run, children first
///
/// Indexes and sequences are put back as they were. Cut short, it goes on when it is called again.
#[derive(Args, Debug)]
pub(crate) struct CleanArgs {
    /// The run, or the beginning of its id [default: the newest]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// List the runs and delete nothing
    #[arg(long)]
    list: bool,
    /// Let foreign keys delete or change rows that are not of the run
    #[arg(long)]
    cascade: bool,
    /// Whether triggers fire for the rows; when off, foreign keys are checked by queries, and what triggers would undo stays
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Triggers::On)]
    triggers: Triggers,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(context: &Context, args: &CleanArgs) -> Result<ExitStatus> {
    let are_triggers_off = args.triggers == Triggers::Off;
    if args.cascade && are_triggers_off {
        return Err(Error::usage("`--cascade` needs `--triggers=on`")
            .cause("foreign keys change rows by triggers")
            .hint("Leave one of them out."));
    }
    let target = long_target(context, &args.connect)?;
    let access = if args.list { Access::ReadOnly } else { Access::ReadWrite };
    let connection = target.connect(access, &context.interrupt).await?;
    if args.list {
        context.ui.publish(&report::seed::runs(&manifest::runs(&connection).await?))?;
        return Ok(ExitStatus::Success);
    }
    connection.require_primary()?;
    let Some(chosen) = clean::chosen(&connection, args.run.as_deref()).await? else {
        context.ui.status("there is no run to clean");
        return Ok(ExitStatus::Success);
    };
    let plan = manifest::read(&connection, &chosen.id).await?.plan;
    let n_tables = plan.tables.iter().filter(|table| table.n_rows > 0).count();
    context.ui.notice(format_args!(
        "run {}: {} of {} will be deleted",
        chosen.id,
        unit::counted(chosen.n_rows_loaded, "row"),
        unit::counted(n_tables as u64, "table")
    ));
    if !context.confirm("Delete them?", args.yes).await? {
        context.ui.status("nothing was deleted");
        return Ok(ExitStatus::Success);
    }
    drop(connection);
    let options = args.load.options();
    let watch = Watch::new(&context.ui, &plan, options);
    let id = chosen.id.to_string();
    let options = clean::Options {
        run: Some(&id),
        cascade: args.cascade,
        are_triggers_off,
        n_streams: options.n_streams,
    };
    let cleaned = clean::clean(&target, &context.interrupt, options, &|event| watch.see(&event)).await?;
    if let Some(cleaned) = cleaned {
        for made in cleaned.made.iter().filter(|made| made.n_left > 0) {
            context.ui.warn(format_args!(
                "{} rows that triggers have made or changed are left in table {}{}",
                unit::count(made.n_left),
                quote::qualified(&made.schema, &made.table),
                made.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
            ));
        }
        context.ui.publish(&report::seed::cleaned(&cleaned))?;
    }
    Ok(ExitStatus::Success)
}
