//! `perfkit seed --resume`: goes on with a run where it was.

use super::fill::measured;
use super::progress::Watch;
use crate::context::Context;
use crate::error::{ExitStatus, Result};
use crate::pg::seed;
use crate::pg::seed::load::{self, Options};
use crate::pg::{Access, Target};
use crate::report;

pub(super) async fn run(
    context: &Context,
    target: &Target,
    run: &str,
    options: Options,
) -> Result<ExitStatus> {
    let id = (!run.is_empty()).then_some(run);
    let plan = {
        let connection = seed::connect(target, &context.interrupt).await?;
        load::to_resume(&connection, id).await?.plan
    };
    let watch = Watch::new(&context.ui, &plan, options.n_streams);
    let loaded = load::resume(target, &context.interrupt, options, id, &|event| watch.see(&event)).await?;
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let report = measured(&connection, loaded, watch.end(), options).await?;
    context.ui.publish(&report::seed::loaded(&report))?;
    Ok(ExitStatus::Success)
}
