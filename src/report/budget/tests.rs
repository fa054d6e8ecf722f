//! A run with budgets in every form.

use std::collections::BTreeMap;

use super::*;
use crate::budget::baseline::{ChangeKind, Statement};
use crate::budget::judge::Cause;
use crate::budget::{Calls, Counted};
use crate::trace::Fingerprint;

const SQL: &str = "SELECT name FROM authors WHERE id = $1";

fn tally() -> Tally {
    let calls = Calls { text: SQL.to_owned(), calls: 9, rows: 9, time: 4_500_000, writes: false };
    let mut counted = Counted::default();
    (counted.queries, counted.transactions, counted.rows, counted.time) = (9, 1, 9, 4_500_000);
    counted.statements.insert(Fingerprint(7), calls);
    Tally { scopes: [(Scope::Run, counted)].into() }
}

fn verdict() -> Verdict {
    let cause = Cause { part: "9 calls".to_owned(), fingerprint: Fingerprint(7), statement: SQL.to_owned() };
    let check = |rule, limit: f64, causes| Check { scope: Scope::Run, rule, limit, actual: 9.0, causes };
    Verdict {
        checks: vec![check("max_queries", 8.0, vec![cause]), check("max_rows", 9.0, Vec::new())],
        unseen: Vec::new(),
    }
}

fn comparison() -> Comparison {
    let change = |kind, before, now| Change {
        scope: Scope::Run,
        kind,
        fingerprint: Fingerprint(7),
        statement: SQL.to_owned(),
        before,
        now,
    };
    Comparison {
        changes: vec![change(ChangeKind::More, 3, 9), change(ChangeKind::Gone, 2, 0)],
        new_scopes: Vec::new(),
        unseen_scopes: vec!["scope list".to_owned()],
    }
}

fn render(format: Format) -> String {
    let (tally, verdict, comparison) = (tally(), verdict(), comparison());
    let report = BudgetReport {
        program: "pytest",
        ended: "exit status 0".to_owned(),
        has_succeeded: true,
        dropped: &Dropped::default(),
        n_sessions: 2,
        elapsed: Duration::from_millis(1500),
        tally: &tally,
        verdict: &verdict,
        comparison: Some(&comparison),
        baseline: "perfkit-budget.json".to_owned(),
    };
    report.document(&Style::PLAIN).render(format, &Style::PLAIN).unwrap()
}

#[test]
fn says_what_is_missed_and_by_what() {
    insta::assert_snapshot!(render(Format::Text), @r"
    budget
    scope  queries  statements  writes  transactions  rows    ms  failed
    run          9           1       0             1     9  4.50       0

    scope  limit        allowed  found  verdict
    run    max_queries        8      9  missed
    run    max_rows           9      9  kept

    max_queries of run:
      9 calls           SELECT name FROM authors WHERE id = $1  [0000000000000007]

    baseline perfkit-budget.json: more is sent; `--update` accepts it
      run: more 3 → 9: SELECT name FROM authors WHERE id = $1  [0000000000000007]
      run: gone 2 → 0: SELECT name FROM authors WHERE id = $1  [0000000000000007]
      nothing came from scope list

    missed: 9 queries in 2 sessions, 1500 ms; pytest ended with exit status 0
    ");
}

#[test]
fn json_and_junit_say_the_same() {
    let json: serde_json::Value = serde_json::from_str(&render(Format::Json)).unwrap();
    assert_eq!((&json["passed"], &json["valid"]), (&false.into(), &true.into()));
    assert_eq!(json["checks"][0]["causes"][0]["fingerprint"], "0000000000000007");
    assert_eq!(
        (&json["baseline"]["changes"][0]["change"], &json["baseline"]["worse"]),
        (&"more".into(), &true.into())
    );
    let junit = render(Format::Junit);
    assert!(junit.contains("<testsuites name=\"perfkit\" tests=\"4\" failures=\"2\""), "{junit}");
    assert!(junit.contains("max_queries of run is missed: 9 of 8"), "{junit}");
    assert!(junit.contains("more, 3 → 9"), "{junit}");
    let markdown = render(Format::Markdown);
    assert!(
        markdown.contains("| run | max\\_queries |") || markdown.contains("| run | max_queries |"),
        "{markdown}"
    );
}

#[test]
fn baselines_come_back() {
    let baseline = Baseline::of(&tally());
    assert_eq!(Baseline::parse(&baseline_text(&baseline)).unwrap(), baseline);
    let scopes: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
    let empty = Baseline { baseline_version: 1, scopes };
    assert_eq!(Baseline::parse(&baseline_text(&empty)).unwrap(), empty);
}

#[test]
fn names_are_listed() {
    let names = ["a", "b", "c"].map(str::to_owned);
    assert_eq!([listed(&[]), listed(&names[..1]), listed(&names)], ["none", "a", "a, b and c"]);
}
