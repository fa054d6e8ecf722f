//! `perfkit bench compare --with-index`: B is A with an index more.
//!
//! No session can be kept from using an index that is there, so that blocks cannot take turns. Instead half of A's blocks come
//! before those of B and half after them: what drifts all the time is on both sides. The index is built and dropped once.

use super::compare::{self as command, Arm, CompareArgs, block};
use super::sides::Side;
use super::{Plan, load_args};
use crate::bench::compare::{self, Block, Pair, Rules, Verdict};
use crate::command::index::apply::Temporary;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Target;
use crate::random;
use crate::report::bench::compare::Compared;
use crate::ui::{Progress, Unit};

/// More pairs are no looks at a verdict that ends early.
pub(super) const DEFAULT_PAIRS: u16 = 10;

/// Measures both; `None` if the user says no.
pub(super) async fn compared(
    context: &Context,
    args: &CompareArgs,
    (how, side): (&command::Trial, &Side),
    rules: &Rules<'_>,
) -> Result<Option<Compared>> {
    let plan = &how.plan;
    let target = side.target(context, args)?;
    let connection = load_args::connect(context, &target, true).await?;
    let temporary = Temporary::new(&connection, &args.with_index).await?;
    let arm = Arm::new(context, args, (side, None), plan).await?;
    for line in &temporary.plan_lines {
        context.ui.notice(line);
    }
    let question = format!("Build this on {}, measure with it, and drop it again?", target.label());
    if !context.confirm(&question, args.yes).await? {
        context.ui.status("nothing was changed");
        return Ok(None);
    }
    let n_pairs = usize::from(how.max_pairs.unwrap_or(DEFAULT_PAIRS));
    let trial = Trial { context, args, plan, target: &target, arm: &arm, n_pairs };
    let first = trial.measure(temporary, args.load.seed).await?;
    let comparison = compare::compare(&first, rules);
    let second = if comparison.verdict == Verdict::Regression && !context.interrupt.is_raised() {
        context.ui.status("a regression; measuring once more from the beginning");
        let again = Temporary::new(&connection, &args.with_index).await?;
        let pairs = trial.measure(again, random::mix(args.load.seed)).await?;
        Some(compare::compare(&pairs, rules).verdict)
    } else {
        None
    };
    Ok(Some(Compared {
        comparison,
        labels: [arm.label.clone(), format!("with {}", args.with_index.join("; "))],
        block: plan.stages[0].duration,
        second,
        interrupted: context.interrupt.is_raised(),
        is_calibration: false,
    }))
}

/// What is measured on.
struct Trial<'a> {
    context: &'a Context,
    args: &'a CompareArgs,
    plan: &'a Plan,
    target: &'a Target,
    arm: &'a Arm,
    n_pairs: usize,
}

impl Trial<'_> {
    /// Measures A, then B with the index, then A again; what the user has cut short has fewer pairs.
    async fn measure(&self, temporary: Temporary, seed: u64) -> Result<Vec<Pair>> {
        let Self { context, target, n_pairs, .. } = *self;
        let steps = 2 * n_pairs as u64 + 3;
        let progress = context.ui.progress("compare", steps, Unit::Steps);
        let half = n_pairs.div_ceil(2);
        let mut a = self.blocks(0..half, seed, &progress).await?;
        if context.interrupt.is_raised() {
            return Ok(Vec::new());
        }
        let timeout = self.args.load.connect.statement_timeout;
        let borrowed = temporary.build(context, target, timeout).await?;
        let b = self.blocks(0..n_pairs, seed, &progress).await;
        let given_back = borrowed.give_back(context, target, timeout).await;
        let b = match (b, given_back) {
            (Ok(b), given_back) => given_back.map(|()| b)?,
            (Err(error), Ok(())) => return Err(error),
            (Err(error), Err(left)) => return Err(with_leftover(error, &left)),
        };
        a.extend(self.blocks(half..n_pairs, seed, &progress).await?);
        Ok(a.into_iter().zip(b).map(|(a, b)| Pair { a, b }).collect())
    }

    /// Measures blocks, after one that warms up and does not count.
    async fn blocks(
        &self,
        numbers: std::ops::Range<usize>,
        seed: u64,
        progress: &Progress,
    ) -> Result<Vec<Block>> {
        let mut blocks = Vec::with_capacity(numbers.len());
        for (place, number) in numbers.clone().take(1).chain(numbers).enumerate() {
            let of_pair = Plan { seed: random::at(seed, number as u64), ..self.plan.clone() };
            let Some(block) = block(self.context, &of_pair, self.arm, progress).await? else { break };
            if place > 0 {
                blocks.push(block);
            }
        }
        Ok(blocks)
    }
}

/// Says of a failed measurement that its index is still there.
fn with_leftover(error: Error, left: &Error) -> Error {
    let error = error.cause(left.message());
    left.hints().iter().fold(error, Error::hint)
}
