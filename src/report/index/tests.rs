use serde_json::Value;

use super::*;
use crate::index::change::{IndexName, Seen};
use crate::index::verification::{Outcome, Verdict, Verification, VerifiedIndex, VerifiedStatement};
use crate::index::{
    Alternative, DailyPrice, Definition, DropAdvice, Help, IndexSet, KeptIndex, Key, Method, Predicate,
    Redesign, Refusal, SelfCheck, StatementCost, Suggestion, ValueSetCost, WritePrice,
};
use crate::workload::Skipped;

fn help(statement: &str, cost_before: f64, cost_after: f64) -> Help {
    Help { statement: statement.into(), cost_before, cost_after }
}

fn statement(name: &str, time_share: f64, cost_before: f64, cost_after: f64) -> StatementCost {
    StatementCost {
        name: name.into(),
        sql: format!("SELECT * FROM orders WHERE note = '{name}'"),
        weight: 1.0,
        time_share: Some(time_share),
        cost_before,
        cost_after,
        value_sets: Vec::new(),
        generic: None,
    }
}

fn set(label: &str, cost_before: f64, cost_after: f64) -> ValueSetCost {
    ValueSetCost { label: label.into(), cost_before, cost_after }
}

fn statements() -> Vec<StatementCost> {
    vec![
        StatementCost {
            value_sets: vec![
                set("common", 12_000.0, 20.0),
                set("typical", 12_034.0, 4.0),
                set("rare", 12_070.0, 1.3),
            ],
            generic: Some((12_034.567, 11_900.0)),
            ..statement("open-orders", 0.61, 12_034.567, 8.44)
        },
        statement("latest", 0.2, 8_000.0, 218.0),
        statement("same", 0.001, 90.0, 90.0),
    ]
}

/// An answer with one of each thing that an answer can have.
fn full() -> Advice {
    let open = Definition {
        include: vec!["total".into()],
        predicate: Some(Predicate { sql: "status = 'still  open'".into(), columns: vec!["status".into()] }),
        ..Definition::btree(
            "public",
            "orders",
            vec![Key::ascending("customer_id"), Key::ascending("ordered_at")],
        )
    };
    let trigrams = Definition {
        method: Method::Gin,
        ..Definition::btree(
            "public",
            "users",
            vec![Key { opclass: Some("gin_trgm_ops".into()), ..Key::ascending("name") }],
        )
    };
    let by_customer = Definition::btree("public", "orders", vec![Key::ascending("customer_id")]);
    let note = Definition::btree("public", "orders", vec![Key::ascending("note")]);
    let by_both = open.clone();
    let price = WritePrice { bytes_per_row: 24.4, upkeep: 0.0, per_day: None };
    let daily = DailyPrice { wal_bytes: 1_300_000.0, cpu_ms: 310.4, hot_updates_lost: 12_345.0 };
    Advice {
        suggestions: vec![
            Suggestion {
                ddl: vec![open.ddl_concurrently()],
                definition: open,
                size_bytes: 25_000_000,
                write_price: WritePrice { upkeep: 120.0, per_day: Some(daily), ..price },
                saves: 24_900.0,
                helps: vec![
                    help("open-orders", 12_034.567, 8.44),
                    help("latest", 8_000.0, 218.0),
                    help("report", 3_000.0, 1_500.0),
                    help("a", 1_000.0, 900.0),
                    help("b", 500.0, 400.0),
                ],
                replaces: vec!["orders_customer_id_idx".into()],
                alternatives: vec![Alternative {
                    definition: by_customer,
                    size_bytes: 9_000_000,
                    cost: 4_800.0,
                    reason: "it leaves a sort".into(),
                }],
                reason: "saves 89.6% of the workload's cost".into(),
            },
            Suggestion {
                ddl: vec![trigrams.ddl_concurrently()],
                definition: trigrams,
                size_bytes: 8192,
                write_price: price,
                saves: 1_200.0,
                helps: vec![help("search", 1_204.0, 4.0)],
                replaces: Vec::new(),
                alternatives: Vec::new(),
                reason: "saves 4.3% of the workload's cost".into(),
            },
        ],
        drops: vec![DropAdvice {
            seen: Seen {
                index: IndexName {
                    schema: "public".into(),
                    table: "orders".into(),
                    name: "orders_customer_id_idx".into(),
                },
                definition: Some(
                    "CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id)".into(),
                ),
                n_scans: None,
            },
            covered_by: Some(Seen::to_be(&by_both)),
            is_partitioned: false,
            undo_ddl: vec![
                "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders USING btree (customer_id)"
                    .into(),
            ],
            upkeep: 0.0,
            size_bytes: 9_000_000,
            reason: "a suggested index begins with its column".into(),
        }],
        refusals: vec![Refusal {
            definition: note,
            saves: 40.0,
            write_price: WritePrice { upkeep: 400.0, ..price },
            reason: "its writes cost more than it saves".into(),
        }],
        statements: statements(),
        cost_before: 27_800.0,
        cost_after: 2_300.0,
        skipped: vec![Skipped { sql: "VACUUM\n  orders".into(), reason: "it has no plan".into() }],
        missing: vec!["extension postgis".into()],
        self_check: Some(SelfCheck { n_compared: 3, worst: Some(("latest".into(), 0.0029)) }),
        engine: "shadow",
        n_candidates: 40,
        is_cut_short: true,
        verification: Some(verified()),
        n_calls: 300,
        ..Advice::default()
    }
}

/// The answer as a redesign.
fn redesigned() -> Advice {
    let kept = |name: &str, helps: Vec<Help>, reason: &str| KeptIndex {
        schema: "public".into(),
        table: "orders".into(),
        name: name.into(),
        definition: format!("CREATE INDEX {name} ON public.orders USING btree (x)"),
        size_bytes: 4_000_000,
        helps,
        reason: reason.into(),
    };
    let redesign = Redesign {
        kept: vec![
            kept("orders_number_key", Vec::new(), "it belongs to a constraint"),
            kept("orders_seen_idx", vec![help("seen", 900.0, 3.0)], "helps seen"),
        ],
        before: IndexSet { n_indexes: 3, size_bytes: 17_000_000, upkeep: 1_234.5 },
        after: IndexSet { n_indexes: 4, size_bytes: 33_000_000, upkeep: 1_000.0 },
        doubt: Some("the counters are only 2 hours old".into()),
    };
    Advice { redesign: Some(redesign), verification: None, ..full() }
}

fn verified() -> Verification {
    Verification {
        place: "a local copy".into(),
        n_runs: 5,
        statements: vec![VerifiedStatement {
            name: "open-orders".into(),
            ms_before: 120.4,
            ms_after: 0.21,
            blocks_before: 9_000.0,
            blocks_after: 7.0,
            verdict: Verdict::Faster,
        }],
        indexes: vec![VerifiedIndex {
            definition: Definition::btree("public", "orders", vec![Key::ascending("rank")]),
            estimated_bytes: 9_000_000,
            built_bytes: 8_800_000,
            share: 1.0,
            outcome: Outcome::Unhelpful("no statement's plan uses it".into()),
        }],
        ..Verification::default()
    }
}

/// An answer whose every text tries to be something else.
fn hostile() -> Advice {
    let bad = "<script>alert(1)</script>\n```\n| *x* [y](z) & \"'";
    let mut advice = full();
    for suggestion in &mut advice.suggestions {
        suggestion.definition.table = bad.into();
        suggestion.reason = bad.into();
        suggestion.replaces = vec![bad.into()];
        suggestion.helps[0].statement = bad.into();
        suggestion.alternatives.iter_mut().for_each(|alternative| alternative.reason = bad.into());
    }
    advice.drops[0].reason = bad.into();
    advice.drops[0].undo_ddl = vec![bad.into()];
    advice.refusals[0].reason = bad.into();
    advice.statements[0].name = bad.into();
    advice.statements[0].sql = bad.into();
    advice.statements[0].value_sets[0].label = bad.into();
    advice.skipped = vec![Skipped { sql: bad.into(), reason: bad.into() }];
    advice.missing = vec![bad.into()];
    if let Some(run) = &mut advice.verification {
        run.statements[0].name = bad.into();
        run.missing = vec![bad.into()];
    }
    advice
}

fn render(of: &Advice, format: Format, style: &Style) -> String {
    advice(of, style).render(format, style).unwrap()
}

const TERMINAL: Style = Style { color: false, terminal: true, width: 80 };

fn check(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn shows_the_whole_answer_on_a_terminal() {
    let text = render(&full(), Format::Text, &TERMINAL);
    check("terminal", &text);
    for line in text.lines().filter(|line| !line.contains("undo")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_pipe_gets_whole_lines() {
    let text = render(&full(), Format::Text, &Style::PLAIN);
    let first = text.lines().next().unwrap();
    assert!(first.ends_with("INCLUDE (total) WHERE status = 'still  open';"), "{first}");
}

#[test]
fn writes_a_comment() {
    check("markdown", &render(&full(), Format::Markdown, &TERMINAL));
}

#[test]
fn writes_a_script_and_csv() {
    check("script", &render(&full(), Format::Sql, &TERMINAL));
    check("csv", &render(&full(), Format::Csv, &TERMINAL));
}

#[test]
fn writes_json() {
    check("json", &render(&full(), Format::Json, &TERMINAL));
}

#[test]
fn shows_the_whole_set_of_a_redesign() {
    let advice = redesigned();
    let text = render(&advice, Format::Text, &TERMINAL);
    let set = text.split("Index set").nth(1).unwrap().split("Refused").next().unwrap();
    let summary = text.lines().rev().take(2).collect::<Vec<_>>();
    check("redesign", &format!("{set}{}\n{}\n", summary[1], summary[0]));
    let json: Value = serde_json::from_str(&render(&advice, Format::Json, &TERMINAL)).unwrap();
    check("redesign_json", &serde_json::to_string_pretty(&json["redesign"]).unwrap());
    for format in [Format::Markdown, Format::Html, Format::Csv] {
        assert!(render(&advice, format, &TERMINAL).contains("orders_number_key"), "{format:?}");
    }
}

#[test]
fn says_what_goes_by_the_workload_alone() {
    const TEXT: &str =
        "1 index goes by the workload alone, which must be complete: the counters are only 2 hours old";
    let check = |advice: &Advice, is_said: bool| {
        for format in [Format::Markdown, Format::Html, Format::Text] {
            let text = render(advice, format, &TERMINAL).replace('\n', " ");
            assert_eq!(text.contains(TEXT), is_said, "{format:?}: {text}");
        }
    };
    let mut advice = redesigned();
    check(&advice, false);
    advice.drops[0].covered_by = None;
    check(&advice, true);
    advice.redesign.as_mut().unwrap().doubt = None;
    check(&advice, false);
}

#[test]
fn says_when_there_is_nothing_to_do() {
    let nothing = Advice { is_limited: true, ..Advice::default() };
    for (format, expected) in [
        (Format::Text, "no index within the limits would make this workload cheaper\n"),
        (
            Format::Markdown,
            "## Index advice\n\nno index within the limits would make this workload cheaper\n",
        ),
        (Format::Csv, "change,ddl,size_bytes,write_cost,saves,statements_helped,reason\n"),
    ] {
        assert_eq!(render(&nothing, format, &TERMINAL), expected);
    }
    assert!(render(&nothing, Format::Html, &TERMINAL).contains("<p class=\"summary\">no index within"));
}

#[test]
fn many_statements_are_cut_but_in_json() {
    let mut advice = full();
    advice.statements = (0..30).map(|i| statement(&format!("s{i}"), 0.0, f64::from(i), 1.0)).collect();
    let text = render(&advice, Format::Text, &TERMINAL);
    assert!(text.contains("\ns29 ") && !text.contains("\ns5 "), "{text}");
    assert!(text.contains("and 10 cheaper ones, which the JSON form has"), "{text}");
    let json: Value = serde_json::from_str(&render(&advice, Format::Json, &TERMINAL)).unwrap();
    assert_eq!(json["workload"]["by_statement"].as_array().unwrap().len(), 30);
}

#[test]
fn texts_stay_text() {
    let advice = hostile();
    let html = render(&advice, Format::Html, &TERMINAL);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for tag in ["<section>", "<table>", "<details>", "<ul>", "<dl>", "<pre>", "<tr>", "<td>", "<code>"] {
        let end = tag.replace('<', "</");
        let starts = html.matches(tag).count() + html.matches(&tag.replace('>', " class=")).count();
        assert_eq!(starts, html.matches(&end).count(), "{tag}");
    }
    let markdown = render(&advice, Format::Markdown, &TERMINAL);
    let mut fence = None;
    for line in markdown.lines() {
        match &fence {
            Some(open) if line == *open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = line.strip_suffix("sql").map(str::to_owned),
            None => {
                assert!(!line.replace("\\<", "").contains("<script"), "{line}");
                // The tables have four to six columns.
                let n_bars = line.replace("\\|", "").matches('|').count();
                assert!(!line.starts_with('|') || (5..=7).contains(&n_bars), "{line}");
            }
        }
    }
    assert_eq!(fence, None);
    // What is not DDL stays in its comment.
    let script = render(&advice, Format::Sql, &TERMINAL);
    assert!(script.lines().filter(|line| line.contains("alert")).all(|line| {
        line.starts_with("-- ")
            || line.starts_with("CREATE INDEX CONCURRENTLY \"<script>")
            || line.contains("ON public.\"<script>")
            || line.starts_with("| *x*")
    }));
}

#[test]
fn the_page_allows_its_own_style_alone() {
    let page = render(&full(), Format::Html, &TERMINAL);
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(page.contains(&format!("style-src '{}'", super::super::html::hash(style))));
    assert!(
        page.contains("content=\"default-src 'none';") && !page.contains("style=") && !page.contains("http:")
    );
}

#[test]
fn the_saved_answer_can_be_applied() {
    let json: Value = serde_json::from_str(&render(&full(), Format::Json, &TERMINAL)).unwrap();
    for (saved, suggestion) in json["suggestions"].as_array().unwrap().iter().zip(&full().suggestions) {
        let definition: Definition = serde_json::from_value(saved.clone()).unwrap();
        assert_eq!(definition, suggestion.definition);
    }
}
