//! Holds limits against what was sent.

use super::baseline::{Change, Comparison};
use super::spec::{Budget, Scope};
use super::tally::{Calls, Counted, Tally};
use crate::trace::Fingerprint;
use crate::unit;

/// Statements that are named as those that a missed limit is owed to.
const N_NAMED: usize = 5;

/// One limit, held against what was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) scope: Scope,
    /// As users write it.
    pub(crate) rule: &'static str,
    pub(crate) limit: f64,
    pub(crate) actual: f64,
    /// What a missed limit is owed to.
    pub(crate) causes: Vec<Cause>,
}

/// A statement that has a part in a missed limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cause {
    /// Its part, as in `9 calls`.
    pub(crate) part: String,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statement: String,
}

/// What budgets come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) checks: Vec<Check>,
    /// Scopes with a budget from which nothing came.
    pub(crate) unseen: Vec<Scope>,
}

impl Check {
    pub(crate) fn passed(&self) -> bool {
        self.actual <= self.limit
    }
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.unseen.is_empty() && self.checks.iter().all(Check::passed)
    }
}

/// Holds each budget against its scope; without a baseline nothing is new.
pub(crate) fn judge(budgets: &[Budget], tally: &Tally, comparison: Option<&Comparison>) -> Verdict {
    let mut verdict = Verdict::default();
    for budget in budgets {
        let scope = budget.of();
        match tally.scopes.get(&scope) {
            Some(counted) => verdict.checks.extend(checks(budget, &scope, counted, comparison)),
            None => verdict.unseen.push(scope),
        }
    }
    verdict
}

type Measure = fn(&Calls) -> f64;

fn checks(budget: &Budget, scope: &Scope, counted: &Counted, comparison: Option<&Comparison>) -> Vec<Check> {
    let calls: Measure = |it| count(it.calls);
    let writes: Measure = |it| if it.writes { count(it.calls) } else { 0.0 };
    let named = |measure: Measure, unit: &str| most(counted, measure, unit);
    let check = |rule, limit: Option<f64>, actual: f64, causes: &dyn Fn() -> Vec<Cause>| {
        let limit = limit?;
        let causes = if actual > limit { causes() } else { Vec::new() };
        Some(Check { scope: scope.clone(), rule, limit, actual, causes })
    };
    let most_calls = counted.statements.values().map(|it| it.calls).max().unwrap_or(0);
    let loops = || -> Vec<Cause> { counted.loops.iter().map(of_loop).collect() };
    let new = comparison.map(|it| it.added(scope)).unwrap_or_default();
    let of_new = || -> Vec<Cause> { new.iter().copied().map(of_change).collect() };
    [
        check("max_queries", budget.max_queries.map(count), count(counted.queries), &|| {
            named(calls, "calls")
        }),
        check("max_calls", budget.max_calls.map(count), count(most_calls), &|| {
            let limit = budget.max_calls.unwrap_or(0);
            let over = counted.statements.iter().filter(|(_, it)| it.calls > limit);
            ranked(over, calls, "calls", usize::MAX)
        }),
        check("max_writes", budget.max_writes.map(count), count(counted.writes), &|| named(writes, "calls")),
        check("max_transactions", budget.max_transactions.map(count), count(counted.transactions), &Vec::new),
        check("max_rows", budget.max_rows.map(count), count(counted.rows), &|| {
            named(|it| count(it.rows), "rows")
        }),
        check("max_ms", budget.max_ms, unit::ns_to_ms(counted.time), &|| {
            named(|it| unit::ns_to_ms(it.time), "ms")
        }),
        check(
            "no_n_plus_one",
            budget.no_n_plus_one.then_some(0.0),
            count(counted.loops.len() as u64),
            &loops,
        ),
        check("no_new_statements", budget.no_new_statements.then_some(0.0), count(new.len() as u64), &of_new),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_loop(found: &crate::workload::n_plus_one::Finding) -> Cause {
    Cause {
        part: format!("{} calls in a loop", found.repeats),
        fingerprint: found.fingerprint,
        statement: found.statement.clone(),
    }
}

fn of_change(change: &Change) -> Cause {
    Cause {
        part: format!("{} calls", change.now),
        fingerprint: change.fingerprint,
        statement: change.statement.clone(),
    }
}

/// The statements that have the largest part.
fn most(counted: &Counted, measure: Measure, unit: &str) -> Vec<Cause> {
    ranked(counted.statements.iter(), measure, unit, N_NAMED)
}

fn ranked<'a>(
    statements: impl Iterator<Item = (&'a Fingerprint, &'a Calls)>,
    measure: Measure,
    unit: &str,
    limit: usize,
) -> Vec<Cause> {
    let mut parts: Vec<(f64, &Fingerprint, &Calls)> = statements
        .map(|(fingerprint, calls)| (measure(calls), fingerprint, calls))
        .filter(|(part, ..)| *part > 0.0)
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.text.cmp(&b.2.text)));
    parts.truncate(limit);
    let shown = |part: f64| if unit == "ms" { unit::milliseconds(part) } else { unit::estimate(part) };
    parts
        .into_iter()
        .map(|(part, fingerprint, calls)| Cause {
            part: format!("{} {unit}", shown(part)),
            fingerprint: *fingerprint,
            statement: calls.text.clone(),
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test are far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::super::baseline::{self, Baseline};
    use super::super::fixture::Script;
    use super::super::tally::Rules;
    use super::*;

    fn script() -> Script {
        let script = Script::default().in_transaction(1, "INSERT INTO t VALUES ($1)", 7);
        (0..3).fold(script, |script, _| script.run(1, "SELECT a FROM t"))
    }

    /// Writes each check as `rule actual/limit: its causes`.
    fn check(budget: &Budget, expected: &[&str]) {
        let verdict = judge(std::slice::from_ref(budget), &script().tally(Rules::default()), None);
        let found: Vec<String> = verdict
            .checks
            .iter()
            .map(|it| {
                let causes: Vec<String> =
                    it.causes.iter().map(|cause| format!("{} {}", cause.part, cause.statement)).collect();
                format!("{} {}/{}: {}", it.rule, it.actual, it.limit, causes.join("; "))
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(verdict.passed(), verdict.checks.iter().all(|check| check.causes.is_empty()));
    }

    #[test]
    fn limits_are_held_and_causes_named() {
        let insert = "INSERT INTO t VALUES ($1)";
        check(
            &Budget { max_queries: Some(4), max_rows: Some(7), ..Budget::default() },
            &["max_queries 4/4: ", "max_rows 7/7: "],
        );
        check(
            &Budget { max_queries: Some(3), ..Budget::default() },
            &[&format!("max_queries 4/3: 3 calls SELECT a FROM t; 1 calls {insert}")],
        );
        check(
            &Budget { max_calls: Some(2), ..Budget::default() },
            &["max_calls 3/2: 3 calls SELECT a FROM t"],
        );
        check(
            &Budget { max_writes: Some(0), ..Budget::default() },
            &[&format!("max_writes 1/0: 1 calls {insert}")],
        );
        check(
            &Budget { max_rows: Some(6), ..Budget::default() },
            &[&format!("max_rows 7/6: 7 rows {insert}")],
        );
        check(
            &Budget { max_ms: Some(1.5), ..Budget::default() },
            &[&format!("max_ms 2/1.5: 1.50 ms SELECT a FROM t; 0.50 ms {insert}")],
        );
    }

    #[test]
    fn a_scope_that_sent_nothing_is_named() {
        let budget = Budget { scope: Some("gone".to_owned()), max_queries: Some(1), ..Budget::default() };
        let verdict = judge(&[budget], &script().tally(Rules::default()), None);
        assert_eq!((verdict.checks.len(), verdict.unseen), (0, vec![Scope::Marked("gone".to_owned())]));
    }

    #[test]
    fn loops_miss_a_budget() {
        let budget = Budget { no_n_plus_one: true, ..Budget::default() };
        let rules = Rules { loops_in: [Scope::Run].into(), ..Rules::default() };
        let verdict = judge(
            std::slice::from_ref(&budget),
            &Script::default().loop_over_rows(1, 7).tally(rules.clone()),
            None,
        );
        assert_eq!(verdict.checks[0].causes[0].part, "7 calls in a loop");
        let few = Script::default().loop_over_rows(1, 2).tally(rules);
        assert!(judge(&[budget], &few, None).passed());
    }

    #[test]
    fn new_statements_miss_a_budget() {
        let before = Baseline::of(&script().tally(Rules::default()));
        let now = script().run(2, "SELECT b FROM t").tally(Rules::default());
        let comparison = baseline::compare(&before, &now);
        let budget = Budget { no_new_statements: true, ..Budget::default() };
        let verdict = judge(std::slice::from_ref(&budget), &now, Some(&comparison));
        assert_eq!(verdict.checks[0].causes[0].statement, "SELECT b FROM t");
        assert!(judge(&[budget], &now, None).passed());
    }
}
