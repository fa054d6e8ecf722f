//! What is said of the advice in every format: numbers as people read them, and which of them are worth a line.

use std::fmt::Write as _;

use crate::index::verification::{Outcome, Verdict, Verification};
use crate::index::{
    Advice, Alternative, DropAdvice, Help, Redesign, Refusal, StatementCost, Suggestion, WritePrice,
};
use crate::query::quote;
use crate::report::explain::one_line;
use crate::report::{Align, Table};
use crate::unit;

/// The statements named for each index before "and N more".
const MAX_HELPS: usize = 4;
/// The rejected alternatives shown for each index; JSON has all.
const MAX_ALTERNATIVES: usize = 2;
/// Costs of one statement that differ by more than this factor are worth a line each: the planner itself changes its mind
/// about plans at smaller ones.
const DIFFERS: f64 = 2.0;
/// Changes of a cost below this share are rounding.
const SAME: f64 = 0.0005;

/// A label and what is said under it.
pub(super) type Fact = (&'static str, String);

/// What a suggested index costs and saves.
pub(super) fn of_suggestion(suggestion: &Suggestion, advice: &Advice) -> Vec<Fact> {
    let mut facts = vec![
        ("size", unit::bytes(suggestion.size_bytes)),
        ("saves", saves(suggestion.saves, suggestion.write_price, advice)),
        ("writes", writes(suggestion.write_price)),
    ];
    if !suggestion.replaces.is_empty() {
        facts.push(("replaces", suggestion.replaces.join(", ")));
    }
    facts
}

pub(super) fn of_drop(drop: &DropAdvice) -> Vec<Fact> {
    vec![("reason", drop.reason.clone()), ("frees", unit::bytes(drop.size_bytes))]
}

pub(super) fn of_refusal(refusal: &Refusal, advice: &Advice) -> Vec<Fact> {
    vec![
        ("saves", saves(refusal.saves, refusal.write_price, advice)),
        ("writes", writes(refusal.write_price)),
        ("reason", refusal.reason.clone()),
    ]
}

fn saves(saves: f64, price: WritePrice, advice: &Advice) -> String {
    let whole = advice.cost_without(saves);
    let mut text = format!("{} of the workload's cost", share(saves, whole));
    if price.upkeep > 0.0 {
        let _ = write!(text, ", {} after its upkeep", share(saves - price.upkeep, whole));
    }
    text
}

fn writes(price: WritePrice) -> String {
    let mut text = format!("{} bytes a row", unit::estimate(price.bytes_per_row));
    if let Some(day) = price.per_day {
        let _ = write!(text, "; a day {} WAL, {} CPU", unit::bytes(whole(day.wal_bytes)), time(day.cpu_ms));
        if day.hot_updates_lost >= 0.5 {
            let _ = write!(text, ", {} HOT updates lost", unit::short_count(day.hot_updates_lost));
        }
    }
    text
}

fn time(ms: f64) -> String {
    if ms < 1000.0 {
        format!("{} ms", unit::milliseconds(ms))
    } else {
        format!("{} s", unit::milliseconds(ms / 1000.0))
    }
}

/// The statements that a suggestion helps most, and how many more there are.
pub(super) fn helps<'a>(suggestion: &'a Suggestion, advice: &Advice) -> (Vec<HelpLine<'a>>, usize) {
    let line = |help: &'a Help| {
        let statement = advice.statements.iter().find(|statement| statement.name == help.statement);
        HelpLine {
            statement: &help.statement,
            before: cost(help.cost_before),
            after: cost(help.cost_after),
            factor: factor(help.cost_before, help.cost_after),
            time: statement.and_then(|statement| statement.time_share).map(percent).unwrap_or_default(),
        }
    };
    let helps = &suggestion.helps;
    (helps.iter().take(MAX_HELPS).map(line).collect(), helps.len().saturating_sub(MAX_HELPS))
}

/// A statement that an index helps, in words.
pub(super) struct HelpLine<'a> {
    pub(super) statement: &'a str,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) factor: String,
    /// Its share of the workload's measured time, empty where that is not known.
    pub(super) time: String,
}

/// Returns such lines as a table, with times where one is known.
pub(super) fn help_table(helps: Vec<HelpLine>) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let heads =
        [("helps", left), ("cost before", right), ("after", right), ("factor", right), ("time", right)];
    let has_times = helps.iter().any(|help| !help.time.is_empty());
    let n_columns = heads.len() - usize::from(!has_times);
    let mut table = Table::new(heads.into_iter().take(n_columns));
    for help in helps {
        let cells = [help.statement.to_owned(), help.before, help.after, help.factor, help.time];
        table.row(cells.into_iter().take(n_columns));
    }
    table
}

/// What was priced in a suggestion's place, the best of it.
pub(super) fn alternatives(suggestion: &Suggestion) -> impl Iterator<Item = String> + '_ {
    let alternatives = suggestion.alternatives.iter().take(MAX_ALTERNATIVES);
    alternatives.map(|alternative| in_its_place(alternative, suggestion))
}

/// An alternative with its size and why it is none; without the table where it is the same.
pub(super) fn in_its_place(alternative: &Alternative, suggestion: &Suggestion) -> String {
    let described = alternative.definition.describe();
    let table = format!("{} ", quote::identifier(&suggestion.definition.table));
    let described = described.strip_prefix(&table).unwrap_or(&described);
    format!("{described}, {}: {}", unit::bytes(alternative.size_bytes), alternative.reason)
}

/// Returns the statements in the order of what they cost today, all runs together.
pub(super) fn costliest(advice: &Advice) -> Vec<&StatementCost> {
    let mut statements: Vec<&StatementCost> = advice.statements.iter().collect();
    let weighted = |statement: &StatementCost| statement.weight * statement.cost_before;
    statements.sort_by(|a, b| weighted(b).total_cmp(&weighted(a)));
    statements
}

/// Returns a table of statements, and of what their means hide.
pub(super) fn statement_table(statements: &[&StatementCost]) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new([
        ("statement", left),
        (share_label(statements), right),
        ("cost before", right),
        ("after", right),
        ("factor", right),
    ]);
    for statement in statements {
        let mut row = |label: String, share: String, (before, after): (f64, f64)| {
            table.row([label, share, cost(before), cost(after), factor(before, after)]);
        };
        let costs = (statement.cost_before, statement.cost_after);
        row(one_line(&statement.name), share_of(statement, statements), costs);
        for (label, costs) in variants(statement) {
            row(format!("· {}", one_line(label)), String::new(), costs);
        }
    }
    table
}

/// What the column of [`share_of`] is called.
pub(super) fn share_label(statements: &[&StatementCost]) -> &'static str {
    if has_times(statements) { "time" } else { "weight" }
}

/// Returns a statement's share of the time, or its weight where no time was measured.
pub(super) fn share_of(statement: &StatementCost, statements: &[&StatementCost]) -> String {
    match (has_times(statements), statement.time_share) {
        (true, share) => share.map(percent).unwrap_or_default(),
        (false, _) if statement.weight < 100.0 => round(statement.weight).to_string(),
        (false, _) => unit::estimate(statement.weight),
    }
}

fn has_times(statements: &[&StatementCost]) -> bool {
    statements.iter().any(|statement| statement.time_share.is_some())
}

/// Returns the costs that the mean hides: of each set of values where they are far apart, and of the generic plan where it
/// is far from the mean.
pub(super) fn variants(statement: &StatementCost) -> Vec<(&str, (f64, f64))> {
    let sets = &statement.value_sets;
    let mut variants = Vec::new();
    if is_spread(sets.iter().map(|set| set.cost_before)) || is_spread(sets.iter().map(|set| set.cost_after)) {
        variants.extend(sets.iter().map(|set| (set.label.as_str(), (set.cost_before, set.cost_after))));
    }
    if let Some((before, after)) = statement.generic {
        let differs = |own: f64, generic: f64| is_spread([own, generic].into_iter());
        if differs(statement.cost_before, before) || differs(statement.cost_after, after) {
            variants.push(("generic plan", (before, after)));
        }
    }
    variants
}

fn is_spread(costs: impl Iterator<Item = f64> + Clone) -> bool {
    let least = costs.clone().fold(f64::INFINITY, f64::min);
    costs.fold(0.0, f64::max) > DIFFERS * least
}

/// What running the workload has shown in one line, and a line for each index that it did not prove.
pub(super) fn verified(verification: &Verification) -> Vec<String> {
    let n = |verdict: Verdict| {
        verification.statements.iter().filter(|statement| statement.verdict == verdict).count()
    };
    let mut lines = vec![format!(
        "{} run {} on {}: {} faster, {} the same, {} slower",
        unit::counted(verification.statements.len() as u64, "statement"),
        unit::counted(verification.n_runs as u64, "time"),
        verification.place,
        n(Verdict::Faster),
        n(Verdict::Same),
        n(Verdict::Slower)
    )];
    for index in &verification.indexes {
        let described = index.definition.describe();
        match &index.outcome {
            Outcome::Helps => {}
            Outcome::Unhelpful(reason) => lines.push(format!("no longer suggested: {described}: {reason}")),
            Outcome::Unproven(reason) => lines.push(format!("not proven: {described}: {reason}")),
        }
    }
    let skipped = &verification.skipped;
    lines.extend(
        skipped.iter().map(|skipped| format!("not run: {} ({})", one_line(&skipped.sql), skipped.reason)),
    );
    lines.extend(verification.missing.iter().map(|missing| format!("not verified: {missing}")));
    lines
}

/// Returns the whole set of a redesign, a row for each index with what becomes of it.
pub(super) fn index_set(advice: &Advice, redesign: &Redesign) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new([("change", left), ("index", left), ("size", right), ("reason", left)]);
    let mut row = |change: &str, index: String, size_bytes: u64, reason: String| {
        table.row([change.to_owned(), index, unit::bytes(size_bytes), reason]);
    };
    for kept in &redesign.kept {
        row("keep", kept.name.clone(), kept.size_bytes, kept.reason.clone());
    }
    for one in &advice.suggestions {
        row("create", one.definition.describe(), one.size_bytes, helps_in_words(&one.helps));
    }
    for drop in &advice.drops {
        let index = &drop.seen.index;
        let is_replaced = advice.suggestions.iter().any(|one| {
            (&one.definition.schema, &one.definition.table) == (&index.schema, &index.table)
                && one.replaces.contains(&index.name)
        });
        let change = if is_replaced { "replace" } else { "drop" };
        row(change, index.name.clone(), drop.size_bytes, drop.reason.clone());
    }
    table
}

/// Returns whom an index helps: a statement by its name, several by their number.
pub(crate) fn helps_in_words(helps: &[Help]) -> String {
    match helps {
        [only] => format!("helps {}", one_line(&only.statement)),
        all => format!("helps {}", unit::counted(all.len() as u64, "statement")),
    }
}

/// One line on the whole set.
pub(super) fn summary(advice: &Advice) -> String {
    let costs = format!(
        "workload cost {} → {} ({})",
        cost(advice.cost_before),
        cost(advice.cost_after),
        factor(advice.cost_before, advice.cost_after)
    );
    if let Some(Redesign { before, after, .. }) = &advice.redesign {
        let mut text = format!(
            "{} → {}, {} → {}",
            before.n_indexes,
            unit::counted(after.n_indexes as u64, "index"),
            unit::bytes(before.size_bytes),
            unit::bytes(after.size_bytes)
        );
        if before.upkeep.max(after.upkeep) > 0.0 {
            let _ = write!(text, "; writes cost {} → {}", cost(before.upkeep), cost(after.upkeep));
        }
        return format!("{text}; {costs}");
    }
    let size: u64 = advice.suggestions.iter().map(|suggestion| suggestion.size_bytes).sum();
    let freed: u64 = advice.drops.iter().map(|drop| drop.size_bytes).sum();
    let mut text =
        format!("{}, {}", unit::counted(advice.suggestions.len() as u64, "index"), unit::bytes(size));
    if !advice.drops.is_empty() {
        let _ = write!(
            text,
            "; {}, {} freed",
            unit::counted(advice.drops.len() as u64, "drop"),
            unit::bytes(freed)
        );
    }
    format!("{text}; {costs}")
}

/// Whether there is a set to sum up.
pub(super) fn has_set(advice: &Advice) -> bool {
    !advice.suggestions.is_empty() || !advice.drops.is_empty() || advice.redesign.is_some()
}

/// What to say where no index is suggested.
pub(super) fn nothing(advice: &Advice) -> String {
    let limits = if advice.is_limited { " within the limits" } else { "" };
    format!("no index{limits} would make this workload cheaper")
}

/// What the advice rests on, and what it lacks.
pub(super) fn caveats(advice: &Advice) -> Vec<String> {
    let mut caveats = Vec::new();
    if let Some(check) = &advice.self_check {
        caveats.push(match &check.worst {
            Some((statement, difference)) => format!(
                "costs in the shadow are within {} of the server's for {}; worst: {statement}",
                percent(*difference),
                unit::counted(check.n_compared as u64, "statement")
            ),
            None => "no cost of the shadow could be compared with the server's".to_owned(),
        });
    }
    caveats.extend(trusted(advice));
    caveats.extend(advice.missing.iter().map(|missing| format!("the shadow lacks {missing}")));
    if advice.is_cut_short {
        caveats.push("the search ended at its time limit: a longer one may find a better set".to_owned());
    }
    caveats
}

/// Says that nothing but the workload tells which indexes can go, where that is so.
pub(crate) fn trusted(advice: &Advice) -> Option<String> {
    let doubt = advice.redesign.as_ref()?.doubt.as_ref()?;
    let n_trusted = advice.drops.iter().filter(|drop| drop.covered_by.is_none()).count();
    let goes = if n_trusted == 1 { "goes" } else { "go" };
    (n_trusted > 0).then(|| {
        format!(
            "{} {goes} by the workload alone, which must be complete: {doubt}",
            unit::counted(n_trusted as u64, "index")
        )
    })
}

/// Returns a cost with digits after the point only where they matter.
pub(super) fn cost(cost: f64) -> String {
    if cost < 99.995 { format!("{cost:.2}") } else { unit::estimate(cost) }
}

/// Returns how many times cheaper a statement gets.
pub(super) fn factor(before: f64, after: f64) -> String {
    if (before - after).abs() <= SAME * before { "same".to_owned() } else { unit::ratio(before, after) }
}

fn share(part: f64, whole: f64) -> String {
    percent(if whole > 0.0 { part / whole } else { 0.0 })
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = usize::from(percent.abs() < 99.95);
    format!("{percent:.digits$} %")
}

/// Returns a number of bytes without its fraction.
pub(super) fn whole(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by 0 and what u64 holds"
    )]
    let whole = bytes.round() as u64;
    whole
}

/// Rounds to two digits, as EXPLAIN prints costs.
pub(super) fn round(cost: f64) -> f64 {
    (cost * 100.0).round() / 100.0
}
