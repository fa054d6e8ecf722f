use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::index::change::{Change, IndexName, Seen};

fn finding(severity: Severity, index: Option<&str>, fix: Option<Fix>) -> Finding {
    Finding {
        rule: "duplicate-index",
        severity,
        schema: "public".to_owned(),
        table: "Orders".to_owned(),
        index: index.map(str::to_owned),
        columns: vec!["user_id".to_owned()],
        message: "index orders_a has the keys of orders_b <and> no more".to_owned(),
        remedy: "Drop it: whatever it serves, orders_b serves as well.".to_owned(),
        fix,
        frees_bytes: if index.is_some() { 3 << 20 } else { 0 },
    }
}

fn audit() -> Audit {
    let seen = |name: &str, columns: &str| Seen {
        index: IndexName { schema: "public".to_owned(), table: "Orders".to_owned(), name: name.to_owned() },
        definition: Some(format!("CREATE INDEX {name} ON public.\"Orders\" USING btree ({columns})")),
        n_scans: None,
    };
    let (index, covered_by) = (seen("orders_a", "user_id"), vec![seen("orders_b", "user_id, at")]);
    let drop = Fix::Change(Change::Drop { index, size_bytes: 3 << 20, covered_by });
    let validate = Fix::Statements {
        sql: vec!["ALTER TABLE public.\"Orders\" VALIDATE CONSTRAINT c".to_owned()],
        undo_sql: Vec::new(),
    };
    let script = |_: &Change| Script {
        sql: vec!["DROP INDEX CONCURRENTLY public.orders_a".to_owned()],
        undo_sql: vec![
            "CREATE INDEX CONCURRENTLY orders_a ON public.\"Orders\" USING btree (user_id)".to_owned(),
        ],
    };
    let findings = [
        finding(Severity::High, None, Some(validate)),
        finding(Severity::Medium, Some("orders_a"), Some(drop)),
        finding(Severity::Low, None, None),
    ];
    Audit {
        findings: findings.map(|finding| Reported::new(finding, script)).into(),
        n_accepted: 2,
        unseen: vec!["which sequences <are> full".to_owned()],
        unproven: None,
        schemas: vec!["public".to_owned()],
        n_tables: 1,
        n_indexes: 4,
        counted_s: Some(100_000.0),
        replicas: vec![("standby:5432/app".to_owned(), None)],
    }
}

fn render(format: Format, style: &Style) -> String {
    document(&audit(), style).render(format, style).unwrap()
}

fn check(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn a_terminal_shows_findings_by_severity() {
    let style = Style { color: false, terminal: true, width: 60 };
    let text = render(Format::Text, &style);
    check("terminal", &text);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
}

#[test]
fn a_pipe_gets_a_line_for_each() {
    check("pipe", &render(Format::Text, &Style::PLAIN));
}

#[test]
fn scripts_run_nothing_but_fixes() {
    check("script", &render(Format::Sql, &Style::PLAIN));
}

#[test]
fn markdown_is_for_a_comment() {
    check("markdown", &render(Format::Markdown, &Style::PLAIN));
}

#[test]
fn pages_keep_names_as_text() {
    let page = render(Format::Html, &Style::PLAIN);
    assert!(page.contains("orders_b &lt;and&gt; no more"), "{page}");
    assert!(page.contains("not seen: which sequences &lt;are&gt; full"), "{page}");
    assert!(page.contains("<pre>DROP INDEX CONCURRENTLY public.orders_a;</pre>"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn nothing_found_is_said() {
    let none = Audit { findings: Vec::new(), ..audit() };
    let text = document(&none, &Style::PLAIN).render(Format::Text, &Style::PLAIN).unwrap();
    assert!(
        text.ends_with("no new findings (2 more accepted) in 1 table with 4 indexes of schema public\n"),
        "{text}"
    );
}

/// However many indexes a new database has that nothing has scanned so far.
#[test]
fn what_is_not_proven_is_one_note() {
    let index = |name: &str| IndexName {
        schema: "public".to_owned(),
        table: "Orders".to_owned(),
        name: name.to_owned(),
    };
    let check = |names: &[&str], wait_s: Option<f64>, expected: &str| {
        let indexes = names.iter().map(|name| index(name)).collect();
        let unproven =
            Some(Unproven { indexes, reason: "the counters are only 1 day old".to_owned(), wait_s });
        let audit = Audit { unproven, ..audit() };
        let document = document(&audit, &Style::PLAIN);
        for format in [Format::Text, Format::Markdown, Format::Html, Format::Sql] {
            let text = document.render(format, &Style::PLAIN).unwrap();
            assert_eq!(text.matches(expected).count(), 1, "{format:?}: {text}");
        }
        let json: Value =
            serde_json::from_str(&document.render(Format::Json, &Style::PLAIN).unwrap()).unwrap();
        assert_eq!(json["unproven"]["indexes"].as_array().map(Vec::len), Some(names.len()));
        assert_eq!(json["unproven"]["indexes"][0]["name"], names[0]);
        assert_eq!(json["unproven"]["wait_s"].as_f64(), wait_s.map(f64::ceil));
    };
    check(
        &["a", "b"],
        Some(518_400.5),
        "2 indexes were not scanned, which proves nothing: the counters are only 1 day old; audit again in 6 d 0 h",
    );
    check(&["a"], None, "1 index was not scanned, which proves nothing: the counters are only 1 day old");
}

#[test]
fn ages_have_two_units() {
    for (seconds, expected) in [
        (None, "an unknown time"),
        (Some(f64::NAN), "an unknown time"),
        (Some(59.0), "0 min"),
        (Some(5400.0), "1 h 30 min"),
        (Some(100_000.0), "1 d 3 h"),
        (Some(2_000_000.0), "23 days"),
    ] {
        assert_eq!(facts::age(seconds), expected);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct Mirror {
    schema_version: u32,
    findings: Vec<FindingMirror>,
    accepted: usize,
    frees_bytes: u64,
    schemas: Vec<String>,
    tables: usize,
    indexes: usize,
    counted_s: Option<f64>,
    replicas: Vec<ReplicaMirror>,
    unseen: Vec<String>,
    unproven: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct FindingMirror {
    id: String,
    rule: String,
    severity: String,
    schema: String,
    table: String,
    index: Option<String>,
    columns: Vec<String>,
    message: String,
    remedy: String,
    fix_sql: Option<String>,
    undo_sql: Option<String>,
    frees_bytes: u64,
    change: Option<Change>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct ReplicaMirror {
    label: String,
    counted_s: Option<f64>,
}

#[test]
fn json_is_an_interface() {
    let mirror: Mirror = serde_json::from_str(&render(Format::Json, &Style::PLAIN)).unwrap();
    let [first, second, third] = &mirror.findings[..] else { panic!("three findings") };
    assert!(first.change.is_none() && first.undo_sql.is_none());
    assert_eq!(first.fix_sql.as_deref(), Some("ALTER TABLE public.\"Orders\" VALIDATE CONSTRAINT c;"));
    let Some(Fix::Change(change)) = &audit().findings[1].finding.fix else { panic!("the second is a drop") };
    assert_eq!(second.change.as_ref(), Some(change));
    assert_eq!(second.id, "duplicate-index public.\"Orders\".orders_a");
    assert!(third.fix_sql.is_none());
    assert_eq!(mirror.frees_bytes, 3 << 20);
}

#[test]
fn every_finding_is_a_case_and_every_rule_is_described() {
    let known: Vec<&str> = crate::index::audit::Rule::all().map(crate::index::audit::Rule::name).collect();
    let mut described: Vec<&str> = ci::RULES.iter().map(|(rule, _)| *rule).collect();
    let mut sorted = known.clone();
    sorted.sort_unstable();
    described.sort_unstable();
    assert_eq!(described, sorted);
    let junit = render(Format::Junit, &Style::PLAIN);
    // As the exit status: whatever is found is a failure.
    assert!(junit.contains("<testsuites name=\"perfkit\" tests=\"23\" failures=\"3\""), "{junit}");
    let log: Value = serde_json::from_str(&render(Format::Sarif, &Style::PLAIN)).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let levels: Vec<&str> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "warning", "note"]);
}
