//! `perfkit seed --resume`: goes on with a run where it was.

use super::fill::{compare, measured};
use super::progress::Watch;
use super::status_of;
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
    let watch = Watch::new(&context.ui, &plan, options);
    let loaded = load::resume(target, &context.interrupt, options, id, &|event| watch.see(&event)).await?;
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let status = status_of(&loaded.run.plan);
    let mut report = measured(&connection, loaded, watch.end(), options).await?;
    compare(context, target, &mut report, None).await?;
    context.ui.publish(&report::seed::loaded(&report))?;
    Ok(status)
}
