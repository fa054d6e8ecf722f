//! Traces and server logs as workloads.

use std::path::Path;

use crate::command::capture::files;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::workload::captured::Captured;
use crate::workload::{Source, Workload};

/// Returns the statements of a trace or log, with calls as weights and the values that were seen.
pub(super) async fn workload(context: &Context, path: &Path) -> Result<Workload> {
    let captured = read(context, path).await?;
    if captured.n_without_values > 0 {
        context.ui.status(format_args!(
            "{} executions of {:?} come without their values; where none has any, they are drawn from the columns",
            captured.n_without_values,
            path.display()
        ));
    }
    Ok(captured.workload(Source::File(path.display().to_string())))
}

/// Reads a trace or log.
pub(super) async fn read(context: &Context, path: &Path) -> Result<Captured> {
    let take = |captured: &mut Captured, event| captured.take(&event);
    let (captured, inputs) =
        files::read_into(context, vec![path.to_owned()], None, Captured::default(), take).await?;
    match inputs.failure() {
        Some(failure) => Err(Error::usage(format!("could not read all of {:?}", path.display()))
            .cause(failure)
            .hint("Check the file, or read it in part with `perfkit capture log`.")),
        None => Ok(captured),
    }
}
