//! `perfkit budget --scale`: the same with more and more data.

use super::signals::Signals;
use super::watch::{self, Program, Way};
use super::{BudgetArgs, nothing_sent, warn};
use crate::budget::Rules;
use crate::budget::growth::{Run, growth};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::report::budget::{ScaleReport, listed};

/// A command, and how many rows the data has that it uses.
#[derive(Clone, Debug)]
pub(super) struct Step {
    rows: u64,
    command: String,
}

pub(super) fn parse(text: &str) -> Result<Step, String> {
    let (rows, command) = text.split_once(':').unwrap_or((text, ""));
    let rows =
        rows.trim().parse().map_err(|_| "write rows and command as in \"10:pytest --rows 10\"".to_owned())?;
    if command.trim().is_empty() {
        return Err(format!("there is no command for {rows} rows; write it as in \"{rows}:pytest\""));
    }
    Ok(Step { rows, command: command.to_owned() })
}

pub(super) async fn run(
    context: &Context,
    args: &BudgetArgs,
    rules: Rules,
    signals: &mut Signals,
) -> Result<ExitStatus> {
    let mut steps = args.scale.clone();
    steps.sort_by_key(|step| step.rows);
    if steps.windows(2).any(|pair| pair[0].rows == pair[1].rows) {
        return Err(Error::usage("two commands of `--scale` have as many rows")
            .hint("Let each have other rows: it is their difference that tells."));
    }
    let way = Way::find(context, args, signals).await?;
    let mut runs = Vec::new();
    for step in steps {
        let program = Program::of_shell(&step.command, format!("the command for {} rows", step.rows));
        context.ui.status(format_args!("{} rows", step.rows));
        let watched = watch::watch(context, &way, &program, rules.clone(), None, signals).await?;
        warn(context, &watched);
        let doing = || format!("could not run {}", program.name);
        watched.require_valid().map_err(|error| error.context(doing()))?;
        if watched.tally.is_empty() {
            return Err(nothing_sent(&watched).context(doing()));
        }
        runs.push(Run { size: step.rows, tally: watched.tally });
    }

    let grown = growth(&runs);

    let report = ScaleReport { runs: &runs, grown: &grown };
    context.ui.publish_beside(&report.document(context.ui.style_beside()))?;
    let scopes: Vec<String> = grown.iter().map(|growth| growth.scope.to_string()).collect();
    if grown.is_empty() {
        return Ok(ExitStatus::Success);
    }
    context.ui.status(format_args!("queries grow with the data in {}", listed(&scopes)));
    Ok(ExitStatus::Findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_rows_and_a_command() {
        let step = parse("10:psql -c 'SELECT 1::int'").unwrap();
        assert_eq!((step.rows, step.command.as_str()), (10, "psql -c 'SELECT 1::int'"));
        for (text, expected) in [
            ("psql", "write rows and command"),
            ("-1:psql", "write rows and command"),
            ("10:", "there is no command for 10 rows"),
            ("10", "there is no command for 10 rows"),
        ] {
            assert!(parse(text).unwrap_err().contains(expected), "{text}");
        }
    }
}
