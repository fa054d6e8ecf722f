//! `perfkit bench find-max`: the highest rate at which thresholds are met.

use std::time::Duration;

use clap::Args;

use super::Plan;
use super::checked::Checked;
use super::load_args::{self, LoadArgs};
use crate::bench::find_max::{self, Next, Probe};
use crate::bench::validity::Flaws;
use crate::bench::{BenchConfig, Stage, StatementStats, Threshold};
use crate::cli::parse_duration;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::load;
use crate::random;
use crate::report::bench::find_max::{Found, Search, Window, document};
use crate::ui::Progress;
use crate::ui::Unit;

/// Connections are there and statements prepared; what the window before has left behind ends.
const LONGEST_WARM_UP: Duration = Duration::from_millis(500);
/// At full speed the latencies of a queue are missed; the search begins where they are often met.
const FIRST_SHARE: f64 = 0.7;
/// Below this share of the rate it was not the rate that is looked for.
const MIN_SENT: f64 = 0.95;
/// From this share of failed executions on, a rate does not count as met unless a threshold allows it.
const MAX_ERRORS: f64 = 0.01;
/// So many windows that say more of the generator than of the server end the search.
const MAX_SPOILT: usize = 3;

/// Find the highest rate at which thresholds are met
///
/// Measures short windows at one rate after the other: doubles until a threshold is missed, then cuts the range between in the
/// middle and asks both ends again until they are sure, within 5 % of each other. A window is met if all thresholds are, and
/// 95 % of its statements could be sent. Exits with status 1 if no rate is met, and with 4 if the generator is the limit.
#[derive(Args, Debug)]
pub(super) struct FindMaxArgs {
    /// Require this, as in "p99 < 20ms" (can be repeated)
    #[arg(long = "until", value_name = "CONDITION", required = true)]
    until: Vec<Threshold>,
    /// Measure each rate this long
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = parse_duration)]
    window: Duration,
    /// Begin with this many statements per second [default: 70 % of what full speed gives]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Measure so many windows at the most, for each number of connections
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(2..=1000))]
    max_windows: u16,
    /// Search for each of these numbers of connections, as in connections=1,2,4,8
    #[arg(long, value_name = "WHAT", value_parser = parse_sweep, conflicts_with = "connections")]
    sweep: Option<Sweep>,
    #[command(flatten)]
    load: LoadArgs,
}

/// Numbers of connections to search with.
#[derive(Clone, Debug)]
struct Sweep(Vec<usize>);

fn parse_sweep(text: &str) -> Result<Sweep, String> {
    let fail = || "write it as connections=1,2,4,8, with numbers from 1 to 10000".to_owned();
    let (name, numbers) = text.split_once('=').ok_or_else(fail)?;
    let numbers: Option<Vec<usize>> = numbers
        .split(',')
        .map(|number| number.trim().parse().ok().filter(|n| (1..=10_000).contains(n)))
        .collect();
    numbers.filter(|_| name.trim() == "connections").map(Sweep).ok_or_else(fail)
}

pub(super) async fn run(context: &Context, args: &FindMaxArgs) -> Result<ExitStatus> {
    let plan = plan(context, args)?;
    let target = context.target(&args.load.connect)?;
    let (_, checked) = args.load.checked(context, &target, &plan).await?;

    let sweep = args.sweep.as_ref().map_or_else(|| vec![plan.connections], |Sweep(numbers)| numbers.clone());
    let mut searches = Vec::with_capacity(sweep.len());
    for connections in sweep {
        let plan = Plan { connections, ..plan.clone() };
        searches.push(search(context, args, &plan, &checked).await?);
        if context.interrupt.is_raised() {
            break;
        }
    }
    let found = Found { until: args.until.clone(), searches, interrupted: context.interrupt.is_raised() };

    context.ui.publish(&document(&found, context.ui.style()))?;
    if let Some(reason) = found.invalid_reason() {
        context.ui.warn(format_args!("the measurement is invalid: {reason}"));
        return Ok(ExitStatus::InvalidMeasurement);
    }
    // Of a search that ran out of windows, a rate that was met is a result.
    let is_unmet = |search: &Search| match search.end {
        Next::Nothing => true,
        Next::Found(capacity) => capacity.met_per_s.is_none(),
        Next::Try(_) => false,
    };
    Ok(if found.searches.iter().any(is_unmet) { ExitStatus::Findings } else { ExitStatus::Success })
}

fn plan(context: &Context, args: &FindMaxArgs) -> Result<Plan> {
    let stages = vec![Stage { duration: args.window, rate: args.rate, ramp_to: None }];
    // A rate is what is looked for.
    let config = BenchConfig { think: None, ..load_args::config(context) };
    let warm_up = LONGEST_WARM_UP.min(args.window / 8);
    let plan = args.load.plan(&config, stages, warm_up)?;
    if !plan.think.is_zero() {
        return Err(
            Error::usage("with a rate, no connection waits of its own accord").hint("Leave out `--think`.")
        );
    }
    Ok(Plan { thresholds: args.until.clone(), ..plan })
}

/// Searches with one number of connections.
async fn search(context: &Context, args: &FindMaxArgs, plan: &Plan, checked: &Checked) -> Result<Search> {
    let max_windows = usize::from(args.max_windows);
    let progress = context.ui.progress("find-max", u64::from(args.max_windows), Unit::Steps);
    let mut search =
        Search { connections: plan.connections, windows: Vec::new(), spoilt: None, end: Next::Nothing };
    let first_rate = match args.rate {
        Some(rate) => rate,
        None => match full_speed(context, plan, checked).await? {
            Some(rate) => rate * FIRST_SHARE,
            None => return Ok(search),
        },
    };
    let mut n_spoilt = 0;
    loop {
        let probes: Vec<Probe> = search.windows.iter().map(|window| window.probe).collect();
        search.end = find_max::next(&probes, first_rate, max_windows);
        let Next::Try(rate) = search.end else { return Ok(search) };
        match window(context, plan, checked, rate, search.windows.len() + n_spoilt, &progress).await? {
            None => return Ok(search),
            Some(Measured::Window(window)) => search.windows.push(window),
            Some(Measured::Spoilt(reason)) => {
                n_spoilt += 1;
                if n_spoilt >= MAX_SPOILT {
                    search.spoilt = Some(reason);
                    return Ok(search);
                }
            }
        }
    }
}

/// Returns how many a second there are when each connection sends as fast as the server answers; `None` once the user interrupts.
async fn full_speed(context: &Context, plan: &Plan, checked: &Checked) -> Result<Option<f64>> {
    let stage = Stage { duration: plan.stages[0].duration / 2, rate: None, ramp_to: None };
    let of_window = Plan { stages: vec![stage], ..plan.clone() };
    let ready = checked.open(context, &of_window).await?;
    let measured = load::run(ready, &context.interrupt, |_| ()).await?;
    let total = StatementStats::total(&measured.statements);
    if measured.interrupted {
        return Ok(None);
    }
    refuse_failing(&measured)?;
    if total.service.count() == 0 {
        let message = "a window at full speed measured nothing: no statement ended within it";
        return Err(Error::new(ExitStatus::InvalidMeasurement, message).hint("Use a longer `--window`."));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let rate = total.service.count() as f64 / measured.elapsed.as_secs_f64().max(1e-3);
    Ok(Some(rate))
}

/// Refuses statements that fail whenever they are sent: no rate makes them good.
fn refuse_failing(measured: &load::Measured) -> Result<()> {
    let Some(failing) = measured.statements.iter().find(|stats| stats.always_fails()) else { return Ok(()) };
    let classes: Vec<String> = failing.error_classes().collect();
    let message = format!("every execution of \"{}\" failed: {}", failing.name, classes.join(", "));
    Err(Error::new(ExitStatus::InvalidMeasurement, message)
        .hint("Look the SQLSTATE up in the manual, or run the statement with `perfkit explain`."))
}

/// What came of a window.
enum Measured {
    Window(Window),
    /// It says more of the generator or its machine than of the server.
    Spoilt(String),
}

/// Measures at a rate; `None` once the user interrupts.
async fn window(
    context: &Context,
    plan: &Plan,
    checked: &Checked,
    rate: f64,
    number: usize,
    progress: &Progress,
) -> Result<Option<Measured>> {
    if context.interrupt.is_raised() {
        return Ok(None);
    }
    let stage = Stage { rate: Some(rate), ..plan.stages[0] };
    super::check_stages(&[stage])?;
    let of_window = Plan { stages: vec![stage], seed: random::at(plan.seed, number as u64), ..plan.clone() };
    let ready = checked.open(context, &of_window).await?;
    let measured = load::run(ready, &context.interrupt, |_| ()).await?;
    progress.advance(1);
    if measured.interrupted {
        return Ok(None);
    }
    if number == 0 {
        refuse_failing(&measured)?;
    }
    Ok(Some(judged(&plan.thresholds, rate, &measured)))
}

/// Says whether a window is met. What spoils it does not count against it as long as it is met.
fn judged(thresholds: &[Threshold], rate: f64, measured: &load::Measured) -> Measured {
    let total = StatementStats::total(&measured.statements);
    let n_done = total.service.count() + total.error_count();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let count = |n: u64| n as f64;
    let sent = count(n_done) / count((n_done + measured.n_unsent).max(1));
    let error_share = count(total.error_count()) / count(n_done.max(1));
    let achieved = count(total.service.count()) / measured.elapsed.as_secs_f64().max(1e-3);
    let outcomes: Vec<_> = thresholds.iter().map(|threshold| threshold.check(&total, achieved)).collect();
    let are_errors_judged = thresholds.iter().any(Threshold::is_of_errors);
    let is_met = outcomes.iter().all(|outcome| outcome.passed)
        && sent >= MIN_SENT
        && measured.n_down == 0
        && (are_errors_judged || error_share <= MAX_ERRORS);
    // Whether the load was delivered is the question here, not a flaw.
    let delivered = load::Measured { n_unsent: 0, n_lost: 0, ..measured.clone() };
    let Flaws { reasons, .. } = super::flaws(&total, &delivered, true, (&[], None));
    match reasons.into_iter().next() {
        Some(reason) if !is_met && n_done > 0 && total.service.count() > 0 => Measured::Spoilt(reason),
        _ => Measured::Window(Window {
            probe: Probe { rate_per_s: rate, is_met },
            achieved_per_s: achieved,
            sent_share: sent,
            error_share,
            summary: total.response.summary(),
            outcomes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sweeps() {
        assert_eq!(parse_sweep("connections=1, 2,16").unwrap().0, [1, 2, 16]);
        for text in
            ["", "1,2", "connections=", "connections=0", "connections=1,x", "threads=1", "connections=10001"]
        {
            assert!(parse_sweep(text).is_err(), "{text}");
        }
    }
}
