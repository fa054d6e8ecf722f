//! `perfkit bench compare`: says whether B is slower than A, from short runs of both in turns.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::checked::Checked;
use super::load_args::{self, LoadArgs};
use super::sides::{self, Side};
use super::{Plan, script, with_index};
use crate::bench::compare::{self, Block, CompareConfig, Floor, LOOKS, Pair, Rules, Verdict};
use crate::bench::{BenchConfig, Stage, StatementStats};
use crate::cli::parse_duration;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::load;
use crate::pg::{self, Connection};
use crate::random;
use crate::report::bench::compare::{Compared, document};
use crate::sources;
use crate::ui::Progress;
use crate::ui::Unit;
use crate::workload::Statement;

/// Connections are there and statements prepared; the server turns to the other load.
const LONGEST_WARM_UP: Duration = Duration::from_millis(200);
/// Pairs at the most.
const DEFAULT_PAIRS: u16 = 30;
const DEFAULT_BLOCK: Duration = Duration::from_secs(3);
/// In percent.
const DEFAULT_MIN_EFFECT: f64 = 5.0;
/// How often each pair of differences is drawn anew for its interval.
const N_RESAMPLES: u32 = 10_000;
/// From this share of failed executions on, latencies are those of errors too.
const MAX_ERROR_SHARE: f64 = 0.01;

/// Say whether B is slower than A, by short runs of both in turns
///
/// A is the database, B another one (`--b`), the same with other settings (`--set-b`) or with an index more (`--with-index`), or
/// other versions of the statements (`--workload-b`). perfkit.yaml can say all that, and name scripts or statements for each of them,
/// under `bench.compare`. Both get the same parameters in the same order. The verdict is PASS, REGRESSION or INCONCLUSIVE: a
/// regression is larger than what noise explains and than `--min-effect`, and is found twice; then the exit status is 1.
#[derive(Args, Debug)]
pub(super) struct CompareArgs {
    /// Show how two reports of `perfkit bench --json` differ; one run each gives no verdict
    #[arg(value_name = "REPORT", num_args = 2, conflicts_with_all = ["b", "set_a", "set_b", "workload_b", "with_index", "calibrate"])]
    reports: Vec<PathBuf>,
    /// B is this database (URL or keyword/value string)
    #[arg(long, value_name = "URL")]
    pub(super) b: Option<String>,
    /// Set this in the sessions of A (can be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(super) set_a: Vec<(String, String)>,
    /// Set this in the sessions of B (can be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(super) set_b: Vec<(String, String)>,
    /// Take the statements of B from here (can be repeated); those of A are named by `--workload`
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["files", "builtins"])]
    pub(super) workload_b: Vec<String>,
    /// B is A with this index, which is built for the measurement and dropped after it (can be repeated)
    #[arg(long, value_name = "CREATE INDEX", conflicts_with_all = ["b", "set_b", "workload_b", "calibrate"])]
    pub(super) with_index: Vec<String>,
    /// Build the index without asking
    #[arg(short, long, requires = "with_index")]
    pub(super) yes: bool,
    /// Compare A with itself, to see what this machine can tell
    #[arg(long, conflicts_with_all = ["b", "set_b", "workload_b"])]
    pub(super) calibrate: bool,
    /// Give no verdict on what this report of `--calibrate --json` shows to be noise on this machine
    #[arg(long, value_name = "FILE", conflicts_with = "calibrate")]
    noise: Option<PathBuf>,
    /// Measure each block this long [default: 3s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    block: Option<Duration>,
    /// Send this many statements per second, over all connections
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// The smallest slowdown that matters, in percent; twice that for p99 [default: 5]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    min_effect: Option<f64>,
    /// Measure so many pairs of blocks at the most: after 10 and 20 there is a verdict if it is clear [default: 30; 10 with an index]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=30))]
    max_pairs: Option<u16>,
    /// What an INCONCLUSIVE verdict does to the exit status
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnInconclusive::Pass)]
    on_inconclusive: OnInconclusive,
    /// Leave out pairs that other programs or machines may have slowed down
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    pub(super) load: LoadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnInconclusive {
    /// Exit with status 0
    Pass,
    /// Exit with status 1
    Fail,
}

pub(super) async fn run(context: &Context, args: &CompareArgs) -> Result<ExitStatus> {
    if let [a, b] = &args.reports[..] {
        return of_reports(context, args, a, b);
    }
    let config = load_args::config(context);
    let sides = sides::sides(context, args, &config.compare)?;
    if sides[0] == sides[1] && !args.calibrate && args.with_index.is_empty() {
        return Err(Error::usage("A and B are the same").hint(
            "Say what B is with `--b URL`, `--set-b NAME=VALUE`, `--with-index DDL`, `--workload-b SOURCE` or `bench.compare` in perfkit.yaml, or add `--calibrate`.",
        ));
    }
    let floors = args.noise.as_deref().map_or(Ok(Vec::new()), noise)?;
    let rules = &rules(args, &config.compare, &floors);
    let trial = &trial(args, &config)?;
    if !args.with_index.is_empty() {
        let compared = with_index::compared(context, args, (trial, &sides[0]), rules).await?;
        return compared.map_or(Ok(ExitStatus::Success), |compared| conclude(context, args, &compared));
    }
    let arms = arms(context, args, &sides, &trial.plan).await?;

    let first = measure(context, trial, &arms, (args.load.seed, rules)).await?;
    let comparison = compare::compare(&first, rules);
    let second = if comparison.verdict == Verdict::Regression && !context.interrupt.is_raised() {
        context.ui.status("a regression; measuring once more from the beginning");
        let pairs = measure(context, trial, &arms, (random::mix(args.load.seed), rules)).await?;
        Some(compare::compare(&pairs, rules).verdict)
    } else {
        None
    };
    let labels = arms.map(|arm| arm.label);
    let interrupted = context.interrupt.is_raised();
    let is_calibration = args.calibrate;
    let block = trial.plan.stages[0].duration;
    let compared = Compared { comparison, labels, block, second, interrupted, is_calibration };
    conclude(context, args, &compared)
}

fn conclude(context: &Context, args: &CompareArgs, compared: &Compared) -> Result<ExitStatus> {
    context.ui.publish(&document(compared, context.ui.style()))?;
    if compared.comparison.n_pairs == 0 && !compared.interrupted {
        context.ui.warn("the measurement is invalid: no pair of blocks is without a flaw");
        return Ok(ExitStatus::InvalidMeasurement);
    }
    Ok(match compared.verdict() {
        Verdict::Regression => ExitStatus::Findings,
        Verdict::Inconclusive if args.on_inconclusive == OnInconclusive::Fail => ExitStatus::Findings,
        Verdict::Pass | Verdict::Inconclusive => ExitStatus::Success,
    })
}

/// Compares two single runs, of which nobody knows how much they differ by chance.
fn of_reports(context: &Context, args: &CompareArgs, a: &Path, b: &Path) -> Result<ExitStatus> {
    let (of_a, of_b) = (super::merge::read(a)?, super::merge::read(b)?);
    let names = |report: &crate::bench::BenchReport| -> Vec<String> {
        report.statements.iter().map(|stats| stats.name.clone()).collect()
    };
    if names(&of_a) != names(&of_b) {
        return Err(Error::usage(format!(
            "{:?} and {:?} are not of the same statements",
            a.display(),
            b.display()
        ))
        .hint("Compare runs of the same workload."));
    }
    let figures = |report: &crate::bench::BenchReport| {
        let flaw = report.invalid_reason.clone();
        Block::new(&report.statements, report.elapsed, report.is_open_loop, flaw)
    };
    let pair = Pair { a: figures(&of_a), b: figures(&of_b) };
    let config = load_args::config(context);
    let comparison = compare::compare(&[pair], &rules(args, &config.compare, &[]));
    let labels = [a, b].map(|path| path.display().to_string());
    let block = of_a.elapsed;
    let compared =
        Compared { comparison, labels, block, second: None, interrupted: false, is_calibration: false };
    context.ui.status("one run each gives no verdict: `perfkit bench compare --b URL` measures in turns");
    conclude(context, args, &compared)
}

fn rules<'a>(args: &CompareArgs, config: &CompareConfig, floors: &'a [Floor]) -> Rules<'a> {
    let percent = args.min_effect.or(config.min_effect).unwrap_or(DEFAULT_MIN_EFFECT);
    Rules { min_effect: percent / 100.0, n_resamples: N_RESAMPLES, seed: args.load.seed, floors }
}

/// Reads what A against itself has shown.
fn noise(path: &Path) -> Result<Vec<Floor>> {
    let fail = || {
        Error::usage(format!("could not read the noise from {:?}", path.display()))
            .hint("Write one with `perfkit bench compare --calibrate -o FILE.json`.")
    };
    let json = std::fs::read_to_string(path).map_err(|error| fail().cause(error))?;
    compare::floors(&json).map_err(|error| fail().cause(error))
}

/// How both are measured.
pub(super) struct Trial {
    /// Of a block.
    pub(super) plan: Plan,
    /// At the most.
    pub(super) max_pairs: Option<u16>,
}

fn trial(args: &CompareArgs, config: &BenchConfig) -> Result<Trial> {
    let block = args.block.or(config.compare.block).unwrap_or(DEFAULT_BLOCK);
    let stages = vec![Stage { duration: block, rate: args.rate.or(config.compare.rate), ramp_to: None }];
    let plan = args.load.plan(config, stages, LONGEST_WARM_UP.min(block / 10))?;
    let max_pairs = args.max_pairs.or(config.compare.max_pairs);
    Ok(Trial { plan: Plan { is_strict: args.strict, ..plan }, max_pairs })
}

/// One of the two that are compared.
pub(super) struct Arm {
    pub(super) label: String,
    checked: Checked,
    /// For looks at the server between blocks.
    connection: Connection,
}

/// Connects to both and prepares what they are sent.
async fn arms(context: &Context, args: &CompareArgs, sides: &[Side; 2], plan: &Plan) -> Result<[Arm; 2]> {
    let a = Arm::new(context, args, (&sides[0], None), plan).await?;
    let b = Arm::new(context, args, (&sides[1], Some(&a)), plan).await?;
    Ok([a, b])
}

impl Arm {
    /// Connects to one of the two, and prepares what it is sent: the statements of the other have the same names, and parameters that
    /// are described alike the same values.
    pub(super) async fn new(
        context: &Context,
        args: &CompareArgs,
        (side, other): (&Side, Option<&Self>),
        plan: &Plan,
    ) -> Result<Self> {
        let target = side.target(context, args)?;
        let label = side.label(&target);
        let mut connection = load_args::connect(context, &target, plan.allow_writes).await?;
        if side.scripts.are_given() {
            let checked = script::checked(&args.load, &side.scripts, &target, &mut connection, plan).await?;
            if let Some(other) = other {
                require_alike(script_names(&other.checked).len(), script_names(&checked).len(), "scripts")?;
            }
            return Ok(Self { label, checked, connection });
        }
        let catalog = pg::catalog::load(&mut connection).await?;
        let all = super::workload(context, &side.workload, &connection, &catalog, plan.allow_writes).await?;
        let mut statements = chosen(all, &side.statements)?;
        if let Some(other) = other {
            let other = &other.checked.statements;
            if side.statements.is_empty() {
                // What A has been found to do without, B does without.
                let has = |name: &str| other.iter().any(|it| it.name == name);
                statements.retain(|statement| !statement.is_observed || has(&statement.name));
                require_same_names(other, &statements)?;
            } else {
                // Who names statements of their own means them as versions of the others.
                require_alike(other.len(), statements.len(), "statements")?;
                statements.iter_mut().zip(other).for_each(|(it, other)| it.name.clone_from(&other.name));
            }
        }
        let mut generators =
            sources::generators(context, &connection, &catalog, &statements, plan.seed).await?;
        if let Some(Self { checked: other, .. }) = other {
            for (i, statement) in statements.iter().enumerate() {
                if other.statements[i].parameters == statement.parameters {
                    generators[i].clone_from(&other.generators[i]);
                }
            }
        }
        let checked = Checked::new(context, &target, &mut connection, statements, generators, plan).await?;
        if let Some(other) = other {
            require_same_names(&other.checked.statements, &checked.statements)?;
        }
        Ok(Self { label, checked, connection })
    }
}

/// Returns the statements of these names, in their order; all, without any.
fn chosen(all: Vec<Statement>, names: &[String]) -> Result<Vec<Statement>> {
    if names.is_empty() {
        return Ok(all);
    }
    let choose = |name: &String| {
        all.iter().find(|statement| statement.name == *name).cloned().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|statement| statement.name.as_str()).collect();
            Error::usage(format!(
                "bench.compare names statement \"{name}\", which the workload does not have"
            ))
            .hint(format!("Its statements are {}.", known.join(", ")))
        })
    };
    names.iter().map(choose).collect()
}

fn script_names(checked: &Checked) -> Vec<&str> {
    let scripts = checked.playbook.iter().flat_map(|playbook| &playbook.scripts.scripts);
    scripts.map(|script| script.name.as_str()).collect()
}

fn require_alike(of_a: usize, of_b: usize, what: &str) -> Result<()> {
    if of_a == of_b {
        return Ok(());
    }
    Err(Error::usage(format!("A and B do not have as many {what}: {of_a} and {of_b}"))
        .hint("The first of A is compared with the first of B, and so on."))
}

fn require_same_names(a: &[Statement], b: &[Statement]) -> Result<()> {
    let names = |statements: &[Statement]| -> Vec<String> {
        statements.iter().map(|statement| statement.name.clone()).collect()
    };
    if names(a) == names(b) {
        return Ok(());
    }
    Err(Error::usage("A and B do not have the same statements")
        .cause(format!("A has {}; B has {}", names(a).join(", "), names(b).join(", ")))
        .hint("Give statements that belong together the same name, in the same order."))
}

/// Measures pairs until their verdict is clear at one of the planned looks, or there are enough.
async fn measure(
    context: &Context,
    Trial { plan, max_pairs }: &Trial,
    arms: &[Arm; 2],
    (seed, rules): (u64, &Rules<'_>),
) -> Result<Vec<Pair>> {
    let max_pairs = usize::from(max_pairs.unwrap_or(DEFAULT_PAIRS));
    let progress = context.ui.progress("compare", 2 * max_pairs as u64 + 2, Unit::Steps);
    // The first pair warms both up and does not count.
    if pair(context, plan, arms, seed, 0, &progress).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut pairs = Vec::with_capacity(max_pairs);
    while pairs.len() < max_pairs {
        let Some(pair) = pair(context, plan, arms, seed, pairs.len() + 1, &progress).await? else { break };
        pairs.push(pair);
        let is_look = LOOKS.contains(&pairs.len());
        if is_look && compare::compare(&pairs, rules).verdict != Verdict::Inconclusive {
            break;
        }
    }
    Ok(pairs)
}

/// Measures both, in the order that the pair's number says; `None` once the user interrupts.
async fn pair(
    context: &Context,
    plan: &Plan,
    arms: &[Arm; 2],
    seed: u64,
    number: usize,
    progress: &Progress,
) -> Result<Option<Pair>> {
    let of_pair = Plan { seed: random::at(seed, number as u64), ..plan.clone() };
    let [a, b] = arms;
    let (first, second, is_swapped) =
        if compare::starts_with_b(number, seed) { (b, a, true) } else { (a, b, false) };
    let Some(first) = block(context, &of_pair, first, progress).await? else { return Ok(None) };
    let Some(second) = block(context, &of_pair, second, progress).await? else { return Ok(None) };
    Ok(Some(if is_swapped { Pair { a: second, b: first } } else { Pair { a: first, b: second } }))
}

/// Measures one block; `None` once the user interrupts.
pub(super) async fn block(
    context: &Context,
    plan: &Plan,
    arm: &Arm,
    progress: &Progress,
) -> Result<Option<Block>> {
    if context.interrupt.is_raised() {
        return Ok(None);
    }
    let before = pg::bench::settled_blocks(&arm.connection).await?;
    let ready = arm.checked.open(context, plan).await?;
    let is_open_loop = ready.schedule().is_open_loop();
    let measured = load::run(ready, &context.interrupt, |_| ()).await?;
    progress.advance(1);
    if measured.interrupted {
        return Ok(None);
    }
    if measured.n_lost > 0 {
        return Err(Error::server(format!("connections to {} were lost", arm.label))
            .cause(format!("it happened {} times, with {} connections", measured.n_lost, plan.connections))
            .hint("Look into the server's log for the reason, and compare once more."));
    }
    let after = pg::bench::settled_blocks(&arm.connection).await?;
    let blocks = before.zip(after).map(|(before, after)| after.since(before));
    let flaw = flaw(&measured, is_open_loop, plan.is_strict);
    let block = Block::new(&measured.statements, measured.elapsed, is_open_loop, flaw);
    Ok(Some(block.with_blocks(blocks)))
}

/// Says why a block does not show how fast the server is.
fn flaw(measured: &load::Measured, is_open_loop: bool, is_strict: bool) -> Option<String> {
    let total = StatementStats::total(&measured.statements);
    let n_done = total.service.count() + total.error_count();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let error_share = total.error_count() as f64 / n_done.max(1) as f64;
    let flaws = super::flaws(&total, measured, is_open_loop, (&[], None));
    let flaws = if is_strict { flaws.strict() } else { flaws };
    flaws.reason().or_else(|| {
        (error_share > MAX_ERROR_SHARE)
            .then(|| format!("{:.1} % of the executions failed", error_share * 100.0))
    })
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write it as NAME=VALUE, as in work_mem=64MB".to_owned()),
    }
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.trim_end_matches('%').trim().parse().map_err(|_| "it is no number".to_owned())?;
    if percent > 0.0 && percent <= 100.0 {
        Ok(percent)
    } else {
        Err("it must be above 0, up to 100".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_settings_and_percentages() {
        assert_eq!(parse_setting("work_mem = 64MB"), Ok(("work_mem".to_owned(), "64MB".to_owned())));
        assert_eq!(parse_setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_setting("work_mem").is_err() && parse_setting("=1").is_err());
        assert_eq!(parse_percent("2.5 %"), Ok(2.5));
        for text in ["", "0", "-1", "101", "five", "NaN"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
